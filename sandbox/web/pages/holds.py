"""Holds: lateness that waits until a person has looked: the clock made a step, or too many would stop at once."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.clock import ReleaseGiven
from sandbox.acts.refusals import NotFound, invalid
from sandbox.reads import accounts, board, trials
from sandbox.rules.lifecycle import Cause
from sandbox.store.dues import GRACE, DueKind, HoldKind
from sandbox.web.guard import page
from sandbox.web.pages.filing import do, form_of, gone, tried
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, render
from sandbox.web.pages.times import HOUR, moment, now
from sandbox.web.reader import actor, locale, program, t, titled
from sandbox.words import Word, show, word

SHOWN = 200
CHOICES = {"move": False, "stand": True}
"""What is sent: whether lateness of before the hold counts after all."""
STOPS_FOR = {DueKind.FEEDBACK_MISSING: Cause.FEEDBACK_MISSING, DueKind.FEEDBACK_SILENT: Cause.FEEDBACK_MISSING,
             DueKind.REVIEW_OVERDUE: Cause.REVIEW_OVERDUE, DueKind.END_DATE: Cause.END_DATE_REACHED}
"""The lateness that waits, and what it stops a trial for."""


@dataclass(frozen=True, kw_only=True)
class HoldPage(PageContext):
    """Why lateness waits, which trials it is about, and the two ways to let it go on."""

    template: ClassVar[str] = "hold.html"
    title: str
    lead: str
    facts: list[Plain]
    n: int
    columns: list[Plain]
    rows: list[Plain]
    form: Form | None
    errors: dict[str, list[str]] = field(default_factory=dict)


@page(PAGES, "/holds/<hold_id>", act="release_hold", methods=("GET", "POST"))
def hold(hold_id: str) -> Any:
    """Show a hold; release it one way or the other."""
    with program().reading() as connection:
        row = board.hold(connection, actor(), hold_id)
    if row is None:
        raise NotFound
    form = _form(hold_id)
    if request.method == "POST":
        done, form = tried(lambda: do("release_hold", {"proceed": _chosen()}, hold_id), form)
        if done is not None:
            return gone("/", t(f"page.hold.released_{request.form['proceed']}"))
    with program().reading() as connection:
        return render(_page(connection, row, form), 422 if form.errors else 200)


def _form(hold_id: str) -> Form:
    """Neither way is the usual one, so neither is chosen beforehand."""
    form = form_of(ReleaseGiven, url_for("pages.hold", hold_id=hold_id), t("page.hold.release"), values={})
    choices = [{"value": name, "label": t(f"page.hold.{name}"), "help": t(f"page.hold.{name}_means", n=GRACE // HOUR)}
               for name in CHOICES]
    asked = {"name": "proceed", "label": t("page.hold.ask"), "kind": "choice", "required": True, "choices": choices}
    return replace(form, fields=[asked])


def _chosen() -> bool:
    name = request.form.get("proceed", "")
    if name not in CHOICES:
        raise invalid("proceed", "missing")
    return CHOICES[name]


def _page(connection: sa.Connection, row: dict[str, Any], form: Form) -> HoldPage:
    still = row["released_at"] is None
    waiting = _waiting(connection) if still else {}
    named = list(dict.fromkeys((*row["trials"], *waiting)))
    found = [one for trial_id in named[:SHOWN] if (one := trials.trial(connection, actor(), trial_id))]
    return HoldPage(
        title=t(f"page.hold.{row['kind']}"), lead=t(f"page.hold.{row['kind']}_why" if still else "page.hold.over"),
        facts=_facts(connection, row), n=len(named),
        rows=[_trial_row(one, waiting.get(one["id"], [])) for one in found],
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in ("title", "state", "waits")],
        form=form if still else None, errors=form.errors if still else {})


def _waiting(connection: sa.Connection) -> dict[str, list[Word]]:
    """What each trial owes and would be stopped for once lateness goes on, soonest due first."""
    found: dict[str, list[Word]] = {}
    for due in board.dues(connection, actor(), None, now()):
        if due["kind"] in STOPS_FOR:
            found.setdefault(due["trial_id"], []).append(word(f"trigger.{STOPS_FOR[due['kind']]}"))
    return found


def _facts(connection: sa.Connection, row: dict[str, Any]) -> list[Plain]:
    found = [{"label": t("page.hold.at"), "text": moment(row["at"])}]
    if row["kind"] == HoldKind.GAP:
        found += [{"label": t("page.hold.since"), "text": moment(row["since"])},
                  {"label": t("page.hold.until"), "text": moment(row["until"])}]
    if row["released_at"] is not None:
        who = accounts.names(connection, {row["released_by"]}).get(row["released_by"], "")
        found += [{"label": t("page.hold.released_at"), "text": moment(row["released_at"])},
                  {"label": t("page.hold.released_by"), "text": who},
                  {"label": t("page.hold.how"), "text": t("page.hold.stand" if row["proceed"] else "page.hold.move")}]
    return found


def _trial_row(row: dict[str, Any], waits: list[Word]) -> Plain:
    return {"title": {"text": titled(row), "url": url_for("pages.trial", trial_id=row["id"]),
                      "sub": f"{row['id']} · {row['organisation']}"},
            "state": {"text": t(f"state.{row['state']}"), "sub": t(f"stage.{row['stage']}")},
            "waits": show(waits, locale()) if waits else None}

"""A held filing: what was sent, why it is doubted, what it would do, and what can be done about it."""

from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from sandbox.reads import accounts, reporting
from sandbox.rules.access import Relation
from sandbox.store.feedback import FeedbackFields
from sandbox.store.held import HELD, HeldFields, HeldState
from sandbox.web.guard import page
from sandbox.web.pages.corrections import labelled
from sandbox.web.pages.feedback import READERS
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Form, render, value_word
from sandbox.web.pages.times import moment
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import with_trial
from sandbox.web.pages.waiting import WaitingPage
from sandbox.web.reader import actor, program, said, t


@page(PAGES, "/held/<held_id>", methods=("GET", "POST"), roles=READERS)
def held(held_id: str) -> Any:
    """A filing that waits to be checked."""
    with program().reading() as connection:
        one, row = with_trial(connection, reporting.filing(connection, actor(), HELD, held_id))
        people = accounts.names(connection, {one["author_id"]})
    owner = row["relation"] is Relation.OWNER
    may = one["state"] == HeldState.WAITING and (owner or row["relation"] is Relation.OFFICER)
    form = form_of(HeldFields, url_for("pages.held", held_id=held_id), t("page.held.confirm"), values={},
                   second=t("page.held.withdraw") if owner else None)
    if request.method == "POST":
        name = "withdraw_filing" if "draft" in request.form else "confirm_filing"
        done, form = tried(lambda: do(name, read(HeldFields), held_id), form)
        if done is not None:
            return gone(url_for("pages.trial_feedback", trial_id=row["id"]), t(f"page.held.{name}"))
    return render(_page(row, one, people, form if may else None), 422 if form.errors else 200)


def _page(row: Mapping[str, Any], one: Mapping[str, Any], people: Mapping[str, str], form: Form | None) -> WaitingPage:
    body = {**one["body"], "events": labelled(one["body"].get("events"))}
    counts = t("refused.confirm_required", at=moment(one["applies_at"])) if form else ""
    return WaitingPage(
        title=said(value_word(HeldState, HeldState.WAITING)), over=back(row), body=shown(FeedbackFields, body),
        sub=counts or said(value_word(HeldState, one["state"])), form=form, errors=form.errors if form else {},
        facts=[{"label": t("page.held.filed_by"), "text": people.get(one["author_id"], "")},
               {"label": t("page.col.filed"), "text": moment(one["at"])},
               {"label": t("page.held.applies_at"), "text": moment(one["applies_at"])}], means="",
        reasons=[t(f"held.{code}") for code in (*one["doubts"], *one["causes"])])

"""One move of a trial: what it needs, who makes it, and the form that makes or proposes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flask import request, url_for

from sandbox.acts.moves import Moved
from sandbox.acts.refusals import NotFound, Refused, Unmet
from sandbox.reads import board, trials
from sandbox.rules.lifecycle import MOVE_NAMES, Move
from sandbox.store.trials import MoveFields
from sandbox.web.guard import page
from sandbox.web.pages import tasks
from sandbox.web.pages.filing import again, do, form_of, gone, read, tried
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, render
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import HEAVY, by_word, own
from sandbox.web.reader import actor, program, t
from sandbox.words import Word, word


@dataclass(frozen=True, kw_only=True)
class MovePage(PageContext):
    """A move before it is made: its needs, all of them told, and a reason in one's own words."""

    template: ClassVar[str] = "move.html"
    title: str
    over: list[Plain]
    sub: str
    lead: str
    needs: list[Plain]
    form: Form | None
    waiting: Plain | None
    errors: dict[str, list[str]] = field(default_factory=dict)


@page(PAGES, "/trials/<trial_id>/moves/<name>", act="make_move", methods=("GET", "POST"))
def move(trial_id: str, name: str) -> Any:
    """Show the move; make it, or propose it when only the second regulator is missing."""
    if name not in MOVE_NAMES:
        raise NotFound
    with program().reading() as connection:
        row = own(connection, trial_id)
        moves = trials.next_moves(connection, row, row["relation"], now(), program().settings.place)
        found = next((one for one in moves if one.move.name == name), None)
    form = form_of(MoveFields, url_for("pages.move", trial_id=trial_id, name=name), t(f"move.{name}"),
                   kind="stop" if name in HEAVY else "main")
    if request.method == "POST":
        return _made(row, found, form, name)
    if found is None:
        raise Refused("not_from_here", state=row["state"])
    return render(_page(row, found.move, found.unmet, found.decision, form if found.permitted else None))


def _made(row: Mapping[str, Any], found: trials.NextMove | None, form: Form, name: str) -> Any:
    try:
        done, form = tried(lambda: do("make_move", {**read(MoveFields), "move": name}, row["id"]), form)
    except Unmet as refused:
        assert found is not None
        return render(_page(row, found.move, refused.needs, found.decision, again(form, {})), 409)
    if done is not None:
        return _told(row["id"], name, done)
    if found is None:
        raise Refused("not_from_here", state=row["state"])
    return render(_page(row, found.move, found.unmet, found.decision, form), 422)


def _told(trial_id: str, name: str, done: Moved) -> Any:
    if done.decision is None:
        return gone(url_for("pages.trial", trial_id=trial_id), t("page.move.made", what=word(f"moved.{name}")))
    with program().reading() as connection:
        decision = board.decision(connection, actor(), done.decision)
    assert decision is not None
    said = t("page.move.proposed", what=word(f"move.{name}"), until=moment(decision["expires_at"]))
    return gone(url_for("pages.trial", trial_id=trial_id), said, "info")


def _page(row: Mapping[str, Any], of: Move, unmet: Mapping[str, Word], decision: str | None,
          form: Form | None) -> MovePage:
    lacking = len(unmet)
    lead = t("page.move.second_only") if list(unmet) == ["two_regulators"] else \
        t("page.move.lacking_lead", n=lacking) if lacking else t("page.move.ready_lead")
    return MovePage(
        title=t(f"move.{of.name}"), over=back(row), lead=lead, form=form, errors=form.errors if form else {},
        sub=t("page.move.from_to", before=word(f"state.{row['state']}"), after=word(f"state.{of.target}"),
              who=by_word(of)),
        needs=tasks.need_rows(of.needs, unmet, row["id"], decision),
        waiting={"url": url_for("pages.decision", decision_id=decision), "label": t("page.move.see_decision")}
        if decision else None)

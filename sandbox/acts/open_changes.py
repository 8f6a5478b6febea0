"""Requests for a change that wait: how one ends, whoever ends it."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.clocks import end_clock, open_clocks
from sandbox.acts.proposals import void
from sandbox.acts.schedule import arm_review, notify, release_review
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.lifecycle import RUNNING
from sandbox.store.changes import CHANGES, ChangeState
from sandbox.store.channels import EntryState
from sandbox.store.clocks import ClockOutcome
from sandbox.store.reviews import REVIEWS, ReviewKind, ReviewState
from sandbox.store.votes import DECISIONS, Outcome

DECIDED = (ChangeState.ACCEPTED, ChangeState.REFUSED)


def end_change(act: Act, change: Mapping[str, Any], state: ChangeState, reason: str | None = None, **more: Any) -> None:
    """It waits no longer: its clocks end, and with a request that came to nothing the review that was called for it,
    unless that was held. What was proposed about it is void."""
    ended = {"state": state.value, "decided_at": act.now, "decided_by": act.actor.id, "decision": reason, **more}
    act.update(CHANGES, change["id"], **ended)
    outcome = ClockOutcome.DONE if state in DECIDED else ClockOutcome.VOID
    for key, clock in open_clocks(act, change["id"]).items():
        if KNOWN[key].ends_on == "change_decided":
            end_clock(act, clock, outcome, act.now)
    if state is not ChangeState.ACCEPTED:
        _drop_review(act, change["review_id"])
        for decision in proposals(act, change):
            void(act, decision)
    for role in ("firm", "regulator"):
        notify(act, "change_ended", role=role, dedupe=change["id"], object=change["id"],
               change=change["kind"], stands=state.value)


def _drop_review(act: Act, review_id: str | None) -> None:
    """It is dropped, unless something else that happened is looked at in it too."""
    review = act.row(REVIEWS, review_id) if review_id else None
    if review is None or review["state"] != ReviewState.OPEN:
        return
    rest = [cause for cause in review["reason"].split() if not cause.startswith("change_")]
    if rest:
        other = {"kind": ReviewKind.EVENT.value, "reason": " ".join(rest)}
        act.update(REVIEWS, review["id"], **other)
        if act.trial["state"] in RUNNING:
            arm_review(act, {**review, **other})
        return
    act.update(REVIEWS, review["id"], state=ReviewState.DROPPED.value)
    release_review(act, review["id"], review["due_at"], EntryState.CANCELLED)


def proposals(act: Act, change: Mapping[str, Any]) -> list[str]:
    """The decisions that wait for another regulator to grant the request."""
    waiting = act.connection.execute(sa.select(DECISIONS.c.id, DECISIONS.c.given).where(
        DECISIONS.c.trial_id == change["trial_id"], DECISIONS.c.act == "decide_change",
        DECISIONS.c.outcome == Outcome.WAITING)).all()
    return [decision.id for decision in waiting if decision.given["change"] == change["id"]]


def open_changes(act: Act) -> list[dict[str, Any]]:
    """The trial's requests that wait, oldest first."""
    query = sa.select(CHANGES).where(CHANGES.c.trial_id == act.trial["id"], CHANGES.c.state == ChangeState.FILED)
    return [dict(row) for row in act.connection.execute(query.order_by(CHANGES.c.id)).mappings()]


def lapse_changes(act: Act) -> None:
    """The trial leaves the states in which anything can be adjusted."""
    for change in open_changes(act):
        end_change(act, change, ChangeState.LAPSED)

"""Risk checks: each reviewer's own opinion, the conclusion signed by a regulator, reviews called by hand."""

from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.panel import end_seats
from sandbox.acts.refusals import NotPermitted, Refused
from sandbox.acts.schedule import notify, plan_next_review, plan_review, release_review
from sandbox.acts.trials import own_seat
from sandbox.rules.cadence import days_after
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.risk import Light
from sandbox.store.fields import Fields
from sandbox.store.reviews import (
    OPINIONS,
    REVIEWS,
    CallFields,
    ConclusionFields,
    OpinionFields,
    Recommendation,
    ReviewKind,
    ReviewState,
)
from sandbox.store.types import Long

CALLED_WITHIN = 7
CAN_BE_CALLED = ("trial", "tune", "suspended", "retrospective", "exit_review")


@act(on="review")
def give_opinion(act: Act, given: OpinionFields) -> Made:
    """One reviewer's verdict on an open review; given again it replaces the former, until the review is held."""
    review = _open_review(act)
    own_seat(act, "running")
    if given.conflict:
        end_seats(act, act.actor.id, given.reason, conflict=True)
        return Made(id=review["id"])
    key = (OPINIONS.c.review_id == review["id"], OPINIONS.c.account_id == act.actor.id)
    act.connection.execute(sa.delete(OPINIONS).where(*key))
    act.insert(OPINIONS, {"review_id": review["id"], "account_id": act.actor.id, "at": act.now,
                          **given.model_dump(mode="json")})
    return Made(id=review["id"])


def _open_review(act: Act) -> dict[str, Any]:
    review = act.row(REVIEWS, act.object_id or "")
    if review["state"] != ReviewState.OPEN:
        raise Refused("review_not_open", state=review["state"])
    return review


@act(on="review")
def conclude_review(act: Act, given: ConclusionFields) -> Made:
    """Sign the conclusion: the review is held now, and the next one is counted from today. Needs an opinion, or says
    that it is the officer's own stand-in check."""
    review = _open_review(act)
    opinions = act.connection.execute(sa.select(sa.func.count()).where(
        OPINIONS.c.review_id == review["id"])).scalar_one()
    if not opinions and not given.stand_in:
        raise Refused("no_opinion_yet")
    act.update(REVIEWS, review["id"], state=ReviewState.HELD.value, held_at=act.now,
               **given.model_dump(mode="json"))
    release_review(act, review["id"], review["due_at"])
    if review["kind"] == ReviewKind.PERIODIC and act.trial["state"] in (*RUNNING, "suspended", "retrospective"):
        plan_next_review(act, act.now)
    act.change_trial()
    notify(act, "review_held", role="firm", dedupe=review["id"], recommendation=given.recommendation.value)
    return Made(id=review["id"])


@act(on="trial")
def call_review(act: Act, given: CallFields) -> Made:
    """A review outside the schedule, open at once."""
    if act.trial["state"] not in CAN_BE_CALLED:
        raise Refused("not_in_this_state", state=act.trial["state"])
    due = days_after(act.now, CALLED_WITHIN, act.zone)
    return Made(id=plan_review(act, ReviewKind.CALLED, due, open_now=True, reason=given.reason))


class ClearGiven(Fields):
    """Why a yellow light may go out."""

    reason: Long


@act(on="trial")
def clear_yellow(act: Act, given: ClearGiven) -> Made:
    """One reviewer or officer clears a yellow light; the next yellow needs five times as much evidence again."""
    if act.trial["light"] != Light.YELLOW:
        raise Refused("not_yellow")
    if act.actor.role == "reviewer":
        own_seat(act, "running")
    elif act.actor.role != "regulator":
        raise NotPermitted("not_permitted")
    act.change_trial(light=Light.GREEN.value, cleared_at_log_e=act.trial["log_e_told"])
    return Made(id=_held_for_yellow(act, given.reason))


def _held_for_yellow(act: Act, reason: str) -> str:
    """The look that cleared the light is a review that was held: the open one, or one made for it."""
    found = act.connection.execute(sa.select(REVIEWS.c.id, REVIEWS.c.due_at).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.kind == ReviewKind.YELLOW,
        REVIEWS.c.state == ReviewState.OPEN)).first()
    review, due = found or (plan_review(act, ReviewKind.YELLOW, act.now, open_now=True, reason="yellow"), act.now)
    act.update(REVIEWS, review, state=ReviewState.HELD.value, held_at=act.now, conclusion=reason,
               recommendation=Recommendation.CONTINUE.value)
    release_review(act, review, due)
    return str(review)

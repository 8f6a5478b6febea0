"""Risk checks: each reviewer's own opinion, the conclusion signed by a regulator, reviews called by hand."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Made, act
from sandbox.acts.clocks import end_clock, open_clocks
from sandbox.acts.extra_reviews import REVIEWABLE
from sandbox.acts.panel import end_seats
from sandbox.acts.refusals import Invalid, NotPermitted, Refused, invalid
from sandbox.acts.schedule import arm_review, last_held, notify, plan_next_review, plan_review, release_review
from sandbox.acts.trials import own_seat
from sandbox.rules.access import Relation
from sandbox.rules.cadence import cap_at, days_after
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.questions import asked
from sandbox.rules.reviewing import COURSES, Sitting, advice, quorum
from sandbox.rules.risk import Light
from sandbox.store.clocks import ClockOutcome
from sandbox.store.fields import Fields
from sandbox.store.reviews import (
    OPINIONS,
    REVIEW_DATES,
    REVIEWS,
    CallFields,
    ConclusionFields,
    DateFields,
    Finding,
    OpinionFields,
    Recommendation,
    ReviewKind,
    ReviewState,
)
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.sections import DRAFTS
from sandbox.store.trials import SEATS, Panel
from sandbox.store.types import Long, Raw
from sandbox.words import word

CALLED_WITHIN = 7


@act(on="review")
def give_opinion(act: Act, given: OpinionFields) -> Made:
    """One reviewer's verdict on an open review; given again it replaces the former, until the review is held."""
    review = _open_review(act)
    _check_seat(act, review["id"])
    if given.conflict:
        end_seats(act, act.actor.id, given.reason, conflict=True)
        return Made(id=review["id"])
    _check_answers(act, given)
    key = (OPINIONS.c.review_id == review["id"], OPINIONS.c.account_id == act.actor.id)
    act.connection.execute(sa.delete(OPINIONS).where(*key))
    _drop_draft(act, review["id"])
    act.insert(OPINIONS, {"review_id": review["id"], "account_id": act.actor.id, "at": act.now,
                          **given.model_dump(mode="json")})
    return Made(id=review["id"])


def _check_seat(act: Act, review: str) -> None:
    """A member of the running panel judges, or their deputy; never both of them on one review."""
    seats = {seat["panel"]: seat for seat in act.connection.execute(sa.select(SEATS).where(
        SEATS.c.trial_id == act.trial["id"], SEATS.c.account_id == act.actor.id, SEATS.c.accepted.is_(True),
        SEATS.c.panel_no == act.trial["panel_no"], SEATS.c.recused_at.is_(None))).mappings()}
    mine = seats.get(Panel.DEPUTY) or own_seat(act, "running")
    other = SEATS.c.id == mine["deputy_of"] if mine["deputy_of"] else SEATS.c.deputy_of == mine["id"]
    judged = sa.select(OPINIONS.c.account_id).join(SEATS, SEATS.c.account_id == OPINIONS.c.account_id).where(
        OPINIONS.c.review_id == review, other)
    if act.connection.execute(judged).first():
        raise Refused("judged_by_deputy" if mine["deputy_of"] is None else "judged_by_member")


class OpinionDraft(Fields):
    """What was typed so far, unchecked."""

    raw: Raw = PydanticField(max_length=50)


@act(on="review")
def draft_opinion(act: Act, given: OpinionDraft) -> Made:
    """Keep an opinion's form as it stands; giving the opinion removes it."""
    review = _open_review(act)
    _check_seat(act, review["id"])
    _drop_draft(act, review["id"])
    act.connection.execute(sa.insert(DRAFTS).values(
        trial_id=act.trial["id"], kind=review["id"], account_id=act.actor.id, raw=given.raw, at=act.now))
    return Made(id=review["id"])


def _drop_draft(act: Act, review: str) -> None:
    act.connection.execute(sa.delete(DRAFTS).where(
        DRAFTS.c.trial_id == act.trial["id"], DRAFTS.c.kind == review, DRAFTS.c.account_id == act.actor.id))


def _check_answers(act: Act, given: OpinionFields) -> None:
    """Only questions that are asked of the trial, and a concern says which."""
    template = act.connection.execute(sa.select(SCENARIOS.c.template).where(
        SCENARIOS.c.id == act.trial["scenario_id"])).scalar()
    known = asked(act.trial["tier"], template)
    wrong = [(("answers", place, "question"), word("error.unknown_question"))
             for place, one in enumerate(given.answers) if one.question not in known]
    silent = [(("answers", place, "note"), word("error.concern_unsaid"))
              for place, one in enumerate(given.answers) if one.finding is Finding.CONCERN and not one.note]
    if wrong or silent:
        raise Invalid(*wrong, *silent)


def _open_review(act: Act) -> dict[str, Any]:
    review = act.row(REVIEWS, act.object_id or "")
    if review["state"] != ReviewState.OPEN:
        raise Refused("review_not_open", state=review["state"])
    return review


@act(on="review")
def conclude_review(act: Act, given: ConclusionFields) -> Made:
    """Sign the conclusion: the review is held now, and the next one is counted from today. Needs its quorum, or says
    that it is the officer's own stand-in check; another course than the panel advises needs its reason."""
    review = _open_review(act)
    advised = None if given.stand_in else _advice(act, review)
    if advised not in (None, given.recommendation) and not given.departure:
        raise invalid("departure", "departure_missing", advised=word(f"choice.{advised}"))
    act.update(REVIEWS, review["id"], state=ReviewState.HELD.value, held_at=act.now, log_e=act.trial["log_e"],
               advised=advised, **given.model_dump(mode="json"))
    release_review(act, review["id"], review["due_at"])
    for clock in open_clocks(act, review["id"]).values():
        end_clock(act, clock, ClockOutcome.DONE, act.now)
    if review["kind"] == ReviewKind.PERIODIC and act.trial["state"] in (*RUNNING, "suspended", "retrospective"):
        plan_next_review(act, act.now, _evidence_before(act, review["id"]))
    act.change_trial()
    notify(act, "review_held", role="firm", dedupe=review["id"], recommendation=given.recommendation.value)
    return Made(id=review["id"])


def _advice(act: Act, review: dict[str, Any]) -> str | None:
    """What the panel advises. Refused while fewer than its quorum have judged, with who is still asked."""
    given = act.connection.execute(sa.select(OPINIONS.c.account_id, OPINIONS.c.recommendation).where(
        OPINIONS.c.review_id == review["id"]).order_by(OPINIONS.c.at, OPINIONS.c.account_id)).all()
    judged = [one.recommendation for one in given if one.recommendation in COURSES]
    needed = quorum(Sitting(review["sitting"]), act.trial["tier"])
    if len(judged) < needed:
        lacks = word("page.review.lacks", n=needed - len(judged), have=len(judged), needed=needed)
        raise Refused("quorum_missing", lacks)
    return advice(judged)


def _evidence_before(act: Act, review: str) -> float:
    """The log evidence at the review held last before this one; 0 before any, and in a new epoch."""
    query = sa.select(REVIEWS.c.log_e).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.held_at.is_not(None), REVIEWS.c.id != review)
    return float(act.connection.execute(query.order_by(REVIEWS.c.held_at.desc()).limit(1)).scalar() or 0.0)


@act(on="review")
def reschedule_review(act: Act, given: DateFields) -> Made:
    """Another date: earlier by a reviewer of the panel, earlier or later by the regulator; never past the cap, never
    behind today, and an emergency review not at all."""
    review = act.row(REVIEWS, act.object_id or "")
    if review["state"] not in (ReviewState.PLANNED, ReviewState.OPEN):
        raise Refused("review_not_open", state=review["state"])
    if review["kind"] == ReviewKind.EMERGENCY:
        raise Refused("emergency_stays")
    if act.relation is not Relation.OFFICER:
        own_seat(act, "running")
    _check_date(act, review, given.due_at)
    act.insert(REVIEW_DATES, {"id": act.id("rd"), "review_id": review["id"], "was": review["due_at"],
                              "due_at": given.due_at, "author_id": act.actor.id, "role": act.actor.role.value,
                              "reason": given.reason, "at": act.now})
    act.update(REVIEWS, review["id"], due_at=given.due_at)
    if act.trial["state"] in RUNNING:
        arm_review(act, {**review, "due_at": given.due_at})
    act.change_trial()
    return Made(id=review["id"])


def _check_date(act: Act, review: dict[str, Any], due: datetime) -> None:
    if due <= act.now:
        raise invalid("due_at", "in_past")
    if due > review["due_at"] and act.relation is not Relation.OFFICER:
        raise invalid("due_at", "later_by_officer")
    cap = cap_at(last_held(act) or act.trial["starts_at"], act.trial["tier"], act.zone)
    if due > cap:
        raise invalid("due_at", "past_cap", cap=cap)


@act(on="trial")
def call_review(act: Act, given: CallFields) -> Made:
    """A review outside the schedule, open at once."""
    if act.trial["state"] not in REVIEWABLE:
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

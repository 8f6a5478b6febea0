"""Risk checks by API: what is due, each reviewer's opinion, the conclusion."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import records as reads
from sandbox.reads import trials
from sandbox.rules.questions import asked
from sandbox.rules.reviewing import Sitting, quorum
from sandbox.store.reviews import ReviewState
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import SEES_NAMES, Listing, Shape, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("reviews")


class Review(Shape):
    """One review: why, when it is due, how it stands, and its conclusion once it is held."""

    id: str
    trial_id: str
    trial_title: str
    kind: str
    state: str
    due_at: datetime
    opened_at: datetime | None
    held_at: datetime | None
    suspension_id: str | None
    reason: str | None
    sitting: str
    advised: str | None
    recommendation: str | None
    conclusion: str | None
    dissent: str | None
    departure: str | None
    stand_in: bool


class OpinionAnswer(Shape):
    """One of the five questions, answered."""

    question: str
    finding: str
    note: str | None = None


class Sitter(Shape):
    """A reviewer who is asked for an opinion."""

    account_id: str | None
    name: str | None
    constituency: str
    expertise: list[str]


class DateChange(Shape):
    """The review's date was changed."""

    was: datetime
    due_at: datetime
    role: str
    reason: str
    at: datetime


class Opinion(Shape):
    """One reviewer's verdict."""

    account_id: str | None
    name: str | None
    conflict: bool
    answers: list[OpinionAnswer]
    recommendation: str
    reason: str
    hours_spent: float | None
    at: datetime


class ReviewWhole(Review):
    """A review: the questions it asks, who is asked, the opinions that are open to the caller (their own; all once all
    are in or it is held), and when it was moved."""

    questions: list[str]
    quorum: int
    asked: list[Sitter]
    opinions_given: int
    complete: bool
    opinions: list[Opinion]
    moved: list[DateChange]


class ReviewQuery(Paged):
    """Which reviews; without `state`, all."""

    state: ReviewState | None = None


@rows.shows("/reviews")
def reviews(connection: sa.Connection, query: ReviewQuery) -> Listing[Review]:
    """Reviews of all trials that the caller sees, soonest due first; a reviewer's are of panels they sit on."""
    return listed(reads.reviews(connection, actor(), **query.model_dump()), Review.of)


@rows.shows("/trials/<id>/reviews")
def trial_reviews(connection: sa.Connection, id: str, query: ReviewQuery) -> Listing[Review]:
    """Reviews of one trial, soonest due first."""
    trial_row(connection, id)
    return listed(reads.reviews(connection, actor(), id, **query.model_dump()), Review.of)


@rows.shows("/reviews/<id>")
def review(connection: sa.Connection, id: str) -> ReviewWhole:
    """One review. Opinions are sealed from others until all are in or it is held."""
    row = seen(reads.review(connection, actor(), id))
    trial = seen(trials.trial(connection, actor(), row["trial_id"]))
    hidden = {} if trial["relation"] in SEES_NAMES else {"account_id": None, "name": None}
    return ReviewWhole.of(row, opinions=[_opinion(one, hidden) for one in row["opinions"]],
                          questions=list(asked(trial["tier"], trial["template"])),
                          asked=[Sitter.of(one, **hidden) for one in row["asked"]],
                          quorum=quorum(Sitting(row["sitting"]), trial["tier"]),
                          moved=[DateChange.of(one) for one in row["moved"]])


def _opinion(row: dict[str, Any], hidden: dict[str, Any]) -> Opinion:
    return Opinion.of(row, **hidden)


rows.does("POST", "/trials/<id>/reviews", "call_review", on="id", created=True, example={
    "reason": "The supplier of the model changed."})
rows.does("POST", "/reviews/<id>/date", "reschedule_review", on="id", example={
    "due_at": "2026-04-10T18:00:00+08:00", "reason": "Two members travel in that week."})
rows.does("POST", "/reviews/<id>/opinions", "give_opinion", on="id", created=True, example={
    "conflict": False, "recommendation": "continue", "reason": "Rates are within the limits; complaints are answered.",
    "answers": [{"question": "harm_signs", "finding": "concern", "note": "Three complaints name the same crossing."}]})
rows.does("POST", "/reviews/<id>/conclusion", "conclude_review", on="id", example={
    "recommendation": "continue", "conclusion": "The panel is content.", "stand_in": False})

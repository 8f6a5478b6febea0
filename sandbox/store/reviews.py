"""Scheduled and extra risk checks (定期风险评审、应急审查), with each reviewer's own opinion."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.rules.reviewing import Sitting
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Code, Flag, Long, Number, Short, Time, column_for, once_each


class ReviewKind(StrEnum):
    """Why a review is held."""

    PERIODIC = "periodic"
    EMERGENCY = "emergency"
    YELLOW = "yellow"
    CALLED = "called"
    CHANGE = "change"
    EVENT = "event"


class ReviewState(StrEnum):
    """Planned until the clock opens it; held when the regulator signs the conclusion."""

    PLANNED = "planned"
    OPEN = "open"
    HELD = "held"
    DROPPED = "dropped"


class Recommendation(StrEnum):
    """What a reviewer or a panel advises."""

    CONTINUE = "continue"
    ADJUST = "adjust"
    TUNE = "tune"
    SUSPEND = "suspend"
    EXIT = "exit"


class Verdict(StrEnum):
    """What one reviewer advises; who cannot judge (无法判断) is not counted."""

    CONTINUE = "continue"
    ADJUST = "adjust"
    TUNE = "tune"
    SUSPEND = "suspend"
    EXIT = "exit"
    CANNOT_JUDGE = "cannot_judge"


class Finding(StrEnum):
    """The answer to one of the five questions."""

    FINE = "fine"
    CONCERN = "concern"
    CANNOT_JUDGE = "cannot_judge"


class AnswerRow(Fields):
    """One question of the review, answered; a concern says which."""

    question: Code
    finding: Finding
    note: Short | None = None


class OpinionFields(Fields):
    """One reviewer's verdict; sealed from the others until all are in."""

    conflict: Flag
    answers: Annotated[list[AnswerRow], PydanticField(max_length=10), once_each("question")] = Field(
        default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    recommendation: Verdict = Field(sa_column=column_for(Verdict))
    reason: Long
    hours_spent: Annotated[Number, PydanticField(le=100)] | None = None


class ConclusionFields(Fields):
    """The panel's conclusion, signed by the regulator, with dissent recorded. `departure` says why it is another than
    the panel advises; `stand_in` that it is the officer's own check in the panel's stead."""

    recommendation: Recommendation
    conclusion: Long
    dissent: Long | None = None
    departure: Long | None = None
    stand_in: Flag = False


class DateFields(Fields):
    """Another date for a review, and why."""

    due_at: Time
    reason: Long


class CallFields(Fields):
    """A review called by the regulator outside the schedule."""

    reason: Long


class ReviewRow(Row, table=True):
    """One review. The next one is due from the day this one is held."""

    __tablename__ = "reviews"
    __table_args__ = (
        sa.CheckConstraint("(state = 'held') = (held_at IS NOT NULL)", name="held_has_time"),
        sa.Index("ix_reviews_trial_id_due_at", "trial_id", "due_at"),
        sa.Index("ix_reviews_held", "held_at", sqlite_where=sa.text("held_at IS NOT NULL"),
                 postgresql_where=sa.text("held_at IS NOT NULL")),
        sa.Index("ix_reviews_due", "due_at", "id", sqlite_where=sa.text("state IN ('planned', 'open')"),
                 postgresql_where=sa.text("state IN ('planned', 'open')")),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    kind: ReviewKind = Field(sa_column=column_for(ReviewKind))
    state: ReviewState = Field(sa_column=column_for(ReviewState))
    due_at: datetime = Field(sa_column=when(nullable=False))
    opened_at: datetime | None = Field(default=None, sa_column=when())
    held_at: datetime | None = Field(default=None, sa_column=when())
    suspension_id: str | None = None
    reason: str | None = None
    sitting: Sitting = Field(default=Sitting.FULL, sa_column=column_for(Sitting))
    log_e: float | None = None
    recommendation: Recommendation | None = Field(default=None, sa_column=column_for(Recommendation, nullable=True))
    conclusion: str | None = None
    dissent: str | None = None
    departure: str | None = None
    advised: Recommendation | None = Field(default=None, sa_column=column_for(Recommendation, nullable=True,
                                                                                 check="advised"))
    stand_in: bool = False


class ReviewSitter(Row, table=True):
    """A reviewer on duty for one review, where not the whole panel sits."""

    __tablename__ = "review_sitters"
    review_id: str = Field(primary_key=True, foreign_key="reviews.id")
    account_id: str = Field(primary_key=True, foreign_key="accounts.id", index=True)


class ReviewDate(Row, table=True):
    """A review was moved: from when to when, by whom and why."""

    __tablename__ = "review_dates"
    id: str = Field(primary_key=True)
    review_id: str = Field(foreign_key="reviews.id", index=True)
    was: datetime = Field(sa_column=when(nullable=False))
    due_at: datetime = Field(sa_column=when(nullable=False))
    author_id: str
    role: str
    reason: str
    at: datetime = Field(sa_column=when(nullable=False))


class Opinion(OpinionFields, Row, table=True):
    """One per reviewer and review."""

    __tablename__ = "opinions"
    review_id: str = Field(primary_key=True, foreign_key="reviews.id")
    account_id: str = Field(primary_key=True, foreign_key="accounts.id", index=True)
    at: datetime = Field(sa_column=when(nullable=False))


REVIEWS, OPINIONS = ReviewRow.__table__, Opinion.__table__  # type: ignore[attr-defined]
SITTERS, REVIEW_DATES = ReviewSitter.__table__, ReviewDate.__table__  # type: ignore[attr-defined]

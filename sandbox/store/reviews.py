"""Scheduled and extra risk checks (定期风险评审、应急审查), with each reviewer's own opinion."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Flag, Long, column_for


class ReviewKind(StrEnum):
    """Why a review is held."""

    PERIODIC = "periodic"
    EMERGENCY = "emergency"
    YELLOW = "yellow"
    CALLED = "called"


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


class OpinionFields(Fields):
    """One reviewer's verdict; sealed from the others until the review is held."""

    conflict: Flag
    recommendation: Recommendation = Field(sa_column=column_for(Recommendation))
    reason: Long


class ConclusionFields(Fields):
    """The panel's conclusion, signed by the regulator, with dissent recorded."""

    recommendation: Recommendation
    conclusion: Long
    dissent: Long | None = None
    stand_in: Flag = False


class CallFields(Fields):
    """A review called by the regulator outside the schedule."""

    reason: Long


class ReviewRow(Row, table=True):
    """One review. The next one is due from the day this one is held."""

    __tablename__ = "reviews"
    __table_args__ = (
        sa.CheckConstraint("(state = 'held') = (held_at IS NOT NULL)", name="held_has_time"),
        sa.Index("ix_reviews_trial_id_due_at", "trial_id", "due_at"),
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
    recommendation: Recommendation | None = Field(default=None, sa_column=column_for(Recommendation, nullable=True))
    conclusion: str | None = None
    dissent: str | None = None
    stand_in: bool = False


class Opinion(OpinionFields, Row, table=True):
    """One per reviewer and review."""

    __tablename__ = "opinions"
    review_id: str = Field(primary_key=True, foreign_key="reviews.id")
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    at: datetime = Field(sa_column=when(nullable=False))


REVIEWS, OPINIONS = ReviewRow.__table__, Opinion.__table__  # type: ignore[attr-defined]

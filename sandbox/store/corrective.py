"""Corrective items (整改事项): what is to be put right, by whom and when, who did it, and who else verified it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import model_validator
from sqlmodel import Field

from sandbox.rules.risk import CRITICAL_DAYS_LATE
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Answer, Code, Day, Flag, Long, Short


class CorrectiveFields(Fields):
    """One thing to put right; critical when people may come to harm until it is done, mandatory when the trial may not
    go on at full exposure before."""

    what: Long
    owner: Short
    due_on: Day
    acceptance_test: Short | None = None
    mandatory: Flag = True
    critical: Flag = False
    incident_id: Code | None = None
    review_id: Code | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> "CorrectiveFields":
        if self.incident_id and self.review_id:
            raise ValueError("one_origin")
        return self


class CorrectiveChange(Fields):
    """Another date, owner or weight, and why."""

    owner: Short | None = None
    due_on: Day | None = None
    critical: Flag | None = None
    mandatory: Flag | None = None
    reason: Long


class CorrectiveDone(Fields):
    """What was done."""

    done: Long


class CorrectiveVerdict(Fields):
    """Whether another person found it done, and how they looked."""

    accept: Answer
    verdict: Long


WAITING = sa.text("verified_at IS NULL")
"""Items that still wait for somebody: to be done, or to be verified."""


class CorrectiveItem(Row, table=True):
    """Due at 24:00 of its day; `plan_version` is that of the corrective plan it comes out of. Whether it is overdue is
    computed; whoever did it cannot verify it."""

    __tablename__ = "corrective_items"
    __table_args__ = (
        sa.CheckConstraint("verified_by <> done_by", name="verified_by_another"),
        sa.CheckConstraint("verified_at IS NULL OR done_at IS NOT NULL", name="done_before_verified"),
        sa.CheckConstraint("(incident_id IS NULL OR review_id IS NULL) AND "
                           "(plan_version IS NULL OR incident_id IS NULL AND review_id IS NULL)", name="one_origin"),
        sa.Index("ix_corrective_items_trial_id_due_at", "trial_id", "due_at", "id"),
        sa.Index("ix_corrective_items_due_at_id", "due_at", "id"),
        sa.Index("ix_corrective_items_incident_id", "incident_id"),
        sa.Index("ix_corrective_items_waiting", "due_at", "id", sqlite_where=WAITING, postgresql_where=WAITING),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    incident_id: str | None = Field(default=None, foreign_key="incidents.id")
    review_id: str | None = Field(default=None, foreign_key="reviews.id")
    what: str
    owner: str
    due_at: datetime = Field(sa_column=when(nullable=False))
    acceptance_test: str | None = None
    mandatory: bool
    critical: bool
    plan_version: int | None = None
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    done: str | None = None
    done_by: str | None = None
    done_at: datetime | None = Field(default=None, sa_column=when())
    verdict: str | None = None
    verified_by: str | None = None
    verified_at: datetime | None = Field(default=None, sa_column=when())


ITEMS = CorrectiveItem.__table__  # type: ignore[attr-defined]


LONG_OVERDUE = timedelta(days=CRITICAL_DAYS_LATE, seconds=1)
"""After this a critical item is late for longer than the rule of the light bears."""


def overdue_items(connection: sa.Connection, trial_ids: Iterable[str], now: datetime) -> Sequence[Any]:
    """Items of these trials that are past their date and not done: trial_id, id, due_at and critical, oldest first."""
    query = sa.select(ITEMS.c.trial_id, ITEMS.c.id, ITEMS.c.due_at, ITEMS.c.critical).where(
        ITEMS.c.trial_id.in_(list(trial_ids)), ITEMS.c.done_at.is_(None), ITEMS.c.due_at < now)
    return connection.execute(query.order_by(ITEMS.c.due_at)).all()


def long_overdue(item: Any, now: datetime) -> bool:
    """Whether a critical item is so late that the trial stands still for it."""
    return bool(item.critical) and now >= item.due_at + LONG_OVERDUE

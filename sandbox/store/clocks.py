"""Clocks (时限) that run: one row per object and clock, with its start, its due time and how it ended.

The law and our own defaults are rows of CLOCKS in `rules/clocks.py`; here is what was started. A clock ends by being
met, or is paused on a legal ground; that it was missed is computed, never stored.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.clocks import Unit
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Flag, Instant, Long, Short, Time, column_for


class ClockOutcome(StrEnum):
    """How a clock ended. VOID: what it was started for turned out not to be so (another class, no such harm)."""

    DONE = "done"
    PAUSED = "paused"
    VOID = "void"


class MetFields(Fields):
    """That a duty was done: when, under which reference, and whether the report was complete already."""

    met_at: Time | None = Field(default=None, sa_type=Instant)
    reference: Short | None = None
    complete: Flag = False


class PauseFields(Fields):
    """The legal ground on which a clock stands still."""

    ground: Long


CORRECTION_ASKED = "correction_asked"
"""The ground of a clock that stands still while the firm corrects its application."""
RUNNING = sa.text("ended_at IS NULL AND first_at IS NULL")
"""Clocks whose duty is still to be done: few of all that ever ran, and what most queries are about."""


class RunningClock(Row, table=True):
    """One clock of one object. `first_at`: a first report was made in time; the complete one ends the clock."""

    __tablename__ = "clocks"
    __table_args__ = (
        sa.UniqueConstraint("object_id", "key"),
        sa.CheckConstraint("(ended_at IS NULL) = (outcome IS NULL)", name="ended_with_an_outcome"),
        sa.CheckConstraint("outcome <> 'paused' OR ground IS NOT NULL", name="paused_on_a_ground"),
        sa.CheckConstraint("due_at >= started_at", name="due_after_start"),
        sa.Index("ix_clocks_due_at_id", "due_at", "id"),
        sa.Index("ix_clocks_trial_id_due_at", "trial_id", "due_at", "id"),
        sa.Index("ix_clocks_running", "due_at", "id", sqlite_where=RUNNING, postgresql_where=RUNNING),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    object_id: str
    key: str
    started_at: datetime = Field(sa_column=when(nullable=False))
    due_at: datetime = Field(sa_column=when(nullable=False))
    first_at: datetime | None = Field(default=None, sa_column=when())
    ended_at: datetime | None = Field(default=None, sa_column=when())
    outcome: ClockOutcome | None = Field(default=None, sa_column=column_for(ClockOutcome, nullable=True))
    ground: str | None = None
    reference: str | None = None
    ended_by: str | None = None


CLOCKS = RunningClock.__table__  # type: ignore[attr-defined]


def missed(row: Mapping[Any, Any], now: datetime) -> bool:
    """Whether the duty was done too late, or is late now. What is due at once and done is not judged by minutes."""
    if row["outcome"] in (ClockOutcome.VOID, ClockOutcome.PAUSED):
        return False
    done = row["first_at"] or row["ended_at"]
    if done and KNOWN[row["key"]].unit is Unit.AT_ONCE:
        return False
    return (done or now) > row["due_at"]

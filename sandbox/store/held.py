"""Held filings (待核实): what would stop the trial and looks like a slip of the pen waits a day to be checked."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Long, column_for


class HeldState(StrEnum):
    """It waits until it is confirmed or a day is over (applied), put right by another filing, or taken back; one that
    no longer fits the record when its day is over is dropped."""

    WAITING = "waiting"
    APPLIED = "applied"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    DROPPED = "dropped"


class Doubt(StrEnum):
    """Why a filing is implausible."""

    FAR_MORE = "far_more"
    OTHER_VERSION = "other_version"


class HeldFields(Fields):
    """What a person says about a held filing."""

    reason: Long | None = None


class HeldFiling(Row, table=True):
    """A report that was filed and does not count yet. `doubts` say why it is implausible, `causes` what it would stop
    the trial for; `report_id` is the report it became. A line of a batch has the key and the seal it was sent with."""

    __tablename__ = "held_filings"
    __table_args__ = (
        sa.Index("ix_held_filings_trial_id_id", "trial_id", "id"),
        sa.Index("ix_held_filings_waiting", "trial_id", sqlite_where=sa.text("state = 'waiting'"),
                 postgresql_where=sa.text("state = 'waiting'")),
        sa.CheckConstraint("(state = 'applied') = (report_id IS NOT NULL)", name="applied_is_a_report"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    state: HeldState = Field(sa_column=column_for(HeldState))
    body: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    doubts: list[str] = Field(sa_column=sa.Column(JSON, nullable=False))
    causes: list[str] = Field(sa_column=sa.Column(JSON, nullable=False))
    source_key: str | None = None
    seal: bytes | None = None
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    applies_at: datetime = Field(sa_column=when(nullable=False))
    ended_at: datetime | None = Field(default=None, sa_column=when())
    ended_by: str | None = None
    reason: str | None = None
    report_id: str | None = Field(default=None, foreign_key="feedback.id")


HELD = HeldFiling.__table__  # type: ignore[attr-defined]


Holds = list[tuple[datetime, datetime, datetime]]


def ended_holds(connection: sa.Connection, trial_id: str) -> Holds:
    """Start and end of what was held and came to nothing, and until when it could have waited: it was taken back,
    another took its place, if only for a part of its time, or it no longer fitted."""
    ended = connection.execute(sa.select(HELD.c.body, HELD.c.applies_at).where(
        HELD.c.trial_id == trial_id, HELD.c.state.not_in((HeldState.WAITING, HeldState.APPLIED))))
    return [(datetime.fromisoformat(row.body["period_start"]), datetime.fromisoformat(row.body["period_end"]),
             row.applies_at) for row in ended]


def day_given(holds: Holds, start: datetime, end: datetime) -> datetime | None:
    """Until when a report of this time may wait, where some of it was held before; None where none was."""
    return min((until for since, to, until in holds if since < end and start < to), default=None)

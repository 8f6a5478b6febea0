"""What the clock owes: due times, holds that wait for a person, and notices on their way to people."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Row, when
from sandbox.store.types import JSON, column_for


class DueKind(StrEnum):
    """One kind of work the tick does; each has its row in `acts/clock.py`."""

    OPEN_REVIEW = "open_review"
    REVIEW_OVERDUE = "review_overdue"
    REMIND_FEEDBACK = "remind_feedback"
    FEEDBACK_LATE = "feedback_late"
    FEEDBACK_MISSING = "feedback_missing"
    FEEDBACK_SILENT = "feedback_silent"
    APPLY_HELD = "apply_held"
    END_DATE = "end_date"
    KILL_SWITCH = "kill_switch"
    KILL_SWITCH_OLD = "kill_switch_old"
    REMIND_KILL_SWITCH = "remind_kill_switch"
    GRAVE_UNMITIGATED = "grave_unmitigated"
    REMIND_IDLE = "remind_idle"
    LAPSE = "lapse"
    EXPIRE_DECISION = "expire_decision"
    REMIND_REVIEW = "remind_review"
    DROP_BATCH = "drop_batch"
    CLOCK_RUN_OUT = "clock_run_out"
    REMIND_CLOCK = "remind_clock"
    REMIND_ITEM = "remind_item"
    ITEM_OVERDUE = "item_overdue"
    ITEM_LONG_OVERDUE = "item_long_overdue"
    ALLEGATION_WAITS = "allegation_waits"
    ALARM = "alarm"
    RECUSAL_WAITS = "recusal_waits"
    YEAR_TURNS = "year_turns"
    REMIND_ANNUAL = "remind_annual"
    GUIDANCE_CAME = "guidance_came"


LATENESS = (DueKind.FEEDBACK_MISSING, DueKind.FEEDBACK_SILENT, DueKind.REVIEW_OVERDUE, DueKind.END_DATE,
            DueKind.KILL_SWITCH, DueKind.ITEM_LONG_OVERDUE)
"""What may stop a trial because of the calendar alone: it waits while a hold is open."""
GRACE = timedelta(hours=24)
"""Beside the length of an outage, what its deadlines move by."""


class Due(Row, table=True):
    """One due time. It is claimed by deleting the row in the transaction that does the work."""

    __tablename__ = "dues"
    __table_args__ = (
        sa.UniqueConstraint("kind", "object_id"),
        sa.Index("ix_dues_at_id", "at", "id"),
        sa.Index("ix_dues_trial_id", "trial_id"),
    )
    id: str = Field(primary_key=True)
    kind: DueKind = Field(sa_column=column_for(DueKind))
    object_id: str
    trial_id: str | None = None
    at: datetime = Field(sa_column=when(nullable=False))
    attempts: int = 0


class HoldKind(StrEnum):
    """Why lateness waits for a person: the clock made a step, or too many would stop at once."""

    GAP = "gap"
    MASS = "mass"


class Hold(Row, table=True):
    """While one is open no lateness trigger fires."""

    __tablename__ = "holds"
    id: str = Field(primary_key=True)
    kind: HoldKind = Field(sa_column=column_for(HoldKind))
    since: datetime = Field(sa_column=when(nullable=False))
    until: datetime = Field(sa_column=when(nullable=False))
    trials: list[str] = Field(sa_column=sa.Column(JSON, nullable=False))
    at: datetime = Field(sa_column=when(nullable=False))
    released_at: datetime | None = Field(default=None, sa_column=when(index=True))
    released_by: str | None = None
    proceed: bool = False


class Notice(Row, table=True):
    """A message to one account (or to all of a role): kind and values of its word. The outbox makes a delivery of it
    for each person and channel, and marks it `expanded_at`."""

    __tablename__ = "notices"
    __table_args__ = (
        sa.UniqueConstraint("dedupe"),
        sa.Index("ix_notices_trial_id_kind", "trial_id", "kind"),
        sa.Index("ix_notices_fresh", "id", sqlite_where=sa.text("expanded_at IS NULL"),
                 postgresql_where=sa.text("expanded_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    dedupe: str
    kind: str
    account_id: str | None = Field(default=None, index=True)
    role: str | None = None
    trial_id: str | None = None
    content: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    at: datetime = Field(sa_column=when(nullable=False))
    expanded_at: datetime | None = Field(default=None, sa_column=when())


class Pulse(Row, table=True):
    """One row: when the tick last beat. A gap after it is seen, and lateness waits."""

    __tablename__ = "pulse"
    id: int = Field(primary_key=True)
    at: datetime = Field(sa_column=when(nullable=False))


DUES, HOLDS = Due.__table__, Hold.__table__  # type: ignore[attr-defined]
NOTICES, PULSE = Notice.__table__, Pulse.__table__  # type: ignore[attr-defined]

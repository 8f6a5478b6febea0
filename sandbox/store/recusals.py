"""A firm's request that a reviewer step aside (申请回避), and what the regulator decided."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Long, column_for


class RecusalFields(Fields):
    """Why a reviewer should step aside."""

    reason: Long


class RecusalAnswer(StrEnum):
    """What is decided: the seat ends, or the reviewer stays."""

    GRANTED = "granted"
    REFUSED = "refused"


class RecusalState(StrEnum):
    """How a request stands."""

    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"


class RecusalDecision(Fields):
    """The regulator's answer, and why."""

    ruling: RecusalAnswer
    reason: Long


class Recusal(RecusalFields, Row, table=True):
    """One request; a seat is objected to once. While it waits the trial is closed to the reviewer."""

    __tablename__ = "recusals"
    __table_args__ = (
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided_once"),
        sa.CheckConstraint("(decided_at IS NULL) = (decision IS NULL)", name="decided_for_a_reason"),
        sa.Index("ix_recusals_waiting", "decide_by", sqlite_where=sa.text("state = 'waiting'"),
                 postgresql_where=sa.text("state = 'waiting'")),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id", index=True)
    seat_id: str = Field(foreign_key="seats.id", unique=True)
    state: RecusalState = Field(sa_column=column_for(RecusalState))
    asked_by: str
    at: datetime = Field(sa_column=when(nullable=False))
    decide_by: datetime = Field(sa_column=when(nullable=False))
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_column=when())
    decision: str | None = None


RECUSALS = Recusal.__table__  # type: ignore[attr-defined]

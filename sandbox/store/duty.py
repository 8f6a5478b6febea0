"""The duty roster of regulators (值班表), and the alarms that go to whoever is on it."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.rules.alarms import AlarmCause
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Long, Short, Time, column_for


class DutyFields(Fields):
    """Who is on duty from when until when, and who is asked when they do not answer."""

    officer_id: Short
    deputy_id: Short
    starts_at: Time
    ends_at: Time


class WithdrawalFields(Fields):
    """Why a duty is taken off the roster."""

    reason: Long


class AcknowledgementFields(Fields):
    """What the officer will do, if they say so now."""

    doing: Long | None = None


class Duty(Row, table=True):
    """One duty. Of those that stand no two overlap; one that was taken off stays, with the reason."""

    __tablename__ = "duties"
    __table_args__ = (
        sa.CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        sa.CheckConstraint("officer_id <> deputy_id", name="deputy_is_another"),
        sa.CheckConstraint("(withdrawn_at IS NULL) = (reason IS NULL)", name="withdrawn_for_a_reason"),
        sa.Index("ix_duties_standing", "ends_at", "id", sqlite_where=sa.text("withdrawn_at IS NULL"),
                 postgresql_where=sa.text("withdrawn_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    officer_id: str = Field(foreign_key="accounts.id")
    deputy_id: str = Field(foreign_key="accounts.id")
    starts_at: datetime = Field(sa_column=when(nullable=False))
    ends_at: datetime = Field(sa_column=when(nullable=False))
    set_by: str
    at: datetime = Field(sa_column=when(nullable=False))
    withdrawn_at: datetime | None = Field(default=None, sa_column=when())
    reason: str | None = None


class Alarm(Row, table=True):
    """Raised once for an incident or a stop. `answer_by` is when it goes on to the deputy."""

    __tablename__ = "alarms"
    __table_args__ = (
        sa.UniqueConstraint("cause", "object_id"),
        sa.CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged_by_somebody"),
        sa.Index("ix_alarms_trial_id_id", "trial_id", "id"),
        sa.Index("ix_alarms_waiting", "answer_by", sqlite_where=sa.text("acknowledged_at IS NULL"),
                 postgresql_where=sa.text("acknowledged_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    cause: AlarmCause = Field(sa_column=column_for(AlarmCause))
    object_id: str
    duty_id: str | None = Field(default=None, foreign_key="duties.id")
    at: datetime = Field(sa_column=when(nullable=False))
    answer_by: datetime = Field(sa_column=when(nullable=False))
    acknowledged_at: datetime | None = Field(default=None, sa_column=when())
    acknowledged_by: str | None = None
    doing: str | None = None


DUTIES, ALARMS = Duty.__table__, Alarm.__table__  # type: ignore[attr-defined]
STANDING = DUTIES.c.withdrawn_at.is_(None)

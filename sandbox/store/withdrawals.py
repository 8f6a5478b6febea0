"""Withdrawals of consent (撤回同意): how many people, when, and that what was theirs is deleted. Never who."""

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Instant, Long, People, Short, Time


class WithdrawalFields(Fields):
    """That so many people withdrew their consent, and when. No name, no number of a person: a reference is the firm's
    own, of its letter or ticket."""

    people: Annotated[People, PydanticField(ge=1)] = 1
    withdrawn_at: Time = Field(sa_type=Instant)
    reference: Short | None = None


class DeletionFields(Fields):
    """That their data are deleted: when, what was, and what the law says to keep."""

    deleted_at: Time | None = Field(default=None, sa_type=Instant)
    deletion: Long


class Withdrawal(WithdrawalFields, Row, table=True):
    """One record of a firm. Deleted and confirmed are two times: the one is at once, the other within 72 hours."""

    __tablename__ = "withdrawals"
    __table_args__ = (
        sa.CheckConstraint("(confirmed_at IS NULL) = (deleted_at IS NULL)", name="deletion_confirmed"),
        sa.Index("ix_withdrawals_trial_id_id", "trial_id", "id"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    deleted_at: datetime | None = Field(default=None, sa_column=when())
    deletion: str | None = None
    confirmed_at: datetime | None = Field(default=None, sa_column=when())
    confirmed_by: str | None = None


WITHDRAWALS = Withdrawal.__table__  # type: ignore[attr-defined]

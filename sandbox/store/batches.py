"""Batches (批量反馈): many reports sent at once. Their rows come in slices, and count from one short act on.

Until that act a batch is unseen: every read of reports says KEPT, and so leaves its rows out.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.feedback import FEEDBACK
from sandbox.store.fields import Row, when
from sandbox.store.types import JSON, column_for


class BatchState(StrEnum):
    """Receiving while slices come in; kept by the act that makes them count; dropping when nobody goes on with it."""

    RECEIVING = "receiving"
    KEPT = "kept"
    DROPPING = "dropping"


class Batch(Row, table=True):
    """One batch. `root` is the Merkle root of its kept lines, which the act's leaf holds; `slices` has the first line,
    the size and the root of each slice, so that a line's proof needs one slice alone."""

    __tablename__ = "batches"
    __table_args__ = (
        sa.Index("ix_batches_unseen", "state", sqlite_where=sa.text("state != 'kept'"),
                 postgresql_where=sa.text("state != 'kept'")),
        sa.Index("ix_batches_trial_id_id", "trial_id", "id"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    author_id: str
    state: BatchState = Field(sa_column=column_for(BatchState))
    at: datetime = Field(sa_column=when(nullable=False))
    lines: int = 0
    kept: int = 0
    refused: int = 0
    repeated: int = 0
    partial: bool = False
    root: str | None = None
    seq: int | None = Field(default=None, sa_type=sa.BigInteger)
    slices: list[Any] = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    sent: str
    source: str


class BatchNote(Row, table=True):
    """What is said of a line that was not kept: a fault by field, or that it was kept before under the same key."""

    __tablename__ = "batch_notes"
    batch_id: str = Field(primary_key=True, foreign_key="batches.id")
    number: int = Field(primary_key=True)
    line: int
    field: str
    code: str
    given: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    report_id: str | None = None


BATCHES, BATCH_NOTES = Batch.__table__, BatchNote.__table__  # type: ignore[attr-defined]

UNSEEN = sa.select(BATCHES.c.id).where(sa.text("batches.state != 'kept'"))
KEPT = sa.or_(FEEDBACK.c.batch_id.is_(None), FEEDBACK.c.batch_id.not_in(UNSEEN))
"""Reports that count: all but those of batches that are still coming in, or that were given up."""

"""Batches (批量反馈): many reports sent at once. Their rows come in slices, and count from one short act on.

Until that act a batch is unseen: every read of reports says KEPT, and so leaves its rows out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.bulk import add_rows
from sandbox.store.dues import DUES, DueKind
from sandbox.store.engine import Statement
from sandbox.store.feedback import FEEDBACK
from sandbox.store.fields import Row, defaults_of, when
from sandbox.store.ids import new_id
from sandbox.store.lines import SLICE
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
    held: int = 0
    partial: bool = False
    root: str | None = None
    seq: int | None = Field(default=None, sa_type=sa.BigInteger)
    slices: list[Any] = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    sent: str
    source: str


class BatchNote(Row, table=True):
    """What is said of a line that was not kept: a fault by field, or that it was kept before under the same
    key, or is held back; `report_id` is that report's id, or that of the held filing."""

    __tablename__ = "batch_notes"
    batch_id: str = Field(primary_key=True, foreign_key="batches.id")
    line: int = Field(primary_key=True)
    number: int = Field(primary_key=True)
    field: str
    code: str
    given: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    report_id: str | None = None


BATCHES, BATCH_NOTES = Batch.__table__, BatchNote.__table__  # type: ignore[attr-defined]

UNSEEN = sa.select(BATCHES.c.id).where(sa.text("batches.state != 'kept'"))
KEPT = sa.or_(FEEDBACK.c.batch_id.is_(None), FEEDBACK.c.batch_id.not_in(UNSEEN))
"""Reports that are there: all but those of batches that are still coming in, or that were given up."""
COUNTS = sa.and_(KEPT, ~FEEDBACK.c.retracted)
"""Those of them that count: a report that was retracted is shown and counts nowhere."""

_add_batch = Statement(sa.insert(BATCHES).values({c.name: sa.bindparam(c.name, type_=c.type) for c in BATCHES.c}))
_owe = Statement(sa.insert(DUES).values({c.name: sa.bindparam(c.name, type_=c.type) for c in DUES.c}))


def blank_report() -> dict[str, Any]:
    """A row of feedback before anything is known of it: every column, with its default or nothing."""
    return {**{column.name: None for column in FEEDBACK.c}, **defaults_of(FEEDBACK)}


def insert_reports(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Many reports at once, each row with every column. The one way in for more than one."""
    add_rows(connection, FEEDBACK, rows)


def insert_batch(connection: sa.Connection, values: Mapping[str, Any], until: datetime) -> None:
    """A batch that begins to come in, and the due that takes it back when it does not count by then."""
    _add_batch.run(connection, {**{column.name: None for column in BATCHES.c}, **defaults_of(BATCHES), "slices": [],
                                "state": BatchState.RECEIVING.value, **values})
    _owe.run(connection, {"id": new_id("du", values["at"]), "kind": DueKind.DROP_BATCH.value, "attempts": 0,
                          "object_id": values["id"], "trial_id": values["trial_id"], "at": until})


def insert_notes(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """What is said of lines that are not kept."""
    add_rows(connection, BATCH_NOTES, rows)


def drop_slice(connection: sa.Connection, batch_id: str) -> bool:
    """Take back a slice of a batch that will not be kept, the batch itself with the last; whether any is left.

    Safe to repeat; a batch that was kept is left alone."""
    dropping = connection.execute(sa.update(BATCHES).where(
        BATCHES.c.id == batch_id, BATCHES.c.state != BatchState.KEPT).values(state=BatchState.DROPPING.value))
    if dropping.rowcount == 0:
        return False
    lines = connection.execute(sa.select(FEEDBACK.c.line).where(FEEDBACK.c.batch_id == batch_id).order_by(
        FEEDBACK.c.line).limit(SLICE)).scalars().all()
    if lines:
        connection.execute(sa.delete(FEEDBACK).where(FEEDBACK.c.batch_id == batch_id, FEEDBACK.c.line <= lines[-1]))
        return True
    connection.execute(sa.delete(BATCH_NOTES).where(BATCH_NOTES.c.batch_id == batch_id))
    connection.execute(sa.delete(BATCHES).where(BATCHES.c.id == batch_id))
    return False

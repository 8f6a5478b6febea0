"""Batches as people may know them: what became of each, line by line, in the order in which they were sent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor
from sandbox.store.batches import BATCH_NOTES, BATCHES, BatchState
from sandbox.store.faults import Fault
from sandbox.store.feedback import FEEDBACK
from sandbox.store.lines import leaf_of
from sandbox.store.log import leaf_hash
from sandbox.store.scope import of_seen_trials


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line: kept with its leaf, kept before, held back, or refused with its faults."""

    line: int
    outcome: str
    id: str | None = None
    key: str | None = None
    leaf: str | None = None
    faults: list[Fault] = field(default_factory=list)


def batch(connection: sa.Connection, actor: Actor, batch_id: str) -> dict[str, Any] | None:
    """A batch that counts, or None when it is missing or not theirs to see."""
    row = connection.execute(sa.select(BATCHES).where(
        BATCHES.c.id == batch_id, BATCHES.c.state == BatchState.KEPT,
        of_seen_trials(BATCHES.c.trial_id, actor))).mappings().first()
    return dict(row) if row else None


def batches(connection: sa.Connection, actor: Actor, trial_id: str, cursor: str | None = None,
            limit: int = 50) -> Page[dict[str, Any]]:
    """A trial's batches that count, newest first."""
    query = sa.select(BATCHES).where(BATCHES.c.trial_id == trial_id, BATCHES.c.state == BatchState.KEPT,
                                     of_seen_trials(BATCHES.c.trial_id, actor))
    return keyset(connection, query, BATCHES.c.id, cursor, _plain, limit)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}


def results(connection: sa.Connection, batch_id: str, after: int, limit: int) -> tuple[list[LineResult], int | None]:
    """What became of the lines after one, by line, and the line to go on after (None at the end). The caller has
    narrowed to the batch."""
    kept = connection.execute(sa.select(FEEDBACK.c.line, FEEDBACK.c.id, FEEDBACK.c.source_key, FEEDBACK.c.seal).where(
        FEEDBACK.c.batch_id == batch_id, FEEDBACK.c.line > after).order_by(FEEDBACK.c.line).limit(limit)).all()
    noted = connection.execute(sa.select(BATCH_NOTES).where(
        BATCH_NOTES.c.batch_id == batch_id, BATCH_NOTES.c.line > after).order_by(
        BATCH_NOTES.c.line, BATCH_NOTES.c.number).limit(limit)).all()
    ends = [rows[-1].line for rows in (kept, noted) if len(rows) == limit]
    last = min(ends) if ends else None
    found = [LineResult(row.line, "kept", row.id, row.source_key, _leaf(batch_id, row)) for row in kept
             if last is None or row.line <= last]
    found += _noted(row for row in noted if last is None or row.line <= last)
    return sorted(found, key=lambda one: one.line), last


def _leaf(batch_id: str, row: Any) -> str:
    return leaf_hash(leaf_of(batch_id, row.line, row.id, row.source_key, bytes(row.seal))).hex()


def _noted(rows: Iterator[Any]) -> list[LineResult]:
    by_line: dict[int, LineResult] = {}
    for row in rows:
        if row.report_id:
            by_line[row.line] = LineResult(row.line, row.code, row.report_id)
        else:
            by_line.setdefault(row.line, LineResult(row.line, "refused")).faults.append(
                Fault(row.field, row.code, row.given))
    return list(by_line.values())

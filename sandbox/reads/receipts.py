"""Receipts (回执): what proves that a report or a batch stands in the log, without trusting this program.

Of a single report: the leaf of its entry, and the path from there to the root of the log. Of a line of a batch: the
line's own leaf, the path from there to the root that the batch's leaf holds, and that leaf with its path.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sandbox.rules.access import Actor
from sandbox.store.batches import BATCHES, KEPT, BatchState
from sandbox.store.feedback import CORRECTIONS, FEEDBACK, FeedbackFields
from sandbox.store.fields import canonical
from sandbox.store.lines import leaf_of, path_of
from sandbox.store.log import LOG, current_tree, inclusion_proof, leaf_hash
from sandbox.store.scope import of_seen_trials


@dataclass(frozen=True, slots=True)
class Stands:
    """An entry of the log, and the tree that its proof leads to. Hashes are hex, paths lowest first."""

    seq: int
    leaf: str
    hash: str
    proof: list[str]
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class LineStands:
    """A line of a batch: its leaf, its place among the batch's lines, and the path to the root in the batch's leaf.
    `report` is the exact text whose digest the leaf holds, as it was sent, whatever was corrected since."""

    line: int
    leaf: str
    hash: str
    place: int
    size: int
    proof: list[str]
    root: str
    report: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The receipt of a report or of a batch; `line` where the report is one line of a batch."""

    id: str
    trial_id: str
    batch_id: str | None
    entry: Stands
    line: LineStands | None


def receipt(connection: sa.Connection, actor: Actor, object_id: str) -> Receipt | None:
    """The receipt of a report or a batch, or None when it is missing or not theirs to see."""
    if object_id.startswith("ba_"):
        batch = _batch(connection, object_id, of_seen_trials(BATCHES.c.trial_id, actor))
        return batch_receipt(connection, batch) if batch else None
    row = connection.execute(sa.select(FEEDBACK).where(
        FEEDBACK.c.id == object_id, of_seen_trials(FEEDBACK.c.trial_id, actor), KEPT)).mappings().first()
    if row is None:
        return None
    if row["batch_id"] is None:
        return Receipt(object_id, row["trial_id"], None, stands(connection, row["seq"]), None)
    batch = _batch(connection, row["batch_id"], sa.true())
    assert batch is not None
    return Receipt(object_id, row["trial_id"], batch["id"], stands(connection, batch["seq"]),
                   _line(connection, batch, row))


def batch_receipt(connection: sa.Connection, batch: Mapping[str, Any]) -> Receipt:
    """The receipt of a kept batch; the caller has narrowed to it."""
    return Receipt(batch["id"], batch["trial_id"], batch["id"], stands(connection, batch["seq"]), None)


def stands(connection: sa.Connection, seq: int) -> Stands:
    """An entry with its proof in the log as it is now."""
    tree = current_tree(connection)
    leaf, hashed = connection.execute(sa.select(LOG.c.leaf, LOG.c.hash).where(LOG.c.seq == seq)).one()
    return Stands(seq, leaf, bytes(hashed).hex(), inclusion_proof(connection, seq, tree.size), tree.size,
                  tree.root().hex())


def _batch(connection: sa.Connection, batch_id: str, seen: sa.ColumnElement[bool]) -> dict[str, Any] | None:
    row = connection.execute(sa.select(BATCHES).where(
        BATCHES.c.id == batch_id, BATCHES.c.state == BatchState.KEPT, seen)).mappings().first()
    return dict(row) if row else None


def _line(connection: sa.Connection, batch: Mapping[str, Any], row: Mapping[Any, Any]) -> LineStands:
    """The line in its batch: the path inside its slice, then over the slices."""
    slices: Sequence[tuple[int, int, str]] = batch["slices"]
    at = max(place for place, (first, _, _) in enumerate(slices) if first <= row["line"])
    until = FEEDBACK.c.line < slices[at + 1][0] if at + 1 < len(slices) else sa.true()
    beside = connection.execute(sa.select(
        FEEDBACK.c.line, FEEDBACK.c.id, FEEDBACK.c.source_key, FEEDBACK.c.seal).where(
        FEEDBACK.c.batch_id == batch["id"], FEEDBACK.c.line >= slices[at][0], until).order_by(FEEDBACK.c.line)).all()
    leaves = [leaf_of(batch["id"], one.line, one.id, one.source_key, bytes(one.seal)) for one in beside]
    inside = next(place for place, one in enumerate(beside) if one.line == row["line"])
    hashes, roots = [leaf_hash(one) for one in leaves], [bytes.fromhex(root) for _, _, root in slices]
    path = [*path_of(inside, hashes), *path_of(at, roots)]
    return LineStands(
        line=row["line"], leaf=leaves[inside].decode(), hash=hashes[inside].hex(),
        place=sum(size for _, size, _ in slices[:at]) + inside, size=batch["kept"],
        proof=[step.hex() for step in path], root=batch["root"], report=_as_sent(connection, row))


def _as_sent(connection: sa.Connection, row: Mapping[Any, Any]) -> str:
    """The report's canonical text as it was sent: a correction keeps what stood before it."""
    before = connection.execute(sa.select(CORRECTIONS.c.before).where(
        CORRECTIONS.c.feedback_id == row["id"]).order_by(CORRECTIONS.c.at, CORRECTIONS.c.id).limit(1)).scalar()
    if before is None:
        before = FeedbackFields.model_validate({name: row[name] for name in FeedbackFields.model_fields}).plain()
    return canonical(before).decode()

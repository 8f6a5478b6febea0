"""Receipts by API: what proves a filing without trusting this program. `docs/client/feedback.py` checks one."""

from dataclasses import asdict

import sqlalchemy as sa

from sandbox.reads import receipts as reads
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.log import Head
from sandbox.web.api.shapes import Shape
from sandbox.web.reader import actor

rows = Rows("receipts")


class EntryStands(Shape):
    """A leaf of the log: the exact text that is hashed, its hash, and the audit path to the head's root."""

    seq: int
    leaf: str
    hash: str
    proof: list[str]
    head: Head


class LineStands(Shape):
    """A line of a batch: its leaf, its place among the `size` kept lines, the audit path to the root that the entry's
    leaf holds under `lines`, and the exact text of the report whose digest this leaf holds."""

    line: int
    leaf: str
    hash: str
    place: int
    size: int
    proof: list[str]
    root: str
    report: str


class Receipt(Shape):
    """What proves that a report stands in the log; `line` and `batch_id` where it came in a batch."""

    id: str
    trial_id: str
    batch_id: str | None
    entry: EntryStands
    line: LineStands | None


@rows.shows("/receipts/<id>")
def receipt(connection: sa.Connection, id: str) -> Receipt:
    """The receipt of a report, of a line of a batch or of a batch. The proof leads to the log as it is now."""
    found = seen(reads.receipt(connection, actor(), id))
    entry = asdict(found.entry)
    stands = EntryStands(**{name: entry[name] for name in ("seq", "leaf", "hash", "proof")},
                         head=Head(size=entry["size"], root=entry["root"]))
    return Receipt(id=found.id, trial_id=found.trial_id, batch_id=found.batch_id, entry=stands,
                   line=LineStands(**asdict(found.line)) if found.line else None)

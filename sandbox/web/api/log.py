"""What happened, by API: the timeline, and the same as log entries with proofs."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.reads import trials as reads
from sandbox.reads.pages import BadCursor
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows
from sandbox.web.api.shapes import Listing, Shape, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("log")
MOST_DIGITS = 15


class Event(Shape):
    """One thing that happened: `seq` is its place in the log, `name` the act or move."""

    seq: int
    at: datetime
    name: str
    actor_id: str
    role: str
    object_id: str | None
    reason: str | None


class Head(Shape):
    """The log as it stands: how many leaves, and the root of their Merkle tree (RFC 6962), in hex."""

    size: int
    root: str


class Entry(Shape):
    """A leaf: the exact text that is hashed, its hash, and its audit path in the tree of the head, lowest first."""

    seq: int
    leaf: str
    hash: str
    proof: list[str]


class Entries(Listing[Entry]):
    """One page of a trial's entries with the head that their proofs lead to."""

    head: Head


def before(cursor: str | None) -> int | None:
    """The place in the log that a cursor stands for. Raises BadCursor."""
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= MOST_DIGITS):
        raise BadCursor(cursor)
    return int(cursor)


@rows.shows("/trials/<id>/timeline")
def timeline(connection: sa.Connection, id: str, query: Paged) -> Listing[Event]:
    """Everything that happened to a trial, newest first."""
    trial_row(connection, id)
    found = reads.timeline(connection, actor(), id, before(query.cursor), query.limit)
    return listed(found, lambda event: Event(**{name: getattr(event, name) for name in Event.model_fields}))


@rows.shows("/trials/<id>/log")
def log(connection: sa.Connection, id: str, query: Paged) -> Entries:
    """The same as entries of the log, each with the proof that it is in the tree of the head."""
    trial_row(connection, id)
    head, page = reads.log_entries(connection, actor(), id, before(query.cursor), query.limit)
    return Entries(head=Head(**head), items=[Entry(**entry) for entry in page.items], next=page.next)

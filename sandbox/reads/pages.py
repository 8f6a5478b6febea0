"""Keyset pages: a slice of a list with the cursor to the next one. No offsets, no counting of what is not shown."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from sandbox.store.types import Instant

T = TypeVar("T")
SHOWN, MOST = 50, 5_000
"""How many a page shows; how many an export reads at once."""


class BadCursor(ValueError):
    """A cursor that this program did not make, or one of another list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items in order, and the cursor after the last (None at the end). `looked`: how many rows were looked at where
    that, and not the items, ended the page."""

    items: tuple[T, ...]
    next: str | None
    looked: int = 0


def encode(value: Any) -> str:
    """An opaque cursor out of the last row's key."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def decode(cursor: str) -> str:
    """The key inside a cursor. Raises BadCursor."""
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise BadCursor(cursor) from error
    if not isinstance(value, str) or not value.isprintable() or encode(value) != cursor:
        raise BadCursor(cursor)
    return value


def keyset(connection: sa.Connection, query: sa.Select[Any], key: sa.ColumnElement[Any], cursor: str | None,
           make: Callable[[Mapping[Any, Any]], T], limit: int = SHOWN, newest_first: bool = True) -> Page[T]:
    """One page of a query ordered by a unique text key. The query is already narrowed and filtered."""
    if cursor:
        after = decode(cursor)
        query = query.where(key < after if newest_first else key > after)
    order = key.desc() if newest_first else key.asc()
    limit = max(1, min(limit, MOST))
    rows = connection.execute(query.add_columns(key.label("_key")).order_by(order).limit(limit + 1)).mappings().all()
    following = encode(rows[limit - 1]["_key"]) if len(rows) > limit else None
    return Page(tuple(make(row) for row in rows[:limit]), following)


def soonest_due(connection: sa.Connection, query: sa.Select[Any], table: sa.Table, cursor: str | None,
                make: Callable[[Mapping[Any, Any]], T], limit: int = SHOWN) -> Page[T]:
    """One page of a query by the table's `due_at`, then `id`: the order of an index, so that a slice is read and no
    more. The query is already narrowed and filtered."""
    place = sa.tuple_(table.c.due_at, table.c.id)
    if cursor:
        query = query.where(place > sa.tuple_(*_due_place(cursor), types=(Instant(), sa.String())))
    limit = max(1, min(limit, MOST))
    rows = connection.execute(query.order_by(table.c.due_at, table.c.id).limit(limit + 1)).mappings().all()
    last = rows[limit - 1] if len(rows) > limit else None
    following = encode(f"{last['due_at'].isoformat()} {last['id']}") if last else None
    return Page(tuple(make(row) for row in rows[:limit]), following)


def _due_place(cursor: str) -> tuple[datetime, str]:
    due, _, row_id = decode(cursor).partition(" ")
    try:
        return datetime.fromisoformat(due).astimezone(UTC), row_id
    except (ValueError, OverflowError) as error:
        raise BadCursor(cursor) from error

"""Keyset pages: a slice of a list with the cursor to the next one. No offsets, no counting of what is not shown."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
SHOWN, MOST = 50, 200


class BadCursor(ValueError):
    """A cursor that this program did not make, or one of another list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items in order, and the cursor after the last (None at the end)."""

    items: tuple[T, ...]
    next: str | None


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


def due_key(connection: sa.Connection, table: sa.Table) -> sa.ColumnElement[str]:
    """Due time and id as one sortable text."""
    due = sa.cast(sa.type_coerce(table.c.due_at, sa.DateTime), sa.String) if connection.dialect.name == "sqlite" \
        else sa.func.to_char(table.c.due_at, "YYYY-MM-DD HH24:MI:SS.US")
    return due + table.c.id

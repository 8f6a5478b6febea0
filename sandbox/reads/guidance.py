"""New law and guidance as people may know it: everyone signed in reads all of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.store.guidance import GUIDANCE


def guidance(connection: sa.Connection, cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """All of it, newest recorded first."""
    return keyset(connection, sa.select(GUIDANCE), GUIDANCE.c.id, cursor, _plain, limit)


def one_guidance(connection: sa.Connection, guidance_id: str) -> dict[str, Any] | None:
    """One record, or None."""
    row = connection.execute(sa.select(GUIDANCE).where(GUIDANCE.c.id == guidance_id)).mappings().first()
    return dict(row) if row else None


def guidance_since(connection: sa.Connection, since: datetime, template: str | None) -> list[dict[str, Any]]:
    """What came since then for trials of this kind of use, oldest first."""
    query = sa.select(GUIDANCE).where(GUIDANCE.c.at > since).order_by(GUIDANCE.c.at, GUIDANCE.c.id)
    return [dict(row) for row in connection.execute(query).mappings()
            if not row["templates"] or template in row["templates"]]


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}

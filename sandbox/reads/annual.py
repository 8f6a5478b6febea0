"""Yearly reports of the sandbox as regulators know them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor
from sandbox.store.annual import ANNUAL_REPORTS
from sandbox.store.scope import EVERYTHING


def _seen(actor: Actor) -> sa.Select[Any]:
    return sa.select(ANNUAL_REPORTS).where(sa.true() if actor.role in EVERYTHING else sa.false())


def annual_reports(connection: sa.Connection, actor: Actor, cursor: str | None = None,
                   limit: int = 50) -> Page[dict[str, Any]]:
    """All of them, the newest first; none for anyone but regulators."""
    return keyset(connection, _seen(actor), ANNUAL_REPORTS.c.id, cursor,
                  lambda row: {name: value for name, value in row.items() if name != "_key"}, limit)


def annual_report(connection: sa.Connection, actor: Actor, report_id: str) -> dict[str, Any] | None:
    """One, or None when it is missing or not theirs."""
    row = connection.execute(_seen(actor).where(ANNUAL_REPORTS.c.id == report_id)).mappings().first()
    return dict(row) if row else None


def owed_until(connection: sa.Connection, actor: Actor, until: datetime) -> list[Any]:
    """Those not yet filed that are due by then, soonest first."""
    query = _seen(actor).where(ANNUAL_REPORTS.c.filed_at.is_(None), ANNUAL_REPORTS.c.due_at <= until)
    return list(connection.execute(query.order_by(ANNUAL_REPORTS.c.due_at, ANNUAL_REPORTS.c.id)).all())

"""Allegations, for regulators alone: for anyone else there are none."""

from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.reads.records import matching, of_trials
from sandbox.rules.access import Actor
from sandbox.store.allegations import ALLEGATIONS
from sandbox.store.scope import EVERYTHING


def _seen(actor: Actor, trial_id: str | None) -> sa.Select[Any]:
    return of_trials(ALLEGATIONS, actor, trial_id).where(sa.true() if actor.role in EVERYTHING else sa.false())


def allegations(connection: sa.Connection, actor: Actor, trial_id: str | None = None, *, state: str | None = None,
                q: str | None = None, cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """Allegations, newest entered first."""
    query = matching(_seen(actor, trial_id), q, ALLEGATIONS.c.text)
    query = query.where(ALLEGATIONS.c.state == state) if state else query
    return keyset(connection, query, ALLEGATIONS.c.id, cursor,
                  lambda row: {name: value for name, value in row.items() if name != "_key"}, limit)


def allegation(connection: sa.Connection, actor: Actor, allegation_id: str) -> dict[str, Any] | None:
    """One allegation, or None."""
    row = connection.execute(_seen(actor, None).where(ALLEGATIONS.c.id == allegation_id)).mappings().first()
    return dict(row) if row else None

"""Allegations, for regulators alone: for anyone else there are none."""

from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor
from sandbox.store.allegations import ALLEGATIONS
from sandbox.store.scope import EVERYTHING
from sandbox.store.trials import TRIALS


def _seen(actor: Actor) -> sa.Select[Any]:
    seen = sa.true() if actor.role in EVERYTHING else sa.false()
    return sa.select(ALLEGATIONS, TRIALS.c.title.label("trial_title"), TRIALS.c.title_hant.label("trial_title_hant"),
                     TRIALS.c.title_en.label("trial_title_en")).join(
        TRIALS, TRIALS.c.id == ALLEGATIONS.c.trial_id).where(seen)


def allegations(connection: sa.Connection, actor: Actor, trial_id: str | None = None, *, state: str | None = None,
                cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """Allegations, newest entered first."""
    query = _seen(actor)
    query = query.where(ALLEGATIONS.c.trial_id == trial_id) if trial_id else query
    query = query.where(ALLEGATIONS.c.state == state) if state else query
    return keyset(connection, query, ALLEGATIONS.c.id, cursor,
                  lambda row: {name: value for name, value in row.items() if name != "_key"}, limit)


def allegation(connection: sa.Connection, actor: Actor, allegation_id: str) -> dict[str, Any] | None:
    """One allegation, or None."""
    row = connection.execute(_seen(actor).where(ALLEGATIONS.c.id == allegation_id)).mappings().first()
    return dict(row) if row else None

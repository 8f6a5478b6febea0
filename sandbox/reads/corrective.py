"""Corrective items as people may know them: open, done, verified, overdue."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, soonest_due
from sandbox.reads.records import matching, of_trials
from sandbox.rules.access import Actor
from sandbox.store.corrective import ITEMS

STATES = ("open", "overdue", "done", "verified")


def items(connection: sa.Connection, actor: Actor, now: datetime, *, trial_id: str | None = None,
          incident_id: str | None = None, review_id: str | None = None, state: str | None = None,
          q: str | None = None, cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """Items of the actor's trials with their `state`, soonest due first."""
    query = matching(of_trials(ITEMS, actor, trial_id), q, ITEMS.c.what)
    for column, value in ((ITEMS.c.incident_id, incident_id), (ITEMS.c.review_id, review_id)):
        query = query.where(column == value) if value else query
    query = query.where(*_in_state(state, now)) if state else query
    return soonest_due(connection, query, ITEMS, cursor, lambda row: _item(row, now), limit)


def item(connection: sa.Connection, actor: Actor, now: datetime, item_id: str) -> dict[str, Any] | None:
    """One item, or None when it is missing or not theirs."""
    row = connection.execute(of_trials(ITEMS, actor, None).where(ITEMS.c.id == item_id)).mappings().first()
    return _item(row, now) if row else None


def _in_state(state: str, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return {
        "open": (ITEMS.c.verified_at.is_(None), ITEMS.c.done_at.is_(None)),
        "overdue": (ITEMS.c.verified_at.is_(None), ITEMS.c.done_at.is_(None), ITEMS.c.due_at < now),
        "done": (ITEMS.c.done_at.is_not(None), ITEMS.c.verified_at.is_(None)),
        "verified": (ITEMS.c.verified_at.is_not(None),),
    }[state]


def _item(row: Mapping[Any, Any], now: datetime) -> dict[str, Any]:
    if row["verified_at"]:
        state = "verified"
    elif row["done_at"]:
        state = "done"
    else:
        state = "overdue" if row["due_at"] < now else "open"
    return {**row, "state": state}

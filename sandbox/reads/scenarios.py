"""Scenarios as people may know them: open and closed ones by everyone signed in, drafts by those who write them."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor, Role
from sandbox.store.scenarios import SCENARIOS


def _seen_by(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.role in (Role.REGULATOR, Role.SYSTEM):
        return sa.true()
    published = SCENARIOS.c.status != "draft"
    if actor.role is Role.DEPARTMENT:
        return sa.or_(published, SCENARIOS.c.lead_id == actor.organisation_id)
    return published


def scenarios(connection: sa.Connection, actor: Actor, *, status: str | None = None, q: str | None = None,
              cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """Scenarios, newest first."""
    return keyset(connection, _matching(actor, status, q), SCENARIOS.c.id, cursor, _plain, limit)


def count(connection: sa.Connection, actor: Actor, *, status: str | None = None, q: str | None = None) -> int:
    """How many of the scenarios that the actor sees the filter leaves."""
    found = _matching(actor, status, q).with_only_columns(SCENARIOS.c.id).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def _matching(actor: Actor, status: str | None, q: str | None) -> sa.Select[Any]:
    query = sa.select(SCENARIOS).where(_seen_by(actor))
    query = query.where(SCENARIOS.c.status == status) if status else query
    if q:
        query = query.where(sa.or_(*(SCENARIOS.c[name].icontains(q, autoescape=True)
                                     for name in ("title", "title_hant", "title_en", "description"))))
    return query


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}


def scenario(connection: sa.Connection, actor: Actor, scenario_id: str) -> dict[str, Any] | None:
    """One scenario, or None when missing or not theirs to see."""
    row = connection.execute(sa.select(SCENARIOS).where(_seen_by(actor), SCENARIOS.c.id == scenario_id))
    found = row.mappings().first()
    return dict(found) if found else None

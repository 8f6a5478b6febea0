"""Requests for a change and plan versions, as those who see the trial may know them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import SHOWN, Page, keyset
from sandbox.reads.records import of_trials
from sandbox.rules.access import Actor
from sandbox.rules.changes import terms_after
from sandbox.rules.guards import lacking
from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.store.change_facts import change_facts
from sandbox.store.changes import CHANGES, PLAN_VERSIONS
from sandbox.store.votes import DECISIONS, Outcome
from sandbox.words import Word


def changes(connection: sa.Connection, actor: Actor, trial_id: str | None = None, *, state: str | None = None,
            cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """Requests, newest first."""
    query = of_trials(CHANGES, actor, trial_id)
    query = query.where(CHANGES.c.state == state) if state else query
    return keyset(connection, query, CHANGES.c.id, cursor,
                  lambda row: {name: value for name, value in row.items() if name != "_key"}, limit)


def change(connection: sa.Connection, actor: Actor, change_id: str) -> dict[str, Any] | None:
    """One request, or None when it is missing or not theirs."""
    row = connection.execute(of_trials(CHANGES, actor, None).where(CHANGES.c.id == change_id)).mappings().first()
    return dict(row) if row else None


def since(connection: sa.Connection, actor: Actor, trial_id: str, after: datetime | None) -> tuple[dict[str, Any], ...]:
    """Requests of a trial that were filed or decided since an instant (None: ever), oldest first."""
    query = of_trials(CHANGES, actor, trial_id).order_by(CHANGES.c.id)
    query = query.where(sa.or_(CHANGES.c.at > after, CHANGES.c.decided_at > after)) if after else query
    return tuple(dict(row) for row in connection.execute(query.limit(SHOWN)).mappings())


def plan_versions(connection: sa.Connection, trial_id: str) -> tuple[dict[str, Any], ...]:
    """The versions of a trial's terms, oldest first, each with the class of the request that made it; the caller has
    narrowed to the trial."""
    rows = connection.execute(sa.select(PLAN_VERSIONS, CHANGES.c.kind).outerjoin(
        CHANGES, CHANGES.c.id == PLAN_VERSIONS.c.change_id).where(
        PLAN_VERSIONS.c.trial_id == trial_id).order_by(PLAN_VERSIONS.c.number)).mappings()
    return tuple(dict(row) for row in rows)


def terms_in_force(connection: sa.Connection, trial: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of the plan as it stands; the caller has narrowed to the trial."""
    found = connection.execute(sa.select(PLAN_VERSIONS.c.terms).where(
        PLAN_VERSIONS.c.trial_id == trial["id"], PLAN_VERSIONS.c.number == trial["plan_version"])).scalar()
    return dict(found or {})


def proposal(connection: sa.Connection, change: Mapping[str, Any], now: datetime) -> str | None:
    """The decision that waits for another regulator to grant a request; the caller is one."""
    waiting = connection.execute(sa.select(DECISIONS.c.id, DECISIONS.c.given).where(
        DECISIONS.c.trial_id == change["trial_id"], DECISIONS.c.act == "decide_change",
        DECISIONS.c.outcome == Outcome.WAITING, DECISIONS.c.expires_at > now)).all()
    return next((str(one.id) for one in waiting if one.given["change"] == change["id"]), None)


def standing(connection: sa.Connection, trial: Mapping[str, Any], change: Mapping[str, Any], now: datetime,
             place: Jurisdiction) -> tuple[tuple[str, ...], dict[str, Word]]:
    """What must hold for a waiting request to be accepted, and of that what does not; the caller has narrowed."""
    asked = {row["term"]: row["after"] for row in change["differences"]}
    names, facts = change_facts(connection, trial, change, terms_after(terms_in_force(connection, trial), asked), now,
                                place)
    return names, lacking(names, facts)

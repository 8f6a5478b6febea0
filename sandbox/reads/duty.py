"""The duty roster and the alarms, for regulators; for anyone else there are none."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.reads.records import of_trials
from sandbox.rules.access import Actor, Role
from sandbox.store.accounts import ACCOUNTS, CONTACTS
from sandbox.store.duty import ALARMS, DUTIES, STANDING
from sandbox.store.scope import EVERYTHING

MOST = 200
"""Duties that the roster shows at once, those that end first."""
OFFICERS, DEPUTIES = CONTACTS.alias("officers"), CONTACTS.alias("deputies")


def _duties(actor: Actor) -> sa.Select[Any]:
    query = sa.select(DUTIES, OFFICERS.c.name.label("officer"), DEPUTIES.c.name.label("deputy")).outerjoin(
        OFFICERS, OFFICERS.c.account_id == DUTIES.c.officer_id).outerjoin(
        DEPUTIES, DEPUTIES.c.account_id == DUTIES.c.deputy_id)
    return query.where(sa.true() if actor.role in EVERYTHING else sa.false())


def roster(connection: sa.Connection, actor: Actor, now: datetime) -> tuple[dict[str, Any], ...]:
    """Duties that stand and are not over, the first to end first."""
    query = _duties(actor).where(STANDING, DUTIES.c.ends_at > now).order_by(DUTIES.c.ends_at, DUTIES.c.id).limit(MOST)
    return tuple(dict(row) for row in connection.execute(query).mappings())


def duty(connection: sa.Connection, actor: Actor, duty_id: str) -> dict[str, Any] | None:
    """One duty, or None."""
    row = connection.execute(_duties(actor).where(DUTIES.c.id == duty_id)).mappings().first()
    return dict(row) if row else None


def regulators(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """Who can be put on duty, by name; for regulators."""
    if actor.role not in EVERYTHING:
        return ()
    query = sa.select(ACCOUNTS.c.id, CONTACTS.c.name).outerjoin(CONTACTS, CONTACTS.c.account_id == ACCOUNTS.c.id)
    rows = connection.execute(query.where(ACCOUNTS.c.role == Role.REGULATOR, ACCOUNTS.c.active).order_by(
        CONTACTS.c.name, ACCOUNTS.c.id)).mappings()
    return tuple(dict(row) for row in rows)


def _alarms(actor: Actor, trial_id: str | None) -> sa.Select[Any]:
    """With who was on duty, and who acknowledged."""
    query = of_trials(ALARMS, actor, trial_id).outerjoin(DUTIES, DUTIES.c.id == ALARMS.c.duty_id).outerjoin(
        OFFICERS, OFFICERS.c.account_id == DUTIES.c.officer_id).outerjoin(
        DEPUTIES, DEPUTIES.c.account_id == ALARMS.c.acknowledged_by)
    return query.add_columns(OFFICERS.c.name.label("on_duty"), DEPUTIES.c.name.label("acknowledged_name")).where(
        sa.true() if actor.role in EVERYTHING else sa.false())


def alarms(connection: sa.Connection, actor: Actor, cursor: str | None = None,
           limit: int = 50) -> Page[dict[str, Any]]:
    """Alarms, newest first."""
    return keyset(connection, _alarms(actor, None), ALARMS.c.id, cursor, _plain, limit)


def unanswered(connection: sa.Connection, actor: Actor) -> tuple[str, ...]:
    """Ids of alarms that nobody has acknowledged, for regulators."""
    query = sa.select(ALARMS.c.id).where(ALARMS.c.acknowledged_at.is_(None)).order_by(ALARMS.c.answer_by)
    return tuple(connection.execute(query).scalars()) if actor.role in EVERYTHING else ()


def alarm(connection: sa.Connection, actor: Actor, alarm_id: str) -> dict[str, Any] | None:
    """One alarm, or None."""
    row = connection.execute(_alarms(actor, None).where(ALARMS.c.id == alarm_id)).mappings().first()
    return dict(row) if row else None


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}

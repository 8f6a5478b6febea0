"""Requests that a reviewer step aside, for regulators and the firm that asked; for anyone else there are none."""

from typing import Any

import sqlalchemy as sa

from sandbox.reads.records import of_trials
from sandbox.rules.access import Actor, Role
from sandbox.store.accounts import CONTACTS
from sandbox.store.recusals import RECUSALS
from sandbox.store.scope import EVERYTHING
from sandbox.store.trials import SEATS


def _seen(actor: Actor, trial_id: str | None) -> sa.Select[Any]:
    query = of_trials(RECUSALS, actor, trial_id).join(SEATS, SEATS.c.id == RECUSALS.c.seat_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == SEATS.c.account_id)
    query = query.add_columns(SEATS.c.account_id, SEATS.c.panel, CONTACTS.c.name)
    return query.where(sa.true() if actor.role in (*EVERYTHING, Role.FIRM) else sa.false())


def recusals(connection: sa.Connection, actor: Actor, trial_id: str) -> tuple[dict[str, Any], ...]:
    """Those of one trial, oldest first."""
    rows = connection.execute(_seen(actor, trial_id).order_by(RECUSALS.c.id)).mappings()
    return tuple(dict(row) for row in rows)


def recusal(connection: sa.Connection, actor: Actor, recusal_id: str) -> dict[str, Any] | None:
    """One, or None."""
    row = connection.execute(_seen(actor, None).where(RECUSALS.c.id == recusal_id)).mappings().first()
    return dict(row) if row else None

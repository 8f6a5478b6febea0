"""How far what a page shows has moved on: a mark that every act changes that the page could show, to its reader."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.rules.access import Actor
from sandbox.store.log import LOG
from sandbox.store.scope import EVERYTHING, seen_trial, trials_seen_by
from sandbox.store.trials import TRIALS

BY_TIME = timedelta(minutes=10)
"""What is due and what is late changes without an act: the mark changes this often by itself."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def trial_mark(connection: sa.Connection, actor: Actor, trial_id: str, now: datetime) -> str | None:
    """The mark of one trial: its version, and its last entry in the log; None when it is missing or not the actor's."""
    row: Mapping[str, Any] | None = seen_trial(connection, actor, trial_id)
    if row is None:
        return None
    last = connection.execute(sa.select(sa.func.max(LOG.c.seq)).where(LOG.c.trial_id == trial_id)).scalar()
    return f"{row['version']}.{_or_none(last)}.{_slice(now)}"


def board_mark(connection: sa.Connection, actor: Actor, now: datetime) -> str:
    """The mark of everything the actor sees: the last entry in the log about any of it. One step down an index for who
    sees all, one for each trial otherwise."""
    if actor.role in EVERYTHING:
        query = sa.select(sa.func.max(LOG.c.seq))
    else:
        each = sa.select(sa.func.max(LOG.c.seq)).where(LOG.c.trial_id == TRIALS.c.id).scalar_subquery()
        query = sa.select(sa.func.max(sa.select(each.label("last")).where(trials_seen_by(actor)).subquery().c.last))
    return f"{_or_none(connection.execute(query).scalar())}.{_slice(now)}"


def _or_none(seq: int | None) -> int:
    return -1 if seq is None else seq


def _slice(now: datetime) -> int:
    return (now - EPOCH) // BY_TIME

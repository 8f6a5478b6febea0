"""Clocks as people may know them: what runs, what was met or missed, ranked by when each runs out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, soonest_due
from sandbox.reads.records import matching, of_trials
from sandbox.rules.access import Actor
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.clocks import Clock
from sandbox.store.clocks import CLOCKS, missed
from sandbox.store.scope import of_seen_trials


@dataclass(frozen=True, slots=True)
class ClockLine:
    """A clock of an object with the rule behind it. `state` is running, told (a first report was made), done, paused
    or void; `late` whether it was, or is, missed."""

    row: Mapping[str, Any]
    rule: Clock
    state: str
    late: bool


def clocks(connection: sa.Connection, actor: Actor, now: datetime, *, trial_id: str | None = None,
           object_id: str | None = None, running: bool = False, q: str | None = None, cursor: str | None = None,
           limit: int = 50) -> Page[ClockLine]:
    """The clocks of the actor's trials, soonest out first; `running` leaves out those that ended or were told."""
    query = matching(of_trials(CLOCKS, actor, trial_id), q)
    query = query.where(CLOCKS.c.object_id == object_id) if object_id else query
    query = query.where(CLOCKS.c.ended_at.is_(None), CLOCKS.c.first_at.is_(None)) if running else query
    return soonest_due(connection, query, CLOCKS, cursor, lambda row: line(row, now), limit)


def clock(connection: sa.Connection, actor: Actor, now: datetime, clock_id: str) -> ClockLine | None:
    """One clock, or None when it is missing or not theirs."""
    row = connection.execute(sa.select(CLOCKS).where(
        CLOCKS.c.id == clock_id, of_seen_trials(CLOCKS.c.trial_id, actor))).mappings().first()
    return line(row, now) if row else None


def line(row: Mapping[Any, Any], now: datetime) -> ClockLine:
    """A row with its rule and where it stands."""
    state = str(row["outcome"]) if row["outcome"] else "told" if row["first_at"] else "running"
    return ClockLine(dict(row), KNOWN[row["key"]], state, missed(row, now))

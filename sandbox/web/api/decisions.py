"""Decisions by API: what waits for a second regulator, the vote that makes it, and holds of lateness."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import board as reads
from sandbox.store.votes import Outcome
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, listed, whole
from sandbox.web.reader import actor

rows = Rows("decisions")


class Decision(Shape):
    """An act that waits, or waited, for another regulator: what would be done (`given`), what a move rested on when it
    was proposed (`basis`: tier, versions of sections, votes, causes), by when, and what became of it."""

    id: str
    act: str
    trial_id: str | None
    trial_title: str | None
    move: str | None
    given: dict[str, Any]
    basis: dict[str, Any]
    proposed_by: str
    proposed_at: datetime
    expires_at: datetime
    outcome: str
    voted_by: str | None
    voted_at: datetime | None
    reason: str | None


class DecisionQuery(Paged):
    """Which decisions; without `outcome`, all."""

    outcome: Outcome | None = None


@rows.shows("/decisions")
def decisions(connection: sa.Connection, query: DecisionQuery) -> Listing[Decision]:
    """Decisions, newest first; for regulators. One that expired counts as waiting until the tick has seen it."""
    found = reads.decisions(connection, actor(), outcome=query.outcome, cursor=query.cursor, limit=query.limit)
    return listed(found, Decision.of)


@rows.shows("/decisions/<id>")
def decision(connection: sa.Connection, id: str) -> Decision:
    """One decision."""
    return Decision.of(seen(reads.decision(connection, actor(), id)))


rows.does("POST", "/decisions/<id>/votes", "vote_on_decision", on="id", reach=reads.decision, example={
    "value": "for", "reason": "Checked the panel's reasons."})


class Hold(Shape):
    """Lateness that waits for a person: the clock made a step (gap), or too many trials would stop at once (mass)."""

    id: str
    kind: str
    since: datetime
    until: datetime
    trials: list[str]
    at: datetime


@rows.shows("/holds")
def holds(connection: sa.Connection) -> Listing[Hold]:
    """Open holds, for regulators."""
    return whole(reads.holds(connection, actor()), Hold.of)


rows.does("POST", "/holds/<id>/release", "release_hold", on="id", reach=reads.hold, example={"proceed": False})

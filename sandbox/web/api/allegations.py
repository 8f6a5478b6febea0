"""Allegations by API, for regulators alone: entered, made into an incident or complaint, or dismissed."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.reads import allegations as reads
from sandbox.store.allegations import AllegationFields, AllegationState
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, kept, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("allegations")


class Allegation(kept(AllegationFields)):  # type: ignore[misc]
    """What somebody outside says happened, and what an officer made of it."""

    id: str
    trial_id: str
    epoch: int
    state: str
    decide_by: datetime
    author_id: str
    at: datetime
    incident_id: str | None
    reason: str | None
    decided_by: str | None
    decided_at: datetime | None


class AllegationQuery(Paged):
    """Filters of the list."""

    state: AllegationState | None = None


@rows.shows("/allegations")
def allegations(connection: sa.Connection, query: AllegationQuery) -> Listing[Allegation]:
    """Allegations on every trial, newest entered first; none for anyone but regulators."""
    return listed(reads.allegations(connection, actor(), **query.model_dump()), Allegation.of)


@rows.shows("/trials/<id>/allegations")
def trial_allegations(connection: sa.Connection, id: str, query: AllegationQuery) -> Listing[Allegation]:
    """Allegations on one trial, newest entered first; none for anyone but regulators."""
    trial_row(connection, id)
    return listed(reads.allegations(connection, actor(), id, **query.model_dump()), Allegation.of)


@rows.shows("/allegations/<id>")
def allegation(connection: sa.Connection, id: str) -> Allegation:
    """One allegation."""
    return Allegation.of(seen(reads.allegation(connection, actor(), id)))


rows.does("POST", "/trials/<id>/allegations", "enter_allegation", on="id", created=True, example={
    "source": "press", "kind": "event", "severity": "S3", "occurred_at": "2026-03-05T22:40:00+08:00",
    "text": "The evening paper writes that a vehicle blocked the crossing.", "reference": "Evening paper, 6 March"})
rows.does("POST", "/allegations/<id>/confirmation", "confirm_allegation", on="id", example={
    "kind": "incident", "severity": "S3", "description": "A vehicle stood on the crossing for four minutes."})
rows.does("POST", "/allegations/<id>/dismissal", "dismiss_allegation", on="id", example={
    "reason": "The recording shows another firm's vehicle."})

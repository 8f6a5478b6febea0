"""Incidents, near misses and complaints by API."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import records as reads
from sandbox.store.incidents import IncidentFields, IncidentKind, IncidentState, Severity
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, kept, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("incidents")


class Incident(kept(IncidentFields)):  # type: ignore[misc]
    """One incident as it stands now."""

    id: str
    trial_id: str
    epoch: int
    state: str
    mitigation: str | None
    answer_due_at: datetime | None
    version: int
    author_id: str
    at: datetime
    source_key: str | None


class IncidentVersion(Shape):
    """What an incident said before an amendment."""

    version: int
    body: dict[str, Any]
    author_id: str
    at: datetime


class IncidentWhole(Incident):
    """An incident with its earlier versions, oldest first."""

    versions: list[IncidentVersion]


class IncidentQuery(Paged):
    """Filters of the list."""

    state: IncidentState | None = None
    severity: Severity | None = None
    kind: IncidentKind | None = None


@rows.shows("/trials/<id>/incidents")
def incidents(connection: sa.Connection, id: str, query: IncidentQuery) -> Listing[Incident]:
    """A trial's incidents, newest filed first."""
    trial_row(connection, id)
    return listed(reads.incidents(connection, actor(), id, **query.model_dump()), Incident.of)


@rows.shows("/incidents/<id>")
def incident(connection: sa.Connection, id: str) -> IncidentWhole:
    """One incident with its earlier versions."""
    row = seen(reads.incident(connection, actor(), id))
    return IncidentWhole.of(row, versions=[IncidentVersion.of(one) for one in row["versions"]])


rows.does("POST", "/trials/<id>/incidents", "file_incident", on="id", created=True, example={
    "kind": "incident", "severity": "S3", "occurred_at": "2026-03-05T22:40:00+08:00",
    "description": "The vehicle stopped on the crossing for four minutes.", "site": "East gate"})
rows.does("POST", "/incidents/<id>/updates", "update_incident", on="id", example={
    "state": "mitigated", "mitigation": "The stop line was moved back."})

"""Incidents, near misses and complaints by API."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import records as reads
from sandbox.reads.incidents import incident as whole
from sandbox.store.incidents import FinalReportFields, IncidentFields, IncidentKind, IncidentState, Severity
from sandbox.web.api.asking import Paged
from sandbox.web.api.clocks import Clock, shape
from sandbox.web.api.corrective import CorrectiveItem
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.files import EvidenceFile
from sandbox.web.api.shapes import Listing, Shape, kept, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor, program

rows = Rows("incidents")


class Incident(kept(IncidentFields)):  # type: ignore[misc]
    """One incident as it stands now; `reported_at` is when its final report last came in. One that was retracted counts
    nowhere."""

    id: str
    trial_id: str
    epoch: int
    state: str
    mitigation: str | None
    reported_at: datetime | None
    version: int
    retracted: bool
    author_id: str
    at: datetime
    source_key: str | None


class IncidentVersion(Shape):
    """What an incident said before an amendment, and who amended it when and why."""

    version: int
    body: dict[str, Any]
    reason: str | None
    author_id: str
    at: datetime


class FinalReport(kept(FinalReportFields)):  # type: ignore[misc]
    """A version of the final report; the last one counts."""

    version: int
    author_id: str
    at: datetime


class Happened(Shape):
    """One thing in an incident's history."""

    at: datetime
    what: str
    by: str | None
    about: str | None
    object_id: str | None


class IncidentWhole(Incident):
    """An incident with its earlier versions and final reports, oldest first; its clocks and corrective items, soonest
    due first; its files and its history, newest first."""

    versions: list[IncidentVersion]
    final_reports: list[FinalReport]
    clocks: list[Clock]
    corrective_items: list[CorrectiveItem]
    files: list[EvidenceFile]
    history: list[Happened]


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
    """One incident with everything that belongs to it."""
    now = program().clock()
    one = seen(whole(connection, actor(), now, id))
    return IncidentWhole.of(
        one.row, versions=[IncidentVersion.of(each) for each in one.versions],
        final_reports=[FinalReport.of(each) for each in one.reports], clocks=[shape(each) for each in one.clocks],
        corrective_items=[CorrectiveItem.of(each) for each in one.items],
        files=[EvidenceFile.of(each) for each in one.files],
        history=[Happened.of(asdict(each)) for each in one.history(now)])


rows.does("POST", "/trials/<id>/incidents", "file_incident", on="id", created=True, example={
    "kind": "incident", "severity": "S3", "occurred_at": "2026-03-05T22:40:00+08:00",
    "description": "The vehicle stopped on the crossing for four minutes.", "site": "East gate"})
rows.does("POST", "/incidents/<id>/updates", "update_incident", on="id", example={
    "state": "mitigated", "mitigation": "The stop line was moved back."})
rows.does("POST", "/incidents/<id>/final-report", "file_final_report", on="id", created=True, example={
    "root_cause": "The stop line was taken for a lane mark.", "harm": "Nobody was hurt; four minutes of traffic stood.",
    "redress": "The bus company was told and accepted the apology.", "measures": "The line was moved; the map is new.",
    "people_affected": 40})

"""Usage feedback by API: one report per period, its corrections, and the officer's word on those that wait."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field

from sandbox.reads import records as reads
from sandbox.reads import reporting
from sandbox.reads.report_history import Change, Kind, history
from sandbox.store.feedback import FeedbackFields
from sandbox.web.api.asking import Paged
from sandbox.web.api.batches import BATCH
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, kept, whole
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor, program

rows = Rows("feedback")
EXAMPLE = {"period_start": "2026-03-02T00:00:00+08:00", "period_end": "2026-03-09T00:00:00+08:00", "exposures": 1250.0,
           "people": 310, "people_new": 42, "events": {"harm_S4": 1, "complaint": 2}, "model_version": "2.4.1"}


class Report(kept(FeedbackFields)):  # type: ignore[misc]
    """One period's report as it stands now. Epoch 0 is the record before adoption. `due_at` is the deadline of the
    reporting period that it is about, `at` when it was filed, `late` whether that was more than a day after it;
    `differs` whether in that period what reports declare and what is itemised as incidents differ. One that was
    retracted counts nowhere."""

    id: str
    trial_id: str
    epoch: int
    author_id: str
    at: datetime
    due_at: datetime | None
    late: bool
    differs: bool
    version: int
    retracted: bool
    source_key: str | None


class Correction(Shape):
    """What a report said and what it should say. One that softens the record waits for an officer. `version` is the
    one that it made of the report; null while it does not count."""

    id: str
    feedback_id: str
    state: str
    before: dict[str, Any]
    after: dict[str, Any]
    reason: str
    author_id: str
    at: datetime
    version: int | None
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None


class ReportWhole(Report):
    """A report with its corrections, oldest first."""

    corrections: list[Correction]


class ReportQuery(Paged):
    """Filters of reports: those that came late, those of periods whose counts differ."""

    late: Annotated[str | None, Field(pattern="^1$")] = None
    differs: Annotated[str | None, Field(pattern="^1$")] = None


@rows.shows("/trials/<id>/feedback")
def feedback(connection: sa.Connection, id: str, query: ReportQuery) -> Listing[Report]:
    """A trial's reports, newest filed first."""
    row, zone, now = trial_row(connection, id), program().settings.zone, program().clock()
    within = reporting.differing(connection, row, zone, now) if query.differs else None
    found = reads.feedback(connection, actor(), id, query.cursor, query.limit, late=query.late is not None,
                           within=within)
    return Listing(items=[Report.of(one) for one in reporting.with_differences(connection, found.items, zone, now)],
                   next=found.next)


@rows.shows("/feedback/<id>")
def report(connection: sa.Connection, id: str) -> ReportWhole:
    """One report with its corrections."""
    row = _whole(connection, seen(reads.report(connection, actor(), id)))
    return ReportWhole.of(row, corrections=[Correction.of(one) for one in row["corrections"]])


def _whole(connection: sa.Connection, row: dict[str, Any]) -> dict[str, Any]:
    return reporting.with_differences(connection, [row], program().settings.zone, program().clock())[0]


class FieldChange(Shape):
    """One field of a report, before and after."""

    field: str
    before: Any
    after: Any


class ReportChange(Shape):
    """One thing that was done to a report: filed, corrected, or asked to be taken back. `version` is the one that it
    made, null where it made none; `report` what it says, or should say; `changed` names the fields. What had to be
    decided has its `state`, by whom it was decided and why."""

    kind: Kind
    id: str | None
    version: int | None
    report: dict[str, Any] | None
    changed: list[FieldChange]
    state: str | None
    ground: str | None
    reason: str | None
    author_id: str
    at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None


@rows.shows("/feedback/<id>/history")
def report_history(connection: sa.Connection, id: str) -> Listing[ReportChange]:
    """Every version of a report, oldest first: who made it, when and why, what it changed; with what was refused."""
    return whole(history(connection, seen(reads.report(connection, actor(), id))), _change)


def _change(one: Change) -> ReportChange:
    return ReportChange.of(asdict(one), report=one.after, changed=[
        FieldChange(field=name, before=before, after=after) for name, before, after in one.changed])


rows.does("POST", "/trials/<id>/feedback", "file_feedback", on="id", created=True, example=EXAMPLE, stream=BATCH)
rows.does("POST", "/feedback/<id>/corrections", "correct_feedback", on="id", created=True, example={
    "report": {**EXAMPLE, "events": {"harm_S4": 2, "complaint": 2}}, "reason": "One event was in the shift book."})
rows.does("POST", "/corrections/<id>/decision", "decide_correction", on="id", example={
    "accept": True, "reason": "The counter's log confirms it."})

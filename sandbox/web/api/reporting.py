"""Reports and time by API: periods and where each stands, plans not to use, held filings, retractions."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import reporting as reads
from sandbox.rules.reporting import Period, Standing
from sandbox.store.coverage import NO_USE, NoUseFields, NoUseState
from sandbox.store.held import HELD, HeldState
from sandbox.store.retractions import RETRACTIONS, RetractionFields, RetractionState
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Item, Listing, Shape, kept, listed, whole
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor, program

rows = Rows("reporting")
SPAN = {"period_start": "2026-05-01T00:00:00+08:00", "period_end": "2026-05-06T00:00:00+08:00"}


class UntoldSpan(Shape):
    """Time of which nothing is told."""

    start: datetime
    end: datetime


class Count(Shape):
    """One indicator in one period: what reports declare, what is itemised as incidents, and whether these differ
    although the period is over and told of."""

    indicator: str
    declared: int
    itemised: int
    differs: bool


class ReportingPeriod(Shape):
    """One period of the feedback schedule as far as the trial ran in it. Late (it came, too late), not due and missing
    are three things; due is the day of grace after the deadline; unused is a period of planned disuse. `counts` has
    the indicators with an agreed limit of which anything happened."""

    number: int
    start: datetime
    end: datetime
    due_at: datetime
    standing: Standing
    untold: list[UntoldSpan]
    counts: list[Count]


@rows.shows("/trials/<id>/periods")
def periods(connection: sa.Connection, id: str) -> Listing[ReportingPeriod]:
    """The last periods of a trial, newest first, and where the reporting of each stands now."""
    row = trial_row(connection, id)
    zone, now = program().settings.zone, program().clock()
    found = reads.standing(connection, row, zone, now)
    counts = reads.compared(connection, [row], zone, now, [one.number for one in found])
    return whole(found, lambda one: _period(one, counts.get((id, one.number), ())))


def _period(one: Period, counts: tuple[reads.Compared, ...]) -> ReportingPeriod:
    return ReportingPeriod(number=one.number, start=one.span[0], end=one.span[1], due_at=one.due_at,
                           standing=one.standing, counts=[Count.of(asdict(each)) for each in counts],
                           untold=[UntoldSpan(start=a, end=b) for a, b in one.untold])


def _listed(connection: sa.Connection, table: sa.Table, trial_id: str, query: Any,
            make: Callable[[Any], Item]) -> Listing[Item]:
    """A page of a trial's plans, held filings or retractions."""
    trial_row(connection, trial_id)
    return listed(reads.filings(connection, actor(), table, trial_id, state=query.state, cursor=query.cursor,
                                limit=query.limit), make)


# No use planned


class NoUse(kept(NoUseFields)):  # type: ignore[misc]
    """A plan not to use; `holds_until` is where it ends in truth, `replaced_by` the report of use that ended it."""

    id: str
    trial_id: str
    holds_until: datetime
    state: str
    replaced_by: str | None
    author_id: str
    at: datetime


class NoUseQuery(Paged):
    """Filters of plans not to use."""

    state: NoUseState | None = None


@rows.shows("/trials/<id>/no-use")
def no_use(connection: sa.Connection, id: str, query: NoUseQuery) -> Listing[NoUse]:
    """A trial's plans not to use, newest filed first."""
    return _listed(connection, NO_USE, id, query, NoUse.of)


rows.does("POST", "/trials/<id>/no-use", "plan_no_use", on="id", created=True,
          example={**SPAN, "reason": "The ward is closed over the holidays."})
rows.does("POST", "/no-use/<id>/withdrawal", "withdraw_no_use", on="id")


# Held filings


class HeldFiling(Shape):
    """A filing that was held to be checked: what was sent, why it is doubted, what it would stop the trial for, when it
    counts if nobody acts, and what became of it."""

    id: str
    trial_id: str
    state: str
    body: dict[str, Any]
    doubts: list[str]
    causes: list[str]
    author_id: str
    at: datetime
    applies_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    reason: str | None
    report_id: str | None


class HeldQuery(Paged):
    """Filters of held filings."""

    state: HeldState | None = None


@rows.shows("/trials/<id>/held")
def held_filings(connection: sa.Connection, id: str, query: HeldQuery) -> Listing[HeldFiling]:
    """A trial's held filings, newest first."""
    return _listed(connection, HELD, id, query, HeldFiling.of)


@rows.shows("/held/<id>")
def held_filing(connection: sa.Connection, id: str) -> HeldFiling:
    """One held filing."""
    return HeldFiling.of(seen(reads.filing(connection, actor(), HELD, id)))


rows.does("POST", "/held/<id>/confirmation", "confirm_filing", on="id", example={"reason": "It was a busy week."})
rows.does("POST", "/held/<id>/withdrawal", "withdraw_filing", on="id", example={"reason": "A zero too many."})


# Retractions


class Retraction(kept(RetractionFields)):  # type: ignore[misc]
    """A report or an incident that is to be taken back, and a reviewer's word on it."""

    id: str
    trial_id: str
    feedback_id: str | None
    incident_id: str | None
    state: str
    author_id: str
    at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_reason: str | None


class RetractionQuery(Paged):
    """Filters of retractions."""

    state: RetractionState | None = None


@rows.shows("/trials/<id>/retractions")
def retractions(connection: sa.Connection, id: str, query: RetractionQuery) -> Listing[Retraction]:
    """A trial's retractions, newest first."""
    return _listed(connection, RETRACTIONS, id, query, Retraction.of)


@rows.shows("/retractions/<id>")
def retraction(connection: sa.Connection, id: str) -> Retraction:
    """One retraction."""
    return Retraction.of(seen(reads.filing(connection, actor(), RETRACTIONS, id)))


WHY = {"why": "duplicate", "duplicate_of": "fb_19c0f3a1d0a1b2c3d4e5f", "reason": "The gateway sent it twice."}
rows.does("POST", "/feedback/<id>/retraction", "retract_feedback", on="id", created=True, example=WHY)
rows.does("POST", "/incidents/<id>/retraction", "retract_incident", on="id", created=True,
          example={"why": "spurious", "reason": "It was another firm's device."})
rows.does("POST", "/retractions/<id>/decision", "decide_retraction", on="id",
          example={"accept": True, "reason": "Both have the same entry in the gateway's log."})

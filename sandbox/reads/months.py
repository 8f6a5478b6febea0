"""A trial's record by month: uses, events and rates, of its own time and of the time before it was taken over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.reads.assessments import counts_for
from sandbox.rules.risk import denominator_of, events_of
from sandbox.store.batches import COUNTS
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.trials import LIMITS


@dataclass(frozen=True, slots=True)
class Count:
    """One indicator in one month. `rate` is events per exposure, and None (undefined) where no exposures are known."""

    indicator: str
    declared: int
    itemised: int
    rate: float | None

    @property
    def events(self) -> int:
        """Declared or itemised, whichever is more: one may be late."""
        return max(self.declared, self.itemised)


@dataclass(frozen=True, slots=True)
class Month:
    """One calendar month in the jurisdiction's zone. `exposures` is None where no report of it says how many."""

    first: date
    before_adoption: bool
    reports: int
    exposures: float | None
    counts: tuple[Count, ...]


def months(connection: sa.Connection, row: Mapping[Any, Any], zone: tzinfo) -> tuple[Month, ...]:
    """Every month with a report or an incident, oldest first; the caller has narrowed to the trial."""
    reports = connection.execute(sa.select(FEEDBACK).where(FEEDBACK.c.trial_id == row["id"], COUNTS)).mappings().all()
    happened = connection.execute(sa.select(
        INCIDENTS.c.epoch, INCIDENTS.c.occurred_at, INCIDENTS.c.kind, INCIDENTS.c.severity, INCIDENTS.c.indicator,
    ).where(INCIDENTS.c.trial_id == row["id"], INCIDENTS.c.kind != "near_miss",
            ~INCIDENTS.c.retracted)).mappings().all()
    limits = connection.execute(sa.select(LIMITS.c.indicator).where(LIMITS.c.trial_id == row["id"]).order_by(
        LIMITS.c.weight.desc(), LIMITS.c.indicator)).scalars().all()
    by_month: dict[tuple[date, bool], tuple[list[Any], list[Any]]] = {}
    for place, (rows, column) in enumerate(((reports, "period_start"), (happened, "occurred_at"))):
        for one in rows:
            by_month.setdefault(_month(one[column], one["epoch"], zone), ([], []))[place].append(one)
    return tuple(_made(first, before, found, limits) for (first, before), found in sorted(by_month.items()))


def _month(at: datetime, epoch: int, zone: tzinfo) -> tuple[date, bool]:
    return at.astimezone(zone).date().replace(day=1), epoch == 0


def _made(first: date, before: bool, found: tuple[list[Any], list[Any]], limits: Iterable[str]) -> Month:
    reports, happened = found
    counts = tuple(_count(name, reports, happened) for name in limits)
    return Month(first, before, len(reports), _sum(report["exposures"] for report in reports), counts)


def _count(indicator: str, reports: list[Any], happened: list[Any]) -> Count:
    declared = sum((report["events"] or {}).get(name, 0) for report in reports for name in events_of(indicator))
    itemised = sum(counts_for(indicator, one) for one in happened)
    whole = _sum(report.get(denominator_of(indicator)) for report in reports)
    return Count(indicator, declared, itemised, max(declared, itemised) / whole if whole else None)


def _sum(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None

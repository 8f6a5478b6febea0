"""A trial's record by month: uses, events and rates, of its own time and of the time before it was taken over.

The database adds them up, month by month along an index: what is read is as long as the record is old, however many
reports there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from dateutil.relativedelta import relativedelta

from sandbox.reads.assessments import counts_for
from sandbox.rules.reporting import SLACK, counts_differ
from sandbox.rules.risk import denominator_of, events_of
from sandbox.store.batches import COUNTS
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.trials import LIMITS
from sandbox.store.types import Instant

Key = tuple[date, bool]
"""A month, and whether it is of the record from before the trial was taken over."""
HAPPENED = (INCIDENTS.c.kind, INCIDENTS.c.severity, INCIDENTS.c.indicator)


@dataclass(frozen=True, slots=True)
class Count:
    """One indicator in one month. `rate` is events per exposure, and None (undefined) where no exposures are known;
    `differs` where the month is over, its reports are of this month alone, and what they declare is not what is
    itemised."""

    indicator: str
    declared: int
    itemised: int
    rate: float | None
    differs: bool

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


def months(connection: sa.Connection, row: Mapping[Any, Any], zone: tzinfo, now: datetime) -> tuple[Month, ...]:
    """Every month with a report or an incident, oldest first; the caller has narrowed to the trial."""
    limits = connection.execute(sa.select(LIMITS.c.indicator).where(LIMITS.c.trial_id == row["id"]).order_by(
        LIMITS.c.weight.desc(), LIMITS.c.indicator)).scalars().all()
    span = _span(connection, row["id"])
    if span is None:
        return ()
    spread = _Spread(*span, zone)
    told, happened = _told(connection, row["id"], spread, limits), _happened(connection, row["id"], spread)
    found, reached = [], span[0]
    for key in sorted({*told, *happened}):
        ends = told[key]["ends"] if key in told else span[0]
        whole = reached <= spread.opens(key[0]) + SLACK and key in told
        reached = max(reached, ends)
        closes = spread.closes(key[0])
        compared = whole and reached <= closes + SLACK and closes <= now
        found.append(_made(key, told.get(key), happened.get(key, ()), limits, compared))
    return tuple(found)


class _Spread:
    """The months from one instant to another, in a zone, and as a table that rows are sorted into."""

    def __init__(self, start: datetime, end: datetime, zone: tzinfo) -> None:
        self.zone = zone
        first, last = (at.astimezone(zone).date().replace(day=1) for at in (start, end))
        self.months = [first + relativedelta(months=place) for place in range(
            12 * (last.year - first.year) + last.month - first.month + 1)]
        table = sa.values(sa.column("number", sa.Integer), sa.column("opens", Instant), sa.column("closes", Instant))
        self.table = table.data([(place, self.opens(one), self.closes(one))
                                 for place, one in enumerate(self.months)]).cte("months")

    def opens(self, first: date) -> datetime:
        return datetime(first.year, first.month, 1, tzinfo=self.zone)

    def closes(self, first: date) -> datetime:
        return self.opens(first + relativedelta(months=1))

    def within(self, column: sa.ColumnElement[datetime]) -> sa.ColumnElement[bool]:
        return sa.and_(column >= self.table.c.opens, column < self.table.c.closes)

    def key(self, row: sa.Row[Any]) -> Key:
        return self.months[row.number], bool(row.before)


def _span(connection: sa.Connection, trial_id: str) -> tuple[datetime, datetime] | None:
    """From the first to the last beginning in the record."""
    query = sa.select(*(sa.select(least(column)).where(column.table.c.trial_id == trial_id, there).scalar_subquery()
                        for column, there in ((FEEDBACK.c.period_start, COUNTS), (INCIDENTS.c.occurred_at, sa.true()))
                        for least in (sa.func.min, sa.func.max)))
    ends = [end for end in connection.execute(query).one() if end is not None]
    return (min(ends), max(ends)) if ends else None


def _told(connection: sa.Connection, trial_id: str, spread: _Spread, limits: Sequence[str]) -> dict[Key, Any]:
    """What the reports of each month come to, by the names of their fields and events."""
    before = (FEEDBACK.c.epoch == 0).label("before")
    fields = {name for name in map(denominator_of, limits) if name in FEEDBACK.c and name != "groups"} | {"exposures"}
    sums = {name: FEEDBACK.c[name] for name in fields} | {
        event: sa.cast(FEEDBACK.c.events[event].as_string(), sa.BigInteger)
        for indicator in limits for event in events_of(indicator) if event not in fields}
    query = sa.select(spread.table.c.number, before, sa.func.count().label("reports"),
                      sa.func.max(FEEDBACK.c.period_end).label("ends"),
                      *(sa.func.sum(value).label(name) for name, value in sums.items()))
    query = query.join(FEEDBACK, spread.within(FEEDBACK.c.period_start)).where(FEEDBACK.c.trial_id == trial_id, COUNTS)
    return {spread.key(row): row._mapping for row in connection.execute(query.group_by(spread.table.c.number, before))}


def _happened(connection: sa.Connection, trial_id: str, spread: _Spread) -> dict[Key, list[sa.Row[Any]]]:
    """What is itemised in each month: how many of each kind, class and indicator."""
    before = (INCIDENTS.c.epoch == 0).label("before")
    query = sa.select(spread.table.c.number, before, *HAPPENED, sa.func.count().label("times")).join(
        INCIDENTS, spread.within(INCIDENTS.c.occurred_at)).where(
        INCIDENTS.c.trial_id == trial_id, INCIDENTS.c.kind != "near_miss", ~INCIDENTS.c.retracted)
    found: dict[Key, list[sa.Row[Any]]] = {}
    for row in connection.execute(query.group_by(spread.table.c.number, before, *HAPPENED)):
        found.setdefault(spread.key(row), []).append(row)
    return found


def _made(key: Key, told: Any, happened: Sequence[sa.Row[Any]], limits: Sequence[str], compared: bool) -> Month:
    counts = tuple(_count(name, told or {}, happened, compared) for name in limits)
    return Month(*key, told["reports"] if told else 0, told["exposures"] if told else None, counts)


def _count(indicator: str, told: Mapping[str, Any], happened: Sequence[sa.Row[Any]], compared: bool) -> Count:
    events = events_of(indicator)
    declared = sum(int(told.get(name) or 0) for name in events)
    itemised = sum(one.times for one in happened if counts_for(indicator, one._mapping))
    whole = told.get(denominator_of(indicator))
    rate = max(declared, itemised) / float(whole) if whole else None
    return Count(indicator, declared, itemised, rate, compared and counts_differ(events, declared, itemised))

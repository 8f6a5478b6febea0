"""What the counted facts of one epoch say: the evidence of each indicator, of the trial, and of every period of it.

An epoch begins when a trial starts and anew when a red is lifted. Its periods are those of the feedback schedule,
numbered from 1 where it opens. Exposures nobody has told of yet are taken at the rate that the caps allow, and never
more than that rate is counted: so evidence is never stronger than the truth would make it, and reporting late gains
nothing.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache

from sandbox.rules.cadence import DAY, end_of_day, local_day, period_number
from sandbox.rules.evidence import ChangeAware, Counted, closed, combine, path, reached
from sandbox.rules.risk import denominator_of, single

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Epoch:
    """The schedule of one epoch. `planned` is the number of its periods when it opened: an extension adds none.

    Without a rate nothing is capped and nothing taken for what is untold: so is the record before adoption."""

    start: datetime
    every_days: int
    zone: tzinfo
    opened_at: datetime
    planned: int
    rate_per_day: float | None

    @property
    def first(self) -> int:
        """The trial's period in which the epoch opens."""
        return _opening(self.start, self.every_days, self.opened_at, self.zone)

    def number(self, at: datetime) -> int:
        """The period of the epoch in which an instant lies, from 1; 0 and below before it."""
        return period_number(self.start, self.every_days, at, self.zone) - self.first + 1

    def deadline(self, number: int) -> datetime:
        """When a period of the epoch ends."""
        periods = number + self.first - 1
        return end_of_day(local_day(self.start, self.zone) + periods * self.every_days * DAY, self.zone)

    def opens(self, number: int) -> datetime:
        """When a period of the epoch begins; the first opens with it."""
        return self.opened_at if number <= 1 else max(self.opened_at, self.deadline(number - 1))


@lru_cache(maxsize=4096)
def _opening(start: datetime, every_days: int, opened_at: datetime, zone: tzinfo) -> int:
    return period_number(start, every_days, opened_at, zone)


class Usage:
    """The exposures that an epoch may count at an instant: those of untold spans by period, and the most of any period.

    Made once an assessment: the calendar is asked once for all indicators."""

    def __init__(self, epoch: Epoch, spans: Iterable[Span], now: datetime) -> None:
        self.epoch, self.now, self.period = epoch, now, epoch.number(now)
        self.opens = epoch.opens(self.period)
        self.rate = epoch.rate_per_day
        self.untold: dict[int, float] = {}
        self._most: dict[int, float] = {}
        if self.rate is not None:
            for start, end in spans:
                self._add(max(start, epoch.opened_at), end)

    def _add(self, start: datetime, end: datetime) -> None:
        if start >= self.opens:
            self._take(self.period, start, end)
            return
        number = self.epoch.number(start)
        while start < end:
            until = min(end, self.epoch.deadline(number))
            self._take(number, start, until)
            start, number = max(start, until), number + 1

    def _take(self, number: int, start: datetime, end: datetime) -> None:
        if end > start:
            self.untold[number] = self.untold.get(number, 0.0) + (self.rate or 0.0) * ((end - start) / DAY)

    def most(self, number: int) -> float:
        """Exposures that the caps allow in a period, up to now."""
        if number not in self._most:
            self._most[number] = math.inf if self.rate is None else self.rate * self._days(number)
        return self._most[number]

    def _days(self, number: int) -> float:
        if 1 < number < self.period:
            return float(self.epoch.every_days)
        until = self.now if number >= self.period else self.epoch.deadline(number)
        return max(0.0, (until - (self.opens if number == self.period else self.epoch.opens(number))) / DAY)


def planned_periods(start: datetime, every_days: int, zone: tzinfo, opened_at: datetime, ends_at: datetime) -> int:
    """Periods from the opening of an epoch to the planned end; at least one."""
    last, first = (period_number(start, every_days, at, zone) for at in (ends_at - DAY / 86_400, opened_at))
    return max(1, last - first + 1)


@dataclass(frozen=True, slots=True)
class Row:
    """What one period has counted of one indicator."""

    period: int
    events: int
    alleged: int
    exposures: float


@dataclass(frozen=True, slots=True)
class Watch:
    """One indicator: its agreed limit, the state after its settled periods, and the rows after those, in order.

    `events` and `exposures` are those of the settled periods; `chain` is the digest of them; `log_groups` is the
    evidence of an indicator that compares groups, which has no rows."""

    indicator: str
    limit: float
    weight: float
    state: ChangeAware
    rows: tuple[Row, ...] = ()
    events: int = 0
    exposures: float = 0.0
    chain: str = ""
    log_groups: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one indicator says now: its events and exposures as counted, and its evidence. `chain` is the digest of the
    settled periods, `open` are those after them."""

    indicator: str
    limit: float
    weight: float
    events: int
    exposures: float
    log_e: float
    chain: str
    open: tuple[Counted, ...]


def steps(watch: Watch, usage: Usage, *, alleged: bool = False) -> list[Counted]:
    """The periods as they count: told exposures up to the cap, untold ones at the cap; allegations only for yellow.
    Where no rate is agreed, events of a period without exposures say nothing of a rate and are left out."""
    of_use, one_at_most = _form(watch.indicator)
    found: dict[int, tuple[int, float]] = dict.fromkeys(usage.untold, (0, 0.0)) if of_use else {}
    for row in watch.rows:
        k, n = found.get(max(1, row.period), (0, 0.0))
        found[max(1, row.period)] = (k + row.events + (row.alleged if alleged else 0), n + row.exposures)
    if of_use and usage.rate is None:
        return [(period, k, n) for period, (k, n) in sorted(found.items()) if n]
    if of_use:
        return [(period, k, min(n, usage.most(period)) + usage.untold.get(period, 0.0))
                for period, (k, n) in sorted(found.items())]
    return [(period, k, max(n, k) if one_at_most else n) for period, (k, n) in sorted(found.items())]


@lru_cache(maxsize=1024)
def _form(indicator: str) -> tuple[bool, bool]:
    """Whether exposures are the denominator, and whether one case has at most one event."""
    return denominator_of(indicator) == "exposures", single(indicator)


def settle(watch: Watch, found: Sequence[Counted], upto: int) -> Watch:
    """The watch with its periods up to this one closed; what is after them stays open."""
    done = [one for one in found if one[0] <= upto]
    if not done:
        return watch
    return Watch(watch.indicator, watch.limit, watch.weight, closed(watch.state, done),
                 tuple(row for row in watch.rows if row.period > upto), watch.events + sum(k for _, k, _ in done),
                 _total(watch.exposures, done), chained(watch.chain, done), watch.log_groups)


def chained(chain: str, found: Iterable[Counted]) -> str:
    """The digest of all periods so far, each linked to those before it."""
    for period, k, n in found:
        if k or n:
            chain = hashlib.sha256(f"{chain}|{period}|{k}|{n!r}".encode()).hexdigest()
    return chain


def finding(watch: Watch, found: Sequence[Counted]) -> Finding:
    """What an indicator says, its open periods included."""
    log = reached(watch.state, found) if watch.log_groups is None else watch.log_groups
    return Finding(watch.indicator, watch.limit, watch.weight, watch.events + sum([k for _, k, _ in found]),
                   _total(watch.exposures, found), log, watch.chain, tuple(found))


def _total(exposures: float, found: Iterable[Counted]) -> float:
    """One after the other, so that a kept sum and a replay agree to the bit."""
    for _, _, n in found:
        exposures += n
    return exposures


def together(findings: Sequence[Finding]) -> float:
    """Log evidence of the trial; 0 where no limit was agreed."""
    return combine([one.weight for one in findings], [one.log_e for one in findings]) if findings else 0.0


def rise(watch: Watch, found: Sequence[Counted]) -> int | None:
    """The period in which an indicator's evidence rose most; None where it never rose."""
    trailed = path(watch.state, found)
    logs = [watch.state.so_far(), *(log for _, log in trailed)]
    rises = [(log - before, period) for before, (period, log) in zip(logs, trailed, strict=False)]
    gained, period = max(rises, key=lambda one: one[0], default=(0.0, 0))
    return period if gained > 0 else None


def trail(watches: Sequence[Watch], found: Sequence[Sequence[Counted]]) -> list[tuple[int, float]]:
    """Log evidence of the trial at the end of every period, from the first: what a replay looks through."""
    paths = [dict(path(watch.state, each)) if watch.log_groups is None else {} for watch, each in
             zip(watches, found, strict=True)]
    now = [watch.log_groups or 0.0 for watch in watches]
    trailed = []
    for period in sorted(set().union(*paths)):
        now = [each.get(period, log) for each, log in zip(paths, now, strict=True)]
        trailed.append((period, combine([watch.weight for watch in watches], now)))
    return trailed

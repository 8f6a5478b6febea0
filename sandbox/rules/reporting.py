"""The schedule of reports (使用反馈): periods counted from the start, what of them is told, and where each stands.

The n-th period ends at 24:00 of the n-th so-many-th day after the start, which is its deadline too. A stop moves no
deadline: while a trial stands still nothing happens that could be told, and what is owed begins anew at the restart.
Nothing here is stored; everything follows from the start, the spans that are told, and now.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from sandbox.rules.cadence import DAY, YELLOW_AFTER, Rung, end_of_day, local_day, reminders

SLACK = timedelta(minutes=1)
"""Two periods with no more than this between them leave nothing out: 23:59 is meant as 24:00."""
TICK = timedelta(microseconds=1)
Span = tuple[datetime, datetime]
"""Half-open."""


class Standing(StrEnum):
    """Where one period's reporting stands. Late (it came, too late), not due and missing are three things."""

    ON_TIME = "on_time"
    LATE = "late"
    NOT_DUE = "not_due"
    DUE = "due"
    MISSING = "missing"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A trial's periods: when they begin to count, their length in days, and the zone whose midnights end them."""

    start: datetime
    every_days: int
    zone: tzinfo

    def number(self, at: datetime) -> int:
        """The period in which an instant lies, from 1; what is before the start belongs to the first."""
        days = (local_day(at, self.zone) - local_day(self.start, self.zone)).days
        return max(1, -(-days // self.every_days))

    def deadline(self, number: int) -> datetime:
        """When the period ends and its report is due."""
        return end_of_day(local_day(self.start, self.zone) + number * self.every_days * DAY, self.zone)

    def opens(self, number: int) -> datetime:
        """When the period begins."""
        return self.start if number == 1 else self.deadline(number - 1)

    def ends_in(self, end: datetime) -> int:
        """The period in which something ends that does not include its end."""
        return self.number(end - TICK)

    def after(self, told_until: datetime) -> int:
        """The first period of which something is untold, when all before `told_until` is told."""
        return self.number(told_until + SLACK)

    def next_end(self, told_until: datetime, now: datetime) -> datetime:
        """Where a report that goes on from `told_until` may end now: at the deadline of its period, while that is not
        over at the last midnight, and on the first day with what has passed of it."""
        due, midnight = self.deadline(self.after(told_until)), end_of_day(local_day(now, self.zone) - DAY, self.zone)
        return due if due <= now else midnight if midnight > told_until else now

    def spans_two(self, span: Span) -> datetime | None:
        """The deadline that a report reaches across, or None: each period has its own report, or several."""
        first = self.number(span[0])
        return None if first == self.ends_in(span[1]) else self.deadline(first)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time as separate spans, earliest first; those that touch, or nearly do, are one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1] + SLACK:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return tuple(whole)


def untold(told: Iterable[Span], start: datetime, end: datetime) -> tuple[Span, ...]:
    """What of the time from `start` to `end` lies in none of the spans; leftovers of a moment do not count."""
    left, since = [], start
    for opens, closes in joined(told):
        if opens >= end:
            break
        if opens > since + SLACK:
            left.append((since, opens))
        since = max(since, closes)
    if end > since + SLACK:
        left.append((since, end))
    return tuple(left)


def second_miss(schedule: Schedule, told: Iterable[Span], since: datetime) -> datetime:
    """When two periods in a row will be missing if nothing more is told; all before `since` is told."""
    spans, number = joined(told), schedule.after(since)
    if not spans:
        return schedule.deadline(number + 1)
    while not (_missing(schedule, spans, since, number) and _missing(schedule, spans, since, number + 1)):
        number += 1
    return schedule.deadline(number + 1)


def silent_until(told: Iterable[Span], since: datetime, length: timedelta) -> datetime:
    """When the time of which nothing is told comes to so much, if nothing more is told; all before `since` is told."""
    for opens, closes in joined(told):
        if opens - since >= length:
            break
        length -= max(opens - since, timedelta(0))
        since = max(since, closes)
    return since + length


def _missing(schedule: Schedule, told: tuple[Span, ...], since: datetime, number: int) -> bool:
    return bool(untold(told, max(schedule.opens(number), since), schedule.deadline(number)))


REMINDED_AT = timedelta(hours=9)
"""In the morning, on the clock of the place."""
REMINDERS = (
    Rung(-8, ("firm",), over_days=14),
    Rung(-4, ("firm",), over_days=6),
    Rung(-1, ("firm",)),
    Rung(0, ("firm",)),
    Rung(3, ("firm", "officer"), over_days=3),
    Rung(7, ("firm", "officer"), over_days=7),
)
"""The day after the deadline has its own notice, with the light."""


def report_reminders(due: datetime, every_days: int, zone: tzinfo) -> tuple[tuple[datetime, Rung], ...]:
    """When people are reminded of a report, earliest first. Minus one is the morning of its last day, nought the
    morning after, when it can be filed whole."""
    return tuple((at + REMINDED_AT, rung) for at, rung in reminders(due, every_days, zone, REMINDERS))


def came_late(at: datetime, due_at: datetime | None) -> bool:
    """Whether what was filed then came after its deadline and the day of grace; the record before adoption has none."""
    return due_at is not None and at - due_at > YELLOW_AFTER


@dataclass(frozen=True, slots=True)
class Told:
    """One span that was told: when, and whether as no use planned ahead."""

    span: Span
    at: datetime
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Period:
    """One period of the schedule as far as the trial ran in it; `untold` is what is left of it."""

    number: int
    span: Span
    due_at: datetime
    standing: Standing
    untold: tuple[Span, ...]


def periods(schedule: Schedule, runs: Iterable[Span], told: tuple[Told, ...], now: datetime) -> Iterator[Period]:
    """Every period begun, oldest first, cut to the time in which the trial ran. One in which it never ran is none."""
    ran = joined(runs)
    until = min(now, max((end for _, end in ran), default=now))
    for number in range(1, schedule.number(until) + 1):
        opens, closes = schedule.opens(number), schedule.deadline(number)
        cut = ((max(start, opens), min(end, closes)) for start, end in ran)
        parts = [part for part in cut if part[1] - part[0] > SLACK]
        if parts:
            yield _period(schedule, number, parts, told, now)


def _period(schedule: Schedule, number: int, parts: list[Span], told: tuple[Told, ...], now: datetime) -> Period:
    span, due_at = (parts[0][0], parts[-1][1]), schedule.deadline(number)
    within = [one for one in told if one.span[0] < span[1] and one.span[1] > span[0]]
    left = tuple(gap for start, end in parts for gap in untold([one.span for one in within], start, end))
    return Period(number, span, due_at, _standing(within, left, parts, due_at, now), left)


def _standing(within: list[Told], left: tuple[Span, ...], parts: list[Span], due_at: datetime,
              now: datetime) -> Standing:
    last = due_at + YELLOW_AFTER
    if left:
        return Standing.NOT_DUE if now < due_at else Standing.DUE if now <= last else Standing.MISSING
    if all(one.planned for one in within):
        return Standing.UNUSED
    in_time = [one.span for one in within if one.at <= last]
    return Standing.LATE if any(untold(in_time, *part) for part in parts) else Standing.ON_TIME


# Declared and itemised


OWN_INCIDENT = frozenset(("harm_S1", "harm_S2"))
"""Events of which each has to be filed as an incident; of the others incidents need not be filed one by one."""


def counts_differ(events: Iterable[str], declared: int, itemised: int) -> bool:
    """Whether what a period's reports declare of these events and what is itemised as incidents do not agree. Where
    nothing is itemised that need not be, there is nothing to compare."""
    return declared != itemised and (itemised > 0 or OWN_INCIDENT.issuperset(events))


# Versions


def same_version(reported: str | None, pinned: str | None) -> bool:
    """Whether a reported model version is the pinned one; case, spaces and a leading v do not matter."""
    return reported is None or pinned is None or _normal(reported) == _normal(pinned)


def _normal(version: str) -> str:
    return version.strip().lower().replace(" ", "").removeprefix("v")

"""When things are due: reviews, feedback and reminders, computed from an anchor and never from today.

A day ends at 24:00 in the jurisdiction's zone. Every instant that comes back is aware and in UTC; every instant that
goes in must be aware. The day on which a period starts is not counted.

TIERS                                       R1 to R4, by id; rows of Tier
first_due(start, tier, zone)                the first review of a trial
next_due(held, last_cap_anchor, tier, zone) the next one; never past cap_at(last_cap_anchor, tier, zone)
planned_count(start, end, tier)             reviews in a trial that runs to its end
EXTRAS                                      causes of reviews beside the schedule; rows of Extra
overdue_trigger_at(due, tier, zone, cap)    when an unheld review suspends the trial
reminders(due, interval_days, zone, ladder) (instant, Rung) of a ladder (REMINDERS), earliest first
period_number(start, days, at, zone)        the reporting period of an instant; 0 and below before the start
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from types import MappingProxyType

from dateutil.relativedelta import relativedelta

from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.rules.working_days import add_working_days

DAY = timedelta(days=1)
YELLOW_AFTER = timedelta(hours=24)


# Instants and days


def local_day(instant: datetime, zone: tzinfo) -> date:
    """The date at `instant` in `zone`. Raises ValueError for a naive instant."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no zone")
    return _local_day(instant.astimezone(UTC), zone)


@lru_cache(maxsize=8192)
def _local_day(instant: datetime, zone: tzinfo) -> date:
    """Of an instant in UTC: elsewhere two that differ by an hour may be equal when clocks go back."""
    return instant.astimezone(zone).date()


@lru_cache(maxsize=8192)
def end_of_day(day: date, zone: tzinfo) -> datetime:
    """24:00 of a local day, which is the next midnight in `zone`, in UTC."""
    return datetime.combine(day + DAY, time(), zone).astimezone(UTC)


def end_of_working_days(start: datetime, days: int, place: Jurisdiction) -> datetime:
    """24:00 of the working day that is so many after the day of `start`, in the sandbox's own place."""
    return end_of_day(add_working_days(local_day(start, place.zone), days, place.calendar), place.zone)


def days_after(instant: datetime, days: int, zone: tzinfo) -> datetime:
    """The same time of day in `zone` so many days later, whatever summer time does in between; in UTC."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no zone")
    return (instant.astimezone(zone) + days * DAY).astimezone(UTC)


# Tiers and reviews


@dataclass(frozen=True, slots=True)
class Tier:
    """What a risk tier (风险等级) asks of a trial.

    Our own defaults, except `cap_days` and `cap_months`: the law's longest gap between two follow-up reviews, of which
    the earlier binds (183 days can be more than six months). `environments` are those to pass through before starting.
    """

    id: str
    first_day: int
    every_days: int
    feedback_days: int
    quorum: int
    panel: int
    rereviewers: int
    environments: tuple[str, ...]
    overdue_days: int
    cap_days: int
    cap_months: int


TIERS: Mapping[str, Tier] = MappingProxyType(
    {
        row.id: row
        for row in (
            Tier("R1", 90, 90, 30, 2, 3, 0, ("E1",), overdue_days=30, cap_days=365, cap_months=12),
            Tier("R2", 30, 60, 14, 3, 5, 0, ("E1",), overdue_days=30, cap_days=365, cap_months=12),
            Tier("R3", 14, 30, 7, 5, 7, 0, ("E0", "E2"), overdue_days=14, cap_days=365, cap_months=12),
            Tier("R4", 7, 14, 1, 5, 7, 5, ("E0", "E1", "E2"), overdue_days=14, cap_days=183, cap_months=6),
        )
    }
)


def first_due(start: datetime, tier: str, zone: tzinfo) -> datetime:
    """When the first review of a trial that started at `start` is due."""
    return end_of_day(local_day(start, zone) + TIERS[tier].first_day * DAY, zone)


def next_due(held: datetime, last_cap_anchor: datetime, tier: str, zone: tzinfo) -> datetime:
    """When the review after the one held at `held` is due, never past the statutory cap.

    `last_cap_anchor` is when the last review that the law counts was held (the trial's start before any): an officer's
    stand-in check moves `held` but not the anchor.
    """
    due = end_of_day(local_day(held, zone) + TIERS[tier].every_days * DAY, zone)
    return min(due, cap_at(last_cap_anchor, tier, zone))


def cap_at(last_cap_anchor: datetime, tier: str, zone: tzinfo) -> datetime:
    """The last instant at which the law still allows the next follow-up review to be held."""
    anchor, row = local_day(last_cap_anchor, zone), TIERS[tier]
    return end_of_day(min(anchor + row.cap_days * DAY, anchor + relativedelta(months=row.cap_months)), zone)


def planned_count(start: date, end: date, tier: str) -> int:
    """Reviews due in a trial that runs to its end: the first day, then every full interval not after `end`."""
    row, days = TIERS[tier], (end - start).days
    return 0 if days < row.first_day else 1 + (days - row.first_day) // row.every_days


def overdue_trigger_at(due: datetime, tier: str, zone: tzinfo, cap: datetime) -> datetime:
    """When a review still not held suspends the trial: some days past due, or the statutory cap if earlier."""
    return min(days_after(due, TIERS[tier].overdue_days, zone), cap)


# Reviews beside the schedule


@dataclass(frozen=True, slots=True)
class Extra:
    """A cause for a review beside the schedule: the kind of review it opens, and in how many days that is due.

    A cause that `joins` needs no review of its own where the whole panel already sits on one that is due in time."""

    cause: str
    kind: str
    within_days: int
    joins: bool = False


EMERGENCY_HOURS = 72
EXTRAS: Mapping[str, Extra] = MappingProxyType({
    row.cause: row
    for row in (
        *(Extra(cause, "emergency", EMERGENCY_HOURS // 24) for cause in (
            "grave_incident", "risk_red", "cap_exceeded", "feedback_missing", "unsafe_version", "regulator", "chair")),
        *(Extra(cause, "yellow", 7) for cause in (
            "evidence", "yellow", "cap_warning", "feedback_late", "too_quiet", "drifted", "kill_switch_old")),
        Extra("moderate_incident", "event", 7, joins=True),
        Extra("complaints", "event", 7, joins=True),
        Extra("alarm_crossed", "event", 7, joins=True),
        Extra("guidance", "event", 14, joins=True),
        Extra("change_A4", "change", 7),
        Extra("change_A5", "change", 7),
    )
})
"""Every cause but a regulator's own call, which says why in words. Two missing reports are `feedback_missing`: they
stop the trial, and the emergency review of the stop is theirs."""


# Reminders of a review


@dataclass(frozen=True, slots=True)
class Rung:
    """One reminder: days from the due time, whom it reaches, and the interval above which alone it is sent."""

    days: int
    to: tuple[str, ...]
    over_days: int = 0


REMINDERS = (
    Rung(-14, ("reviewer",), over_days=28),
    Rung(-7, ("reviewer",)),
    Rung(-3, ("reviewer",)),
    Rung(-1, ("reviewer",)),
    Rung(0, ("reviewer", "officer")),
    Rung(1, ("reviewer", "officer", "deputy")),
    Rung(3, ("reviewer", "officer", "deputy", "substitute")),
    Rung(7, ("reviewer", "officer", "deputy", "substitute")),
)


def reminders(due: datetime, interval_days: int, zone: tzinfo,
              ladder: tuple[Rung, ...] = REMINDERS) -> tuple[tuple[datetime, Rung], ...]:
    """The reminders of one due time, earliest first; none at or before the moment its interval began."""
    sent = (rung for rung in ladder if interval_days > max(rung.over_days, -rung.days))
    return tuple((days_after(due, rung.days, zone), rung) for rung in sent)


# Feedback


def period_number(start: datetime, days: int, at: datetime, zone: tzinfo) -> int:
    """The period of so many days in which a thing occurred: from 1, and 0 and below for what was before the start."""
    return _period_number(start.astimezone(UTC), days, at.astimezone(UTC), zone)


@lru_cache(maxsize=4096)
def _period_number(start: datetime, days: int, at: datetime, zone: tzinfo) -> int:
    number = -((local_day(start, zone) - local_day(at, zone)).days // days)
    return min(number, 0) if at < start else max(number, 1)

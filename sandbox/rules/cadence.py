"""When things are due: reviews, feedback, reminders and the 27 clocks, computed from an anchor and never from today.

A day ends at 24:00 in the jurisdiction's zone. Every instant that comes back is aware and in UTC; every instant that
goes in must be aware. The day on which a period starts is not counted.

TIERS                                       R1 to R4, by id; rows of Tier
first_due(start, tier, zone)                the first review of a trial
next_due(held, last_cap_anchor, tier, zone) the next one; never past cap_at(last_cap_anchor, tier, zone)
planned_count(start, end, tier)             reviews in a trial that runs to its end
overdue_trigger_at(due, tier, zone, cap)    when an unheld review suspends the trial
reminders(due, interval_days, zone, ladder) (instant, Rung) of a ladder (REMINDERS), earliest first
period_number(start, days, at, zone)        the reporting period of an instant; 0 and below before the start
CLOCKS                                      rows of Clock by key ("C12", "C25.answer")
deadline(clock, start, zone, calendar)      when a clock that started at `start` runs out
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from dateutil.relativedelta import relativedelta

from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.rules.working_days import Calendar, add_working_days, eu_last_day, eu_last_day_of_months

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
    number = -((local_day(start, zone) - local_day(at, zone)).days // days)
    return min(number, 0) if at < start else max(number, 1)


# Clocks


class Unit(StrEnum):
    """How a clock is counted. Hours run through nights and holidays; the European units roll over days off."""

    AT_ONCE = "at_once"
    HOURS = "hours"
    DAYS = "days"
    DAYS_BEFORE = "days_before"
    WORKING_DAYS = "working_days"
    EU_DAYS = "eu_days"
    EU_MONTHS = "eu_months"
    UNTIL_31_MARCH = "until_31_march"


class Mark(StrEnum):
    """What a number rests on; only READ and REPORTED may be shown as law."""

    READ = "V"
    REPORTED = "S"
    UNCHECKED = "M"
    OURS = "P"


@dataclass(frozen=True, slots=True)
class Clock:
    """One row: what starts it, how long it runs, who must act, and where the number comes from.

    A clock with two stages (told first, then in full) has two rows under one id; each starts on its own event.
    """

    id: str
    stage: str
    starts_on: str
    amount: int
    unit: Unit
    owners: tuple[str, ...]
    source: str
    mark: Mark

    @property
    def key(self) -> str:
        """Id and stage in one, as in CLOCKS and in the words."""
        return f"{self.id}.{self.stage}" if self.stage else self.id


def _by_key(rows: Iterable[Clock]) -> Mapping[str, Clock]:
    return MappingProxyType({row.key: row for row in rows})


_FIRM, _REGULATOR, _PANEL = ("firm",), ("regulator",), ("panel",)
_CAC_24, _CAC_2025, _CN_2023 = "CAC Art 24", "CAC 2025 Art 4", "CN 2023"

CLOCKS = _by_key(
    (
        Clock("C01", "", "application_complete", 3, Unit.EU_MONTHS, _REGULATOR, "EU 58(2)(a)", Mark.READ),
        Clock("C02", "", "plan_submitted", 30, Unit.EU_DAYS, _REGULATOR, "EU 60(4)(b)", Mark.READ),
        Clock("C03", "", "accepted", 30, Unit.DAYS, _PANEL, _CN_2023, Mark.REPORTED),
        Clock("C04", "", "rereview_requested", 30, Unit.DAYS, ("rereviewers",), _CN_2023, Mark.UNCHECKED),
        Clock("C05", "", "service_started", 10, Unit.WORKING_DAYS, _FIRM, _CAC_24, Mark.READ),
        Clock("C06", "", "filed_data_changed", 10, Unit.WORKING_DAYS, _FIRM, _CAC_24, Mark.READ),
        Clock("C07", "", "service_ended", 20, Unit.WORKING_DAYS, _FIRM, _CAC_24, Mark.READ),
        Clock("C08", "", "aware_cyber_infrastructure", 1, Unit.HOURS, _FIRM, _CAC_2025, Mark.READ),
        Clock("C09", "", "aware_cyber_central_body", 2, Unit.HOURS, _FIRM, _CAC_2025, Mark.READ),
        Clock("C10", "", "aware_cyber_other", 4, Unit.HOURS, _FIRM, _CAC_2025, Mark.READ),
        Clock("C11", "", "aware_widespread", 2, Unit.EU_DAYS, _FIRM, "EU 73(3)", Mark.READ),
        Clock("C12", "", "aware_death", 10, Unit.EU_DAYS, _FIRM, "EU 73(4)", Mark.READ),
        Clock("C13", "", "aware_serious", 15, Unit.EU_DAYS, _FIRM, "EU 73(2)", Mark.READ),
        Clock("C14", "", "deployer_aware", 0, Unit.AT_ONCE, ("deployer",), "EU 26(5)", Mark.REPORTED),
        Clock("C15", "", "authority_told", 7, Unit.EU_DAYS, _REGULATOR, "EU 73(8)", Mark.UNCHECKED),
        Clock("C16", "at_once", "aware_leak", 0, Unit.AT_ONCE, _FIRM, "PIPL 57", Mark.UNCHECKED),
        Clock("C16", "at_latest", "aware_leak", 72, Unit.HOURS, _FIRM, "GDPR 33", Mark.UNCHECKED),
        Clock("C17", "", "emergency_triggered", 72, Unit.HOURS, _PANEL, _CN_2023, Mark.UNCHECKED),
        Clock("C18", "", "aware_grave", 24, Unit.HOURS, _FIRM, "", Mark.OURS),
        Clock("C19", "", "handling_ended", 30, Unit.DAYS, _FIRM, "CAC 2025", Mark.UNCHECKED),
        Clock("C20", "", "suspended", 14, Unit.DAYS, _REGULATOR, "", Mark.OURS),
        Clock("C21", "", "retrospective_opened", 30, Unit.DAYS, ("firm", "regulator"), "", Mark.OURS),
        Clock("C22", "", "trial_ends", 30, Unit.DAYS_BEFORE, _FIRM, "", Mark.OURS),
        Clock("C23", "draft", "exit_review_opened", 30, Unit.DAYS, _REGULATOR, "", Mark.OURS),
        Clock("C23", "comments", "draft_served", 10, Unit.WORKING_DAYS, _FIRM, "", Mark.OURS),
        Clock("C24", "ethics", "year_ended", 0, Unit.UNTIL_31_MARCH, _REGULATOR, _CN_2023, Mark.UNCHECKED),
        Clock("C24", "sandbox", "sandbox_started", 12, Unit.EU_MONTHS, _REGULATOR, "EU 57(16)", Mark.READ),
        Clock("C25", "acknowledge", "complaint_received", 2, Unit.WORKING_DAYS, _FIRM, "", Mark.OURS),
        Clock("C25", "answer", "complaint_received", 15, Unit.WORKING_DAYS, _FIRM, "", Mark.OURS),
        Clock("C26", "delete", "consent_withdrawn", 0, Unit.AT_ONCE, _FIRM, "EU 60(5)", Mark.READ),
        Clock("C26", "confirm", "consent_withdrawn", 72, Unit.HOURS, _FIRM, "", Mark.OURS),
        Clock("C27", "", "decision_served", 30, Unit.DAYS, _FIRM, "", Mark.OURS),
    )
)


def deadline(clock: Clock, start: datetime, zone: tzinfo, calendar: Calendar) -> datetime:
    """When the clock that started at `start` runs out; `start` itself where the duty is at once.

    Day clocks end at 24:00 in `zone`. A clock that counts back from an end keeps that end's time of day.
    `calendar` is that of the place where the duty is owed.
    """
    if clock.unit in (Unit.AT_ONCE, Unit.HOURS):
        return days_after(start, 0, zone) + timedelta(hours=clock.amount)
    if clock.unit is Unit.DAYS_BEFORE:
        return days_after(start, -clock.amount, zone)
    return end_of_day(_LAST_DAY[clock.unit](local_day(start, zone), clock.amount, calendar), zone)


def _last_calendar_day(day: date, amount: int, _: Calendar) -> date:
    return day + amount * DAY


def _next_31_march(day: date, *_: object) -> date:
    this_year = day.replace(month=3, day=31)
    return this_year if day <= this_year else this_year.replace(year=day.year + 1)


_LAST_DAY: Mapping[Unit, Callable[[date, int, Calendar], date]] = MappingProxyType(
    {
        Unit.DAYS: _last_calendar_day,
        Unit.WORKING_DAYS: add_working_days,
        Unit.EU_DAYS: eu_last_day,
        Unit.EU_MONTHS: eu_last_day_of_months,
        Unit.UNTIL_31_MARCH: _next_31_march,
    }
)

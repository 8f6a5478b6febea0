"""What fires ahead on one trial, and to whom: reviews with their reminders, reports, triggers, the end. Pure.

Dates further ahead than the next one assume that every review is held, and every report filed, on its day.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from sandbox.rules.cadence import YELLOW_AFTER, cap_at, days_after, end_of_day, local_day, overdue_trigger_at, reminders

DAYS = 90
OPENS_BEFORE = timedelta(days=7)
PANEL, FIRM, OFFICER, SYSTEM = ("reviewer",), ("firm",), ("officer",), ("system",)


@dataclass(frozen=True, slots=True)
class Firing:
    """One thing that fires: when, what (`review_opens`, `review_reminder`, `review_due`, `review_stops`, `report_due`,
    `report_yellow`, `report_stops`, `end_date`, or a due's own kind), to whom; `if_late` where it only fires once
    something was missed, `projected` where it assumes that what comes before is done on its day."""

    at: datetime
    what: str
    to: tuple[str, ...]
    review: str | None = None
    if_late: bool = False
    projected: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A review ahead: when it is due, its id where it exists, days since the one before, the anchor of its cap, and
    whether the trial stops where it is not held."""

    due: datetime
    interval_days: int
    anchor: datetime
    id: str | None = None
    opened: bool = False
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Pace:
    """What a trial's schedule rests on: tier, days between reviews and between reports, and when it ends."""

    tier: str
    review_days: int
    feedback_days: int
    ends_at: datetime | None


def checks_ahead(first: Check, pace: Pace, until: datetime, zone: tzinfo) -> Iterator[Check]:
    """The review that is owed, then those that follow from it; none after the trial's end."""
    end = min(until, pace.ends_at) if pace.ends_at else until
    check = first
    while check.due <= end:
        yield check
        due = min(end_of_day(local_day(check.due, zone) - timedelta(days=1) + timedelta(days=pace.review_days), zone),
                  cap_at(check.due, pace.tier, zone))
        check = Check(due, pace.review_days, check.due)


def of_check(check: Check, pace: Pace, zone: tzinfo) -> Iterator[Firing]:
    """Everything one review fires, in no order."""
    projected = check.id is None
    if not check.opened:
        yield Firing(check.due - OPENS_BEFORE, "review_opens", PANEL, check.id, projected=projected)
    for at, rung in reminders(check.due, check.interval_days, zone):
        what = "review_due" if rung.days == 0 else "review_reminder"
        yield Firing(at, what, rung.to, check.id, if_late=rung.days > 0, projected=projected)
    if not check.stops:
        return
    cap = cap_at(check.anchor, pace.tier, zone)
    stops = max(overdue_trigger_at(check.due, pace.tier, zone, cap), check.due)
    yield Firing(stops, "review_stops", SYSTEM, check.id, if_late=True, projected=projected)


def of_reports(first_due: datetime, pace: Pace, until: datetime, zone: tzinfo) -> Iterator[Firing]:
    """Deadlines of reports, and what a missing one brings."""
    end, due, projected = min(until, pace.ends_at) if pace.ends_at else until, first_due, False
    while due <= end:
        yield Firing(due, "report_due", FIRM, projected=projected)
        yield Firing(due + YELLOW_AFTER, "report_yellow", FIRM, if_late=True, projected=projected)
        following = days_after(due, pace.feedback_days, zone)
        yield Firing(following, "report_stops", SYSTEM, if_late=True, projected=projected)
        due, projected = following, True


def ahead(checks: Iterable[Check], report: datetime | None, pace: Pace, now: datetime, zone: tzinfo,
          days: int = DAYS) -> tuple[Firing, ...]:
    """Everything that fires in so many days, soonest first. Each check that is owed now leads to the ones after it
    where it is the periodic one, which stands first."""
    until = days_after(now, days, zone)
    owed = list(checks)
    found: list[Firing] = []
    for place, check in enumerate(owed):
        following = checks_ahead(check, pace, until, zone) if place == 0 else [check]
        for each in following:
            found += of_check(each, pace, zone)
    if report is not None:
        found += of_reports(report, pace, until, zone)
    if pace.ends_at is not None:
        found.append(Firing(pace.ends_at, "end_date", (*FIRM, *OFFICER)))
    return tuple(sorted((one for one in found if now <= one.at <= until), key=lambda one: (one.at, one.what)))

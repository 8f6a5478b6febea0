"""Working days (工作日): China's with its make-up weekends, and the roll-over of European periods.

China decides each year in a list which days are off and which weekends are worked instead. The `holidays` library knows
the published lists; `Calendar.overrides` corrects it or adds a list it does not know yet. Dates are local dates of the
jurisdiction; nothing here knows hours or zones.

Calendar(country, overrides)             whose days; overrides are {date: DayKind}
is_working(day, calendar)                whether work is done on that day
add_working_days(start, n, calendar)     the n-th working day after `start`
provisional(year, calendar)              whether that year's make-up days are not known, so that its deadlines may move
roll_forward(day, calendar)              the day itself, or the next working day
eu_last_day(event, days, calendar), eu_last_day_of_months(event, months, calendar)     Regulation 1182/71
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from dateutil.relativedelta import relativedelta

if TYPE_CHECKING:
    from holidays import HolidayBase

DAY = timedelta(days=1)
# Countries whose make-up days are fixed a year at a time and cannot be computed.
DECIDED_YEARLY = frozenset({"CN"})


class DayKind(StrEnum):
    """What an override says of a day: off (放假), or a weekend that is worked (调休上班)."""

    HOLIDAY = "holiday"
    MAKEUP = "makeup"


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of one country (ISO 3166 code), as the library knows them and as `overrides` corrects them."""

    country: str
    overrides: Mapping[date, DayKind] = field(default_factory=dict)


def is_working(day: date, calendar: Calendar) -> bool:
    """Whether work is done on that day; an override wins over the library, and a make-up day over a weekend."""
    override = calendar.overrides.get(day)
    if override is not None:
        return override is DayKind.MAKEUP
    return bool(_known(calendar.country, day.year).is_working_day(day))


def add_working_days(start: date, n: int, calendar: Calendar) -> date:
    """The n-th working day after `start`, which is itself never counted; `start` for 0."""
    if n < 0:
        raise ValueError("working days are counted forwards")
    day = start
    while n:
        day += DAY
        n -= is_working(day, calendar)
    return day


def provisional(year: int, calendar: Calendar) -> bool:
    """Whether the year's make-up days are known neither to the library nor to the overrides.

    Deadlines in such a year are shown as provisional: the list, published late in the year before, will move them.
    """
    if calendar.country not in DECIDED_YEARLY:
        return False
    listed = any(day.year == year for day in _known(calendar.country, year).weekend_workdays)
    return not listed and not any(
        day.year == year and kind is DayKind.MAKEUP for day, kind in calendar.overrides.items()
    )


def roll_forward(day: date, calendar: Calendar) -> date:
    while not is_working(day, calendar):
        day += DAY
    return day


def eu_last_day(event: date, days: int, calendar: Calendar) -> date:
    """The last day of a European period in days: the event's day is not counted, and it never ends on a day off.

    A period of two days or more has at least two working days in it.
    Source: Regulation (EEC, Euratom) No 1182/71, Article 3(1), (4) and (5).
    """
    last = roll_forward(event + days * DAY, calendar)
    return max(last, add_working_days(event, 2, calendar)) if days >= 2 else last


def eu_last_day_of_months(event: date, months: int, calendar: Calendar) -> date:
    """The same date `months` later, or the last day of a shorter month, rolled. Source: Article 3(2)(c) and (4)."""
    return roll_forward(event + relativedelta(months=months), calendar)


def known_country(code: str) -> str:
    """A country whose days off the library knows. Raises ValueError."""
    import holidays

    if code not in holidays.list_supported_countries():
        raise ValueError("setting_country")
    return code


@cache
def _known(country: str, year: int) -> "HolidayBase":
    """The library's days of one year; the next year's list may name make-up days in this one."""
    import holidays

    return holidays.country_holidays(country, years=(year, year + 1))

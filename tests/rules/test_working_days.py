"""Chinese working days against the published calendar of 2026, and European periods."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.working_days import (
    Calendar,
    DayKind,
    add_working_days,
    eu_last_day,
    eu_last_day_of_months,
    is_working,
    provisional,
    roll_forward,
)

CHINA = Calendar("CN")
GERMANY = Calendar("DE")
# General Office of the State Council, notice on the holidays of 2026: (first, last) day off, and weekends worked.
OFF_2026 = [
    (date(2026, 1, 1), date(2026, 1, 3)),
    (date(2026, 2, 15), date(2026, 2, 23)),
    (date(2026, 4, 4), date(2026, 4, 6)),
    (date(2026, 5, 1), date(2026, 5, 5)),
    (date(2026, 6, 19), date(2026, 6, 21)),
    (date(2026, 9, 25), date(2026, 9, 27)),
    (date(2026, 10, 1), date(2026, 10, 7)),
]
WORKED_2026 = [
    date(2026, 1, 4), date(2026, 2, 14), date(2026, 2, 28), date(2026, 5, 9), date(2026, 9, 20), date(2026, 10, 10),
]


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@pytest.mark.parametrize("span", OFF_2026)
def test_every_published_holiday_of_2026_is_off(span: tuple[date, date]) -> None:
    assert not any(is_working(day, CHINA) for day in days(*span))


@pytest.mark.parametrize("day", WORKED_2026)
def test_every_published_make_up_weekend_of_2026_is_worked(day: date) -> None:
    assert day.weekday() >= 5
    assert is_working(day, CHINA)


def test_all_other_days_of_2026_are_ordinary_and_248_are_worked() -> None:
    off = {day for span in OFF_2026 for day in days(*span)}
    for day in set(days(date(2026, 1, 1), date(2026, 12, 31))) - off - set(WORKED_2026):
        assert is_working(day, CHINA) == (day.weekday() < 5), day
    assert sum(is_working(day, CHINA) for day in days(date(2026, 1, 1), date(2026, 12, 31))) == 248


@pytest.mark.parametrize(
    ("start", "n", "end"),
    [
        (date(2026, 3, 2), 10, date(2026, 3, 16)),
        (date(2026, 2, 13), 1, date(2026, 2, 14)),
        (date(2026, 2, 13), 2, date(2026, 2, 24)),
        (date(2026, 2, 24), 5, date(2026, 3, 2)),
        (date(2026, 9, 24), 10, date(2026, 10, 15)),
        (date(2026, 4, 30), 1, date(2026, 5, 6)),
        (date(2026, 5, 3), 3, date(2026, 5, 8)),
        (date(2026, 12, 31), 0, date(2026, 12, 31)),
    ],
)
def test_working_days_are_counted_from_the_day_after(start: date, n: int, end: date) -> None:
    assert add_working_days(start, n, CHINA) == end


def test_working_days_are_not_counted_backwards() -> None:
    with pytest.raises(ValueError, match="forwards"):
        add_working_days(date(2026, 3, 2), -1, CHINA)


@given(st.dates(date(2025, 1, 1), date(2027, 11, 30)), st.integers(1, 25))
def test_a_deadline_in_working_days_falls_on_one_and_leaves_exactly_that_many(start: date, n: int) -> None:
    end = add_working_days(start, n, CHINA)
    assert is_working(end, CHINA)
    assert sum(is_working(day, CHINA) for day in days(start, end)[1:]) == n


def test_an_override_wins_over_the_library_both_ways() -> None:
    corrected = Calendar("CN", {date(2026, 3, 3): DayKind.HOLIDAY, date(2026, 3, 7): DayKind.MAKEUP})
    assert not is_working(date(2026, 3, 3), corrected)
    assert is_working(date(2026, 3, 7), corrected)
    assert add_working_days(date(2026, 3, 2), 4, corrected) == date(2026, 3, 7)


def test_a_year_is_provisional_until_its_make_up_days_are_known() -> None:
    assert not provisional(2026, CHINA)
    assert provisional(2099, CHINA)
    assert provisional(2099, Calendar("CN", {date(2099, 5, 4): DayKind.HOLIDAY}))
    assert not provisional(2099, Calendar("CN", {date(2099, 5, 9): DayKind.MAKEUP}))


def test_a_country_without_make_up_days_is_never_provisional() -> None:
    assert not provisional(2099, GERMANY)


def test_a_holiday_that_follows_from_the_moon_is_known_even_in_a_provisional_year() -> None:
    assert not is_working(date(2027, 2, 8), CHINA)


@pytest.mark.parametrize(
    ("event", "length", "last"),
    [
        (date(2026, 9, 7), 10, date(2026, 9, 17)),
        (date(2026, 9, 9), 10, date(2026, 9, 21)),
        (date(2026, 12, 10), 15, date(2026, 12, 28)),
        (date(2026, 9, 7), 2, date(2026, 9, 9)),
        (date(2026, 9, 4), 2, date(2026, 9, 8)),
        (date(2026, 9, 5), 2, date(2026, 9, 8)),
        (date(2026, 9, 4), 1, date(2026, 9, 7)),
        (date(2026, 4, 2), 2, date(2026, 4, 8)),
    ],
)
def test_a_european_period_does_not_end_on_a_day_off_and_has_two_working_days(
    event: date, length: int, last: date
) -> None:
    assert eu_last_day(event, length, GERMANY) == last


@pytest.mark.parametrize(
    ("event", "months", "last"),
    [
        (date(2026, 6, 15), 3, date(2026, 9, 15)),
        (date(2026, 11, 30), 3, date(2027, 3, 1)),
        (date(2026, 1, 31), 1, date(2026, 3, 2)),
        (date(2026, 2, 1), 3, date(2026, 5, 4)),
    ],
)
def test_a_european_period_in_months_ends_on_the_same_date_or_the_next_working_day(
    event: date, months: int, last: date
) -> None:
    assert eu_last_day_of_months(event, months, GERMANY) == last


@given(st.dates(date(2026, 1, 1), date(2027, 12, 1)))
def test_rolling_forward_moves_only_a_day_off(day: date) -> None:
    rolled = roll_forward(day, CHINA)
    assert is_working(rolled, CHINA) and (rolled == day) == is_working(day, CHINA)

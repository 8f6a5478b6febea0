"""The course of a cap, and when it is reached at the pace so far."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.pace import Period, Point, course, reached

START, DAY = datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=1)


def period(first: int, days: int, used: float) -> Period:
    return Period(START + first * DAY, START + (first + days) * DAY, used)


def test_a_course_begins_at_nothing_and_is_level_where_nothing_was_used() -> None:
    assert course(START, ()) == (Point(START, 0.0),)
    assert [((one.at - START).days, one.used) for one in course(START, [period(0, 7, 30), period(14, 7, 12)])] == [
        (0, 0), (7, 30), (14, 30), (21, 42)]


def test_at_the_pace_so_far_a_cap_is_reached_when_the_rest_is_used_as_fast() -> None:
    assert reached(300.0, 1000.0, 30.0, START) == START + 70 * DAY
    assert reached(1000.0, 1000.0, 30.0, START) == START, "used up exactly is reached now"


def test_too_little_use_a_cap_that_is_passed_and_no_time_tell_no_day() -> None:
    assert [reached(*given, START) for given in ((0.0, 10.0, 30.0), (11.0, 10.0, 30.0), (5.0, 10.0, 2.9))] == [None] * 3


@given(used=st.floats(1e-9, 1e9), cap=st.floats(1e-9, 1e12), days=st.floats(3, 400), more=st.floats(0, 1e6))
def test_using_more_never_puts_the_day_off_and_no_figure_overflows(used: float, cap: float, days: float,
                                                                   more: float) -> None:
    sooner, later = reached(used + more, cap, days, START), reached(used, cap, days, START)
    assert later is None or START <= later <= START + 3650 * DAY
    assert sooner is None or later is None or sooner <= later

"""The schedule of reports: periods counted from the start, gaps, and the standing of each period."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.places import Agreed, agreed
from sandbox.rules.reporting import (
    SLACK,
    Schedule,
    Span,
    Standing,
    Told,
    counts_differ,
    joined,
    periods,
    report_reminders,
    second_miss,
    untold,
)

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEKLY = Schedule(START, 7, SHANGHAI)
FIRST = datetime(2026, 3, 9, 16, tzinfo=UTC)
"""24:00 in Shanghai of the seventh day after the start."""


def span(start: float, end: float) -> Span:
    """From so many hours after the start to so many."""
    return START + start * HOUR, START + end * HOUR


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda p: span(p[0], p[0] + p[1])), max_size=12)


def test_a_period_ends_at_midnight_of_its_last_day_and_the_next_begins_there() -> None:
    assert [WEEKLY.deadline(n) for n in (1, 2)] == [FIRST, FIRST + 7 * DAY]
    assert (WEEKLY.opens(1), WEEKLY.opens(2)) == (START, FIRST)


@given(st.integers(1, 30), st.integers(0, 400), st.integers(0, 24 * 60), st.sampled_from((SHANGHAI, BERLIN)))
def test_every_instant_lies_in_exactly_one_period(every: int, days: int, minutes: int, zone: ZoneInfo) -> None:
    schedule, at = Schedule(START, every, zone), START + days * DAY + timedelta(minutes=minutes)
    number = schedule.number(at)
    assert schedule.opens(number) <= at < schedule.deadline(number)
    assert schedule.ends_in(schedule.deadline(number)) == number
    assert schedule.after(schedule.deadline(number)) == number + 1


def test_a_report_that_reaches_across_a_deadline_is_told_where() -> None:
    assert WEEKLY.spans_two((FIRST - DAY, FIRST)) is None
    assert WEEKLY.spans_two((FIRST - DAY, FIRST + SLACK)) == FIRST


@pytest.mark.parametrize(("told_until", "now", "end"), [
    (0, 7.5, 7), (0, 20, 7), (3.25, 9, 7), (7, 10.4, 10), (7, 8, 8), (7, 14, 14), (7.2, 7.6, 7.6), (7, 7.3, 7.3)])
def test_a_report_goes_on_to_the_end_of_its_period_or_to_the_last_midnight(told_until: float, now: float,
                                                                          end: float) -> None:
    midnight = datetime(2026, 3, 2, tzinfo=SHANGHAI)
    schedule = Schedule(midnight - timedelta(hours=15), 7, SHANGHAI)
    found = schedule.next_end(midnight + told_until * DAY, midnight + now * DAY)
    assert found == midnight + end * DAY
    assert schedule.spans_two((midnight + told_until * DAY, found)) is None


@given(SPANS)
def test_told_and_untold_are_the_whole_and_never_both(spans: list[Span]) -> None:
    whole = span(10, 50)
    left = untold(spans, *whole)
    told = sum(any(s <= START + hour * HOUR < e for s, e in spans) for hour in range(10, 50))
    assert sum(((e - s) / HOUR for s, e in left), 0.0) == 40 - told
    assert untold([*left, *spans], *whole) == ()


@given(SPANS)
def test_joined_spans_are_apart_in_order_and_do_not_depend_on_theirs(spans: list[Span]) -> None:
    whole = joined(spans)
    assert whole == joined(reversed(spans)) == joined(whole)
    assert all(before[1] + SLACK < after[0] for before, after in zip(whole, whole[1:], strict=False))


def test_a_minute_between_two_reports_leaves_nothing_out() -> None:
    assert untold([(START, FIRST - SLACK), (FIRST, FIRST + DAY)], START, FIRST + DAY) == ()


@pytest.mark.parametrize(("told", "number"), [
    ([], 2), ([(START, FIRST)], 3), ([(START + HOUR, FIRST)], 2), ([(FIRST, FIRST + 7 * DAY)], 4),
    ([(FIRST, FIRST + 6 * DAY)], 2),
])
def test_two_periods_in_a_row_are_missing_only_when_neither_is_told_whole(told: list[Span], number: int) -> None:
    since = max((end for start, end in told if start == START), default=START)
    islands = [one for one in told if one[0] > since]
    assert second_miss(WEEKLY, islands, since) == WEEKLY.deadline(number)


def test_reminders_come_in_the_morning_before_and_after_and_a_daily_report_has_one() -> None:
    days = {every: [rung.days for _, rung in report_reminders(FIRST, every, SHANGHAI)] for every in (30, 14, 7, 1)}
    assert days == {30: [-8, -4, -1, 0, 3, 7], 14: [-4, -1, 0, 3, 7], 7: [-4, -1, 0, 3], 1: [0]}
    assert {at.astimezone(SHANGHAI).hour for at, _ in report_reminders(FIRST, 30, SHANGHAI)} == {9}


def standing(told: list[Told], now: datetime, run: Span = (START, START + 90 * DAY)) -> list[str]:
    return [one.standing.value for one in periods(WEEKLY, [run], tuple(told), now)]


def test_late_not_due_and_missing_are_three_things() -> None:
    week = Told((START, FIRST), FIRST + HOUR)
    assert standing([week], FIRST - HOUR) == [Standing.ON_TIME]
    assert standing([], FIRST - HOUR) == [Standing.NOT_DUE]
    assert standing([], FIRST + HOUR) == [Standing.DUE, Standing.NOT_DUE]
    assert standing([], FIRST + DAY + HOUR) == [Standing.MISSING, Standing.NOT_DUE]
    late = Told((START, FIRST), FIRST + DAY + HOUR)
    assert standing([late], FIRST + 2 * DAY) == [Standing.LATE, Standing.NOT_DUE]


def test_a_period_told_in_part_is_missing_and_says_what_is_left() -> None:
    part = Told((START, START + HOUR), START + 2 * HOUR)
    first = next(iter(periods(WEEKLY, [(START, START + 90 * DAY)], (part,), FIRST + 2 * DAY)))
    assert (first.standing, first.untold) == (Standing.MISSING, ((START + HOUR, FIRST),))


def test_time_in_which_the_trial_stood_still_is_owed_to_nobody() -> None:
    ran = [(START, START + DAY), (FIRST + 8 * DAY, FIRST + 20 * DAY)]
    told = (Told((START, START + DAY), START + DAY),)
    assert [one.number for one in periods(WEEKLY, ran, told, FIRST + 9 * DAY)] == [1, 3]


def test_a_period_of_planned_disuse_was_not_used() -> None:
    assert standing([Told((START, FIRST), START, planned=True)], FIRST + 3 * DAY)[0] == Standing.UNUSED


@pytest.mark.parametrize(("text", "found"), [
    (None, Agreed()), ("  ", Agreed()), ("3", Agreed(most=3)), ("３", Agreed(most=3)),
    ("南山区、福田区", Agreed(("南山区", "福田区"))), ("East\nWest; North,East", Agreed(("East", "West", "North"))),
])
def test_places_are_agreed_by_name_or_by_number(text: str | None, found: Agreed) -> None:
    assert agreed(text) == found


def test_a_place_is_known_by_any_spelling_of_its_name() -> None:
    assert all(agreed("Übersee").allows(name) for name in ("übersee", " ÜBERSEE ", "U\u0308bersee"))
    assert not agreed("East").allows("West") and agreed("2").allows("West")


# Declared and itemised


@pytest.mark.parametrize(("events", "declared", "itemised", "differ"), [
    (("harm_S3",), 2, 2, False), (("harm_S3",), 2, 1, True), (("harm_S3",), 0, 1, True),
    (("override",), 9, 0, False), (("harm_S1", "harm_S2", "harm_S3"), 1, 0, False),
    (("harm_S2",), 1, 0, True), (("harm_S1",), 0, 0, False),
])
def test_counts_differ_where_both_are_told_or_where_each_event_has_to_be_an_incident(
        events: tuple[str, ...], declared: int, itemised: int, differ: bool) -> None:
    assert counts_differ(events, declared, itemised) is differ

"""When reviews, reports and reminders fall due, in Shanghai and where summer time intervenes."""

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.cadence import (
    REMINDERS,
    TIERS,
    cap_at,
    days_after,
    first_due,
    local_day,
    next_due,
    overdue_trigger_at,
    period_number,
    planned_count,
    reminders,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai
tiers = st.sampled_from(sorted(TIERS))
instants = st.timedeltas(timedelta(0), timedelta(days=730)).map(lambda past: datetime(2026, 1, 1, tzinfo=UTC) + past)


def shanghai(month: int, day: int, hour: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=SHANGHAI)


# Reviews


@pytest.mark.parametrize(("tier", "reviews"), [("R1", 2), ("R2", 3), ("R3", 6), ("R4", 13)])
def test_a_trial_of_180_days_is_reviewed_as_often_as_its_tier_says(tier: str, reviews: int) -> None:
    assert planned_count(date(2026, 3, 2), date(2026, 3, 2) + timedelta(days=180), tier) == reviews


@pytest.mark.parametrize("tier", ["R1", "R2", "R3", "R4"])
def test_the_planned_count_is_what_walking_from_review_to_review_finds(tier: str) -> None:
    end, due, held = shanghai(8, 30), first_due(START, tier, SHANGHAI), 0
    while due <= end:
        held, reviewed = held + 1, due - timedelta(hours=3)
        due = next_due(reviewed, reviewed, tier, SHANGHAI)
    assert held == planned_count(date(2026, 3, 2), date(2026, 8, 29), tier)


FULL_TRIAL = 180
ON_TIME, LAST_RUNG, TRIGGER = "on its day", "seven days late", "on the day it would stop the trial"


def held_on(tier: str, late_days: Iterable[int]) -> list[int]:
    """The days of a full trial on which its reviews are held, each so many days late."""
    start, days = local_day(START, SHANGHAI), list[int]()
    due = first_due(START, tier, SHANGHAI)
    for late in late_days:
        held = due + timedelta(days=late, hours=-3)
        day = (local_day(held, SHANGHAI) - start).days
        if day > FULL_TRIAL:
            break
        days.append(day)
        due = next_due(held, held, tier, SHANGHAI)
        assert due > held, "no review is born overdue"
    return days


@pytest.mark.parametrize(
    ("tier", "held", "late", "days"),
    [
        ("R4", ON_TIME, 0, [7, 21, 35, 49, 63, 77, 91, 105, 119, 133, 147, 161, 175]),
        ("R3", ON_TIME, 0, [14, 44, 74, 104, 134, 164]),
        ("R2", ON_TIME, 0, [30, 90, 150]),
        ("R1", ON_TIME, 0, [90, 180]),
        ("R4", LAST_RUNG, 7, [14, 35, 56, 77, 98, 119, 140, 161]),
        ("R3", LAST_RUNG, 7, [21, 58, 95, 132, 169]),
        ("R2", LAST_RUNG, 7, [37, 104, 171]),
        ("R1", LAST_RUNG, 7, [97]),
        ("R4", TRIGGER, 14, [21, 49, 77, 105, 133, 161]),
        ("R3", TRIGGER, 14, [28, 72, 116, 160]),
        ("R2", TRIGGER, 30, [60, 150]),
        ("R1", TRIGGER, 30, [120]),
    ],
)
def test_reviews_of_a_full_trial_each_held_so_late_fall_on_these_days(
    tier: str, held: str, late: int, days: list[int]
) -> None:
    """Every gap is the interval plus the lateness of the one review, never more: lateness does not stack."""
    found = held_on(tier, itertools.repeat(late))
    gaps = {after - before for before, after in itertools.pairwise(found)}
    assert found == days, held
    assert gaps <= {TIERS[tier].every_days + late}
    assert found[0] == TIERS[tier].first_day + late


@given(tiers, st.lists(st.integers(-6, 14), min_size=30, max_size=30))
def test_however_late_or_early_each_is_held_the_next_is_an_interval_from_that_day(tier: str, late: list[int]) -> None:
    """What was late before leaves no trace in the next gap; only its own lateness does."""
    found = held_on(tier, late)
    gaps = [after - before for before, after in itertools.pairwise(found)]
    assert gaps == [TIERS[tier].every_days + own for own in late[1:len(found)]]


def test_one_review_held_late_is_followed_by_one_that_is_due_an_interval_later_not_two_at_once() -> None:
    assert held_on("R4", [0, 10, *[0] * 20]) == [7, 31, 45, 59, 73, 87, 101, 115, 129, 143, 157, 171]


def test_a_trial_shorter_than_the_first_interval_has_no_review_planned() -> None:
    assert planned_count(date(2026, 3, 2), date(2026, 5, 30), "R1") == 0


@pytest.mark.parametrize(
    ("tier", "due"),
    [("R1", shanghai(6, 1)), ("R2", shanghai(4, 2)), ("R3", shanghai(3, 17)), ("R4", shanghai(3, 10))],
)
def test_the_first_review_is_due_at_midnight_after_its_day(tier: str, due: datetime) -> None:
    assert first_due(START, tier, SHANGHAI) == due
    assert first_due(START, tier, SHANGHAI).tzinfo is UTC


def test_the_day_is_the_one_in_the_jurisdiction_and_not_in_utc() -> None:
    late_evening_in_utc = datetime(2026, 3, 1, 20, tzinfo=UTC)
    assert first_due(late_evening_in_utc, "R4", SHANGHAI) == shanghai(3, 10)


def test_the_next_review_is_counted_from_when_the_last_was_held() -> None:
    held = shanghai(4, 10, 15)
    assert next_due(held, held, "R2", SHANGHAI) == shanghai(6, 10)


def test_a_stand_in_check_moves_the_next_review_but_never_past_the_statutory_cap() -> None:
    anchor, stand_in = shanghai(3, 2, 9), shanghai(8, 31, 9)
    assert next_due(stand_in, anchor, "R4", SHANGHAI) == shanghai(9, 2), "183 days, a day before six months"
    assert next_due(stand_in, stand_in, "R4", SHANGHAI) == shanghai(9, 15)


def test_the_statutory_cap_is_never_past_six_months_where_those_are_short() -> None:
    anchor = shanghai(8, 31, 9)
    assert cap_at(anchor, "R4", SHANGHAI) == shanghai(3, 1, year=2027)
    assert cap_at(anchor, "R1", SHANGHAI) == shanghai(9, 1, year=2027)


@pytest.mark.parametrize(
    ("tier", "held", "last"),
    [
        ("R4", date(2026, 1, 31), date(2026, 7, 31)),
        ("R4", date(2026, 8, 31), date(2027, 2, 28)),
        ("R4", date(2027, 8, 31), date(2028, 2, 29)),
        ("R4", date(2027, 8, 29), date(2028, 2, 28)),
        ("R4", date(2028, 2, 29), date(2028, 8, 29)),
        ("R1", date(2026, 1, 31), date(2027, 1, 31)),
        ("R1", date(2027, 3, 1), date(2028, 2, 29)),
        ("R1", date(2028, 2, 29), date(2029, 2, 28)),
    ],
)
def test_months_of_the_cap_end_with_the_month_where_it_is_short_and_in_leap_years(
    tier: str, held: date, last: date
) -> None:
    """183 and 365 days bind where they are fewer than the months: 29 August 2027, 1 March 2027."""
    at = datetime.combine(held, time(11), SHANGHAI)
    assert cap_at(at, tier, SHANGHAI) == datetime.combine(last + timedelta(days=1), time(), SHANGHAI)


@given(instants, tiers)
def test_the_statutory_cap_is_within_both_readings_of_the_law(anchor: datetime, tier: str) -> None:
    cap = cap_at(anchor, tier, SHANGHAI)
    assert cap - anchor <= timedelta(days=TIERS[tier].cap_days + 1)
    assert cap - anchor > timedelta(days=TIERS[tier].every_days)


@pytest.mark.parametrize(("tier", "days"), [("R1", 30), ("R2", 30), ("R3", 14), ("R4", 14)])
def test_an_unheld_review_suspends_after_the_days_of_its_tier(tier: str, days: int) -> None:
    due, cap = shanghai(6, 1), shanghai(12, 1)
    assert overdue_trigger_at(due, tier, SHANGHAI, cap) == due + timedelta(days=days)


def test_an_unheld_review_suspends_at_the_statutory_cap_if_that_comes_first() -> None:
    due, cap = shanghai(6, 1), shanghai(6, 9)
    assert overdue_trigger_at(due, "R4", SHANGHAI, cap) == cap


@given(instants, tiers, st.sampled_from([SHANGHAI, BERLIN]))
def test_what_is_due_is_due_at_a_local_midnight_whatever_summer_time_does(
    start: datetime, tier: str, zone: ZoneInfo
) -> None:
    due = first_due(start, tier, zone)
    for instant in (due, cap_at(start, tier, zone)):
        assert instant.astimezone(zone).strftime("%H:%M:%S") == "00:00:00"


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        first_due(START.replace(tzinfo=None), "R1", SHANGHAI)


def test_the_panel_of_a_tier_can_lose_two_members_and_keep_its_quorum_except_in_the_lowest() -> None:
    assert {tier: row.panel - row.quorum for tier, row in TIERS.items()} == {"R1": 1, "R2": 2, "R3": 2, "R4": 2}


# Reminders


def test_reminders_climb_from_the_reviewer_to_the_substitute() -> None:
    sent = reminders(shanghai(6, 1), 60, SHANGHAI)
    assert [rung.days for _, rung in sent] == [-14, -7, -3, -1, 0, 1, 3, 7]
    assert [at for at, _ in sent] == [shanghai(6, 1) + timedelta(days=rung.days) for rung in REMINDERS]
    first_asked: dict[str, int] = {}
    for _, rung in sent:
        first_asked |= {who: rung.days for who in rung.to if who not in first_asked}
    assert first_asked == {"reviewer": -14, "officer": 0, "deputy": 1, "substitute": 3}


@pytest.mark.parametrize(("interval", "first"), [(29, -14), (28, -7), (14, -7), (7, -3), (3, -1)])
def test_a_reminder_is_never_sent_before_its_interval_begins(interval: int, first: int) -> None:
    assert reminders(shanghai(6, 1), interval, SHANGHAI)[0][1].days == first


# Feedback


@given(instants, st.integers(1, 60), st.integers(1, 900), st.sampled_from([SHANGHAI, BERLIN]))
def test_what_was_before_the_start_has_periods_of_the_same_length_from_zero_down(
    start: datetime, days: int, before: int, zone: ZoneInfo
) -> None:
    at = days_after(start, -before, zone)
    assert period_number(start, days, at, zone) == -(before // days) and period_number(start, days, start, zone) == 1
    assert period_number(start, days, start - timedelta(microseconds=1), zone) <= 0

"""Whose turn it is to sit, and what a review is paid."""

from datetime import date, timedelta

from cast import START

from sandbox.rules.workload import Load, Rate, fee_of, turn

DAY = timedelta(days=1)


def test_the_least_loaded_comes_first_and_of_equals_who_was_seated_last() -> None:
    never, fresh = Load(), Load(since=START)
    old, busy = Load(since=START - 90 * DAY), Load(trials=2, since=START)
    worked, asked = Load(held=3, since=START), Load(due=1, since=START)
    assert sorted([busy, worked, old, asked, fresh, never], key=turn) == [never, fresh, old, asked, worked, busy]


def test_a_fee_holds_from_its_day_and_the_one_set_last_for_a_day_counts() -> None:
    rates = [Rate("periodic", 500.0, date(2026, 3, 1), START), Rate("periodic", 800.0, date(2026, 4, 1), START),
             Rate("periodic", 900.0, date(2026, 4, 1), START + DAY), Rate("called", 50.0, date(2026, 3, 1), START)]
    paid = [fee_of(rates, "periodic", day) for day in (date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 1))]
    assert paid == [None, 500.0, 900.0]
    assert fee_of(rates, "yellow", date(2026, 4, 1)) is None

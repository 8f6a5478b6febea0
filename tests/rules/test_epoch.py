"""An epoch's evidence: kept states against a replay, what is untold, and facts that come late or are taken back."""

import math
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.rules.epoch import (
    Epoch,
    Row,
    Usage,
    Watch,
    chained,
    finding,
    planned_periods,
    settle,
    steps,
    together,
    trail,
)
from sandbox.rules.evidence import BERNOULLI_ABOVE, ChangeAware, bets, log_e_bernoulli, log_e_up

START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
EPOCH = Epoch(START, 7, ZONE, START, 12, 100.0)
LATER = START + 200 * DAY
IDLE = Usage(EPOCH, (), LATER)
rows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 700_000_000)), min_size=1, max_size=14)


def watch(found: Sequence[tuple[int, int]], indicator: str = "complaint", limit: float = 0.01) -> Watch:
    """A watch over consecutive periods of (events, millionths of an exposure)."""
    return Watch(indicator, limit, 1.0, ChangeAware(EPOCH.planned, bets(limit)),
                 tuple(Row(place, k, 0, n / 1e6) for place, (k, n) in enumerate(found, 1)))


def log_e(one: Watch) -> float:
    return finding(one, steps(one, IDLE)).log_e


@settings(max_examples=40)
@given(rows, st.integers(0, 15))
def test_states_kept_after_any_period_and_a_replay_from_the_first_agree_to_the_bit(
        found: list[tuple[int, int]], upto: int) -> None:
    whole = watch(found)
    counted = steps(whole, IDLE)
    kept = settle(whole, counted, upto)
    rest = [one for one in counted if one[0] > upto]
    one, other = finding(kept, rest), finding(whole, counted)
    assert (one.events, one.exposures, one.log_e) == (other.events, other.exposures, other.log_e)
    assert chained(one.chain, one.open) == chained(other.chain, other.open)


@settings(max_examples=40)
@given(rows, st.data())
def test_a_late_event_never_lowers_evidence_and_taking_it_back_gives_the_same_bits(
        found: list[tuple[int, int]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(found) - 1))
    late = [(k + (at == place), n) for at, (k, n) in enumerate(found)]
    back = [(k - (at == place), n) for at, (k, n) in enumerate(late)]
    assert log_e(watch(late)) >= log_e(watch(found)) - 1e-12
    assert log_e(watch(back)) == log_e(watch(found))


@settings(max_examples=40)
@given(rows, st.data())
def test_more_exposure_never_raises_evidence(found: list[tuple[int, int]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(found) - 1))
    more = [(k, n + 50_000_000 * (at == place)) for at, (k, n) in enumerate(found)]
    assert log_e(watch(more)) <= log_e(watch(found)) + 1e-12


@settings(max_examples=40)
@given(rows)
def test_the_trail_ends_where_the_evidence_stands(found: list[tuple[int, int]]) -> None:
    one = watch(found)
    counted = steps(one, IDLE)
    trailed = trail([one], [counted])
    assert not trailed or trailed[-1][1] == pytest.approx(together([finding(one, counted)]), abs=1e-9)


def test_more_exposures_than_the_caps_allow_count_no_further() -> None:
    honest, boasting = (steps(watch([(3, n * 10**6)]), IDLE)[0] for n in (700, 70_000))
    assert boasting[2] <= 8 * 100.0 and boasting[2] >= honest[2]


def test_a_dilution_by_boasting_is_no_weaker_than_full_use() -> None:
    assert log_e(watch([(9, 10**12), (9, 10**12)])) == log_e(watch([(9, 800 * 10**6), (9, 700 * 10**6)]))


def test_time_of_which_nothing_is_told_is_taken_at_the_rate_of_the_caps_by_period() -> None:
    unseen = Usage(EPOCH, [(START + 5 * DAY, START + 17 * DAY)], START + 17 * DAY).untold
    assert sum(unseen.values()) == pytest.approx(1200.0)
    assert unseen[2] == pytest.approx(700.0) and sorted(unseen) == [1, 2, 3]


def test_events_before_any_exposure_are_judged_against_what_may_have_been_used() -> None:
    bare = Watch("complaint", 0.01, 1.0, ChangeAware(12, bets(0.01)), (Row(1, 2, 0, 0.0),))
    used = finding(bare, steps(bare, Usage(EPOCH, [(START, START + 3 * DAY)], START + 3 * DAY)))
    assert used.exposures == pytest.approx(300.0) and used.log_e < math.log(5)
    assert log_e(bare) > math.log(5), "without a denominator two events would be red at once"


def test_allegations_count_only_where_they_are_asked_for() -> None:
    one = Watch("complaint", 0.01, 1.0, ChangeAware(12, bets(0.01)), (Row(1, 1, 20, 100.0),))
    said, known = (finding(one, steps(one, IDLE, alleged=alleged)) for alleged in (True, False))
    assert (said.events, known.events) == (21, 1) and said.log_e > known.log_e


def test_where_no_rate_is_agreed_events_without_exposures_say_nothing() -> None:
    before = Epoch(START, 30, ZONE, START - 360 * DAY, 12, None)
    one = watch([(8, 0), (1, 10**12)])
    assert steps(one, Usage(before, (), LATER)) == [(2, 1, 10**6)]


def test_facts_from_before_the_opening_count_in_the_first_period() -> None:
    one = Watch("complaint", 0.01, 1.0, ChangeAware(12, bets(0.01)), (Row(-1, 1, 0, 5.0), Row(1, 2, 0, 6.0)))
    assert steps(one, IDLE) == [(1, 3, 11.0)]


def test_an_epoch_that_opens_late_has_the_periods_that_are_left_and_bets_all_of_its_stake() -> None:
    ends = EPOCH.deadline(12)
    assert planned_periods(START, 7, ZONE, START, ends) == 12
    opened = START + 20 * DAY
    late = Epoch(START, 7, ZONE, opened, planned_periods(START, 7, ZONE, opened, ends), 100.0)
    assert late.planned == 10 and late.number(opened) == 1 and late.number(ends - timedelta(seconds=1)) == 10
    assert late.opens(1) == opened and late.opens(2) == late.deadline(1)


@pytest.mark.parametrize("limit", [BERNOULLI_ABOVE / 2, 0.10])
def test_the_bernoulli_form_is_used_above_its_limit_where_a_case_has_at_most_one_event(limit: float) -> None:
    placed = bets(limit, single=True)
    found = ChangeAware(1, placed).close(9, 40.0).so_far()
    expected = log_e_bernoulli(9, 40, limit) if limit > BERNOULLI_ABOVE else log_e_up(9, 40 * limit)
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_thousand_periods_told_in_any_order_of_arrival_give_the_same_bits() -> None:
    dice = random.Random(20260104)
    told = [(dice.randrange(1, 13), dice.randrange(3), dice.randrange(10**9)) for _ in range(1000)]
    sums: list[float] = []
    for _ in range(3):
        dice.shuffle(told)
        by_period = {place: (sum(k for at, k, _ in told if at == place), sum(n for at, _, n in told if at == place))
                     for place in range(1, 13)}
        sums.append(log_e(watch([by_period[place] for place in range(1, 13)], limit=1e-3)))
    assert len(set(sums)) == 1

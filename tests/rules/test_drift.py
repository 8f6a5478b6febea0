"""Drift: the published figures, and a bound that forgives what the sample's size explains."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.drift import cases_needed, chi_square, drift_bound, look, psi

bins = st.lists(st.integers(0, 500), min_size=10, max_size=10)


def test_the_index_is_the_published_one() -> None:
    assert psi([100] * 10, [14, 6, *[10] * 8]) == pytest.approx(0.030565580, abs=1e-9)


@pytest.mark.parametrize(("probability", "quantile"), [(0.999, 28.06), (0.95, 16.90)])
def test_the_quantile_is_the_approximation_published(probability: float, quantile: float) -> None:
    assert chi_square(9, probability) == pytest.approx(quantile, abs=0.005)


@given(bins, bins)
def test_the_index_is_never_below_zero_and_the_same_both_ways_for_samples_of_one_size(
        one: list[int], other: list[int]) -> None:
    assert psi(one, other) >= 0
    assert psi(one, one) == 0


@pytest.mark.parametrize(("reference", "now"), [([1, 2], [1, 2, 3]), ([1], [1]), ([1, -1], [1, 1])])
def test_other_bins_and_counts_below_zero_are_refused(reference: list[int], now: list[int]) -> None:
    with pytest.raises(ValueError, match="bins"):
        psi(reference, now)


def test_without_a_sample_nothing_has_drifted() -> None:
    assert drift_bound(0, 1000, 10, 1) == float("inf")
    assert not look([100] * 10, [0] * 10, 1).drifted and not look([100] * 10, [0] * 10, 1).enough


def test_a_small_sample_without_drift_seldom_warns_in_two_years_and_a_real_drift_does() -> None:
    """At 100 a week against 2,000 the plain rule (an index over .1) warns always; ours in at most one trial of ten."""
    dice = random.Random(20260103)

    def warns(weights: list[float]) -> bool:
        weeks = (Counter(dice.choices(range(10), weights, k=100)) for _ in range(104))
        return any(look([200] * 10, [week[place] for place in range(10)], number).drifted
                   for number, week in enumerate(weeks, 1))

    assert sum(warns([1.0] * 10) for _ in range(25)) / 25 <= 0.2
    assert warns([3.0, 2.0, *[1.0] * 8])


@given(m=st.integers(1, 5000), week=st.integers(1, 104), of=st.integers(1, 20))
def test_as_many_cases_as_are_needed_tell_a_large_shift_and_one_fewer_do_not(m: int, week: int, of: int) -> None:
    needed = cases_needed(m, 10, week, of)
    if needed is None:
        assert drift_bound(10**9, m, 10, week, of) > 0.25
    else:
        assert drift_bound(needed, m, 10, week, of) <= 0.25 + 1e-12
        assert needed == 1 or drift_bound(needed - 1, m, 10, week, of) > 0.25


def test_several_distributions_share_the_chance_of_a_false_warning() -> None:
    one, both = (drift_bound(20, 2000, 10, 1, of) for of in (1, 2))
    assert one == pytest.approx((1 / 20 + 1 / 2000) * chi_square(9, 0.95))
    assert both == pytest.approx((1 / 20 + 1 / 2000) * chi_square(9, 0.975))

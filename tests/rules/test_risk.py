"""The live light: oracles, exact false-alarm probabilities, a seeded simulation, and what must hold for any counts."""

import math
import random
import statistics
from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.rules.evidence import (
    ChangeAware,
    combine,
    e_bh,
    log_e_bernoulli,
    log_e_low,
    log_e_up,
    shares,
)
from sandbox.rules.risk import (
    SEES_FIVEFOLD,
    Headroom,
    Light,
    cap_light,
    exposures_needed,
    grave_light,
    hard_budget,
    headroom,
    light,
    mitigation_light,
    silent_days,
    thresholds,
    too_early,
)

AT = thresholds(beside_budget=False)
counts = st.integers(0, 10**6)
expected = st.floats(0, 1e5)
periods = st.lists(st.tuples(st.integers(0, 50), st.floats(0, 20)), min_size=1, max_size=12)


def log_poisson(k: int, mu: float) -> float:
    return k * math.log(mu) - mu - math.lgamma(k + 1)


def poisson(k: int, mu: float) -> float:
    return math.exp(log_poisson(k, mu))


@cache
def latest_alarm(k: int, threshold: float) -> float:
    """The largest mu at which the k-th event still alarms; 0 if it never does."""
    low, high = 0.0, float(k)
    if log_e_up(k, 0.0) < math.log(threshold):
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if log_e_up(k, middle) >= math.log(threshold) else (low, middle)
    return low


def false_alarm(alpha: float, until: float) -> float:
    """Exact chance of an alarm at the limit before `until` expected events, looking at every event."""
    alive, now, k = [1.0], 0.0, 0
    while now < until:
        k += 1
        then = max(now, min(latest_alarm(k, 1 / alpha), until))
        step = [1.0] if then == now else [poisson(j, then - now) for j in range(min(k, 40))]
        alive = [
            math.fsum(alive[m] * step[n - m] for m in range(max(0, n - len(step) + 1), min(n + 1, len(alive))))
            for n in range(k)
        ]
        now = then
    return 1 - math.fsum(alive)


def alarm_at(ratio: float, until: float, dice: random.Random) -> float | None:
    """Expected events at the limit when one simulated stream alarms at 20, or None."""
    mu, k = 0.0, 0
    while True:
        mu, k = mu + dice.expovariate(ratio), k + 1
        if mu > until:
            return None
        if mu <= latest_alarm(k, 20.0):
            return mu


# Oracles


@pytest.mark.parametrize(
    ("k", "mu", "log_e"),
    [
        (0, 0, 0.0), (0, 1, -1.1462358952), (1, 0.5, -0.1098542404), (3, 1, 0.7401968705), (5, 1, 3.0058354100),
        (10, 4, 2.1379695406), (20, 10, 2.6428314192), (50, 50, -3.1012293277),
    ],
)
def test_evidence_above_the_limit_agrees_with_the_published_figures(k: int, mu: float, log_e: float) -> None:
    assert log_e_up(k, mu) == pytest.approx(log_e, abs=1e-9)


@pytest.mark.parametrize(
    ("k", "mu", "log_e"),
    [(0, 3, 2.3234008064), (1, 5, 1.7348711776), (3, 10, 2.4856543898), (10, 10, -1.7925211122)],
)
def test_evidence_below_the_limit_agrees_with_the_published_figures(k: int, mu: float, log_e: float) -> None:
    assert log_e_low(k, mu) == pytest.approx(log_e, abs=1e-9)


@pytest.mark.parametrize(
    ("k", "n", "p0", "log_e"),
    [(5, 100, 0.01, 3.0607541799), (20, 1000, 0.01, 2.6834538126), (60, 500, 0.1, -0.6474885427)],
)
def test_the_bernoulli_form_agrees_with_the_published_figures(k: int, n: int, p0: float, log_e: float) -> None:
    assert log_e_bernoulli(k, n, p0) == pytest.approx(log_e, abs=1e-9)


@pytest.mark.parametrize("mu", [0.1, 1.0, 5.0, 20.0])
def test_at_the_limit_evidence_is_one_on_average_and_below_the_limit_less(mu: float) -> None:
    def mean(true: float) -> float:
        return math.fsum(math.exp(log_poisson(k, true) + log_e_up(k, mu)) for k in range(700))

    assert mean(mu) == pytest.approx(1, abs=1e-9)
    assert mean(0.7 * mu) < 1


def test_one_event_never_alarms_and_each_further_one_alarms_up_to_its_own_exposure() -> None:
    limits = [0.0235, 0.3137, 0.6336, 1.0029, 1.4274, 1.8899, 2.3788, 2.8925, 3.4308]
    assert math.exp(log_e_up(1, 0)) == pytest.approx(3.79, abs=0.005)
    assert latest_alarm(1, 20.0) == 0
    assert [latest_alarm(k, 20.0) for k in range(2, 11)] == pytest.approx(limits, abs=5e-5)


@pytest.mark.parametrize(
    ("alpha", "until", "chance"),
    [(0.2, 50, 0.124059), (0.05, 50, 0.028270), (0.05, 500, 0.035956), (0.01, 50, 0.005176)],
)
def test_the_exact_chance_of_a_false_alarm_keeps_the_promise(alpha: float, until: float, chance: float) -> None:
    assert false_alarm(alpha, until) == pytest.approx(chance, abs=5e-6)


def test_change_aware_evidence_agrees_with_the_published_figures() -> None:
    state, seen = ChangeAware(planned=4), []
    for k, mu in ((0, 1), (0, 1), (4, 1), (5, 1)):
        state = state.close(k, mu)
        seen.append(state.log_e())
    assert seen == pytest.approx([-0.417160076, -0.733264868, 0.469232478, 3.668478743], abs=1e-9)
    assert log_e_up(9, 4) == pytest.approx(1.392275268, abs=1e-9)


def test_with_many_trials_those_to_inspect_are_the_published_ones() -> None:
    evidence = (500, 90, 60, 10, 3, 1, 0.5, 0.2, 0.1, 0.01)
    assert e_bh([math.log(e) for e in evidence], alpha=0.1) == {0, 1, 2}


def test_the_rule_of_three_holds_at_any_moment_for_the_price_of_a_mixture() -> None:
    assert log_e_low(0, 3.779) == pytest.approx(math.log(20), abs=1e-3)
    assert log_e_low(5, 14.357) == pytest.approx(math.log(20), abs=1e-3)


# Simulation (R = 8000, 99.9 %)


def test_simulated_false_alarms_at_the_limit_stay_within_their_band() -> None:
    dice = random.Random(20260101)
    alarms = sum(alarm_at(1, 50, dice) is not None for _ in range(8000))
    assert alarms / 8000 == pytest.approx(0.028, abs=0.007)


@pytest.mark.parametrize(("ratio", "median", "band"), [(2, 8.2, 0.5), (5, 0.85, 0.06)])
def test_a_simulated_excess_is_found_as_soon_as_promised(ratio: float, median: float, band: float) -> None:
    dice = random.Random(20260102)
    found = [alarm_at(ratio, 50, dice) or 50 for _ in range(8000)]
    assert statistics.median(found) == pytest.approx(median, abs=band)


# What must hold for any counts


@given(counts, st.floats(0, 1e4), st.floats(0.01, 100))
def test_one_event_more_raises_evidence_and_more_exposure_lowers_it(k: int, mu: float, more: float) -> None:
    assert log_e_up(k + 1, mu) > log_e_up(k, mu)
    assert log_e_up(k, mu + more) < log_e_up(k, mu)
    assert log_e_low(k, mu + more) > log_e_low(k, mu)


@given(counts, expected)
def test_evidence_is_finite_for_any_counts(k: int, mu: float) -> None:
    assert math.isfinite(log_e_up(k, mu))
    assert math.isfinite(log_e_low(k, mu))


@given(st.integers(0, 200), st.integers(0, 200), st.floats(0.001, 0.999))
def test_the_bernoulli_form_rises_with_each_event(k: int, rest: int, p0: float) -> None:
    n = k + rest + 1
    assert log_e_bernoulli(k + 1, n, p0) > log_e_bernoulli(k, n, p0)


@given(periods)
def test_a_single_planned_period_equals_the_plain_form(seen: list[tuple[int, float]]) -> None:
    k, mu = seen[0]
    assert ChangeAware(planned=1).log_e(k, mu) == pytest.approx(log_e_up(k, mu), abs=1e-9)


@given(periods, st.integers(1, 15), st.integers(0, 11))
def test_a_late_event_never_lowers_change_aware_evidence(
    seen: list[tuple[int, float]], planned: int, place: int
) -> None:
    late = [(k + (i == place % len(seen)), mu) for i, (k, mu) in enumerate(seen)]
    before, after = replay(seen, planned), replay(late, planned)
    assert after >= before or after == pytest.approx(before, abs=1e-12)


@given(periods, st.integers(1, 15))
def test_closing_a_period_leaves_the_evidence_as_it_was_in_the_open_one(
    seen: list[tuple[int, float]], planned: int
) -> None:
    state = ChangeAware(planned)
    for k, mu in seen:
        opened, state = state.log_e(k, mu), state.close(k, mu)
        assert state.log_e() == pytest.approx(opened, abs=1e-9)


@settings(deadline=None)
@given(periods, st.integers(1, 15), st.floats(0.1, 5))
def test_at_the_limit_the_next_period_leaves_change_aware_evidence_as_it_is_on_average(
    seen: list[tuple[int, float]], planned: int, mu: float
) -> None:
    state = ChangeAware(planned)
    for k, spent in seen:
        state = state.close(k, spent)
    mean = math.fsum(math.exp(log_poisson(k, mu) + state.log_e(k, mu) - state.log_e()) for k in range(250))
    assert mean == pytest.approx(1, abs=1e-9)


def replay(seen: Sequence[tuple[int, float]], planned: int) -> float:
    state = ChangeAware(planned)
    for k, mu in seen:
        state = state.close(k, mu)
    return state.log_e()


def test_an_extension_beyond_the_planned_periods_bets_nothing_more() -> None:
    state = ChangeAware(planned=2).close(0, 1).close(0, 1)
    assert state.close(0, 0.0).log_e() == state.log_e()


@pytest.mark.parametrize(("k", "mu"), [(-1, 1.0), (1, -1.0), (1, math.inf), (1, math.nan)])
def test_counts_below_zero_and_endless_exposure_are_refused(k: int, mu: float) -> None:
    for evidence in (log_e_up, log_e_low, ChangeAware(planned=3).log_e):
        with pytest.raises(ValueError, match="expected"):
            evidence(k, mu)


@pytest.mark.parametrize(("k", "n", "p0"), [(3, 2, 0.1), (-1, 2, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_more_events_than_exposures_and_a_limit_of_zero_are_refused(k: int, n: int, p0: float) -> None:
    with pytest.raises(ValueError, match="at a limit of"):
        log_e_bernoulli(k, n, p0)


def test_a_plan_without_periods_is_refused() -> None:
    with pytest.raises(ValueError, match="planned periods"):
        ChangeAware(planned=0)


# Several indicators together


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(-50, 50)), min_size=1, max_size=8))
def test_the_trial_has_the_weighted_mean_of_its_indicators_and_shares_add_up(rows: list[tuple[float, float]]) -> None:
    weights, logs = zip(*rows, strict=True)
    mean = math.fsum(w * math.exp(x) for w, x in rows) / math.fsum(weights)
    assert combine(weights, logs) == pytest.approx(math.log(mean), abs=1e-9)
    assert math.fsum(shares(weights, logs)) == pytest.approx(1)


def test_an_indicator_without_data_and_one_without_weight_change_nothing_by_themselves() -> None:
    assert combine((0.5, 0.5), (0.0, 0.0)) == pytest.approx(0)
    assert combine((1.0, 0.0), (2.0, 700.0)) == pytest.approx(2)


def test_evidence_of_a_million_events_is_combined_without_overflow() -> None:
    assert combine((0.5, 0.5), (log_e_up(10**6, 1.0), 0.0)) > 1_400_000


def test_an_indicator_whose_evidence_has_vanished_leaves_the_others() -> None:
    assert combine((1.0,), (-math.inf,)) == -math.inf
    assert combine((0.5, 0.5), (-math.inf, 2.0)) == pytest.approx(2 + math.log(0.5))


@pytest.mark.parametrize("weights", [(), (0.0, 0.0), (1.5, -0.5)])
def test_weights_below_zero_or_all_zero_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="weights"):
        combine(weights, (0.0,) * len(weights))


# The light


@pytest.mark.parametrize(
    ("evidence", "early", "rules", "colour"),
    [
        (1.0, False, (), Light.GREEN),
        (1.0, True, (), Light.GREY),
        (4.99, False, (), Light.GREEN),
        (5.01, True, (), Light.YELLOW),
        (19.9, False, (), Light.YELLOW),
        (20.1, True, (), Light.RED),
        (1.0, True, (Light.YELLOW, Light.GREEN), Light.YELLOW),
        (1.0, True, (Light.YELLOW, Light.RED), Light.RED),
    ],
)
def test_the_light_follows_evidence_and_rules_and_grey_hides_neither(
    evidence: float, early: bool, rules: tuple[Light, ...], colour: Light
) -> None:
    assert light(math.log(evidence), AT, early=early, rules=rules) is colour


def test_beside_a_budget_for_grave_incidents_red_needs_25() -> None:
    at = thresholds(beside_budget=True)
    assert light(math.log(24), at, early=False) is Light.YELLOW
    assert light(math.log(25.1), at, early=False) is Light.RED


def test_a_cleared_yellow_comes_back_at_five_times_the_evidence_and_red_stays_where_it_was() -> None:
    cleared = thresholds(beside_budget=False, cleared_at=math.log(3))
    assert light(math.log(14.9), cleared, early=False) is Light.GREEN
    assert light(math.log(15.1), cleared, early=False) is Light.YELLOW
    assert cleared.red == AT.red


def test_it_is_too_early_until_five_times_the_limit_would_probably_show() -> None:
    assert too_early(SEES_FIVEFOLD - 0.01, 1.0, AT)
    assert not too_early(SEES_FIVEFOLD, 1.0, AT)
    assert too_early(SEES_FIVEFOLD, 0.3, AT), "a smaller weight needs more evidence for the same light"
    assert too_early(1e9, 0.0, AT), "without weight nothing ever shows"


@pytest.mark.parametrize("weight", [1.0, 0.3, 0.1])
def test_once_it_is_not_too_early_a_fivefold_excess_shows_nine_times_in_ten(weight: float) -> None:
    dice, until = random.Random(20260103), exposures_needed(1.0 / 1000, weight, AT) / 1000
    threshold = math.log(20 / weight)
    seen = 0
    for _ in range(1500):
        mu, k, found = dice.expovariate(5), 1, False
        while mu <= until and not found:
            found = log_e_up(k, mu) >= threshold
            mu, k = mu + dice.expovariate(5), k + 1
        seen += found
    assert seen / 1500 > 0.87


def test_headroom_counts_the_events_that_are_left_before_each_colour() -> None:
    room = headroom(lambda extra: log_e_up(extra, 1.0), AT)
    assert room == Headroom(yellow=4, red=5)
    assert log_e_up(5, 1.0) >= AT.red > log_e_up(4, 1.0) >= AT.yellow > log_e_up(3, 1.0)


@given(st.integers(0, 30), st.floats(0, 40), st.floats(0.05, 1), st.floats(-5, 2))
def test_headroom_is_the_first_count_that_reaches_the_colour(k: int, mu: float, weight: float, rest: float) -> None:
    def after(extra: int) -> float:
        return combine((weight, 1 - weight + 1e-9), (log_e_up(k + extra, mu), rest))

    room = headroom(after, AT)
    assert room.yellow is not None and room.red is not None and room.yellow <= room.red
    assert after(room.red) >= AT.red
    assert room.red == 0 or after(room.red - 1) < AT.red


def test_headroom_of_a_serious_incident_counts_it_in_both_harm_streams() -> None:
    def alone(extra: int) -> float:
        return combine((0.2, 0.8), (log_e_up(extra, 0.5), log_e_up(0, 0.5)))

    def nested(extra: int) -> float:
        return combine((0.2, 0.8), (log_e_up(extra, 0.5), log_e_up(extra, 0.5)))

    assert headroom(alone, AT) == Headroom(yellow=4, red=5)
    assert headroom(nested, AT) == Headroom(yellow=3, red=4)


def test_there_is_no_headroom_to_tell_where_no_event_can_change_the_light() -> None:
    assert headroom(lambda extra: 0.0, AT) == Headroom(None, None)


# Rules beside the statistics


@pytest.mark.parametrize(
    ("used", "colour"), [(79.9, Light.GREEN), (80, Light.YELLOW), (100, Light.YELLOW), (100.1, Light.RED)]
)
def test_a_cap_warns_at_four_fifths_and_stops_when_passed(used: float, colour: Light) -> None:
    assert cap_light(used, 100) is colour


def test_a_cap_of_zero_stops_the_first_use_and_is_no_warning_before() -> None:
    assert cap_light(0, 0) is Light.GREEN
    assert cap_light(1, 0) is Light.RED


@pytest.mark.parametrize(
    ("s1", "s2", "budget", "colour"),
    [
        (0, 0, 3, Light.GREEN), (1, 0, 3, Light.RED), (0, 2, 3, Light.GREEN), (0, 3, 3, Light.RED),
        (0, 9, None, Light.GREEN),
    ],
)
def test_one_s1_incident_or_the_last_of_the_s2_budget_is_red(
    s1: int, s2: int, budget: int | None, colour: Light
) -> None:
    assert grave_light(s1, s2, budget) is colour


@pytest.mark.parametrize(
    ("limits", "rate", "days"),
    [
        ({"harm_serious": 1e-4}, 1000.0, 30.0), ({"harm_serious": 1e-4, "harm_S3": 1.0}, 1000.0, 30.0),
        ({"harm_S2": 1e-4, "harm_S3": 2e-4, "harm_S4": 1.0}, 1000.0, 10.0), ({"harm_any": 0.1}, 1000.0, None),
        ({}, 1000.0, None), ({"harm_serious": 1e-4}, None, None),
    ],
)
def test_a_silence_is_too_long_when_three_serious_events_could_hide_in_it(
    limits: dict[str, float], rate: float | None, days: float | None
) -> None:
    assert silent_days(limits, rate) == (days if days is None else pytest.approx(days))


@pytest.mark.parametrize(
    ("overdue", "days", "colour"),
    [(0, 0, Light.GREEN), (1, 0, Light.YELLOW), (1, 7, Light.YELLOW), (1, 7.5, Light.RED)],
)
def test_an_overdue_mitigation_is_yellow_and_a_critical_one_a_week_late_red(
    overdue: int, days: float, colour: Light
) -> None:
    assert mitigation_light(overdue, days) is colour


@pytest.mark.parametrize(
    ("alpha", "budgets"),
    [(0.05, [1, 1, 2, 2, 3, 4, 6, 7, 10, 16, 29, 63]), (0.01, [1, 2, 2, 3, 4, 5, 7, 9, 12, 19, 32, 68])],
)
def test_hard_budgets_agree_with_the_published_table(alpha: float, budgets: list[int]) -> None:
    sizes = (0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50)
    assert [hard_budget(m, alpha) for m in sizes] == budgets


@given(st.floats(0.001, 300), st.floats(0.001, 0.3))
def test_a_hard_budget_is_the_smallest_that_keeps_its_alpha(m: float, alpha: float) -> None:
    def tail(k: int) -> float:
        return math.fsum(poisson(j, m) for j in range(k, k + 600))

    budget = hard_budget(m, alpha)
    assert tail(budget) <= alpha + 1e-9
    assert tail(budget - 1) > alpha - 1e-9


@pytest.mark.parametrize(("m", "alpha"), [(0.0, 0.01), (math.inf, 0.01), (1.0, 0.0), (1.0, 1.0)])
def test_a_budget_without_a_limit_or_an_alpha_is_refused(m: float, alpha: float) -> None:
    with pytest.raises(ValueError, match="budget"):
        hard_budget(m, alpha)

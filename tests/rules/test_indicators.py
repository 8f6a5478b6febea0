"""What is shown beside the light, the table of indicators, and what a plan agrees on of them."""

import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.evidence import (
    Interval,
    log_e_low,
    log_e_up,
    rate_interval,
)
from sandbox.rules.risk import (
    INDICATORS,
    Kind,
    agreed_budget,
    feasible,
    planned_size,
    thresholds,
)
from sandbox.store.dossier import ExposureFields

# What is shown beside the light


def test_without_exposures_nothing_is_known_of_the_rate() -> None:
    assert rate_interval(0, 0) == Interval(0.0, math.inf)


def test_no_events_still_leave_a_high_rate_possible() -> None:
    interval = rate_interval(0, 1000, alpha=0.1)
    assert interval.low == 0
    assert interval.high * 1000 == pytest.approx(3.779, abs=1e-3), "one side at 95 % is the price of proof"


@given(st.integers(0, 5000), st.floats(0.5, 1e7))
def test_an_interval_holds_the_observed_rate_and_excludes_only_what_evidence_excludes(k: int, n: float) -> None:
    interval, bar = rate_interval(k, n), math.log(40)
    assert interval.low <= k / n * (1 + 1e-9) and interval.high > k / n
    assert log_e_low(k, interval.high * n) == pytest.approx(bar, abs=1e-6)
    if interval.low > 0:
        assert log_e_up(k, interval.low * n) == pytest.approx(bar, abs=1e-6)
    else:
        assert log_e_up(k, 0) < bar


def test_no_share_of_cases_is_above_one() -> None:
    assert rate_interval(3, 4).high > 1
    assert rate_interval(3, 4, most=1.0) == replace(rate_interval(3, 4), high=1.0)
    assert rate_interval(1, 1000, most=1.0) == rate_interval(1, 1000)
    assert rate_interval(0, 0, most=1.0) == Interval(0.0, 1.0)


def test_the_interval_of_a_constant_rate_holds_it_at_every_event_at_once() -> None:
    dice, missed = random.Random(20260104), 0
    for _ in range(400):
        n, excluded = 0.0, False
        for k in range(1, 60):
            n += dice.expovariate(1)
            excluded = excluded or max(log_e_up(k, n), log_e_low(k - 1, n)) >= math.log(40)
        missed += excluded
    assert missed / 400 <= 0.05


@pytest.mark.parametrize(
    ("m", "answers"),
    [(2.1, (False, False, False)), (2.2, (True, False, False)), (3.8, (True, False, True)), (21, (True, True, True))],
)
def test_a_plan_is_told_what_it_can_show(m: float, answers: tuple[bool, bool, bool]) -> None:
    can = feasible(m)
    assert (can.sees_fivefold, can.sees_twofold, can.can_certify) == answers


# The table


def test_the_eight_indicators_stand_in_the_table_and_their_weights_add_up() -> None:
    assert list(INDICATORS) == [
        "harm_serious", "harm_any", "complaint", "override", "disparity", "quality_drift", "exposure_cap",
        "silence_overdue",
    ]
    assert math.fsum(row.weight for row in INDICATORS.values()) == pytest.approx(1)


def test_rules_carry_no_weight_and_evidence_does() -> None:
    assert all((row.kind is Kind.RULE) == (row.weight == 0) for row in INDICATORS.values())


def test_an_incident_called_milder_is_still_harm() -> None:
    serious, every = INDICATORS["harm_serious"], INDICATORS["harm_any"]
    assert set(serious.events) < set(every.events)


# What a plan agrees on


@pytest.mark.parametrize(("limit", "size", "budget"), [(1e-4, 1e4, 5), (1e-3, 1e4, 19), (None, 1e4, None)])
def test_a_plan_with_a_limit_for_grave_incidents_has_the_budget_of_its_size(
        limit: float | None, size: float, budget: int | None) -> None:
    assert agreed_budget(limit, size, 0.05) == budget


def test_a_plan_is_as_large_as_its_volume_or_its_rate_over_its_days_allow() -> None:
    assert (planned_size(None, 100.0, 180), planned_size(5000.0, 100.0, 180)) == (18_000.0, 5000.0)


def test_beside_a_budget_red_comes_at_25_and_a_cleared_yellow_never_stands_past_red() -> None:
    assert math.exp(thresholds(beside_budget=True).red) == pytest.approx(25)
    cleared = thresholds(cleared_at=math.log(15))
    assert cleared.yellow == cleared.red == pytest.approx(math.log(20))


@pytest.mark.parametrize("missing", [{}, {"rate_per_day": None}, {"rate_per_day": 0.0}])
def test_a_plan_without_a_rate_of_its_caps_is_refused(missing: dict[str, float | None]) -> None:
    with pytest.raises(ValueError, match="rate_per_day"):
        ExposureFields.model_validate({"days": 90, **missing})

"""Who holds a review, what the panel advises, and when the next one comes sooner."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.cadence import TIERS
from sandbox.rules.reviewing import (
    COURSES,
    Candidate,
    Sitting,
    advice,
    interval_days,
    pair,
    quorum,
    sitting,
    solo,
)

courses = st.lists(st.sampled_from(COURSES), min_size=1, max_size=9)


@pytest.mark.parametrize("tier", ["R3", "R4"])
def test_of_a_raised_tiers_periodic_checks_every_third_is_the_whole_panels(tier: str) -> None:
    assert [sitting("periodic", tier, number).value for number in range(1, 7)] == ["pair", "pair", "full"] * 2


@pytest.mark.parametrize("kind", ["emergency", "yellow", "called"])
@pytest.mark.parametrize("tier", sorted(TIERS))
def test_an_extra_review_is_the_whole_panels(kind: str, tier: str) -> None:
    assert sitting(kind, tier, 1, simplified=True, calm=True) is Sitting.FULL


def test_in_the_simplified_procedure_one_reviewer_is_enough_while_nothing_changed() -> None:
    assert sitting("periodic", "R1", 1, simplified=True, calm=True) is Sitting.SOLO
    assert sitting("periodic", "R1", 1, simplified=True, calm=False) is Sitting.FULL


@pytest.mark.parametrize(("of", "tier", "n"), [
    (Sitting.FULL, "R1", 2), (Sitting.FULL, "R2", 3), (Sitting.FULL, "R4", 5), (Sitting.PAIR, "R4", 2),
    (Sitting.SOLO, "R1", 1)])
def test_a_sitting_has_its_quorum(of: Sitting, tier: str, n: int) -> None:
    assert quorum(of, tier) == n


def test_the_pair_on_duty_knows_the_algorithm_and_the_trade_and_takes_turns() -> None:
    panel = [Candidate("a", ("ai",), 2), Candidate("b", ("ai",), 1), Candidate("c", ("trade",), 0),
             Candidate("d", ("law",), 0)]
    assert pair(panel) == ("b", "c")
    assert solo(panel) == ("c",)


def test_one_who_knows_both_is_only_one_of_the_two() -> None:
    both = Candidate("a", ("ai", "trade"), 0)
    assert pair([both]) == ()
    assert pair([both, Candidate("b", ("trade",), 9)]) == ("a", "b")
    assert pair([both, Candidate("b", ("ai",), 9)]) == ("b", "a")


def test_without_one_of_the_two_competences_there_is_no_pair() -> None:
    assert pair([Candidate("a", ("ai",), 0), Candidate("d", ("law",), 0)]) == ()
    assert solo([]) == ()


@pytest.mark.parametrize(("given", "advised"), [
    (["continue"] * 3 + ["adjust", "suspend"], "adjust"), (["continue", "continue", "exit"], "continue"),
    (["continue", "suspend", "suspend"], "suspend"), (["cannot_judge", "adjust"], "adjust"), (["cannot_judge"], None),
    ([], None)])
def test_the_advice_is_the_mildest_course_that_two_thirds_accept(given: list[str], advised: str | None) -> None:
    assert advice(given) == advised


@given(courses)
def test_two_thirds_accept_the_advice_and_fewer_any_milder_course(given: list[str]) -> None:
    place = COURSES.index(advice(given) or "")
    accept = [sum(COURSES.index(one) <= at for one in given) * 3 >= len(given) * 2 for at in range(len(COURSES))]
    assert accept[place] and not any(accept[:place])


@given(courses, st.data())
def test_a_graver_opinion_never_makes_the_advice_milder(given: list[str], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(given) - 1))
    graver = data.draw(st.sampled_from(COURSES[COURSES.index(given[place]):]))
    after = [*given[:place], graver, *given[place + 1:]]
    assert COURSES.index(advice(after) or "") >= COURSES.index(advice(given) or "")


def test_the_next_review_comes_in_half_the_time_once_the_evidence_doubled_and_is_half_way_to_yellow() -> None:
    assert interval_days(60, 0.1, 0.1 + math.log(2)) == 60
    assert interval_days(60, 0.5, 0.5 + math.log(2)) == 30
    assert interval_days(14, 0.5, 1.5) == 7
    assert interval_days(60, 1.5, 1.6) == 60


@given(st.integers(1, 365), st.floats(-5, 5), st.floats(-5, 5))
def test_evidence_never_makes_an_interval_longer_or_shorter_than_a_week(days: int, before: float, now: float) -> None:
    assert min(days, 7) <= interval_days(days, before, now) <= days

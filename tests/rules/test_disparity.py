"""Disparity between groups: the published figures, and what must hold for any blocks."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sandbox.rules.disparity import Block, Side, after, both, joined, mean, project_difference, project_ratio, together

chances = st.floats(0.01, 0.99)
sizes = st.integers(1, 500)


def seen(side: Side, blocks: Sequence[Block]) -> list[float]:
    found = []
    for block in blocks:
        side = side.after(block)
        found.append(side.log_e)
    return found


def test_a_ratio_below_four_fifths_shows_as_published() -> None:
    blocks = [(5, 10, 5, 10), (2, 10, 8, 10), (3, 10, 7, 10), (2, 10, 7, 10)]
    assert seen(Side(True, 0.8), blocks) == pytest.approx([0, 0, 0.722070198, 2.010617662], abs=1e-9)


def test_a_difference_above_ten_points_shows_as_published() -> None:
    blocks = [(5, 10, 5, 10), (8, 10, 2, 10), (7, 10, 3, 10), (7, 10, 2, 10)]
    assert seen(Side(False, 0.1), blocks) == pytest.approx([0, 0, 0.797389153, 2.140988134], abs=1e-9)


def test_projections_are_the_published_ones() -> None:
    assert project_ratio(50, 0.2, 50, 0.5, 0.8) == pytest.approx((0.317157288, 0.396446609), abs=1e-9)
    assert project_difference(50, 0.5, 50, 0.2, 0.1) == pytest.approx((0.392952321, 0.292952321), abs=1e-9)


@settings(max_examples=60)
@given(sizes, chances, sizes, chances, st.sampled_from([True, False]))
def test_what_is_inside_the_null_stays_and_what_is_outside_comes_to_its_edge(
        n_a: int, p_a: float, n_b: int, p_b: float, ratio: bool) -> None:
    if ratio:
        q_a, q_b = project_ratio(n_a, p_a, n_b, p_b, 0.8)
        inside, edge = p_a >= 0.8 * p_b, q_a - 0.8 * q_b
    else:
        q_a, q_b = project_difference(n_a, p_a, n_b, p_b, 0.1)
        inside, edge = p_a - p_b <= 0.1, q_a - q_b - 0.1
    assert ((q_a, q_b) == (p_a, p_b)) if inside else edge == pytest.approx(0, abs=1e-12)
    assert 0 < q_a < 1 and 0 < q_b < 1


@settings(max_examples=60)
@given(sizes, chances, sizes, chances, chances, chances, st.sampled_from([True, False]))
def test_no_bet_gains_on_average_anywhere_within_the_null(
        n_a: int, p_a: float, n_b: int, p_b: float, t_a: float, t_b: float, ratio: bool) -> None:
    """The expected factor of one block, exactly, for any truth within the null."""
    assume(t_a >= 0.8 * t_b if ratio else t_a - t_b <= 0.1)
    project = project_ratio if ratio else project_difference
    q_a, q_b = project(n_a, p_a, n_b, p_b, 0.8 if ratio else 0.1)
    one = math.log(t_a * p_a / q_a + (1 - t_a) * (1 - p_a) / (1 - q_a))
    other = math.log(t_b * p_b / q_b + (1 - t_b) * (1 - p_b) / (1 - q_b))
    assert n_a * one + n_b * other <= 1e-9


def test_the_first_block_never_moves_the_evidence_and_one_group_alone_says_nothing() -> None:
    assert Side(True, 0.8).after((0, 1000, 1000, 1000)).log_e == 0
    assert Side(True, 0.8).after((5, 10, 5, 10)).after((0, 50, 0, 0)).log_e == 0


@pytest.mark.parametrize("block", [(3, 2, 1, 2), (-1, 2, 1, 2), (1, 2, 3, 2)])
def test_more_favourable_outcomes_than_outcomes_are_refused(block: Block) -> None:
    with pytest.raises(ValueError, match="of"):
        Side(True, 0.8).after(block)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8))
def test_both_directions_are_averaged_and_changing_the_groups_places_changes_nothing(
        rows: list[tuple[int, int]]) -> None:
    one, other = both(True, 0.8), both(True, 0.8)
    for x_a, x_b in rows:
        one, other = after(one, (x_a, 20, x_b, 20)), after(other, (x_b, 20, x_a, 20))
    assert mean(one) == mean(other)
    assert mean(one) == pytest.approx(math.log(sum(math.exp(side.log_e) for side in one) / 2))


def test_without_comparisons_there_is_no_evidence() -> None:
    assert together([], []) == 0


def test_what_joins_takes_an_even_part_and_moves_nothing() -> None:
    """From the start all weigh the same; later what is there is shared out, so that the evidence stays as it was."""
    quiet = both(True, 0.8)
    loud = after(after(quiet, (2, 50, 48, 50)), (2, 50, 48, 50))
    stakes, each = joined([], 0.0, 2)
    assert (stakes, each) == ([], -math.log(2))
    total = together([each, each], [loud, quiet])
    kept, fresh = joined([each, each], total, 1)
    assert together([*kept, fresh], [loud, quiet, both(True, 0.8)]) == pytest.approx(total)
    assert math.exp(fresh - total) == pytest.approx(1 / 3)

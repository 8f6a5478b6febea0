"""What is compared between groups follows the plan, not whoever files first."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cast import START, Cast
from pydantic import ValidationError

from sandbox.acts.act import Acts
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads.risk import Groups, groups
from sandbox.rules.disparity import after, both, mean
from sandbox.store.scope import seen_trial

DAY, SHIFT = timedelta(days=1), timedelta(hours=12)
LIMITS = [{"indicator": "disparity", "per_exposure": 0.8}]
UNEQUAL = [("sex", "m", 50, 48), ("sex", "f", 50, 2)]


@pytest.fixture
def filed(program: Program, acts: Acts, cast: Cast, clock: Shifted) -> Callable[..., Groups]:
    """`filed(trial, block, block)`: a report every twelve hours with each of these groups; what is compared then."""
    def file(trial: str, *blocks: list[tuple[str, str, int, int]]) -> Groups:
        clock.forward(START + 20 * DAY)
        for place, block in enumerate(blocks):
            rows = [dict(zip(("attribute", "group", "n", "favourable"), row, strict=True)) for row in block]
            acts.do("file_feedback", cast.fang, {
                "period_start": (START + place * SHIFT).isoformat(), "exposures": 100.0, "groups": rows,
                "period_end": (START + (place + 1) * SHIFT).isoformat()}, trial)
        with program.reading() as connection:
            return groups(connection, trial, 1)

    return file


def light(program: Program, cast: Cast, trial: str) -> tuple[str, float]:
    with program.reading() as connection:
        row = seen_trial(connection, cast.lin, trial) or {}
        return row["light"], row["log_e"]


def names(found: Groups) -> list[tuple[str, str, str]]:
    return [(one.attribute, one.group, one.reference) for one in found.lines]


@pytest.mark.parametrize("first", [
    [("age", "old", 1, 1), ("age", "young", 1, 1)], [("sex", "m", 9, 8)], [("sex", "f", 9, 8)],
    [("sex", "x", 1, 1), ("sex", "y", 5, 1)], []])
def test_no_first_report_keeps_what_the_plan_compares_from_being_compared(
        program: Program, cast: Cast, adopted: Callable[..., list[str]], filed: Callable[..., Groups],
        first: list[Any]) -> None:
    trial, = adopted(1, limits=LIMITS, compared=[{"attribute": "sex", "reference": "m"}])
    found = filed(trial, first, *[UNEQUAL] * 8)
    assert ("sex", "f", "m") in names(found) and {one[2] for one in names(found)} == {"m"}
    assert light(program, cast, trial)[0] == "red" and found.untold == ()


def test_an_attribute_that_the_plan_names_and_nobody_tells_is_named(
        program: Program, cast: Cast, adopted: Callable[..., list[str]], filed: Callable[..., Groups]) -> None:
    trial, = adopted(1, limits=LIMITS, compared=[{"attribute": "sex", "reference": "m"},
                                                 {"attribute": "age", "reference": "young"}])
    found = filed(trial, [*UNEQUAL, ("district", "n", 50, 1), ("district", "s", 50, 49)], [("age", "old", 5, 1)])
    assert names(found) == [("age", "old", "young"), ("sex", "f", "m")] and found.untold == (("age", "young"),)


def test_without_names_in_the_plan_the_reference_is_the_largest_of_the_first_two_and_stays(
        program: Program, cast: Cast, adopted: Callable[..., list[str]], filed: Callable[..., Groups]) -> None:
    """A block whose largest group is another one is compared all the same, and so is one that comes with new groups."""
    trial, = adopted(1, limits=LIMITS)
    found = filed(trial, [("sex", "f", 3, 1)], [("sex", "m", 60, 58), ("sex", "f", 50, 2)],
                  [("sex", "m", 50, 48), ("sex", "f", 60, 3)], [("age", "old", 5, 1), ("age", "young", 9, 8)])
    assert names(found) == [("age", "old", "young"), ("sex", "f", "m")]
    assert [(one.n, one.reference_n) for one in found.lines] == [(5, 9), (110, 110)]


ROW = {"attribute": "sex", "group": "f", "n": 1, "favourable": 1}


@pytest.mark.parametrize(("more", "field"), [
    ({"groups": [{**ROW, "favourable": 5}]}, ("groups", 0, "favourable")),
    ({"groups": [{**ROW, "true_positives": 2, "positives": 1}]}, ("groups", 0, "positives")),
    ({"groups": [{**ROW, "false_positives": 2, "negatives": 1}]}, ("groups", 0, "negatives")),
    ({"groups": [ROW, {**ROW, "group": "m"}, ROW]}, ("groups",)),
    ({"people": 5, "people_new": 6}, ("people_new",))])
def test_what_cannot_be_is_refused_by_its_field(
        acts: Acts, cast: Cast, adopted: Callable[..., list[str]], clock: Shifted, more: dict[str, Any],
        field: tuple[Any, ...]) -> None:
    trial, = adopted(1)
    clock.forward(START + DAY)
    with pytest.raises(ValidationError) as refused:
        acts.do("file_feedback", cast.fang, {"period_start": START.isoformat(), "exposures": 9.0,
                                             "period_end": (START + SHIFT).isoformat(), **more}, trial)
    assert [one["loc"] for one in refused.value.errors()] == [field]


def test_the_evidence_of_groups_told_together_is_the_mean_of_each_from_both_sides(
        program: Program, cast: Cast, adopted: Callable[..., list[str]], filed: Callable[..., Groups]) -> None:
    trial, = adopted(1, limits=LIMITS, compared=[{"attribute": "sex", "reference": "m"}])
    filed(trial, UNEQUAL, UNEQUAL)
    block = (2, 50, 48, 50)
    assert light(program, cast, trial)[1] == pytest.approx(mean(after(after(both(True, 0.8), block), block)))

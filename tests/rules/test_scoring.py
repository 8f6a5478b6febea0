"""The composite evaluation: points, means, rounding, spread, and the result top down."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.access import Constituency
from sandbox.rules.scoring import (
    ENTRY_TRL,
    HEADS,
    ITEMS,
    PANEL_MOST,
    TRL_CEILINGS,
    Evaluation,
    Findings,
    Gate,
    Head,
    Record,
    Result,
    Sheet,
    automatic_points,
    enough_scorers,
    evaluate,
    missing_constituencies,
    process_points,
    result,
    result_of_wind_down,
    unjudged,
)

INDUSTRY, RESEARCH, MARKET = Constituency.INDUSTRY, Constituency.RESEARCH, Constituency.MARKET
BEST = Record(4, 9, (3, 3), (6, 6), (6, 6), (2, 2), (5, 5))
EVEN = Record(4, 7, (1, 2), (3, 6), (3, 6), (1, 2), (1, 2))
GOOD = Findings(time_left=False, diligent=True)


def sheet(person: str, side: Constituency, *, every: int | None = None, **items: int | Decimal | None) -> Sheet:
    """A sheet with `every` tenth-point share of each item's most, then the items named."""
    base = {} if every is None else {item: Decimal(most * every) / 10 for item, most in PANEL_MOST.items()}
    return Sheet(person, side, {**base, **items})


def panel(every: int) -> list[Sheet]:
    """Rui, Shen and Mei, one of each side, of one mind."""
    return [
        sheet(person, side, every=every)
        for person, side in (("rui", INDUSTRY), ("shen", RESEARCH), ("mei", MARKET))
    ]


def evaluation(total: str, *, trl: int = 7, process: str = "20") -> Evaluation:
    whole = evaluate(panel(10), replace(BEST, exit_trl=trl))
    return replace(whole, total=Decimal(total), heads={**whole.heads, Head.PROCESS: Decimal(process)})


# Points


def test_the_heads_weigh_40_30_and_30_and_21_points_of_process_come_from_records() -> None:
    assert dict(HEADS) == {Head.MATURITY: 40, Head.PATH: 30, Head.PROCESS: 30}
    assert sum(item.most for item in ITEMS if item.head is Head.PROCESS and item.automatic) == 21


def test_a_perfect_trial_has_100_points_and_a_hopeless_one_none() -> None:
    assert evaluate(panel(10), BEST).total == 100
    worst = Record(4, 1, (0, 3), (0, 6), (0, 6), (0, 2), (0, 5))
    assert evaluate(panel(0), worst).total == 0


@pytest.mark.parametrize(
    ("entry", "exit", "trl", "gain"),
    [(4, 7, "75/4", "10"), (4, 5, "25/2", "5"), (5, 4, "75/8", "0"), (4, 9, "25", "10")],
)
def test_levels_and_their_gain_bring_points_by_formula(entry: int, exit: int, trl: str, gain: str) -> None:
    points = automatic_points(replace(BEST, entry_trl=entry, exit_trl=exit))
    assert (points["trl"], points["gain"]) == (Fraction(trl), Fraction(gain))


def test_counts_bring_their_share_of_the_points() -> None:
    points = automatic_points(EVEN)
    assert {item: float(points[item]) for item in list(points)[2:]} == {
        "metrics": 2.5, "feedback_on_time": 3.0, "feedback_complete": 2.0, "incidents_told": 3.0,
        "corrective_on_time": 2.5,
    }


def test_where_there_was_nothing_to_count_points_are_full() -> None:
    nothing = Record(4, 9, (0, 0), (0, 0), (0, 0), (0, 0), (0, 0))
    assert automatic_points(nothing) == automatic_points(BEST)


def test_a_large_constituency_weighs_no_more_than_a_small_one() -> None:
    crowd = [sheet(f"industry-{n}", INDUSTRY, every=10) for n in range(9)]
    others = [sheet("shen", RESEARCH, every=0), sheet("mei", MARKET, every=0)]
    assert evaluate([*crowd, *others], BEST).heads[Head.PATH] == 10


def test_within_a_constituency_sheets_are_averaged() -> None:
    sheets = [*panel(10), sheet("second", INDUSTRY, every=0)]
    assert evaluate(sheets, BEST).heads[Head.PATH] == 25


def test_an_item_that_a_side_cannot_judge_is_the_mean_of_the_others() -> None:
    sheets = panel(10)
    sheets[2] = replace(sheets[2], items={**sheets[2].items, "new_route": None})
    sheets[1] = replace(sheets[1], items={**sheets[1].items, "new_route": 0})
    assert evaluate(sheets, BEST).heads[Head.PATH] == 25


def test_while_nobody_judged_an_item_nothing_is_evaluated() -> None:
    sheets = [replace(one, items={**one.items, "fit": None}) for one in panel(10)]
    assert unjudged(sheets) == {"fit"}
    with pytest.raises(ValueError, match="nobody judged fit"):
        evaluate(sheets, BEST)


def test_a_trial_that_winds_down_is_scored_for_its_process_alone() -> None:
    sheets = [sheet("rui", INDUSTRY, candour=3, outputs=0, guidance=3)]
    assert unjudged(sheets, Head.PROCESS) == frozenset()
    assert process_points(sheets, BEST) == 27


def test_totals_are_rounded_half_up_and_only_after_adding() -> None:
    sheets = [replace(one, items={**one.items, "fit": Decimal("9.95")}) for one in panel(10)]
    assert evaluate(sheets, BEST).total == Decimal("100.0")
    sheets = [replace(one, items={**one.items, "fit": Decimal("9.94")}) for one in panel(10)]
    assert evaluate(sheets, BEST).total == Decimal("99.9")


def test_thirds_are_added_exactly() -> None:
    sheets = panel(10)
    sheets[0] = replace(sheets[0], items={**sheets[0].items, "new_route": 9, "fit": 9, "reuse": 9})
    assert evaluate(sheets, BEST).heads[Head.PATH] == Decimal("29.0")


@given(st.lists(st.tuples(st.sampled_from(list(Constituency)), st.integers(0, 10)), min_size=1, max_size=9))
def test_the_total_lies_between_the_lowest_and_the_highest_side(rows: list[tuple[Constituency, int]]) -> None:
    whole = evaluate([sheet(str(n), side, every=every) for n, (side, every) in enumerate(rows)], EVEN)
    assert min(whole.by_constituency.values()) <= whole.total <= max(whole.by_constituency.values())
    assert 0 <= whole.spread <= sum(PANEL_MOST.values())


def test_sides_more_than_20_points_apart_must_discuss() -> None:
    assert not evaluate(panel(5), BEST).discussion_needed
    apart = panel(10)
    apart[1] = sheet("shen", RESEARCH, every=10, new_route=0, fit=0)
    assert evaluate(apart, BEST).spread == 20
    assert not evaluate(apart, BEST).discussion_needed
    apart[1] = sheet("shen", RESEARCH, every=10, new_route=0, fit=0, reuse=9)
    assert evaluate(apart, BEST).discussion_needed


def test_a_side_that_judged_little_makes_no_spread_by_its_silence() -> None:
    sheets = panel(10)
    sheets[2] = sheet("mei", MARKET, fit=10)
    assert evaluate(sheets, BEST).spread == 0


# Whether scoring is complete


def test_an_abstention_is_not_a_sheet() -> None:
    sheets = [*panel(5)[:2], sheet("mei", MARKET, fit=None)]
    assert missing_constituencies(sheets) == {MARKET}
    assert not enough_scorers(sheets, "R1")


@pytest.mark.parametrize(("tier", "scorers"), [("R1", 3), ("R2", 3), ("R3", 5), ("R4", 5)])
def test_a_raised_tier_needs_five_scorers(tier: str, scorers: int) -> None:
    sheets = [sheet(f"person-{n}", INDUSTRY, every=5) for n in range(scorers)]
    assert enough_scorers(sheets, tier)
    assert not enough_scorers(sheets[1:], tier)


@pytest.mark.parametrize("items", [{"metrics": 5}, {"fit": 11}, {"candour": 4}, {"fit": -1}, {"charm": 1}])
def test_a_sheet_with_an_item_or_points_out_of_range_is_refused(items: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="score|within"):
        Sheet("rui", INDUSTRY, items)


def test_a_record_with_more_kept_than_counted_or_a_level_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        replace(BEST, metrics_met=(3, 2))
    with pytest.raises(ValueError, match="no such level"):
        replace(BEST, exit_trl=10)


def test_no_environment_before_live_use_can_prove_the_level_of_graduation() -> None:
    assert [e for e, level in TRL_CEILINGS.items() if level >= 7] == ["E3"]
    assert TRL_CEILINGS["E0"] == ENTRY_TRL


# The result


@pytest.mark.parametrize(
    ("total", "trl", "outcome"),
    [
        ("75.0", 7, Result.STANDARDISE), ("74.9", 7, Result.COMPLETE), ("90.0", 6, Result.COMPLETE),
        ("60.0", 5, Result.COMPLETE), ("59.9", 7, Result.FAILURE),
    ],
)
def test_without_time_left_points_and_level_decide(total: str, trl: int, outcome: Result) -> None:
    assert result(evaluation(total, trl=trl), GOOD) is outcome


def test_with_time_left_a_trial_short_of_graduation_goes_back_to_tuning() -> None:
    in_time = replace(GOOD, time_left=True)
    assert result(evaluation("74.9"), in_time) is Result.TUNE
    assert result(evaluation("75.0"), in_time) is Result.STANDARDISE
    assert result(evaluation("59.9"), in_time) is Result.FAILURE


def test_a_failed_gate_stops_graduation_and_completion_however_many_points() -> None:
    failed = replace(GOOD, failed_gates=frozenset({Gate.REDRESS_PAID}))
    assert result(evaluation("99.0"), failed) is Result.FAILURE
    assert result(evaluation("99.0"), replace(failed, time_left=True)) is Result.TUNE


def test_a_gate_beyond_repair_leaves_no_way_back_to_tuning() -> None:
    lost = frozenset({Gate.LEGALITY})
    findings = Findings(time_left=True, diligent=True, failed_gates=lost, beyond_repair=lost)
    assert result(evaluation("99.0"), findings) is Result.FAILURE


def test_only_a_failed_gate_can_be_beyond_repair() -> None:
    with pytest.raises(ValueError, match="failed gate"):
        Findings(time_left=True, diligent=True, beyond_repair=frozenset({Gate.LEGALITY}))


@pytest.mark.parametrize(
    ("process", "diligent", "outcome"),
    [("18", True, Result.FAILURE), ("17.9", True, Result.WITHDRAW), ("30", False, Result.WITHDRAW)],
)
def test_a_failure_is_tolerated_only_with_diligence_and_a_fair_process(
    process: str, diligent: bool, outcome: Result
) -> None:
    assert result_of_wind_down(Decimal(process), diligent) is outcome
    assert result(evaluation("40.0", process=process), replace(GOOD, diligent=diligent)) is outcome

"""From sheets and record to the composite evaluation: whose sheets count, what is measured, what is still missing."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.rules.access import Constituency
from sandbox.rules.evaluation import corrective_on_time, evaluation, exit_trl, metrics_met, record_of, sheets_of
from sandbox.rules.facts import Facts, Item
from sandbox.rules.lifecycle import ROWS
from sandbox.rules.scoring import PANEL_MOST
from sandbox.store.endings import ScoreFields
from tests.rules.facts_met import DAY, NOW, SHEET, Change, filed, group, items, met, proof, says, seats, trial, without


def facts(*changes: Change) -> Facts:
    found = met(ROWS["standardise", "exit_review"])
    for change in changes:
        found = change(found)
    return found


def levels(*given: int | None) -> Change:
    """One sheet with this exit level from each of the running panel, in their order."""
    people = ("rui", "shen", "mei")
    return group("sections", lambda found: {**found, "score": tuple(
        filed("score", {**SHEET, "exit_trl": level}, person) for person, level in zip(people, given, strict=False))})


def measured(**values: float) -> Change:
    return says("results", metrics=[{"name": name, "value": value} for name, value in values.items()])


def test_a_sheet_asks_for_exactly_the_items_that_the_panel_scores():
    assert set(ScoreFields.model_fields) - {"exit_trl", "comment"} == set(PANEL_MOST)


def test_a_good_trial_graduates():
    found = evaluation(facts())
    assert found is not None and found.graduates


def test_sheets_carry_the_side_of_the_seat_they_come_from():
    assert [(sheet.person, sheet.constituency) for sheet in sheets_of(facts())] == [
        ("rui", Constituency.INDUSTRY), ("shen", Constituency.RESEARCH), ("mei", Constituency.MARKET)]


@pytest.mark.parametrize("change", [
    seats("running", people=1, recused=True), levels(8, 8), trial(tier="R3"), without("score"),
    levels(None, None, None), says("score", fit=None),
])
def test_nothing_is_evaluated_while_a_side_an_item_a_level_or_a_scorer_is_missing(change):
    assert evaluation(facts(change)) is None


@pytest.mark.parametrize(("given", "level"), [((8, 8, 6), 8), ((6, 7, 8), 7), ((6, 8), 6), ((None, 5, None), 5)])
def test_the_exit_level_is_the_lower_median_of_those_given(given, level):
    assert exit_trl(facts(levels(*given))) == level


@pytest.mark.parametrize(("environment", "level"), [("E0", 4), ("E1", 5), ("E2", 6), ("E3", 8), (None, 8)])
def test_the_exit_level_is_never_above_what_the_environment_can_prove(environment, level):
    assert exit_trl(facts(levels(9, 9, 9), trial(environment=environment))) == level


def test_a_level_from_someone_without_a_seat_does_not_count():
    assert exit_trl(facts(levels(8, 8, 3), group("panel", lambda found: tuple(
        replace(seat, recused=seat.person != "mei") for seat in found)))) == 3


@pytest.mark.parametrize(("values", "met_of"), [
    ({"recall": 0.9, "minutes": 4}, (2, 2)), ({"recall": 0.89, "minutes": 4.1}, (0, 2)), ({"recall": 0.95}, (1, 2)),
    ({}, (0, 2)), ({"recall": 1, "minutes": 1, "extra": 9}, (2, 2)),
])
def test_a_metric_is_met_at_its_pass_line_in_its_own_direction(values, met_of):
    assert metrics_met(facts(measured(**values))) == met_of


def test_corrective_items_are_on_time_when_done_by_their_date_and_found_done():
    in_time, late = Item(True, NOW, NOW, NOW), Item(False, NOW - DAY, NOW, NOW)
    unseen, open_ = Item(True, NOW, NOW), Item(True, NOW)
    assert corrective_on_time(facts(items(in_time, late, unseen, open_))) == (1, 4)
    assert corrective_on_time(facts(items())) == (0, 0)


def record(*changes: Change) -> Any:
    found = record_of(facts(*changes))
    assert found is not None
    return found


def test_the_record_takes_its_levels_from_the_dossier_and_the_panel():
    assert (record().entry_trl, record().exit_trl) == (5, 8)


def test_an_adopted_trial_without_a_dossier_gains_no_level():
    assert record(without("system")).entry_trl == 8


def test_more_reports_than_were_due_are_not_more_than_all():
    assert record(proof(reports_filed=25, reports_due=10)).feedback_complete == (10, 10)

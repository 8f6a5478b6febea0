"""The lifecycle's table: its size, its ways in and out, who moves, and that it is the one that was agreed."""

import json
from collections import Counter
from pathlib import Path

import pytest

from sandbox.rules.lifecycle import (
    CAUSE_BY_PARTY,
    LATENESS,
    MOVE_NAMES,
    MOVES,
    NEEDS_NO_REVIEW,
    NEEDS_RETROSPECTIVE,
    ROWS,
    RUNNING,
    STATES,
    TRIGGERS,
    Cause,
    Move,
    Party,
    Stage,
    moves_from,
    stage_of,
)
from sandbox.rules.needs import NEEDS
from sandbox.words import word

AGREED = Path(__file__).resolve().parents[2].parent / "shared" / "lifecycle.json"

OUTGOING = {
    "draft": ("submit", "withdraw"),
    "submitted": ("ask_correction", "accept", "withdraw", "decline"),
    "correction": ("submit", "withdraw", "lapse"),
    "ethics_review": ("ask_correction", "send_to_rereview", "admit", "withdraw", "decline"),
    "expert_rereview": ("ask_correction", "admit", "withdraw", "decline"),
    "admitted": ("start_trial", "withdraw", "lapse", "revoke_admission"),
    "trial": ("begin_tuning", "suspend", "open_exit_review", "wind_down"),
    "tune": ("resume_trial", "suspend", "open_exit_review", "wind_down"),
    "suspended": ("lift_suspension", "void_suspension", "begin_tuning", "void_into_tuning", "open_retrospective",
                  "open_exit_review", "wind_down"),
    "retrospective": ("resume_trial", "begin_tuning", "open_exit_review", "wind_down"),
    "exit_review": ("begin_tuning", "suspend", "wind_down", "standardise"),
    "winding_down": ("complete", "file_failure", "close_withdrawn", "terminate"),
    "terminated": ("reopen_on_appeal",),
    "declined": ("reopen_on_appeal",),
}
BY_TWO = {
    ("admit", "ethics_review"), ("admit", "expert_rereview"), ("revoke_admission", "admitted"),
    ("lift_suspension", "suspended"), ("void_suspension", "suspended"), ("begin_tuning", "suspended"),
    ("void_into_tuning", "suspended"), ("resume_trial", "retrospective"), ("begin_tuning", "retrospective"),
    ("standardise", "exit_review"), ("complete", "winding_down"), ("file_failure", "winding_down"),
    ("terminate", "winding_down"), ("reopen_on_appeal", "terminated"),
}


def reached_from(start: str, without: frozenset[str] = frozenset()) -> set[str]:
    """Every state that moves lead to from `start`, itself included, taking none of the moves named."""
    found, open_ = {start}, [start]
    while open_:
        for row in moves_from(open_.pop()):
            if row.target not in found and row.name not in without:
                found.add(row.target)
                open_.append(row.target)
    return found


def by(party: Party) -> list[Move]:
    return [row for row in MOVES if party in row.by]


def test_there_are_nineteen_states_fifty_one_moves_forty_five_needs_and_seven_triggers():
    assert (len(STATES), len(MOVES), len(NEEDS), len(TRIGGERS)) == (19, 51, 45, 7)


@pytest.mark.parametrize("state", STATES)
def test_a_state_is_left_by_exactly_the_moves_agreed(state):
    assert tuple(row.name for row in moves_from(state)) == OUTGOING.get(state, ())


def test_a_move_is_known_by_its_name_and_the_state_it_leaves():
    assert len(ROWS) == len(MOVES)
    assert set(MOVE_NAMES) == {row.name for row in MOVES}
    assert len(MOVE_NAMES) == len(set(MOVE_NAMES))


def test_a_move_of_one_name_may_be_made_by_the_system_or_a_person_but_never_by_nobody():
    assert [row for row in MOVES if not row.by or len(set(row.by)) != len(row.by)] == []


def test_every_move_leads_between_two_states_of_the_table():
    assert {row.source for row in MOVES} | {row.target for row in MOVES} == set(STATES)
    assert [row for row in MOVES if row.source == row.target] == []


def test_every_state_can_be_reached_from_a_draft():
    assert reached_from("draft") == set(STATES)


@pytest.mark.parametrize("state", [code for code, state in STATES.items() if not state.final])
def test_a_state_that_is_not_final_leads_to_an_end(state):
    ends = {code for code in reached_from(state) if STATES[code].final}
    assert ends and moves_from(state)


def test_a_final_state_is_left_on_appeal_only():
    leaving = {(row.source, row.name) for row in MOVES if STATES[row.source].final}
    assert leaving == {("terminated", "reopen_on_appeal"), ("declined", "reopen_on_appeal")}


def test_nothing_runs_again_after_an_appeal_against_a_termination():
    assert not reached_from("winding_down", frozenset({"reopen_on_appeal"})) & set(RUNNING)


def test_nobody_starts_a_trial_without_an_admission():
    past = {row.target for row in MOVES if row.name == "admit"}
    assert past == {"admitted"}
    assert not reached_from("draft", frozenset({"admit"})) & {*RUNNING, "suspended", "exit_review", "standardised"}


def test_every_need_of_the_table_is_asked_by_some_move_and_every_asked_need_is_in_the_table():
    asked = Counter(name for row in MOVES for name in row.needs)
    assert set(asked) == set(NEEDS)
    assert [row for row in MOVES if len(set(row.needs)) != len(row.needs)] == []


def test_the_moves_that_need_two_regulators_are_the_ones_agreed():
    assert {(row.name, row.source) for row in MOVES if row.four_eyes} == BY_TWO
    assert all(Party.REGULATOR in row.by for row in MOVES if row.four_eyes)


def test_stopping_needs_nothing_and_takes_one_person():
    stops = [row for row in MOVES if row.name == "suspend"]
    assert {row.source for row in stops} == {"trial", "tune", "exit_review"}
    assert all(not row.needs and {Party.REGULATOR, Party.SYSTEM} <= set(row.by) for row in stops)


def test_the_chair_may_stop_a_running_trial_and_nothing_else():
    assert {(row.name, row.source) for row in by(Party.CHAIR)} == {("suspend", "trial"), ("suspend", "tune")}


def test_the_system_only_stops_lapses_sends_on_or_opens_the_evaluation():
    assert {row.name for row in by(Party.SYSTEM)} == {"suspend", "lapse", "send_to_rereview", "open_exit_review"}


def test_a_firm_can_leave_from_every_state_in_which_its_application_or_trial_is_open():
    ways_out = {row.source for row in by(Party.FIRM) if row.name in ("withdraw", "wind_down")}
    assert ways_out == {code for code, state in STATES.items() if not state.final} - {"winding_down"}


def test_people_meet_the_system_in_trial_tuning_and_evaluation_only():
    assert {code for code, state in STATES.items() if state.exposed} == {*RUNNING, "exit_review"}


def test_a_state_is_said_under_its_own_name():
    assert STATES["tune"].word == word("state.tune")


def test_a_side_state_shows_the_stage_it_left():
    assert stage_of("suspended", "tune") is Stage.TUNE
    assert stage_of("winding_down", "exit_review") is Stage.STANDARDISE
    assert stage_of("declined", "submitted") is Stage.ENCOURAGE
    assert stage_of("withdrawn", None) is Stage.ENCOURAGE


@pytest.mark.parametrize("state", STATES)
def test_the_stage_shown_is_never_beside_the_track(state):
    assert all(stage_of(state, left) is not Stage.SIDE for left in (None, *STATES))


def test_causes_are_the_triggers_and_the_three_kinds_of_person():
    assert TRIGGERS == ("end_date_reached", "cap_exceeded", "grave_incident", "feedback_missing", "review_overdue",
                        "unsafe_version", "risk_red")
    assert set(Cause) - set(TRIGGERS) == set(CAUSE_BY_PARTY.values()) == {"voluntary", "regulator", "chair"}


def test_lateness_is_what_only_the_calendar_pulls():
    assert set(LATENESS) == {"end_date_reached", "feedback_missing", "review_overdue"}


def test_no_cause_both_goes_without_a_review_and_demands_a_retrospective():
    assert not set(NEEDS_NO_REVIEW) & set(NEEDS_RETROSPECTIVE)


@pytest.fixture(scope="module")
def agreed():
    if not AGREED.exists():
        pytest.skip("the agreed table is not in ../shared")
    return json.loads(AGREED.read_text(encoding="utf-8"))


def test_the_states_are_those_of_the_agreed_table(agreed):
    ours = [(state.code, state.stage, state.final) for state in STATES.values()]
    assert ours == [(row["code"], row["stage"], row["final"]) for row in agreed["states"]]


def test_the_moves_are_those_of_the_agreed_table_in_its_order(agreed):
    ours = [(row.name, row.source, row.target, list(row.by), list(row.needs)) for row in MOVES]
    assert ours == [(row["name"], row["from"], row["to"], row["by"], row["needs"]) for row in agreed["moves"]]


def test_the_needs_and_triggers_are_those_of_the_agreed_table(agreed):
    assert set(NEEDS) == set(agreed["needs"])
    assert set(TRIGGERS) == set(agreed["triggers"])

"""What a change of each term amounts to, what may be filed as which class, and every guard of its acceptance."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules import facts as f
from sandbox.rules.cadence import EXTRAS
from sandbox.rules.changes import (
    AUTONOMY,
    CAPPED,
    ENVIRONMENTS,
    KINDS,
    TERMS,
    ChangeKind,
    Standing,
    Way,
    differences,
    faults,
    terms_after,
)
from sandbox.rules.clocks import CLOCKS
from sandbox.rules.dossier import DIMENSIONS
from sandbox.rules.guards import GUARDS, SECOND, asked_of, groups_of, lacking, need_named
from sandbox.rules.lifecycle import STATES
from sandbox.rules.needs import NEEDS
from sandbox.rules.terms import ROLL_OUT, in_turn, pinned, placed

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
A1, A2, A3, A4, A5, A6, A7 = ChangeKind
AGREED: Mapping[str, Any] = {
    "people": 100, "volume": 1000.0, "hours": None, "money": None, "regions": "East, West", "sites": "3",
    "starts_on": "2026-03-01", "days": 180, "autonomy": "human_approves", "data_classes": "Text, Images",
    "vulnerable_groups": "None", "environment": "E2", "model_version": "1.0", "methods": "All cases",
    "not_applicable": [{"dimension": "money", "reason": "None moves"}],
    "metrics": [{"name": "wait", "pass_line": 3.0}, {"name": "load", "pass_line": 1.0}],
}
FIRE, FLOOD = ({"risk": name, "likelihood": 2, "severity": 5} for name in ("Fire", "Flood"))
STANDING = Standing(NOW, NOW, {"people": 40, "volume": 300.0, "hours": 0.0, "money": 0.0, "regions": 2, "sites": 2},
                    most={"people": 500, "volume": None}, days_used=90.0, ends_at=NOW + 90 * DAY)


@pytest.mark.parametrize(("term", "after", "way"), [
    ("people", 99, Way.NARROWER), ("people", 101, Way.WIDER), ("hours", 10.0, Way.NARROWER),
    ("regions", "east", Way.NARROWER), ("regions", "East, North", Way.WIDER),
    ("regions", "North", Way.WIDER), ("regions", "2", Way.WIDER), ("sites", "2", Way.NARROWER),
    ("sites", "4", Way.WIDER), ("sites", "One, Two, Three", Way.NARROWER), ("sites", "A, B, C, D", Way.WIDER),
    ("autonomy", "advice", Way.NARROWER), ("autonomy", "human_can_stop", Way.WIDER),
    ("environment", "E1", Way.NARROWER), ("environment", "E3", Way.WIDER), ("data_classes", "Images", Way.WIDER),
    ("data_classes", "Text, Images, Faces", Way.WIDER), ("vulnerable_groups", ";", Way.WIDER),
    ("money", 1e12, Way.WIDER), ("hours", 1e12, Way.NARROWER),
    ("rate_per_day", 5.0, Way.WIDER), ("model_version", "2.0", Way.OTHER), ("methods", "Some", Way.OTHER),
])
def test_a_change_of_a_term_leads_to_less_or_to_more(term: str, after: Any, way: Way) -> None:
    found, = differences(AGREED, {term: after})
    assert (found.before, found.after, found.way) == (AGREED.get(term), after, way)


@pytest.mark.parametrize(("term", "after"), [
    ("regions", "West\n EAST "), ("sites", "3"), ("hours", None),
    ("methods", "All cases")])
def test_another_spelling_of_the_same_is_no_change(term: str, after: Any) -> None:
    assert differences(AGREED, {term: after}) == ()


@pytest.mark.parametrize(("after", "way"), [
    ("A, b", Way.NARROWER), ("a", Way.NARROWER), ("B, C, A", Way.NARROWER), ("C", Way.NARROWER), ("C, D", Way.WIDER),
    ("A, B, C, D", Way.WIDER), ("2", Way.NARROWER)])
def test_places_that_were_used_count_in_a_number_beside_those_named_now(after: str, way: Way) -> None:
    used = {"sites": frozenset({"a", "b"}), "regions": frozenset({"x", "y", "z"})}
    assert [one.way for one in differences(AGREED, {"sites": after}, used)] == [way]


@pytest.mark.parametrize("kind", KINDS)
def test_a_trial_stopped_out_of_its_exit_review_is_past_every_change(kind: ChangeKind) -> None:
    states = [(state, left) for state in KINDS[kind].states for left in ("trial", "exit_review")]
    assert [KINDS[kind].is_open(*one) for one in states] == [
        state not in ("suspended", "retrospective") or left == "trial" for state, left in states]
    assert KINDS[kind].is_open("tune", None) is (kind is not A7)


@given(st.sampled_from(sorted(CAPPED)), st.integers(0, 10**6), st.integers(0, 10**6))
def test_of_two_caps_one_way_is_narrower_and_the_other_wider(term: str, one: int, other: int) -> None:
    there, back = differences({term: one}, {term: other}), differences({term: other}, {term: one})
    assert bool(there) == bool(back) == (one != other)
    assert {way.way for way in (*there, *back)} == ({Way.NARROWER, Way.WIDER} if one != other else set())


@pytest.mark.parametrize("steps", [AUTONOMY, ENVIRONMENTS])
def test_a_ladder_is_climbed_one_way(steps: tuple[str, ...]) -> None:
    term = "autonomy" if steps is AUTONOMY else "environment"
    for low, high in zip(steps, steps[1:], strict=False):
        assert [differences({term: a}, {term: b})[0].way for a, b in ((low, high), (high, low), (None, low))] == [
            Way.WIDER, Way.NARROWER, Way.WIDER]


def fields(kind: ChangeKind, asked: Mapping[str, Any], standing: Standing = STANDING,
           agreed: Mapping[str, Any] = AGREED) -> set[str]:
    return {field for field, _ in faults(kind, agreed, differences(agreed, asked), standing)}


@pytest.mark.parametrize(("kind", "asked", "wrong"), [
    (A2, {"people": 40, "regions": "East"}, set()), (A2, {"people": 39}, {"people"}), (A2, {"people": 200}, {"people"}),
    (A2, {"people": 50, "volume": 2000.0, "autonomy": "no_human"}, {"volume", "autonomy"}), (A2, {"sites": "2"}, set()),
    (A2, {"sites": "1"}, {"sites"}), (A2, {"environment": "E3"}, {"environment"}), (A2, {"people": 100}, {""}),
    (A2, {"money": 10.0}, {"money"}), (A2, {"hours": 10.0}, set()),
    (A2, {"vulnerable_groups": "Minors"}, {"vulnerable_groups"}),
    (A4, {"people": 500}, set()), (A4, {"people": 501}, {"people"}), (A4, {"people": 50}, {""}),
    (A4, {"people": 500, "volume": 200.0}, {"volume"}), (A4, {"environment": "E3"}, set()),
    (A3, {"methods": "Some"}, set()), (A3, {"metrics": AGREED["metrics"][1:]}, set()),
    (A3, {"risks": [FIRE]}, set()),
    (A5, {"model_version": "2.0"}, set()), (A5, {"model_version": "1.0"}, {""}),
    (A6, {"ends_at": (NOW + 180 * DAY).isoformat()}, set()), (A1, {"contact": "Zhou"}, set()),
    (A6, {"ends_at": (NOW + 271 * DAY).isoformat()}, {"more_days"}),
])
def test_what_may_be_filed_as_which_class(kind: ChangeKind, asked: dict[str, Any], wrong: set[str]) -> None:
    assert fields(kind, asked) == wrong


@pytest.mark.parametrize(("after", "wrong"), [
    ([FIRE, FLOOD], set()), ([FLOOD, FIRE], set()), ([FLOOD], {"risks"}),
    ([{**FIRE, "severity": 1}, FLOOD], {"risks"})])
def test_to_a_risk_register_is_added_and_what_it_says_stays(after: list[Any], wrong: set[str]) -> None:
    assert fields(A3, {"risks": after}, agreed={**AGREED, "risks": [FIRE]}) == wrong
    assert fields(A4, {"risks": after, "people": 200}, agreed={**AGREED, "risks": [FIRE]}) == set()


LONGER = {"ends_at": (NOW + 120 * DAY).isoformat()}


@pytest.mark.parametrize(("kind", "asked", "standing", "wrong"), [
    (A6, LONGER, {"extensions": 1}, {"more_days"}), (A6, LONGER, {"days_used": 241.0}, {"more_days"}),
    (A6, LONGER, {"days_used": 241.0, "day_limit": 400}, set()), (A6, LONGER, {"ends_at": None}, {"more_days"}),
    (A6, LONGER, {"asked_at": NOW + 61 * DAY}, {"more_days"}), (A6, LONGER, {"asked_at": NOW + 60 * DAY}, set()),
    (A5, {"model_version": "2.0"}, {"regression_passed": False}, {"regression_passed"}),
    (A3, {"metrics": AGREED["metrics"][1:]}, {"measured": frozenset({"wait"})}, {"metrics"}),
    (A3, {"metrics": AGREED["metrics"][:1]}, {"measured": frozenset({"wait"})}, set()),
    (A3, {"metrics": [{"name": "wait", "pass_line": 2.0}, AGREED["metrics"][1]]},
     {"measured": frozenset({"wait"})}, {"metrics"}),
])
def test_what_may_be_filed_depends_on_how_the_trial_stands(
        kind: ChangeKind, asked: dict[str, Any], standing: dict[str, Any], wrong: set[str]) -> None:
    assert fields(kind, asked, replace(STANDING, **standing)) == wrong


@pytest.mark.parametrize(("before", "wrong"), [("E2", set()), ("E1", {"environment"}), (None, {"environment"})])
def test_the_environment_goes_up_one_step_at_a_time(before: str | None, wrong: set[str]) -> None:
    assert fields(A4, {"environment": "E3"}, agreed={**AGREED, "environment": before}) == wrong


def test_whoever_asks_for_more_states_every_limit() -> None:
    silent = {**AGREED, "not_applicable": [], "sites": None}
    assert fields(A4, {"people": 200}, agreed=silent) == {"not_applicable"}
    stated = {"people": 200, "sites": "2", "not_applicable": [{"dimension": "money", "reason": "None"}]}
    assert fields(A4, stated, agreed=silent) == set()


def test_why_there_is_no_limit_is_dropped_where_one_comes_and_stays_where_none_does() -> None:
    stays, goes = ({"dimension": name, "reason": "None"} for name in ("money", "sites"))
    after = terms_after({**AGREED, "sites": None, "not_applicable": [stays, goes]}, {"sites": "9"})
    assert (after["not_applicable"], after["sites"]) == ([stays], "9")


# The table


def test_every_term_is_of_some_class_and_no_class_has_another() -> None:
    assert {term for kind in KINDS.values() for term in kind.terms} == set(TERMS)
    assert {name for name in DIMENSIONS if name not in TERMS} == {"starts_on", "days"}


def test_only_a_narrowing_is_decided_by_nobody_and_every_other_class_has_its_clock() -> None:
    assert [kind.id for kind in KINDS.values() if kind.at_once] == [A2]
    assert {key.split(".")[1] for key in CLOCKS if key.startswith("D11.")} == {*ChangeKind} - {A2}
    assert {cause for cause in EXTRAS if cause.startswith("change_")} == {"change_A4", "change_A5"}


def test_every_class_is_filed_only_where_the_plan_runs_or_stands_still() -> None:
    assert {state for kind in KINDS.values() for state in kind.states} == {
        "trial", "tune", "suspended", "retrospective"} <= set(STATES)


# The guards

HELD = f.ReviewFacts("periodic", NOW, NOW - 10 * DAY, None, "rv_1", "continue", "continue")
OWN = f.ReviewFacts("change", NOW, NOW - DAY, None, "rv_2", "continue", "continue")
FILED = {kind: (f.Section(kind, 1, body, "fang", NOW, "firm"),) for kind, body in {
    "risks": {"risks": [{"likelihood": 3, "severity": 3, "safeguard": "A person looks", "owner": "Wang"}]},
    "kill_switch": {"tested_on": "2026-05-20"},
    "safeguards": dict.fromkeys(("human_override", "output_reversal", "kill_switch", "complaint_channel"), True),
}.items()}
GROUPS: dict[str, Any] = {"reviews": (HELD, OWN), "proof": f.Proof(), "sections": FILED,
                          "decision": f.Decision("lin", "zhou"), "change": f.ChangeAsked("A4", AGREED, "green", "rv_2")}
TRIAL = f.TrialFacts("ES-0001", "trial", NOW - 90 * DAY, tier="R2", running_since=NOW - 90 * DAY,
                     ends_at=NOW + 90 * DAY)


def unmet(kind: ChangeKind, trial: f.TrialFacts = TRIAL, *, otherwise: bool = False, **groups: Any) -> set[str]:
    facts = f.Facts(NOW, trial, {**GROUPS, **groups})
    return set(lacking(asked_of(kind, trial.state, behaves_otherwise=otherwise), facts))


BREAKS: dict[str, dict[str, Any]] = {
    "limits_stated": {"change": replace(GROUPS["change"], terms={**AGREED, "not_applicable": []})},
    "safeguards_in_place": {"sections": {**FILED, "kill_switch": ()}},
    "last_review_green": {"reviews": (replace(HELD, recommendation="adjust"), OWN)},
    "nothing_grave_open": {"proof": f.Proof(open_grave=1)},
    "change_advised": {"reviews": (HELD, replace(OWN, advised="adjust"))},
    "second_regulator": {"decision": f.Decision("lin", "lin")},
}


def test_a_widening_is_accepted_when_every_guard_holds() -> None:
    assert unmet(A4) == set()


@pytest.mark.parametrize("guard", BREAKS)
def test_a_widening_with_one_guard_taken_away_names_it(guard: str) -> None:
    assert unmet(A4, **BREAKS[guard]) == {guard}


def test_each_guard_of_a_widening_was_taken_away_once() -> None:
    assert set(asked_of(A4, "trial")) == set(BREAKS)


@pytest.mark.parametrize(("guard", "groups"), [
    ("last_review_green", {"reviews": (OWN,)}),
    ("last_review_green", {"change": replace(GROUPS["change"], light="yellow")}),
    ("last_review_green", {"reviews": (replace(HELD, held_at=None), OWN)}),
    ("nothing_grave_open", {"proof": f.Proof(unitemised=1)}),
    ("change_advised", {"reviews": (HELD,)}), ("change_advised", {"reviews": (HELD, replace(OWN, held_at=None))}),
    ("change_advised", {"reviews": (HELD, replace(OWN, advised=None))}),
    ("change_advised", {"reviews": (HELD, replace(OWN, recommendation="suspend"))}),
    ("second_regulator", {"decision": None}), ("second_regulator", {"decision": f.Decision("lin", None)}),
])
def test_a_guard_does_not_hold_by_halves(guard: str, groups: dict[str, Any]) -> None:
    assert unmet(A4, **groups) == {guard}


def test_a_paused_trial_is_not_widened_by_one_regulator() -> None:
    paused = replace(TRIAL, state="suspended")
    stop = f.Suspension("su_1", "voluntary", "trial", NOW)
    assert unmet(A4, paused, decision=None, suspension=stop) == {"second_regulator"}


def test_a_model_takes_the_panel_only_where_it_behaves_otherwise() -> None:
    alone: dict[str, Any] = {"reviews": (HELD,), "decision": None}
    assert unmet(A5, **alone) == set()
    assert unmet(A5, otherwise=True, **alone) == {"change_advised", "second_regulator"}


def test_an_extension_is_granted_while_time_is_left() -> None:
    assert unmet(A6) == set()
    assert unmet(A6, replace(TRIAL, ends_at=NOW)) == {"time_left"}


def test_an_improvement_asks_for_what_the_move_to_tuning_asks_for_but_the_plan_it_brings() -> None:
    assert asked_of(A7, "trial") == ()
    assert set(asked_of(A7, "suspended")) == {"cause_mitigated", "emergency_review_held", "time_left", "two_regulators"}
    assert set(asked_of(A7, "retrospective")) == {"retrospective_complete", "time_left", "two_regulators"}


def test_guards_have_names_of_their_own_and_read_what_they_say() -> None:
    assert not set(GUARDS) & set(NEEDS) and {*GUARDS, *NEEDS} >= SECOND
    for kind in KINDS:
        for state in KINDS[kind].states:
            for name in asked_of(kind, state, behaves_otherwise=True):
                assert groups_of([name]) == frozenset(need_named(name).reads) - {"change"}


# What was in force when

TURNS = in_turn([(NOW, {"model_version": "1", "regions": "East, West", "sites": None}),
                 (NOW + 10 * DAY, {"model_version": "2", "regions": "East", "sites": "A"}),
                 (NOW + 20 * DAY, {"model_version": "3", "regions": "East, North", "sites": "A, B"})])


@pytest.mark.parametrize(("version", "day", "so"), [
    ("1", -1, True), ("1", 5, True), ("2", 5, False), ("2", 12, True), ("1", 12, True), ("1", 16, True),
    ("1", 17, False), ("3", 19.5, True), ("3", 18, False), ("4", 30, False), (None, 30, True)])
def test_a_model_version_may_be_told_of_while_it_is_pinned_and_a_week_longer(
        version: str | None, day: float, so: bool) -> None:
    assert ROLL_OUT == 7 * DAY
    assert pinned(version, TURNS, NOW + day * DAY, NOW + (day + 1) * DAY) is so


@pytest.mark.parametrize(("region", "site", "day", "so"), [
    ("West", None, 5, True), ("West", None, 9.5, True), ("West", None, 10, False), ("North", None, 15, False),
    ("north", "b", 25, True), ("East", "B", 15, False), (None, "Z", 5, True), (None, None, 15, True)])
def test_a_place_is_agreed_on_or_not_by_when_it_was_used(
        region: str | None, site: str | None, day: float, so: bool) -> None:
    assert placed(region, site, TURNS, NOW + day * DAY, NOW + (day + 1) * DAY) is so

"""Every need of every move: facts that meet the move, then one thing taken away, and exactly that need is named."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.rules.changes import KINDS, ChangeKind
from sandbox.rules.dossier import ORDINARY
from sandbox.rules.facts import GROUPS, Decision, Facts, NotLoaded, Reminders
from sandbox.rules.lifecycle import MOVES, Move
from sandbox.rules.needs import NEEDS, groups_for, unmet
from sandbox.store.facts import LOADERS
from sandbox.store.sections import SECTIONS
from sandbox.store.votes import MATTERS
from sandbox.words import say, word
from tests.rules.facts_met import (
    ASKED,
    BODIES,
    DAY,
    NOW,
    Change,
    dated,
    group,
    holds,
    in_force,
    met,
    proof,
    says,
    seats,
    stop,
    trial,
    voted,
    without,
)

BREAK: dict[str, Change] = {
    "dossier_complete": without("governance"),
    "eligible": says("eligibility", novel=False),
    "tier_set": trial(environment=None),
    "panel_in_favour": voted("ethics", "against", "against"),
    "listed": trial(listed=False),
    "not_listed": trial(listed=True),
    "rereview_in_favour": voted("rereview", "against", "against"),
    "reasons_given": says("reasons", appeal_notice=False),
    "plan_locked": voted("sign", "for", "against"),
    "exposure_limited": lambda facts: says("exposure", sites=None)(in_force(sites=None)(facts)),
    "safeguards_in_place": says("safeguards", complaint_channel=False),
    "panel_assigned": seats("running", people=1, accepted=False),
    "consent_approved": says("consent", withdrawal_tested=False),
    "redress_arranged": without("redress"),
    "exit_plan_approved": without("exit_plan"),
    "public_notice_given": says("notice", objections_answered=False),
    "schedules_made": says("schedules", review_every_days=61),
    "filings_recorded": says("filings", filings=[{"filing": "Algorithm", "status": "due", "due_on": "2026-08-31"}]),
    "data_assessed": says("data_assessment", assessment=None),
    "corrective_plan": dated("corrective_plan", NOW - 61 * DAY),
    "corrective_items_done": says("retest", retest_passed=False),
    "recent_panel_opinion": voted("opinion", "against", "against"),
    "cause_mitigated": says("mitigation", residual_tier="R3"),
    "emergency_review_held": group("reviews", lambda found: (found[0], replace(found[1], suspension="another"))),
    "retrospective_complete": without("retrospective"),
    "evidence_sufficient": proof(reports_filed=8),
    "score_reached": says("score", new_route=0, fit=0, reuse=0),
    "nothing_open": proof(late_complaints=1),
    "exit_report_countersigned": without("countersignature"),
    "all_constituencies_scored": group("sections", lambda found: {**found, "score": found["score"][1:]}),
    "two_regulators": group("decision", lambda found: Decision("lin", None)),
    "time_left": trial(extension_count=2),
    "wound_down": says("wind_down", recall_status="not_verifiable"),
    "failure_form_complete": without("failure_form"),
    "diligent": says("diligence", honest=False),
    "ground_chosen": without("termination"),
    "appeal_valid": trial(appeals=1),
    "cause_void": says("void", firm_told=False),
    "left_trial": stop(left="tune"),
    "left_tune": stop(left="trial"),
    "gates_passed": says("gates", risk_control=False),
    "lift_allowed": stop(other_causes=("cap_exceeded",)),
    "cause_external": without("external_cause"),
    "fresh_panel": lambda facts: seats("running", 2, 1, person="rui")(seats("review", 2, 1, person="rui")(facts)),
    "idle_long": group("reminders", lambda found: Reminders(2)),
}
TOGETHER = {"all_constituencies_scored": {"score_reached"}}
"""Cannot be broken apart: without one of the three sides there is no composite evaluation, hence no score."""


def broken(row: Move, name: str) -> Facts:
    return BREAK[name](met(row))


def name_of(value: Any) -> str:
    return f"{value.name}-from-{value.source}" if isinstance(value, Move) else str(value)


# Generated from the table


def test_every_need_has_its_way_to_be_broken():
    assert set(BREAK) == set(NEEDS)


@pytest.mark.parametrize("kind", BODIES)
def test_the_bodies_used_here_are_such_as_the_sections_take(kind):
    fields = SECTIONS[kind].fields
    given = BODIES[kind] or {name: "…" for name, field in fields.model_fields.items() if field.is_required()}
    fields.model_validate(given)


@pytest.mark.parametrize("row", MOVES, ids=name_of)
def test_a_move_whose_every_need_is_met_lacks_nothing(row):
    facts = met(row)
    assert unmet(row, replace(facts, groups={name: facts.groups[name] for name in groups_for([row])})) == {}


@pytest.mark.parametrize(("row", "name"), ASKED, ids=name_of)
def test_a_need_taken_away_is_named_and_no_other(row, name):
    expected = {name} | TOGETHER.get(name, set())
    assert tuple(unmet(row, broken(row, name))) == tuple(need for need in row.needs if need in expected)


@pytest.mark.parametrize("row", [row for row in MOVES if row.needs], ids=name_of)
def test_a_move_of_which_nothing_is_met_names_every_need_in_the_order_of_the_table(row):
    facts = met(row)
    for name in row.needs:
        facts = BREAK[name](facts)
    assert tuple(unmet(row, facts)) == row.needs


@pytest.mark.parametrize(("row", "name"), ASKED, ids=name_of)
def test_a_need_reads_no_group_beyond_those_it_declares(row, name):
    for facts in (met(row), broken(row, name)):
        NEEDS[name].holds(replace(facts, groups={kept: facts.groups[kept] for kept in NEEDS[name].reads}))


@pytest.mark.parametrize(("name", "left_out"), [(name, group) for name, need in NEEDS.items() for group in need.reads])
def test_a_need_reads_every_group_it_declares(name, left_out):
    with pytest.raises(NotLoaded):
        holds(name, lambda facts: replace(facts, groups={
            kept: facts.groups[kept] for kept in NEEDS[name].reads if kept != left_out}))


def test_every_group_that_a_need_declares_can_be_loaded():
    assert {name for need in NEEDS.values() for name in need.reads} == set(GROUPS) == {*LOADERS, "decision"}


# Where a need is met


@pytest.mark.parametrize(("row", "name"), ASKED, ids=name_of)
def test_a_need_can_be_met_in_the_state_in_which_it_is_asked(row, name):
    place, _, matter = NEEDS[name].meet.partition(":")
    if matter:
        assert row.source in MATTERS[matter].states
    elif place == "dossier":
        assert all(row.source in SECTIONS[kind].states for kind in ORDINARY)
    elif place in SECTIONS:
        asked = name == "exposure_limited" and row.source in KINDS[ChangeKind.A4].states
        assert asked or row.source in SECTIONS[place].states
    else:
        assert place in ("panel", "reviews", "incidents", "corrective_items", "decision", "clock")


@pytest.mark.parametrize(("row", "name"), ASKED, ids=name_of)
def test_a_need_is_said_under_its_own_name(row, name):
    assert NEEDS[name].said(met(row)) == word(f"need.{name}")


@pytest.mark.parametrize(("name", "of"), [("panel_in_favour", "review"), ("rereview_in_favour", "rereview"),
                                          ("panel_assigned", "running"), ("fresh_panel", "review")])
def test_what_a_panel_lacks_is_said_in_one_sentence_with_its_need(name, of):
    row = next(move for move, asked in ASKED if asked == name and move.source != "terminated")
    nobody_knows = seats(of, 2 if name == "fresh_panel" else 1, expertise=("law",))(met(row))
    assert say(unmet(row, nobody_knows)[name], "en").endswith(
        "Still missing: an expert in AI and an expert in the trade.")


@pytest.mark.parametrize("name", [name for name, need in NEEDS.items() if need.meet in SECTIONS])
def test_the_holder_of_a_need_may_write_the_section_that_meets_it(name):
    relation = {"firm": "owner", "regulator": "officer", "reviewer": "seated"}[NEEDS[name].holder]
    assert relation in SECTIONS[NEEDS[name].meet].by



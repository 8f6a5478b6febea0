"""The edges of the needs of a trial that is stopped, by whom and since when."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from sandbox.rules.facts import Facts
from sandbox.rules.jurisdiction import CITY, Jurisdiction, Profile
from sandbox.rules.lifecycle import ROWS
from sandbox.rules.working_days import Calendar
from tests.rules.facts_met import (
    DAY,
    NOW,
    Change,
    dated,
    group,
    holds,
    stop,
    trial,
    vote,
    voted,
    without,
)


@pytest.mark.parametrize("cause", ["voluntary", "end_date_reached"])
def test_a_pause_or_an_end_date_alone_needs_no_mitigation_and_no_review(cause):
    alone = (stop(cause=cause), without("mitigation"), group("reviews", lambda found: ()))
    assert holds("cause_mitigated", *alone)
    assert holds("emergency_review_held", *alone)


def test_no_stop_of_any_cause_is_mitigated_while_a_critical_item_is_far_too_late() -> None:
    for cause in ("voluntary", "risk_red"):
        assert holds("cause_mitigated", stop(cause=cause))
        assert not holds("cause_mitigated", stop(cause=cause, critical_late=1))


@pytest.mark.parametrize("need", ["cause_mitigated", "emergency_review_held"])
def test_a_pause_with_another_cause_open_needs_what_that_cause_needs(need):
    paused = stop(cause="voluntary", other_causes=("grave_incident",))
    assert not holds(need, paused, without("mitigation"), group("reviews", lambda found: ()))


def test_an_overdue_review_stops_without_an_emergency_review_but_not_without_mitigation():
    late = (stop(cause="review_overdue"), without("mitigation"), group("reviews", lambda found: ()))
    assert holds("emergency_review_held", *late)
    assert not holds("cause_mitigated", *late)


@pytest.mark.parametrize("change", [
    voted("verify", person="fang"), voted("verify", "against"), voted("verify", version=2),
    dated("mitigation", NOW - 6 * DAY), without("mitigation"), trial(tier="R1"),
])
def test_mitigation_is_of_this_stop_within_the_tier_and_verified_by_someone_else(change):
    assert holds("cause_mitigated")
    assert not holds("cause_mitigated", change)


@pytest.mark.parametrize(("change", "verified"), [
    (voted("verify", person="rui", role="reviewer"), True), (voted("verify", person="yu", role="reviewer"), False),
])
def test_mitigation_is_verified_by_an_officer_or_the_running_panel_alone(change, verified):
    assert holds("cause_mitigated", change) is verified


def test_one_members_word_does_not_outweigh_an_officers():
    both = group("votes", lambda found: (*found, vote("verify", "rui", subject="mitigation")))
    assert holds("cause_mitigated", both)
    assert not holds("cause_mitigated", both, voted("verify", "against"))


@pytest.mark.parametrize(("need", "kind"), [("consent_approved", "consent"), ("exit_plan_approved", "exit_plan")])
def test_a_section_to_which_an_officer_objects_is_not_approved(need, kind):
    objects = group("votes", lambda found: (*found, vote("approve", "zhou", "against", role="regulator", subject=kind)))
    assert holds(need)
    assert not holds(need, objects)


def test_an_emergency_review_that_is_only_planned_is_not_held():
    planned = group("reviews", lambda found: tuple(replace(one, held_at=None) for one in found))
    assert not holds("emergency_review_held", planned)


def written_by(kind: str, role: str) -> Change:
    """The section is of this side, and nobody signed it."""
    def change(facts: Facts) -> Facts:
        mine = tuple(replace(one, role=role) for one in facts.sections[kind])
        votes = tuple(one for one in facts.votes if one.subject != kind)
        return replace(facts, groups={**facts.groups, "sections": {**facts.sections, kind: mine}, "votes": votes})
    return change


def signs(kind: str, role: str, version: int = 1) -> Change:
    return group("votes", lambda found: (*found, vote("sign", role, role=role, subject=kind, version=version)))


@pytest.mark.parametrize(("author", "other"), [("firm", "regulator"), ("regulator", "firm")])
def test_one_side_writes_the_retrospective_and_the_other_signs_that_version(author, other):
    alone = written_by("retrospective", author)
    assert not holds("retrospective_complete", alone)
    assert not holds("retrospective_complete", alone, signs("retrospective", author))
    assert not holds("retrospective_complete", alone, signs("retrospective", other, version=2))
    assert holds("retrospective_complete", alone, signs("retrospective", other))


def test_a_firm_cannot_complete_its_retrospective_alone_however_long_nobody_answers():
    long_ago = trial(state_since=NOW - 60 * DAY)
    assert not holds("retrospective_complete", written_by("retrospective", "firm"), long_ago)


def test_the_checklist_of_the_way_out_is_a_regulators_or_signed_by_one():
    assert holds("wound_down", written_by("wind_down", "regulator"))
    assert not holds("wound_down", written_by("wind_down", "firm"))
    assert not holds("wound_down", written_by("wind_down", "firm"), signs("wind_down", "firm"))
    assert holds("wound_down", written_by("wind_down", "firm"), signs("wind_down", "regulator"))


@pytest.mark.parametrize(("days", "complete"), [(15, True), (14, False)])
def test_the_regulator_completes_the_report_alone_after_ten_working_days_of_silence(days, complete):
    alone = written_by("retrospective", "regulator")
    assert holds("retrospective_complete", alone, trial(state_since=NOW - days * DAY)) is complete


def test_working_days_of_silence_are_those_of_the_sandbox_s_own_place():
    """Ten working days from Monday 28 September: China has its golden week in between, Germany one Saturday off."""
    alone, since = written_by("retrospective", "regulator"), datetime(2026, 9, 28, 1, tzinfo=UTC)
    german = Jurisdiction(Profile.EU_AUTHORITY, ZoneInfo("Europe/Berlin"), Calendar("DE"))
    for place, waits in ((CITY, [11, 12, 15]), (german, [11, 12])):
        assert [day for day in (11, 12, 15, 16, 19) if not holds(
            "retrospective_complete", alone, trial(state_since=since),
            partial(replace, now=datetime(2026, 10, day, 16, tzinfo=UTC), place=place))] == waits


def test_a_report_about_an_earlier_stop_is_not_this_retrospective():
    assert not holds("retrospective_complete", dated("retrospective", NOW - 6 * DAY))


def test_one_regulator_lifts_a_voluntary_pause_that_has_no_other_cause():
    lift, nobody = ROWS["lift_suspension", "suspended"], group("decision", lambda found: None)
    assert holds("two_regulators", stop(cause="voluntary"), nobody, row=lift)
    assert not holds("two_regulators", stop(cause="voluntary", other_causes=("risk_red",)), nobody, row=lift)
    assert not holds("two_regulators", stop(cause="regulator"), nobody, row=lift)


def test_a_pause_long_ended_does_not_spare_the_second_regulator_elsewhere():
    admit = ROWS["admit", "ethics_review"]
    assert not holds("two_regulators", stop(cause="voluntary"), group("decision", lambda found: None), row=admit)


def test_nobody_confirms_their_own_proposal():
    assert not holds("two_regulators", group("decision", lambda found: replace(found, confirmed_by="lin")))


@pytest.mark.parametrize(("change", "left"), [
    (trial(days_before=179.0), True), (trial(days_before=180.0), False), (trial(ends_at=NOW), False),
    (trial(days_before=359.0, extension_count=1), True), (trial(days_before=360.0, extension_count=1), False),
    (trial(ends_at=None), True),
    (trial(days_before=300.0, day_limit=400), True),
])
def test_time_is_left_below_the_limit_of_days_and_before_the_end_date(change, left):
    assert holds("time_left", change, row=ROWS["lift_suspension", "suspended"]) is left


def test_days_of_a_running_state_count_while_they_run():
    tuned = ROWS["begin_tuning", "exit_review"]
    assert holds("time_left", trial(days_before=150.0), row=tuned)
    assert not holds("time_left", trial(days_before=150.0, state="tune", running_since=NOW - 30 * DAY), row=tuned)


@pytest.mark.parametrize("cause", ["grave_incident", "cap_exceeded", "unsafe_version"])
def test_a_grave_cause_or_a_breach_is_not_lifted_without_a_retrospective(cause):
    assert not holds("lift_allowed", stop(cause=cause))
    assert not holds("lift_allowed", stop(other_causes=(cause,)))


@pytest.mark.parametrize(("change", "allowed"), [
    (stop(at=NOW - 14 * DAY), True), (stop(at=NOW - 14 * DAY - DAY / 24), False), (stop(left="tune"), False),
    (stop(cause="risk_red"), True),
])
def test_a_stop_of_at_most_fourteen_days_that_left_from_trial_is_lifted(change, allowed):
    assert holds("lift_allowed", change) is allowed


@pytest.mark.parametrize("need", ["cause_void", "cause_external"])
def test_what_was_written_about_an_earlier_stop_says_nothing_of_this_one(need):
    kind = {"cause_void": "void", "cause_external": "external_cause"}[need]
    assert not holds(need, dated(kind, NOW - 6 * DAY))

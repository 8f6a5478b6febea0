"""Whole ways through the lifecycle, by acts and the clock alone: every state on the way, and a log that verifies."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from world import World

from sandbox.acts.refusals import Refused, Unmet
from sandbox.jobs.demo import stories
from sandbox.jobs.demo.city import pass_time
from sandbox.jobs.demo.walks import Habit, Walk
from sandbox.reads import risk
from sandbox.reads.board import holds
from sandbox.reads.records import reviews
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.fields import canonical

DAY = timedelta(days=1)
ADMITTED = ["draft", "submitted", "ethics_review", "admitted"]
STARTED = [*ADMITTED, "trial"]
SILENT, UNREVIEWED, UNTESTED = Habit(reports=False), Habit(reviews=False), Habit(tests=False)


@pytest.fixture
def running(world: World) -> Callable[..., Walk]:
    """`running()`: a trial that was admitted and has just started."""

    def make(**more: Any) -> Walk:
        one = world.walk(**more)
        world.go(one.started())
        world.wait(timedelta(hours=1))
        return one

    return make


# Endings


def test_a_good_trial_goes_from_draft_to_a_norm(world: World) -> None:
    one = world.walk()
    world.go(stories.at_exit_review(one, days=35))
    assert world.path(one) == [*STARTED, "exit_review"]
    world.go(one.scored())
    one.by_two("standardise")
    assert world.path(one) == [*STARTED, "exit_review", "standardised"]


def test_a_norm_is_not_reached_below_the_line(world: World) -> None:
    one = world.walk()
    world.go(stories.at_exit_review(one, days=35))
    world.go(one.scored(exit_trl=6))
    with pytest.raises(Unmet) as refused:
        one.move("standardise")
    assert tuple(refused.value.needs) == ("score_reached", "two_regulators")


def test_an_ordinary_trial_completes_without_a_norm(world: World) -> None:
    one = world.walk(tier="R1", simplified=True)
    world.go(stories.at_exit_review(one, days=35))
    world.go(one.scored(exit_trl=6))
    world.go(one.wound_down())
    one.by_two("complete")
    assert world.path(one) == [*STARTED, "exit_review", "winding_down", "completed"]


def test_an_honest_failure_is_filed_without_fault(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(20))
    world.go(one.wound_down())
    world.go(one.found_diligent())
    one.by_two("file_failure")
    assert world.path(one) == [*STARTED, "winding_down", "failure_filed"]


def test_a_breach_ends_in_termination(world: World) -> None:
    one = world.walk()
    world.go(stories.terminated(one))
    assert world.path(one) == [*STARTED, "suspended", "winding_down", "terminated"]
    assert [row["cause"] for row in world.moves(one) if row["cause"]] == ["regulator"]


def test_on_appeal_only_the_ending_is_decided_again_by_other_people(world: World) -> None:
    one = world.walk()
    world.go(stories.ended_again(one))
    assert world.path(one)[-2:] == ["terminated", "winding_down"]
    world.go(one.found_diligent())
    one.by_two("file_failure")
    assert world.path(one)[-1] == "failure_filed"


def test_a_firm_leaves_and_the_close_is_neutral(world: World) -> None:
    one = world.walk(tier="R1", simplified=True)
    world.go(stories.left(one))
    assert world.path(one) == [*STARTED, "winding_down", "withdrawn"]


# Admission


def test_a_listed_trial_is_looked_at_again_by_five_others(world: World) -> None:
    one = world.walk(tier="R4")
    world.go(one.accepted())
    world.go(one.reviewed())
    with pytest.raises(Unmet) as refused:
        one.move("admit")
    assert tuple(refused.value.needs) == ("not_listed", "two_regulators")
    world.go(one.rereviewed())
    one.by_two("admit")
    assert world.path(one) == ["draft", "submitted", "ethics_review", "expert_rereview", "admitted"]


def test_nobody_of_the_first_panel_sits_on_the_re_review(world: World) -> None:
    one = world.walk(tier="R4")
    world.go(one.accepted())
    world.go(one.reviewed())
    one.move("send_to_rereview")
    with pytest.raises(Refused, match="double_role"):
        world.go(one.seated("rereview", one.members))


def test_a_trial_declined_is_reopened_on_appeal_and_admitted_by_other_people(world: World) -> None:
    one = world.walk()
    world.go(one.accepted())
    world.wait(DAY)
    one.declined()
    world.wait(20 * DAY)
    world.go(one.appealed("review"))
    world.go(one.voted("ethics"))
    one.by_two("admit")
    assert world.path(one) == ["draft", "submitted", "ethics_review", "declined", "ethics_review", "admitted"]


def test_an_appeal_after_thirty_days_is_too_late(world: World) -> None:
    one = world.walk()
    world.go(one.submitted())
    one.declined()
    world.wait(31 * DAY)
    with pytest.raises(Unmet) as refused:
        world.go(one.appealed("review"))
    assert tuple(refused.value.needs) == ("appeal_valid",)


def test_a_correction_that_nobody_answers_lapses_by_the_clock(world: World) -> None:
    one = world.walk()
    world.go(stories.in_correction(one))
    world.wait(60 * DAY - timedelta(hours=1))
    assert one.state == "correction"
    world.wait(timedelta(hours=2))
    assert world.path(one) == ["draft", "submitted", "correction", "lapsed"]


def test_an_admission_not_used_lapses_by_the_clock(world: World) -> None:
    one = world.walk(tier="R1", simplified=True)
    world.go(one.admitted())
    world.wait(90 * DAY - timedelta(hours=1))
    assert one.state == "admitted"
    world.wait(timedelta(hours=2))
    assert world.path(one) == [*ADMITTED, "lapsed"]


# The clock stops it


def test_the_end_date_opens_the_evaluation_where_the_evidence_suffices(world: World,
                                                                      running: Callable[..., Walk]) -> None:
    one = running(days=40)
    world.go(one.runs(35))
    one.file("results")
    world.go(one.runs(10))
    assert world.path(one) == [*STARTED, "exit_review"]
    assert world.moves(one)[-1]["role"] == "system"


def test_the_end_date_stops_a_trial_without_measurements_until_they_are_there(world: World,
                                                                             running: Callable[..., Walk]) -> None:
    one = running(days=40)
    world.go(one.runs(45))
    assert world.stop(one)["cause"] == "end_date_reached"
    with pytest.raises(Unmet):
        one.move("open_exit_review")
    one.file("results")
    one.move("open_exit_review")
    assert world.path(one) == [*STARTED, "suspended", "exit_review"]


def test_a_review_that_nobody_holds_suspends_the_trial_without_blame(world: World,
                                                                     running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(60, UNREVIEWED))
    assert one.state == "trial"
    world.go(one.runs(2, UNREVIEWED))
    assert world.stop(one)["cause"] == "review_overdue"
    world.go(one.lifted())
    assert one.state == "trial"


def test_a_missing_report_is_yellow_after_a_day_and_the_second_suspends(world: World,
                                                                        running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(15, SILENT))
    assert world.trial(one)["light"] == "grey"
    world.go(one.runs(2, SILENT))
    assert (one.state, world.trial(one)["light"]) == ("trial", "yellow")
    world.go(one.runs(12, SILENT))
    assert world.stop(one)["cause"] == "feedback_missing"


def test_a_kill_switch_not_tested_for_38_days_suspends(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(37, UNTESTED))
    assert one.state == "trial"
    world.go(one.runs(2, UNTESTED))
    assert world.stop(one)["cause"] == "unsafe_version"


def test_periods_are_as_long_as_the_tier_says(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    ends = []
    for _ in range(3):
        world.go(one.runs((one.due - world.clock()).days + 2))
        ends.append(one.covered)
    assert [later - sooner for sooner, later in zip(ends, ends[1:], strict=False)] == [14 * DAY, 14 * DAY]


def test_no_report_falls_due_while_a_trial_is_stopped(world: World, running: Callable[..., Walk]) -> None:
    one = running(tier="R3")
    world.go(one.runs(15))
    one.move("suspend", one.firm)
    world.wait(13 * DAY)
    one.move("lift_suspension")
    one.goes_on()
    world.go(one.runs(2))
    one.file("results")
    one.move("open_exit_review", one.firm)
    assert one.state == "exit_review"


# Facts stop it


def test_a_cap_exceeded_suspends_in_the_act_that_tells_of_it(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(16, SILENT))
    filed = one.report(exposures=100 * 120 * 0.75 + 1)
    assert filed["state"] == "suspended"
    assert world.stop(one)["cause"] == "cap_exceeded"
    with pytest.raises(Unmet) as refused:
        one.move("lift_suspension")
    assert "lift_allowed" in refused.value.needs


def test_a_cap_used_up_exactly_is_no_breach(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(16, SILENT))
    filed = one.report(exposures=100 * 120 * 0.75)
    assert (filed["state"], filed["light"]) == ("trial", "yellow")


def test_a_fatal_incident_suspends_in_the_same_act(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    assert one.incident("S1")["state"] == "suspended"
    assert world.stop(one)["cause"] == "grave_incident"


@pytest.mark.parametrize(("mitigated", "state"), [(True, "trial"), (False, "suspended")])
def test_a_serious_incident_suspends_after_a_day_unless_it_is_mitigated(
        world: World, running: Callable[..., Walk], mitigated: bool, state: str) -> None:
    one = running()
    told = one.incident("S2")
    assert told["state"] == "trial"
    if mitigated:
        one.settle(told["id"], "mitigated", one.firm)
    world.wait(DAY)
    assert one.state == state


def test_another_model_version_suspends_in_the_act_that_tells_of_it(world: World,
                                                                    running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(16, SILENT))
    assert one.report(model_version="1.4.1")["state"] == "suspended"
    assert world.stop(one)["cause"] == "unsafe_version"


def test_a_pause_by_the_firm_itself_is_ended_by_one_regulator(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    one.move("suspend", one.firm)
    world.wait(DAY)
    assert one.move("lift_suspension")["outcome"] == "made"
    assert world.path(one) == [*STARTED, "suspended", "trial"]


def test_the_chair_holds_a_trial_and_the_others_cannot(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    with pytest.raises(Refused, match="not_permitted"):
        one.move("suspend", one.members[1])
    one.move("suspend", one.members[0])
    assert world.stop(one)["cause"] == "chair"


# And it goes on


def test_a_false_red_is_voided_in_the_same_epoch_and_its_days_are_given_back(world: World,
                                                                            running: Callable[..., Walk]) -> None:
    one = running()
    before = world.trial(one)
    world.go(one.runs(20, stories.DOUBLED))
    stopped = world.trial(one)
    assert (stopped["state"], stopped["light"], world.stop(one)["cause"]) == ("suspended", "red", "risk_red")
    world.go(one.voided())
    after = world.trial(one)
    assert world.path(one) == [*STARTED, "suspended", "trial"]
    assert (after["epoch"], after["cap_volume"], after["light"]) == (1, before["cap_volume"], "green")
    assert after["ends_at"] - before["ends_at"] == world.clock() - stopped["state_since"]
    one.goes_on()
    world.go(one.runs(20))
    assert one.state == "trial"


def test_a_red_lifted_by_two_opens_a_new_epoch(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(20, stories.DOUBLED))
    world.go(one.lifted())
    assert (world.trial(one)["epoch"], world.trial(one)["light"]) == (2, "grey")
    world.go(one.runs(20))
    assert world.path(one) == [*STARTED, "suspended", "trial"]


def test_a_red_that_ends_in_tuning_opens_a_new_epoch_too(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(20, stories.DOUBLED))
    world.go(one.mitigated())
    one.file("corrective_plan")
    one.by_two("begin_tuning")
    one.goes_on()
    assert world.trial(one)["epoch"] == 2
    world.go(one.runs(20))
    assert world.path(one) == [*STARTED, "suspended", "tune"]


def test_tuning_halves_what_is_left_and_resuming_restores_it(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(16))
    full, used = (world.trial(one)[name] for name in ("cap_volume", "used_volume"))
    one.tune()
    reduced = world.trial(one)["cap_volume"]
    assert reduced == used + (full - used) / 2
    world.go(one.runs(8))
    assert len(world.hand.open_items(one.trial)) == 2
    one.file("retest")
    with pytest.raises(Unmet) as refused:
        one.move("resume_trial")
    assert "corrective_items_done" in refused.value.needs
    with pytest.raises(Refused, match="not_in_this_state"):
        one.file("exposure", volume=5 * full, regions="整个省", autonomy="no_human")
    one.act("file_change", one.firm, kind="A2", body={"reason": "够用了", "volume": full - 1})
    assert world.trial(one)["cap_volume"] == reduced
    world.go(one.resumed())
    assert world.path(one) == [*STARTED, "tune", "trial"]
    assert (world.trial(one)["cap_volume"], world.trial(one)["plan_version"]) == (full - 1, 3)


def test_a_grave_stop_goes_on_only_through_a_retrospective(world: World, running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(16))
    one.incident("S1")
    world.go(one.retrospected())
    one.file("corrective_plan")
    one.by_two("begin_tuning")
    assert world.path(one) == [*STARTED, "suspended", "retrospective", "tune"]


def test_a_cause_outside_the_system_lets_it_resume_from_the_retrospective(world: World,
                                                                          running: Callable[..., Walk]) -> None:
    one = running()
    world.go(one.runs(16))
    one.incident("S1")
    world.go(one.retrospected())
    one.file("external_cause", "regulator")
    world.go(one.voted("opinion"))
    one.by_two("resume_trial")
    assert world.path(one) == [*STARTED, "suspended", "retrospective", "trial"]


def test_a_trial_sent_back_from_its_evaluation_has_a_review_ahead(world: World) -> None:
    one = world.walk()
    world.go(one.started())
    world.go(one.runs(25, UNREVIEWED))
    world.go(one.evaluated())
    one.hold_reviews()
    one.tune()
    world.go(one.runs(62))
    assert one.state == "tune"
    assert len(world.hand.open_reviews(one.trial)) + held(world, one) == 2


def held(world: World, one: Walk) -> int:
    """Periodic reviews that were held."""
    with world.program.reading() as connection:
        found = reviews(connection, SYSTEM_ACTOR, one.trial, state="held")
    return sum(row["kind"] == "periodic" for row in found.items)


# Taken over


def test_the_past_of_an_adopted_pilot_is_shown_and_never_held_against_it(world: World) -> None:
    one = world.walk(tier="R3")
    story = stories.adopted(one)
    for _ in range(3):
        pass_time(world.program, world.clock, next(story))
    bad = stories.past(datetime.fromisoformat(world.trial(one)["starts_at"].isoformat()), "other-key", 100.0)
    bad["reports"] = [{**report, "events": {"harm_S3": 400, "override": 0}} for report in bad["reports"]]
    one.act("import_feedback", "regulator", **bad)
    assert (one.state, world.trial(one)["light"], world.trial(one)["adopted"]) == ("trial", "grey", True)
    with world.program.reading() as connection:
        zone = world.program.settings.zone
        past, present = (risk.risk(connection, world.trial(one), world.clock(), zone, epoch) for epoch in (0, 1))
    assert max(line.events for line in past.indicators) >= 2400
    assert sum(line.events for line in present.indicators) == 0
    repeated = one.act("import_feedback", "regulator", **bad)
    assert (repeated["reports"], repeated["repeated"]) == (0, 7)


def test_walks_leave_no_hold_and_say_the_same_twice(world: World) -> None:
    figures = []
    for _ in range(2):
        one = world.walk()
        world.go(one.started())
        world.go(one.runs(16))
        figures.append({name: value for name, value in one.last_report[1].items() if "period" not in name})
    assert canonical(figures[0]) == canonical(figures[1])
    with world.program.reading() as connection:
        assert holds(connection, world.hand.people.actors["regulator"]) == ()

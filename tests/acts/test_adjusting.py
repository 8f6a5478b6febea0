"""Stage adjustment: what a firm may ask of a running trial's plan, who decides it, and what never moves with it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from pydantic import ValidationError
from walked import a_copy, month  # noqa: F401 the fixtures
from world import World

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotFound, NotPermitted, Refused, Unmet
from sandbox.jobs.arrivals import from_json
from sandbox.jobs.batches import Intake, Sending
from sandbox.jobs.clock import Shifted
from sandbox.jobs.demo.walks import Walk
from sandbox.jobs.program import Program
from sandbox.papers.permit import claims
from sandbox.reads.permits import permit_facts
from sandbox.reads.steps import Step, next_step
from sandbox.rules.access import Relation
from sandbox.rules.changes import KINDS
from sandbox.store.changes import CHANGES, PLAN_VERSIONS
from sandbox.store.clocks import CLOCKS
from sandbox.store.corrective import ITEMS
from sandbox.store.dues import NOTICES
from sandbox.store.reviews import REVIEWS
from sandbox.store.sections import SECTION_ROWS
from sandbox.store.trials import COUNTERS, TRIALS

DAY = timedelta(days=1)
Adopted = Callable[..., list[str]]
Walked = tuple[World, Walk]
ON_ONE = pytest.mark.only_on("sqlite")


@pytest.fixture
def trial(adopted: Adopted, clock: Shifted) -> str:
    one = adopted(1, people=100, volume=1000.0, regions="East, West", model_version="1.0")[0]
    clock.forward(START + 2 * DAY)
    return one


def rows(program: Program, table: sa.Table, trial: str) -> list[dict[str, Any]]:
    with program.reading() as connection:
        found = connection.execute(sa.select(table).where(table.c.trial_id == trial).order_by(
            *table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def row(program: Program, trial: str) -> dict[str, Any]:
    with program.reading() as connection:
        return dict(connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one())


def file(acts: Acts, who: Any, trial: str, kind: str, **body: Any) -> Any:
    return acts.do("file_change", who, {"kind": kind, "body": {"reason": "As agreed", **body}}, trial)


def report(acts: Acts, cast: Cast, trial: str, day: int, **more: Any) -> Any:
    return acts.do("file_feedback", cast.fang, {
        "period_start": (START + day * DAY).isoformat(), "period_end": (START + (day + 1) * DAY).isoformat(),
        "exposures": 100.0, **more}, trial)


def test_a_narrowing_holds_in_the_act_that_files_it(program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    report(acts, cast, trial, 0, people_new=10, events={"harm_S4": 1})
    before = rows(program, COUNTERS, trial)
    filed = file(acts, cast.fang, trial, "A2", people=50, regions="East")
    assert (filed.state, filed.plan_version, filed.decide_by) == ("accepted", 2, None)
    now = row(program, trial)
    assert (now["cap_people"], now["agreed_regions"], now["plan_version"]) == (50, ["East"], 2)
    first, second = rows(program, PLAN_VERSIONS, trial)
    assert (first["terms"]["people"], second["terms"]["people"], second["change_id"]) == (100, 50, filed.id)
    assert rows(program, COUNTERS, trial) == before and now["epoch"] == 1
    change, = rows(program, CHANGES, trial)
    assert [(one["term"], one["before"], one["after"]) for one in change["differences"]] == [
        ("people", 100, 50), ("regions", "East, West", "East")]
    assert {one["role"] for one in rows(program, NOTICES, trial) if one["kind"] == "change_ended"} == {
        "firm", "regulator"}


NO_NARROWING: list[tuple[dict[str, Any], set[str]]] = [
    ({"people": 101, "volume": 500.0}, {"people"}), ({"regions": "East, North", "sites": "One"}, {"regions"}),
    ({"people": 9}, {"people"}), ({}, {""}), ({"people": 100}, {""}),
]


def test_what_is_no_narrowing_is_refused_by_field_and_nothing_is_kept(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    report(acts, cast, trial, 0, people_new=10)
    for body, fields in NO_NARROWING:
        with pytest.raises(Invalid) as refused:
            file(acts, cast.fang, trial, "A2", **body)
        assert {".".join(map(str, path)) for path, _ in refused.value.errors} == fields, body
    for name in ("data_classes", "vulnerable_groups"):  # who or what is kept out is said in words
        with pytest.raises(ValidationError, match=name):
            file(acts, cast.fang, trial, "A2", people=50, **{name: ";"})
    assert rows(program, CHANGES, trial) == [] and len(rows(program, PLAN_VERSIONS, trial)) == 1


# A widening


def ask(one: Walk, kind: str, **body: Any) -> dict[str, Any]:
    return one.act("file_change", one.firm, kind=kind, body={"reason": "更多街区", **body})


def accept(one: Walk, change: str, who: str = "regulator") -> dict[str, Any]:
    return one.act("decide_change", who, change, accept=True, reason="Looked at")


def test_a_widening_takes_its_panel_and_two_regulators(walked: Walked) -> None:
    world, one = walked
    program = world.program
    before = world.trial(one)
    filed = ask(one, "A4", people=1200, autonomy="human_can_stop")
    assert [(r["kind"], r["reason"], r["state"]) for r in rows(program, REVIEWS, one.trial) if r["kind"] == "change"] \
        == [("change", "change_A4", "open")]
    with pytest.raises(Unmet) as refused:
        accept(one, filed["id"])
    assert set(refused.value.needs) == {"change_advised", "second_regulator"}
    assert world.trial(one)["cap_people"] == before["cap_people"] == 900
    one.hold_reviews()
    proposed = accept(one, filed["id"])
    assert (proposed["state"], world.trial(one)["cap_people"]) == ("filed", 900)
    assert one.act("decide_change", "regulator2", filed["id"], accept=True, reason="Me too")["decision"] \
        == proposed["decision"]
    with pytest.raises(NotPermitted):
        one.act("vote_on_decision", "regulator", proposed["decision"], value="for")
    one.act("vote_on_decision", "regulator2", proposed["decision"], value="for")
    now = world.trial(one)
    assert (now["cap_people"], now["plan_version"], now["epoch"]) == (1200, 2, before["epoch"])
    assert [r["outcome"] for r in rows(program, CLOCKS, one.trial) if r["key"] == "D11.A4"] == ["done"]
    change, = rows(program, CHANGES, one.trial)
    assert (change["decided_by"], change["leads_to"]) == (world.hand.account("regulator2"), 2)
    exposure = [r for r in rows(program, SECTION_ROWS, one.trial) if r["kind"] == "exposure"][-1]
    assert (exposure["body"]["people"], exposure["version"]) == (1200, now["exposure_version"])
    with pytest.raises(Refused, match="already_decided"):
        accept(one, filed["id"])


@ON_ONE
def test_a_widening_is_not_granted_against_its_panel_or_on_an_officers_word(walked: Walked) -> None:
    world, one = walked
    program = world.program
    filed = ask(one, "A4", volume=20_000.0, rate_per_day=200.0)
    silent = world.trial(one)["silent_days"]
    review, = world.hand.open_reviews(one.trial)
    for who in one.members:
        one.act("give_opinion", who, review, conflict=False, recommendation="adjust", reason="Not yet")
    one.act("conclude_review", "regulator", review, recommendation="continue", conclusion="All the same",
            departure="I think otherwise")
    with pytest.raises(Unmet) as refused:
        accept(one, filed["id"])
    assert set(refused.value.needs) == {"change_advised", "second_regulator"}
    one.act("decide_change", "regulator", filed["id"], accept=False, reason="The panel is against it")
    again = ask(one, "A4", volume=20_000.0, rate_per_day=200.0)
    review, = world.hand.open_reviews(one.trial)
    one.act("conclude_review", "regulator", review, recommendation="continue", conclusion="Mine", stand_in=True)
    with pytest.raises(Unmet):
        accept(one, again["id"])
    assert (world.trial(one)["plan_version"], world.trial(one)["silent_days"]) == (1, silent)
    assert {r["id"]: r["state"] for r in rows(program, CHANGES, one.trial)} == {
        filed["id"]: "refused", again["id"]: "filed"}


@ON_ONE
def test_a_request_that_comes_to_nothing_leaves_no_review_no_clock_and_no_proposal(
        walked: Walked) -> None:
    world, one = walked
    program = world.program
    filed = ask(one, "A4", people=1000)
    one.hold_reviews()
    proposed = accept(one, filed["id"])
    with pytest.raises(Invalid, match="people"):
        ask(one, "A2", people=10, volume=100_000.0)
    other = ask(one, "A5", model_version="2.0", regression="All cases", regression_passed=True, behaves_otherwise=True)
    one.act("withdraw_change", one.firm, filed["id"])
    one.act("withdraw_change", one.firm, other["id"])
    assert world.hand.open_reviews(one.trial) == []
    assert {r["outcome"] for r in rows(program, CLOCKS, one.trial) if r["key"].startswith("D11")} == {"void"}
    with pytest.raises(Refused, match="already_decided"):
        one.act("vote_on_decision", "regulator2", proposed["decision"], value="for")
    with pytest.raises(Refused, match="already_decided"):
        accept(one, filed["id"])


def test_a_pilot_that_was_taken_over_is_widened_once_it_states_its_limits_and_risks(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    with pytest.raises(Invalid, match="not_applicable"):
        file(acts, cast.fang, trial, "A4", people=200)
    stated = {"autonomy": "human_can_stop", "data_classes": "Pictures", "not_applicable": [
        {"dimension": name, "reason": "None"} for name in ("sites", "vulnerable_groups", "money")]}
    risk = {"risk": "A collision", "likelihood": 3, "severity": 4, "safeguard": "A driver", "owner": "Wang"}
    filed = file(acts, cast.fang, trial, "A4", people=200, **stated, risks=[{**risk, "owner": None}])
    needs = lacking(acts, cast, filed.id)
    assert needs == {"safeguards_in_place", "last_review_green", "change_advised", "second_regulator"}
    acts.do("withdraw_change", cast.fang, {}, filed.id)
    day = clock().date().isoformat()
    for kind, body in (("kill_switch", {"tested_on": day, "tested_by": "Wang", "result": "Stopped"}), ("safeguards", {
            **dict.fromkeys(("human_override", "output_reversal", "kill_switch", "complaint_channel"), True),
            "description": "A driver"})):
        acts.do("file_section", cast.fang, {"kind": kind, "body": body}, trial)
    again = file(acts, cast.fang, trial, "A4", people=200, **stated, risks=[risk])
    assert lacking(acts, cast, again.id) == needs - {"safeguards_in_place"}


def lacking(acts: Acts, cast: Cast, change: str) -> set[str]:
    """What stands in the way of accepting a request."""
    with pytest.raises(Unmet) as refused:
        acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, change)
    return set(refused.value.needs)


@ON_ONE
def test_the_regulators_are_told_when_a_request_was_not_decided_in_time(walked: Walked) -> None:
    world, one = walked
    filed = ask(one, "A3", methods="Each tenth")
    world.wait(21 * DAY)
    told = {n["role"] for n in rows(world.program, NOTICES, one.trial)
            if n["kind"] == "clock_missed" and n["content"]["clock"] == "D11.A3"}
    assert told == {"regulator"}
    clock, = (r for r in rows(world.program, CLOCKS, one.trial) if r["object_id"] == filed["id"])
    accept(one, filed["id"])
    ended, = (r for r in rows(world.program, CLOCKS, one.trial) if r["id"] == clock["id"])
    assert ended["ended_at"] > ended["due_at"] and ended["outcome"] == "done"


@ON_ONE
def test_a_widening_makes_a_simplified_procedure_an_ordinary_one(world: World) -> None:
    one = world.walk(tier="R1", simplified=True)
    world.go(one.started())
    one.act("call_review", "regulator", reason="Before more people come")
    one.hold_reviews()
    filed = ask(one, "A4", people=1000)
    one.hold_reviews()
    assert world.trial(one)["simplified"]
    one.act("vote_on_decision", "regulator2", accept(one, filed["id"])["decision"], value="for")
    assert not world.trial(one)["simplified"]


# The other classes


def test_a_contact_is_notified_in_time_or_the_regulators_are_told_and_the_filing_follows(
        walked: Walked) -> None:
    world, one = walked
    program = world.program
    early = ask(one, "A1", contact="010-2", changed_on=one.today().isoformat())
    accept(one, early["id"])
    late = ask(one, "A1", complaint_contact="010-3", changed_on=(one.today() - 30 * DAY).isoformat())
    told = {r["object_id"]: r for r in rows(program, CLOCKS, one.trial) if r["key"] == "D11.A1.notice"}
    assert {name: r["ended_at"] > r["due_at"] for name, r in told.items()} == {early["id"]: False, late["id"]: True}
    missed = [n["content"]["clock"] for n in rows(program, NOTICES, one.trial) if n["kind"] == "clock_missed"]
    assert missed == ["D11.A1.notice"]
    follows = {r["object_id"]: r["ended_at"] for r in rows(program, CLOCKS, one.trial) if r["key"] == "C06"}
    assert follows == {early["id"]: None}
    one.file("filings")
    assert [r["outcome"] for r in rows(program, CLOCKS, one.trial) if r["key"] == "C06"] == ["done"]
    parties = [r for r in rows(program, SECTION_ROWS, one.trial) if r["kind"] == "parties"]
    assert [r["body"]["contact"] for r in parties][-1] == "010-2" and len(parties) == 2
    with pytest.raises(Invalid, match="changed_on"):
        ask(one, "A1", contact="010-4", changed_on=(one.today() + DAY).isoformat())


@ON_ONE
def test_a_metric_is_neither_dropped_nor_moved_once_its_result_is_known(walked: Walked) -> None:
    world, one = walked
    agreed = [r for r in rows(world.program, SECTION_ROWS, one.trial) if r["kind"] == "plan"][-1]["body"]["metrics"]
    one.file("results")
    one.file("results", metrics=[{"name": agreed[1]["name"], "value": 9.6}])
    for metrics in (agreed[1:], [{**agreed[0], "pass_line": 1.0}, *agreed[1:]]):
        with pytest.raises(Invalid, match="metrics"):
            ask(one, "A3", metrics=metrics)
    register = [r for r in rows(world.program, SECTION_ROWS, one.trial) if r["kind"] == "risks"][-1]["body"]["risks"]
    risks = [*register, {"risk": "Frost", "likelihood": 2, "severity": 3, "safeguard": "A driver", "owner": "Wang"}]
    filed = ask(one, "A3", metrics=[*agreed, {"name": "wait", "pass_line": 3.0}], methods="Every tenth", risks=risks)
    accept(one, filed["id"])
    now = [r for r in rows(world.program, SECTION_ROWS, one.trial) if r["kind"] == "risks"][-1]["body"]["risks"]
    assert [risk["risk"] for risk in now] == [*(risk["risk"] for risk in register), "Frost"]
    plan = [r for r in rows(world.program, SECTION_ROWS, one.trial) if r["kind"] == "plan"][-1]["body"]
    assert ([m["name"] for m in plan["metrics"]][-1], plan["methods"]) == ("wait", "Every tenth")


@pytest.mark.parametrize("more", [{"name": "Wait"}, {"name": "Other", "told_as": "wait"}])
def test_no_second_row_says_otherwise_of_a_metric(acts: Acts, cast: Cast, trial: str, more: dict[str, Any]) -> None:
    known = {"name": "Wait", "told_as": "wait", "pass_line": 3.0, "alarm_line": 5.0, "higher_is_better": False}
    for metrics in ([known, {"pass_line": 9.0, **more}], [{"pass_line": 9.0, **more}, known]):
        with pytest.raises(ValidationError, match="stands_twice"):
            file(acts, cast.fang, trial, "A3", metrics=metrics)


@pytest.mark.parametrize("by", ["name", "told_as"])
def test_a_metric_whose_result_is_filed_by_either_of_its_names_is_known(
        acts: Acts, cast: Cast, trial: str, by: str) -> None:
    wait = {"name": "Time waited", "pass_line": 1.0, "told_as": "wait"}
    asked = file(acts, cast.fang, trial, "A3", metrics=[wait])
    acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, asked.id)
    results = {"metrics": [{"name": wait[by], "value": 2.0}], "summary": "Longer than was agreed"}
    acts.do("file_section", cast.fang, {"kind": "results", "body": results}, trial)
    with pytest.raises(Invalid, match="metrics"):
        file(acts, cast.fang, trial, "A3", metrics=[{**wait, "pass_line": 3.0}])


def test_a_metric_told_in_a_report_counts_as_known(acts: Acts, cast: Cast, trial: str) -> None:
    wait, load = ({"name": name, "pass_line": 1.0, "told_as": told} for name, told in (
        ("Time waited", "wait"), ("load", None)))
    accepted = file(acts, cast.fang, trial, "A3", metrics=[wait, load])
    acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, accepted.id)
    report(acts, cast, trial, 0, metrics={"wait": 2.0})
    with pytest.raises(Invalid, match="metrics"):
        file(acts, cast.fang, trial, "A3", metrics=[load])
    assert file(acts, cast.fang, trial, "A3", metrics=[wait]).state == "filed"


def allowed(program: Program, trial: str) -> tuple[Any, Any]:
    """The model versions that the permit lets run."""
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()
        facts = permit_facts(connection, row, program.clock(), program.settings.zone)
    said = claims({**row, "scenario": ""}, facts, program.clock())
    return said["model_version"], said["former_versions"]


def test_a_new_model_is_the_pin_from_then_on_and_earlier_use_is_judged_by_the_earlier_one(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    with pytest.raises(Invalid, match="regression_passed"):
        file(acts, cast.fang, trial, "A5", model_version="2.0", regression="Three failed", regression_passed=False)
    filed = file(acts, cast.fang, trial, "A5", model_version="2.0", regression="All passed", regression_passed=True)
    assert [r["reason"] for r in rows(program, REVIEWS, trial) if r["kind"] == "change"] == ["change_A5"]
    assert acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, filed.id).plan_version == 2
    assert allowed(program, trial) == ("2.0", [{"version": "1.0", "until": int((START + 9 * DAY).timestamp())}])
    assert report(acts, cast, trial, 0, model_version="v1.0").state == "trial"
    clock.forward(START + 12 * DAY)
    assert allowed(program, trial) == ("2.0", []), "a week to roll it out, as reports are judged"
    assert report(acts, cast, trial, 5, model_version="1.0").state == "trial"
    assert report(acts, cast, trial, 6, model_version="2.0").state == "trial"
    held = report(acts, cast, trial, 11, model_version="1.0")
    assert held.held and held.held.causes == ["unsafe_version"]


def test_a_place_that_was_left_or_joined_is_judged_by_when_it_was_used(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    file(acts, cast.fang, trial, "A2", regions="East")
    clock.forward(START + 5 * DAY)
    assert report(acts, cast, trial, 1, region="West").state == "trial"
    assert report(acts, cast, trial, 3, region="West").state == "suspended"


@ON_ONE
def test_lines_of_a_batch_are_judged_by_their_own_time_too(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    filed = file(acts, cast.fang, trial, "A5", model_version="2.0", regression="All passed", regression_passed=True)
    acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, filed.id)
    file(acts, cast.fang, trial, "A2", regions="East")
    clock.forward(START + 6 * DAY)

    def send(*days: int) -> str:
        lines = [json.dumps({"period_start": (START + day * DAY).isoformat(), "exposures": 9.0, "region": "West",
                             "period_end": (START + (day + 1) * DAY).isoformat(), "model_version": "1.0"}).encode()
                 for day in days]
        done = Intake(program).take(cast.fang, trial, from_json(lines, lambda _: []), Sending(f"{days}", "api")).done
        return str(done.state)

    assert send(0, 1) == "trial"
    assert send(3, 4) == "suspended"


def test_no_narrowing_swaps_the_places_that_were_used_for_others(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    file(acts, cast.fang, trial, "A2", sites="2")
    for day, site in enumerate("AB"):
        report(acts, cast, trial, day, site=site)
    for sites in ("C, D", "A, C"):
        with pytest.raises(Invalid, match="sites"):
            file(acts, cast.fang, trial, "A2", sites=sites)
    file(acts, cast.fang, trial, "A2", sites="a, B")
    assert (row(program, trial)["used_sites"], row(program, trial)["agreed_sites"]) == (2, ["a", "B"])


def test_an_extension_moves_the_end_once_and_what_falls_due_there(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    before = row(program, trial)
    filed = file(acts, cast.fang, trial, "A6", more_days=60)
    acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, filed.id)
    now = row(program, trial)
    assert now["ends_at"] - before["ends_at"] == 60 * DAY
    assert (now["extension_count"], now["day_limit"]) == (1, before["day_limit"] + 60)
    exit_clock, = (r for r in rows(program, CLOCKS, trial) if r["key"] == "C22")
    assert exit_clock["due_at"] == now["ends_at"] - 30 * DAY
    with pytest.raises(Invalid, match="more_days"):
        file(acts, cast.fang, trial, "A6", more_days=1)


def test_an_extension_is_asked_for_in_time_and_may_be_granted_later(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    late, early = adopted(2)
    ends = row(program, early)["ends_at"]
    clock.forward(ends - 31 * DAY)
    filed = file(acts, cast.fang, early, "A6", more_days=100)
    clock.forward(ends - 20 * DAY)
    with pytest.raises(Invalid, match="more_days"):
        file(acts, cast.fang, late, "A6", more_days=1)
    assert acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, filed.id).plan_version == 2


@ON_ONE
def test_an_improvement_leads_to_tuning_with_its_plan(walked: Walked) -> None:
    world, one = walked
    item = {"item": "Retrain", "owner": "Wang", "due_on": (one.today() + 30 * DAY).isoformat(),
            "acceptance_test": "All cases"}
    filed = ask(one, "A7", items=[item])
    before = world.trial(one)
    accept(one, filed["id"])
    now = world.trial(one)
    assert (now["state"], now["plan_version"], len(world.hand.open_items(one.trial))) == ("tune", 2, 1)
    assert now["cap_people"] < before["cap_people"] and world.path(one)[-1] == "tune"
    with pytest.raises(Refused, match="not_in_this_state"):
        ask(one, "A7", items=[item])
    reduced = now["cap_volume"]
    wider = ask(one, "A2", volume=before["cap_volume"] - 1)
    assert wider["state"] == "accepted" and world.trial(one)["cap_volume"] == reduced


@ON_ONE
def test_from_a_stop_an_improvement_leads_to_tuning_as_the_move_does(walked: Walked) -> None:
    world, one = walked
    one.incident("S1")
    item = {"item": "Retrain", "owner": "Wang", "due_on": (one.today() + 30 * DAY).isoformat(),
            "acceptance_test": "All cases"}
    filed = ask(one, "A7", items=[item])
    with pytest.raises(Unmet) as refused:
        accept(one, filed["id"])
    assert set(refused.value.needs) == {"cause_mitigated", "emergency_review_held", "two_regulators"}
    world.go(one.mitigated())
    proposed = accept(one, filed["id"])
    one.act("vote_on_decision", "regulator2", proposed["decision"], value="for")
    assert (world.path(one)[-2:], world.trial(one)["plan_version"]) == (["suspended", "tune"], 2)


@ON_ONE
def test_an_improvement_is_not_granted_once_tuning_began_without_it(walked: Walked) -> None:
    world, one = walked
    filed = ask(one, "A7", items=[{"item": "Retrain", "owner": "Wang", "acceptance_test": "All cases",
                                   "due_on": (one.today() + 30 * DAY).isoformat()}])
    one.tune()
    with pytest.raises(Refused, match="not_in_this_state"):
        accept(one, filed["id"])
    one.act("decide_change", "regulator", filed["id"], accept=False, reason="It is tuned already")
    assert [r["state"] for r in rows(world.program, CHANGES, one.trial)] == ["refused"]


@ON_ONE
def test_what_tuning_reduced_no_other_change_restores_and_out_of_an_exit_review_none_is_made(walked: Walked) -> None:
    world, one = walked
    one.tune()
    reduced = world.trial(one)["cap_people"], world.trial(one)["cap_volume"]
    ask(one, "A2", regions=world.trial(one)["agreed_regions"][0], autonomy="advice")
    assert (world.trial(one)["cap_people"], world.trial(one)["cap_volume"]) == reduced
    one.file("results")
    one.move("open_exit_review", one.firm)
    one.move("suspend", "regulator")
    for kind in KINDS:
        with pytest.raises(Refused, match="not_in_this_state"):
            ask(one, kind)
    assert (world.trial(one)["cap_people"], world.trial(one)["cap_volume"]) == reduced


@ON_ONE
def test_the_advice_on_a_widening_does_not_outlast_another_change(walked: Walked) -> None:
    world, one = walked
    filed = ask(one, "A4", people=1200)
    one.hold_reviews()
    ask(one, "A2", autonomy="advice")
    proposed = accept(one, filed["id"])
    other = ask(one, "A5", model_version="2.0", regression="All cases", regression_passed=True)
    accept(one, other["id"])
    for again in (lambda: accept(one, filed["id"]),
                  lambda: one.act("vote_on_decision", "regulator2", proposed["decision"], value="for")):
        with pytest.raises(Refused, match="advice_outdated"):
            again()
    assert world.trial(one)["cap_people"] == 900


def test_a_pilot_that_was_taken_over_states_its_limits_before_it_goes_on_after_tuning(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    item = {"item": "Retrain", "owner": "Wang", "due_on": (clock() + 30 * DAY).date().isoformat(),
            "acceptance_test": "All cases"}
    accepted = file(acts, cast.fang, trial, "A7", items=[item])
    acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, accepted.id)
    with pytest.raises(Unmet) as refused:
        acts.do("make_move", cast.lin, {"move": "resume_trial", "reason": "Done"}, trial)
    assert "exposure_limited" in refused.value.needs
    body = {"people": 20_000, "rate_per_day": 10.0, "days": 180, "autonomy": "no_human"}
    with pytest.raises(Refused, match="not_in_this_state"):
        acts.do("file_section", cast.fang, {"kind": "exposure", "body": body}, trial)
    promised, = rows(program, ITEMS, trial)
    acts.do("finish_corrective_item", cast.fang, {"done": "Trained on all cases"}, promised["id"])
    with program.reading() as connection:
        step = next_step(connection, cast.fang, row(program, trial), Relation.OWNER, clock(), program.settings.place)
    assert step == Step("changes", "changes", "resume_trial")


# Who, when, and how often


@ON_ONE
def test_only_the_firm_asks_and_only_a_regulator_decides(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    body = {"kind": "A3", "body": {"reason": "Too few", "methods": "Each tenth"}}
    with pytest.raises(NotFound):
        acts.do("file_change", cast.gao, body, trial)
    with pytest.raises(NotPermitted):
        acts.do("file_change", cast.lin, body, trial)
    filed = acts.do("file_change", cast.fang, body, trial, key="once")
    assert acts.do("file_change", cast.fang, body, trial, key="once") == filed
    assert len(rows(program, CHANGES, trial)) == 1
    answer = {"accept": True, "reason": "Good"}
    for who, refusal in ((cast.fang, NotPermitted), (cast.gao, NotFound)):
        with pytest.raises(refusal):
            acts.do("decide_change", who, answer, filed.id)
    with pytest.raises(NotPermitted):
        acts.do("withdraw_change", cast.lin, {}, filed.id)


def test_of_two_who_decide_at_once_one_is_told_that_it_is_decided(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    filed = file(acts, cast.fang, trial, "A3", methods="Each tenth")

    def decide(who: Any, accept: bool) -> str:
        try:
            return str(acts.do("decide_change", who, {"accept": accept, "reason": "Good"}, filed.id).state)
        except Refused as refused:
            return refused.code

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(decide, (cast.lin, cast.zhou), (True, False)))
    assert len(set(said) & {"accepted", "refused"}) == 1 and "already_decided" in said


@ON_ONE
def test_what_waits_lapses_with_the_states_in_which_anything_is_adjusted(walked: Walked) -> None:
    world, one = walked
    filed = ask(one, "A3", methods="Each tenth")
    one.move("wind_down", one.firm)
    change, = rows(world.program, CHANGES, one.trial)
    assert (change["id"], change["state"]) == (filed["id"], "lapsed")
    for kind in ("A1", "A2", "A3", "A4", "A5", "A6", "A7"):
        with pytest.raises(Refused, match="not_in_this_state"):
            ask(one, kind)


@ON_ONE
def test_a_request_is_not_granted_on_a_plan_that_has_moved_on(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    """Caps are lowered while a widening of another term waits: that one stands; of the same term nothing else can."""
    waits = file(acts, cast.fang, trial, "A3", methods="Each tenth")
    assert file(acts, cast.fang, trial, "A2", people=50).plan_version == 2
    assert acts.do("decide_change", cast.lin, {"accept": True, "reason": "Good"}, waits.id).plan_version == 3
    terms = rows(program, PLAN_VERSIONS, trial)[-1]["terms"]
    assert (terms["people"], terms["methods"]) == (50, "Each tenth")

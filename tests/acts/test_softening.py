"""What a firm, a voter or one officer alone must not be able to do: each was once possible."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from cast import START, Cast
from pydantic import ValidationError

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotPermitted, Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads import trials as reads
from sandbox.reads.board import own_tasks
from sandbox.store.clocks import CLOCKS
from sandbox.store.dues import DUES
from sandbox.store.facts import load_facts
from sandbox.store.feedback import FeedbackFields
from sandbox.store.incidents import INCIDENT_VERSIONS
from sandbox.store.reports import read_json
from sandbox.store.reviews import REVIEWS
from sandbox.store.trials import COUNTERS, TRIALS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def trial(adopted: Callable[..., list[str]], clock: Shifted) -> str:
    one = adopted(1)[0]
    clock.forward(START + 2 * DAY)
    return one


def report(**more: Any) -> dict[str, Any]:
    return {"period_start": (START + timedelta(hours=1)).isoformat(), "period_end": (START + DAY).isoformat(),
            "exposures": 50.0, **more}


def itemised(program: Program, trial: str) -> list[int]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(COUNTERS.c.itemised).where(COUNTERS.c.trial_id == trial)).scalars())


def incident(**more: Any) -> dict[str, Any]:
    return {"occurred_at": (START + DAY).isoformat(), "description": "A bump", **more}


def test_an_s1_told_in_a_report_stops_the_trial_in_that_act(acts: Acts, cast: Cast, trial: str) -> None:
    assert acts.do("file_feedback", cast.fang, report(events={"harm_S1": 1}), trial).state == "suspended"


def test_a_near_miss_of_any_class_stops_nothing_and_is_never_taken_off_the_counts(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    filed = acts.do("file_incident", cast.fang, incident(kind="near_miss", severity="S1"), trial)
    acts.do("update_incident", cast.lin, {"severity": "S4"}, filed.id)
    assert filed.state == "trial" and all(number >= 0 for number in itemised(program, trial))


@pytest.mark.parametrize("harm", [{"harms": ["death"], "severity": "S1"}, {"people_affected": 3}])
def test_harm_to_people_is_no_near_miss(acts: Acts, cast: Cast, trial: str, harm: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="harm_is_no_near_miss") as refused:
        acts.do("file_incident", cast.fang, incident(kind="near_miss", **harm), trial)
    assert refused.value.errors()[0]["loc"] in (("harms",), ("people_affected",))
    filed = acts.do("file_incident", cast.fang, incident(kind="near_miss", severity="S1"), trial).id
    with pytest.raises(Invalid, match="harms|people_affected"):
        acts.do("update_incident", cast.fang, harm, filed)


@pytest.mark.parametrize("kind", ["complaint", "event"])
def test_grave_harm_stops_counts_and_is_timed_whatever_it_was_filed_as(
        program: Program, acts: Acts, cast: Cast, trial: str, kind: str) -> None:
    with pytest.raises(ValidationError, match="harm_unclassed"):
        acts.do("file_incident", cast.fang, incident(kind=kind, harms=["health"]), trial)
    second = acts.do("file_incident", cast.fang, incident(kind=kind, severity="S2"), trial)
    assert (second.state, dues(program, second.id)) == ("trial", {"grave_unmitigated"})
    first = acts.do("file_incident", cast.fang, incident(kind=kind, severity="S1", harms=["death"]), trial)
    assert first.state == "suspended" and 2 in itemised(program, trial)
    assert {"C18"} <= clocks(program, first.id)
    assert acts.do("file_final_report", cast.fang, dict.fromkeys(
        ("root_cause", "harm", "redress", "measures"), "Told"), first.id).id == first.id


def test_an_officer_says_with_a_reason_what_it_is_and_it_is_counted_and_timed_anew(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    filed = acts.do("file_incident", cast.fang, incident(kind="near_miss", severity="S3"), trial).id
    truly = {"kind": "incident", "severity": "S2", "people_affected": 3, "harms": ["health"]}
    with pytest.raises(Invalid, match="reason"):
        acts.do("update_incident", cast.lin, truly, filed)
    assert sum(itemised(program, trial)) == 0
    acts.do("update_incident", cast.lin, {**truly, "reason": "Three were treated"}, filed)
    assert sum(itemised(program, trial)) > 1 and {"C18"} <= clocks(program, filed)
    assert dues(program, filed) == {"grave_unmitigated"}
    milder = {"kind": "complaint", "severity": "S3", "reason": "No one was hurt"}
    with pytest.raises(Refused, match="milder_by_officer|kind_by_officer"):
        acts.do("update_incident", cast.fang, milder, filed)
    acts.do("update_incident", cast.lin, milder, filed)
    assert sum(itemised(program, trial)) == 1 and clocks(program, filed) == {"C25.acknowledge", "C25.answer"}
    assert dues(program, filed) == set()
    with program.reading() as connection:
        assert list(connection.execute(sa.select(INCIDENT_VERSIONS.c.reason))) == [
            ("Three were treated",), ("No one was hurt",)]


def clocks(program: Program, incident: str) -> set[str]:
    """The clocks of an incident that were not void."""
    with program.reading() as connection:
        return set(connection.execute(sa.select(CLOCKS.c.key).where(
            CLOCKS.c.object_id == incident, sa.func.coalesce(CLOCKS.c.outcome, "") != "void")).scalars())


def dues(program: Program, incident: str) -> set[str]:
    with program.reading() as connection:
        return set(connection.execute(sa.select(DUES.c.kind).where(DUES.c.object_id == incident)).scalars())


def test_grave_harm_that_a_report_counts_is_filed_as_an_incident_within_a_day(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    filed = acts.do("file_feedback", cast.fang, report(events={"harm_S2": 2}), trial).id
    due = clock() + DAY
    assert clocks(program, filed) == {"D12"} and open_things(program, trial) == (2, 0)
    with program.reading() as connection:
        assert due in [one.due_at for one in own_tasks(connection, cast.fang, clock()) if one.kind == "clock"]
    acts.do("file_incident", cast.fang, incident(severity="S2"), trial)
    clock.forward(due + HOUR)
    assert open_things(program, trial) == (1, 1)
    second = acts.do("file_incident", cast.fang, incident(severity="S2"), trial).id
    assert open_things(program, trial) == (0, 0)
    acts.do("update_incident", cast.lin, {"severity": "S3"}, second)
    assert open_things(program, trial) == (1, 0) and "D12" in clocks(program, second)
    fewer = {"report": report(events={"harm_S2": 1}), "reason": "Counted twice"}
    asked = acts.do("correct_feedback", cast.fang, fewer, filed).id
    acts.do("decide_correction", cast.lin, {"accept": True, "reason": "The shift book"}, asked)
    assert open_things(program, trial) == (0, 0) and "D12" not in clocks(program, second)


def open_things(program: Program, trial: str) -> tuple[int, int]:
    """Counted beyond what is itemised, and clocks that ran out: each stands in the way of a norm."""
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()
        found = load_facts(connection, row, {"proof"}, program.clock(), program.settings.place).proof
    return found.unitemised, found.overdue_clocks


def test_harm_cannot_be_filed_as_an_indicator(acts: Acts, cast: Cast, trial: str) -> None:
    with pytest.raises(Invalid):
        acts.do("file_incident", cast.fang, incident(kind="event", indicator="harm_S1"), trial)


def test_only_an_officer_closes_a_grave_incident_and_nobody_without_saying_how(
        acts: Acts, cast: Cast, trial: str) -> None:
    filed = acts.do("file_incident", cast.fang, incident(severity="S2"), trial).id
    with pytest.raises(Invalid):
        acts.do("update_incident", cast.fang, {"state": "mitigated"}, filed)
    with pytest.raises(Refused, match="grave_closed_by_officer"):
        acts.do("update_incident", cast.fang, {"state": "closed", "mitigation": "Slower"}, filed)
    assert acts.do("update_incident", cast.lin, {"state": "closed", "mitigation": "Slower"}, filed).id == filed


def test_an_event_that_is_misspelt_is_refused_by_name(acts: Acts, cast: Cast, trial: str) -> None:
    with pytest.raises(Invalid, match="events.harm_s1"):
        acts.do("file_feedback", cast.fang, report(events={"harm_s1": 9}), trial)


@pytest.mark.parametrize("changed", [{"exposures": 0.0}, {"model_version": "9.9"}, {"people_new": 1},
                                     {"events": {"complaint": 1}}, {"people": 7}, {"metrics": {"accuracy": 0.99}},
                                     {"metrics": {}}, {"narrative": "All went well"}, {"narrative": None}])
def test_a_correction_that_makes_room_or_lowers_evidence_waits_for_an_officer(
        acts: Acts, cast: Cast, trial: str, changed: dict[str, Any]) -> None:
    given = report(people=8, people_new=5, events={"complaint": 2}, metrics={"accuracy": 0.8},
                   narrative="A bump on the crossing")
    filed = acts.do("file_feedback", cast.fang, given, trial).id
    assert acts.do("correct_feedback", cast.fang, {"report": {**given, **changed}, "reason": "Wrong"},
                   filed).state == "waiting"


@pytest.mark.parametrize("changed", [
    {"events": {"complaint": 3, "error": 1}}, {"people": 9}, {"metrics": {"accuracy": 0.8, "minutes": 9.0}},
    {"narrative": "A bump on the crossing, and another on the kerb"}])
def test_a_correction_that_only_adds_counts_at_once(
        acts: Acts, cast: Cast, trial: str, changed: dict[str, Any]) -> None:
    given = report(people=8, events={"complaint": 2}, metrics={"accuracy": 0.8}, narrative="A bump on the crossing")
    filed = acts.do("file_feedback", cast.fang, given, trial).id
    assert acts.do("correct_feedback", cast.fang, {"report": {**given, **changed}, "reason": "More is known"},
                   filed).state == "applied"


def test_a_correction_is_not_accepted_over_a_newer_one(acts: Acts, cast: Cast, trial: str) -> None:
    given = report(events={"complaint": 2})
    filed = acts.do("file_feedback", cast.fang, given, trial).id
    softer, harder = ({"report": {**given, "events": {"complaint": n}}, "reason": "Recounted"} for n in (1, 3))
    waits = acts.do("correct_feedback", cast.fang, softer, filed).id
    acts.do("correct_feedback", cast.fang, harder, filed)
    with pytest.raises(Refused, match="changed_since"):
        acts.do("decide_correction", cast.lin, {"accept": True, "reason": "The shift book"}, waits)


@pytest.mark.parametrize("site", ["x", "\uff38", "X\u200b", " X "])
def test_another_spelling_of_a_site_is_no_other_site(acts: Acts, cast: Cast, trial: str, site: str) -> None:
    acts.do("file_feedback", cast.fang, report(site="X"), trial)
    with pytest.raises(Invalid, match="period_start"):
        acts.do("file_feedback", cast.fang, report(site=site), trial)


def test_a_test_of_the_kill_switch_lies_behind(acts: Acts, cast: Cast, trial: str) -> None:
    body = {"tested_on": "2099-12-31", "tested_by": "Fang", "result": "Stopped"}
    with pytest.raises(Invalid, match="tested_on"):
        acts.do("file_section", cast.fang, {"kind": "kill_switch", "body": body}, trial)


def test_a_regulator_invites_no_regulator(acts: Acts, cast: Cast) -> None:
    with pytest.raises(NotPermitted):
        acts.do("invite", cast.lin, {"email": "third@people.example", "name": "Third", "role": "regulator",
                                     "organisation_id": cast.lin.organisation_id})


def test_a_grave_cause_after_a_voluntary_pause_calls_the_emergency_review(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    def emergencies() -> int:
        with program.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).where(
                REVIEWS.c.trial_id == trial, REVIEWS.c.kind == "emergency", REVIEWS.c.state == "open")).scalar_one())

    acts.do("make_move", cast.fang, {"move": "suspend"}, trial)
    before = emergencies()
    for _ in range(2):
        acts.do("file_incident", cast.fang, incident(severity="S1"), trial)
    assert (before, emergencies()) == (0, 1)


@pytest.mark.parametrize(("who", "answer"), [("lin", "countersigned"), ("lin", "objected"), ("fang", "silent")])
def test_neither_firm_nor_officer_speaks_for_the_other(
        program: Program, acts: Acts, cast: Cast, trial: str, who: str, answer: str) -> None:
    acts.do("file_section", cast.fang, {"kind": "exit_plan", "body": dict.fromkeys(
        ("user_notice", "recall", "data_deletion", "continuity"), "As planned")}, trial)
    acts.do("cast_vote", cast.lin, {"matter": "approve", "subject": "exit_plan", "value": "for"}, trial)
    acts.do("make_move", cast.fang, {"move": "wind_down"}, trial)
    with pytest.raises(Invalid, match="answer"):
        acts.do("file_section", getattr(cast, who), {"kind": "countersignature", "body": {"answer": answer}}, trial)


def test_a_recusal_from_one_panel_closes_the_whole_trial(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    first, _ = (acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": panel}, trial).id
                for panel in ("running", "review"))
    acts.do("recuse_reviewer", cast.rui, {"reason": "Shares in the firm"}, first)
    with program.reading() as connection:
        assert reads.trial(connection, cast.rui, trial) is None


@pytest.mark.parametrize(("figures", "field"), [
    ({"reviewed": 5, "events": {"override": 6}}, "reviewed"), ({"labelled": 1, "events": {"error": 2}}, "labelled"),
    ({"people": 3, "people_new": 4}, "people_new"),
])
def test_figures_that_cannot_be_stop_nothing_and_are_named(figures: dict[str, Any], field: str) -> None:
    report = {"period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 70, **figures}
    with pytest.raises(ValidationError) as refused:
        FeedbackFields.model_validate(report)
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]
    assert read_json(orjson.dumps(report)) is None
    assert read_json(orjson.dumps({**report, field: None})) is not None

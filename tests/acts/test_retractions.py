"""What was filed twice or by mistake is taken back with a reviewer's word, and plans not to use are reports ahead."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotFound, NotPermitted, Refused
from sandbox.jobs.clock import Shifted, walk
from sandbox.jobs.program import Program
from sandbox.reads.assessments import known_now
from sandbox.reads.trials import tallies
from sandbox.store.coverage import NO_USE
from sandbox.store.dues import DUES
from sandbox.store.facts import proof
from sandbox.store.feedback import FEEDBACK
from sandbox.store.scope import seen_trial
from sandbox.store.trials import COUNTERS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST = START + timedelta(days=7, hours=15)
WHY = {"reason": "It came twice from the gateway"}


@pytest.fixture
def trial(program: Program, cast: Cast) -> str:
    """A running trial with Rui on its panel; Shen was asked and has not answered."""
    one = adopt(program, cast, 1)[0]
    seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, one).id
    program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, seat)
    program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.shen.id, "panel": "running"}, one)
    return one


def report(start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    return {"period_start": start.isoformat(), "period_end": end.isoformat(), "exposures": 50.0, **more}


def row(program: Program, cast: Cast, trial: str) -> dict[str, Any]:
    with program.reading() as connection:
        return seen_trial(connection, cast.lin, trial) or {}


def counted(program: Program, trial: str) -> list[tuple[int, int, float]]:
    with program.reading() as connection:
        return [tuple(one) for one in connection.execute(sa.select(
            COUNTERS.c.events, COUNTERS.c.itemised, COUNTERS.c.exposures).where(
            COUNTERS.c.trial_id == trial, COUNTERS.c.indicator == "harm_S3"))]  # type: ignore[misc]


def late_at(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(DUES.c.at).where(DUES.c.trial_id == trial,
                                                             DUES.c.kind == "feedback_late")).scalar()


def test_a_report_taken_back_counts_until_a_reviewer_agrees_and_stays_on_record(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST + HOUR)
    filed = acts.do("file_feedback", cast.fang, report(START, FIRST, events={"harm_S3": 1}, site="East"), trial).id
    asked = acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed)
    assert (asked.state, counted(program, trial)) == ("waiting", [(1, 0, 50.0)])
    done = acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "The gateway's log"}, asked.id)
    now = row(program, cast, trial)
    assert (done.state, counted(program, trial)) == ("accepted", [(0, 0, 0.0)])
    assert (now["reports"], now["used_volume"], now["used_sites"]) == (0, 0.0, 0)
    with program.reading() as connection:
        kept = connection.execute(sa.select(FEEDBACK)).mappings().one()
    assert kept["retracted"] and kept["events"] == {"harm_S3": 1}


def test_a_past_instant_as_it_is_known_now_leaves_out_what_was_taken_back(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST - HOUR)
    filed = acts.do("file_feedback", cast.fang, report(START, FIRST - DAY, events={"harm_S3": 1}), trial).id
    asked = acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed).id

    def known() -> list[tuple[int, float]]:
        with program.reading() as connection:
            found = known_now(connection, row(program, cast, trial), FIRST - HOUR, program.settings.zone)
        return [(one["events"], one["exposures"]) for one in found.indicators] if found else []

    assert known() == [(1, 50.0)]
    acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "The gateway's log"}, asked)
    assert known() == [(0, 0.0)]


def test_time_that_a_retraction_leaves_untold_is_owed_again_and_not_late_before_a_day(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST + 2 * DAY)
    filed = acts.do("file_feedback", cast.fang, report(START, FIRST), trial).id
    acts.do("file_feedback", cast.fang, report(FIRST, FIRST + DAY), trial)
    asked = acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed).id
    acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "Seen"}, asked)
    assert late_at(program, trial) == clock() + DAY
    assert row(program, cast, trial)["islands"] == 1
    again = acts.do("file_feedback", cast.fang, report(START, FIRST), trial)
    assert again.next_due_at == FIRST + 7 * DAY and row(program, cast, trial)["covered_until"] == FIRST + DAY


def test_a_refused_retraction_changes_nothing_and_another_may_be_asked(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST)
    filed = acts.do("file_feedback", cast.fang, report(START, FIRST, events={"harm_S3": 1}), trial).id
    asked = acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed).id
    with pytest.raises(Refused, match="retraction_waits"):
        acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed)
    acts.do("decide_retraction", cast.rui, {"accept": False, "reason": "The shift was real"}, asked)
    assert counted(program, trial) == [(1, 0, 50.0)]
    assert acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed).state == "waiting"


def test_nobody_agrees_but_who_sits_on_the_panel(
        acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST)
    filed = acts.do("file_feedback", cast.fang, report(START, FIRST), trial).id
    asked = acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed).id
    word = {"accept": True, "reason": "Seen"}
    for who, why in ((cast.lin, NotPermitted), (cast.fang, NotPermitted), (cast.shen, Refused), (cast.mei, NotFound)):
        with pytest.raises(why):
            acts.do("decide_retraction", who, word, asked)


def test_a_duplicate_names_the_one_that_stays(acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST)
    first, second = (acts.do("file_feedback", cast.fang, report(START, FIRST, site=site), trial).id
                     for site in ("East", "Eest"))
    for other in (None, second, "fb_none"):
        with pytest.raises(Invalid, match="duplicate_of"):
            acts.do("retract_feedback", cast.fang, {"why": "duplicate", "duplicate_of": other, **WHY}, second)
    assert acts.do("retract_feedback", cast.fang, {"why": "duplicate", "duplicate_of": first, **WHY}, second).id


def test_of_two_incidents_that_are_each_others_duplicate_one_stays(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(START + DAY)
    one, other = (filed_incident(acts, cast, trial) for _ in range(2))
    first = acts.do("retract_incident", cast.fang, {"why": "duplicate", "duplicate_of": other, **WHY}, one).id
    with pytest.raises(Invalid, match="duplicate_of"):
        acts.do("retract_incident", cast.fang, {"why": "duplicate", "duplicate_of": one, **WHY}, other)
    second = acts.do("retract_incident", cast.fang, {"why": "spurious", **WHY}, other).id
    agreed = {"accept": True, "reason": "Seen"}
    with pytest.raises(Refused, match="duplicate_changed"):
        acts.do("decide_retraction", cast.rui, agreed, first)
    acts.do("decide_retraction", cast.rui, agreed, second)
    with pytest.raises(Refused, match="duplicate_changed"):
        acts.do("decide_retraction", cast.rui, agreed, first)
    acts.do("decide_retraction", cast.rui, {"accept": False, "reason": "It is the one that stays"}, first)
    assert (counted(program, trial), row(program, cast, trial)["incidents"]) == ([(0, 1, 0.0)], 1)


def test_a_grave_incident_is_no_duplicate_of_a_mild_one(
        acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(START + DAY)
    grave, mild, same = (filed_incident(acts, cast, trial, severity=of) for of in ("S3", "S4", "S3"))
    with pytest.raises(Invalid, match="duplicate_of"):
        acts.do("retract_incident", cast.fang, {"why": "duplicate", "duplicate_of": mild, **WHY}, grave)
    asked = acts.do("retract_incident", cast.fang, {"why": "duplicate", "duplicate_of": same, **WHY}, grave).id
    acts.do("update_incident", cast.lin, {"severity": "S4"}, same)
    with pytest.raises(Refused, match="duplicate_changed"):
        acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "Seen"}, asked)


def filed_incident(acts: Acts, cast: Cast, trial: str, severity: str = "S3") -> str:
    given = {"severity": severity, "occurred_at": START.isoformat()}
    return str(acts.do("file_incident", cast.fang, given, trial).id)


def test_an_incident_taken_back_is_counted_no_longer_and_cannot_be_amended(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(START + DAY)
    filed = acts.do("file_incident", cast.fang, {"severity": "S3", "occurred_at": START.isoformat()}, trial).id
    asked = acts.do("retract_incident", cast.fang, {"why": "spurious", **WHY}, filed).id
    assert counted(program, trial) == [(0, 1, 0.0)]
    acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "Another firm's device"}, asked)
    assert counted(program, trial) == [(0, 0, 0.0)]
    with pytest.raises(Refused, match="retracted"):
        acts.do("update_incident", cast.lin, {"severity": "S1"}, filed)
    walk(program, clock, START + 3 * DAY)  # nor does its clock stop the trial
    assert row(program, cast, trial)["state"] == "trial" and row(program, cast, trial)["incidents"] == 0


def test_a_report_taken_back_is_corrected_no_more(acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST)
    filed = acts.do("file_feedback", cast.fang, report(START, FIRST), trial).id
    waits = acts.do("correct_feedback", cast.fang, {"report": report(START, FIRST, exposures=1.0), **WHY}, filed).id
    asked = acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed).id
    acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "Seen"}, asked)
    with pytest.raises(Refused, match="retracted"):
        acts.do("correct_feedback", cast.fang, {"report": report(START, FIRST), **WHY}, filed)
    with pytest.raises(Refused, match="changed_since"):
        acts.do("decide_correction", cast.lin, {"accept": True, "reason": "Seen"}, waits)


# No use planned


def plan(start: datetime, end: datetime) -> dict[str, str]:
    return {"period_start": start.isoformat(), "period_end": end.isoformat(), "reason": "The ward is closed"}


def test_a_plan_not_to_use_moves_the_deadline_and_silence_in_it_is_none(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    planned = acts.do("plan_no_use", cast.fang, plan(START, FIRST + 7 * DAY), trial)
    assert planned.next_due_at == FIRST + 14 * DAY
    walk(program, clock, FIRST + 7 * DAY - HOUR)
    assert (row(program, cast, trial)["state"], row(program, cast, trial)["light"]) == ("trial", "grey")


def test_evidence_takes_no_use_for_none(program: Program, acts: Acts, cast: Cast, clock: Shifted,
                                        trial: str) -> None:
    """Two trials with the same incident: the denominators that silence imputes are missing where none was planned."""
    other = adopt(program, cast, 1)[0]
    acts.do("plan_no_use", cast.fang, plan(START, FIRST), trial)
    clock.forward(START + 6 * DAY)
    found = []
    for one in (trial, other):
        acts.do("file_incident", cast.fang, {"severity": "S3", "occurred_at": START.isoformat()}, one)
        found.append(row(program, cast, one)["log_e"])
    assert found[0] > found[1]


@pytest.mark.parametrize(("start", "end", "field"), [
    (START - 2 * DAY, START + DAY, "period_start"), (START - HOUR * 12, START + DAY, "period_start"),
    (START + DAY, START + 400 * DAY, "period_end"), (START + 3 * DAY, START + 5 * DAY, "period_start"),
])
def test_a_plan_lies_ahead_within_the_trial_and_over_nothing_else(
        acts: Acts, cast: Cast, trial: str, start: datetime, end: datetime, field: str) -> None:
    acts.do("plan_no_use", cast.fang, plan(START + 4 * DAY, START + 6 * DAY), trial)
    with pytest.raises(Invalid, match=field):
        acts.do("plan_no_use", cast.fang, plan(start, end), trial)


def test_a_plan_over_a_report_is_refused(acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(START + 2 * HOUR)
    acts.do("file_feedback", cast.fang, report(START, START + HOUR), trial)
    with pytest.raises(Invalid, match="period_start"):
        acts.do("plan_no_use", cast.fang, plan(START, FIRST), trial)
    assert acts.do("plan_no_use", cast.fang, plan(START + HOUR, FIRST), trial).next_due_at == FIRST + 7 * DAY


def test_a_report_of_use_ends_the_plan_where_the_use_began(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    acts.do("plan_no_use", cast.fang, plan(START, FIRST + 7 * DAY), trial)
    clock.forward(START + 3 * DAY)
    nil = {"period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "nil": True}
    assert acts.do("file_feedback", cast.fang, nil, trial).next_due_at == FIRST + 14 * DAY
    filed = acts.do("file_feedback", cast.fang, report(START + 2 * DAY, START + 3 * DAY), trial)
    assert filed.next_due_at == FIRST
    with program.reading() as connection:
        found = connection.execute(sa.select(NO_USE)).mappings().one()
    assert (found["state"], found["replaced_by"], found["holds_until"]) == ("replaced", filed.id, START + 2 * DAY)


def test_a_plan_taken_back_ends_now(program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    planned = acts.do("plan_no_use", cast.fang, plan(START, FIRST + 7 * DAY), trial).id
    clock.forward(START + 3 * DAY)
    assert acts.do("withdraw_no_use", cast.fang, {}, planned).next_due_at == FIRST
    assert row(program, cast, trial)["covered_until"] == START + 3 * DAY
    with pytest.raises(Refused, match="plan_is_over"):
        acts.do("withdraw_no_use", cast.fang, {}, planned)


def test_what_is_counted_of_reports_is_what_a_recount_finds(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    past = [report(START - 2 * (place + 1) * DAY, START - (2 * place + 1) * DAY, source_key=f"past-{place}")
            for place in range(3)]
    acts.do("import_feedback", cast.lin, {"reports": past, "events": []}, trial)
    clock.forward(FIRST + HOUR)
    filed = [acts.do("file_feedback", cast.fang, report(START + place * DAY, START + (place + 1) * DAY), trial).id
             for place in range(3)]
    clock.forward(FIRST + 9 * DAY)  # the first period ended more than a day ago
    acts.do("file_feedback", cast.fang, report(START + 3 * DAY, START + 4 * DAY), trial)
    asked = acts.do("retract_feedback", cast.fang, {"why": "spurious", **WHY}, filed[1]).id
    acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "Seen"}, asked)
    with program.reading() as connection:
        rows = connection.execute(sa.select(FEEDBACK).where(FEEDBACK.c.trial_id == trial)).mappings().all()
        trial_row = row(program, cast, trial)
        told, shown = proof(connection, [trial_row], clock())[trial], tallies(connection, trial_row)["feedback"]
    counting = [one for one in rows if one["epoch"] >= 1 and not one["retracted"]]
    assert [len(rows), len(counting), sum(one["late"] for one in counting)] == [7, 3, 1]
    assert (told.reports_on_time, told.reports_filed, shown) == ((2, 3), 3, 7)

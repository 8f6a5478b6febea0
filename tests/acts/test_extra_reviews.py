"""Reviews beside the schedule: each event calls one, once, and the review says what for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.jobs.clock import Shifted, walk
from sandbox.jobs.program import Program
from sandbox.jobs.tick import beat, tick
from sandbox.rules.cadence import end_of_day, local_day
from sandbox.store.clocks import CLOCKS
from sandbox.store.dues import DUES, NOTICES, DueKind
from sandbox.store.reviews import REVIEWS
from sandbox.store.trials import SUSPENSIONS, TRIALS

pytestmark = pytest.mark.only_on("sqlite")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
Adopted = Callable[..., list[str]]


def extra(program: Program) -> list[Any]:
    """Reviews that no schedule planned, as they were called."""
    with program.reading() as connection:
        return list(connection.execute(sa.select(REVIEWS).where(REVIEWS.c.kind != "periodic").order_by(REVIEWS.c.id)))


def called(program: Program) -> list[tuple[str, str | None, str]]:
    return [(one.kind, one.reason, one.state) for one in extra(program)]


def state(program: Program) -> str:
    with program.reading() as connection:
        return str(connection.execute(sa.select(TRIALS.c.state)).scalar_one())


def report(acts: Acts, cast: Cast, trial: str, clock: Shifted, **more: Any) -> None:
    acts.do("file_feedback", cast.fang, {"period_start": clock() - HOUR, "period_end": clock(), "exposures": 10.0,
                                         **more}, on=trial)


def hold(program: Program, cast: Cast) -> None:
    for one in extra(program):
        if one.state == "open":
            program.acts.do("conclude_review", cast.lin, {"recommendation": "continue", "conclusion": "Looked at",
                                                          "stand_in": True}, on=one.id)


def incident(acts: Acts, cast: Cast, trial: str, severity: str) -> str:
    return str(acts.do("file_incident", cast.fang, {"severity": severity, "occurred_at": START.isoformat()}, trial).id)


def test_an_s2_that_stops_nothing_has_its_emergency_review_within_72_hours_once(
        program: Program, acts: Acts, cast: Cast, adopted: Adopted) -> None:
    trial, = adopted(1)
    incident(acts, cast, trial, "S2")
    incident(acts, cast, trial, "S2")
    assert called(program) == [("emergency", "grave_incident", "open")]
    assert (extra(program)[0].due_at, extra(program)[0].suspension_id) == (START + 72 * HOUR, None)
    assert state(program) == "trial"
    with program.reading() as connection:
        clock = connection.execute(sa.select(CLOCKS).where(CLOCKS.c.key == "C17")).one()
    assert (clock.object_id, clock.due_at, clock.ended_at) == (extra(program)[0].id, START + 72 * HOUR, None)
    hold(program, cast)
    with program.reading() as connection:
        assert connection.execute(sa.select(CLOCKS.c.outcome).where(CLOCKS.c.key == "C17")).scalars().all() == ["done"]


def test_when_it_stops_the_trial_after_all_the_same_review_is_that_of_the_stop(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    trial, = adopted(1)
    incident(acts, cast, trial, "S2")
    walk(program, clock, START + 25 * HOUR)
    assert state(program) == "suspended"
    with program.reading() as connection:
        stop = connection.execute(sa.select(SUSPENSIONS.c.id)).scalar_one()
        reminded = connection.execute(sa.select(DUES.c.object_id).where(
            DUES.c.kind == DueKind.REMIND_REVIEW)).scalars().all()
    assert [(one.kind, one.suspension_id) for one in extra(program)] == [("emergency", stop)]
    assert reminded == [extra(program)[0].id]


def test_an_s1_stops_at_once_and_has_one_emergency_review(program: Program, acts: Acts, cast: Cast,
                                                         adopted: Adopted) -> None:
    trial, = adopted(1)
    incident(acts, cast, trial, "S1")
    assert called(program) == [("emergency", "grave_incident", "open")]
    assert extra(program)[0].suspension_id is not None
    assert extra(program)[0].due_at == START + 72 * HOUR


def test_a_milder_incident_calls_none(program: Program, acts: Acts, cast: Cast, adopted: Adopted) -> None:
    trial, = adopted(1)
    incident(acts, cast, trial, "S4")
    assert called(program) == []


def test_a_cap_at_four_fifths_calls_one_review_and_says_so(program: Program, acts: Acts, cast: Cast, clock: Shifted,
                                                          adopted: Adopted) -> None:
    trial, = adopted(1, volume=100.0, people=100, rate_per_day=100.0)
    clock.forward(START + 6 * HOUR)
    report(acts, cast, trial, clock, exposures=79.0)
    assert called(program) == []
    for _ in range(2):
        clock.forward(clock() + 2 * HOUR)
        report(acts, cast, trial, clock, exposures=1.0)
    assert called(program) == [("yellow", "cap_warning", "open")]
    hold(program, cast)
    clock.forward(clock() + 2 * HOUR)
    report(acts, cast, trial, clock, exposures=1.0)
    assert called(program) == [("yellow", "cap_warning", "held")], "the same cap asks once"
    clock.forward(clock() + 2 * HOUR)
    report(acts, cast, trial, clock, exposures=1.0, people_new=85)
    assert called(program)[1:] == [("yellow", "cap_warning", "open")], "another cap asks, though the light was yellow"


def test_a_missing_report_calls_one_and_an_open_one_looks_at_both_events(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    trial, = adopted(1, volume=100.0)
    clock.forward(START + 6 * HOUR)
    report(acts, cast, trial, clock, exposures=80.0)
    walk(program, clock, START + 6 * DAY)
    assert called(program) == [("yellow", "cap_warning", "open")]
    walk(program, clock, START + 9 * DAY)
    assert called(program) == [("yellow", "cap_warning feedback_late", "open")]


def test_evidence_alone_calls_one_when_the_light_turns(program: Program, acts: Acts, cast: Cast, clock: Shifted,
                                                       adopted: Adopted) -> None:
    trial, = adopted(1)
    clock.forward(START + 6 * HOUR)
    report(acts, cast, trial, clock, exposures=100.0, events={"harm_S3": 2})
    assert called(program) == [("yellow", "evidence", "open")]
    clock.forward(clock() + 2 * HOUR)
    report(acts, cast, trial, clock, exposures=1.0)
    assert called(program) == [("yellow", "evidence", "open")]


def test_a_review_called_by_the_regulator_keeps_the_reason_given(program: Program, acts: Acts, cast: Cast,
                                                                adopted: Adopted) -> None:
    trial, = adopted(1)
    acts.do("call_review", cast.lin, {"reason": "New guidance on lamps"}, on=trial)
    assert called(program) == [("called", "New guidance on lamps", "open")]
    assert extra(program)[0].due_at == START + 7 * DAY


# The kill switch


def days_pass(program: Program, clock: Shifted, days: int) -> None:
    """So many days, a tick at every midnight; nothing is owed but what the kill switch asks."""
    kinds = (DueKind.KILL_SWITCH, DueKind.KILL_SWITCH_OLD, DueKind.REMIND_KILL_SWITCH)
    program.door.submit(lambda transaction: transaction.connection.execute(sa.delete(DUES).where(
        DUES.c.kind.not_in(kinds))))
    for _ in range(days):
        at = end_of_day(local_day(clock(), program.settings.zone), program.settings.zone)
        clock.forward(at)
        beat(program, at)
        tick(program)


def told(program: Program, kind: str) -> list[tuple[int | None, str, int]]:
    """Rung, role and day after the start."""
    query = sa.select(NOTICES).where(NOTICES.c.kind == kind).order_by(NOTICES.c.at, NOTICES.c.role)
    with program.reading() as connection:
        return [(row.content.get("days"), row.role, (row.at - START).days) for row in connection.execute(query)]


def test_a_kill_switch_is_reminded_of_on_three_days_and_turns_the_light_yellow_after_thirty(
        program: Program, clock: Shifted, adopted: Adopted) -> None:
    adopted(1)
    days_pass(program, clock, 32)
    assert told(program, "kill_switch_due") == [(-7, "firm", 23), (-3, "firm", 27), (-1, "firm", 29)]
    assert told(program, "kill_switch_old") == [(None, "firm", 30), (None, "regulator", 30)]
    assert called(program) == [("yellow", "kill_switch_old", "open")]
    assert state(program) == "trial"


def test_a_test_in_time_begins_the_count_anew(program: Program, acts: Acts, cast: Cast, clock: Shifted,
                                              adopted: Adopted) -> None:
    trial, = adopted(1)
    days_pass(program, clock, 25)
    acts.do("file_section", cast.fang, {"kind": "kill_switch", "body": {
        "tested_on": clock().date().isoformat(), "tested_by": "Shift leader", "result": "Stopped within a second"}},
        on=trial)
    days_pass(program, clock, 10)
    assert told(program, "kill_switch_due") == [(-7, "firm", 23)]
    assert called(program) == []

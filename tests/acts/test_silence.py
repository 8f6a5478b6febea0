"""Red by silence: a report is a day late, and three serious events could have gone unseen since the last."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.tick import beat, tick
from sandbox.reads.board import owed, reports_due
from sandbox.store.dues import DUES, HOLDS, DueKind
from sandbox.store.trials import SUSPENSIONS, TRIALS

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
FIRST = START.replace(hour=16) + 7 * DAY
"""24:00 of the seventh day after the start, in Shanghai: the first report is due."""


def adopt(program: Program, cast: Cast, per_day: float, indicator: str = "harm_serious") -> str:
    """A weekly trial that may use so much that so many serious events a day are within its limit."""
    scenario = program.acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
    proposed = program.acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 1000.0,
        "limits": [{"indicator": indicator, "per_exposure": per_day / 1000.0}], "unverified": "Before",
        "source_key": "one"}]})
    return str(program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision).trials["one"])


def due(program: Program, trial: str) -> Any:
    """When the silence stops the trial."""
    with program.reading() as connection:
        return connection.execute(sa.select(DUES.c.at).where(
            DUES.c.trial_id == trial, DUES.c.kind == DueKind.FEEDBACK_SILENT)).scalar()


def state(program: Program, trial: str) -> tuple[str, Any]:
    """The trial's state and what it was stopped for."""
    with program.reading() as connection:
        return (connection.execute(sa.select(TRIALS.c.state).where(TRIALS.c.id == trial)).scalar_one(),
                connection.execute(sa.select(SUSPENSIONS.c.cause).where(SUSPENSIONS.c.trial_id == trial)).scalar())


def report(program: Program, cast: Cast, trial: str, start: datetime, end: datetime) -> None:
    program.acts.do("file_feedback", cast.fang, {
        "period_start": start.isoformat(), "period_end": end.isoformat(), "exposures": 10.0}, trial)


def arrive(program: Program, clock: Shifted, at: datetime) -> None:
    """The clock has run to there without a gap, and ticks."""
    clock.forward(at)
    beat(program, at)
    tick(program)


def test_who_is_silent_for_longer_than_three_events_could_hide_is_stopped(
        program: Program, cast: Cast, clock: Shifted) -> None:
    trial = adopt(program, cast, 0.3)
    at = START + 10 * DAY
    assert due(program, trial) == at
    arrive(program, clock, at - SECOND)
    assert state(program, trial) == ("trial", None)
    arrive(program, clock, at)
    assert state(program, trial) == ("suspended", "feedback_missing")
    assert due(program, trial) is None


def test_who_reports_in_time_is_not_silent_however_much_is_used_between_two_reports(
        program: Program, cast: Cast, clock: Shifted) -> None:
    trial = adopt(program, cast, 3.0)  # three events within a day
    assert due(program, trial) == FIRST + DAY
    arrive(program, clock, FIRST + DAY - SECOND)
    report(program, cast, trial, START, FIRST)
    arrive(program, clock, FIRST + 2 * DAY)
    assert (state(program, trial), due(program, trial)) == (("trial", None), FIRST + 8 * DAY)


@pytest.mark.parametrize(("per_day", "indicator"), [(0.1, "harm_serious"), (3.0, "complaint")])
def test_where_the_second_missing_report_comes_before_there_is_no_such_due(
        program: Program, cast: Cast, per_day: float, indicator: str) -> None:
    assert due(program, adopt(program, cast, per_day, indicator)) is None


def test_a_report_of_a_part_moves_it_and_what_is_told_beyond_a_gap_is_no_silence(
        program: Program, cast: Cast, clock: Shifted) -> None:
    trial = adopt(program, cast, 0.3)
    clock.forward(START + 4 * DAY)
    report(program, cast, trial, START, START + DAY)
    assert due(program, trial) == START + 11 * DAY
    report(program, cast, trial, START + 2 * DAY, START + 4 * DAY)
    assert due(program, trial) == START + 13 * DAY


def test_it_waits_for_a_person_when_the_clock_had_a_gap(program: Program, cast: Cast, clock: Shifted) -> None:
    trial = adopt(program, cast, 0.3)
    beat(program, START)
    clock.forward(START + 11 * DAY)
    tick(program)
    with program.reading() as connection:
        hold = connection.execute(sa.select(HOLDS.c.id)).scalar_one()
    assert state(program, trial) == ("trial", None)
    program.acts.do("release_hold", cast.lin, {"proceed": True}, hold)
    tick(program)
    assert state(program, trial) == ("suspended", "feedback_missing")


def test_people_are_told_when_it_stops(program: Program, cast: Cast) -> None:
    trial = adopt(program, cast, 0.3)
    with program.reading() as connection:
        kinds = {one.kind: one.at for one in owed(connection, cast.fang, trial)}
        (one,) = reports_due(connection, cast.fang, trial)
    assert kinds["stop_feedback_silent"] == START + 10 * DAY
    assert (one["due_at"], one["stops_at"], one["missing"]) == (FIRST, START + 10 * DAY, False)

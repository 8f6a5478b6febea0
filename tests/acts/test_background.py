"""Less told than the plan's background rate: yellow, on periods long past, and never red."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.rules.evidence import log_e_low
from sandbox.store.dues import NOTICES
from sandbox.store.feedback import FEEDBACK
from sandbox.store.trials import TRIALS

DAY = timedelta(days=1)
RATE, USED = 0.01, 200.0
"""Two pieces of feedback a week are the least to expect."""


@pytest.fixture
def trial(program: Program, cast: Cast) -> str:
    """A weekly trial whose plan declares what feedback there is where all is well."""
    return adopt(program, cast, 1, limits=[{"indicator": "complaint", "per_exposure": 0.1}], background_rate=RATE)[0]


def ends(week: int) -> datetime:
    """24:00 of the last day of a week, in Shanghai; the start before the first."""
    return START.replace(hour=16) + 7 * week * DAY if week else START


def tell(program: Program, cast: Cast, clock: Shifted, trial: str, *weeks: int, **more: Any) -> None:
    """The reports of these weeks, each an hour after its end."""
    for week in weeks:
        clock.forward(ends(week) + timedelta(hours=1))
        program.acts.do("file_feedback", cast.fang, {
            "period_start": ends(week - 1).isoformat(), "period_end": ends(week).isoformat(), "exposures": USED,
            **more}, trial)


def row(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()


def told(program: Program) -> list[dict[str, Any]]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(NOTICES.c.content).where(
            NOTICES.c.kind == "too_quiet").order_by(NOTICES.c.at)).scalars())


FIRST = next(week for week in range(1, 50) if log_e_low(0, RATE * USED * week) >= math.log(20)) + 1
"""The week whose report shows it: what is told of the weeks before the last one counts."""


def test_the_plan_says_what_feedback_there_is(program: Program, trial: str) -> None:
    assert (row(program, trial)["background_rate"], row(program, trial)["quiet_log_e"]) == (RATE, None)


def test_a_stream_without_any_feedback_turns_yellow_and_no_more(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    tell(program, cast, clock, trial, *range(1, FIRST))
    assert (row(program, trial)["light"], told(program)) == ("green", [])
    tell(program, cast, clock, trial, FIRST)
    assert row(program, trial)["light"] == "yellow"
    assert told(program) == [{"k": 0, "expected": RATE * USED * (FIRST - 1)}]
    tell(program, cast, clock, trial, *range(FIRST + 1, FIRST + 4))
    assert (row(program, trial)["light"], row(program, trial)["state"]) == ("yellow", "trial")


def test_the_usual_feedback_is_no_silence_in_whichever_way_it_is_told(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    tell(program, cast, clock, trial, 1, events={"complaint": 3})
    for event in ({"kind": "complaint"}, {"kind": "incident", "severity": "S4"}):
        program.acts.do("file_incident", cast.fang, {**event, "occurred_at": (ends(1) - DAY).isoformat()}, trial)
    tell(program, cast, clock, trial, *range(2, FIRST + 3), events={"harm_S4": 2})
    assert (row(program, trial)["light"], told(program)) == ("green", [])


def test_overrides_and_errors_are_no_feedback_of_that_kind(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    tell(program, cast, clock, trial, *range(1, FIRST + 1), reviewed=100, labelled=100,
         events={"override": 9, "error": 9})
    assert [one["k"] for one in told(program)] == [0]


def test_what_was_looked_at_is_told_again_when_the_evidence_has_grown(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    tell(program, cast, clock, trial, *range(1, FIRST + 1))
    program.acts.do("clear_yellow", cast.lin, {"reason": "Their line was down"}, trial)
    again = next(week for week in range(FIRST, 50) if log_e_low(0, RATE * USED * (week - 1))
                 >= log_e_low(0, RATE * USED * (FIRST - 1)) + math.log(5))
    tell(program, cast, clock, trial, *range(FIRST + 1, again))
    assert (row(program, trial)["light"], len(told(program))) == ("green", 1)
    tell(program, cast, clock, trial, again)
    assert (row(program, trial)["light"], len(told(program))) == ("yellow", 2)


def test_a_correction_moves_what_was_told(program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    tell(program, cast, clock, trial, 1)
    with program.reading() as connection:
        report = connection.execute(sa.select(FEEDBACK.c.id).where(FEEDBACK.c.trial_id == trial)).scalar_one()
    program.acts.do("correct_feedback", cast.fang, {"reason": "Counted anew", "report": {
        "period_start": ends(0).isoformat(), "period_end": ends(1).isoformat(), "exposures": USED,
        "events": {"complaint": 12}}}, report)
    tell(program, cast, clock, trial, *range(2, FIRST + 1))
    assert told(program) == []

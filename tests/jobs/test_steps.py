"""A clock that was set is noted in the log; whatever it does, nothing is missed, done twice, or done before its time by
the clock as it then stands."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.jobs import tick as ticking
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.steps import STEP, Steps
from sandbox.jobs.tick import tick
from sandbox.store.dues import DUES, HOLDS, LATENESS, NOTICES, DueKind
from sandbox.store.log import LOG
from sandbox.store.trials import TRIALS

pytestmark = pytest.mark.only_on("sqlite")
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
REPORT_DUE = START + timedelta(days=7, hours=15)
"""24:00 in Shanghai; a pilot of tier R3 owes its first report by then."""
EARLY = timedelta(seconds=60)
BEAT_EVERY = timedelta(minutes=55)
Adopted = Callable[..., list[str]]


class Time:
    """Time as it passes, and a clock that shows it plus what it was set wrong by."""

    def __init__(self, now: datetime) -> None:
        self.true, self.wrong = now, timedelta(0)

    def clock(self) -> datetime:
        return self.true + self.wrong

    def passed(self) -> float:
        return (self.true - START).total_seconds()


def rows(program: Program, query: Any) -> list[Any]:
    with program.reading() as connection:
        return list(connection.execute(query).all())


def notes(program: Program) -> list[str]:
    """By how much the log says that the clock was set."""
    return [json.loads(row.leaf)["reason"] for row in rows(
        program, sa.select(LOG.c.leaf).where(LOG.c.act == "note_step").order_by(LOG.c.seq))]


def owed(program: Program) -> dict[tuple[str, str], datetime]:
    return {(row.kind, row.object_id): row.at for row in rows(
        program, sa.select(DUES).where(DUES.c.kind.not_in(LATENESS)))}


def beats(program: Program, time: Time, steps: Steps, until: datetime) -> list[tuple[tuple[str, str], datetime]]:
    """Tick until then; returns every due that was done, none of them before its time."""
    done = []
    while time.true < until:
        time.true = min(time.true + BEAT_EVERY, until)
        steps()
        before = owed(program)
        tick(program)
        after = owed(program)
        gone = [(due, at) for due, at in before.items() if after.get(due) != at]
        assert all(at <= time.clock() + EARLY for _, at in gone)
        assert all(at > time.clock() for at in after.values()), "nothing that has come due is left"
        done += gone
    return done


@pytest.mark.parametrize("ahead_of_due", (timedelta(minutes=20), -timedelta(minutes=20)))
@pytest.mark.parametrize("step", (30 * SECOND, HOUR, -HOUR, DAY, -DAY))
def test_a_clock_that_is_set_misses_nothing_repeats_nothing_and_is_noted(
        program: Program, adopted: Adopted, step: timedelta, ahead_of_due: timedelta) -> None:
    """Set shortly before a report is due, or shortly after; ticked until it is a day late by the clock."""
    trials = adopted(2)
    time = Time(REPORT_DUE - DAY / 2)
    other = open_program(program.settings, time.clock)
    ticking.beat(other, time.clock())
    steps = Steps(other, time.passed)
    steps()
    done = beats(other, time, steps, REPORT_DUE - ahead_of_due)
    assert notes(program) == [] and rows(program, sa.select(HOLDS.c.id)) == []
    time.wrong = step
    done += beats(other, time, steps, REPORT_DUE + DAY + HOUR + max(-step, timedelta(0)))
    other.close()
    assert notes(program) == [f"{step.total_seconds():+.0f} s"]
    assert len(rows(program, sa.select(HOLDS.c.id))) == (abs(step) >= HOUR), "lateness waits for a person"
    assert max(Counter(done).values()) == 1
    told = Counter(row.trial_id for row in rows(program, sa.select(LOG.c.trial_id).where(
        LOG.c.act == DueKind.FEEDBACK_LATE)))
    assert told == dict.fromkeys(trials, 1)
    reminded = rows(program, sa.select(NOTICES.c.dedupe, sa.func.count()).where(
        NOTICES.c.kind == "remind_feedback").group_by(NOTICES.c.dedupe))
    assert reminded and all(count == 1 for _, count in reminded)


@pytest.mark.parametrize("step", (STEP - SECOND, SECOND - STEP, timedelta(0)))
def test_a_clock_that_drifts_is_not_noted(program: Program, step: timedelta) -> None:
    time = Time(START)
    other = open_program(program.settings, time.clock)
    steps = Steps(other, time.passed)
    steps()
    time.true, time.wrong = START + HOUR, step
    assert steps() is None
    other.close()
    assert notes(program) == []


def test_two_processes_note_a_step_once(program: Program) -> None:
    time = Time(START)
    others = [open_program(program.settings, time.clock) for _ in range(2)]
    watching = [Steps(other, time.passed) for other in others]
    for steps in watching:
        steps()
    time.wrong = HOUR
    assert [steps() for steps in watching] == [HOUR, HOUR]
    for other in others:
        other.close()
    assert notes(program) == ["+3600 s"]


# A week without a server


@pytest.fixture
def after_a_week(program: Program, adopted: Adopted) -> tuple[Program, Time, list[str]]:
    """Three pilots of tier R3 that filed nothing; the server was down from the tenth day to the seventeenth, in which
    their second report in a row was due, and has ticked once since."""
    trials = adopted(3)
    time = Time(START + 10 * DAY)
    object.__setattr__(program, "clock", time.clock)
    object.__setattr__(program.acts, "clock", time.clock)
    tick(program)
    ticking.beat(program, time.clock())
    tick(program)
    time.true += 7 * DAY
    tick(program)
    return program, time, trials


def states(program: Program) -> set[str]:
    return {row.state for row in rows(program, sa.select(TRIALS.c.state))}


def lateness(program: Program, kind: DueKind) -> set[datetime]:
    return {row.at for row in rows(program, sa.select(DUES.c.at).where(DUES.c.kind == kind))}


def test_after_a_week_each_late_reminder_is_told_once_and_says_so_and_nobody_is_stopped(
        after_a_week: tuple[Program, Time, list[str]], cast: Cast) -> None:
    program, time, trials = after_a_week
    tick(program)
    told = rows(program, sa.select(NOTICES).where(NOTICES.c.kind == "remind_feedback", NOTICES.c.at == time.clock()))
    assert Counter(row.trial_id for row in told) == Counter(trials * len({row.role for row in told}))
    assert all(row.content["late"] for row in told)
    assert [row.kind for row in rows(program, sa.select(HOLDS.c.kind))] == ["gap"]
    assert states(program) == {"trial"}


def test_deadlines_move_by_the_downtime_and_a_day_and_stay_moved_whatever_is_filed(
        after_a_week: tuple[Program, Time, list[str]], cast: Cast) -> None:
    program, time, trials = after_a_week
    before = lateness(program, DueKind.FEEDBACK_MISSING)
    program.acts.do("release_hold", cast.lin, {"proceed": False}, on=rows(program, sa.select(HOLDS.c.id))[0].id)
    moved = {at + 8 * DAY for at in before}
    assert lateness(program, DueKind.FEEDBACK_MISSING) == moved
    program.acts.do("file_feedback", cast.fang, {
        "period_start": START + 16 * DAY, "period_end": START + 17 * DAY, "exposures": 10.0}, on=trials[0])
    assert lateness(program, DueKind.FEEDBACK_MISSING) == moved, "filed out of order, two periods are still missing"
    beats(program, time, Steps(program, time.passed), max(moved) - BEAT_EVERY)
    assert states(program) == {"trial"}

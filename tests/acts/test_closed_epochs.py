"""What is told late of a closed epoch counts in that epoch, which is replayed; the present one is left as it is."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt

from sandbox.acts.act import Act
from sandbox.acts.moves import carry_out, trip
from sandbox.jobs.arrivals import from_json
from sandbox.jobs.batches import Intake, Sending
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads.assessments import late_reds
from sandbox.reads.risk import risk
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.rules.lifecycle import ROWS, Cause
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.trials import COUNTERS, TRIALS

DAY = timedelta(days=1)
STOPPED, LIFTED, NOW = START + 15 * DAY, START + 16 * DAY, START + 30 * DAY
"""A Tuesday and a Wednesday of the third week, and the Wednesday of two weeks later."""
RATE = 100.0


def midnight(day: int) -> datetime:
    """24:00 of the day that is so many after the start, in Shanghai."""
    return START.replace(hour=16) + day * DAY


def within(program: Program, trial: str, do: Any) -> Any:
    def job(transaction: Any) -> Any:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR)
        act.hold_trial(trial)
        return act.caused("assess", do, trial=act.trial)

    return program.door.submit(job)


def lift(act: Act) -> None:
    row = ROWS["lift_suspension", "suspended"]
    act.caused("lift_suspension", lambda sub: carry_out(sub, row))


@pytest.fixture
def trial(cast: Cast, program: Program, clock: Shifted) -> str:
    """Weekly, one complaint in a hundred uses; two quiet weeks told, stopped in the third by a red that no evidence
    made, lifted a day later, and two quiet weeks told since."""
    return two_epochs(program, cast, clock, lambda made: within(program, made, lambda act: trip(act, Cause.RISK_RED)))


def two_epochs(program: Program, cast: Cast, clock: Shifted, stop: Callable[[str], Any], **more: Any) -> str:
    """A trial in its second epoch; the first ended with this stop."""
    made, = adopt(program, cast, 1, limits=[{"indicator": "complaint", "per_exposure": 0.01}], **more)
    clock.forward(STOPPED)
    file(program, cast, made, START, midnight(7))
    file(program, cast, made, midnight(7), midnight(14))
    stop(made)
    assert row(program, made)["state"] == "suspended"
    clock.forward(LIFTED)
    within(program, made, lift)
    clock.forward(NOW)
    file(program, cast, made, LIFTED, midnight(21))
    file(program, cast, made, midnight(21), midnight(28))
    return made


def given(start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    return {"period_start": start.isoformat(), "period_end": end.isoformat(),
            "exposures": round(RATE * ((end - start) / DAY), 3), **more}


def file(program: Program, cast: Cast, trial: str, start: datetime, end: datetime, **more: Any) -> str:
    return str(program.acts.do("file_feedback", cast.fang, given(start, end, **more), trial).id)


def row(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()


def counted(program: Program, trial: str, epoch: int) -> tuple[int, int, float]:
    """Events, itemised ones and exposures of an epoch."""
    with program.reading() as connection:
        sums = [sa.func.coalesce(sa.func.sum(COUNTERS.c[name]), 0) for name in ("events", "itemised", "exposures")]
        found = connection.execute(sa.select(*sums).where(COUNTERS.c.trial_id == trial, COUNTERS.c.epoch == epoch))
        events, itemised, exposures = found.one()
        return int(events), int(itemised), round(float(exposures), 1)


def late(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return late_reds(connection, trial)


def present(program: Program, trial: str) -> tuple[Any, ...]:
    """What must not move: the present epoch's evidence, light and counters, and the state."""
    one = row(program, trial)
    return one["state"], one["light"], one["epoch"], one["log_e"], one["settled"], counted(program, trial, 2)


def told_late(program: Program, trial: str, period: int) -> None:
    """One late red of the first epoch, told to the officer."""
    (found,) = late(program, trial)
    assert (found["epoch"], found["period"], found["state"]) == (1, period, "waiting")
    assert found["log_e"] >= math.log(20)


def test_the_scene_is_a_second_epoch_without_any_finding(program: Program, trial: str) -> None:
    assert present(program, trial)[:3] == ("trial", "green", 2)
    assert (counted(program, trial, 1), late(program, trial)) == ((0, 0, 1462.5), ())


def test_an_incident_counts_in_the_epoch_in_which_it_occurred(program: Program, cast: Cast, trial: str) -> None:
    before = present(program, trial)
    for hour in range(40):
        done = program.acts.do("file_incident", cast.fang, {
            "kind": "complaint", "occurred_at": (START + 8 * DAY + timedelta(hours=hour / 10)).isoformat()}, trial)
    assert (present(program, trial), counted(program, trial, 1)[1]) == (before, 40)
    told_late(program, trial, 2)
    with program.reading() as connection:
        assert connection.execute(sa.select(INCIDENTS.c.epoch).where(INCIDENTS.c.id == done.id)).scalar_one() == 1


def test_what_happens_now_counts_now(program: Program, cast: Cast, trial: str) -> None:
    program.acts.do("file_incident", cast.fang, {"kind": "complaint", "occurred_at": LIFTED.isoformat()}, trial)
    assert (counted(program, trial, 1)[1], counted(program, trial, 2)[1]) == (0, 1)
    program.acts.do("file_incident", cast.fang, {
        "kind": "complaint", "occurred_at": (LIFTED - timedelta(seconds=1)).isoformat()}, trial)
    assert (counted(program, trial, 1)[1], counted(program, trial, 2)[1]) == (1, 1)


def test_a_report_counts_in_the_epoch_into_which_it_reaches(program: Program, cast: Cast, trial: str) -> None:
    before = present(program, trial)
    report = file(program, cast, trial, midnight(14), STOPPED, events={"complaint": 25})
    assert (present(program, trial), counted(program, trial, 1)[0]) == (before, 25)
    told_late(program, trial, 3)
    across = file(program, cast, trial, STOPPED, LIFTED, events={"complaint": 1})
    whole = file(program, cast, trial, midnight(28), NOW)
    with program.reading() as connection:
        epochs = dict(connection.execute(sa.select(FEEDBACK.c.id, FEEDBACK.c.epoch)).all())
    assert (epochs[report], epochs[across], epochs[whole]) == (1, 1, 2)


def test_lines_of_a_batch_count_each_in_its_epoch(program: Program, cast: Cast, trial: str) -> None:
    lines = [given(midnight(14), STOPPED, events={"complaint": 25}, key="old"),
             given(midnight(28), NOW, events={"complaint": 1}, key="new")]
    arrivals = from_json((orjson.dumps(line) for line in lines), orjson.loads)
    Intake(program).take(cast.fang, trial, arrivals, Sending("sent", "api"))
    assert (counted(program, trial, 1)[0], counted(program, trial, 2)[0]) == (25, 1)
    told_late(program, trial, 3)
    with program.reading() as connection:
        epochs = dict(connection.execute(sa.select(FEEDBACK.c.source_key, FEEDBACK.c.epoch).where(
            FEEDBACK.c.source_key.is_not(None))).all())
    assert epochs == {"old": 1, "new": 2}


def test_a_correction_of_an_old_report_counts_in_its_epoch(program: Program, cast: Cast, trial: str) -> None:
    before = present(program, trial)
    with program.reading() as connection:
        old = connection.execute(sa.select(FEEDBACK.c.id).where(FEEDBACK.c.trial_id == trial).order_by(
            FEEDBACK.c.period_start)).scalars().first()
    done = program.acts.do("correct_feedback", cast.fang, {
        "report": given(START, midnight(7), events={"complaint": 60}), "reason": "Counted anew"}, str(old))
    assert (done.state, present(program, trial), counted(program, trial, 1)[0]) == ("applied", before, 60)
    told_late(program, trial, 1)


def test_time_of_which_nothing_was_told_counts_at_the_rate_of_the_caps(program: Program, trial: str) -> None:
    """Otherwise what was never told would turn a few events of a stopped week red."""
    with program.reading() as connection:
        found = risk(connection, row(program, trial), program.clock(), program.settings.zone, 1)
    (line,) = found.indicators
    hours = (STOPPED - midnight(14)) / DAY * RATE
    assert (line.exposures, line.unreported) == (pytest.approx(1462.5, abs=0.1), pytest.approx(hours))


def test_a_second_look_notes_nothing_new_and_a_retraction_takes_it_off(
        program: Program, cast: Cast, trial: str) -> None:
    report = file(program, cast, trial, midnight(14), STOPPED, events={"complaint": 25})
    file(program, cast, trial, midnight(28), NOW)
    assert len(late(program, trial)) == 1
    before = present(program, trial)
    seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, trial).id
    program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, seat)
    asked = program.acts.do("retract_feedback", cast.fang, {"why": "spurious", "reason": "Filed by mistake"}, report)
    program.acts.do("decide_retraction", cast.rui, {"accept": True, "reason": "It was"}, asked.id)
    assert counted(program, trial, 1) == (0, 0, 1462.5)
    assert (present(program, trial), len(late(program, trial))) == (before, 1), "what was found stays on record"


# The budget of a closed epoch

BUDGET = {"budget_limit": 1e-5}
"""In 18,000 uses: the third S2 incident is red."""


def grave(program: Program, cast: Cast, trial: str, number: int) -> None:
    """So many S2 incidents of the first epoch, told now."""
    for hour in range(number):
        program.acts.do("file_incident", cast.fang, {
            "severity": "S2", "occurred_at": (START + 8 * DAY + timedelta(hours=hour)).isoformat()}, trial)


def test_s2_incidents_told_late_over_the_budget_of_a_closed_epoch_come_to_an_officer_once(
        program: Program, cast: Cast, clock: Shifted) -> None:
    trial = two_epochs(program, cast, clock, lambda made: within(
        program, made, lambda act: trip(act, Cause.RISK_RED)), **BUDGET)
    assert row(program, trial)["budget"] == 3
    before = present(program, trial)
    grave(program, cast, trial, 2)
    assert late(program, trial) == ()
    grave(program, cast, trial, 2)
    found, = late(program, trial)
    assert (found["epoch"], found["s2"], found["state"], present(program, trial)) == (1, 3, "waiting", before)
    decided = program.acts.do("decide_late_red", cast.lin, {
        "late_red": found["id"], "stop": True, "reason": "Three of one kind"}, trial)
    assert decided.state == "suspended"


def test_an_epoch_that_its_budget_had_stopped_says_nothing_new_of_it(
        program: Program, cast: Cast, clock: Shifted) -> None:
    trial = two_epochs(program, cast, clock, lambda made: grave(program, cast, made, 3), **BUDGET)
    grave(program, cast, trial, 2)
    assert (late(program, trial), row(program, trial)["state"]) == ((), "trial")

"""The light follows the facts: counted in the period in which they occurred, assessed before they are acknowledged."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Act, Acts
from sandbox.acts.light import add, assess
from sandbox.acts.refusals import Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.replay import Nightly, replay
from sandbox.reads.assessments import known_now, known_then, late_reds
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.evidence import ASSESSMENTS, STATES
from sandbox.store.trials import COUNTERS, TRIALS

DAY = timedelta(days=1)


@pytest.fixture
def trial(adopted: Callable[..., list[str]], clock: Shifted) -> str:
    one = adopted(1)[0]
    clock.forward(START + 20 * DAY)
    return one


def within(program: Program, trial: str, do: Callable[[Act], Any]) -> Any:
    """Something done to a trial inside the door, as acts of other nouns do it."""
    def job(transaction: Any) -> Any:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR)
        act.hold_trial(trial)
        return act.caused("assess", do, trial=act.trial)

    return program.door.submit(job)


def counted(program: Program, trial: str, *names: str) -> list[Any]:
    with program.reading() as connection:
        columns = [COUNTERS.c[name] for name in ("period", *names)]
        return [tuple(row) for row in connection.execute(
            sa.select(*columns).where(COUNTERS.c.trial_id == trial).order_by(COUNTERS.c.period))]


def light(program: Program, trial: str) -> str:
    with program.reading() as connection:
        return str(connection.execute(sa.select(TRIALS.c.light).where(TRIALS.c.id == trial)).scalar_one())


def test_what_is_told_late_counts_in_the_period_in_which_it_occurred(program: Program, trial: str) -> None:
    for day, more in ((1, {"exposures": 70.0}), (9, {"exposures": 30.0, "events": 1}), (1.5, {"itemised": 2})):
        within(program, trial,
               lambda act, day=day, more=more: add(act, 1, "harm_serious", at=START + day * DAY, **more))
    assert counted(program, trial, "events", "itemised", "exposures") == [(1, 0, 2, 70.0), (2, 1, 0, 30.0)]


def test_allegations_turn_the_light_yellow_and_never_red(program: Program, trial: str) -> None:
    def told(act: Act) -> None:
        add(act, 1, "harm_S3", at=START + DAY, alleged=400, exposures=100.0)
        assess(act)

    within(program, trial, told)
    assert light(program, trial) == "yellow"


# What is told late


def fact(program: Program, trial: str, day: float, **more: Any) -> None:
    """Something of the indicator complaint that occurred so many days after the start, and the light assessed."""
    def do(act: Act) -> None:
        add(act, 1, "complaint", at=START + timedelta(hours=1) + day * DAY, **more)
        assess(act)

    within(program, trial, do)


def covered(program: Program, trial: str, days: int) -> None:
    within(program, trial, lambda act: act.change_trial(covered_until=START + days * DAY))


def row(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()


@pytest.fixture
def counted_trial(acts: Acts, cast: Cast, program: Program, clock: Shifted) -> str:
    """A weekly trial with one limit: a complaint in a hundred uses; ten weeks later."""
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "Delivery by night"}).id
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 100.0,
        "limits": [{"indicator": "complaint", "per_exposure": 0.01}], "unverified": "Before", "source_key": "one"}]})
    trial = acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision).trials["one"]
    clock.forward(START + 70 * DAY)
    return str(trial)


def test_states_are_kept_by_period_and_a_late_fact_replays_them_to_the_bit(
        program: Program, counted_trial: str) -> None:
    for week in range(9):
        fact(program, counted_trial, 7 * week, exposures=700.0, events=week % 3)
    covered(program, counted_trial, 63)
    fact(program, counted_trial, 63, exposures=10.0)
    before = row(program, counted_trial)
    assert before["settled"] == 8
    fact(program, counted_trial, 8, itemised=3)
    late = row(program, counted_trial)
    fact(program, counted_trial, 8, itemised=-3)
    after = row(program, counted_trial)
    assert late["log_e"] > before["log_e"] and after["log_e"] == before["log_e"]
    assert after["settled"] == 8 and replay(program) == ()


def test_a_replay_that_was_over_red_in_the_past_but_is_not_now_goes_to_an_officer(
        program: Program, acts: Acts, cast: Cast, counted_trial: str) -> None:
    for week in range(9):
        fact(program, counted_trial, 7 * week, exposures=700.0)
    covered(program, counted_trial, 63)
    fact(program, counted_trial, 63, exposures=10.0)
    fact(program, counted_trial, 8, itemised=22)
    with program.reading() as connection:
        (found,) = late_reds(connection, counted_trial)
    assert (row(program, counted_trial)["state"], found["period"], found["state"]) == ("trial", 2, "waiting")
    assert found["log_e"] >= math.log(20) > row(program, counted_trial)["log_e"]
    fact(program, counted_trial, 65, exposures=10.0)
    with program.reading() as connection:
        assert len(late_reds(connection, counted_trial)) == 1, "it is noted once"
    done = acts.do("decide_late_red", cast.lin, {"late_red": found["id"], "stop": True, "reason": "Not repaired"},
                   counted_trial)
    assert done.state == "suspended" and row(program, counted_trial)["light"] == "red"
    with pytest.raises(Refused, match="already_decided"):
        acts.do("decide_late_red", cast.lin, {"late_red": found["id"], "stop": False, "reason": "Again"}, counted_trial)


def test_the_past_is_told_as_it_was_known_then_and_as_it_is_known_now(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, counted_trial: str) -> None:
    def file(week: int, **more: Any) -> None:
        start = START + 7 * week * DAY if week else START + timedelta(hours=1)
        acts.do("file_feedback", cast.fang, {
            "period_start": start.isoformat(), "period_end": (START + 7 * (week + 1) * DAY).isoformat(),
            "exposures": 690.0, **more}, counted_trial)

    file(0)
    as_of = clock()
    clock.forward(as_of + DAY)
    acts.do("file_incident", cast.fang, {"kind": "complaint", "occurred_at": (START + 3 * DAY).isoformat()},
            counted_trial)
    with program.reading() as connection:
        trial = row(program, counted_trial)
        then, now = known_then(connection, trial, as_of), known_now(connection, trial, as_of, program.settings.zone)
        assert known_then(connection, trial, START - DAY) is None
    assert then is not None and now is not None
    assert (then.at, [one["events"] for one in then.indicators]) == (as_of, [0])
    assert [one["events"] for one in now.indicators] == [1]
    assert now.log_e > then.log_e


def test_an_assessment_is_never_rewritten(program: Program, counted_trial: str) -> None:
    fact(program, counted_trial, 1, exposures=10.0)
    with pytest.raises(sa.exc.DatabaseError, match="append-only"):
        program.door.submit(lambda transaction: transaction.connection.execute(
            sa.update(ASSESSMENTS).values(log_e=-9.0)))


def test_a_state_that_contradicts_the_ledger_is_told_by_the_nightly_replay_and_made_anew(
        program: Program, clock: Shifted, counted_trial: str) -> None:
    for week in range(9):
        fact(program, counted_trial, 7 * week, exposures=700.0, events=1)
    covered(program, counted_trial, 63)
    fact(program, counted_trial, 63)
    program.door.submit(lambda transaction: transaction.connection.execute(sa.update(STATES).values(log_1=1.0)))
    nightly = Nightly(program)
    assert not nightly()
    clock.forward(clock() + DAY)
    assert nightly() and not nightly()
    assert row(program, counted_trial)["settled"] == 0
    fact(program, counted_trial, 64)
    assert replay(program) == () and row(program, counted_trial)["settled"] == 8

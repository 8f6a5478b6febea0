"""The tick: what is due is done once and in time, what fails waits its turn, and lateness waits for a person when the
clock or the numbers look wrong."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.jobs import tick as ticking
from sandbox.jobs.clock import Shifted, walk
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.tick import BACK, BEAT, GAP, Ticked, tick
from sandbox.store.door import Busy
from sandbox.store.dues import DUES, HOLDS, PULSE, DueKind, HoldKind
from sandbox.store.log import LOG
from sandbox.store.reviews import REVIEWS
from sandbox.store.trials import SUSPENSIONS, TRIALS

DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
REVIEW_OPENS = START + timedelta(days=23, hours=15)
"""24:00 in Shanghai, a week before the first review of an adopted trial of tier R3."""
REPORTS_MISSING = START + timedelta(days=14, hours=15)
"""24:00 in Shanghai of the day on which its second report in a row was due."""
Adopted = Callable[..., list[str]]


def rows(program: Program, query: sa.Select[Any]) -> list[sa.Row[Any]]:
    with program.reading() as connection:
        return list(connection.execute(query).all())


def states(program: Program) -> list[str]:
    return [row.state for row in rows(program, sa.select(TRIALS.c.state).order_by(TRIALS.c.id))]


def entries(program: Program, act: str) -> int:
    return len(rows(program, sa.select(LOG.c.seq).where(LOG.c.act == act)))


def holds(program: Program) -> list[sa.Row[Any]]:
    return rows(program, sa.select(HOLDS).order_by(HOLDS.c.id))


def beat_at(program: Program) -> datetime | None:
    found = rows(program, sa.select(PULSE.c.at))
    return found[0].at if found else None


def jump(program: Program, clock: Shifted, to: datetime) -> Ticked:
    """As if the program had ticked all along, idly, until just before."""
    clock.forward(to)
    ticking.beat(program, to)
    return tick(program)


def owe(program: Program, due: str, **values: Any) -> None:
    """A due that nothing in the record explains."""
    row = {"id": due, "kind": DueKind.OPEN_REVIEW, "object_id": due, "trial_id": None, "at": START, "attempts": 0}
    program.door.submit(lambda transaction: transaction.connection.execute(sa.insert(DUES).values({**row, **values})))


def test_a_review_opens_when_it_is_due_and_only_then(program: Program, clock: Shifted, adopted: Adopted) -> None:
    adopted(2)
    planned = sa.select(REVIEWS.c.state).where(REVIEWS.c.kind == "periodic")
    jump(program, clock, REVIEW_OPENS - SECOND)
    assert rows(program, planned) == [("planned",)] * 2
    jump(program, clock, REVIEW_OPENS)
    assert rows(program, planned) == [("open",)] * 2


def test_everything_due_is_done_once(program: Program, clock: Shifted, adopted: Adopted) -> None:
    adopted(5)
    first, second = jump(program, clock, REVIEW_OPENS), tick(program)
    assert (first.done, second.done) == (30, 0)
    assert [entries(program, act) for act in ("open_review", "feedback_late", "remind_feedback", "remind_review",
                                              "remind_kill_switch", "remind_clock")] == [5] * 6
    assert rows(program, sa.select(REVIEWS.c.opened_at)) == [(REVIEW_OPENS,)] * 10  # each late report calls one too


def test_two_processes_share_the_work_and_repeat_none(program: Program, clock: Shifted,
                                                      adopted: Adopted) -> None:
    adopted(20)
    clock.forward(REVIEW_OPENS)
    ticking.beat(program, clock())
    other, done = open_program(program.settings, clock), []
    threads = [threading.Thread(target=lambda of=of: done.append(tick(of))) for of in (program, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sum(one.done for one in done) == 120
    assert sum(one.failed for one in done) == 0
    assert entries(program, "open_review") == entries(program, "feedback_late") == 20


def test_a_due_that_another_process_took_is_passed_over(program: Program, clock: Shifted, adopted: Adopted) -> None:
    adopted(1)
    clock.forward(REVIEW_OPENS)
    due = rows(program, ticking._punctual.params(now=clock()))[0]
    assert [ticking._run(program, due) for _ in range(2)] == ["done", "taken"]


def test_a_due_that_fails_comes_back_later_and_starves_nobody(program: Program, clock: Shifted,
                                                              adopted: Adopted) -> None:
    adopted(1)
    owe(program, "without_object")
    owe(program, "without_trial", kind=DueKind.FEEDBACK_LATE)
    found = jump(program, clock, REVIEW_OPENS)
    assert (found.done, found.failed) == (4, 2)
    left = rows(program, sa.select(DUES.c.at, DUES.c.attempts).where(DUES.c.id.like("without%")))
    assert set(left) == {(REVIEW_OPENS + timedelta(minutes=1), 1)}
    assert tick(program).failed == 0


def test_a_due_that_goes_on_failing_is_tried_every_hour(program: Program, clock: Shifted) -> None:
    owe(program, "without_object")
    waits = []
    for _ in range(9):
        tick(program)
        again, = (row.at for row in rows(program, sa.select(DUES.c.at).where(DUES.c.kind != DueKind.YEAR_TURNS)))
        waits.append((again - clock()) / timedelta(minutes=1))
        clock.forward(again)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


@pytest.mark.only_on("sqlite")
def test_a_due_that_was_found_just_before_the_clock_was_set_back_is_not_done_early(
        program: Program, clock: Shifted, adopted: Adopted) -> None:
    adopted(1)
    clock.forward(REVIEW_OPENS)
    found = rows(program, ticking._punctual.params(now=clock()))[-1]
    behind = open_program(program.settings, lambda: REVIEW_OPENS - 2 * HOUR)
    assert found.at > behind.clock()
    assert ticking._run(behind, found) == "failed"
    behind.close()
    assert rows(program, sa.select(DUES.c.at).where(DUES.c.id == found.id)) == [(found.at,)]


def test_a_tick_does_no_more_than_a_batch(program: Program, clock: Shifted, monkeypatch: pytest.MonkeyPatch,
                                          adopted: Adopted) -> None:
    adopted(4)
    monkeypatch.setattr(ticking, "BATCH", 5)
    done = [jump(program, clock, REVIEW_OPENS), *(tick(program) for _ in range(3))]
    assert [one.done for one in done] == [5, 5, 5, 5]


def test_a_storage_that_fails_ends_the_tick_and_leaves_the_rest_due(program: Program, clock: Shifted) -> None:
    tick(program)
    owe(program, "without_object")
    program.door.close()
    with pytest.raises(Busy):
        tick(program)
    assert rows(program, sa.select(DUES.c.attempts).where(DUES.c.kind != DueKind.YEAR_TURNS)) == [(0,)]


# The pulse


def test_a_first_start_has_no_gap(program: Program) -> None:
    assert tick(program).held is None
    assert beat_at(program) == START
    assert holds(program) == []


def test_the_pulse_is_written_every_five_minutes(program: Program, clock: Shifted) -> None:
    beats = []
    for _ in range(21):
        tick(program)
        beats.append(beat_at(program))
        clock.forward(clock() + BEAT / 10)
    assert beats == [START] * 10 + [START + BEAT] * 10 + [START + 2 * BEAT]


@pytest.mark.parametrize(("step", "held"), ((GAP, None), (GAP + SECOND, HoldKind.GAP)))
def test_an_hour_without_a_beat_is_a_gap(program: Program, clock: Shifted, step: timedelta,
                                         held: HoldKind | None) -> None:
    tick(program)
    clock.forward(START + step)
    assert tick(program).held is held
    assert [(hold.kind, hold.since, hold.until) for hold in holds(program)] == (
        [(HoldKind.GAP, START, START + step)] if held else [])
    assert tick(program).held is None


@pytest.mark.parametrize(("step", "held"), ((BACK, None), (BACK + SECOND, HoldKind.GAP)))
def test_a_clock_set_back_more_than_a_minute_is_a_gap(program: Program, step: timedelta,
                                                      held: HoldKind | None) -> None:
    tick(program)
    behind = open_program(program.settings, lambda: START - step)
    assert tick(behind).held is held
    behind.close()


def test_two_processes_note_one_gap_once(program: Program, clock: Shifted) -> None:
    tick(program)
    clock.forward(START + DAY)
    other = open_program(program.settings, Shifted(clock, START + DAY + SECOND))
    ticking._note_gap(program, clock())
    ticking._hold(other, HoldKind.GAP, START, other.clock(), [], f"gap {START.isoformat()}")
    other.close()
    assert len(holds(program)) == 1


def test_after_a_gap_reviews_open_and_lateness_waits_for_a_person(program: Program, clock: Shifted, cast: Cast,
                                                                  adopted: Adopted) -> None:
    adopted(1)
    tick(program)
    clock.forward(REVIEW_OPENS)
    found = tick(program)
    assert (found.held, found.done, found.waiting) == (HoldKind.GAP, 6, 1)
    program.acts.do("release_hold", cast.lin, {"proceed": False}, on=holds(program)[0].id)
    assert (tick(program).waiting, states(program)) == (0, ["trial"])
    walk(program, clock, clock() + (REVIEW_OPENS - START) + 2 * DAY)
    assert states(program) == ["suspended"]


# Many at once


@pytest.mark.parametrize(("late", "running", "stopped"), ((1, 1, 1), (2, 9, 0), (2, 10, 2), (3, 15, 3), (4, 40, 0)))
def test_lateness_stops_at_most_three_trials_and_a_fifth_of_those_running(
        program: Program, clock: Shifted, adopted: Adopted, late: int, running: int, stopped: int) -> None:
    adopted(late)
    if running > late:
        adopted(running - late, "R1")
    found = jump(program, clock, REPORTS_MISSING)
    assert states(program).count("suspended") == stopped
    assert (found.held, found.waiting) == ((None, 0) if stopped else (HoldKind.MASS, late))


def test_a_mass_hold_names_its_trials_and_is_noted_once(program: Program, clock: Shifted, adopted: Adopted) -> None:
    late = adopted(4)
    assert [jump(program, clock, REPORTS_MISSING).held, tick(program).held] == [HoldKind.MASS, None]
    assert [hold.trials for hold in holds(program)] == [late]


def test_a_mass_hold_that_may_proceed_stops_them_all(program: Program, clock: Shifted, cast: Cast,
                                                     adopted: Adopted) -> None:
    adopted(4)
    jump(program, clock, REPORTS_MISSING)
    program.acts.do("release_hold", cast.lin, {"proceed": True}, on=holds(program)[0].id)
    assert (tick(program).held, states(program)) == (None, ["suspended"] * 4)
    assert len(rows(program, sa.select(SUSPENSIONS.c.id))) == 4


def test_a_mass_hold_that_may_not_proceed_moves_the_deadlines_and_is_asked_again(
        program: Program, clock: Shifted, cast: Cast, adopted: Adopted) -> None:
    adopted(4)
    jump(program, clock, REPORTS_MISSING)
    program.acts.do("release_hold", cast.lin, {"proceed": False}, on=holds(program)[0].id)
    assert tick(program).waiting == 0
    assert jump(program, clock, REPORTS_MISSING + DAY).held is HoldKind.MASS
    assert (len(holds(program)), set(states(program))) == (2, {"trial"})


def test_a_person_who_let_a_mass_hold_proceed_did_not_answer_for_later_lateness(
        program: Program, clock: Shifted, cast: Cast, adopted: Adopted) -> None:
    adopted(4)
    jump(program, clock, REPORTS_MISSING)
    program.acts.do("release_hold", cast.lin, {"proceed": True}, on=holds(program)[0].id)
    later = clock() + HOUR / 2
    program.door.submit(lambda transaction: transaction.connection.execute(
        sa.update(DUES).where(DUES.c.kind == DueKind.FEEDBACK_MISSING).values(at=later)))
    clock.forward(later)
    assert (tick(program).held, set(states(program))) == (HoldKind.MASS, {"trial"})


# Its cost


@pytest.mark.only_on("sqlite")
def test_an_idle_tick_is_one_indexed_query(program: Program) -> None:
    tick(program)
    asked: list[str] = []
    with program.reading() as connection:
        raw: Any = connection.connection.driver_connection
    raw.set_trace_callback(asked.append)
    tick(program)
    raw.set_trace_callback(None)
    reading = [sql for sql in asked if sql.startswith("SELECT")]
    assert len(reading) == 1
    plan = " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {reading[0]}"))
    assert "SEARCH dues USING INDEX ix_dues_at_id" in plan

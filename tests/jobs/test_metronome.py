"""The metronome beats at once and goes on, whatever a tick or the wall clock does."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.jobs.metronome import MISSED, Metronome
from sandbox.jobs.program import Program
from sandbox.jobs.tick import Ticked

PATIENCE_S = 10


@pytest.fixture
def fast(program: Program) -> Program:
    object.__setattr__(program, "settings", program.settings.model_copy(update={"tick_seconds": 1}))
    return program


def test_it_beats_at_once_and_again_though_a_tick_fails(fast: Program) -> None:
    ticks: list[int] = []
    twice = threading.Event()

    def failing(_program: Program) -> Ticked:
        ticks.append(1)
        if len(ticks) == 2:
            twice.set()
        raise RuntimeError("this tick fails")

    metronome = Metronome(fast, failing)
    metronome.start()
    assert twice.wait(PATIENCE_S)
    metronome.stop()


def test_it_stops_when_the_tick_in_progress_has_ended(fast: Program) -> None:
    begun, ended = threading.Event(), []

    def slow(program: Program) -> Ticked:
        begun.set()
        program.door.submit(lambda _: None)
        ended.append(True)
        return Ticked(program.clock())

    metronome = Metronome(fast, slow)
    metronome.start()
    assert begun.wait(PATIENCE_S)
    metronome.stop()
    assert ended


def test_a_wall_clock_set_back_an_hour_does_not_stall_it(program: Program) -> None:
    seconds = [0.0]
    metronome = Metronome(program, elapsed=lambda: seconds[0])
    metronome._scheduler.start(paused=True)
    metronome._job.modify(next_run_time=datetime.now(UTC) + timedelta(hours=1))
    every = program.settings.tick_seconds
    seconds[0] = MISSED * every
    assert not metronome.check()
    seconds[0] += 1
    assert metronome.check()
    assert metronome._job.next_run_time <= datetime.now(UTC) + timedelta(seconds=every)
    metronome.stop()


def test_one_that_was_stopped_before_it_began_never_beats(program: Program) -> None:
    ticks: list[int] = []
    metronome = Metronome(program, lambda _: ticks.append(1) or Ticked(program.clock()))
    metronome.stop()
    metronome.start()
    assert not metronome._scheduler.running
    assert ticks == []

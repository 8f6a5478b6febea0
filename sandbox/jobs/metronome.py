"""The metronome: one job in memory that ticks every few seconds, and a watchdog that no clock can stall."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from prometheus_client import Counter

from sandbox.jobs.evidence import sweep_files
from sandbox.jobs.program import Program
from sandbox.jobs.replay import Nightly
from sandbox.jobs.steps import Steps
from sandbox.jobs.tick import Ticked, tick

TICKS = Counter("sandbox_ticks", "Ticks, by outcome: done, failed.", ["outcome"])
SWEPT_EVERY_S = 3600
MISSED = 3
"""Intervals without a beat after which the schedule is made anew."""
log = structlog.get_logger()


class Metronome:
    """Ticks a program until stopped. The scheduler goes by the wall clock: set back an hour, it would wait that hour;
    the watchdog counts by the monotonic clock."""

    def __init__(self, program: Program, ticking: Callable[[Program], Ticked] = tick,
                 elapsed: Callable[[], float] = time.monotonic) -> None:
        self._program, self._ticking, self._elapsed = program, ticking, elapsed
        self._every_s = program.settings.tick_seconds
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._job: Any = self._scheduler.add_job(self._beat, self._interval(), coalesce=True, max_instances=1,
                                                 misfire_grace_time=None)
        self._beating = threading.Lock()
        self._last = elapsed()
        self._swept: float | None = None
        self._nightly, self._steps = Nightly(program), Steps(program)
        self._stopped = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def _interval(self) -> IntervalTrigger:
        return IntervalTrigger(seconds=self._every_s, timezone="UTC")

    def start(self) -> None:
        """Beat at once and from then on, unless already told to stop."""
        if self._stopped.is_set():
            return
        self._scheduler.start()
        self._watchdog.start()

    def stop(self) -> None:
        """Let the beat in progress end; no other follows, and none begins where none has."""
        self._stopped.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        if self._watchdog.is_alive():
            self._watchdog.join()

    def _beat(self) -> None:
        if self._stopped.is_set() or not self._beating.acquire(blocking=False):
            return
        try:
            self._last = self._elapsed()
            self._steps()
            self._ticking(self._program)
            self._sweep()
            self._nightly()
            TICKS.labels("done").inc()
        except Exception:
            TICKS.labels("failed").inc()
            log.exception("tick_failed")
        finally:
            self._beating.release()

    def _sweep(self) -> None:
        """Files that no act named go at the start and every hour; at once again where some were just coming in."""
        due = self._swept is None or self._elapsed() - self._swept > SWEPT_EVERY_S
        if due and sweep_files(self._program) is not None:
            self._swept = self._elapsed()

    def _watch(self) -> None:
        self._beat()
        while not self._stopped.wait(self._every_s):
            self.check()

    def check(self) -> bool:
        """Make the schedule anew when beats are missing; returns whether they were."""
        if self._elapsed() - self._last <= MISSED * self._every_s or self._beating.locked():
            return False
        log.warning("beats_missed", seconds=round(self._elapsed() - self._last))
        self._job.reschedule(self._interval())
        return True

"""Whether the program's clock runs as time passes: a clock that was set, forward or back, is noted in the log.

The wall clock is held against one that nobody can set and that runs on while the machine sleeps. What a step means for
lateness is not decided here: the tick holds it after a gap of over an hour, or a clock that is behind its last beat.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from sandbox.acts.refusals import KeyReused
from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR

STEP = timedelta(seconds=10)
"""Less than this is drift, or the machine catching its breath between two readings."""
log = structlog.get_logger()


def passed_s() -> float:
    """Seconds that nobody can set, counted through sleep where the system knows them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Steps:
    """Looks at both clocks at every call; the first call only remembers them."""

    def __init__(self, program: Program, passed: Callable[[], float] = passed_s) -> None:
        self._program, self._passed = program, passed
        self._seen: tuple[datetime, float] | None = None

    def __call__(self) -> timedelta | None:
        """Note a step in the log where there was one since the last call; returns it."""
        now, passed = self._program.clock(), self._passed()
        seen, self._seen = self._seen, (now, passed)
        if seen is None:
            return None
        expected = seen[0] + timedelta(seconds=passed - seen[1])
        if abs(now - expected) < STEP:
            return None
        self._note(expected, now)
        return now - expected

    def _note(self, expected: datetime, now: datetime) -> None:
        """Once for two processes that see it within the same minute."""
        log.warning("clock_stepped", expected=expected.isoformat(), now=now.isoformat())
        with suppress(KeyReused):
            self._program.acts.do("note_step", SYSTEM_ACTOR, {"expected": expected, "found": now},
                                  key=f"step {expected:%Y-%m-%dT%H:%M} {now:%Y-%m-%dT%H:%M}")

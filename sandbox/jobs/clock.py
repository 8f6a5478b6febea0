"""A clock that can be moved forward, for tests and demonstrations: a program that is walked meets every hour."""

import threading
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Clock
from sandbox.acts.refusals import Refused
from sandbox.jobs.outbox import deliver
from sandbox.jobs.program import Program
from sandbox.jobs.tick import Ticked, tick
from sandbox.store.dues import PULSE
from sandbox.store.fields import Fields
from sandbox.store.types import Time

STEP = timedelta(minutes=50)
"""Under an hour with room for the tick itself: a longer step would count as a gap (see `tick`)."""


class Shifted:
    """The time of another clock plus an offset that only grows. Safe to call from any number of threads."""

    def __init__(self, source: Clock, start: datetime | None = None) -> None:
        self._source = source
        self._offset = start - source() if start else timedelta(0)
        self._moving = threading.Lock()

    def __call__(self) -> datetime:
        return self._source() + self._offset

    def forward(self, now: datetime) -> None:
        """Make it `now`; an instant already passed changes nothing."""
        with self._moving:
            self._offset += max(now - self(), timedelta(0))


    def resume(self, program: Program) -> None:
        """Go on from the program's last beat, so that a restart does not throw a walked program back."""
        with program.reading() as connection:
            last = connection.execute(sa.select(PULSE.c.at)).scalar()
        if last:
            self.forward(last)


class ClockMove(Fields):
    """Where to move the clock."""

    now: Time


def walk_to(program: Program, clock: Shifted, given: Any) -> dict[str, Any]:
    """Walk to the time of a request's body; says where the clock stands and what the ticks on the way did.

    Raises pydantic's ValidationError, and Refused for a time that has passed."""
    until = ClockMove.model_validate(given).now
    if until < clock():
        raise Refused("clock_back")
    ticked = walk(program, clock, until)
    return {"now": clock().isoformat(), "done": sum(one.done for one in ticked),
            "failed": sum(one.failed for one in ticked), "held": [one.held.value for one in ticked if one.held]}


def walk(program: Program, clock: Shifted, until: datetime) -> list[Ticked]:
    """Move the clock to `until`, ticking at least once in every hour passed; returns the ticks that did something."""
    eventful = []
    while clock() < until:
        clock.forward(min(clock() + STEP, until))
        ticked = tick(program)
        deliver(program)
        if ticked.eventful:
            eventful.append(ticked)
    return eventful

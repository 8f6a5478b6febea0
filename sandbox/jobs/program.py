"""The program that runs: database, door, acts and clock, opened once per process and closed at its end."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import local
from typing import IO

import sqlalchemy as sa

import sandbox.acts.aliases
import sandbox.acts.allegations
import sandbox.acts.annual
import sandbox.acts.batches
import sandbox.acts.channels
import sandbox.acts.citations
import sandbox.acts.clock
import sandbox.acts.clocks
import sandbox.acts.corrections
import sandbox.acts.corrective
import sandbox.acts.decisions
import sandbox.acts.duty
import sandbox.acts.feedback
import sandbox.acts.fees
import sandbox.acts.files
import sandbox.acts.guidance
import sandbox.acts.held
import sandbox.acts.incidents
import sandbox.acts.keys
import sandbox.acts.no_use
import sandbox.acts.panel
import sandbox.acts.recusals
import sandbox.acts.registers
import sandbox.acts.replays
import sandbox.acts.retractions
import sandbox.acts.reviews
import sandbox.acts.scenarios
import sandbox.acts.trials
import sandbox.acts.withdrawals  # noqa: F401 importing an act's file enters it into ACTS
from sandbox.acts.act import Acts, Clock
from sandbox.jobs.counted import CountedActs
from sandbox.jobs.presence import enter
from sandbox.store.door import Door
from sandbox.store.engine import database_url, make_engine
from sandbox.store.settings import Settings

TURN_S = 0.001
"""A thread that computes lets others go on after this long, instead of five milliseconds: a single filing waits so long
for a batch beside it at each of its own steps."""


@dataclass(frozen=True)
class Program:
    """Everything a page, a job or a command needs. The database is already at the newest schema."""

    settings: Settings
    clock: Clock
    readers: sa.Engine
    writer: sa.Engine
    door: Door
    acts: Acts
    _seen: IO[str]
    _open: local = field(default_factory=local, repr=False, compare=False)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection that sees one snapshot and cannot write. Inside another reading of the same thread it is that
        one: a thread that held one connection and waited for a second could wait for ever."""
        held = getattr(self._open, "connection", None)
        if held is not None:
            yield held
            return
        with self.readers.connect() as connection, connection.begin():
            self._open.connection = connection
            try:
                yield connection
            finally:
                self._open.connection = None

    @contextmanager
    def glancing(self) -> Iterator[sa.Connection]:
        """A connection for one compiled statement, which is a snapshot by itself: half the cost of `reading`."""
        held = getattr(self._open, "connection", None)
        if held is not None:
            yield held
            return
        with self.readers.connect() as connection:
            yield connection

    def close(self) -> None:
        """Answer everything accepted, then let go of the database."""
        self.door.close()
        self.readers.dispose()
        self.writer.dispose()
        self._seen.close()


def open_program(settings: Settings, clock: Clock) -> Program:
    """Open the database at the settings' address; its schema must be current (`migrate`). Raises InUse."""
    seen = enter(settings.data)
    url = database_url(settings.data, settings.database_url)
    writer, readers = make_engine(url, writing=True), make_engine(url, writing=False)
    door = Door(writer)
    return Program(settings, clock, readers, writer, door, CountedActs(door, clock, settings.place), seen)


def settle() -> None:
    """In a process that stays: what its start made, it keeps. Looking for garbage in all of that took a tenth of a
    second each time, in the middle of somebody's request; and a slice of an export alone makes 15,000 rows."""
    sys.setswitchinterval(TURN_S)
    gc.enable()
    gc.freeze()
    gc.set_threshold(20_000)

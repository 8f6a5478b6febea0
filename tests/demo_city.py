"""The demo city, told once for a whole file of tests, and a program that stands at its last day."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from conftest import still
from databases import make_tables, settings_in

from sandbox.jobs.demo.city import load
from sandbox.jobs.program import Program, open_program
from sandbox.reads.accounts import actor_by_token
from sandbox.rules.access import Actor
from sandbox.store.verification import verify

TODAY = datetime.fromisoformat("2026-11-23T18:20:00+08:00")


@dataclass(frozen=True)
class Told:
    """What `load` returned, how long it took, and the program on what it made."""

    result: dict[str, Any]
    seconds: float
    """Of CPU."""
    program: Program

    def actor(self, *token: str | int) -> Actor:
        """The bearer of a token by its place in `tokens`."""
        secret = self.result["tokens"]
        for step in token:
            secret = secret[step]
        with self.program.reading() as connection:
            found = actor_by_token(connection, secret, self.program.clock())
        assert found is not None
        return found


@contextmanager
def told_in(folder: Path) -> Iterator[Told]:
    """Tell the city in a folder; in the end its log must be whole."""
    settings = settings_in(folder)
    make_tables(settings)
    begun = time.process_time()
    result = load(settings, TODAY)
    seconds = time.process_time() - begun
    program = open_program(settings, still(lambda: TODAY))
    try:
        yield Told(result, seconds, program)
        with program.reading() as connection:
            assert verify(connection).problems == ()
    finally:
        program.close()

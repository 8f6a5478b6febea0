"""A trial that was applied for, admitted and runs for a month, walked once and copied for each test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from conftest import running, still
from databases import Stencil, make_tables
from world import World, world_in

from sandbox.jobs.clock import Shifted
from sandbox.jobs.demo.city import Inside
from sandbox.jobs.demo.people import People
from sandbox.jobs.demo.walks import Walk
from sandbox.jobs.program import Program, open_program
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

DAYS = 32
"""Its first review was held on day 30."""


@dataclass(frozen=True)
class Told:
    """What a walk knows, without the program that it was walked in."""

    people: People
    scenario: str
    walk: dict[str, Any]
    at: datetime


def tell(settings: Settings) -> Told:
    """Walk the trial in an empty database."""
    make_tables(settings)
    clock = still()
    program = open_program(settings, clock)
    try:
        with world_in(program, clock) as world:
            one = world.walk()
            world.go(one.started())
            world.go(one.runs(DAYS))
            kept = {name: value for name, value in vars(one).items() if name != "hand"}
            with program.reading() as connection:
                assert verify(connection).problems == ()
            return Told(world.hand.people, world.scenario, kept, clock())
    finally:
        program.close()


def taken_up(program: Program, clock: Shifted, told: Told) -> tuple[World, Walk]:
    """The walk goes on in this program, whose database is a copy."""
    clock.forward(told.at)
    world = World(program, clock, Inside(program, told.people, program.settings.zone), told.scenario)
    one = world.walk()
    vars(one).update(told.walk)
    return world, one


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Stencil:
    """The trial after its first month."""
    return Stencil(tmp_path_factory.mktemp("month"), tell)


@pytest.fixture(name="walked")
def a_copy(month: Stencil, database: Callable[[Stencil], Settings], clock: Shifted) -> Iterator[tuple[World, Walk]]:
    """A copy of it, and the world it is in."""
    settings = database(month)
    for program in running(settings, clock):
        yield taken_up(program, clock, month.filled["postgresql" if settings.database_url else "sqlite"])

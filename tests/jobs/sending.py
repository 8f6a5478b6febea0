"""A program whose channels lead to servers of the test, and what it has sent there."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START
from conftest import running
from databases import Stencil
from loopback import Servers, all_served

from sandbox.acts.act import Act, Clock
from sandbox.acts.schedule import notify
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Relation
from sandbox.store.channels import DELIVERIES
from sandbox.store.settings import Settings

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RUI = "rui@people.example"
Adopted = Callable[..., list[str]]
numbers = itertools.count()


@pytest.fixture(name="servers")
def all_servers() -> Iterator[Servers]:
    with all_served() as found:
        yield found


@pytest.fixture(name="program")
def sending_program(filled: Stencil, database: Callable[[Stencil], Settings], clock: Shifted,
            servers: Servers) -> Iterator[Program]:
    """A program whose channels lead to the servers."""
    yield from running(database(filled).model_copy(update=servers.settings()), clock)


def variant(program: Program, clock: Clock | None = None, **settings: Any) -> Program:
    """The same program with other settings, or at another clock."""
    changed = program.settings.model_copy(update=settings)
    return replace(program, settings=changed, clock=clock or program.clock)


def note(program: Program, kind: str = "try_channels", trial: str | None = None, **more: Any) -> None:
    """A notice, as an act would leave it in its transaction."""
    def job(transaction: Any) -> None:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR, Relation.SYSTEM)
        if trial:
            act.hold_trial(trial)
        notify(act, kind, **{"dedupe": str(next(numbers)), **more})

    program.door.submit(job)


def rows(program: Program, *columns: Any) -> list[Any]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(*columns).order_by(DELIVERIES.c.id)).all())


def states(program: Program) -> list[str]:
    return [row.state for row in rows(program, DELIVERIES.c.state)]


def set_up(program: Program, who: Actor, **given: Any) -> Any:
    return program.acts.do("set_channels", who, given)


def at(hour: int, day: int = 0) -> datetime:
    """That hour in Shanghai, so many days after START (a Monday)."""
    return START.replace(hour=0, minute=0) + day * DAY + (hour - 8) * HOUR

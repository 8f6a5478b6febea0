"""Two processes tick on one database and are killed again and again in the middle of it: every review that is due opens
exactly once. The full proof: `.venv/bin/python -m pytest -m long tests/faults`.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen
from time import monotonic

import pytest
import sqlalchemy as sa
from cast import adopt, enter_cast
from processes import (
    free_port,
    kill_group,
    pause,
    run,
    seconds_until_closed,
    started,
)

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.store.dues import DUES, DueKind
from sandbox.store.log import LOG
from sandbox.store.reviews import REVIEWS
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

LONGEST_S = 300
DUE_FOR = timedelta(days=25)
"""Adopted so long ago, a trial of tier R3 has its first review open for two days."""


def indebted(settings: Settings, reviews: int) -> Program:
    """A city that adopted its pilots and then was not looked at until their reviews were due."""
    prepare(settings)
    program = open_program(settings, Shifted(lambda: datetime.now(UTC), datetime.now(UTC) - DUE_FOR))
    adopt(program, enter_cast(program), reviews)
    return program


def opened(program: Program) -> int:
    with program.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(
            REVIEWS.c.kind == "periodic", REVIEWS.c.opened_at.is_not(None))).scalar_one())


def owed(program: Program) -> int:
    with program.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(
            DUES.c.kind == DueKind.OPEN_REVIEW, DUES.c.at <= datetime.now(UTC))).scalar_one())


def wait_for(program: Program, goal: int) -> None:
    """Until so many reviews are open."""
    since = monotonic()
    while opened(program) < goal:
        assert monotonic() - since < LONGEST_S, f"{opened(program)} of {goal} opened"
        pause(0.001)


def survive(program: Program, reviews: int, kills: int, start: Callable[[ExitStack], list[Popen[str]]]) -> int:
    """Start two processes, kill both when some more reviews are open, start again; at last let them finish. Returns how
    many kills left work undone: a busy machine may let a tick run to its end before it is seen to have begun."""
    interrupted = 0
    for left in range(kills, -1, -1):
        with ExitStack() as stack:
            processes = start(stack)
            wait_for(program, opened(program) + -(-(reviews - opened(program)) // (left + 1)))
            for process in processes:
                kill_group(process)
        interrupted += owed(program) > 0
    return interrupted


def check_exactly_once(program: Program, reviews: int) -> None:
    """By the rows, by the log's entries, and the log itself."""
    assert (opened(program), owed(program)) == (reviews, 0)
    with program.reading() as connection:
        entries = connection.execute(sa.select(LOG.c.trial_id, sa.func.count()).where(
            LOG.c.act == DueKind.OPEN_REVIEW.value).group_by(LOG.c.trial_id)).all()
        assert [count for _, count in entries] == [1] * reviews
        assert verify(connection).problems == ()


@pytest.fixture
def city(tmp_path: Path) -> Iterator[Callable[[int, str | None], Program]]:
    programs = []

    def made(reviews: int, url: str | None = None) -> Program:
        programs.append(indebted(Settings(data=tmp_path, database_url=url), reviews))
        return programs[0]

    yield made
    programs[0].close()


def workers(folder: Path, **settings: str) -> Callable[[ExitStack], list[Popen[str]]]:
    """Two processes that tick without the web."""
    return lambda stack: [stack.enter_context(started(folder, "worker", SANDBOX_TICK_SECONDS="1", **settings))
                          for _ in range(2)]


def test_reviews_open_exactly_once_though_two_workers_are_killed_in_mid_tick(
        city: Callable[..., Program], tmp_path: Path) -> None:
    program = city(30)
    assert survive(program, 30, 3, workers(tmp_path)) >= 1
    check_exactly_once(program, 30)
    assert run(tmp_path, "verify").returncode == 0


@pytest.mark.long
def test_400_of_400_reviews_open_exactly_once_though_two_servers_are_killed_in_mid_tick(
        city: Callable[..., Program], tmp_path: Path) -> None:
    program, ports = city(400), (free_port(), free_port())

    def servers(stack: ExitStack) -> list[Popen[str]]:
        for port in ports:
            assert seconds_until_closed(port) < 1
        return [stack.enter_context(started(tmp_path, "--port", str(port), SANDBOX_TICK_SECONDS="1"))
                for port in ports]

    assert survive(program, 400, 20, servers) >= 15
    check_exactly_once(program, 400)


@pytest.mark.long
def test_400_of_400_reviews_open_exactly_once_on_postgresql(
        city: Callable[..., Program], tmp_path: Path, postgres: Callable[[], str]) -> None:
    url = postgres()
    program = city(400, url)
    assert survive(program, 400, 20, workers(tmp_path, SANDBOX_DATABASE_URL=url)) >= 15
    check_exactly_once(program, 400)

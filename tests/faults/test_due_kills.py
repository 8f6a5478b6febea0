"""Six thousand dues of six kinds under two workers that are killed a hundred times: none is missed, none done twice.

`nice -n 5 .venv/bin/python -m pytest -n 0 -s -m long tests/faults/test_due_kills.py` prints the figures."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa
from cast import adopt, enter_cast
from processes import kill_group, pause, started

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.store.dues import DUES, HOLDS, LATENESS, NOTICES, DueKind
from sandbox.store.log import LOG
from sandbox.store.reviews import REVIEWS
from sandbox.store.settings import Settings
from sandbox.store.trials import TRIALS
from sandbox.store.verification import verify

DUE_FOR = timedelta(days=25)
"""Adopted so long ago and then not looked at, a trial of tier R3 owes six things: its review opens, is reminded of,
its report is late, and is reminded of, and so are the test of its kill switch and the panel that it lacks."""
KINDS = {DueKind.OPEN_REVIEW, DueKind.REMIND_REVIEW, DueKind.FEEDBACK_LATE, DueKind.REMIND_FEEDBACK,
         DueKind.REMIND_KILL_SWITCH, DueKind.REMIND_CLOCK}
AT_ONCE = 250
LONGEST_S = 300


def indebted(settings: Settings, trials: int) -> Program:
    """A city whose clock was slow while it adopted its pilots, and is right from here on."""
    prepare(settings)
    slow = open_program(settings, Shifted(lambda: datetime.now(UTC), datetime.now(UTC) - DUE_FOR))
    cast = enter_cast(slow)
    for _ in range(trials // AT_ONCE or 1):
        adopt(slow, cast, min(trials, AT_ONCE))
    slow.close()
    return open_program(settings, lambda: datetime.now(UTC))


def scalar(program: Program, query: Any) -> int:
    with program.reading() as connection:
        return int(connection.execute(query).scalar_one())


def left(program: Program) -> int:
    """Dues that have come due; lateness waits for a person, because it is too much at once."""
    return scalar(program, sa.select(sa.func.count()).where(DUES.c.at <= program.clock(), DUES.c.kind.not_in(LATENESS)))


def owed(program: Program) -> Counter[tuple[str, str]]:
    with program.reading() as connection:
        return Counter((row.kind, row.object_id) for row in connection.execute(sa.select(
            DUES.c.kind, DUES.c.object_id).where(DUES.c.at <= program.clock(), DUES.c.kind.not_in(LATENESS))))


def done(program: Program) -> Counter[tuple[str, str]]:
    """By the log: which dues were done, and how often."""
    with program.reading() as connection:
        return Counter((row.act, json.loads(row.leaf)["object"]) for row in connection.execute(sa.select(
            LOG.c.act, LOG.c.leaf).where(LOG.c.act.in_(KINDS))))


def survive(program: Program, folder: Path, kills: int, **settings: str) -> int:
    """Start two workers, kill both when some more dues are done, start again; at last let them finish. Returns how many
    kills left work undone."""
    interrupted = 0
    for round_ in range(kills, -1, -1):
        goal = left(program) * round_ // (round_ + 1)
        with ExitStack() as stack:
            workers = [stack.enter_context(started(folder, "worker", SANDBOX_TICK_SECONDS="1", **settings))
                       for _ in range(2)]
            since = monotonic()
            while left(program) > goal:
                assert monotonic() - since < LONGEST_S, f"{left(program)} are left"
                pause(0.01)
            for worker in workers:
                kill_group(worker)
        interrupted += left(program) > 0
    return interrupted


def check(program: Program, trials: int, before: Counter[tuple[str, str]]) -> None:
    """By the log, by what was done, and by what is left."""
    assert done(program) == before, "each once, and nothing else"
    reviews = sa.select(sa.func.count()).where(REVIEWS.c.opened_at.is_not(None))
    assert scalar(program, reviews.where(REVIEWS.c.kind == "periodic")) == trials
    assert scalar(program, reviews.where(REVIEWS.c.kind == "yellow")) == trials
    late = sa.select(sa.func.count()).where(NOTICES.c.kind == "feedback_late")
    assert scalar(program, late) == 2 * trials
    assert scalar(program, sa.select(sa.func.count()).where(DUES.c.attempts > 0)) == 0
    assert scalar(program, sa.select(sa.func.count()).where(TRIALS.c.state == "trial")) == trials
    assert scalar(program, sa.select(sa.func.count()).select_from(HOLDS)) == 1
    with program.reading() as connection:
        assert verify(connection).problems == ()


@pytest.fixture(params=("sqlite", "postgresql"))
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path,
                    database_url=request.getfixturevalue("postgres")() if request.param == "postgresql" else None)


@pytest.fixture
def city(settings: Settings, trials: int) -> Iterator[Program]:
    program = indebted(settings, trials)
    yield program
    program.close()


@pytest.mark.long
@pytest.mark.parametrize(("trials", "kills"), [(1000, 100)])
def test_6000_dues_are_done_exactly_once_though_two_workers_are_killed_100_times(
        city: Program, settings: Settings, trials: int, kills: int) -> None:
    before, begun = owed(city), monotonic()
    assert before == Counter(set(before)) and {kind for kind, _ in before} == KINDS
    assert len(before) == len(KINDS) * trials
    more = {"SANDBOX_DATABASE_URL": settings.database_url} if settings.database_url else {}
    interrupted = survive(city, settings.data, kills, **more)
    print(f"{len(before)} dues, {2 * kills} processes killed in {kills} rounds, {interrupted} of them with work left; "
          f"{monotonic() - begun:.0f} s")
    assert interrupted >= 3 * kills // 4  # a quick tick may do more than its share before it is seen
    check(city, trials, before)

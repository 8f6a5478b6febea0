"""The link to PostgreSQL is cut under load, again and again: callers are told to repeat, and what they repeat with the
same key is kept once. The full proof: `.venv/bin/python -m pytest -m long tests/faults/test_link_cuts.py`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt
from databases import Postgres, name_of
from processes import pause

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.store.door import Busy, Unknown
from sandbox.store.feedback import FEEDBACK
from sandbox.store.log import LOG

CALLERS, RECOVERY_S = 4, 5.0
MINUTE = timedelta(minutes=1)


@dataclass
class Load:
    """Callers that file for a trial each, one report after the other, and repeat what was not acknowledged."""

    program: Program
    cast: Cast
    trials: list[str]
    answers: dict[str, str] = field(default_factory=dict)
    repeated: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def file(self, trial: str, place: int) -> str:
        start = START + place * MINUTE
        given = {"period_start": start.isoformat(), "period_end": (start + MINUTE).isoformat(), "exposures": 1}
        done: Any = self.program.acts.do("file_feedback", self.cast.fang, given, on=trial, key=f"{trial}:{place}")
        return str(done.model_dump_json())

    def go_on(self, trial: str) -> None:
        place = 0
        while not self.ended.is_set():
            try:
                self.answers[f"{trial}:{place}"] = self.file(trial, place)
                place += 1
            except (Busy, Unknown):
                self.repeated += 1


@contextmanager
def under(load: Load) -> Iterator[None]:
    callers = [threading.Thread(target=load.go_on, args=(trial,)) for trial in load.trials]
    for caller in callers:
        caller.start()
    try:
        yield
    finally:
        load.ended.set()
        for caller in callers:
            caller.join()


def cut(server: Postgres, program: Program) -> int:
    """End every session on the program's database; how many there were."""
    ended = server.session.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s",
        [name_of(str(program.settings.database_url))]).fetchone()
    return int(ended[0]) if ended else 0


def wait_until(what: Any) -> float:
    since = monotonic()
    while not what():
        assert monotonic() - since < 60
        pause(0.001)
    return monotonic() - since


def survive(load: Load, server: Postgres, cuts: int) -> list[float]:
    """Cut so often under load; how long it took each time until a new filing was acknowledged and a page read."""
    recoveries = []
    with under(load):
        for _ in range(cuts):
            before = len(load.answers)
            wait_until(lambda before=before: len(load.answers) > before + CALLERS)
            assert cut(server, load.program) > 0
            since, at_cut = monotonic(), len(load.answers)
            wait_until(lambda at_cut=at_cut: len(load.answers) > at_cut + CALLERS)
            with load.program.reading() as connection:
                connection.execute(sa.select(FEEDBACK.c.id).limit(1)).all()
            recoveries.append(monotonic() - since)
    return recoveries


def check(load: Load) -> None:
    """Acknowledged = rows = log entries, each once; the same key gets the same answer."""
    with load.program.reading() as connection:
        rows = [f"{row.trial_id}:{round((row.period_start - START) / MINUTE)}"
                for row in connection.execute(sa.select(FEEDBACK.c.trial_id, FEEDBACK.c.period_start))]
        entries = connection.execute(sa.select(sa.func.count()).where(LOG.c.act == "file_feedback")).scalar_one()
    assert sorted(rows) == sorted(load.answers)
    assert entries == len(rows)
    for key, answer in load.answers.items():
        trial, place = key.split(":")
        assert load.file(trial, int(place)) == answer


@pytest.mark.only_on("postgresql")
@pytest.mark.parametrize("cuts", [4, pytest.param(20, marks=pytest.mark.long)])
def test_nothing_is_lost_or_doubled_though_the_link_is_cut(
        program: Program, cast: Cast, clock: Shifted, postgres: Postgres, cuts: int) -> None:
    trials = adopt(program, cast, CALLERS)
    clock.forward(START + timedelta(days=5))
    load = Load(program, cast, trials)
    recoveries = survive(load, postgres, cuts)
    assert load.repeated > 0
    check(load)
    assert max(recoveries) <= RECOVERY_S

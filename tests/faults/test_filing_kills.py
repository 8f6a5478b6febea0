"""A server is killed again and again while four clients file through the API: what was acknowledged is there, once,
and the same key gets the same answer. The full proof, 100 kills on each database:
`.venv/bin/python -m pytest -m long tests/faults/test_filing_kills.py`.
"""

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import sqlalchemy as sa
from cast import adopt, enter_cast
from processes import (
    PATIENCE_S,
    free_port,
    kill_group,
    pause,
    seconds_until_answered,
    seconds_until_closed,
    started,
)

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import open_program
from sandbox.jobs.schema import prepare
from sandbox.store.engine import database_url, make_engine
from sandbox.store.feedback import FEEDBACK
from sandbox.store.log import LOG
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

CLIENTS = 4
BETWEEN = 12
"""Filings acknowledged between a start and the next kill."""
LONG_AGO = timedelta(days=5)


@dataclass
class Clients:
    """Four who each file for a trial of their own, minute after minute, and repeat with the same key until answered."""

    port: int
    token: str
    trials: list[str]
    since: datetime
    answers: dict[str, bytes] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    unanswered: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def body(self, place: int) -> str:
        start = self.since + timedelta(minutes=place)
        return json.dumps({"period_start": start.isoformat(), "exposures": 1,
                           "period_end": (start + timedelta(minutes=1)).isoformat()})

    def file(self, connection: http.client.HTTPConnection, trial: str, place: int) -> bytes | None:
        """The answer; None when the server said to repeat."""
        connection.request("POST", f"/api/v1/trials/{trial}/feedback", self.body(place), {
            "Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
            "Idempotency-Key": f"{trial}:{place}"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status in (201, 503), (answer.status, body)
        return body if answer.status == 201 else None

    def go_on(self, trial: str) -> None:
        place, connection = 0, self.connect()
        while not self.ended.is_set():
            try:
                answer = self.file(connection, trial, place)
            except (OSError, http.client.HTTPException):
                self.unanswered += 1
                connection = self.connect()
                pause(0.01)
                continue
            if answer is not None:
                self.answers[f"{trial}:{place}"] = answer
                place += 1

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def replay(self) -> None:
        """Send every filing again: each answer must be the one it had."""
        connection = self.connect()
        for key, answer in self.answers.items():
            trial, place = key.split(":")
            if self.file(connection, trial, int(place)) != answer:
                self.changed.append(key)

    @contextmanager
    def filing(self) -> Iterator[None]:
        """While they file; whatever happens, they come to an end."""
        self.threads = [threading.Thread(target=self.go_on, args=(trial,), daemon=True) for trial in self.trials]
        for thread in self.threads:
            thread.start()
        try:
            yield
        finally:
            self.ended.set()

    def stop(self) -> None:
        """Each has its last answer; the server must be there."""
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def wait_for(self, number: int) -> None:
        since = monotonic()
        while len(self.answers) < number:
            assert monotonic() - since < PATIENCE_S, "nothing is acknowledged any more"
            pause(0.001)


def city(settings: Settings, port: int) -> Clients:
    """Four pilots adopted some days ago, and a token of their firm."""
    prepare(settings)
    then = datetime.now(UTC) - LONG_AGO
    program = open_program(settings, Shifted(lambda: datetime.now(UTC), then))
    cast = enter_cast(program)
    trials = adopt(program, cast, CLIENTS)
    issued: Any = program.acts.do("issue_token", cast.fang, {"name": "load", "scopes": ["file"], "days": 90})
    program.close()
    return Clients(port, issued.secret, trials, then.replace(second=0, microsecond=0))


def kept_once(settings: Settings, clients: Clients) -> tuple[int, int]:
    """How many acknowledged filings are missing, and how many rows are more than there should be; the log agrees."""
    engine = make_engine(database_url(settings.data, settings.database_url), writing=False)
    with engine.connect() as connection:
        ids = set(connection.execute(sa.select(FEEDBACK.c.id)).scalars())
        rows = connection.execute(sa.select(sa.func.count()).select_from(FEEDBACK)).scalar_one()
        entries = connection.execute(sa.select(sa.func.count()).where(LOG.c.act == "file_feedback")).scalar_one()
        assert verify(connection).problems == ()
    engine.dispose()
    assert entries == rows
    acknowledged = {json.loads(answer)["id"] for answer in clients.answers.values()}
    return len(acknowledged - ids), rows - len(clients.answers)


def survive(settings: Settings, clients: Clients, kills: int) -> None:
    """Start, let some filings through, kill the whole group, see its port closed; at last let all finish and replay."""
    more = {"SANDBOX_DATABASE_URL": settings.database_url} if settings.database_url else {}

    def serving() -> Any:
        assert seconds_until_closed(clients.port) < 1
        return started(settings.data, "--port", str(clients.port), **more)

    with clients.filing():
        for place in range(kills):
            with serving() as server:
                seconds_until_answered(clients.port, server)
                clients.wait_for(len(clients.answers) + BETWEEN + place % 7)
                kill_group(server)
        with serving() as server:
            seconds_until_answered(clients.port, server)
            clients.wait_for(len(clients.answers) + BETWEEN)
            clients.stop()
            clients.replay()


@pytest.mark.parametrize(("kind", "kills"), [
    ("sqlite", 2), pytest.param("sqlite", 100, marks=pytest.mark.long),
    pytest.param("postgresql", 100, marks=pytest.mark.long)])
def test_no_acknowledged_filing_is_lost_doubled_or_changed_by_kills(
        tmp_path: Path, request: pytest.FixtureRequest, kind: str, kills: int) -> None:
    url: Callable[[], str] = request.getfixturevalue("postgres") if kind == "postgresql" else lambda: None
    settings = Settings(data=tmp_path, database_url=url())
    clients = city(settings, free_port())
    survive(settings, clients, kills)
    lost, doubled = kept_once(settings, clients)
    print(f"{kills} kills, {kind}: {len(clients.answers)} acknowledged, {clients.unanswered} cut off; "
          f"lost {lost}, doubled {doubled}, changed {len(clients.changed)}")
    assert (lost, doubled, clients.changed) == (0, 0, [])
    assert clients.unanswered >= kills

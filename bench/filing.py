"""One filing over HTTP against a bare Flask echo of the same body, on the same server and as many threads.

Ours arrives with a token, is narrowed and permitted, validated, counted against caps and limits, assessed, logged, and
is on the disk before it is answered. The callers are one process that costs both the same.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

from bench.city import City, city, settings_in
from bench.claim import Claim, Run, median_ratio, percentile, scratch
from bench.served import HOUSE, Served, free_port, serving
from sandbox.store.answers import ANSWERS
from sandbox.store.engine import database_url, make_engine
from sandbox.store.feedback import FEEDBACK
from sandbox.store.log import LOG
from sandbox.store.trials import COUNTERS, TRIALS
from sandbox.store.verification import verify

CALLERS = (1, 64)
THREADS = 64
AGO = timedelta(days=4)


@dataclass
class Way:
    """One server with its callers' plan, and what came of each round."""

    server: Served
    plan: dict[str, Any]
    rates: dict[int, list[float]] = field(default_factory=dict)
    cpu_us: dict[int, list[float]] = field(default_factory=dict)
    p99_ms: dict[int, list[float]] = field(default_factory=dict)

    def round(self, callers: int, seconds: float) -> None:
        """So many callers for this long."""
        before = self.server.cpu_s()
        plan = json.dumps({**self.plan, "callers": callers, "seconds": seconds})
        told = subprocess.run([sys.executable, "-m", "bench.caller", plan], cwd=HOUSE, check=True, capture_output=True)
        came: dict[str, Any] = json.loads(told.stdout)
        assert came["refused"] == 0, f"{came['refused']} of {came['done']} were refused"
        self.plan["trials"] = came["next"]
        self.rates.setdefault(callers, []).append(came["done"] / came["took"])
        self.cpu_us.setdefault(callers, []).append((self.server.cpu_s() - before) / came["done"] * 1e6)
        self.p99_ms.setdefault(callers, []).append(percentile(came["waits"], 0.99) * 1000)


def claims(run: Run) -> list[Claim]:
    """Measure both in turn, and then look whether every accepted filing is there."""
    with scratch() as folder, run.database() as url:
        plan = founded(Path(folder), url)
        with _ours(Path(folder), url, plan) as ours, _echo(plan) as echo:
            for callers in CALLERS:
                for way in (ours, echo):  # the first requests of a server are slow, whoever it is
                    way.round(callers, min(run.seconds, 1.0))
                    way.rates.clear()
                    way.cpu_us.clear()
                    way.p99_ms.clear()
            for _ in range(run.rounds):
                for callers in CALLERS:
                    ours.round(callers, run.seconds)
                    echo.round(callers, run.seconds)
        check(Path(folder), url, ours.plan["trials"])
    return [claim for callers in CALLERS for claim in _figures(callers, ours, echo, url)]


def founded(folder: Path, url: str | None) -> dict[str, Any]:
    """A city with a trial for each caller, and the callers' plan."""
    now = datetime.now(UTC).replace(microsecond=0)
    with city(folder, max(CALLERS), url, founded=now - AGO, now=now) as of:
        return {"token": _token(of), "since": (now - AGO).isoformat(), "trials": dict.fromkeys(of.trials, 0)}


def _token(of: City) -> str:
    return str(of.program.acts.do("issue_token", of.firm, {"name": "bench", "scopes": ["file"], "days": 90}).secret)


@contextmanager
def _ours(folder: Path, url: str | None, plan: dict[str, Any]) -> Iterator[Way]:
    port = free_port()
    more = {"SANDBOX_DATABASE_URL": url} if url else {}
    with serving("app.py", "--port", str(port), "--threads", str(THREADS), port=port, path="/healthz",
                 SANDBOX_DATA=str(folder), **more) as server:
        yield Way(server, {**plan, "port": port, "path": "/api/v1/trials/{trial}/feedback"})


@contextmanager
def _echo(plan: dict[str, Any]) -> Iterator[Way]:
    port = free_port()
    with serving("-m", "bench.echo", str(port), str(THREADS), port=port, path="/echo") as server:
        yield Way(server, {**plan, "port": port, "path": "/echo"})


def _figures(callers: int, ours: Way, echo: Way, url: str | None) -> Iterator[Claim]:
    pairs = list(zip(ours.rates[callers], echo.rates[callers], strict=True))
    dear = list(zip(ours.cpu_us[callers], echo.cpu_us[callers], strict=True))
    who = f"{callers} callers" if callers > 1 else "one caller"
    yield Claim(f"filing over HTTP against a bare echo, {who}", median(ours.rates[callers]),
                median(echo.rates[callers]), median_ratio(pairs), 0.1 if url else 1 / 3 if callers > 1 else 0.25, "/s")
    if url is None:
        yield Claim(f"server CPU of a filing against an echo, {who}", median(ours.cpu_us[callers]),
                    median(echo.cpu_us[callers]), median_ratio(dear), 3.0, "us", at_most=True)
    if callers > 1:
        p99 = median(ours.p99_ms[callers])
        yield Claim(f"filing over HTTP, p99, {who}", p99, None, p99, 100.0, "ms", at_most=True)


def check(folder: Path, url: str | None, accepted: dict[str, int]) -> None:
    """Accepted = rows = counters = entries = answers, and the log verifies."""
    settings = settings_in(folder, url)
    engine = make_engine(database_url(settings.data, url), writing=False)
    with engine.connect() as connection:
        def one(query: Any) -> Any:
            return connection.execute(query).scalar_one()

        total = sum(accepted.values())
        counted = (one(sa.select(sa.func.count()).select_from(FEEDBACK)), one(sa.select(sa.func.sum(TRIALS.c.reports))),
                   one(sa.select(sa.func.count()).where(LOG.c.act == "file_feedback")),
                   one(sa.select(sa.func.count()).where(ANSWERS.c.act == "file_feedback")),
                   one(sa.select(sa.func.sum(COUNTERS.c.exposures)).where(COUNTERS.c.indicator == "harm_any")) / 250)
        assert counted == (total,) * 5, (total, counted)
        assert verify(connection).problems == ()
    engine.dispose()

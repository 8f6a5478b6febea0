"""A batch over HTTP against the bare inserting of as many rows into the same table, and single filings beside it.

Ours arrives as NDJSON with one bad line in its middle, is spooled, read, compared with what is there, sealed line by
line, counted and assessed, and answered line by line; the bare way has its rows ready and inserts them at once.
"""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

from bench.city import city, report_of, settings_in
from bench.claim import Claim, Run, median_ratio, percentile, scratch
from bench.served import HOUSE, Served, free_port, serving
from sandbox.store.batches import blank_report, insert_reports
from sandbox.store.engine import database_url, make_engine
from sandbox.store.feedback import FEEDBACK, FeedbackFields
from sandbox.store.log import LOG
from sandbox.store.trials import COUNTERS, TRIALS
from sandbox.store.verification import verify

LINES = 10_000
MANY = 5
"""So many times longer is the long batch whose memory is looked at."""
AGO = timedelta(days=4)
CALLERS = 2
"""Who file single reports beside the batches."""


def claims(run: Run) -> list[Claim]:
    """In turn a batch and the bare way; then one that is longer; then batches with single filings beside them."""
    now = datetime.now(UTC).replace(microsecond=0)
    trials = 2 * run.rounds + 3 + CALLERS
    with scratch() as folder, scratch() as bare:
        plan = _founded(Path(folder), trials, now)
        with city(Path(bare), 1, founded=now - AGO, now=now):
            pass
        with _served(Path(folder)) as server:
            free = iter(plan["trials"])
            # the first of a server is slow, and fills the writer's page cache, whose size is fixed
            sent, pairs = [_sent(server, plan, next(free), MANY * LINES)], []
            with _most(server) as held:
                for place in range(run.rounds):
                    sent.append(_sent(server, plan, next(free), LINES))
                    pairs.append((LINES / sent[-1][1], LINES / _bare_s(Path(bare), place, now)))
            with _most(server) as most:
                sent.append(_sent(server, plan, next(free), MANY * LINES))
            waits, beside = _beside(server, plan, list(free), run)
            sent += beside
        check(Path(folder), sent, len(waits))
    ours, raw = (median(column) for column in zip(*pairs, strict=True))
    p99 = percentile(waits, 0.99) * 1000
    return [Claim(f"a batch of {LINES:,} lines over HTTP against bare inserts", ours, raw, median_ratio(pairs), 0.4,
                  "/s"),
            Claim(f"memory of a batch of {MANY * LINES:,} lines against {LINES:,}", most[0], held[0],
                  most[0] / held[0], 1.1, "MB", at_most=True),
            Claim("single filings beside batches, p99", p99, None, p99, 250.0, "ms", at_most=True)]


def _founded(folder: Path, trials: int, now: datetime) -> dict[str, Any]:
    with city(folder, trials, founded=now - AGO, now=now) as of:
        token = of.program.acts.do("issue_token", of.firm, {"name": "bench", "scopes": ["file"], "days": 90}).secret
        return {"token": token, "since": (now - AGO).isoformat(), "trials": of.trials}


@contextmanager
def _served(folder: Path) -> Iterator[Served]:
    port = free_port()
    with serving("app.py", "--port", str(port), port=port, path="/healthz", SANDBOX_DATA=str(folder)) as server:
        yield server


def _lines(plan: dict[str, Any], number: int) -> bytes:
    since = datetime.fromisoformat(plan["since"])
    lines = [json.dumps(report_of(since, place)) for place in range(number)]
    lines[number // 2] = json.dumps({**report_of(since, number // 2), "exposures": -1})
    return "\n".join(lines).encode()


def _sent(server: Served, plan: dict[str, Any], trial: str, number: int) -> tuple[str, float, int]:
    """A batch with its one bad line, which alone is refused: trial, seconds until its last answer, lines kept."""
    body = _lines(plan, number)
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    start = time.perf_counter()
    link.request("POST", f"/api/v1/trials/{trial}/feedback?partial=1", body, {
        "Authorization": f"Bearer {plan['token']}", "Content-Type": "application/x-ndjson"})
    answer = link.getresponse()
    told = json.loads(answer.read())
    took = time.perf_counter() - start
    link.close()
    assert (answer.status, told.get("kept"), told.get("refused")) == (201, number - 1, 1), told
    assert [one["line"] for one in told["results"] if one["outcome"] == "refused"] == [number // 2 + 1]
    return trial, took, number - 1


def _bare_s(folder: Path, place: int, now: datetime) -> float:
    """Seconds for as many rows in one transaction, as durable, with everything of them ready."""
    engine = make_engine(database_url(folder, None), writing=True)
    with engine.connect() as connection:
        trial = connection.execute(sa.select(TRIALS.c.id).limit(1)).scalar_one()
    rows = []
    for number in range(LINES):
        given = FeedbackFields.model_validate(report_of(now - AGO, number))
        rows.append({**blank_report(), **given.plain(), "period_start": given.period_start, "site_key": "",
                     "period_end": given.period_end, "id": f"fb_{place:04}{number:08}", "trial_id": trial, "epoch": 1,
                     "author_id": "ac_bare", "at": now})
    start = time.perf_counter()
    with engine.begin() as connection:
        insert_reports(connection, rows)
    took = time.perf_counter() - start
    engine.dispose()
    return took


@contextmanager
def _most(server: Served) -> Iterator[list[float]]:
    """The most that the server held meanwhile."""
    most, done = [server.own_mb()], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            most[0] = max(most[0], server.own_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def _beside(server: Served, plan: dict[str, Any], trials: list[str],
            run: Run) -> tuple[list[float], list[tuple[str, float, int]]]:
    """Waiting times of single filings while one batch after another comes in, and the batches."""
    single = dict.fromkeys(trials[:CALLERS], 0)
    told = json.dumps({**plan, "port": server.port, "path": "/api/v1/trials/{trial}/feedback", "trials": single,
                       "callers": CALLERS, "seconds": max(3.0, run.seconds)})
    callers = subprocess.Popen([sys.executable, "-m", "bench.caller", told], cwd=HOUSE, stdout=subprocess.PIPE)
    sent = []
    for trial in trials[CALLERS:]:
        if callers.poll() is None:
            sent.append(_sent(server, plan, trial, LINES))
    assert callers.stdout is not None
    came = json.loads(callers.stdout.read())
    assert callers.wait() == 0 and came["refused"] == 0, came["refused"]
    return came["waits"], sent


def check(folder: Path, sent: list[tuple[str, float, int]], singles: int) -> None:
    """What was answered as kept = rows = reports of the trials = counted exposures; an entry for each batch; the log
    verifies."""
    engine = make_engine(database_url(settings_in(folder).data, None), writing=False)
    with engine.connect() as connection:
        def one(query: Any) -> Any:
            return connection.execute(query).scalar_one()

        kept = sum(number for *_, number in sent) + singles
        counted = (one(sa.select(sa.func.count()).select_from(FEEDBACK)), one(sa.select(sa.func.sum(TRIALS.c.reports))),
                   one(sa.select(sa.func.sum(COUNTERS.c.exposures)).where(COUNTERS.c.indicator == "harm_any")) / 250)
        assert counted == (kept,) * 3, (kept, counted)
        assert one(sa.select(sa.func.count()).where(LOG.c.act == "file_batch")) == len(sent)
        assert verify(connection).problems == ()
    engine.dispose()

"""Two servers on one PostgreSQL against one: filings over HTTP, the callers dealt out among them."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from bench.claim import Claim, Run, median_ratio, percentile, scratch
from bench.filing import check, founded
from bench.served import HOUSE, free_port, serving

CALLERS = 32
"""At each server where there are two; twice as many where there is one."""


def claims(run: Run) -> list[Claim]:
    """In turn all callers at one server, and half of them at each of two; every filing is looked for at the end."""
    with scratch() as folder, run.database() as url:
        assert url is not None, "two processes share a server's database, never the embedded file"
        plan = founded(Path(folder), url)
        with _servers(Path(folder), url, 2) as ports:
            _filed(plan, ports, min(run.seconds, 1.0))  # the first requests of a server are slow
            pairs, waits = [], []
            for _ in range(run.rounds):
                two, waited = _filed(plan, ports, run.seconds)
                one, _ = _filed(plan, ports[:1], run.seconds)
                pairs.append((two, one))
                waits += waited
        check(Path(folder), url, plan["trials"])
    ours, other = (median(column) for column in zip(*pairs, strict=True))
    p99 = percentile(waits, 0.99) * 1000
    return [Claim("filing over HTTP, two servers on one PostgreSQL against one", ours, other, median_ratio(pairs), 1.2,
                  "/s"),
            Claim("filing over HTTP, two servers, p99", p99, None, p99, 100.0, "ms", at_most=True)]


@contextmanager
def _servers(folder: Path, url: str, number: int) -> Iterator[list[int]]:
    with ExitStack() as stack:
        ports = []
        for place in range(number):
            port, data = free_port(), folder / f"server-{place}"
            data.mkdir(exist_ok=True)
            stack.enter_context(serving("app.py", "--port", str(port), port=port, path="/healthz",
                                        SANDBOX_DATA=str(data), SANDBOX_DATABASE_URL=url))
            ports.append(port)
        yield ports


def _filed(plan: dict[str, Any], ports: list[int], seconds: float) -> tuple[float, list[float]]:
    """Filings a second of all callers together, and how long each waited."""
    trials, callers = list(plan["trials"]), 2 * CALLERS // len(ports)
    running = []
    for place, port in enumerate(ports):
        own = {one: plan["trials"][one] for one in trials[place * callers:(place + 1) * callers]}
        told = json.dumps({**plan, "port": port, "path": "/api/v1/trials/{trial}/feedback", "trials": own,
                           "callers": callers, "seconds": seconds})
        running.append(subprocess.Popen([sys.executable, "-m", "bench.caller", told], cwd=HOUSE,
                                        stdout=subprocess.PIPE))
    rate, waits = 0.0, []
    for one in running:
        came = json.loads(one.communicate()[0])
        assert came["refused"] == 0, came["refused"]
        plan["trials"] |= came["next"]
        rate += came["done"] / came["took"]
        waits += came["waits"]
    return rate, waits

"""Starting and standing: from the command to the first answer, and what a server costs that nobody asks anything."""

import time
import urllib.request
from pathlib import Path
from statistics import median

from bench.city import city
from bench.claim import Claim, Run, scratch
from bench.served import free_port, serving

SETTLES_S = 2.0
IDLE_S = {True: 20.0, False: 5.0}


def claims(run: Run) -> list[Claim]:
    """A few starts on a database that is there, then a while of nothing."""
    starts, worked, memory, idle = [], [], [], []
    with scratch() as folder:
        with city(Path(folder), 1):
            pass
        for _ in range(run.rounds):
            port, before = free_port(), time.perf_counter()
            with serving("app.py", "--port", str(port), port=port, path="/healthz", SANDBOX_DATA=folder) as server:
                starts.append(time.perf_counter() - before)
                worked.append(server.cpu_s())
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
                    assert answer.status == 200
                time.sleep(SETTLES_S)
                so_far, since = server.cpu_s(), time.perf_counter()
                time.sleep(IDLE_S[run.seconds > 1])
                idle.append((server.cpu_s() - so_far) / (time.perf_counter() - since) * 100)
                memory.append(server.memory_mb())
    first, spent, held, busy = (median(figures) for figures in (starts, worked, memory, idle))
    return [Claim("from the command to the first answer", first * 1000, None, first * 1000, 1500.0, "ms", at_most=True),
            Claim("CPU until the first answer", spent * 1000, None, spent * 1000, 1500.0, "ms", at_most=True),
            Claim("memory of an idle server, all its processes", held, None, held, 120.0, "MB", at_most=True),
            Claim("CPU of an idle server, hundredths of one core", busy, None, busy, 0.5, "%", at_most=True)]

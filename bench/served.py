"""Servers as people start them, in processes of their own, with their CPU time and memory as the kernel counts them."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 60


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Served:
    """A running server: all processes of its group."""

    port: int
    group: int

    def cpu_s(self) -> float:
        """Seconds that it has worked."""
        return sum(int(used) for stat in self._stats() for used in stat[11:13]) / TICKS

    def memory_mb(self) -> float:
        """What it holds in memory; what its processes share counts once."""
        return self._memory_mb("Pss:")

    def own_mb(self) -> float:
        """That without files: pages of the database's file are the kernel's, and counted in no limit."""
        return self._memory_mb("Pss_Anon:")

    def _memory_mb(self, kind: str) -> float:
        shares = (path.with_name("smaps_rollup").read_text().partition(kind)[2] for path, _ in self._processes())
        return sum(int(share.split()[0]) for share in shares) / 1024

    def _stats(self) -> Iterator[list[str]]:
        return (stat for _, stat in self._processes())

    def _processes(self) -> Iterator[tuple[Path, list[str]]]:
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                stat = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[2]) == self.group:
                yield path, stat


@contextmanager
def serving(*command: str, port: int, path: str = "/", **settings: str) -> Iterator[Served]:
    """The command while it answers at the path; whatever of it is left at the end is killed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    process = subprocess.Popen([sys.executable, *command], cwd=HOUSE, start_new_session=True, env={**kept, **settings},
                               stdout=subprocess.DEVNULL)
    try:
        wait_for(port, path, process)
        yield Served(port, process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(port: int, path: str, process: "subprocess.Popen[bytes]") -> None:
    """Until it answers anything at all."""
    until = time.perf_counter() + PATIENCE_S
    while time.perf_counter() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.005)
    raise RuntimeError(f"no answer at {port}{path}; exit {process.poll()}")

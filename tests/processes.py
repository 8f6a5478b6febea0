"""The program as people start it: `python app.py …` in processes of their own."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

APP = Path(__file__).resolve().parents[1] / "app.py"
PATIENCE_S = 90
OTHERS = multiprocessing.get_context("forkserver")
"""Processes of their own that need not import the program anew: each is forked off one that has."""
OTHERS.set_forkserver_preload(["sandbox.jobs.schema", "pytest", "hypothesis"])
_clock_never_set = threading.Event()


def pause(seconds: float = 0.005) -> None:
    """Between two looks at another process."""
    _clock_never_set.wait(seconds)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Only our own settings: those of the machine that runs the tests do not count."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    return {**kept, "SANDBOX_DATA": str(folder), "SANDBOX_LANGUAGE": "en", **more}


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run([sys.executable, str(APP), *arguments], env=environment(folder, **settings), text=True,
                          capture_output=True, timeout=PATIENCE_S, cwd=folder)


@contextmanager
def started(folder: Path, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on, in a process group of its own; whatever of it is left at the end is killed."""
    process = subprocess.Popen([sys.executable, str(APP), *arguments], env=environment(folder, **settings), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)
    try:
        yield process
    finally:
        kill_group(process)
        assert process.stdout is not None
        process.stdout.close()


def kill_group(process: subprocess.Popen[str]) -> None:
    """SIGKILL to all of the group, whether the leader still lives or not."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE_S)


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether anything answers there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def seconds_until_closed(port: int) -> float:
    """How long the port goes on answering."""
    since = monotonic()
    while listens(port) and monotonic() - since < PATIENCE_S:
        pause()
    return monotonic() - since


def seconds_until_answered(port: int, process: subprocess.Popen[str]) -> float:
    """How long until /healthz answers 200."""
    since = monotonic()
    while monotonic() - since < PATIENCE_S and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE_S) as answer:
                assert answer.status == 200
                return monotonic() - since
        except OSError:
            pause()
    raise AssertionError(f"no answer; exit {process.poll()}")


def said(process: subprocess.Popen[str], lines: int) -> Sequence[str]:
    """The first lines it prints."""
    assert process.stdout is not None
    return [process.stdout.readline().rstrip("\n") for _ in range(lines)]

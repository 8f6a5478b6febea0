"""The demo city, told once in a run and then copied: by a program that stands at its last day, and by a server now."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import still
from databases import make_tables, settings_in
from processes import free_port, run, said, seconds_until_answered, started

from sandbox.jobs.demo.city import load
from sandbox.jobs.program import Program, open_program
from sandbox.reads.accounts import actor_by_token
from sandbox.rules.access import Actor
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

TODAY = datetime.fromisoformat("2026-11-23T18:20:00+08:00")
RESULT = "result.json"
"""Written into a shared folder when all else in it is whole."""


def shared(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Any]) -> Path:
    """A folder that is filled once in a run, by whichever of its processes asks first: to be copied, never changed.
    What `make` returns stands in RESULT."""
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = base / name
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / RESULT).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            result = make(folder)
            (folder / RESULT).write_text(json.dumps(result))
    return folder


# In this process


@dataclass(frozen=True)
class Told:
    """What `load` returned, how long it took, and the program on a copy of what it made."""

    result: dict[str, Any]
    seconds: float
    """Of CPU."""
    program: Program

    def actor(self, *token: str | int) -> Actor:
        """The bearer of a token by its place in `tokens`."""
        secret = self.result["tokens"]
        for step in token:
            secret = secret[step]
        with self.program.reading() as connection:
            found = actor_by_token(connection, secret, self.program.clock())
        assert found is not None
        return found


def _tell(folder: Path) -> dict[str, Any]:
    settings = settings_in(folder)
    make_tables(settings)
    begun = time.process_time()
    return {"result": load(settings, TODAY), "seconds": time.process_time() - begun}


@contextmanager
def told_in(factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A program on a copy of the city; in the end its log must be whole."""
    folder = factory.mktemp("told")
    shutil.copytree(shared(factory, "told_at_its_last_day", _tell), folder, dirs_exist_ok=True)
    program = open_program(settings_in(folder), still(lambda: TODAY))
    try:
        yield Told(**json.loads((folder / RESULT).read_text()), program=program)
        with program.reading() as connection:
            assert verify(connection).problems == ()
    finally:
        program.close()


# By a server


@dataclass(frozen=True)
class Serving:
    """What `--demo` said until its city was whole: whether it answered before that, its lines, and what the command
    `demo` then printed."""

    answered_first: bool
    lines: list[str]
    city: dict[str, Any]


def _serve(folder: Path) -> dict[str, Any]:
    port = free_port()
    with started(folder, "--demo", "--port", str(port)) as process:
        seconds_until_answered(port, process)
        mark = folder / "demo.json"
        answered_first = not mark.exists() or not mark.read_text()
        lines = list(said(process, len(Settings.model_fields) + 7))
        return asdict(Serving(answered_first, lines, json.loads(run(folder, "demo").stdout)))


def served(factory: pytest.TempPathFactory) -> tuple[Path, Serving]:
    """The folder of a demo that a server told, was killed in, and what was seen of it: to be looked at, not changed."""
    folder = shared(factory, "told_by_a_server", _serve)
    return folder, Serving(**json.loads((folder / RESULT).read_text()))


def served_copy(factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder for a server of one's own on that city, and its accounts, tokens and trials."""
    original, seen = served(factory)
    folder = factory.mktemp("served")
    shutil.copytree(original, folder, dirs_exist_ok=True)
    return folder, seen.city

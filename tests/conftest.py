"""What every test may ask for: a program on its own database with the cast in it, and a clock that the test moves."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from argon2 import PasswordHasher
from cast import START, Cast, adopt, enter_cast
from databases import KINDS, Postgres, Stencil, make_tables, postgres_server, settings_in
from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from world import World, world_in

from sandbox.acts.act import Acts, Clock
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program, open_program, settle
from sandbox.store import passwords
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

MEMORY, ENOUGH = Path("/dev/shm"), 6 * 2 ** 30
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
    # No test cuts power: what is synced a thousand times need not reach a disk.
    os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None


class Compiled(BytecodeCache):
    """Templates compiled once in a run and not once for each program."""

    kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


# Thousands sign in here, and none of their passwords is worth a second. Whoever reads these does so after this line.
passwords.MEMORY_KIB, passwords.ROUNDS = 64, 1
passwords.hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=passwords.LANES)
Flask.jinja_options = {"bytecode_cache": Compiled()}
hypothesis.settings.register_profile("house", derandomize=True, deadline=None)
hypothesis.settings.load_profile("house")


def still(now: Clock = lambda: START) -> Shifted:
    """A clock that stands until it is moved."""
    return Shifted(now)


def running(settings: Settings, clock: Clock) -> Iterator[Program]:
    """The program; when the test is over its log must be whole."""
    program = open_program(settings, clock)
    try:
        yield program
        with program.reading() as connection:
            assert verify(connection).problems == ()
    finally:
        program.close()


ON_BOTH = ("acts", "jobs", "reads", "store")
"""Folders whose tests of a program run on both databases when nobody chooses; the others run on the embedded file."""
STORIES = ("test_walks.py",)
"""Whole stories out of those folders: on the embedded file too, unless somebody chooses."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=(*KINDS, "both"), help="run every test of a program on this database")


LONGEST_S = 3600


def pytest_collection_finish() -> None:
    """What was imported and collected stays: nobody need look through it for garbage, again and again."""
    settle()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longer proofs have an hour each; any other test that takes its five minutes hangs."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(LONGEST_S))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of a program once per database."""
    if "database" in metafunc.fixturenames:
        path = metafunc.definition.path
        on_both = path.relative_to(Path(__file__).parent).parts[0] in ON_BOTH and path.name not in STORIES
        chosen = metafunc.config.getoption("database") or ("both" if on_both else "sqlite")
        only = metafunc.definition.get_closest_marker("only_on")
        kinds = only.args if only else KINDS if chosen == "both" else (chosen,)
        metafunc.parametrize("database", kinds, indirect=True)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Stencil], Settings]]:
    """`database(stencil)`: settings of a copy on the kind of database that this run of the test is for."""
    if request.param == "sqlite":
        yield lambda stencil: stencil.on_file(tmp_path)
        return
    server, made = request.getfixturevalue("postgres"), []

    def copied(stencil: Stencil) -> Settings:
        made.append(stencil.on_server(server, tmp_path))
        return made[-1]

    yield copied
    for settings in made:
        server.drop(settings.database_url)


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Stencil:
    """Every table and no row."""
    return Stencil(tmp_path_factory.mktemp("empty"), make_tables)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Stencil:
    """The cast and nothing else."""
    return Stencil(tmp_path_factory.mktemp("filled"), _enter)


def _enter(settings: Settings) -> Cast:
    make_tables(settings)
    program = open_program(settings, still())
    try:
        return enter_cast(program)
    finally:
        program.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def clock() -> Shifted:
    """Stands at START; `clock.forward(instant)` moves it."""
    return still()


@pytest.fixture
def program(filled: Stencil, database: Callable[[Stencil], Settings], clock: Shifted) -> Iterator[Program]:
    """A program whose database holds the cast and nothing else."""
    yield from running(database(filled), clock)


@pytest.fixture
def empty_program(empty: Stencil, database: Callable[[Stencil], Settings], clock: Shifted) -> Iterator[Program]:
    """A program before anyone has an account."""
    yield from running(database(empty), clock)


@pytest.fixture
def world(empty_program: Program, clock: Shifted) -> Iterator[World]:
    """The demo's people in a program of their own."""
    with world_in(empty_program, clock) as world:
        yield world


@pytest.fixture
def cast(program: Program, filled: Stencil) -> Cast:
    url = program.settings.database_url
    cast: Cast = filled.filled["postgresql" if url else "sqlite"]
    return cast


@pytest.fixture
def acts(program: Program) -> Acts:
    return program.acts


@pytest.fixture
def adopted(program: Program, cast: Cast) -> Callable[..., list[str]]:
    """`adopted(3)`: so many running trials of Hai Rui; returns their ids."""
    return partial(adopt, program, cast)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """`postgres()`: the address of a fresh, empty database on a real PostgreSQL; skips where none can be started."""
    with postgres_server() as server:
        yield server

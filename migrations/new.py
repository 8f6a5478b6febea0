"""Write a migration from what changed in the tables: `python -m migrations.new "what changed"`.

While no database is in service, `python -m migrations.new --afresh "the first schema"` writes the only one anew.
"""

import argparse
import hashlib
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import SQLModel

from sandbox.jobs.schema import FOLDER, alembic_config
from sandbox.store.engine import make_engine

VERSIONS = FOLDER / "versions"


def write(message: str) -> None:
    """Bring an empty database to the present head, compare it with the tables, write the difference."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'empty.db'}", writing=True)
        with engine.begin() as connection:
            config = alembic_config(connection)
            command.upgrade(config, "head")
            number = f"{len(list(VERSIONS.glob('[0-9]*.py'))) + 1:04}"
            config.set_main_option("file_template", f"{number}_%%(slug)s")
            command.revision(config, message, autogenerate=True, rev_id=f"{number}_{mark()}")
        engine.dispose()


def mark() -> str:
    """A short digest of the tables: a database made by another wording of the first schema is refused in words, where
    it would otherwise fail at its first missing column."""
    tables = SQLModel.metadata.sorted_tables
    made = [str(CreateTable(table).compile(dialect=dialect())) for table in tables]
    made += sorted(str(CreateIndex(index).compile(dialect=dialect())) for table in tables for index in table.indexes)
    return hashlib.sha256("".join(made).encode()).hexdigest()[:8]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m migrations.new", description=__doc__)
    parser.add_argument("message", help="what changed, in a few words")
    parser.add_argument("--afresh", action="store_true", help="drop all migrations and write one for the whole schema")
    arguments = parser.parse_args()
    if arguments.afresh:
        for path in VERSIONS.glob("[0-9]*.py"):
            path.unlink()
    write(arguments.message)


if __name__ == "__main__":
    main()

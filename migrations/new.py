"""Write a migration from what changed in the tables: `python -m migrations.new "what changed"`.

While no database is in service, `python -m migrations.new --afresh "the first schema"` writes the only one anew.
"""

import argparse
import tempfile
from pathlib import Path

from alembic import command

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
            command.revision(config, message, autogenerate=True, rev_id=number)
        engine.dispose()


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

"""The first administrator's link: a secret in a file of the data folder, there while no account exists."""

import secrets

from sandbox.jobs.program import Program
from sandbox.reads.accounts import any_account
from sandbox.store.ids import new_secret

NAME = "setup_secret"


def setup_secret(program: Program) -> str | None:
    """The secret of the link, made when there is none; None (and no file) as soon as an account exists."""
    path = program.settings.data / NAME
    with program.reading() as connection:
        if any_account(connection):
            path.unlink(missing_ok=True)
            return None
    if not path.exists():
        made = path.with_suffix(".new")
        made.touch(mode=0o600)
        made.write_text(new_secret())
        made.rename(path)
    return path.read_text().strip()


def opens_setup(program: Program, given: str) -> bool:
    """Whether this is the link's secret. Ask again in the request that makes the account, then `setup_secret` once
    more: it removes the file."""
    kept = setup_secret(program)
    return kept is not None and secrets.compare_digest(kept.encode(), given.encode())

"""The demonstration's folder: its city is told once and whole, and never over a city's own data."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from sandbox.store.settings import Settings
from sandbox.store.stops import Stop
from sandbox.words import Word, word

NAME = "demo.json"
"""Beside the database: empty while the city is being told, then what `load` returned (so the sign-ins are there for
good)."""
CONTACT = "sandbox@demo.example, 000-0000-0000"
"""How the public reaches the invented office, where no other contact is set."""
DATABASE = ("sandbox.db", "sandbox.db-wal", "sandbox.db-shm")


class NotADemo(Stop):
    """The folder holds a city's own data; the message says what to do."""


def forget_half_told(settings: Settings) -> None:
    """A telling that was killed begins again from nothing; call before the database is opened."""
    mark = settings.data / NAME
    if mark.exists() and not mark.read_text():
        for name in DATABASE:
            (settings.data / name).unlink(missing_ok=True)
        mark.unlink()


def refuse_own_data(settings: Settings) -> None:
    """Raises NotADemo where accounts are that no telling made."""
    from sandbox.reads.accounts import any_account
    from sandbox.store.engine import database_url, make_engine

    engine = make_engine(database_url(settings.data, settings.database_url), writing=False)
    with engine.connect() as connection:
        own = not (settings.data / NAME).exists() and any_account(connection)
    engine.dispose()
    if own:
        raise NotADemo(word("command.not_a_demo", folder=str(settings.data)))


def told(settings: Settings) -> dict[str, Any] | None:
    """What the telling returned; None before it is over."""
    mark = settings.data / NAME
    return cast(dict[str, Any], json.loads(text)) if mark.exists() and (text := mark.read_text()) else None


def tell(settings: Settings, now: datetime) -> dict[str, Any]:
    """Tell the city up to `now`, unless that was done. The database must be at its newest schema and nobody tick on it
    meanwhile. Raises NotADemo where accounts are that no telling made."""
    refuse_own_data(settings)
    if already := told(settings):
        return {**already, "base_url": settings.public_url}
    from sandbox.jobs.demo.city import load

    mark = settings.data / NAME
    mark.touch(mode=0o600)
    result = load(settings, now)
    mark.write_text(json.dumps(result, ensure_ascii=False))
    return result


def sign_ins(result: dict[str, Any]) -> Iterator[Word]:
    """One account of each role to sign in with, a line each."""
    first = {account["role"]: account for account in reversed(result["accounts"])}
    return (word("command.sign_in", role=word(f"role.{role}"), email=account["email"], password=account["password"])
            for role, account in sorted(first.items()))

"""Evidence files as people may know them: those of the trials they see."""

from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor
from sandbox.store.files import FILES
from sandbox.store.scope import OWNED, of_seen_trials


def files(connection: sa.Connection, actor: Actor, trial_id: str, *, object_id: str | None = None,
          cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """Files of a trial, or of one thing of it, newest received first."""
    query = sa.select(FILES).where(FILES.c.trial_id == trial_id, of_seen_trials(FILES.c.trial_id, actor))
    query = query.where(FILES.c.object_id == object_id) if object_id else query
    return keyset(connection, query, FILES.c.id, cursor,
                  lambda row: {name: value for name, value in row.items() if name != "_key"}, limit)


def file(connection: sa.Connection, actor: Actor, file_id: str) -> dict[str, Any] | None:
    """One file, or None when it is missing or not theirs."""
    row = connection.execute(sa.select(FILES).where(
        FILES.c.id == file_id, of_seen_trials(FILES.c.trial_id, actor))).mappings().first()
    return dict(row) if row else None


def trial_with(connection: sa.Connection, actor: Actor, kind: str, object_id: str) -> str | None:
    """The trial of an object that the actor sees; None when it is missing or not theirs."""
    table = OWNED[kind]
    owner = table.c.id if kind == "trial" else table.c.trial_id
    found: str | None = connection.execute(sa.select(owner).where(
        table.c.id == object_id, of_seen_trials(owner, actor))).scalar()
    return found

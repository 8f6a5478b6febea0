"""Uploads as their own firm may know them, and what its headings meant before."""

from typing import Any

import sqlalchemy as sa

from sandbox.rules.access import Actor
from sandbox.store.scope import of_seen_trials
from sandbox.store.uploads import COLUMN_MEANINGS, UPLOADS


def upload(connection: sa.Connection, actor: Actor, upload_id: str) -> dict[str, Any] | None:
    """One upload, or None when it is missing or of another firm: nobody else sees what is not filed."""
    row = connection.execute(sa.select(UPLOADS).where(
        UPLOADS.c.id == upload_id, UPLOADS.c.organisation_id == actor.organisation_id,
        of_seen_trials(UPLOADS.c.trial_id, actor))).mappings().first()
    return dict(row) if row else None


def meanings(connection: sa.Connection, actor: Actor, trial_id: str) -> dict[str, str]:
    """What folded headings meant: in this trial, else in the firm's others, the last use counting."""
    rows = connection.execute(sa.select(COLUMN_MEANINGS).where(
        COLUMN_MEANINGS.c.organisation_id == actor.organisation_id).order_by(
        COLUMN_MEANINGS.c.trial_id == trial_id, COLUMN_MEANINGS.c.at)).mappings()
    return {row["heading"]: row["field"] for row in rows}

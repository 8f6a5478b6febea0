"""The dates of an actor's calendar: what falls due on the trials that they see and that is theirs to know of."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.rules.access import Actor, Role
from sandbox.store.channels import ENTRIES, EntryKind, EntryState
from sandbox.store.scope import of_seen_trials

KEPT = timedelta(days=60)
"""Dates that are past, and cancelled ones, stay so long that every calendar has taken note."""
MOST = 2000
SHOWN_TO = {Role.REGULATOR: tuple(EntryKind), Role.REVIEWER: (EntryKind.REVIEW,),
            Role.FIRM: (EntryKind.REPORT, EntryKind.END), Role.DEPARTMENT: (EntryKind.END,)}
DOES = {EntryKind.REVIEW: Role.REVIEWER, EntryKind.REPORT: Role.FIRM}
"""Whose task it is, beside being a date to everyone who sees it."""


def dates(connection: sa.Connection, actor: Actor, now: datetime) -> tuple[dict[str, Any], ...]:
    """Soonest first, at most MOST: owed or met ones from KEPT ago on, cancelled ones for KEPT after they were."""
    since = now - KEPT
    kinds = SHOWN_TO.get(actor.role, ())
    query = sa.select(ENTRIES).where(
        ENTRIES.c.kind.in_(kinds), ENTRIES.c.due_at >= since, of_seen_trials(ENTRIES.c.trial_id, actor),
        sa.or_(ENTRIES.c.state != EntryState.CANCELLED, ENTRIES.c.changed_at >= since),
    ).order_by(ENTRIES.c.due_at, ENTRIES.c.id).limit(MOST)
    return tuple({**row, "task": DOES.get(row["kind"]) is actor.role} for row in connection.execute(query).mappings())

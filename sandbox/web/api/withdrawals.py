"""Withdrawals of consent by API: how many people and when, never who; and that their data are deleted."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.reads import reporting as reads
from sandbox.store.withdrawals import WITHDRAWALS, DeletionFields, WithdrawalFields
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, kept, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("withdrawals")


class Withdrawal(kept(WithdrawalFields)):  # type: ignore[misc]
    """So many people withdrew their consent; once it is confirmed, since when what was theirs is deleted, and what the
    law says to keep."""

    id: str
    trial_id: str
    author_id: str
    at: datetime
    deleted_at: datetime | None
    deletion: str | None
    confirmed_at: datetime | None


@rows.shows("/trials/<id>/withdrawals")
def withdrawals(connection: sa.Connection, id: str, query: Paged) -> Listing[Withdrawal]:
    """A trial's withdrawals, newest recorded first."""
    trial_row(connection, id)
    return listed(reads.filings(connection, actor(), WITHDRAWALS, id, cursor=query.cursor, limit=query.limit),
                  Withdrawal.of)


@rows.shows("/withdrawals/<id>")
def withdrawal(connection: sa.Connection, id: str) -> Withdrawal:
    """One withdrawal."""
    return Withdrawal.of(seen(reads.filing(connection, actor(), WITHDRAWALS, id)))


rows.does("POST", "/trials/<id>/withdrawals", "record_withdrawal", on="id", created=True, example={
    "people": 1, "withdrawn_at": "2026-05-01T09:00:00+08:00", "reference": "Ticket 4711"})
rows.does("POST", "/withdrawals/<id>/deletion", "confirm_deletion", on="id", bodies=(DeletionFields,), example={
    "deleted_at": "2026-05-01T09:20:00+08:00", "deletion": "Recordings and answers; the invoice is kept by law."})

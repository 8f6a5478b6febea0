"""Corrective items by API: what is to be put right, by when, who did it, and who else found it done."""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from sandbox.reads import corrective as reads
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor, program

rows = Rows("corrective")


class CorrectiveItem(Shape):
    """One thing to put right. `state` is open, overdue, done (it waits for another person) or verified."""

    id: str
    trial_id: str
    incident_id: str | None
    review_id: str | None
    what: str
    owner: str
    due_at: datetime
    acceptance_test: str | None
    mandatory: bool
    critical: bool
    plan_version: int | None
    state: str
    author_id: str
    at: datetime
    done: str | None
    done_by: str | None
    done_at: datetime | None
    verdict: str | None
    verified_by: str | None
    verified_at: datetime | None


class ItemQuery(Paged):
    """Filters of the list."""

    state: Literal["open", "overdue", "done", "verified"] | None = None


@rows.shows("/corrective-items")
def corrective_items(connection: sa.Connection, query: ItemQuery) -> Listing[CorrectiveItem]:
    """What is to be put right on your trials, soonest due first."""
    return listed(reads.items(connection, actor(), program().clock(), **query.model_dump()), CorrectiveItem.of)


@rows.shows("/trials/<id>/corrective-items")
def trial_corrective_items(connection: sa.Connection, id: str, query: ItemQuery) -> Listing[CorrectiveItem]:
    """What is to be put right on a trial, soonest due first."""
    trial_row(connection, id)
    return listed(reads.items(connection, actor(), program().clock(), trial_id=id, **query.model_dump()),
                  CorrectiveItem.of)


@rows.shows("/corrective-items/<id>")
def corrective_item(connection: sa.Connection, id: str) -> CorrectiveItem:
    """One corrective item."""
    return CorrectiveItem.of(seen(reads.item(connection, actor(), program().clock(), id)))


rows.does("POST", "/trials/<id>/corrective-items", "add_corrective_item", on="id", created=True, example={
    "what": "Move the stop line two metres back.", "owner": "Route planning", "due_on": "2026-03-20", "critical": True})
rows.does("PATCH", "/corrective-items/<id>", "change_corrective_item", on="id", example={
    "due_on": "2026-03-27", "reason": "The paint needs dry weather."})
rows.does("POST", "/corrective-items/<id>/completion", "finish_corrective_item", on="id", example={
    "done": "The line was moved on 18 March; a photograph is attached."})
rows.does("POST", "/corrective-items/<id>/verification", "verify_corrective_item", on="id", example={
    "accept": True, "verdict": "Seen on site on 19 March."})

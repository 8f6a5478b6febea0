"""The panel by API: seats, their answers and recusals, and votes on what needs a vote."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import recusals as recusal_reads
from sandbox.reads import trials as reads
from sandbox.rules.access import Relation
from sandbox.web.api.endpoint import Rows
from sandbox.web.api.shapes import SEES_NAMES, Listing, Shape, whole
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("panel")


class Seat(Shape):
    """A reviewer's place on a panel. `name` is null for whom it is not meant; a statement is between the reviewer and
    the regulators."""

    id: str
    panel: str
    panel_no: int
    account_id: str | None
    name: str | None
    organisation: str | None
    constituency: str
    expertise: list[str]
    external: bool
    chair: bool
    accepted: bool | None
    conflict: bool | None
    statement: str | None
    recused_at: datetime | None
    deputy_of: str | None
    at: datetime


@rows.shows("/trials/<id>/panel")
def panel(connection: sa.Connection, id: str) -> Listing[Seat]:
    """Seats on the trial's panels, oldest first, answered or not."""
    relation = trial_row(connection, id)["relation"]
    return whole(reads.panel(connection, id), lambda row: _seat(row, relation))


def _seat(row: dict[str, Any], relation: Relation) -> Seat:
    told = relation is Relation.OFFICER or row["account_id"] == actor().id
    hidden = {} if relation in SEES_NAMES else {"account_id": None, "name": None, "organisation": None}
    return Seat.of(row, **hidden, **({} if told else {"statement": None}))


rows.does("POST", "/trials/<id>/panel", "assign_reviewer", on="id", created=True, example={
    "account_id": "ac_19c0f3a1d0a1b2c3d4e5f", "panel": "running", "chair": False})
rows.does("POST", "/panel/<id>/deputy", "name_deputy", on="id", created=True, example={
    "account_id": "ac_19c0f3a1d0a1b2c3d4e5f"})
rows.does("POST", "/panel/<id>/answer", "answer_assignment", on="id", example={"conflict": False, "accepted": True})
rows.does("POST", "/panel/<id>/recusal", "recuse_reviewer", on="id", example={"reason": "Bought shares of the firm."})


class Recusal(Shape):
    """A firm's request that a reviewer step aside, and the regulator's decision."""

    id: str
    trial_id: str
    seat_id: str
    panel: str
    account_id: str
    name: str | None
    reason: str
    state: str
    asked_by: str
    at: datetime
    decide_by: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision: str | None


@rows.shows("/trials/<id>/recusals")
def trial_recusals(connection: sa.Connection, id: str) -> Listing[Recusal]:
    """Requests that a reviewer step aside, oldest first; for the firm and regulators, none for anyone else."""
    trial_row(connection, id)
    return whole(recusal_reads.recusals(connection, actor(), id), Recusal.of)


rows.does("POST", "/panel/<id>/recusal-request", "ask_recusal", on="id", created=True, example={
    "reason": "Worked for our competitor until last year."})
rows.does("POST", "/recusals/<id>/decision", "decide_recusal", on="id", example={
    "ruling": "granted", "reason": "The contract ended less than two years ago."})


class Vote(Shape):
    """One person's word on a matter, in a round and on a version (of the dossier, or of the section named)."""

    id: str
    matter: str
    subject: str | None
    value: str
    reason: str | None
    round: int
    version: int
    role: str
    constituency: str | None
    external: bool
    account_id: str | None
    name: str | None
    at: datetime


@rows.shows("/trials/<id>/votes")
def votes(connection: sa.Connection, id: str) -> Listing[Vote]:
    """Votes on the trial's matters, oldest first."""
    relation = trial_row(connection, id)["relation"]
    hidden = {} if relation in SEES_NAMES else {"account_id": None, "name": None}
    return whole(reads.votes(connection, id), lambda row: Vote.of(row, **hidden))


rows.does("POST", "/trials/<id>/votes", "cast_vote", on="id", created=True, example={
    "matter": "ethics", "value": "for", "reason": "The safeguards answer the risks."})

"""Clocks by API: what runs and until when, with the rule behind each; that a duty was done; a pause on a ground."""

from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from sandbox.reads import clocks as reads
from sandbox.store.clocks import MetFields, PauseFields
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor, program, t

rows = Rows("clocks")


class Clock(Shape):
    """One clock. `state` is running, told (a first report was made), done, paused or void; `late` that it was missed.

    `source` names the law, or is empty where the limit is the sandbox's own; `mark` says what the number rests on: V
    read in the text, S reported, M not yet checked, P our own."""

    id: str
    trial_id: str
    object_id: str
    key: str
    name: str
    started_at: datetime
    due_at: datetime
    first_at: datetime | None
    ended_at: datetime | None
    state: str
    late: bool
    ground: str | None
    reference: str | None
    owners: list[str]
    source: str
    mark: str


class ClockQuery(Paged):
    """Filters of the list; `running` leaves out what ended or was told."""

    state: Literal["running", "all"] = "all"


def shape(one: reads.ClockLine) -> Clock:
    """A line as it is answered."""
    return Clock.of(one.row, name=t(f"clock.{one.rule.key}"), state=one.state, late=one.late,
                    owners=list(one.rule.owners), source=one.rule.source, mark=one.rule.mark.value)


@rows.shows("/clocks")
def clocks(connection: sa.Connection, query: ClockQuery) -> Listing[Clock]:
    """The clocks of your trials, soonest out first."""
    return listed(reads.clocks(connection, actor(), program().clock(), running=query.state == "running",
                               cursor=query.cursor, limit=query.limit), shape)


@rows.shows("/trials/<id>/clocks")
def trial_clocks(connection: sa.Connection, id: str, query: ClockQuery) -> Listing[Clock]:
    """A trial's clocks, soonest out first."""
    trial_row(connection, id)
    return listed(reads.clocks(connection, actor(), program().clock(), trial_id=id, cursor=query.cursor,
                               running=query.state == "running", limit=query.limit), shape)


@rows.shows("/clocks/<id>")
def clock(connection: sa.Connection, id: str) -> Clock:
    """One clock."""
    return shape(seen(reads.clock(connection, actor(), program().clock(), id)))


rows.does("POST", "/clocks/<id>/report", "meet_clock", on="id", bodies=(MetFields,), example={
    "met_at": "2026-03-06T09:10:00+08:00", "reference": "CAC-2026-0311", "complete": False})
rows.does("POST", "/clocks/<id>/pause", "pause_clock", on="id", bodies=(PauseFields,), example={
    "ground": "The police keep the recordings until 20 March."})
rows.does("POST", "/clocks/<id>/resumption", "resume_clock", on="id")

"""The duty roster and alarms by API, for regulators."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.reads import duty as reads
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, listed, whole
from sandbox.web.reader import actor, program

rows = Rows("duty")


class Duty(Shape):
    """Who is on duty from when until when, and the deputy."""

    id: str
    officer_id: str
    officer: str | None
    deputy_id: str
    deputy: str | None
    starts_at: datetime
    ends_at: datetime
    set_by: str
    at: datetime
    withdrawn_at: datetime | None
    reason: str | None


@rows.shows("/duties")
def duties(connection: sa.Connection) -> Listing[Duty]:
    """Duties that stand and are not over, the first to end first; none for anyone but regulators."""
    return whole(reads.roster(connection, actor(), program().clock()), Duty.of)


@rows.shows("/duties/<id>")
def duty(connection: sa.Connection, id: str) -> Duty:
    """One duty."""
    return Duty.of(seen(reads.duty(connection, actor(), id)))


rows.does("POST", "/duties", "set_duty", created=True, example={
    "officer_id": "ac_19c0f3a1d0a1b2c3d4e5f", "deputy_id": "ac_19c0f3a1d0a1b2c3d4e60",
    "starts_at": "2026-04-06T08:00:00+08:00", "ends_at": "2026-04-13T08:00:00+08:00"})
rows.does("POST", "/duties/<id>/withdrawal", "withdraw_duty", on="id", reach=reads.duty, example={
    "reason": "On sick leave until Thursday."})


class Alarm(Shape):
    """An incident of the first class or a red light: who was on duty, by when it goes on to the deputy, and who has
    acknowledged it."""

    id: str
    trial_id: str
    cause: str
    object_id: str
    duty_id: str | None
    on_duty: str | None
    at: datetime
    answer_by: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_name: str | None
    doing: str | None


@rows.shows("/alarms")
def alarms(connection: sa.Connection, query: Paged) -> Listing[Alarm]:
    """Alarms, newest first; none for anyone but regulators."""
    return listed(reads.alarms(connection, actor(), query.cursor, query.limit), Alarm.of)


@rows.shows("/alarms/<id>")
def alarm(connection: sa.Connection, id: str) -> Alarm:
    """One alarm."""
    return Alarm.of(seen(reads.alarm(connection, actor(), id)))


rows.does("POST", "/alarms/<id>/acknowledgement", "acknowledge_alarm", on="id", example={
    "doing": "Calling the operator now."})

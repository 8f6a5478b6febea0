"""Messages by API: what was told to whom and how it went, the caller's channels and hours, the calendar's address."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.jobs.outbox import can_mail
from sandbox.reads import messages as reads
from sandbox.rules.notices import sentence
from sandbox.store.channels import ChannelKind, DeliveryState
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows
from sandbox.web.api.shapes import Listing, Shape, listed, whole
from sandbox.web.feeds import address_of
from sandbox.web.reader import actor, program, said

rows = Rows("messages")


class Notice(Shape):
    """One message to the caller, or to everyone of the caller's role who sees its trial: `text` in the caller's
    language, `content` with the values of its kind."""

    id: str
    kind: str
    trial_id: str | None
    text: str
    content: dict[str, Any]
    at: datetime


@rows.shows("/notices")
def notices(connection: sa.Connection) -> Listing[Notice]:
    """What I was told, newest first; the last fifty. It is here at once, before any channel has carried it."""
    return whole(reads.notices(connection, actor()),
                 lambda row: Notice.of(row, text=said(sentence(row["kind"], row["content"]))))


class Delivery(Shape):
    """One message to one person by one channel. `text` and `fault` are in the caller's language; `kind` and `error` are
    stable. `at` is the next attempt while it is due."""

    id: str
    account_id: str
    channel: str
    state: str
    kind: str
    trial_id: str | None
    text: str
    noted_at: datetime
    at: datetime
    attempts: int
    error: str | None
    fault: str | None
    sent_at: datetime | None


class DeliveryQuery(Paged):
    """Filters of the list."""

    state: DeliveryState | None = None
    channel: ChannelKind | None = None


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery.of(row, text=said(row["text"]), fault=said(row["fault"]) if row["fault"] else None)


@rows.shows("/deliveries")
def deliveries(connection: sa.Connection, query: DeliveryQuery) -> Listing[Delivery]:
    """The delivery log: everyone's for regulators and administrators (who see no trial), one's own for others."""
    return listed(reads.deliveries(connection, actor(), **query.model_dump(), everyone=True), _delivery)


rows.does("POST", "/deliveries/<id>/retry", "retry_delivery", on="id", reach=reads.delivery, example={})


class Channel(Shape):
    """A channel that is set up, with what may be shown of its address."""

    kind: str
    shown: str
    set_at: datetime


class Channels(Shape):
    """The caller's channels, whether mail can be sent from this city at all, and the hours in which messages come."""

    channels: list[Channel]
    mail_configured: bool
    mail: bool
    gathered: bool
    quiet_from: int
    quiet_until: int
    working_days: bool


@rows.shows("/channels")
def channels(connection: sa.Connection) -> Channels:
    """How I am told: addresses are never shown whole."""
    mine = [Channel.of(row) for row in reads.channels(connection, actor())]
    return Channels.of(reads.preferences(connection, actor()), channels=mine,
                       mail_configured=can_mail(program()))


rows.does("PATCH", "/channels", "set_channels", example={
    "webhook": "https://hooks.example/sandbox", "quiet_from": 22, "quiet_until": 7, "gathered": False})
rows.does("POST", "/channels/trial", "try_channels", example={})


class Calendar(Shape):
    """The caller's calendar: an address without a password, so whoever has it reads it; null before there is one."""

    url: str | None
    renewed_at: datetime | None


@rows.shows("/calendar")
def calendar(connection: sa.Connection) -> Calendar:
    """The address to subscribe to in a calendar."""
    found = reads.feed(connection, actor())
    return Calendar(url=address_of(found["serial"]) if found else None,
                    renewed_at=found["renewed_at"] if found else None)


rows.does("POST", "/calendar/renewal", "renew_calendar", example={})

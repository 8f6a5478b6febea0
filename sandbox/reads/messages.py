"""Messages and how they were delivered, channels and calendars: one's own, and for those who keep them all."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor, Role
from sandbox.rules.notices import sentence
from sandbox.store.accounts import ACCOUNTS, CONTACTS
from sandbox.store.channels import (
    CHANNELS,
    DELIVERIES,
    FEEDS,
    PREFERENCES,
    ChannelKind,
    DeliveryState,
    PreferenceFields,
)
from sandbox.store.dues import NOTICES
from sandbox.store.scope import of_seen_trials
from sandbox.words import Word, word

SHOWN_OF_KEY = 4
KEEPERS = (Role.ADMINISTRATOR, Role.REGULATOR)


def notices(connection: sa.Connection, actor: Actor, limit: int = 50) -> tuple[dict[str, Any], ...]:
    """Notices to the actor or to the actor's role about trials they see, newest first."""
    mine = sa.or_(NOTICES.c.account_id == actor.id, sa.and_(
        NOTICES.c.role == actor.role.value,
        sa.or_(NOTICES.c.trial_id.is_(None), of_seen_trials(NOTICES.c.trial_id, actor))))
    rows = connection.execute(sa.select(NOTICES).where(mine).order_by(NOTICES.c.id.desc()).limit(limit)).mappings()
    return tuple(dict(row) for row in rows)


def deliveries(connection: sa.Connection, actor: Actor, cursor: str | None = None, limit: int = 50, *,
               state: str | None = None, channel: str | None = None, everyone: bool = False) -> Page[dict[str, Any]]:
    """The actor's own deliveries, or with `everyone` all that the actor may look after; newest first."""
    query = _deliveries(actor, everyone)
    query = query.where(DELIVERIES.c.state == state) if state else query
    query = query.where(DELIVERIES.c.channel == channel) if channel else query
    return keyset(connection, query, DELIVERIES.c.id, cursor, lambda row: _told(actor, row), limit)


def delivery(connection: sa.Connection, actor: Actor, delivery_id: str) -> dict[str, Any] | None:
    """One of those, or None."""
    query = _deliveries(actor, actor.role in KEEPERS).where(DELIVERIES.c.id == delivery_id)
    row = connection.execute(query).mappings().first()
    return _told(actor, row) if row else None


def _deliveries(actor: Actor, everyone: bool) -> sa.Select[Any]:
    query = sa.select(
        DELIVERIES.c.id, DELIVERIES.c.account_id, DELIVERIES.c.channel, DELIVERIES.c.state, DELIVERIES.c.at,
        DELIVERIES.c.attempts, DELIVERIES.c.error, DELIVERIES.c.sent_at, NOTICES.c.kind, NOTICES.c.content,
        NOTICES.c.trial_id, NOTICES.c.at.label("noted_at"), CONTACTS.c.name,
    ).join(NOTICES, NOTICES.c.id == DELIVERIES.c.notice_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == DELIVERIES.c.account_id)
    return query if everyone and actor.role in KEEPERS else query.where(DELIVERIES.c.account_id == actor.id)


def _told(actor: Actor, row: Mapping[Any, Any]) -> dict[str, Any]:
    """A delivery with its sentence. An administrator keeps the channels and sees no trial."""
    shown = row["account_id"] == actor.id or actor.role is Role.REGULATOR
    kept = {name: value for name, value in row.items() if name not in ("_key", "content")}
    return {**kept, "trial_id": row["trial_id"] if shown else None,
            "text": sentence(row["kind"], row["content"]) if shown else word("notice.hidden"),
            "fault": fault(row["error"])}


def fault(error: str | None) -> Word | None:
    """What went wrong, in words: `error` is a kind and, after a space, a code."""
    if not error:
        return None
    kind, _, code = error.partition(" ")
    return word(f"fault.{kind}", code=code)


def waiting(connection: sa.Connection, kinds: tuple[ChannelKind, ...] = tuple(ChannelKind)) -> int:
    """Deliveries not sent yet by these channels."""
    return int(connection.execute(sa.select(sa.func.count()).where(
        DELIVERIES.c.state == DeliveryState.DUE, DELIVERIES.c.channel.in_(kinds))).scalar_one())


def given_up(connection: sa.Connection) -> int:
    """Deliveries that were given up and not tried again since."""
    return int(connection.execute(sa.select(sa.func.count()).where(
        DELIVERIES.c.state == DeliveryState.FAILED)).scalar_one())


def channels(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """The actor's robots and webhook, each with what may be shown of its address."""
    rows = connection.execute(sa.select(CHANNELS).where(CHANNELS.c.account_id == actor.id).order_by(
        CHANNELS.c.kind)).mappings()
    return tuple({"kind": row["kind"], "shown": masked(row["kind"], row["address"]), "set_at": row["set_at"]}
                 for row in rows)


def masked(kind: str, address: str) -> str:
    """The end of a robot's key; of a webhook where it leads, without path and query, which may hold a key."""
    if kind == ChannelKind.WEBHOOK:
        return "/".join(address.split("/")[:3]) + "/…"
    return f"…{address[-SHOWN_OF_KEY:]}"


def preferences(connection: sa.Connection, actor: Actor) -> dict[str, Any]:
    """The actor's preferences; the defaults where none were chosen."""
    row = connection.execute(sa.select(PREFERENCES).where(PREFERENCES.c.account_id == actor.id)).mappings().first()
    return {**PreferenceFields().model_dump(), **(dict(row) if row else {})}


def feed(connection: sa.Connection, actor: Actor) -> dict[str, Any] | None:
    """The serial of the actor's calendar address and since when it holds; None before there is one."""
    row = connection.execute(sa.select(FEEDS.c.serial, FEEDS.c.renewed_at).where(
        FEEDS.c.account_id == actor.id)).mappings().first()
    return dict(row) if row else None


def reader_of_feed(connection: sa.Connection, serial: str) -> dict[str, Any] | None:
    """The active account whose calendar has this serial, with the language of its owner."""
    row = connection.execute(sa.select(ACCOUNTS, CONTACTS.c.locale).join(
        FEEDS, FEEDS.c.account_id == ACCOUNTS.c.id).outerjoin(CONTACTS, CONTACTS.c.account_id == ACCOUNTS.c.id).where(
        FEEDS.c.serial == serial, ACCOUNTS.c.active)).mappings().first()
    return dict(row) if row else None

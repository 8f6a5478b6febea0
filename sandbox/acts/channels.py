"""How people are told: their channels and hours, a message to try them with, deliveries tried again, the calendar's
address. Addresses and secrets of channels are written past the entry: no digest of a credential enters the log."""

import base64
import secrets
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, Made, act
from sandbox.acts.refusals import NotFound, Refused, invalid
from sandbox.acts.schedule import notify
from sandbox.rules.access import Role
from sandbox.store.channels import (
    CHANNELS,
    DELIVERIES,
    FEEDS,
    PREFERENCES,
    ROBOTS,
    ChannelKind,
    ChannelsFields,
    DeliveryState,
    PreferenceFields,
)
from sandbox.store.fields import Fields

SIGNED = (ChannelKind.DINGTALK, ChannelKind.FEISHU)
"""Robots that can ask for signed calls."""
SECRET_BYTES = 24
"""Of a webhook's signing secret, as Standard Webhooks asks for 24 to 64."""


class Reached(Done):
    """The channels that are set up now. `secret` signs what the webhook gets; it is told once, when one is set up."""

    channels: list[str]
    secret: str | None = None


@act()
def set_channels(act: Act, given: ChannelsFields) -> Reached:
    """Set up, change or remove the ways by which the actor is told, and their quiet hours. What is left out stays."""
    for kind in SIGNED:
        if getattr(given, f"{kind.value}_secret") and not getattr(given, kind.value):
            raise invalid(f"{kind.value}_secret", "secret_with_address")
    _prefer(act, given)
    secret = None
    for kind in given.remove:
        act.connection.execute(sa.delete(CHANNELS).where(_own(act, kind)))
    for kind in (*ROBOTS, ChannelKind.WEBHOOK):
        if address := getattr(given, kind.value):
            made = _secret(kind, given)
            _put(act, kind, address, made)
            secret = made if kind is ChannelKind.WEBHOOK else secret
    kinds = sorted(act.connection.execute(sa.select(CHANNELS.c.kind).where(
        CHANNELS.c.account_id == act.actor.id)).scalars().all())
    act.new.append([CHANNELS.name, act.actor.id, kinds])
    return Reached(channels=kinds, secret=secret)


def _own(act: Act, kind: ChannelKind) -> Any:
    return sa.and_(CHANNELS.c.account_id == act.actor.id, CHANNELS.c.kind == kind)


def _secret(kind: ChannelKind, given: ChannelsFields) -> str | None:
    if kind is ChannelKind.WEBHOOK:
        return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return getattr(given, f"{kind.value}_secret") if kind in SIGNED else None


def _put(act: Act, kind: ChannelKind, address: str, secret: str | None) -> None:
    act.connection.execute(sa.delete(CHANNELS).where(_own(act, kind)))
    act.connection.execute(sa.insert(CHANNELS).values(account_id=act.actor.id, kind=kind, address=address,
                                                      secret=secret, set_at=act.now))


def _prefer(act: Act, given: ChannelsFields) -> None:
    """The person's preferences with the changes in them."""
    changed = given.model_dump(include=set(PreferenceFields.model_fields), exclude_none=True)
    if not changed:
        return
    mine = act.connection.execute(sa.select(PREFERENCES).where(
        PREFERENCES.c.account_id == act.actor.id)).mappings().first()
    if mine is None:
        act.insert(PREFERENCES, {"account_id": act.actor.id, **PreferenceFields().plain(), **changed})
        return
    act.connection.execute(sa.update(PREFERENCES).where(PREFERENCES.c.account_id == act.actor.id).values(**changed))
    act.new.append([PREFERENCES.name, act.actor.id, changed])


class TryGiven(Fields):
    """Nothing to say: the message is the same for all."""


@act()
def try_channels(act: Act, given: TryGiven) -> Made:
    """Send oneself a message by every channel that is set up, now, quiet hours or not."""
    notify(act, "try_channels", account=act.actor.id, urgent=True)
    return Made(id=act.actor.id)


class RetryGiven(Fields):
    """Nothing to say: the delivery is named by the address."""


@act()
def retry_delivery(act: Act, given: RetryGiven) -> Made:
    """Try a delivery again that was given up. Administrators and regulators retry any, others their own."""
    delivery = act.row(DELIVERIES, act.object_id or "")
    if delivery["account_id"] != act.actor.id and act.actor.role not in (Role.ADMINISTRATOR, Role.REGULATOR):
        raise NotFound
    if delivery["state"] != DeliveryState.FAILED:
        raise Refused("delivery_not_failed")
    act.update(DELIVERIES, delivery["id"], state=DeliveryState.DUE.value, at=act.now, attempts=0, batch=None,
               leased_until=None)
    return Made(id=delivery["id"])


class RenewGiven(Fields):
    """Nothing to say: everybody has one address."""


@act()
def renew_calendar(act: Act, given: RenewGiven) -> Made:
    """A new address for the actor's calendar; the former one ends at once."""
    serial = secrets.token_urlsafe(12)
    found = act.connection.execute(sa.update(FEEDS).where(FEEDS.c.account_id == act.actor.id).values(
        serial=serial, renewed_at=act.now))
    if found.rowcount == 0:
        act.connection.execute(sa.insert(FEEDS).values(account_id=act.actor.id, serial=serial, renewed_at=act.now))
    act.new.append([FEEDS.name, act.actor.id])
    return Made(id=act.actor.id)

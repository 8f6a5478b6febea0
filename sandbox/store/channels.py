"""By which ways a person is told: channels, quiet hours, the deliveries of each notice, and the calendar's address."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
from pydantic import AfterValidator
from pydantic import Field as PydanticField
from pydantic_core import PydanticCustomError
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Flag, Whole, column_for

LOCAL = ("localhost", "127.0.0.1", "::1")
KEY = re.compile(r"[A-Za-z0-9_-]{8,200}")
SIGNING = re.compile(r"SEC[A-Za-z0-9]{8,200}")
CHECKING = re.compile(r"[A-Za-z0-9_-]{10,100}")


class ChannelKind(StrEnum):
    """A way to a person (通知渠道). Mail goes to the account's own address; the others need an address of theirs."""

    MAIL = "mail"
    WECOM = "wecom"
    DINGTALK = "dingtalk"
    FEISHU = "feishu"
    WEBHOOK = "webhook"


ROBOTS = (ChannelKind.WECOM, ChannelKind.DINGTALK, ChannelKind.FEISHU)


def robot_key(value: str) -> str:
    """A robot's key out of the address that the messenger shows, or as it is. The host is the operator's to say."""
    parts = urlsplit(value)
    asked = parse_qs(parts.query)
    found = (asked.get("key") or asked.get("access_token") or [parts.path.rstrip("/").rpartition("/")[2]])[0]
    if not KEY.fullmatch(found):
        raise PydanticCustomError("robot_address", "no address of a robot")
    return found


def webhook_address(value: str) -> str:
    """An address that may be called: https, or plain on this machine, without a user's name in it."""
    try:
        parts = urlsplit(value)
        fine = parts.hostname and not parts.username and parts.port != 0 and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOCAL))
    except ValueError:
        fine = False
    if not fine or not value.isascii() or " " in value:
        raise PydanticCustomError("webhook_address", "no address of a webhook")
    return value


def signing_secret(value: str) -> str:
    """The secret with which DingTalk robots check who calls."""
    if not SIGNING.fullmatch(value):
        raise PydanticCustomError("robot_secret", "no signing secret")
    return value


def checking_secret(value: str) -> str:
    """The secret of a Feishu robot's signature check."""
    if not CHECKING.fullmatch(value):
        raise PydanticCustomError("checking_secret", "no secret of a signature check")
    return value


Address = Annotated[str, PydanticField(max_length=500)]
Hour = Annotated[Whole, PydanticField(le=23)]


class PreferenceFields(Fields):
    """When messages may come, and whether one by one. Hours are full hours of the jurisdiction's day; the same for both
    means that no hour is quiet. `mail` off counts while another channel is set up."""

    mail: Flag = True
    gathered: Flag = False
    quiet_from: Hour = 22
    quiet_until: Hour = 7
    working_days: Flag = False


class ChannelsFields(Fields):
    """What a person changes of their ways; what is left out stays as it is. Robots by the address that the messenger
    shows when it makes one."""

    mail: Flag | None = None
    wecom: Annotated[Address, AfterValidator(robot_key)] | None = None
    dingtalk: Annotated[Address, AfterValidator(robot_key)] | None = None
    dingtalk_secret: Annotated[Address, AfterValidator(signing_secret)] | None = None
    feishu: Annotated[Address, AfterValidator(robot_key)] | None = None
    feishu_secret: Annotated[Address, AfterValidator(checking_secret)] | None = None
    webhook: Annotated[Address, AfterValidator(webhook_address)] | None = None
    remove: list[ChannelKind] = Field(default=[], max_length=5)
    gathered: Flag | None = None
    quiet_from: Hour | None = None
    quiet_until: Hour | None = None
    working_days: Flag | None = None


class Preference(PreferenceFields, Row, table=True):
    """One person's preferences; without a row the defaults hold."""

    __tablename__ = "preferences"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    mail: bool = True
    gathered: bool = False
    quiet_from: int = 22
    quiet_until: int = 7
    working_days: bool = False


class Channel(Row, table=True):
    """A robot or webhook of one person. `address` and `secret` are credentials: kept apart, masked wherever shown, and
    in no log."""

    __tablename__ = "channels"
    __table_args__ = (sa.PrimaryKeyConstraint("account_id", "kind"),)
    account_id: str = Field(foreign_key="accounts.id")
    kind: ChannelKind = Field(sa_column=column_for(ChannelKind))
    address: str
    secret: str | None = None
    set_at: datetime = Field(sa_column=when(nullable=False))


class DeliveryState(StrEnum):
    """A delivery is due until it was sent, given up, or found to be nobody's any more."""

    DUE = "due"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


class Delivery(Row, table=True):
    """One notice to one person by one channel. `at` is the next attempt; `leased_until` keeps other processes away from
    one that is being sent; `batch` is the stable id of the message that carries it."""

    __tablename__ = "deliveries"
    __table_args__ = (
        sa.UniqueConstraint("notice_id", "account_id", "channel"),
        sa.Index("ix_deliveries_due", "channel", "at", sqlite_where=sa.text("state = 'due'"),
                 postgresql_where=sa.text("state = 'due'")),
        sa.Index("ix_deliveries_account_id_id", "account_id", "id"),
        sa.Index("ix_deliveries_state_id", "state", "id"),
    )
    id: str = Field(primary_key=True)
    notice_id: str = Field(foreign_key="notices.id")
    account_id: str = Field(foreign_key="accounts.id")
    channel: ChannelKind = Field(sa_column=column_for(ChannelKind))
    state: DeliveryState = Field(sa_column=column_for(DeliveryState))
    at: datetime = Field(sa_column=when(nullable=False))
    attempts: int = 0
    leased_until: datetime | None = Field(default=None, sa_column=when())
    batch: str | None = None
    error: str | None = None
    sent_at: datetime | None = Field(default=None, sa_column=when())


class Feed(Row, table=True):
    """A person's calendar address: `serial` is part of it, the rest a signature that only this installation makes."""

    __tablename__ = "feeds"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    serial: str = Field(unique=True)
    renewed_at: datetime = Field(sa_column=when(nullable=False))


class EntryState(StrEnum):
    """Whether a date in people's calendars stands, was met, or is owed no more."""

    OWED = "owed"
    DONE = "done"
    CANCELLED = "cancelled"


class EntryKind(StrEnum):
    """What falls due on the date."""

    REVIEW = "review"
    REPORT = "report"
    END = "end"


class Entry(Row, table=True):
    """One date of a trial as calendars show it: `sequence` goes up whenever it moves or its state changes."""

    __tablename__ = "calendar_entries"
    __table_args__ = (
        sa.Index("ix_calendar_entries_trial_id", "trial_id"),
        sa.Index("ix_calendar_entries_due_at_id", "due_at", "id"),
    )
    id: str = Field(primary_key=True)
    kind: EntryKind = Field(sa_column=column_for(EntryKind))
    trial_id: str = Field(foreign_key="trials.id")
    due_at: datetime = Field(sa_column=when(nullable=False))
    state: EntryState = Field(sa_column=column_for(EntryState))
    sequence: int = 0
    changed_at: datetime = Field(sa_column=when(nullable=False))


PREFERENCES, CHANNELS = Preference.__table__, Channel.__table__  # type: ignore[attr-defined]
DELIVERIES, FEEDS = Delivery.__table__, Feed.__table__  # type: ignore[attr-defined]
ENTRIES = Entry.__table__  # type: ignore[attr-defined]

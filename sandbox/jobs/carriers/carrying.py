"""What is carried, and how it went. A fault is a short kind and a code: never an address, which may hold a key."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from sandbox.papers.letters import Letter
from sandbox.store.channels import ChannelKind

TIMEOUT_S = 10
"""For connecting, and for each answer."""
LONGEST_WAIT_S = 86_400
RETRIED = frozenset((408, 409, 423, 425, 429))
"""Answers of 4xx that are about now and not about us."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A letter, the channel, and the address and secret that it needs. Of a mail the address is the account's."""

    channel: ChannelKind
    address: str
    secret: str | None
    letter: Letter


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side has taken it."""


@dataclass(frozen=True, slots=True)
class Again:
    """Not now: the fault, and how many seconds the other side asks to be left in peace."""

    error: str
    after_s: float = 0


@dataclass(frozen=True, slots=True)
class Never:
    """It will not be taken however often it is tried: the fault."""

    error: str


Carried = Sent | Again | Never


def answered(status: int, retry_after: str | None, now: datetime) -> Carried:
    """What an HTTP status means for a letter; a redirect is not followed, since nobody has looked at where it leads."""
    if 200 <= status < 300:
        return Sent()
    if status >= 500 or status in RETRIED:
        return Again(f"http {status}", seconds_of(retry_after, now))
    return Never(f"http {status}")


def seconds_of(retry_after: str | None, now: datetime) -> float:
    """The header Retry-After in seconds: a number of them, or a date; 0 where it says neither."""
    try:
        wait = float(retry_after or 0)
    except ValueError:
        try:
            until = parsedate_to_datetime(retry_after or "")
        except ValueError:
            return 0
        wait = ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(wait, 0), LONGEST_WAIT_S) if wait == wait else 0

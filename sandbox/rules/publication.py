"""What the public may know of a trial: its state, never its light; the cause of a stop from a closed list and not at
once; and of the firm's papers only the fields that are written for people who meet the system."""

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType

from sandbox.rules.cadence import end_of_day, local_day
from sandbox.rules.lifecycle import STATES
from sandbox.rules.permit import Standing
from sandbox.rules.working_days import Calendar, add_working_days
from sandbox.words import Word, word

CAUSE_AFTER = 2
"""Working days after a stop until its cause is published beside what the firm says."""
PUBLISHED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "system": ("purpose",), "exposure": ("regions", "sites"), "parties": ("deployer",),
    "protection": ("withdrawal_route", "complaint_contact"),
})
"""Fields of the dossier that are public, by section; every other one is not."""
FEWEST = 10
"""A count of people or uses below this is not published."""


def cause_published_at(stopped_at: datetime, zone: tzinfo) -> datetime:
    """When the cause of a stop becomes public."""
    return end_of_day(add_working_days(local_day(stopped_at, zone), CAUSE_AFTER, Calendar("CN")), zone)


def manner(state: str, standing: Standing) -> str:
    """How a trial stands, in the one word that a passer-by needs: running, paused, over (its time), winding_down,
    ended."""
    if standing.active:
        return "running"
    if state in ("suspended", "retrospective"):
        return "paused"
    if STATES[state].final:
        return "ended"
    return "winding_down" if state == "winding_down" else "over"


def sentence(standing: Standing, published_at: datetime | None, now: datetime, zone: tzinfo) -> Word:
    """Why a trial stands as it does; of a stop whose cause is not public yet, by which day it will be."""
    if published_at is not None and now < published_at:
        return word("public.cause_later", when=local_day(published_at - timedelta.resolution, zone))
    return standing.sentence

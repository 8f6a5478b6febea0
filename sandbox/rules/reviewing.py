"""How a risk check (风险评审) is held: who sits, when it is complete, what the panel advises.

sitting(kind, tier, number, ...) -> Sitting     a duty pair, one reviewer, or the whole panel
pair(candidates) -> the two on duty             one who knows the algorithm, one who knows the trade (懂AI+懂行业)
advice(given) -> the panel's recommendation     the mildest course that two thirds accept
interval_days(...)                              a shorter next interval when evidence grows
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from types import MappingProxyType

from sandbox.rules.cadence import TIERS

FULL_EVERY = 3
"""Of a raised or high tier's periodic checks every third is held by the whole panel, the others by a duty pair."""
PAIRED = ("R3", "R4")
COURSES = ("continue", "adjust", "tune", "suspend", "exit")
"""Recommendations from the mildest to the gravest. What is not among them (cannot judge) is not counted."""


class Sitting(StrEnum):
    """Who holds a review: the whole panel, a duty pair, or one reviewer."""

    FULL = "full"
    PAIR = "pair"
    SOLO = "solo"


SEATS = MappingProxyType({Sitting.PAIR: 2, Sitting.SOLO: 1})


def sitting(kind: str, tier: str, number: int, *, simplified: bool = False, calm: bool = False) -> Sitting:
    """Who holds the `number`-th periodic review of a trial (from 1), or an extra one.

    Every extra review, and every third periodic one of R3 and R4, is the whole panel's. In the simplified procedure one
    reviewer is enough while nothing changed (`calm`: no incident, no correction, no yellow since the last)."""
    if kind != "periodic":
        return Sitting.FULL
    if simplified:
        return Sitting.SOLO if calm else Sitting.FULL
    return Sitting.PAIR if tier in PAIRED and number % FULL_EVERY else Sitting.FULL


def quorum(of: Sitting, tier: str) -> int:
    """How many opinions a review needs before it can be concluded."""
    return SEATS.get(of, TIERS[tier].quorum)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A reviewer who could be on duty: what they are competent in, and how often they were on this trial."""

    account: str
    expertise: tuple[str, ...]
    times: int


def pair(candidates: Collection[Candidate]) -> tuple[str, ...]:
    """The two on duty: of all pairs of whom one knows the algorithm and the other the trade, the one that sat least
    often; none where the panel has no such pair."""
    found = [(ai, trade) for ai in candidates if "ai" in ai.expertise
             for trade in candidates if "trade" in trade.expertise and trade != ai]
    least = min(found, key=lambda two: (two[0].times + two[1].times, two[0].account, two[1].account), default=())
    return tuple(one.account for one in least)


def solo(candidates: Collection[Candidate]) -> tuple[str, ...]:
    """The one on duty; none on an empty panel."""
    least = min(candidates, key=lambda one: (one.times, one.account), default=None)
    return (least.account,) if least else ()


def advice(given: Sequence[str]) -> str | None:
    """The mildest course that at least two thirds of those who judged recommend or find too strict; None of nobody."""
    judged = [one for one in given if one in COURSES]
    if not judged:
        return None
    needed = ceil(len(judged) * 2 / 3)
    return next(course for place, course in enumerate(COURSES)
                if sum(COURSES.index(one) <= place for one in judged) >= needed)


# Cadence that follows evidence

GROWN = math.log(2)
HALFWAY = math.log(5) / 2
SHORTEST_DAYS = 7


def interval_days(every_days: int, log_e_before: float, log_e_now: float) -> int:
    """Days to the next periodic review: half as many, at least a week, once the evidence has doubled since the last one
    and is half of the way (in logarithms) to yellow. It never makes an interval longer."""
    grown = log_e_now - log_e_before >= GROWN and log_e_now >= HALFWAY
    return min(every_days, max(SHORTEST_DAYS, every_days // 2)) if grown else every_days

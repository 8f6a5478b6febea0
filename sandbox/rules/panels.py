"""Who must sit on a panel (评审组): how many, of which sides, who knows what (懂AI+懂行业), and who is from outside.

required(panel, tier) -> Makeup             what a panel of this kind must have in this tier
heard(bodies, panel size) -> int            how many of these people's voices count: one body brings a third at most
carried(ballots, quorum) -> bool            whether enough were heard and two thirds of them are in favour
lacking(panel, tier, members) -> words      what it still lacks, each a phrase; none once it is whole
said(lacks) -> one sentence                 of what is missing
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from types import MappingProxyType

from sandbox.rules.cadence import TIERS
from sandbox.words import Word, word

CONSTITUENCIES = ("industry", "research", "market")
DEPUTISED = ("review", "rereview")
"""Panels on which a deputy votes in the stead of a member who is silent; on the running panel a deputy judges reviews
and has no vote."""
REREVIEWERS = 5
ASKED_WITHIN = 3
"""Working days in which a firm may ask for a recusal, and in which it is decided."""
STRICTEST = "R4"
"""Where no tier is set yet."""
KNOWN: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType({
    "R1": (("ai",), ("trade",)),
    "R2": (("ai",), ("trade",)),
    "R3": (("ai",), ("trade",), ("law", "ethics")),
    "R4": (("ai",), ("trade",), ("law",), ("ethics",)),
})
"""What a panel of each tier must know between its members, our own default; of several named together one is enough."""


@dataclass(frozen=True, slots=True)
class Member:
    """Someone who sits: the side they speak for, what they are competent in, whether they are from outside, and the
    body they come from (empty: none)."""

    constituency: str
    expertise: tuple[str, ...]
    external: bool = False
    body: str = ""


@dataclass(frozen=True, slots=True)
class Makeup:
    """What a panel must have: members, sides, knowledge, somebody from outside."""

    members: int
    sides: tuple[str, ...]
    known: tuple[tuple[str, ...], ...]
    external: bool


def required(panel: str, tier: str | None) -> Makeup:
    """What a panel (`review`, `rereview`, `running`) must have."""
    tier = tier or STRICTEST
    return Makeup(REREVIEWERS if panel == "rereview" else TIERS[tier].quorum,
                  CONSTITUENCIES if panel == "running" else (), KNOWN[tier], panel == "review")


def lacking(panel: str, tier: str | None, members: Iterable[Member]) -> tuple[Word, ...]:
    """What a panel of these members still lacks, as phrases: people, sides, knowledge, somebody from outside."""
    asked, there = required(panel, tier), tuple(members)
    few = asked.members - heard((one.body for one in there), asked.members)
    found = [word("lack.members" if len(there) < asked.members else "lack.bodies", n=few)] if few > 0 else []
    sides = {one.constituency for one in there}
    found += [word(f"lack.{side}") for side in asked.sides if side not in sides]
    found += [word(f"lack.{'_or_'.join(each)}") for each in unknown(asked.known, there)]
    return (*found, word("lack.external")) if asked.external and not any(one.external for one in there) \
        else tuple(found)


def heard(bodies: Iterable[str], size: int) -> int:
    """How many voices people of these bodies have on a panel of this size; who is of no body is of no one else's."""
    return sum(_voices(Counter(bodies), size).values())


def _voices(people: Mapping[str, int], size: int) -> dict[str, int]:
    most = ceil(size / len(CONSTITUENCIES))
    return {body: min(n, most) if body else n for body, n in people.items()}


def carried(ballots: Iterable[tuple[str, bool]], quorum: int) -> bool:
    """Whether at least a quorum was heard and two thirds of it are in favour. A ballot is its voter's body and whether
    it is in favour; people of one body share the voices that it has."""
    cast = tuple(ballots)
    people = Counter(body for body, _ in cast)
    voices = _voices(people, quorum)
    favour = sum(Fraction(voices[body], people[body]) for body, in_favour in cast if in_favour)
    total = sum(voices.values())
    return total >= quorum and favour * 3 >= total * 2


def unknown(known: Iterable[tuple[str, ...]], members: Sequence[Member]) -> list[tuple[str, ...]]:
    """Of what must be known, what none of the members knows."""
    return [each for each in known if not any(set(each) & set(one.expertise) for one in members)]


def knowing(tier: str | None, members: Iterable[Member]) -> bool:
    """Whether between them the members know what a panel of this tier must."""
    return not unknown(KNOWN[tier or STRICTEST], tuple(members))


def from_outside(kind: str, body: str, lead: str | None) -> bool:
    """Whether someone of this body is external (外部): neither of an authority nor of a department, and not of the
    body that leads the scenario."""
    return kind not in ("authority", "department") and body != lead


def said(lacks: Sequence[Word]) -> Word:
    """One sentence of what is missing."""
    return word("lack.sentence", what=list(lacks))

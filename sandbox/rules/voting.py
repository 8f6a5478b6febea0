"""Whose votes count, and what they come to: of a panel by quorum, of a section by one who did not write it."""

from collections.abc import Iterable

from sandbox.rules import panels
from sandbox.rules.cadence import TIERS
from sandbox.rules.facts import Facts, Seat, Section, Vote
from sandbox.rules.panels import DEPUTISED, Member


def in_favour(votes: Iterable[Vote], quorum: int) -> bool:
    """At least `quorum` voted for or against, no body beyond its share, and two thirds of them in favour."""
    return panels.carried(((v.body, v.value == "for") for v in votes if v.value in ("for", "against")), quorum)


def seated(facts: Facts, panel: str, votes: Iterable[Vote]) -> list[Vote]:
    """Votes of people who hold a seat that counts: a recused reviewer's vote does not. On a panel of the admission that
    of a member's deputy does, who votes only where the member does not."""
    standing_in = facts.deputies(panel) if panel in DEPUTISED else ()
    people = {seat.person for seat in (*facts.seats(panel), *standing_in)}
    return [vote for vote in votes if vote.person in people]


def members(facts: Facts, panel: str, number: int | None = None) -> list[Member]:
    """Who sits on a panel, as its makeup is judged."""
    return [Member(seat.constituency, seat.expertise, seat.external, seat.body) for seat in facts.seats(panel, number)]


def quorum(facts: Facts) -> int:
    """The tier's quorum; the strictest while no tier is set."""
    return TIERS[facts.trial.tier or "R4"].quorum


def approved(facts: Facts, kind: str) -> bool:
    """The current version of the section was approved by a regulator other than its author, and no other objects."""
    section = facts.section(kind)
    return section is not None and settled(facts.cast("approve", subject=kind, version=section.version), section)


def settled(votes: Iterable[Vote], section: Section, sitting: Iterable[Seat] = ()) -> bool:
    """An officer, or one of those who sit, says so, no officer says no, and nobody's word is about their own."""
    people = {seat.person for seat in sitting}
    officers = {v.value for v in votes if v.role == "regulator" and v.person != section.author}
    others = {v.value for v in votes if v.person in people and v.person != section.author}
    return "for" in officers | others and "against" not in officers


def signed(facts: Facts, kind: str) -> set[str]:
    """The sides that signed the section as it stands; whoever takes their signature back has not."""
    section = facts.section(kind)
    if section is None:
        return set()
    return {vote.role for vote in facts.cast("sign", subject=kind, version=section.version) if vote.value == "for"}

"""What a move rests on: everything that its needs judge, so that nothing of it changes between the two officers."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from sandbox.rules.basis import BESIDE, COLUMNS, MATTERS_OF, SECTIONS_OF, basis_of, changed
from sandbox.rules.facts import Facts
from sandbox.rules.lifecycle import MOVES, Move
from sandbox.rules.needs import NEEDS, groups_for
from tests.rules.facts_met import ASKED, Change, dated, group, met, trial, vote, voted

FOUR_EYES = [row for row in MOVES if row.four_eyes]


class Watched(dict[str, Any]):
    """Sections that remember of which kind they were asked."""

    def __init__(self, kept: Any) -> None:
        super().__init__(kept)
        self.asked: set[str] = set()

    def get(self, kind: str, default: Any = None) -> Any:
        self.asked.add(kind)
        return super().get(kind, default)


@dataclass(frozen=True)
class Watching(Facts):
    """Facts that remember which matters were counted."""

    counted: set[str] = field(default_factory=set)

    def cast(self, matter: str, **more: Any) -> Any:
        self.counted.add(matter)
        return super().cast(matter, **more)


@pytest.mark.parametrize(("row", "name"), ASKED, ids=lambda one: getattr(one, "name", one))
def test_a_need_judges_no_section_and_no_matter_beyond_those_it_is_said_to_rest_on(row: Move, name: str) -> None:
    facts = met(row)
    for simplified in (False, True):
        watched = Watched(facts.sections)
        watching = Watching(facts.now, replace(facts.trial, simplified=simplified), {
            **facts.groups, "sections": watched}, facts.place)
        NEEDS[name].holds(watching)
        kinds = basis_of(replace(row, needs=(name,)), watching)
        assert {f"section.{kind}" for kind in watched.asked} <= kinds.keys()
        assert {f"vote.{matter}" for matter in watching.counted} <= kinds.keys()


def test_only_needs_are_said_to_rest_on_something() -> None:
    assert {*SECTIONS_OF, *BESIDE, *MATTERS_OF} <= NEEDS.keys()


@pytest.mark.parametrize("row", FOUR_EYES, ids=lambda row: f"{row.name}-{row.source}")
def test_what_a_move_of_two_rests_on_is_told_from_the_facts_it_asks_for(row: Move) -> None:
    facts = met(row)
    basis = basis_of(row, replace(facts, groups={name: facts.groups[name] for name in groups_for([row])}))
    assert set(COLUMNS) < basis.keys() and changed(basis, basis) == ()


def refiled(kind: str) -> Change:
    return group("sections", lambda found: {**found, kind: tuple(replace(one, version=2) for one in found[kind])})


@pytest.mark.parametrize(("move", "source", "change", "what"), [
    ("admit", "ethics_review", trial(tier="R1"), ("tier",)),
    ("admit", "ethics_review", refiled("tier"), ("section.tier",)),
    ("admit", "ethics_review", voted("ethics", "against"), ("vote.ethics",)),
    ("admit", "ethics_review", refiled("mitigation"), ()),
    ("admit", "ethics_review", dated("tier", met(MOVES[0]).now), ()),
    ("standardise", "exit_review", refiled("results"), ("section.results",)),
    ("lift_suspension", "suspended", group("suspension", lambda stop: replace(stop, other_causes=("chair",))),
     ("causes",)),
    ("lift_suspension", "suspended", group("votes", lambda found: (*found, vote("verify", "rui", "against"))),
     ("vote.verify",)),
])
def test_a_change_is_named_where_the_move_rests_on_it_and_nowhere_else(
        move: str, source: str, change: Callable[[Facts], Facts], what: tuple[str, ...]) -> None:
    row = next(one for one in MOVES if (one.name, one.source) == (move, source))
    before = met(row)
    assert changed(basis_of(row, before), basis_of(row, change(before))) == what

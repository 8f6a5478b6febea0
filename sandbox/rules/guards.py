"""What must be true before a change is accepted, besides the word of an officer: needs over the facts and the request.

asked_of(kind, state, ...)  the names of the needs of a class; an improvement has those of the move it leads to
lacking(names, facts)       those that do not hold, each with its sentence
groups_of(names)            the fact groups that they read
SECOND                      needs that another regulator's vote meets
"""

from collections.abc import Iterable

from sandbox.rules.changes import ChangeKind, guards_of
from sandbox.rules.dossier import dimensions_missing
from sandbox.rules.facts import Facts
from sandbox.rules.lifecycle import ROWS
from sandbox.rules.needs import NEEDS, Need, need
from sandbox.words import Word

FAVOUR = "continue"
"""The recommendation of a panel that finds that a trial can go on as is asked."""
NOT_GREEN = ("yellow", "red")
SECOND = frozenset(("second_regulator", "two_regulators"))


def limits_stated(facts: Facts) -> bool:
    """With the change every dimension of exposure has a value or a reason why it has none."""
    return not dimensions_missing(facts.change.terms)


def last_review_green(facts: Facts) -> bool:
    """The review held last, not counting the one of this request, found that the trial can go on; the light says
    nothing else."""
    held = [(one.held_at, one.id, one) for one in facts.reviews if one.held_at and one.id != facts.change.review]
    return bool(held) and max(held)[-1].recommendation == FAVOUR and facts.change.light not in NOT_GREEN


def nothing_grave_open(facts: Facts) -> bool:
    """No S1 or S2 incident is open, and reports count none that was not filed as one."""
    return not (facts.proof.open_grave or facts.proof.unitemised)


def change_advised(facts: Facts) -> bool:
    """The review that was called for this request is held, and its panel is in favour: an officer's stand-in, or a
    conclusion against the panel's advice, is not enough."""
    return any(one.id == facts.change.review and one.held_at is not None and one.advised == FAVOUR
               and one.recommendation == FAVOUR for one in facts.reviews)


def second_regulator(facts: Facts) -> bool:
    """Proposed by one regulator and confirmed by another, whatever the state."""
    decision = facts.decision
    return decision is not None and decision.confirmed_by not in (None, decision.proposed_by)


GUARDS = {row.name: row for row in (
    need(limits_stated, "change", holder="firm", meet="clock"),
    need(last_review_green, "reviews", "change", holder="reviewer", meet="reviews"),
    need(nothing_grave_open, "proof", holder="firm", meet="incidents"),
    need(change_advised, "reviews", "change", holder="reviewer", meet="reviews"),
    need(second_regulator, "decision", holder="regulator", meet="decision"),
)}
"""Those that no move has."""


def need_named(name: str) -> Need:
    """A need of a move, or a guard of a change."""
    return NEEDS.get(name) or GUARDS[name]


def asked_of(kind: ChangeKind, state: str, *, behaves_otherwise: bool = False) -> tuple[str, ...]:
    """What must hold for a change of this class in this state. The corrective plan comes with the request."""
    row = ROWS.get(("begin_tuning", state)) if kind is ChangeKind.A7 else None
    ahead = tuple(name for name in row.needs if name != "corrective_plan") if row else ()
    return (*guards_of(kind, behaves_otherwise=behaves_otherwise), *ahead)


def lacking(names: Iterable[str], facts: Facts) -> dict[str, Word]:
    """The needs that do not hold, in order, each with its sentence."""
    return {name: need_named(name).said(facts) for name in names if not need_named(name).holds(facts)}


def groups_of(names: Iterable[str]) -> frozenset[str]:
    """The fact groups to load for these needs; the request itself is given."""
    return frozenset(group for name in names for group in need_named(name).reads) - {"change"}

"""The one act that makes all moves. Its log action is the move's name."""

from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.clocks import follow_move
from sandbox.acts.coverage import begin_run
from sandbox.acts.effects import EFFECTS, call_emergency_review, count_days, suspended
from sandbox.acts.proposals import propose, void
from sandbox.acts.refusals import NotPermitted, Refused, Unmet
from sandbox.rules.access import PARTY_OF, Relation, may_move
from sandbox.rules.basis import basis_of
from sandbox.rules.facts import Decision, Facts
from sandbox.rules.lifecycle import (
    CAUSE_BY_PARTY,
    NEEDS_NO_REVIEW,
    ROWS,
    RUNNING,
    STATES,
    Cause,
    Move,
    Stage,
    moves_from,
)
from sandbox.rules.needs import groups_for, unmet
from sandbox.store.facts import load_facts
from sandbox.store.trials import MOVES_MADE, SUSPENSIONS, MoveFields
from sandbox.store.types import Short
from sandbox.store.votes import DECISIONS, Outcome
from sandbox.words import Word


class MoveGiven(MoveFields):
    """Which move, and what the person says."""

    move: Short


class Moved(Done):
    """What became of it: made (the new state), or proposed (the decision that waits)."""

    outcome: str
    state: str
    decision: str | None = None


@act(on="trial")
def make_move(act: Act, given: MoveGiven) -> Moved:
    """Make a move, or propose it when only the second regulator is missing. Raises Unmet with every unmet need."""
    row = row_from(act, given.move)
    assert act.relation is not None
    if not may_move(row, act.relation):
        raise NotPermitted("not_your_move", move=row.name)
    facts = facts_for(act, row)
    missing = unmet(row, facts)
    if list(missing) == ["two_regulators"]:
        return propose_move(act, row, given, basis_of(row, facts))
    if missing:
        raise Unmet(row.name, missing)
    act.logged_as = row.name
    carry_out(act, row, given.reason)
    return Moved(outcome="made", state=row.target)


def row_from(act: Act, name: str) -> Move:
    """The move's row from the present state; refused with what can happen instead."""
    row = ROWS.get((name, act.trial["state"]))
    if row is None:
        raise Refused("not_from_here", move=name, state=act.trial["state"],
                      moves=[other.name for other in moves_from(act.trial["state"])])
    return row


def missing_needs(act: Act, row: Move) -> dict[str, Word]:
    """Every need of the move that does not hold now, with its sentence."""
    return unmet(row, facts_for(act, row))


def facts_for(act: Act, row: Move, decision: Decision | None = None) -> Facts:
    """What the move's needs judge, as it stands now."""
    return load_facts(act.connection, act.trial, groups_for([row]), act.now, act.place, decision)


def carry_out(act: Act, row: Move, reason: str | None = None, cause: Cause | None = None,
              ground: str | None = None) -> None:
    """Change the state and everything that goes with it. The caller has checked permission and needs. `ground` says
    why the system moves where that is no cause of a stop."""
    side = STATES[row.target].stage is Stage.SIDE
    from_side = STATES[row.source].stage is Stage.SIDE
    act.change_trial(state=row.target, state_since=act.now, left=(act.trial["left"] if from_side else row.source)
                     if side else None, **count_days(act, row.source))
    if row.target in RUNNING and row.source not in RUNNING and row.name != "start_trial":
        begin_run(act)
    if row.name == "suspend":
        party = PARTY_OF[act.relation or Relation.SYSTEM]
        cause = cause or CAUSE_BY_PARTY[party]
        suspended(act, row, cause, reason)
    elif row.name in EFFECTS:
        EFFECTS[row.name](act, row)
    act.reason = cause.value if cause else ground
    move = act.id("mv")
    act.insert(MOVES_MADE, {"id": move, "trial_id": act.trial["id"], "name": row.name, "source": row.source,
                            "target": row.target, "by": act.actor.id, "role": act.actor.role.value, "at": act.now,
                            "cause": act.reason, "reason": reason, "seq": act.seq})
    follow_move(act, row.name, move)


def propose_move(act: Act, row: Move, given: MoveGiven, basis: dict[str, Any]) -> Moved:
    """A decision that waits for another regulator; asked again while it waits, the same one is named. Where what it
    rested on has changed it is void, and another takes its place."""
    waiting = act.connection.execute(sa.select(DECISIONS.c.id, DECISIONS.c.basis).where(
        DECISIONS.c.trial_id == act.trial["id"], DECISIONS.c.move == row.name,
        DECISIONS.c.outcome == Outcome.WAITING, DECISIONS.c.expires_at > act.now)).first()
    if waiting is not None and waiting.basis != basis:
        void(act, waiting.id)
        waiting = None
    decision = waiting.id if waiting else propose(act, "make_move", given.plain(), row.name, basis)
    return Moved(outcome="proposed", state=row.source, decision=decision)


def trip(act: Act, cause: Cause) -> bool:
    """A trigger: the system suspends in this transaction; a trial already stopped notes the further cause."""
    row = ROWS.get(("suspend", act.trial["state"]))
    if row is not None:
        act.caused("suspend", lambda sub: carry_out(sub, row, cause=cause))
        return True
    if act.trial["state"] in ("suspended", "retrospective"):
        note_cause(act, cause)
    return False


def note_cause(act: Act, cause: Cause) -> None:
    """A further cause of a stop; the first that asks for an emergency review calls it."""
    stop = act.row(SUSPENSIONS, act.trial["suspension_id"])
    known = {stop["cause"], *stop["other_causes"].split()}
    if cause.value in known:
        return
    act.update(SUSPENSIONS, stop["id"], other_causes=f"{stop['other_causes']} {cause.value}".strip())
    if cause not in NEEDS_NO_REVIEW and known <= {exempt.value for exempt in NEEDS_NO_REVIEW}:
        call_emergency_review(act, stop["id"], cause)

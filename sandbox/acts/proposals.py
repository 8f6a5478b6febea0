"""The second signature (四眼): what one regulator proposes is kept until another confirms it, for three days."""

import hashlib
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.schedule import drop_due, notify, put_due
from sandbox.rules.cadence import end_of_working_days
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.store.dues import DueKind
from sandbox.store.fields import canonical
from sandbox.store.votes import DECISIONS, Outcome

DECIDE_WITHIN = KNOWN["D04"].amount
"""Working days a proposal lives."""


def propose(act: Act, name: str, given: dict[str, Any], move: str | None = None,
            basis: dict[str, Any] | None = None) -> str:
    """Keep what would be done, what that rests on, and the digest of both, for three working days; returns its id."""
    trial_id, basis = act.trial.get("id"), basis or {}
    digest = proposal_digest(name, trial_id, given, basis)
    act.logged_as = f"propose_{move or name}"
    same = (DECISIONS.c.digest == digest, DECISIONS.c.outcome == Outcome.WAITING, DECISIONS.c.expires_at > act.now)
    waiting = act.connection.execute(sa.select(DECISIONS.c.id).where(*same)).scalar()
    if waiting:
        return str(waiting)
    decision = act.id("de")
    expires = end_of_working_days(act.now, DECIDE_WITHIN, act.place)
    act.insert(DECISIONS, {
        "id": decision, "act": name, "trial_id": trial_id, "move": move, "given": given, "basis": basis,
        "digest": digest, "proposed_by": act.actor.id, "proposed_at": act.now, "expires_at": expires,
        "outcome": Outcome.WAITING.value,
    })
    put_due(act, DueKind.EXPIRE_DECISION, decision, expires, trial_id)
    notify(act, "decision_waits", role="regulator", dedupe=decision, move=move or name)
    return decision


def proposal_digest(name: str, trial_id: str | None, given: Any, basis: Any) -> str:
    """The digest of a proposal, which the vote confirms."""
    return hashlib.sha256(canonical([name, trial_id, given, basis])).hexdigest()


def void_proposals(act: Act, account_id: str) -> None:
    """What this person proposed is void for good: whoever still wants it proposes it again."""
    waiting = sa.select(DECISIONS.c.id).where(DECISIONS.c.proposed_by == account_id,
                                              DECISIONS.c.outcome == Outcome.WAITING)
    for decision in act.connection.execute(waiting).scalars().all():
        void(act, decision)


def void(act: Act, decision: str) -> None:
    """A proposal that nobody can confirm any more."""
    act.update(DECISIONS, decision, outcome=Outcome.VOID.value)
    drop_due(act, DueKind.EXPIRE_DECISION, decision)

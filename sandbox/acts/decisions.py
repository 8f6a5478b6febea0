"""The second regulator's word: the vote that makes what another proposed, in the vote's own act."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.acts.accounts import check_invitation, open_invitation, send_invitation
from sandbox.acts.act import Act, Done, act
from sandbox.acts.adoption import AdoptGiven, adopt_all
from sandbox.acts.changes import confirm_change
from sandbox.acts.keys import RotateGiven, retire
from sandbox.acts.moves import MoveGiven, carry_out, facts_for, row_from
from sandbox.acts.proposals import proposal_digest
from sandbox.acts.refusals import NotPermitted, Refused, Unmet
from sandbox.acts.schedule import drop_due
from sandbox.rules.basis import basis_of, basis_word, changed
from sandbox.rules.facts import Decision
from sandbox.rules.needs import unmet
from sandbox.store.accounts import InvitationFields
from sandbox.store.dues import DueKind
from sandbox.store.votes import DECISIONS, DecisionVoteFields, Outcome, Value
from sandbox.words import word


class Decided(Done):
    """How the decision ended and what came of it."""

    id: str
    outcome: str
    state: str | None = None
    move: str | None = None
    trials: dict[str, str] = {}
    change: str | None = None


@act()
def vote_on_decision(act: Act, given: DecisionVoteFields) -> Decided:
    """Confirm or refuse what another regulator proposed. Needs are checked again, and that they rest on what they
    rested on then; what they lack, or what has changed, keeps it waiting."""
    decision = act.row(DECISIONS, act.object_id or "")
    _check_open(act, decision)
    if given.value is Value.ABSTAIN:
        return Decided(id=decision["id"], outcome=Outcome.WAITING.value)
    confirmed = given.value is Value.FOR
    if decision["trial_id"]:
        act.hold_trial(decision["trial_id"])
    result = CARRIED_OUT[decision["act"]](act, decision) if confirmed else {}
    outcome = (Outcome.CONFIRMED if confirmed else Outcome.REFUSED).value
    act.update(DECISIONS, decision["id"], outcome=outcome, voted_by=act.actor.id, voted_at=act.now,
               reason=given.reason)
    drop_due(act, DueKind.EXPIRE_DECISION, decision["id"])
    return Decided(id=decision["id"], outcome=outcome, state=act.trial.get("state"), **result)


def _check_open(act: Act, decision: Mapping[str, Any]) -> None:
    """Waiting, not expired, unchanged, proposed by someone else; of a disabled account none waits."""
    if decision["outcome"] != Outcome.WAITING:
        raise Refused("already_decided", outcome=decision["outcome"])
    if decision["proposed_by"] == act.actor.id:
        raise NotPermitted("own_proposal")
    if decision["expires_at"] <= act.now:
        raise Refused("decision_expired")
    kept = (decision[name] for name in ("act", "trial_id", "given", "basis"))
    if proposal_digest(*kept) != decision["digest"]:
        raise Refused("decision_changed")


def _move(act: Act, decision: Mapping[str, Any]) -> dict[str, Any]:
    given = MoveGiven.model_validate(decision["given"])
    row = row_from(act, given.move)
    facts = facts_for(act, row, Decision(decision["proposed_by"], act.actor.id))
    missing = unmet(row, facts)
    if missing:
        raise Unmet(row.name, missing)
    if other := changed(decision["basis"], basis_of(row, facts)):
        raise Refused("basis_changed", word("refused.basis_changed", what=[basis_word(name) for name in other]))
    act.caused(row.name, lambda sub: carry_out(sub, row, given.reason))
    return {"move": row.name}


def _adopt(act: Act, decision: Mapping[str, Any]) -> dict[str, Any]:
    return {"trials": adopt_all(act, AdoptGiven.model_validate(decision["given"])).trials}


def _invite(act: Act, decision: Mapping[str, Any]) -> dict[str, Any]:
    given = InvitationFields.model_validate(decision["given"])
    check_invitation(act, given)
    if open_invitation(act, given) is None:
        send_invitation(act, given)
    return {}


def _rotate(act: Act, decision: Mapping[str, Any]) -> dict[str, Any]:
    given = RotateGiven.model_validate(decision["given"])
    act.caused("rotate_key", lambda sub: retire(sub, given))
    return {}


CARRIED_OUT: dict[str, Callable[[Act, Mapping[str, Any]], dict[str, Any]]] = {
    "make_move": _move, "adopt_trial": _adopt, "invite": _invite,
    "rotate_key": _rotate, "decide_change": confirm_change,
}

"""Tacit approval (默示批准): a plan that nobody decided in its thirty days is approved, where the sandbox has it so.

Never for R3, R4 or anything listed, and not before an officer has examined the application, set its tier and signed
that it is not listed: silence replaces the panel's and the regulators' yes, and nothing else. Whoever said no, or
proposed what another has still to confirm, was not silent.
"""

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.moves import carry_out, facts_for
from sandbox.acts.schedule import notify
from sandbox.rules.facts import Facts
from sandbox.rules.jurisdiction import Profile
from sandbox.rules.lifecycle import ROWS, Move
from sandbox.rules.needs import unmet
from sandbox.store.votes import DECISIONS, Outcome

CLOCK = "C02"
TIERS = ("R1", "R2")
SILENT = {"panel_in_favour", "two_regulators"}
"""Needs of the admission that silence stands for."""
GROUND = "tacit"


def approve_tacitly(act: Act) -> bool:
    """Admit the trial because nobody decided; False where that may not be. Its own entry in the log says how."""
    row, trial = ROWS.get(("admit", act.trial["state"])), act.trial
    allowed = act.place.tacit and act.place.profile is Profile.EU_AUTHORITY and trial["tier"] in TIERS
    if row is None or not allowed or trial["listed"] is not False:
        return False
    facts = facts_for(act, row)
    if set(unmet(row, facts)) - SILENT or _objected(facts) or _spoken_of(act, row):
        return False
    act.caused("admit_tacitly", lambda sub: carry_out(sub, row, ground=GROUND))
    for role in ("regulator", "firm"):
        notify(act, "tacitly_approved", role=role)
    return True


def _objected(facts: Facts) -> bool:
    """Somebody's word on this dossier is no: a reviewer's, or an officer's on the approval that stands for a panel."""
    committee = facts.section("ethics_approval")
    votes = (*facts.cast("ethics", version=facts.trial.dossier_version), *(facts.cast(
        "approve", subject="ethics_approval", version=committee.version) if committee else ()))
    return any(vote.value == "against" for vote in votes)


def _spoken_of(act: Act, row: Move) -> bool:
    """A regulator refused the admission since the review began, or one has still to say whether they confirm it."""
    return act.connection.execute(sa.select(DECISIONS.c.id).where(
        DECISIONS.c.trial_id == act.trial["id"], DECISIONS.c.move == row.name,
        DECISIONS.c.outcome.in_((Outcome.WAITING, Outcome.REFUSED)),
        DECISIONS.c.proposed_at >= act.trial["state_since"]).limit(1)).first() is not None

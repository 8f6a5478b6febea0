"""Tacit approval (默示批准): a plan that nobody decided in its thirty days is approved, where the sandbox has it so.

Never for R3, R4 or anything listed, and not before an officer has examined the application, set its tier and signed
that it is not listed: silence replaces the panel's and the regulators' yes, and nothing else.
"""

from sandbox.acts.act import Act
from sandbox.acts.moves import carry_out, missing_needs
from sandbox.acts.schedule import notify
from sandbox.rules.jurisdiction import Profile
from sandbox.rules.lifecycle import ROWS

CLOCK = "C02"
TIERS = ("R1", "R2")
SILENT = {"panel_in_favour", "two_regulators"}
"""Needs of the admission that silence stands for."""
GROUND = "tacit"


def approve_tacitly(act: Act) -> bool:
    """Admit the trial because nobody decided; False where that may not be. Its own entry in the log says how."""
    row, trial = ROWS.get(("admit", act.trial["state"])), act.trial
    allowed = act.place.tacit and act.place.profile is Profile.EU_AUTHORITY and trial["tier"] in TIERS
    if row is None or not allowed or trial["listed"] is not False or set(missing_needs(act, row)) - SILENT:
        return False
    act.caused("admit_tacitly", lambda sub: carry_out(sub, row, ground=GROUND))
    for role in ("regulator", "firm"):
        notify(act, "tacitly_approved", role=role)
    return True

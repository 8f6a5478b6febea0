"""What a move rests on (决定依据): a second officer confirms the move with it, and not one on what came since.

sections_of(move, simplified) -> kinds of section that its needs look at first, for those who file them
basis_of(move, facts) -> {what: how it stands}   tier, versions of sections, votes, causes: all that its needs judge
changed(before, now) -> what of it stands otherwise
"""

from collections.abc import Mapping
from typing import Any

from sandbox.rules.dossier import required_sections
from sandbox.rules.facts import Facts
from sandbox.rules.lifecycle import Move
from sandbox.words import Word, word

SECTIONS_OF: Mapping[str, tuple[str, ...]] = {
    "eligible": ("eligibility",), "tier_set": ("tier",), "listed": ("tier",), "not_listed": ("tier",),
    "reasons_given": ("reasons",), "plan_locked": ("plan",), "exposure_limited": ("exposure",),
    "safeguards_in_place": ("risks", "safeguards", "kill_switch"), "consent_approved": ("consent",),
    "redress_arranged": ("redress",), "exit_plan_approved": ("exit_plan",), "public_notice_given": ("notice",),
    "schedules_made": ("schedules",), "filings_recorded": ("filings",), "data_assessed": ("data_assessment",),
    "corrective_plan": ("corrective_plan",), "corrective_items_done": ("retest",),
    "cause_mitigated": ("mitigation",), "retrospective_complete": ("retrospective",),
    "evidence_sufficient": ("results",), "score_reached": ("gates", "score"),
    "exit_report_countersigned": ("exit_report", "countersignature"), "all_constituencies_scored": ("score",),
    "wound_down": ("wind_down",), "failure_form_complete": ("failure_form",), "diligent": ("diligence",),
    "ground_chosen": ("termination",), "appeal_valid": ("appeal",), "cause_void": ("void",),
    "gates_passed": ("gates",), "cause_external": ("external_cause",),
}
"""The sections that meet a need; `dossier_complete` asks for those of the procedure, the rest need none."""
BESIDE: Mapping[str, tuple[str, ...]] = {
    "dossier_complete": ("commitment",), "panel_in_favour": ("ethics_approval", "exposure", "data_assessment"),
    "evidence_sufficient": ("plan",), "score_reached": ("system", "plan", "results"),
}
"""Sections that a need judges too, though they were filed long before and do not meet it."""
MATTERS_OF: Mapping[str, tuple[str, ...]] = {
    "panel_in_favour": ("approve", "ethics"), "rereview_in_favour": ("ethics", "rereview"), "plan_locked": ("sign",),
    "exposure_limited": ("approve",), "consent_approved": ("approve",), "exit_plan_approved": ("approve",),
    "recent_panel_opinion": ("opinion",), "cause_mitigated": ("verify",), "diligent": ("diligence",),
    "retrospective_complete": ("sign",), "wound_down": ("sign",),
}
"""The matters on which a need counts votes."""
COLUMNS = ("tier", "listed", "environment", "simplified")
"""Of the trial itself: what an officer or the firm sets, and many needs judge by."""


def sections_of(move: Move, simplified: bool) -> tuple[str, ...]:
    """The sections that meet the needs of a move, each once."""
    kinds = [kind for need in move.needs for kind in (
        required_sections(simplified) if need == "dossier_complete" else SECTIONS_OF.get(need, ()))]
    return tuple(dict.fromkeys(kinds))


def basis_of(move: Move, facts: Facts) -> dict[str, Any]:
    """How everything stands that the move's needs judge: plain values by name. `section.` names the versions of a kind,
    `vote.` who said what of a matter."""
    beside = (kind for name in move.needs for kind in BESIDE.get(name, ()))
    kinds = {*sections_of(move, facts.trial.simplified), *beside}
    matters = {matter for name in move.needs for matter in MATTERS_OF.get(name, ())}
    found: dict[str, Any] = {name: getattr(facts.trial, name) for name in COLUMNS}
    filed = facts.sections if "sections" in facts.groups else {}
    found |= {f"section.{kind}": [one.version for one in filed.get(kind, ())] for kind in sorted(kinds)}
    found |= {f"vote.{matter}": sorted([one.person, one.subject, one.version, one.value] for one in facts.cast(matter))
              for matter in sorted(matters)}
    stop = facts.suspension if "suspension" in facts.groups else None
    return found | {"causes": list(stop.causes) if stop else []}


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands otherwise than it did, in order."""
    return tuple(name for name in now if now[name] != before.get(name))


def basis_word(name: str) -> Word:
    """What a name in a basis means."""
    return word(name if name.startswith("section.") else f"basis.{name}")

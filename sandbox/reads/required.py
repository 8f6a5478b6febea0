"""Which sections the moves out of a trial's present state ask for, whether they are filed or not."""

from collections.abc import Mapping
from typing import Any

from sandbox.rules.dossier import required_sections
from sandbox.rules.lifecycle import Move, moves_from

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


def required_for(row: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    """By kind of section, the moves from the trial's state that ask for it; `row` is one of `trials.trial`."""
    found: dict[str, tuple[str, ...]] = {}
    for move in moves_from(row["state"]):
        for kind in sections_of(move, row["simplified"]):
            found[kind] = (*found.get(kind, ()), move.name)
    return found


def sections_of(move: Move, simplified: bool) -> tuple[str, ...]:
    """The sections that the needs of a move look at, each once."""
    kinds = [kind for need in move.needs for kind in (
        required_sections(simplified) if need == "dossier_complete" else SECTIONS_OF.get(need, ()))]
    return tuple(dict.fromkeys(kinds))

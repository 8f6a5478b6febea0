"""The lifecycle as a table: 19 states, 51 moves, 7 triggers. Stages are labels; a side state shows the stage it left.

One row per (name, from). Who may make a move is in the row; what must be true is in `needs.py`, named here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.words import Word, word


class Stage(StrEnum):
    """The four stages (鼓励、试错、调优、规范); SIDE is not a stage but the mark of a state beside them."""

    ENCOURAGE = "encourage"
    TRIAL = "trial"
    TUNE = "tune"
    STANDARDISE = "standardise"
    SIDE = "side"


class Party(StrEnum):
    """Who makes a move. The chair is a reviewer's assignment; the system is the clock or the statistics."""

    FIRM = "firm"
    REGULATOR = "regulator"
    CHAIR = "chair"
    SYSTEM = "system"


FIRM, REGULATOR, CHAIR, SYSTEM = Party.FIRM, Party.REGULATOR, Party.CHAIR, Party.SYSTEM


@dataclass(frozen=True, slots=True)
class State:
    """A state of a trial. `exposed`: people may meet the system."""

    code: str
    stage: Stage
    exposed: bool = False
    final: bool = False

    @property
    def word(self) -> Word:
        return word(f"state.{self.code}")


@dataclass(frozen=True, slots=True)
class Move:
    """One way from one state to another, who may take it and what it needs."""

    name: str
    source: str
    target: str
    by: tuple[Party, ...]
    needs: tuple[str, ...]

    @property
    def four_eyes(self) -> bool:
        return "two_regulators" in self.needs


def move(name: str, source: str, target: str, *, by: tuple[Party, ...], needs: tuple[str, ...] = ()) -> Move:
    """A row of MOVES."""
    return Move(name, source, target, by, needs)


def table(rows: Iterable[State]) -> dict[str, State]:
    """States by code."""
    return {row.code: row for row in rows}


STATES = table((
    State("draft", Stage.ENCOURAGE),
    State("submitted", Stage.ENCOURAGE),
    State("correction", Stage.ENCOURAGE),
    State("ethics_review", Stage.ENCOURAGE),
    State("expert_rereview", Stage.ENCOURAGE),
    State("admitted", Stage.ENCOURAGE),
    State("trial", Stage.TRIAL, exposed=True),
    State("tune", Stage.TUNE, exposed=True),
    State("suspended", Stage.SIDE),
    State("retrospective", Stage.SIDE),
    State("exit_review", Stage.STANDARDISE, exposed=True),
    State("winding_down", Stage.SIDE),
    State("standardised", Stage.STANDARDISE, final=True),
    State("completed", Stage.STANDARDISE, final=True),
    State("failure_filed", Stage.SIDE, final=True),
    State("withdrawn", Stage.SIDE, final=True),
    State("lapsed", Stage.SIDE, final=True),
    State("terminated", Stage.SIDE, final=True),
    State("declined", Stage.SIDE, final=True),
))

MOVES = (
    move("submit", "draft", "submitted", by=(FIRM,), needs=("dossier_complete",)),
    move("withdraw", "draft", "withdrawn", by=(FIRM,)),
    move("ask_correction", "submitted", "correction", by=(REGULATOR,), needs=("reasons_given",)),
    move("accept", "submitted", "ethics_review", by=(REGULATOR,), needs=("eligible", "tier_set")),
    move("withdraw", "submitted", "withdrawn", by=(FIRM,)),
    move("decline", "submitted", "declined", by=(REGULATOR,), needs=("reasons_given",)),
    move("submit", "correction", "submitted", by=(FIRM,), needs=("dossier_complete",)),
    move("withdraw", "correction", "withdrawn", by=(FIRM,)),
    move("lapse", "correction", "lapsed", by=(SYSTEM,), needs=("idle_long",)),
    move("ask_correction", "ethics_review", "correction", by=(REGULATOR,), needs=("reasons_given",)),
    move("send_to_rereview", "ethics_review", "expert_rereview", by=(REGULATOR, SYSTEM),
         needs=("panel_in_favour", "listed")),
    move("admit", "ethics_review", "admitted", by=(REGULATOR,),
         needs=("panel_in_favour", "not_listed", "two_regulators")),
    move("withdraw", "ethics_review", "withdrawn", by=(FIRM,)),
    move("decline", "ethics_review", "declined", by=(REGULATOR,), needs=("reasons_given",)),
    move("ask_correction", "expert_rereview", "correction", by=(REGULATOR,), needs=("reasons_given",)),
    move("admit", "expert_rereview", "admitted", by=(REGULATOR,), needs=("rereview_in_favour", "two_regulators")),
    move("withdraw", "expert_rereview", "withdrawn", by=(FIRM,)),
    move("decline", "expert_rereview", "declined", by=(REGULATOR,), needs=("reasons_given",)),
    move("start_trial", "admitted", "trial", by=(REGULATOR,),
         needs=(
            "plan_locked", "exposure_limited", "safeguards_in_place", "panel_assigned", "consent_approved",
            "redress_arranged", "exit_plan_approved", "public_notice_given", "schedules_made", "filings_recorded",
            "data_assessed",
         )),
    move("withdraw", "admitted", "withdrawn", by=(FIRM,)),
    move("lapse", "admitted", "lapsed", by=(SYSTEM,), needs=("idle_long",)),
    move("revoke_admission", "admitted", "declined", by=(REGULATOR,), needs=("reasons_given", "two_regulators")),
    move("begin_tuning", "trial", "tune", by=(REGULATOR,), needs=("corrective_plan",)),
    move("suspend", "trial", "suspended", by=(REGULATOR, FIRM, SYSTEM, CHAIR)),
    move("open_exit_review", "trial", "exit_review", by=(REGULATOR, FIRM, SYSTEM), needs=("evidence_sufficient",)),
    move("wind_down", "trial", "winding_down", by=(FIRM, REGULATOR), needs=("exit_plan_approved",)),
    move("resume_trial", "tune", "trial", by=(REGULATOR,),
         needs=("corrective_items_done", "recent_panel_opinion", "exposure_limited")),
    move("suspend", "tune", "suspended", by=(REGULATOR, FIRM, SYSTEM, CHAIR)),
    move("open_exit_review", "tune", "exit_review", by=(REGULATOR, FIRM, SYSTEM), needs=("evidence_sufficient",)),
    move("wind_down", "tune", "winding_down", by=(FIRM, REGULATOR), needs=("exit_plan_approved",)),
    move("lift_suspension", "suspended", "trial", by=(REGULATOR,),
         needs=("lift_allowed", "cause_mitigated", "emergency_review_held", "time_left", "two_regulators")),
    move("void_suspension", "suspended", "trial", by=(REGULATOR,),
         needs=("cause_void", "left_trial", "two_regulators")),
    move("begin_tuning", "suspended", "tune", by=(REGULATOR,),
         needs=("cause_mitigated", "emergency_review_held", "corrective_plan", "time_left", "two_regulators")),
    move("void_into_tuning", "suspended", "tune", by=(REGULATOR,),
         needs=("cause_void", "left_tune", "two_regulators")),
    move("open_retrospective", "suspended", "retrospective", by=(REGULATOR,), needs=("emergency_review_held",)),
    move("open_exit_review", "suspended", "exit_review", by=(REGULATOR, FIRM),
         needs=("evidence_sufficient", "cause_mitigated", "emergency_review_held")),
    move("wind_down", "suspended", "winding_down", by=(FIRM, REGULATOR), needs=("exit_plan_approved",)),
    move("resume_trial", "retrospective", "trial", by=(REGULATOR,),
         needs=(
            "retrospective_complete", "cause_external", "cause_mitigated", "recent_panel_opinion", "time_left",
            "two_regulators",
         )),
    move("begin_tuning", "retrospective", "tune", by=(REGULATOR,),
         needs=("retrospective_complete", "corrective_plan", "time_left", "two_regulators")),
    move("open_exit_review", "retrospective", "exit_review", by=(REGULATOR,),
         needs=("retrospective_complete", "evidence_sufficient")),
    move("wind_down", "retrospective", "winding_down", by=(REGULATOR, FIRM), needs=("retrospective_complete",)),
    move("begin_tuning", "exit_review", "tune", by=(REGULATOR,), needs=("corrective_plan", "time_left")),
    move("suspend", "exit_review", "suspended", by=(REGULATOR, SYSTEM)),
    move("wind_down", "exit_review", "winding_down", by=(REGULATOR, FIRM), needs=("exit_plan_approved",)),
    move("standardise", "exit_review", "standardised", by=(REGULATOR,),
         needs=(
            "score_reached", "nothing_open", "exit_report_countersigned", "all_constituencies_scored",
            "two_regulators", "filings_recorded",
         )),
    move("complete", "winding_down", "completed", by=(REGULATOR,),
         needs=("wound_down", "exit_report_countersigned", "gates_passed", "two_regulators")),
    move("file_failure", "winding_down", "failure_filed", by=(REGULATOR,),
         needs=("wound_down", "failure_form_complete", "diligent", "exit_report_countersigned", "two_regulators")),
    move("close_withdrawn", "winding_down", "withdrawn", by=(REGULATOR,),
         needs=("wound_down", "exit_report_countersigned")),
    move("terminate", "winding_down", "terminated", by=(REGULATOR,),
         needs=("wound_down", "exit_report_countersigned", "ground_chosen", "two_regulators")),
    move("reopen_on_appeal", "terminated", "winding_down", by=(REGULATOR,),
         needs=("appeal_valid", "two_regulators", "fresh_panel")),
    move("reopen_on_appeal", "declined", "ethics_review", by=(REGULATOR,), needs=("appeal_valid", "fresh_panel")),
)

ROWS = {(row.name, row.source): row for row in MOVES}
MOVE_NAMES = tuple(dict.fromkeys(row.name for row in MOVES))
RUNNING = ("trial", "tune")


class Cause(StrEnum):
    """Why a trial is suspended: the seven triggers, and three causes that people give."""

    END_DATE_REACHED = "end_date_reached"
    CAP_EXCEEDED = "cap_exceeded"
    GRAVE_INCIDENT = "grave_incident"
    FEEDBACK_MISSING = "feedback_missing"
    REVIEW_OVERDUE = "review_overdue"
    UNSAFE_VERSION = "unsafe_version"
    RISK_RED = "risk_red"
    VOLUNTARY = "voluntary"
    REGULATOR = "regulator"
    CHAIR = "chair"


TRIGGERS = tuple(Cause)[:7]
LATENESS = (Cause.END_DATE_REACHED, Cause.FEEDBACK_MISSING, Cause.REVIEW_OVERDUE)
"""Triggers that only the calendar pulls: a clock step or our own outage must not pull them for many at once."""
NEEDS_NO_REVIEW = (Cause.VOLUNTARY, Cause.END_DATE_REACHED, Cause.REVIEW_OVERDUE)
"""Voluntary and administrative causes: no emergency review is asked."""
NEEDS_RETROSPECTIVE = (Cause.GRAVE_INCIDENT, Cause.CAP_EXCEEDED, Cause.UNSAFE_VERSION)
"""S1, S2 or a breach of the plan: the trial goes on only after a retrospective."""
CAUSE_BY_PARTY = {FIRM: Cause.VOLUNTARY, REGULATOR: Cause.REGULATOR, CHAIR: Cause.CHAIR}


def moves_from(state: str) -> tuple[Move, ...]:
    """The moves that leave a state, in the table's order."""
    return tuple(row for row in MOVES if row.source == state)


def stage_of(state: str, left: str | None) -> Stage:
    """The stage shown: a side state shows the stage it left (Encourage when it never ran)."""
    stage = STATES[state].stage
    if stage is not Stage.SIDE:
        return stage
    return STATES[left].stage if left and STATES[left].stage is not Stage.SIDE else Stage.ENCOURAGE

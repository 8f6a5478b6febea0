"""Sections of the end: scores, gates, exit report, its answer, wind-down, failure form, diligence, appeal."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field as PydanticField
from pydantic import model_validator

from sandbox.store.dossier import Readiness
from sandbox.store.fields import Fields
from sandbox.store.types import Flag, Long, Number, Short, Whole

Ten = Annotated[Whole, PydanticField(le=10)]
Three = Annotated[Whole, PydanticField(le=3)]


class ScoreFields(Fields):
    """One reviewer's sheet of the composite evaluation (综合评价); blank means 无法判断 and is not counted."""

    exit_trl: Readiness | None = None
    new_route: Ten | None = None
    fit: Ten | None = None
    reuse: Ten | None = None
    candour: Three | None = None
    outputs: Three | None = None
    guidance: Three | None = None
    comment: Long | None = None


class GatesFields(Fields):
    """Pass or fail before any score."""

    legality: Flag
    data_security: Flag
    risk_control: Flag
    business_continuity: Flag
    redress_paid: Flag
    note: Long | None = None


class ExitReportFields(Fields):
    """The exit report (出箱报告)."""

    activities: Long
    results: Long
    learning: Long
    safeguards: Long
    residual_risk: Long
    open_conditions: Long | None = None
    not_an_approval: Flag = True


class FirmAnswer(StrEnum):
    """How the firm met the exit report; the last two are recorded by the regulator."""

    COUNTERSIGNED = "countersigned"
    OBJECTED = "objected"
    SILENT = "silent"
    DISSOLVED = "dissolved"


class CountersignatureFields(Fields):
    """The firm's answer to the exit report."""

    answer: FirmAnswer
    statement: Long | None = None


class ItemStatus(StrEnum):
    """How a wind-down item stands."""

    DONE = "done"
    LAWFULLY_KEPT = "lawfully_kept"
    NOT_VERIFIABLE = "not_verifiable"


class WindDownFields(Fields):
    """The wind-down checklist (退出收尾). What is not done has a reason and an owner. The firm's counts once an officer
    has signed that version."""

    users_told_status: ItemStatus
    users_told_reason: Short | None = None
    access_closed_status: ItemStatus
    access_closed_reason: Short | None = None
    recall_status: ItemStatus
    recall_reason: Short | None = None
    outputs_reversed_status: ItemStatus
    outputs_reversed_reason: Short | None = None
    data_deleted_status: ItemStatus
    data_deleted_reason: Short | None = None
    complaints_closed_status: ItemStatus
    complaints_closed_reason: Short | None = None
    owner: Short


class FailureClass(StrEnum):
    """Classes of failure of the failure filing."""

    TECHNICAL = "technical"
    DATA = "insufficient_data"
    MISMATCH = "scenario_mismatch"
    COST = "cost"
    RISK = "risk_uncontrolled"
    MARKET = "market"
    EXTERNAL = "external_change"


class FailureFormFields(Fields):
    """The failure filing (失败备案): what was tried, why it failed, what is now known not to work."""

    classes: Annotated[list[FailureClass], PydanticField(min_length=1, max_length=7)]
    root_causes: Long
    known_not_to_work: Long
    path_taken: Long
    harm_and_redress: Long
    spent: Number
    unspent_returned: Number = 0.0
    reusable_outputs: Long
    advice_to_teams: Long
    advice_to_rules: Long
    statement: Long
    public_summary: Long


class DiligenceFields(Fields):
    """What the regulator finds on file; whether the direction was reasonable is the panel's vote."""

    records_complete: Flag
    plan_followed: Flag
    told_in_time: Flag
    honest: Flag
    note: Long


class TerminationGround(StrEnum):
    """The closed list of grounds for 责令终止."""

    SIGNIFICANT_RISK = "significant_risk"
    BREACH = "breach"
    FALSE_STATEMENT = "false_statement"
    MISSED_CLOCK = "missed_clock"
    REFUSED_INSPECTION = "refused_inspection"
    PROHIBITED_USE = "prohibited_use"


class TerminationFields(Fields):
    """Ground and facts of a termination."""

    ground: TerminationGround
    facts: Annotated[Long, PydanticField(min_length=20)]


class AppealFields(Fields):
    """An appeal (申诉): new facts or an error of procedure."""

    new_facts: Long | None = None
    procedure_error: Long | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "AppealFields":
        if not (self.new_facts or self.procedure_error):
            raise ValueError("appeal_ground")
        return self

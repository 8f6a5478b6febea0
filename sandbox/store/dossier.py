"""The firm's sections of the record: parties, system, risks, plan, exposure, protection, what stands before a start."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, model_validator
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.rules.dossier import DIMENSIONS
from sandbox.rules.risk import ALPHA, ALPHA_YELLOW
from sandbox.store.distributions import Baselines
from sandbox.store.fields import Fields
from sandbox.store.types import (
    Code,
    Day,
    Flag,
    Long,
    Number,
    People,
    Positive,
    Share,
    Short,
    Whole,
    not_text,
    once_each,
)

Scale = Annotated[Whole, PydanticField(ge=1, le=5)]
Readiness = Annotated[Whole, PydanticField(ge=1, le=9)]
Rows = PydanticField(max_length=100)


class AlgorithmKind(StrEnum):
    """The five kinds of the algorithm provisions."""

    GENERATIVE = "generative"
    PERSONALISED = "personalised"
    RANKING = "ranking"
    RETRIEVAL = "retrieval"
    SCHEDULING = "scheduling"


class Autonomy(StrEnum):
    """How far the system acts by itself."""

    ADVICE = "advice"
    HUMAN_APPROVES = "human_approves"
    HUMAN_CAN_STOP = "human_can_stop"
    NO_HUMAN = "no_human"


class StopBehaviour(StrEnum):
    """What happens when the trial stops (停用方式)."""

    IMMEDIATE = "immediate"
    DRAIN = "drain"
    SHADOW = "shadow"


class PartiesFields(Fields):
    """Who takes part."""

    sponsor_name: Short
    sponsor_code: Code
    contact: Short
    deployer: Short | None = None
    model_supplier: Short | None = None
    third_party_tester: Short | None = None


class SystemFields(Fields):
    """What is tried."""

    purpose: Long
    out_of_scope: Long
    algorithm_kind: AlgorithmKind
    model_name: Short
    model_version: Short
    training_data: Long
    entry_trl: Readiness
    known_limits: Long
    autonomy: Autonomy


class RiskRow(Fields):
    """One risk; likelihood times severity of six or more is medium and needs a safeguard with an owner."""

    risk: Short
    group: Short | None = None
    likelihood: Scale
    severity: Scale
    safeguard: Short | None = None
    owner: Short | None = None


class RisksFields(Fields):
    """The risk register."""

    risks: Annotated[list[RiskRow], PydanticField(min_length=1, max_length=100)]


class MetricRow(Fields):
    """A plan metric with its pass line. One with an alarm line has a name too, under which reports tell its value; a
    second crossing of that line opens a review."""

    name: Short
    unit: Short | None = None
    higher_is_better: Flag = True
    pass_line: Number
    alarm_line: Number | None = None
    told_as: Code | None = None

    @model_validator(mode="after")
    def _told(self) -> "MetricRow":
        if self.alarm_line is not None and self.told_as is None:
            raise ValueError("alarm_untold")
        return self


Metrics = Annotated[list[MetricRow], PydanticField(min_length=1, max_length=100), once_each("name"),
                    once_each("told_as")]


class LimitRow(Fields):
    """An agreed limit: at most this many events per exposure; the weight is normalised over all rows."""

    indicator: Code
    per_exposure: Share
    weight: Share = 1.0


Limits = Annotated[list[LimitRow], PydanticField(min_length=1, max_length=30), once_each("indicator")]


class ComparedRow(Fields):
    """An attribute by which outcomes are compared, and the group that the others are set against."""

    attribute: Short
    reference: Short


Chance = Annotated[float, PydanticField(ge=0.001, le=0.5, allow_inf_nan=False), BeforeValidator(not_text)]


class AimsFields(Fields):
    """What a trial is for, and what it is measured by."""

    objectives: Long
    methods: Long
    metrics: Metrics


class AgreedFields(Fields):
    """What is agreed of the light before a trial runs here, by its plan or when it is taken over; frozen then. The
    chances of a false yellow and red are expert settings; with a limit for S2 incidents their number has a hard budget,
    which takes a fifth of the chance of a false red. The background rate is what feedback of any kind a use brings even
    where all is well: far less of it turns the light yellow, and so does drift from a baseline."""

    limits: Limits
    unit: Short = "uses"
    budget_limit: Share | None = None
    background_rate: Share | None = None
    compared: Annotated[list[ComparedRow], PydanticField(max_length=20), once_each("attribute")] = []
    baselines: Baselines = []
    alpha: Annotated[Chance, PydanticField(le=0.2)] = ALPHA
    alpha_yellow: Chance = ALPHA_YELLOW


class PlanFields(AgreedFields, AimsFields):
    """The sandbox plan (沙箱方案), locked at the start."""

    stop_rules: Long
    stop_behaviour: StopBehaviour = StopBehaviour.IMMEDIATE
    drain_hours: Annotated[Whole, PydanticField(ge=1, le=72)] | None = None
    fallback: Long | None = None

    @model_validator(mode="after")
    def _drains_for(self) -> "PlanFields":
        if (self.stop_behaviour is StopBehaviour.DRAIN) != (self.drain_hours is not None):
            raise ValueError("drain_hours")
        return self


Dimension = Annotated[str, PydanticField(max_length=40, pattern=f"^({'|'.join(DIMENSIONS)})$")]


class NotApplicable(Fields):
    """Why one dimension needs no limit."""

    dimension: Dimension
    reason: Short


class ExposureFields(Fields):
    """The limits of exposure (使用规模上限): each dimension has a value or a reason why it does not apply."""

    people: People | None = Field(default=None, schema_extra={"json_schema_extra": {"unit": "people"}})
    volume: Number | None = None
    rate_per_day: Positive
    regions: Long | None = None
    sites: Long | None = None
    starts_on: Day | None = None
    days: Annotated[Whole, PydanticField(ge=1, le=360)]
    long_ground: Short | None = None
    autonomy: Autonomy | None = None
    data_classes: Long | None = None
    vulnerable_groups: Long | None = None
    money: Number | None = None
    hours: Number | None = None
    model_version: Short | None = None
    not_applicable: Annotated[list[NotApplicable], Rows] = []

    @model_validator(mode="after")
    def _ground_for_long(self) -> "ExposureFields":
        if self.days > 180 and not self.long_ground:
            raise ValueError("long_ground")
        return self


class ProtectionFields(Fields):
    """How people are protected."""

    vulnerable_groups: Long
    withdrawal_route: Long
    complaint_contact: Short


class GovernanceFields(Fields):
    """The record of governance: data flow, responsibility for the algorithm, transparency of the model."""

    data_flow: Long
    responsibility: Long
    transparency: Long


class CommitmentFields(Fields):
    """Declaration of conflicts and the commitment letter."""

    conflicts: Long
    conflicts_declared: Flag
    commitment_signed: Flag
    signatory: Short


class SafeguardsFields(Fields):
    """The four mandatory safeguards (保障措施) and how each works."""

    human_override: Flag
    output_reversal: Flag
    kill_switch: Flag
    complaint_channel: Flag
    description: Long


class KillSwitchFields(Fields):
    """One test of the kill switch (一键停用) and of the stop behaviour."""

    tested_on: Day
    tested_by: Short
    result: Long


class ConsentFields(Fields):
    """Consent or notice text with the five items, a tested way out; or the legal ground for asking none."""

    text: Long | None = None
    nature: Flag = False
    conditions: Flag = False
    rights: Flag = False
    reversal: Flag = False
    contact: Flag = False
    withdrawal_tested: Flag = False
    legal_ground: Long | None = None


class RedressFields(Fields):
    """Who pays if harm is done (风险补偿机制)."""

    mechanism: Short
    amount: Number
    contact: Short


class ExitPlanFields(Fields):
    """How the trial can be left early (退出机制)."""

    user_notice: Long
    recall: Long
    data_deletion: Long
    continuity: Long


class FilingStatus(StrEnum):
    """Where a filing stands."""

    DONE = "done"
    DUE = "due"
    NOT_REQUIRED = "not_required"


class FilingRow(Fields):
    """One statutory filing: done with a number, due with a date, or not required with a reason."""

    filing: Short
    status: FilingStatus
    number: Short | None = None
    due_on: Day | None = None
    reason: Short | None = None

    @model_validator(mode="after")
    def _said(self) -> "FilingRow":
        wanted = {FilingStatus.DONE: self.number, FilingStatus.DUE: self.due_on, FilingStatus.NOT_REQUIRED: self.reason}
        if not wanted[self.status]:
            raise ValueError("filing_detail")
        return self


class FilingsFields(Fields):
    """Algorithm filing, generative-AI filing, security assessment."""

    filings: Annotated[list[FilingRow], PydanticField(min_length=1, max_length=20)]


class DataAssessmentFields(Fields):
    """Personal data: whether any is used, and the assessment that covers it."""

    personal_data: Flag
    assessment: Short | None = None
    sensitive_data: Flag = False
    minors: Flag = False

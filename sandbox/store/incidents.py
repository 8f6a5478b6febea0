"""Incidents (事件), near misses (险情) and complaints, each with its versions."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeVar

import sqlalchemy as sa
from pydantic import Field as PydanticField
from pydantic import ValidationInfo, field_validator, model_validator
from sqlmodel import Field

from sandbox.rules.incident_clocks import Case, Harm, Operator, harm_fault, people_fault
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Code, Instant, Long, People, Short, Time, column_for

T = TypeVar("T")
Harms = Annotated[list[Harm], PydanticField(max_length=len(Harm))]


class IncidentKind(StrEnum):
    """What is recorded."""

    INCIDENT = "incident"
    NEAR_MISS = "near_miss"
    COMPLAINT = "complaint"
    EVENT = "event"


class Severity(StrEnum):
    """S1 is the gravest (death, irreversible harm), S4 the mildest."""

    S1 = "S1"
    S2 = "S2"
    S3 = "S3"
    S4 = "S4"


class CyberLevel(StrEnum):
    """The cyberspace authority's own four levels: another scale with its own thresholds."""

    LEVEL_1 = "level_1"
    LEVEL_2 = "level_2"
    LEVEL_3 = "level_3"
    LEVEL_4 = "level_4"


class IncidentState(StrEnum):
    """Open until what had to be done is done."""

    OPEN = "open"
    MITIGATED = "mitigated"
    CLOSED = "closed"


class IncidentFields(Fields):
    """What happened, when, when the firm became aware, and how grave it is. One per incident, not per victim."""

    kind: IncidentKind = Field(default=IncidentKind.INCIDENT, sa_column=column_for(IncidentKind))
    severity: Severity | None = Field(default=None, sa_column=column_for(Severity, nullable=True))
    harms: Harms = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    people_affected: People | None = None
    cyber_level: CyberLevel | None = Field(default=None, sa_column=column_for(CyberLevel, nullable=True))
    cyber_operator: Operator | None = Field(default=None, sa_column=column_for(Operator, nullable=True))
    indicator: Code | None = None
    occurred_at: Time = Field(sa_type=Instant)
    aware_at: Time | None = Field(default=None, sa_type=Instant)
    deployer_aware_at: Time | None = Field(default=None, sa_type=Instant)
    description: Long | None = None
    site: Short | None = None

    @model_validator(mode="after")
    def _classed(self) -> "IncidentFields":
        if self.kind is IncidentKind.INCIDENT and self.severity is None:
            raise ValueError("severity_missing")
        if any(aware < self.occurred_at for aware in (self.aware_at, self.deployer_aware_at) if aware):
            raise ValueError("aware_before")
        return self

    @field_validator("harms")
    @classmethod
    def _harm_fits(cls, harms: list[Harm], info: ValidationInfo) -> list[Harm]:
        return _unless(harm_fault(info.data.get("kind", ""), info.data.get("severity"), harms), harms)

    @field_validator("people_affected")
    @classmethod
    def _people_fit(cls, people: int | None, info: ValidationInfo) -> int | None:
        return _unless(people_fault(info.data.get("kind", ""), people), people)


def _unless(fault: str | None, value: T) -> T:
    if fault:
        raise ValueError(fault)
    return value


class ImportedEvent(IncidentFields):
    """One itemised event of a past record; its key makes a repeated import add nothing."""

    source_key: Short


class IncidentUpdate(Fields):
    """An amendment: what is now known, since when, or that it is mitigated or closed. Another kind needs a reason."""

    kind: IncidentKind | None = None
    severity: Severity | None = None
    harms: Harms | None = None
    people_affected: People | None = None
    cyber_level: CyberLevel | None = None
    cyber_operator: Operator | None = None
    known_at: Time | None = None
    state: IncidentState | None = None
    description: Long | None = None
    mitigation: Long | None = None
    reason: Long | None = None


class FinalReportFields(Fields):
    """The final report: the root cause, the harm that came of it, the redress given, and what changed."""

    root_cause: Long
    harm: Long
    redress: Long
    measures: Long
    people_affected: People | None = None


class Incident(IncidentFields, Row, table=True):
    """The current version; earlier ones are in `incident_versions`."""

    __tablename__ = "incidents"
    __table_args__ = (
        sa.UniqueConstraint("trial_id", "source_key"),
        sa.CheckConstraint("kind <> 'incident' OR severity IS NOT NULL", name="incident_is_classed"),
        sa.Index("ix_incidents_trial_id_id", "trial_id", "id"),
        sa.Index("ix_incidents_trial_id_occurred_at", "trial_id", "occurred_at"),
        *(sa.Index(f"ix_incidents_{name}_id", name, "id") for name in ("severity", "state", "kind")),
        sa.Index("ix_incidents_open", "trial_id", "severity", sqlite_where=sa.text("state <> 'closed'"),
                 postgresql_where=sa.text("state <> 'closed'")),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    epoch: int
    state: IncidentState = Field(sa_column=column_for(IncidentState))
    mitigation: str | None = None
    reported_at: datetime | None = Field(default=None, sa_column=when())
    version: int = 1
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    retracted: bool = False
    source_key: str | None = None


class IncidentVersion(Row, table=True):
    """What an incident said before an amendment, and why it was amended."""

    __tablename__ = "incident_versions"
    incident_id: str = Field(primary_key=True, foreign_key="incidents.id")
    version: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    reason: str | None = None
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))


class FinalReport(FinalReportFields, Row, table=True):
    """A version of an incident's final report; the last one counts."""

    __tablename__ = "final_reports"
    incident_id: str = Field(primary_key=True, foreign_key="incidents.id")
    version: int = Field(primary_key=True)
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))


INCIDENTS, INCIDENT_VERSIONS = Incident.__table__, IncidentVersion.__table__  # type: ignore[attr-defined]
FINAL_REPORTS = FinalReport.__table__  # type: ignore[attr-defined]


def case_of(incident: Mapping[Any, Any]) -> Case:
    """What the clocks of a kept incident depend on."""
    return Case(incident["kind"], incident["severity"], frozenset(incident["harms"]), incident["cyber_level"],
                incident["cyber_operator"])


def itemises(incident: Mapping[Any, Any]) -> tuple[str, ...]:
    """The events of reports that a record is one of; a complaint of grave harm is both."""
    case = Case(incident["kind"], incident["severity"])
    harm = (f"harm_{case.severity}",) if case.severity else ()
    if case.kind == IncidentKind.COMPLAINT:
        return ("complaint", *(harm if case.grave else ()))
    if case.kind == IncidentKind.NEAR_MISS:
        return ()
    return harm or ((incident["indicator"],) if incident["indicator"] else ())

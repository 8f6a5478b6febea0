"""Sections: the record in parts. A row of SECTIONS says what a kind holds, who writes it and in which states."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.rules.access import Relation
from sandbox.rules.lifecycle import STATES
from sandbox.store import admission as a
from sandbox.store import dossier as d
from sandbox.store import endings as e
from sandbox.store import running as r
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON

FIRM, OFFICER = (Relation.OWNER,), (Relation.OFFICER,)
BOTH, SEATS = (Relation.OWNER, Relation.OFFICER), (Relation.SEATED, Relation.CHAIR)
OPENING = ("draft", "correction")
BEFORE = ("draft", "submitted", "correction", "ethics_review", "expert_rereview", "admitted")
LIVE = ("trial", "tune", "suspended", "retrospective")
ENDING = ("exit_review", "winding_down")
STOPPED = ("suspended", "retrospective")
REVIEWED = ("submitted", "ethics_review", "expert_rereview", "admitted")


@dataclass(frozen=True, slots=True)
class SectionKind:
    """What may be filed under this name, by whom, in which states. `personal`: everyone writes their own."""

    kind: str
    fields: type[Fields]
    by: tuple[Relation, ...]
    states: tuple[str, ...]
    personal: bool = False


def section(kind: str, fields: type[Fields], by: tuple[Relation, ...], *states: Iterable[str],
            personal: bool = False) -> SectionKind:
    """A row of SECTIONS."""
    return SectionKind(kind, fields, by, tuple(s for group in states for s in group), personal)


SECTIONS = {row.kind: row for row in (
    section("parties", d.PartiesFields, FIRM, OPENING),
    section("system", d.SystemFields, FIRM, OPENING),
    section("risks", d.RisksFields, FIRM, OPENING),
    section("plan", d.PlanFields, FIRM, OPENING, ("admitted",)),
    section("exposure", d.ExposureFields, FIRM, OPENING, ("admitted",)),
    section("protection", d.ProtectionFields, FIRM, OPENING),
    section("governance", d.GovernanceFields, FIRM, OPENING),
    section("commitment", d.CommitmentFields, FIRM, OPENING),
    section("ethics_approval", a.EthicsApprovalFields, FIRM, OPENING, REVIEWED),
    section("eligibility", a.EligibilityFields, OFFICER, ("submitted",)),
    section("tier", a.TierFields, OFFICER, ("submitted", "ethics_review")),
    section("reasons", a.ReasonsFields, OFFICER, REVIEWED),
    section("safeguards", d.SafeguardsFields, FIRM, BEFORE, LIVE),
    section("kill_switch", d.KillSwitchFields, FIRM, BEFORE, LIVE, ("exit_review",)),
    section("consent", d.ConsentFields, FIRM, BEFORE),
    section("redress", d.RedressFields, FIRM, BEFORE),
    section("exit_plan", d.ExitPlanFields, FIRM, BEFORE, LIVE, ("exit_review",)),
    section("filings", d.FilingsFields, FIRM, BEFORE, LIVE, ("exit_review",)),
    section("data_assessment", d.DataAssessmentFields, FIRM, BEFORE),
    section("notice", a.NoticeFields, OFFICER, ("admitted",)),
    section("schedules", a.SchedulesFields, OFFICER, ("admitted",)),
    section("corrective_plan", r.CorrectivePlanFields, FIRM, LIVE, ("exit_review",)),
    section("retest", r.RetestFields, FIRM, ("tune",)),
    section("mitigation", r.MitigationFields, FIRM, STOPPED),
    section("void", r.VoidFields, OFFICER, ("suspended",)),
    section("retrospective", r.RetrospectiveFields, BOTH, ("retrospective",)),
    section("external_cause", r.ExternalCauseFields, OFFICER, STOPPED),
    section("results", r.ResultsFields, FIRM, LIVE, ("exit_review",)),
    section("score", e.ScoreFields, SEATS, ENDING, personal=True),
    section("gates", e.GatesFields, OFFICER, ENDING),
    section("exit_report", e.ExitReportFields, OFFICER, ENDING),
    section("countersignature", e.CountersignatureFields, BOTH, ENDING),
    section("wind_down", e.WindDownFields, BOTH, ("winding_down",)),
    section("failure_form", e.FailureFormFields, FIRM, ("winding_down",)),
    section("diligence", e.DiligenceFields, OFFICER, ("winding_down",)),
    section("termination", e.TerminationFields, OFFICER, ("winding_down",)),
    section("appeal", e.AppealFields, FIRM, ("declined", "terminated")),
)}

assert all(state in STATES for row in SECTIONS.values() for state in row.states)


class SectionRow(Row, table=True):
    """One version of a section; versions are never changed."""

    __tablename__ = "sections"
    __table_args__ = (
        sa.UniqueConstraint("trial_id", "kind", "version"),
        sa.CheckConstraint("version >= 1", name="version_positive"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    kind: str
    version: int
    body: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    author_id: str
    role: str
    at: datetime = Field(sa_column=when(nullable=False))


def in_force(trial: Mapping[Any, Any]) -> sa.ColumnElement[bool]:
    """Versions of sections that may be told of a trial to those outside: of the exposure the one that it runs under,
    not what its firm has filed since."""
    return sa.or_(SECTION_ROWS.c.kind != "exposure", SECTION_ROWS.c.version == trial["exposure_version"])


class Draft(Row, table=True):
    """What someone has typed so far, raw and unchecked (housekeeping, no log entry)."""

    __tablename__ = "drafts"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    kind: str = Field(primary_key=True)
    account_id: str = Field(primary_key=True)
    raw: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    at: datetime = Field(sa_column=when(nullable=False))


SECTION_ROWS, DRAFTS = SectionRow.__table__, Draft.__table__  # type: ignore[attr-defined]

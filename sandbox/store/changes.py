"""Stage adjustment (阶段调整): requests for a change of a running trial's plan, and the versions of a plan's terms.

A version is never changed: what becomes of a trial's plan is a new one, with the move or the request that made it.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.rules.changes import EXTENSION_MOST, ChangeKind
from sandbox.rules.terms import Version, in_turn
from sandbox.store.dossier import Autonomy, Metrics, NotApplicable, RiskRow, Rows
from sandbox.store.fields import Fields, Row, when
from sandbox.store.running import CorrectivePlanFields
from sandbox.store.trials import Environment
from sandbox.store.types import JSON, Answer, Day, Flag, Long, Number, People, Positive, Short, Whole, column_for


class ChangeFields(Fields):
    """What every request says: why, and where what speaks for it can be read."""

    reason: Long
    evidence_links: Long | None = None


class ContactFields(ChangeFields):
    """A1: who is to be turned to, since when."""

    sponsor_name: Short | None = None
    contact: Short | None = None
    complaint_contact: Short | None = None
    redress_contact: Short | None = None
    changed_on: Day


class NarrowingFields(ChangeFields):
    """A2: less than was agreed, which holds at once. What is left out stays as it is."""

    people: People | None = None
    volume: Number | None = None
    hours: Number | None = None
    money: Number | None = None
    regions: Long | None = None
    sites: Long | None = None
    autonomy: Autonomy | None = None
    environment: Environment | None = None


class MethodFields(ChangeFields):
    """A3: what is measured, and how; and the risk register, whole, with the risks that were found since."""

    objectives: Long | None = None
    methods: Long | None = None
    metrics: Metrics | None = None
    risks: Annotated[list[RiskRow], Rows] = []


class WideningFields(NarrowingFields):
    """A4: more than was agreed. Why a dimension needs no limit is said where that was not said before; the risks as
    they would be, the whole register, where there is more to be said of them."""

    data_classes: Long | None = None
    vulnerable_groups: Long | None = None
    rate_per_day: Positive | None = None
    not_applicable: Annotated[list[NotApplicable], Rows] = []
    risks: Annotated[list[RiskRow], Rows] = []


class ModelFields(ChangeFields):
    """A5: another model version, the regression run that was made with it, and whether it behaves as another class of
    system would."""

    model_version: Short
    regression: Long
    regression_passed: Flag
    behaves_otherwise: Flag = False


class ExtensionFields(ChangeFields):
    """A6: how many days more; the reason explains the need."""

    more_days: Annotated[Whole, PydanticField(ge=1, le=EXTENSION_MOST)]


class ImprovementFields(CorrectivePlanFields, ChangeFields):
    """A7: what the firm would put right, as a corrective plan."""


ASKED: dict[ChangeKind, type[ChangeFields]] = {
    ChangeKind.A1: ContactFields, ChangeKind.A2: NarrowingFields, ChangeKind.A3: MethodFields,
    ChangeKind.A4: WideningFields, ChangeKind.A5: ModelFields, ChangeKind.A6: ExtensionFields,
    ChangeKind.A7: ImprovementFields,
}
"""What is filed for each class."""


class ChangeState(StrEnum):
    """How a request stands. LAPSED: the trial left the states in which anything can be adjusted."""

    FILED = "filed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class ChangeDecision(Fields):
    """The regulator's answer, and why."""

    accept: Answer
    reason: Long


class ChangeRequest(Row, table=True):
    """One request. `asked` is what was filed, `differences` what it would change of which plan version; `review_id` the
    review that was called for it, `leads_to` the plan version that it made."""

    __tablename__ = "changes"
    __table_args__ = (
        sa.CheckConstraint("(state = 'filed') = (decided_at IS NULL)", name="decided_once"),
        sa.CheckConstraint("(state = 'accepted') = (leads_to IS NOT NULL)", name="accepted_makes_a_version"),
        sa.CheckConstraint("leads_to IS NULL OR leads_to > plan_version", name="leads_on"),
        sa.Index("ix_changes_trial_id_id", "trial_id", "id"),
        sa.Index("ix_changes_state_id", "state", "id"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    kind: ChangeKind = Field(sa_column=column_for(ChangeKind))
    state: ChangeState = Field(sa_column=column_for(ChangeState))
    asked: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    differences: list[dict[str, Any]] = Field(sa_column=sa.Column(JSON, nullable=False))
    plan_version: int
    leads_to: int | None = None
    review_id: str | None = Field(default=None, foreign_key="reviews.id")
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    decide_by: datetime | None = Field(default=None, sa_column=when())
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_column=when())
    decision: str | None = None


class PlanVersion(Row, table=True):
    """The terms of a trial's plan from an instant on, and what made them: a move, or a request."""

    __tablename__ = "plan_versions"
    __table_args__ = (sa.CheckConstraint("number >= 1", name="number_positive"),)
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    number: int = Field(primary_key=True)
    terms: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    move: str | None = None
    change_id: str | None = Field(default=None, foreign_key="changes.id", unique=True)
    at: datetime = Field(sa_column=when(nullable=False))


CHANGES, PLAN_VERSIONS = ChangeRequest.__table__, PlanVersion.__table__  # type: ignore[attr-defined]


def adjusted_versions(connection: sa.Connection, trial: Mapping[Any, Any]) -> tuple[Version, ...]:
    """The versions of a trial's terms, oldest first; none where there was ever one alone."""
    if trial["plan_version"] <= 1:
        return ()
    rows = connection.execute(sa.select(PLAN_VERSIONS.c.at, PLAN_VERSIONS.c.terms).where(
        PLAN_VERSIONS.c.trial_id == trial["id"]).order_by(PLAN_VERSIONS.c.number))
    return in_turn((row.at, row.terms) for row in rows)

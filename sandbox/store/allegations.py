"""Allegations: what the public, the press or other bodies say happened. They count towards yellow only, until an
officer makes an incident or a complaint of them, or dismisses them. No one but regulators ever sees one."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField
from pydantic import model_validator
from sqlmodel import Field

from sandbox.rules.incident_clocks import Harm
from sandbox.store.fields import Fields, Row, when
from sandbox.store.incidents import IncidentKind, Severity
from sandbox.store.types import Code, Instant, Long, People, Short, Time, column_for


class AllegationSource(StrEnum):
    """Where it comes from."""

    PUBLIC = "public"
    PRESS = "press"
    OTHER_BODY = "other_body"


class AllegationKind(StrEnum):
    """An event that is said to have happened, a complaint about service, or a report of wrongdoing (举报)."""

    EVENT = "event"
    COMPLAINT = "complaint"
    WRONGDOING = "wrongdoing"


class AllegationState(StrEnum):
    """Waiting for an officer; made into an incident or complaint; dismissed with a reason."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class AllegationFields(Fields):
    """What is said, by whom, and how grave it would be if it were true."""

    source: AllegationSource = Field(sa_column=column_for(AllegationSource))
    kind: AllegationKind = Field(sa_column=column_for(AllegationKind))
    severity: Severity | None = Field(default=None, sa_column=column_for(Severity, nullable=True))
    indicator: Code | None = None
    occurred_at: Time = Field(sa_type=Instant)
    received_at: Time | None = Field(default=None, sa_type=Instant)
    text: Long
    reference: Short | None = None

    @model_validator(mode="after")
    def _classed(self) -> "AllegationFields":
        if self.kind is AllegationKind.EVENT and self.severity is None and self.indicator is None:
            raise ValueError("severity_missing")
        return self


class ConfirmationFields(Fields):
    """What an officer makes of it, in words that the firm may read: the allegation itself never reaches it."""

    kind: IncidentKind
    severity: Severity | None = None
    harms: Annotated[list[Harm], PydanticField(max_length=10)] = []
    occurred_at: Time | None = None
    description: Long
    people_affected: People | None = None

    @model_validator(mode="after")
    def _classed(self) -> "ConfirmationFields":
        if self.kind is IncidentKind.INCIDENT and self.severity is None:
            raise ValueError("severity_missing")
        return self


class DismissalFields(Fields):
    """Why nothing follows from it."""

    reason: Long


class Allegation(AllegationFields, Row, table=True):
    """A kept allegation; `decide_by` is two hours after it came in for the first class, two working days otherwise."""

    __tablename__ = "allegations"
    __table_args__ = (
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided_once"),
        sa.CheckConstraint("state <> 'confirmed' OR incident_id IS NOT NULL", name="confirmed_as_an_incident"),
        sa.CheckConstraint("state <> 'dismissed' OR reason IS NOT NULL", name="dismissed_for_a_reason"),
        sa.Index("ix_allegations_trial_id_id", "trial_id", "id"),
        sa.Index("ix_allegations_waiting", "decide_by", sqlite_where=sa.text("state = 'waiting'"),
                 postgresql_where=sa.text("state = 'waiting'")),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    epoch: int
    state: AllegationState = Field(sa_column=column_for(AllegationState))
    decide_by: datetime = Field(sa_column=when(nullable=False))
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    incident_id: str | None = Field(default=None, foreign_key="incidents.id")
    reason: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_column=when())


ALLEGATIONS = Allegation.__table__  # type: ignore[attr-defined]

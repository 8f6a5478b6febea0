"""Retractions (撤回): a report or an incident taken back; it counts until a reviewer agrees."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Answer, Long, Short, column_for


class RetractionGround(StrEnum):
    """Filed twice, or about something that did not happen."""

    DUPLICATE = "duplicate"
    SPURIOUS = "spurious"


class RetractionState(StrEnum):
    """It waits for a reviewer of the trial's panel, who agrees or not."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"


class RetractionFields(Fields):
    """Why a report or an incident is taken back; of a duplicate, the number of the one that stays."""

    why: RetractionGround = Field(sa_column=column_for(RetractionGround))
    duplicate_of: Short | None = None
    reason: Long


class RetractionDecision(Fields):
    """A reviewer's word on a retraction, and what it rests on."""

    accept: Answer
    reason: Long


class Retraction(RetractionFields, Row, table=True):
    """What is to be taken back stays as it was filed; this row says why, and who agreed."""

    __tablename__ = "retractions"
    __table_args__ = (
        sa.CheckConstraint("(feedback_id IS NULL) <> (incident_id IS NULL)", name="one_object"),
        sa.CheckConstraint("(state = 'waiting') = (decided_by IS NULL)", name="decided_by_someone"),
        sa.Index("ix_retractions_feedback_id", "feedback_id"), sa.Index("ix_retractions_incident_id", "incident_id"),
        sa.Index("ix_retractions_trial_id_id", "trial_id", "id"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    feedback_id: str | None = Field(default=None, foreign_key="feedback.id")
    incident_id: str | None = Field(default=None, foreign_key="incidents.id")
    state: RetractionState = Field(sa_column=column_for(RetractionState))
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_column=when())
    decision_reason: str | None = None


RETRACTIONS = Retraction.__table__  # type: ignore[attr-defined]

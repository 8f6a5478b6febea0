"""Votes on a matter of one trial, and decisions that wait for a second person (four eyes)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.rules.access import Constituency, Relation
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Long, Short, column_for

SEATS = (Relation.SEATED, Relation.CHAIR)


@dataclass(frozen=True, slots=True)
class Matter:
    """What can be voted on, by whom and in which states; a reviewer with a seat on which panel. `subjects`: the vote
    names a section."""

    name: str
    by: tuple[Relation, ...]
    states: tuple[str, ...]
    panel: str | None = None
    subjects: tuple[str, ...] = ()

    @property
    def of_panel(self) -> bool:
        """Whether a panel decides it, by quorum; not a matter that one person settles."""
        return not self.subjects


APPROVABLE_STATES = ("submitted", "ethics_review", "expert_rereview", "admitted", "trial", "tune", "suspended",
                     "retrospective", "exit_review")
MATTERS = {row.name: row for row in (
    Matter("ethics", SEATS, ("ethics_review",), panel="review"),
    Matter("rereview", SEATS, ("expert_rereview",), panel="rereview"),
    Matter("opinion", SEATS, ("tune", "retrospective"), panel="running"),
    Matter("diligence", SEATS, ("winding_down",), panel="running"),
    Matter("sign", (Relation.OWNER, Relation.OFFICER), ("admitted", "retrospective", "winding_down"),
           subjects=("plan", "retrospective", "wind_down")),
    Matter("approve", (Relation.OFFICER,), APPROVABLE_STATES,
           subjects=("consent", "exit_plan", "exposure", "ethics_approval")),
    Matter("verify", (Relation.OFFICER, *SEATS), ("suspended", "retrospective"), panel="running",
           subjects=("mitigation",)),
)}
MatterName = StrEnum("MatterName", {name.upper(): name for name in MATTERS})  # type: ignore[misc]


class Value(StrEnum):
    """A vote. Abstentions are recorded and not counted."""

    FOR = "for"
    AGAINST = "against"
    ABSTAIN = "abstain"


class VoteFields(Fields):
    """A person's word on a matter, with the reason in their own words."""

    matter: MatterName = Field(sa_column=column_for(MatterName))
    value: Value = Field(sa_column=column_for(Value))
    subject: Short | None = None
    reason: Long | None = None


class VoteRow(VoteFields, Row, table=True):
    """Votes belong to a round and to a version (of the dossier, or of the section that is the subject)."""

    __tablename__ = "votes"
    __table_args__ = (sa.Index("ix_votes_trial_id_matter", "trial_id", "matter"),)
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    round: int
    version: int
    account_id: str
    organisation_id: str | None = None
    role: str
    constituency: Constituency | None = Field(default=None, sa_column=column_for(Constituency, nullable=True))
    external: bool = False
    at: datetime = Field(sa_column=when(nullable=False))


class Outcome(StrEnum):
    """How a decision stands. An expired or void one is never carried out."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    EXPIRED = "expired"
    VOID = "void"


class DecisionVoteFields(Fields):
    """The second person's word."""

    value: Value
    reason: Long | None = None


class DecisionRow(Row, table=True):
    """An act that waits for a second regulator: what would be done, what that rests on (the basis of a move), and the
    digest of both that the vote confirms."""

    __tablename__ = "decisions"
    __table_args__ = (
        sa.CheckConstraint("voted_by IS NULL OR voted_by <> proposed_by", name="two_people"),
        sa.CheckConstraint("(outcome IN ('confirmed', 'refused')) = (voted_by IS NOT NULL)", name="outcome_has_voter"),
        sa.Index("ix_decisions_waiting", "expires_at", sqlite_where=sa.text("outcome = 'waiting'"),
                 postgresql_where=sa.text("outcome = 'waiting'")),
    )
    id: str = Field(primary_key=True)
    act: str
    trial_id: str | None = Field(default=None, foreign_key="trials.id", index=True)
    move: str | None = None
    given: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    basis: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    digest: str
    proposed_by: str
    proposed_at: datetime = Field(sa_column=when(nullable=False))
    expires_at: datetime = Field(sa_column=when(nullable=False))
    outcome: Outcome = Field(sa_column=column_for(Outcome))
    voted_by: str | None = None
    voted_at: datetime | None = Field(default=None, sa_column=when())
    reason: str | None = None


VOTES, DECISIONS = VoteRow.__table__, DecisionRow.__table__  # type: ignore[attr-defined]

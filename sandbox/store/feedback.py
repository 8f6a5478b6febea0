"""Usage feedback (使用反馈): one period of use, with its denominators."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.rules.places import one_spelling
from sandbox.rules.risk import INDICATORS, Kind
from sandbox.store.distributions import Distributions
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Answer, Code, Figure, Flag, Instant, Long, Number, Short, Time, Whole, column_for

Place = Annotated[Short, AfterValidator(one_spelling)]


class GroupRow(Fields):
    """Outcomes of one group: how many, how many favourable."""

    attribute: Short
    group: Short
    n: Whole
    favourable: Whole
    true_positives: Whole | None = None
    positives: Whole | None = None
    false_positives: Whole | None = None
    negatives: Whole | None = None

    @field_validator("favourable", "positives", "negatives")
    @classmethod
    def _part_of_its_whole(cls, value: int | None, info: ValidationInfo) -> int | None:
        """No more than all of them: favourable outcomes of n, those found of all who were so."""
        name = info.field_name or ""
        part, whole = PARTS[name]
        known = {**info.data, name: value}
        if known.get(part) is not None and known.get(whole) is not None and known[part] > known[whole]:
            raise ValueError("part_above_whole")
        return value


PARTS = {"favourable": ("favourable", "n"), "positives": ("true_positives", "positives"),
         "negatives": ("false_positives", "negatives")}
"""Where it is seen that a part is more than its whole: at the later of the two."""


ONE_EACH = {row.denominator: row.events for row in INDICATORS.values() if row.kind is Kind.BERNOULLI}
"""Denominators of which a case has at most one of these events."""


def misfits(report: Mapping[str, Any]) -> dict[str, str]:
    """Fields of a report where a part is above its whole, and the fault of each: more new people than people, more
    events than the cases they are of. A batch's fast reader asks this too."""
    people, new, told = report.get("people"), report.get("people_new"), report.get("events") or {}
    found = {"people_new": "new_above_people"} if people is not None and new is not None and new > people else {}
    return found | {cases: "events_above_cases" for cases, events in ONE_EACH.items()
                    if report.get(cases) is not None and any(told.get(event, 0) > report[cases] for event in events)}


class FeedbackFields(Fields):
    """One period's report, half-open. Exposures are in the plan's unit; events are counts by indicator."""

    period_start: Time = Field(sa_type=Instant)
    period_end: Time = Field(sa_type=Instant)
    exposures: Number | None = None
    people: Whole | None = Field(default=None, sa_type=sa.BigInteger)
    people_new: Whole | None = Field(default=None, sa_type=sa.BigInteger)
    region: Place | None = None
    site: Place | None = None
    hours: Number | None = None
    money: Number | None = None
    events: Annotated[dict[Code, Whole], PydanticField(max_length=50)] = Field(
        default_factory=dict, sa_column=sa.Column(JSON, nullable=False))
    reviewed: Whole | None = Field(default=None, sa_type=sa.BigInteger)
    labelled: Whole | None = Field(default=None, sa_type=sa.BigInteger)
    groups: Annotated[list[GroupRow], PydanticField(max_length=200)] = Field(
        default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    distributions: Distributions = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    metrics: Annotated[dict[Code, Figure], PydanticField(max_length=100)] = Field(
        default_factory=dict, sa_column=sa.Column(JSON, nullable=False))
    model_version: Short | None = None
    narrative: Long | None = None
    nil: Flag = False

    @field_validator("people_new", *ONE_EACH)
    @classmethod
    def _fits(cls, number: int | None, info: ValidationInfo) -> int | None:
        name = str(info.field_name)
        fault = misfits({**info.data, name: number}).get(name)
        if fault:
            raise ValueError(fault)
        return number

    @field_validator("groups")
    @classmethod
    def _each_group_once(cls, rows: list[GroupRow]) -> list[GroupRow]:
        if len({(row.attribute, row.group) for row in rows}) < len(rows):
            raise ValueError("group_twice")
        return rows

    @model_validator(mode="after")
    def _one_period(self) -> "FeedbackFields":
        if self.period_end <= self.period_start:
            raise ValueError("period_backwards")
        if self.nil and (self.exposures or self.events):
            raise ValueError("nil_with_numbers")
        if self.exposures is None and not self.nil:
            raise ValueError("exposures_missing")
        return self


class ImportedReport(FeedbackFields):
    """A report of a period before adoption: exposures may be unknown, and then its rate is undefined, never zero."""

    source_key: Short

    @model_validator(mode="after")
    def _one_period(self) -> "ImportedReport":
        if self.period_end <= self.period_start:
            raise ValueError("period_backwards")
        return self


USES = {"volume": "exposures", "people": "people_new", "hours": "hours", "money": "money"}
"""What a report uses of each capped dimension: the field that says it."""


def site_key_of(site: str | None) -> str:
    """What tells one site from another: periods of one site never overlap, whatever its letters' case."""
    return (site or "").casefold()


class Feedback(FeedbackFields, Row, table=True):
    """A kept report. Epoch 0 is the record before adoption. `due_at` is the deadline of the period it is about (none
    for that record), `late` whether it came too late for it; `version` goes up with every correction that counts; one
    that is retracted counts nowhere.

    `seq` is its entry in the log; a line of a batch has the batch's instead, and a seal: sixteen bytes of salt and the
    digest of what was sent."""

    __tablename__ = "feedback"
    __table_args__ = (
        sa.CheckConstraint("period_end > period_start", name="period_forwards"),
        sa.CheckConstraint("exposures >= 0", name="exposures_not_negative"),
        sa.UniqueConstraint("trial_id", "source_key"),
        sa.CheckConstraint("version >= 1", name="version_counted"),
        sa.Index("ix_feedback_trial_id_period_start", "trial_id", "period_start"),
        sa.Index("ix_feedback_trial_id_id", "trial_id", "id"),
        *(sa.Index(f"ix_feedback_late_{'_'.join(names)}", *names, sqlite_where=sa.text("late = 1"),
                   postgresql_where=sa.text("late")) for names in (("id",), ("trial_id", "id"))),
        sa.Index("ix_feedback_trial_id_site_key_period_start", "trial_id", "site_key", "period_start"),
        sa.Index("ix_feedback_trial_id_seq", "trial_id", "seq", sqlite_where=sa.text("seq IS NOT NULL"),
                 postgresql_where=sa.text("seq IS NOT NULL")),
        sa.Index("ix_feedback_batch_id_line", "batch_id", "line", sqlite_where=sa.text("batch_id IS NOT NULL"),
                 postgresql_where=sa.text("batch_id IS NOT NULL")),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    epoch: int
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    site_key: str = ""
    due_at: datetime | None = Field(default=None, sa_column=when())
    late: bool = False
    version: int = 1
    retracted: bool = False
    source_key: str | None = None
    seq: int | None = Field(default=None, sa_type=sa.BigInteger)
    batch_id: str | None = Field(default=None, foreign_key="batches.id")
    line: int | None = None
    seal: bytes | None = None


class CorrectionState(StrEnum):
    """A correction that softens the record waits for an officer; the others apply at once."""

    WAITING = "waiting"
    APPLIED = "applied"
    REFUSED = "refused"


class CorrectionFields(Fields):
    """The report as it should have been, and why."""

    report: FeedbackFields
    reason: Long


class CorrectionDecision(Fields):
    """The officer's word on a correction that waits, and the evidence it rests on."""

    accept: Answer
    reason: Long


class Correction(Row, table=True):
    """A correction keeps the old version: `before` is what the report said, `after` what it should say. `version` is
    the one it made of the report; none while it does not count."""

    __tablename__ = "corrections"
    __table_args__ = (sa.Index("ix_corrections_feedback_id", "feedback_id"),)
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id", index=True)
    feedback_id: str = Field(foreign_key="feedback.id")
    state: CorrectionState = Field(sa_column=column_for(CorrectionState))
    before: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    after: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    reason: str
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    version: int | None = None
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_column=when())
    decision_reason: str | None = None


CORRECTIONS = Correction.__table__  # type: ignore[attr-defined]
FEEDBACK = Feedback.__table__  # type: ignore[attr-defined]

"""Sections of a running or stopped trial: corrective plan, retest, mitigation, retrospective, results, void."""

from typing import Annotated

from pydantic import Field as PydanticField

from sandbox.store.fields import Fields
from sandbox.store.trials import Tier
from sandbox.store.types import Day, Flag, Long, Number, Short


class CorrectiveRow(Fields):
    """One thing to put right (整改): owner, date and how it will be tested."""

    item: Short
    owner: Short
    due_on: Day
    acceptance_test: Short
    mandatory: Flag = True


class CorrectivePlanFields(Fields):
    """The corrective plan. When tuning begins each row becomes a corrective item: done by one person, verified by
    another."""

    items: Annotated[list[CorrectiveRow], PydanticField(min_length=1, max_length=100)]


class RetestFields(Fields):
    """The retest after the corrective items were done, and whether it meets the pass lines."""

    retest_passed: Flag
    retest: Long


class MitigationFields(Fields):
    """Cause found, what was done, and the risk that remains. Verified by someone else's vote."""

    cause: Long
    mitigation: Long
    residual_tier: Tier


class VoidFields(Fields):
    """Why the cause did not exist (误报撤销), on whose advice, and that the firm was told."""

    reason: Annotated[Long, PydanticField(min_length=20)]
    adviser: Short
    firm_told: Flag


class RetrospectiveFields(Fields):
    """The report of the post-suspension review (中止复盘): one side files it, the other signs that version."""

    events: Long
    causes: Long
    plan_missed: Long
    safeguards_worked: Long
    decision: Long
    lessons: Long


class ExternalCauseFields(Fields):
    """Why the cause lies outside the system under test."""

    cause: Long
    evidence: Long


class MeasuredRow(Fields):
    """One plan metric as measured."""

    name: Short
    value: Number
    note: Short | None = None


class ResultsFields(Fields):
    """What was measured against the plan."""

    metrics: Annotated[list[MeasuredRow], PydanticField(min_length=1, max_length=100)]
    summary: Long

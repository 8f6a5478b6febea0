"""The regulator's sections before a start: eligibility, tier, reasons, notice, schedules; an ethics approval."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field as PydanticField

from sandbox.store.fields import Fields
from sandbox.store.trials import Environment, Tier
from sandbox.store.types import Day, Flag, Long, Short, Whole


class EligibilityFields(Fields):
    """Five ticks with a note, and the two exclusions."""

    in_scope: Flag
    novel: Flag
    public_benefit: Flag
    sandbox_needed: Flag
    ready_to_test: Flag
    not_on_market: Flag
    not_prohibited: Flag
    note: Long


class TierFields(Fields):
    """Risk tier, the listed question with the officer's signature, and the environment level."""

    tier: Tier
    listed: Flag
    listing_signed: Flag
    environment: Environment
    note: Long | None = None


class Basis(StrEnum):
    """The ground a refusal, a return or a revocation rests on."""

    INCOMPLETE = "incomplete"
    NOT_ELIGIBLE = "not_eligible"
    RISK_TOO_HIGH = "risk_too_high"
    PANEL_AGAINST = "panel_against"
    FALSE_STATEMENT = "false_statement"
    LAW_CHANGED = "law_changed"


class ReasonsFields(Fields):
    """Written reasons of at least a paragraph, their basis, and the notice of appeal."""

    reasons: Annotated[Long, PydanticField(min_length=20)]
    basis: Basis
    appeal_notice: Flag


class NoticeFields(Fields):
    """Public notice (公示) and what became of objections."""

    published_on: Day
    address: Short
    objections: Whole = 0
    objections_answered: Flag


Days = Annotated[Whole, PydanticField(ge=1, le=366)]


class SchedulesFields(Fields):
    """The schedule of feedback and reviews; a blank number is the tier's own."""

    first_review_day: Days | None = None
    review_every_days: Days | None = None
    feedback_every_days: Days | None = None
    note: Short | None = None


class EthicsApprovalFields(Fields):
    """An existing approval by an ethics committee; stands for the panel in the simplified procedure."""

    committee: Short
    number: Short
    approved_on: Day

"""Scenarios (限定场景): where algorithms may be tried, and the limits that hold for every trial in them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.rules.questions import TEMPLATES
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Day, Long, Number, People, Short, Whole, column_for


class ScenarioStatus(StrEnum):
    """Open scenarios take applications."""

    DRAFT = "draft"
    OPEN = "open"
    CLOSED = "closed"


ScenarioTemplate = StrEnum("ScenarioTemplate", {code.upper(): code for code in TEMPLATES})  # type: ignore[misc]
"""Kinds of use (场景模板) that a scenario can be of: reviewers are asked about what goes wrong with such a use."""


class ScenarioFields(Fields):
    """A place of trial with its limits: no trial in it may ask for more people, uses or days than these."""

    title: Short
    title_hant: Short | None = None
    title_en: Short | None = None
    description: Long
    template: ScenarioTemplate | None = Field(default=None, sa_column=column_for(ScenarioTemplate, nullable=True))
    unit: Short = Field(default="uses")
    max_people: People | None = None
    max_volume: Number | None = None
    max_days: Annotated[Whole, PydanticField(ge=1, le=360)] = 180
    regions: Long | None = None
    opens_on: Day | None = None
    closes_on: Day | None = None
    status: ScenarioStatus = Field(default=ScenarioStatus.OPEN, sa_column=column_for(ScenarioStatus, index=True))


class ScenarioChange(Fields):
    """What changes of a scenario; what is not named stays, and None empties what may be empty."""

    title: Short | None = None
    title_hant: Short | None = None
    title_en: Short | None = None
    description: Long | None = None
    template: ScenarioTemplate | None = None
    unit: Short | None = None
    max_people: People | None = None
    max_volume: Number | None = None
    max_days: Whole | None = None
    regions: Long | None = None
    opens_on: Day | None = None
    closes_on: Day | None = None
    status: ScenarioStatus | None = None


class Scenario(ScenarioFields, Row, table=True):
    """One row a scenario; the lead department's organisation sees its trials."""

    __tablename__ = "scenarios"
    id: str = Field(primary_key=True)
    lead_id: str | None = Field(default=None, foreign_key="organisations.id", index=True)
    version: int = 1
    created_at: datetime = Field(sa_column=when(nullable=False))


SCENARIOS = Scenario.__table__  # type: ignore[attr-defined]

"""New law and guidance (新规与指引): recorded by a regulator, for every kind of use or for those it names."""

from datetime import date, datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.scenarios import ScenarioTemplate
from sandbox.store.types import JSON, Day, Long, Short


class GuidanceFields(Fields):
    """What is new: its name and number, what it changes, from which day; for which kinds of use, all where none is
    named."""

    title: Short
    title_hant: Short | None = None
    title_en: Short | None = None
    reference: Short | None = None
    summary: Long
    in_force_on: Day | None = None
    templates: Annotated[list[ScenarioTemplate], PydanticField(max_length=len(ScenarioTemplate))] = Field(
        default_factory=list, sa_column=sa.Column(JSON, nullable=False))


class Guidance(GuidanceFields, Row, table=True):
    """One row a record; `trials` is how many it concerned when it was recorded."""

    __tablename__ = "guidance"
    __table_args__ = (sa.Index("ix_guidance_at", "at"),)
    id: str = Field(primary_key=True)
    in_force_on: date | None = None
    trials: int
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))


GUIDANCE = Guidance.__table__  # type: ignore[attr-defined]

"""Distributions over ten bins (分布): the reference that a plan fixes, and what reports say of each period."""

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField
from pydantic import model_validator
from sqlmodel import Field

from sandbox.rules.drift import BINS
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Code, Short, Whole, once_each

Counts = Annotated[list[Whole], PydanticField(min_length=BINS, max_length=BINS)]
MOST = PydanticField(max_length=20)


class DistributionRow(Fields):
    """How many cases of the period fell into each of the ten bins that the plan fixed, in their order."""

    name: Code
    counts: Counts


class BaselineRow(DistributionRow):
    """A distribution that is watched (基准分布): how its ten bins are cut, and how many cases of a reference sample
    fell into each."""

    cut: Short

    @model_validator(mode="after")
    def _some(self) -> "BaselineRow":
        if not sum(self.counts):
            raise ValueError("baseline_empty")
        return self


Distributions = Annotated[list[DistributionRow], MOST, once_each("name")]
Baselines = Annotated[list[BaselineRow], MOST, once_each("name")]


class Baseline(Row, table=True):
    """A reference distribution, frozen at the start."""

    __tablename__ = "baselines"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    name: str = Field(primary_key=True)
    cut: Short
    counts: list[int] = Field(sa_column=sa.Column(JSON, nullable=False))


class Distribution(Row, table=True):
    """What reports say of one distribution in one reporting period, added up. Once the period has closed it is looked
    at: index and bound are those of that look, and blank again when a count changes, which asks for another."""

    __tablename__ = "distributions"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    epoch: int = Field(primary_key=True)
    name: str = Field(primary_key=True)
    period: int = Field(primary_key=True)
    bin_1: int = Field(default=0, sa_type=sa.BigInteger)
    bin_2: int = Field(default=0, sa_type=sa.BigInteger)
    bin_3: int = Field(default=0, sa_type=sa.BigInteger)
    bin_4: int = Field(default=0, sa_type=sa.BigInteger)
    bin_5: int = Field(default=0, sa_type=sa.BigInteger)
    bin_6: int = Field(default=0, sa_type=sa.BigInteger)
    bin_7: int = Field(default=0, sa_type=sa.BigInteger)
    bin_8: int = Field(default=0, sa_type=sa.BigInteger)
    bin_9: int = Field(default=0, sa_type=sa.BigInteger)
    bin_10: int = Field(default=0, sa_type=sa.BigInteger)
    looked_at: datetime | None = Field(default=None, sa_column=when())
    psi: float | None = None
    bound: float | None = None


BASELINES, DISTRIBUTIONS = Baseline.__table__, Distribution.__table__  # type: ignore[attr-defined]
IN_BINS = tuple(DISTRIBUTIONS.c[f"bin_{place}"] for place in range(1, BINS + 1))

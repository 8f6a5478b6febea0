"""What a reviewer is paid for one review of each kind, from which day on. Nothing of how or where it is paid."""

from datetime import date, datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.reviews import ReviewKind
from sandbox.store.types import Day, Exact, Number, column_for


class FeeFields(Fields):
    """The fee for one opinion on a review of this kind, held on this day or later."""

    review_kind: ReviewKind = Field(sa_column=column_for(ReviewKind))
    fee: Annotated[Number, PydanticField(le=1_000_000)] = Field(sa_type=Exact)
    valid_from: Day


class FeeRow(FeeFields, Row, table=True):
    """One fee; of two for the same day the one set later holds."""

    __tablename__ = "fees"
    __table_args__ = (sa.Index("ix_fees_review_kind_valid_from", "review_kind", "valid_from"),)
    id: str = Field(primary_key=True)
    valid_from: date
    set_by: str
    at: datetime = Field(sa_column=when(nullable=False))


FEES = FeeRow.__table__  # type: ignore[attr-defined]

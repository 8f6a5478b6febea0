"""Yearly reports of the sandbox itself (年度报告): what is owed, by when, and that it was made."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Long, Short


class AnnualReportFields(Fields):
    """That the report was made: under which reference, and what it says in short."""

    reference: Short | None = None
    summary: Long


class AnnualReport(Row, table=True):
    """One report that is owed: `key` is its row of the clocks table, C24.ethics or C24.sandbox."""

    __tablename__ = "annual_reports"
    __table_args__ = (
        sa.UniqueConstraint("key", "started_at"),
        sa.CheckConstraint("(filed_at IS NULL) = (filed_by IS NULL)", name="filed_by_someone"),
        sa.Index("ix_annual_reports_due_at_id", "due_at", "id"),
    )
    id: str = Field(primary_key=True)
    key: str
    started_at: datetime = Field(sa_column=when(nullable=False))
    due_at: datetime = Field(sa_column=when(nullable=False))
    filed_at: datetime | None = Field(default=None, sa_column=when())
    filed_by: str | None = None
    reference: str | None = None
    summary: str | None = None


ANNUAL_REPORTS = AnnualReport.__table__  # type: ignore[attr-defined]

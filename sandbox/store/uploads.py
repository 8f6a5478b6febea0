"""Uploads (文件上传): a file of reports on its way, from its columns over a check to a batch. Housekeeping, no record:
a row says how far the job has come, so that whoever reloads the page sees it; the batch is what is kept."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Row, when
from sandbox.store.types import JSON, column_for


class UploadState(StrEnum):
    """What waits for a person (received, checked), what runs (checking, keeping), and how it ended."""

    RECEIVED = "received"
    CHECKING = "checking"
    CHECKED = "checked"
    KEEPING = "keeping"
    KEPT = "kept"
    FAILED = "failed"


RUNS = (UploadState.CHECKING, UploadState.KEEPING)


class Upload(Row, table=True):
    """One file. `columns` names the field of each heading, or none; `found` is what the check said; `beat_at` when the
    job last came on; `problem` why it did not."""

    __tablename__ = "uploads"
    __table_args__ = (sa.Index("ix_uploads_trial_id_id", "trial_id", "id"), sa.Index("ix_uploads_at", "at"))
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    organisation_id: str
    author_id: str
    name: str
    sent: str
    state: UploadState = Field(sa_column=column_for(UploadState))
    at: datetime = Field(sa_column=when(nullable=False))
    beat_at: datetime = Field(sa_column=when(nullable=False))
    headings: list[str] = Field(sa_column=sa.Column(JSON, nullable=False))
    samples: list[list[str]] = Field(sa_column=sa.Column(JSON, nullable=False))
    columns: list[str | None] = Field(sa_column=sa.Column(JSON, nullable=False))
    through: bool = False
    partial: bool = False
    done: int = 0
    found: dict[str, Any] = Field(default_factory=dict, sa_column=sa.Column(JSON, nullable=False))
    batch_id: str | None = None
    problem: str | None = None


class ColumnMeaning(Row, table=True):
    """What a firm's heading meant in a trial when it was last used; the blank heading keeps how ends are written."""

    __tablename__ = "column_meanings"
    __table_args__ = (sa.Index("ix_column_meanings_organisation_id_heading", "organisation_id", "heading"),)
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    heading: str = Field(primary_key=True)
    organisation_id: str
    field: str
    at: datetime = Field(sa_column=when(nullable=False))


UPLOADS, COLUMN_MEANINGS = Upload.__table__, ColumnMeaning.__table__  # type: ignore[attr-defined]

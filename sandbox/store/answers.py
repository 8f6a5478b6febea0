"""Answers already given, by actor and key: a repeated request gets the stored one, in the same transaction."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Row, when
from sandbox.store.types import JSON

KEPT_DAYS = 30


class Answer(Row, table=True):
    """What an act answered under a key; the digest tells the same body from another."""

    __tablename__ = "answers"
    __table_args__ = (sa.Index("ix_answers_at", "at"),)
    actor_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    act: str
    digest: str
    answer: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    at: datetime = Field(sa_column=when(nullable=False))


ANSWERS = Answer.__table__  # type: ignore[attr-defined]

"""What of a trial's time is told: spans beyond the first gap, use ruled out ahead, and places that were used."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from pydantic import model_validator
from sqlmodel import Field

from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.reporting import Span
from sandbox.store.batches import COUNTS
from sandbox.store.feedback import FEEDBACK
from sandbox.store.fields import Fields, Row, when
from sandbox.store.trials import MOVES_MADE
from sandbox.store.types import Instant, Long, Time, column_for


class Island(Row, table=True):
    """Time that is told although something before it is not. Separate spans; `trials.covered_until` is where the
    told time ends that has no gap."""

    __tablename__ = "islands"
    __table_args__ = (sa.CheckConstraint("end_at > start_at", name="island_forwards"),)
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    start_at: datetime = Field(sa_column=sa.Column(Instant(), primary_key=True))
    end_at: datetime = Field(sa_column=when(nullable=False))


class NoUseState(StrEnum):
    """A plan stands until a report of use shows that it did not hold, or the firm takes it back."""

    STANDS = "stands"
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"


class NoUseFields(Fields):
    """No use planned (无使用计划), filed ahead: counts as a nil report of its span, half-open."""

    period_start: Time = Field(sa_type=Instant)
    period_end: Time = Field(sa_type=Instant)
    reason: Long | None = None

    @model_validator(mode="after")
    def _forwards(self) -> "NoUseFields":
        if self.period_end <= self.period_start:
            raise ValueError("period_backwards")
        return self


class NoUse(NoUseFields, Row, table=True):
    """A planned span; `holds_until` is where it ends in truth, its own end unless it was replaced or withdrawn."""

    __tablename__ = "no_use"
    __table_args__ = (
        sa.CheckConstraint("period_end > period_start", name="plan_forwards"),
        sa.CheckConstraint("(state = 'replaced') = (replaced_by IS NOT NULL)", name="replaced_by_a_report"),
        sa.Index("ix_no_use_trial_id_period_start", "trial_id", "period_start"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    holds_until: datetime = Field(sa_column=when(nullable=False))
    state: NoUseState = Field(sa_column=column_for(NoUseState))
    replaced_by: str | None = Field(default=None, foreign_key="feedback.id", index=True)
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))


class PlaceKind(StrEnum):
    """What a plan may limit by place."""

    REGION = "region"
    SITE = "site"


class PlaceUsed(Row, table=True):
    """A region or site that a report named, by its one spelling."""

    __tablename__ = "places"
    __table_args__ = (sa.CheckConstraint("kind IN ('region', 'site')", name="kind_of_place"),)
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    kind: str = Field(primary_key=True)
    key: str = Field(primary_key=True)


ISLANDS, NO_USE, PLACES = Island.__table__, NoUse.__table__, PlaceUsed.__table__  # type: ignore[attr-defined]


def owed_from(trial: Mapping[Any, Any]) -> datetime:
    """Where the first untold moment of the present run lies."""
    start: datetime = max(trial["covered_until"] or trial["starts_at"], trial["owed_since"] or trial["starts_at"])
    return start


def islands_of(connection: sa.Connection, trial: Mapping[Any, Any]) -> tuple[Span, ...]:
    """What is told beyond the first gap, earliest first."""
    if not trial["islands"]:
        return ()
    query = sa.select(ISLANDS.c.start_at, ISLANDS.c.end_at).where(ISLANDS.c.trial_id == trial["id"])
    return tuple((row[0], row[1]) for row in connection.execute(query.order_by(ISLANDS.c.start_at)))


def standing_spans(connection: sa.Connection, trial_id: str, since: datetime) -> list[Span]:
    """The spans of all reports and plans of a trial that stand and end after an instant."""
    reports = sa.select(FEEDBACK.c.period_start, FEEDBACK.c.period_end).where(
        FEEDBACK.c.trial_id == trial_id, FEEDBACK.c.epoch > 0, COUNTS, FEEDBACK.c.period_end > since)
    plans = sa.select(NO_USE.c.period_start, NO_USE.c.holds_until).where(
        NO_USE.c.trial_id == trial_id, NO_USE.c.holds_until > since, NO_USE.c.holds_until > NO_USE.c.period_start)
    return [(row[0], row[1]) for query in (reports, plans) for row in connection.execute(query)]


def runs_of(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> Iterator[Span]:
    """When a trial ran, from its moves; the last run goes on."""
    made = connection.execute(sa.select(MOVES_MADE.c.source, MOVES_MADE.c.target, MOVES_MADE.c.at).where(
        MOVES_MADE.c.trial_id == row["id"]).order_by(MOVES_MADE.c.seq, MOVES_MADE.c.id))
    since = None
    for move in made:
        if move.target in RUNNING and since is None:
            since = move.at
        elif move.target not in RUNNING and since is not None:
            yield since, move.at
            since = None
    if since is not None:
        yield since, max(now, row["ends_at"] or now)

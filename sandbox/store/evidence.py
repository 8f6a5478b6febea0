"""What is kept of the light: epochs, the states of settled periods, every assessment as it was made, and late reds.

The ledger (feedback, incidents, counters) is the truth; states are a cache that a replay gives again. An assessment is
never changed: a database trigger refuses it, as for the log.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import groupby
from typing import Any

import orjson
import sqlalchemy as sa
from sqlmodel import Field

from sandbox.rules.epoch import Epoch, Row, Usage, Watch
from sandbox.rules.evidence import ChangeAware, bets
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.reporting import Span, joined, untold
from sandbox.rules.risk import Light, single
from sandbox.store.coverage import islands_of, owed_from, runs_of, standing_spans
from sandbox.store.engine import Statement
from sandbox.store.fields import Row as Table
from sandbox.store.fields import when
from sandbox.store.trials import COUNTERS, HAPPENED, LIMITS
from sandbox.store.types import JSON, MILLION, Long, column_for


class EpochRow(Table, table=True):
    """One epoch of a trial's evidence. `stale`: something was told late of it, and it waits to be replayed.
    `over_budget`: its S2 incidents reached the agreed budget, then or by what was told late."""

    __tablename__ = "epochs"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    epoch: int = Field(primary_key=True)
    opened_at: datetime = Field(sa_column=when(nullable=False))
    planned: int
    stale: bool = False
    over_budget: bool = False


class State(Table, table=True):
    """The evidence of one indicator after its settled periods: six logarithms, one a factor, and what they rest on.
    `groups` is that of an indicator which compares groups; empty, it waits to be compared anew."""

    __tablename__ = "states"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    epoch: int = Field(primary_key=True)
    indicator: str = Field(primary_key=True)
    closed: int = 0
    log_1: float | None = None
    log_2: float | None = None
    log_3: float | None = None
    log_4: float | None = None
    log_5: float | None = None
    log_6: float | None = None
    events: int = Field(default=0, sa_type=sa.BigInteger)
    exposures: float = 0.0
    chain: str = ""
    groups: dict[str, Any] | None = Field(default=None, sa_column=sa.Column(JSON))


class Assessment(Table, table=True):
    """The light as it was judged at one instant: inputs and their digest, evidence, thresholds, engine, light.

    `inputs` has, by indicator, events and exposures as counted, the evidence, the digest of the settled periods behind
    them, and the open ones. Red came by the statistics where `log_e` is at least `red`."""

    __tablename__ = "assessments"
    __table_args__ = (sa.Index("ix_assessments_trial_id_at", "trial_id", "at"),)
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    number: int = Field(primary_key=True)
    at: datetime = Field(sa_column=when(nullable=False))
    seq: int = Field(sa_type=sa.BigInteger)
    epoch: int
    engine: str
    light: Light = Field(sa_column=column_for(Light))
    log_e: float
    log_e_told: float
    yellow: float
    red: float
    inputs: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    digest: str


class LateRedState(StrEnum):
    """A late red waits for an officer, who stops the trial or lets it run on."""

    WAITING = "waiting"
    STOPPED = "stopped"
    LEFT = "left"


class LateRed(Table, table=True):
    """A replay found evidence over red in a past period although it is not there now; or, `s2`, so many S2 incidents in
    a closed epoch as its budget bears. An officer decides."""

    __tablename__ = "late_reds"
    __table_args__ = (
        sa.Index("ix_late_reds_trial_id_epoch", "trial_id", "epoch"),
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="waiting_is_undecided"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    epoch: int
    period: int
    log_e: float
    s2: int | None = None
    at: datetime = Field(sa_column=when(nullable=False))
    due_at: datetime = Field(sa_column=when(nullable=False))
    state: LateRedState = Field(sa_column=column_for(LateRedState))
    decided_at: datetime | None = Field(default=None, sa_column=when())
    decided_by: str | None = None
    reason: Long | None = None


EPOCHS, STATES = EpochRow.__table__, State.__table__  # type: ignore[attr-defined]
ASSESSMENTS, LATE_REDS = Assessment.__table__, LateRed.__table__  # type: ignore[attr-defined]
COMPARES = "disparity"
"""The indicator that compares groups."""
LOGS = tuple(STATES.c[f"log_{place}"] for place in range(1, 7))


def epoch_of(trial: Mapping[Any, Any], zone: tzinfo, row: Mapping[Any, Any] | None = None) -> Epoch:
    """The schedule of the trial's present epoch, or of the one of this row."""
    opened = row["opened_at"] if row else trial["epoch_since"] or trial["starts_at"]
    planned = row["planned"] if row else trial["planned_periods"]
    return Epoch(trial["starts_at"], trial["feedback_days"], zone, opened, planned, trial["rate_per_day"])


def epoch_before(trial: Mapping[Any, Any], zone: tzinfo, first: int) -> Epoch:
    """The record before adoption as an epoch of its own, from its first period on."""
    days = timedelta(days=trial["feedback_days"] * (1 - first))
    return Epoch(trial["starts_at"], trial["feedback_days"], zone, trial["starts_at"] - days, max(1, 1 - first), None)


def untold_since(trial: Mapping[Any, Any]) -> datetime:
    """Where the time begins of which nothing is told."""
    return owed_from(trial)


def untold_spans(connection: sa.Connection, trial: Mapping[Any, Any], now: datetime) -> tuple[Span, ...]:
    """Time of the present run of which nothing is told, neither by reports nor by a plan not to use: the denominator of
    events already told is never taken smaller than the reports say, nor the events judged without one. A trial that
    stands still uses nothing."""
    return untold(islands_of(connection, trial), owed_from(trial), now) if trial["state"] in RUNNING else ()


def usage_then(connection: sa.Connection, trial: Mapping[Any, Any], number: int, epoch: Epoch) -> Usage:
    """What a closed epoch may count: what it was told, and the rate of the caps while it ran and nothing was told."""
    ended: datetime = connection.execute(sa.select(EPOCHS.c.opened_at).where(
        EPOCHS.c.trial_id == trial["id"], EPOCHS.c.epoch == number + 1)).scalar_one()
    told = joined(standing_spans(connection, trial["id"], epoch.opened_at))
    spans = [gap for start, end in runs_of(connection, trial, ended)
             for gap in untold(told, max(start, epoch.opened_at), min(end, ended))]
    return Usage(epoch, spans, ended)


_epoch: sa.BindParameter[int] = sa.bindparam("epoch")
_watched = Statement(
    sa.select(LIMITS.c.indicator, LIMITS.c.per_exposure, LIMITS.c.weight, STATES.c.groups, STATES.c.closed, *LOGS,
              STATES.c.events, STATES.c.exposures, STATES.c.chain,
              COUNTERS.c.period, HAPPENED, COUNTERS.c.alleged, COUNTERS.c.exposures.label("told"))
    .select_from(LIMITS.outerjoin(STATES, sa.and_(
        STATES.c.trial_id == LIMITS.c.trial_id, STATES.c.indicator == LIMITS.c.indicator, STATES.c.epoch == _epoch,
    )).outerjoin(COUNTERS, sa.and_(
        COUNTERS.c.trial_id == LIMITS.c.trial_id, COUNTERS.c.indicator == LIMITS.c.indicator,
        COUNTERS.c.epoch == _epoch, COUNTERS.c.period > sa.bindparam("after"))))
    .where(LIMITS.c.trial_id == sa.bindparam("trial_id")).order_by(LIMITS.c.indicator, COUNTERS.c.period))
_EVER = -1_000_000


def watches(connection: sa.Connection, trial_id: str, number: int, epoch: Epoch, settled: int = 0) -> tuple[Watch, ...]:
    """Every agreed indicator with its state after so many settled periods, and the periods after those. With none
    settled all periods come, whatever states are kept: that is a replay."""
    first = epoch.first
    rows = _watched.run(connection, {"trial_id": trial_id, "epoch": number,
                                     "after": first + settled - 1 if settled else _EVER}).fetchall()
    return tuple(_watch([*each], first, epoch.planned, settled) for _, each in groupby(rows, key=lambda row: row[0]))


def _watch(rows: list[Any], first: int, planned: int, settled: int) -> Watch:
    indicator, limit, weight, groups, closed = rows[0][:5]
    found = tuple([Row(row[14] - first + 1, row[15], row[16], float(row[17]) / MILLION)
                   for row in rows if row[14] is not None])
    state = ChangeAware(planned, bets(limit, single(indicator)))
    if indicator == COMPARES:
        body = _plain(groups)
        log = 0.0 if body is None else body.get("log_e", math.nan)
        return Watch(indicator, limit, weight, state, log_groups=log)
    if not (settled and closed is not None):
        return Watch(indicator, limit, weight, state, found)
    if closed:
        state = ChangeAware(planned, state.bets, closed, tuple(rows[0][5:11]))
    return Watch(indicator, limit, weight, state, found, *rows[0][11:14])


def _plain(value: Any) -> Any:
    """JSON as the driver gives it: text on SQLite."""
    return orjson.loads(value) if isinstance(value, str | bytes) else value

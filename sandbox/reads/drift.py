"""Drift of what a model sees or says (模型漂移): each period of each watched distribution against its reference."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.rules.drift import BINS, Look, cases_needed, look
from sandbox.rules.epoch import Epoch
from sandbox.store.distributions import BASELINES, DISTRIBUTIONS, IN_BINS
from sandbox.store.evidence import epoch_of


@dataclass(frozen=True, slots=True)
class DriftPeriod:
    """One reporting period, numbered within the epoch, and its end. `looked_at`: when it was judged; None for one that
    is still open, or waits to be looked at anew, and then look says how it stands so far."""

    number: int
    ends: datetime
    look: Look
    looked_at: datetime | None


@dataclass(frozen=True, slots=True)
class DriftLine:
    """One watched distribution: the size of its reference sample, its periods in order, and how many cases a period
    needs to tell a large shift from chance: None where the reference is too small for that."""

    name: str
    cut: str
    reference: int
    periods: tuple[DriftPeriod, ...]
    needed: int | None


def names(connection: sa.Connection, trial_id: str) -> tuple[str, ...]:
    """The distributions that are watched."""
    return tuple(connection.execute(sa.select(BASELINES.c.name).where(BASELINES.c.trial_id == trial_id).order_by(
        BASELINES.c.name)).scalars())


def drift(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, zone: tzinfo) -> tuple[DriftLine, ...]:
    """Every watched distribution of a trial in its present epoch; the caller has narrowed to the trial."""
    known = connection.execute(sa.select(BASELINES).where(BASELINES.c.trial_id == row["id"]).order_by(
        BASELINES.c.name)).all()
    if not known or row["starts_at"] is None:
        return ()
    epoch, told = epoch_of(row, zone), _told(connection, row)
    return tuple(_line(one, told.get(one.name, []), epoch, len(known), now) for one in known)


def _told(connection: sa.Connection, row: Mapping[Any, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in connection.execute(sa.select(DISTRIBUTIONS).where(
            DISTRIBUTIONS.c.trial_id == row["id"], DISTRIBUTIONS.c.epoch == row["epoch"]).order_by(
            DISTRIBUTIONS.c.period)):
        found.setdefault(one.name, []).append(one)
    return found


def _line(baseline: Any, told: list[Any], epoch: Epoch, of: int, now: datetime) -> DriftLine:
    periods = tuple(_period(one, baseline.counts, epoch, of) for one in told)
    reference, week = sum(baseline.counts), max(1, epoch.number(now))
    return DriftLine(baseline.name, baseline.cut, reference, periods, cases_needed(reference, BINS, week, of))


def _period(one: Any, reference: list[int], epoch: Epoch, of: int) -> DriftPeriod:
    number = max(1, one.period - epoch.first + 1)
    counts = [getattr(one, column.name) for column in IN_BINS]
    return DriftPeriod(number, epoch.deadline(number), look(reference, counts, number, of), one.looked_at)

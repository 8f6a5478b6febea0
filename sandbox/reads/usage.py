"""The course of a trial's caps: what was used by when, in one query over its reporting periods."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.reads.trials import days_used
from sandbox.rules.epoch import Epoch
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.pace import Period, Point, course, reached
from sandbox.store.trials import USED

OVER_TIME = ("volume", "people", "hours", "money")
"""Dimensions that are used up bit by bit; of regions and sites there are so many, and no pace."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the pace so far comes to: up to when use is told, and when the cap is reached, where that can be said."""

    told: datetime
    reached: datetime | None


def courses(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, zone: tzinfo) -> dict[str, Any]:
    """By dimension, what was used by when: tuples of Point, from nothing at the start to what is told."""
    rows = connection.execute(sa.select(USED).where(USED.c.trial_id == row["id"]).order_by(USED.c.period)).all()
    return {name: _course(row, now, zone, [(one.period, float(getattr(one, name))) for one in rows])
            for name in OVER_TIME} if row["starts_at"] else {}


def _course(row: Mapping[Any, Any], now: datetime, zone: tzinfo, rows: list[tuple[int, float]]) -> tuple[Point, ...]:
    plan = Epoch(row["starts_at"], row["feedback_days"], zone, row["starts_at"], 1, None)
    told = told_until(row, now)
    periods = [Period(plan.opens(number), min(plan.deadline(number), max(told, plan.opens(number))), used)
               for number, used in rows if used]
    return course(row["starts_at"], periods)


def told_until(row: Mapping[Any, Any], now: datetime) -> datetime:
    """Up to when reports tell what was used; now, where some reach beyond a gap."""
    since: datetime = row["running_since"] or row["starts_at"]
    return now if row["islands"] else min(now, max(row["covered_until"] or since, since))


def ahead(row: Mapping[Any, Any], cap: Mapping[str, Any], now: datetime) -> Ahead:
    """Where a capped dimension is going; nothing is said of a trial that stands still, or of places."""
    told = told_until(row, now)
    if row["state"] not in RUNNING or cap["dimension"] not in OVER_TIME:
        return Ahead(told, None)
    return Ahead(told, reached(cap["used"], cap["cap"], days_used(row, told), told))

"""The light explained: indicators with their counts, rates and intervals, headroom, caps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sandbox.rules.evidence import combined, log_e
from sandbox.rules.risk import Headroom, Interval, headroom, rate_interval, shares, thresholds, too_early
from sandbox.store.trials import COUNTERS, LIMITS

CAPS = (("volume", "used_volume", "cap_volume"), ("people", "used_people", "cap_people"),
        ("hours", "used_hours", "cap_hours"), ("money", "used_money", "cap_money"))


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """One indicator: events (declared or itemised, whichever is more), exposures, limit, rate with interval."""

    indicator: str
    events: int
    declared: int
    itemised: int
    exposures: float
    limit: float
    weight: float
    rate: float | None
    interval: Interval | None
    log_e: float
    share: float
    early: bool


@dataclass(frozen=True, slots=True)
class Risk:
    """A trial's light and everything behind it."""

    light: str
    epoch: int
    log_e: float
    yellow: float
    red: float
    headroom: Headroom
    indicators: tuple[IndicatorLine, ...]
    caps: tuple[dict[str, Any], ...]
    unverified: str | None


def risk(connection: sa.Connection, row: Mapping[Any, Any], epoch: int | None = None) -> Risk:
    """The light of one trial (the caller has narrowed to it), in its present epoch or in an earlier one."""
    epoch = row["epoch"] if epoch is None else epoch
    at = thresholds(beside_budget=False, cleared_at=row["cleared_at_log_e"] or 0.0)
    found = _counted(connection, row["id"], epoch)
    logs = [log_e(one.indicator, one.per_exposure, max(one.events, one.itemised), one.exposures) for one in found]
    part = shares([one.weight for one in found], logs) if found else ()
    lines = tuple(_line(one, log, share, at) for one, log, share in zip(found, logs, part, strict=True))
    return Risk(row["light"], epoch, row["log_e"], at.yellow, at.red, _headroom(lines, at), lines, caps(row),
                row["unverified"])


def _counted(connection: sa.Connection, trial_id: str, epoch: int) -> Any:
    number = [sa.func.coalesce(COUNTERS.c[name], 0).label(name) for name in ("events", "itemised", "exposures")]
    joined = LIMITS.outerjoin(COUNTERS, sa.and_(COUNTERS.c.trial_id == LIMITS.c.trial_id, COUNTERS.c.epoch == epoch,
                                                COUNTERS.c.indicator == LIMITS.c.indicator))
    query = sa.select(LIMITS.c.indicator, LIMITS.c.per_exposure, LIMITS.c.weight, *number).select_from(joined)
    return connection.execute(query.where(LIMITS.c.trial_id == trial_id).order_by(LIMITS.c.weight.desc(),
                                                                                  LIMITS.c.indicator)).all()


def _line(one: Any, log: float, share: float, at: Any) -> IndicatorLine:
    events = max(one.events, one.itemised)
    known = one.exposures > 0
    return IndicatorLine(
        one.indicator, events, one.events, one.itemised, one.exposures, one.per_exposure, one.weight,
        events / one.exposures if known else None, rate_interval(events, one.exposures) if known else None, log, share,
        too_early(one.per_exposure * one.exposures, one.weight, at))


def _headroom(lines: tuple[IndicatorLine, ...], at: Any) -> Headroom:
    """Further events of the heaviest indicator that turn the light; the sentence names that indicator."""
    if not lines:
        return Headroom(None, None)
    first = lines[0]

    def after(extra: int) -> float:
        logs = [log_e(one.indicator, one.limit, one.events + (extra if one is first else 0), one.exposures)
                for one in lines]
        return combined([one.weight for one in lines], logs)

    return headroom(after, at)


def caps(row: Mapping[Any, Any]) -> tuple[dict[str, Any], ...]:
    """Capped dimensions with what is used of them; a dimension without a cap is left out."""
    return tuple({"dimension": name, "used": row[used], "cap": row[cap],
                  "share": row[used] / row[cap] if row[cap] else math.inf}
                 for name, used, cap in CAPS if row[cap] is not None)

"""The light explained: indicators with their counts, rates and intervals, headroom, caps."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.rules.evidence import combined, log_e
from sandbox.rules.risk import (
    INDICATORS,
    Headroom,
    Interval,
    exposures_needed,
    headroom,
    rate_interval,
    shares,
    thresholds,
    too_early,
)
from sandbox.store.batches import KEPT
from sandbox.store.feedback import FEEDBACK
from sandbox.store.trials import COUNTERS, HAPPENED, LIMITS

CAPS = (("volume", "used_volume", "cap_volume"), ("people", "used_people", "cap_people"),
        ("hours", "used_hours", "cap_hours"), ("money", "used_money", "cap_money"))


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """One indicator: events (declared or itemised, whichever is more in each period), exposures, limit, rate with
    interval. `alleged` ones are not among the events: they reach yellow only."""

    indicator: str
    events: int
    declared: int
    itemised: int
    alleged: int
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
    needed: int | None = None
    """Uses after which even a clear excess would show; None where no limit counts uses."""


def risk(connection: sa.Connection, row: Mapping[Any, Any], epoch: int | None = None) -> Risk:
    """The light of one trial (the caller has narrowed to it), in its present epoch or in an earlier one."""
    epoch = row["epoch"] if epoch is None else epoch
    at = thresholds(beside_budget=False, cleared_at=row["cleared_at_log_e"] or 0.0)
    found = _counted(connection, row["id"], epoch)
    logs = [log_e(one.indicator, one.per_exposure, one.happened, one.exposures) for one in found]
    part = shares([one.weight for one in found], logs) if found else ()
    lines = tuple(_line(one, log, share, at) for one, log, share in zip(found, logs, part, strict=True))
    return Risk(row["light"], epoch, row["log_e"], at.yellow, at.red, _headroom(lines, at), lines, caps(row),
                row["unverified"], _needed(lines, at))


def _counted(connection: sa.Connection, trial_id: str, epoch: int) -> Any:
    number = [sa.func.coalesce(sa.func.sum(column), 0).label(name) for name, column in (
        ("happened", HAPPENED), *((name, COUNTERS.c[name]) for name in ("events", "itemised", "alleged", "exposures")))]
    joined = LIMITS.outerjoin(COUNTERS, sa.and_(COUNTERS.c.trial_id == LIMITS.c.trial_id, COUNTERS.c.epoch == epoch,
                                                COUNTERS.c.indicator == LIMITS.c.indicator))
    query = sa.select(LIMITS.c.indicator, LIMITS.c.per_exposure, LIMITS.c.weight, *number).select_from(joined)
    return connection.execute(query.where(LIMITS.c.trial_id == trial_id).group_by(
        LIMITS.c.trial_id, LIMITS.c.indicator).order_by(LIMITS.c.weight.desc(), LIMITS.c.indicator)).all()


def _line(one: Any, log: float, share: float, at: Any) -> IndicatorLine:
    events = one.happened
    known = one.exposures > 0
    return IndicatorLine(
        one.indicator, events, one.events, one.itemised, one.alleged, one.exposures, one.per_exposure, one.weight,
        events / one.exposures if known else None, rate_interval(events, one.exposures) if known else None, log, share,
        too_early(one.per_exposure * one.exposures, one.weight, at))


def _needed(lines: tuple[IndicatorLine, ...], at: Any) -> int | None:
    counted = [one for one in lines if one.indicator not in INDICATORS
               or INDICATORS[one.indicator].denominator == "exposures"]
    return min((exposures_needed(one.limit, one.weight, at) for one in counted), default=None)


@dataclass(frozen=True, slots=True)
class Moment:
    """The combined evidence after one more report: the end of its period, and the natural logarithm."""

    at: datetime
    log_e: float


def history(connection: sa.Connection, row: Mapping[Any, Any], most: int = 60) -> tuple[Moment, ...]:
    """How the evidence of the present epoch grew, report by report as declared (incidents itemised later are in the
    last figure only, which `risk` gives); at most so many moments, evenly spread, the last always among them."""
    limits = connection.execute(sa.select(LIMITS.c.indicator, LIMITS.c.per_exposure, LIMITS.c.weight).where(
        LIMITS.c.trial_id == row["id"]).order_by(LIMITS.c.indicator)).all()
    reports = connection.execute(sa.select(FEEDBACK.c.period_end, FEEDBACK.c.events, FEEDBACK.c.exposures,
                                           FEEDBACK.c.reviewed, FEEDBACK.c.labelled).where(
        FEEDBACK.c.trial_id == row["id"], FEEDBACK.c.epoch == row["epoch"], KEPT).order_by(
        FEEDBACK.c.period_end, FEEDBACK.c.id)).mappings().all()
    if not limits:
        return ()
    sums = [[0, 0.0] for _ in limits]
    step = max(1, math.ceil(len(reports) / most))
    moments = []
    for place, report in enumerate(reports, start=1):
        for total, limit in zip(sums, limits, strict=True):
            total[0] += events_of(limit.indicator, report)
            total[1] += denominator_of(limit.indicator, report) or 0.0
        if place % step == 0 or place == len(reports):
            logs = [log_e(limit.indicator, limit.per_exposure, int(k), n)
                    for (k, n), limit in zip(sums, limits, strict=True)]
            moments.append(Moment(report["period_end"], combined([limit.weight for limit in limits], logs)))
    return tuple(moments)


def events_of(indicator: str, report: Mapping[Any, Any]) -> int:
    """Events in a report that an indicator counts; one that the plan names counts itself."""
    row = INDICATORS.get(indicator)
    return sum((report["events"] or {}).get(name, 0) for name in (row.events if row else (indicator,)))


def denominator_of(indicator: str, report: Mapping[Any, Any]) -> float | None:
    """The report's denominator for an indicator; None where it was not given."""
    row = INDICATORS.get(indicator)
    return report.get(row.denominator if row else "exposures")


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

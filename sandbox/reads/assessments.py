"""The light over time: as it was assessed, as it was known at a past instant, and as that instant is known now."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.reads.risk import schedule, thresholds_of
from sandbox.rules.epoch import Row, Usage, Watch, finding, steps, together, trail
from sandbox.rules.risk import ENGINE, Light, denominator_of, events_of, light, too_early
from sandbox.store.batches import COUNTS
from sandbox.store.evidence import ASSESSMENTS, EPOCHS, LATE_REDS, watches
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS, itemises


@dataclass(frozen=True, slots=True)
class Moment:
    """The combined evidence at one assessment: its instant, and the natural logarithm."""

    at: datetime
    log_e: float


def history(connection: sa.Connection, row: Mapping[Any, Any], most: int = 60) -> tuple[Moment, ...]:
    """How the evidence of the present epoch was assessed; at most so many moments, evenly spread, with the last."""
    step = max(1, math.ceil(row["assessments"] / most))
    query = sa.select(ASSESSMENTS.c.at, ASSESSMENTS.c.log_e).where(
        ASSESSMENTS.c.trial_id == row["id"], ASSESSMENTS.c.epoch == row["epoch"],
        sa.or_(ASSESSMENTS.c.number % step == 0, ASSESSMENTS.c.number == row["assessments"]))
    return tuple(Moment(at, log) for at, log in connection.execute(query.order_by(ASSESSMENTS.c.number)))


@dataclass(frozen=True, slots=True)
class Known:
    """The light of one instant. `path_log_e` is the most that the evidence of the epoch had been by then."""

    light: str
    epoch: int
    log_e: float
    path_log_e: float
    yellow: float
    red: float
    engine: str
    at: datetime
    indicators: tuple[dict[str, Any], ...]


def known_then(connection: sa.Connection, row: Mapping[Any, Any], as_of: datetime) -> Known | None:
    """The light as it was assessed last by that instant, word for word; None before the first assessment."""
    kept = connection.execute(sa.select(ASSESSMENTS).where(
        ASSESSMENTS.c.trial_id == row["id"], ASSESSMENTS.c.at <= as_of).order_by(
        ASSESSMENTS.c.number.desc()).limit(1)).mappings().first()
    if kept is None:
        return None
    most = connection.execute(sa.select(sa.func.max(ASSESSMENTS.c.log_e)).where(
        ASSESSMENTS.c.trial_id == row["id"], ASSESSMENTS.c.epoch == kept["epoch"],
        ASSESSMENTS.c.number <= kept["number"])).scalar_one()
    lines = tuple({"indicator": name, "events": k, "exposures": n, "log_e": log}
                  for name, (k, n, log, *_) in sorted(kept["inputs"].items()))
    return Known(kept["light"], kept["epoch"], kept["log_e"], most, kept["yellow"], kept["red"], kept["engine"],
                 kept["at"], lines)


def known_now(connection: sa.Connection, row: Mapping[Any, Any], as_of: datetime, zone: tzinfo) -> Known | None:
    """The same instant by everything told since, late and corrected facts included, by occurrence; allegations are
    left out. None before the trial's record begins."""
    number = epoch_by(connection, row, as_of)
    epoch = schedule(connection, row, zone, number)
    until = epoch.number(as_of)
    if until < 1:
        return None
    part = _part(connection, row["id"], number, epoch.opens(until), as_of)
    seen = [_upto(watch, until, part) for watch in watches(connection, row["id"], number, epoch)]
    usage = Usage(epoch, (), as_of)
    found = [steps(watch, usage) for watch in seen]
    findings, at = [finding(watch, each) for watch, each in zip(seen, found, strict=True)], thresholds_of(row)
    total = together(findings)
    most = max([total, *(log for _, log in trail(seen, found))])
    early = all(too_early(one.limit * one.exposures, one.weight, at) for one in findings)
    judged = light(total, at, early=early, rules=[Light.RED] if most >= at.red else [])
    lines = tuple({"indicator": one.indicator, "events": one.events, "exposures": one.exposures, "log_e": one.log_e}
                  for one in findings)
    return Known(judged.value, number, total, most, at.yellow, at.red, ENGINE, as_of, lines)


def epoch_by(connection: sa.Connection, row: Mapping[Any, Any], at: datetime) -> int:
    """The epoch that was open at an instant; 0 before the first."""
    found = connection.execute(sa.select(sa.func.max(EPOCHS.c.epoch)).where(
        EPOCHS.c.trial_id == row["id"], EPOCHS.c.opened_at <= at)).scalar()
    return int(found or 0)


def _part(connection: sa.Connection, trial_id: str, number: int, opens: datetime, as_of: datetime) -> Any:
    """Reports that ended and incidents that occurred in a period up to an instant."""
    reports = connection.execute(sa.select(FEEDBACK).where(
        FEEDBACK.c.trial_id == trial_id, FEEDBACK.c.epoch == number, COUNTS, FEEDBACK.c.period_start >= opens,
        FEEDBACK.c.period_end <= as_of)).mappings().all()
    happened = connection.execute(sa.select(INCIDENTS).where(
        INCIDENTS.c.trial_id == trial_id, INCIDENTS.c.epoch == number, INCIDENTS.c.kind != "near_miss",
        ~INCIDENTS.c.retracted, INCIDENTS.c.occurred_at >= opens, INCIDENTS.c.occurred_at <= as_of)).mappings().all()
    return reports, happened


def _upto(watch: Watch, until: int, part: Any) -> Watch:
    """A watch with its whole periods before that one, and of that one what had happened."""
    rows = [row for row in watch.rows if row.period < until]
    reports, happened = part
    told = sum((report["events"] or {}).get(name, 0) for report in reports for name in events_of(watch.indicator))
    exposed = sum(report[denominator_of(watch.indicator)] or 0.0 for report in reports) \
        if watch.log_groups is None else 0.0
    k = max(told, sum(counts_for(watch.indicator, one) for one in happened))
    return Watch(watch.indicator, watch.limit, watch.weight, watch.state, (*rows, Row(until, k, 0, exposed)),
                 log_groups=watch.log_groups)


def counts_for(indicator: str, incident: Mapping[Any, Any]) -> bool:
    """Whether an incident is one of the events that the indicator counts."""
    return not set(events_of(indicator)).isdisjoint(itemises(incident))


def late_reds(connection: sa.Connection, trial_id: str) -> tuple[Mapping[Any, Any], ...]:
    """The late reds of a trial, newest first."""
    return tuple(connection.execute(sa.select(LATE_REDS).where(LATE_REDS.c.trial_id == trial_id).order_by(
        LATE_REDS.c.at.desc(), LATE_REDS.c.id)).mappings())

"""The light of a trial, re-assessed in the transaction of the fact that may change it. Only people lift a red."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.coverage import untold_days
from sandbox.acts.moves import trip
from sandbox.acts.schedule import plan_review
from sandbox.rules.cadence import days_after, period_number
from sandbox.rules.evidence import combined, log_e
from sandbox.rules.lifecycle import RUNNING, Cause
from sandbox.rules.risk import (
    INDICATORS,
    Light,
    cap_light,
    light,
    thresholds,
    too_early,
)
from sandbox.store.engine import Statement
from sandbox.store.reviews import REVIEWS, ReviewKind, ReviewState
from sandbox.store.trials import COUNTERS, HAPPENED, LIMITS

CAPS = (("used_volume", "cap_volume"), ("used_people", "cap_people"), ("used_hours", "cap_hours"),
        ("used_money", "cap_money"), ("used_regions", "cap_regions"), ("used_sites", "cap_sites"))
YELLOW_REVIEW_DAYS = 7

_counts = Statement(
    sa.select(LIMITS.c.indicator, LIMITS.c.per_exposure, LIMITS.c.weight,
              sa.func.coalesce(sa.func.sum(HAPPENED), 0), sa.func.coalesce(sa.func.sum(COUNTERS.c.alleged), 0),
              sa.func.coalesce(sa.func.sum(COUNTERS.c.exposures), 0.0))
    .select_from(LIMITS.outerjoin(COUNTERS, sa.and_(COUNTERS.c.trial_id == LIMITS.c.trial_id,
                                                    COUNTERS.c.indicator == LIMITS.c.indicator,
                                                    COUNTERS.c.epoch == sa.bindparam("epoch"))))
    .where(LIMITS.c.trial_id == sa.bindparam("trial_id")).group_by(LIMITS.c.trial_id, LIMITS.c.indicator)
    .order_by(LIMITS.c.indicator))

_add = Statement(sa.text(
    "INSERT INTO counters (trial_id, epoch, indicator, period, events, itemised, alleged, exposures) "
    "VALUES (:trial_id, :epoch, :indicator, :period, :events, :itemised, :alleged, :exposures) "
    "ON CONFLICT (trial_id, epoch, indicator, period) DO UPDATE SET events = counters.events + excluded.events, "
    "itemised = counters.itemised + excluded.itemised, alleged = counters.alleged + excluded.alleged, "
    "exposures = counters.exposures + excluded.exposures"))
_names = Statement(sa.select(LIMITS.c.indicator).where(LIMITS.c.trial_id == sa.bindparam("trial_id")).order_by(
    LIMITS.c.indicator))


def indicators_counting(event: str) -> tuple[str, ...]:
    """The indicators that count an event of this name; one the plan names counts itself."""
    built_in = tuple(row.id for row in INDICATORS.values() if event in row.events)
    return built_in or (event,)


def denominator(indicator: str, report: Mapping[str, Any]) -> float:
    """The report's denominator for the indicator: exposures, or the reviewed or labelled cases."""
    row = INDICATORS.get(indicator)
    value = report.get(row.denominator if row else "exposures")
    return float(value) if isinstance(value, int | float) else 0.0


def limits_of(act: Act) -> tuple[str, ...]:
    """The indicators with an agreed limit."""
    return tuple(row[0] for row in _names.run(act.connection, {"trial_id": act.trial["id"]}).fetchall())


def count(act: Act, report: Mapping[str, Any], epoch: int, sign: int = 1) -> None:
    """Add a report's events and denominators to the counters of its period, or take them off again."""
    events: dict[str, int] = {}
    for name, number in (report.get("events") or {}).items():
        for indicator in indicators_counting(name):
            events[indicator] = events.get(indicator, 0) + number
    for indicator in dict.fromkeys((*limits_of(act), *events)):
        add(act, epoch, indicator, at=report["period_start"], events=sign * events.get(indicator, 0),
            exposures=sign * denominator(indicator, report))


def add(act: Act, epoch: int, indicator: str, *, at: datetime, events: int = 0, itemised: int = 0, alleged: int = 0,
        exposures: float = 0.0) -> None:
    """Add to the counter of the period in which a thing occurred, whenever it was told."""
    _add.run(act.connection, {
        "trial_id": act.trial["id"], "epoch": epoch, "indicator": indicator, "period": period_of(act, at),
        "events": events, "itemised": itemised, "alleged": alleged, "exposures": exposures})


def period_of(act: Act, at: datetime) -> int:
    """The trial's reporting period of that instant: from 1, and 0 and below before the start."""
    return period_number(act.trial["starts_at"], act.trial["feedback_days"], at, act.zone)


def assess(act: Act, *rules: Light) -> Light:
    """Combine the evidence, latch the light, and act on it: yellow calls a review, red suspends in this transaction."""
    trial = act.trial
    found = _counts.run(act.connection, {"trial_id": trial["id"], "epoch": trial["epoch"]}).fetchall()
    at = thresholds(beside_budget=False, cleared_at=trial["cleared_at_log_e"] or 0.0)
    found = [(*row[:5], row[5] + unreported(act, row[0])) for row in found]
    total, told = evidence(found), evidence([(*row[:3], row[3] + row[4], 0, row[5]) for row in found])
    rules = (*rules, Light.YELLOW) if told >= at.yellow else rules
    now = light(total, at, early=all(too_early(p0 * n, weight, at) for _, p0, weight, _, _, n in found),
                rules=[*rules, *_cap_lights(act)])
    latched = Light(trial["light"])
    if latched is Light.RED or (latched is Light.YELLOW and now is not Light.RED):
        now = latched
    if (now.value, total) != (trial["light"], trial["log_e"]):
        act.change_trial(light=now.value, log_e=total)
    _act_on(act, latched, now, total >= at.red)
    return now


def evidence(found: Any) -> float:
    """Combined log evidence of rows (indicator, limit, weight, events, alleged, exposures); allegations apart."""
    logs = [log_e(indicator, p0, events, n) for indicator, p0, _, events, _, n in found]
    return combined([weight for _, _, weight, *_ in found], logs)


def unreported(act: Act, indicator: str) -> float:
    """Exposures that may have happened in time not told of, at the rate the caps allow: the denominator of events
    already told is never taken smaller than the reports say, nor the events judged without one."""
    row, trial = INDICATORS.get(indicator), act.trial
    if (row is not None and row.denominator != "exposures") or trial["state"] not in RUNNING:
        return 0.0
    return float(trial["rate_per_day"] or 0.0) * untold_days(act)


def _cap_lights(act: Act) -> list[Light]:
    """A cap warns once, from 80 % on; cleared, it warns again only when the cap itself changed. A cap that is passed
    suspends by its own trigger."""
    trial = act.trial
    near = {f"{cap}={trial[cap]}" for used, cap in CAPS
            if trial[cap] is not None and cap_light(trial[used], trial[cap]) is not Light.GREEN}
    fresh = near - set(trial["caps_warned"].split())
    if fresh:
        act.change_trial(caps_warned=" ".join(sorted(near)))
    return [Light.YELLOW] if fresh else []


def _act_on(act: Act, before: Light, now: Light, statistics: bool) -> None:
    if any(act.trial[cap] is not None and act.trial[used] > act.trial[cap] for used, cap in CAPS):
        trip(act, Cause.CAP_EXCEEDED)
    if now is Light.RED and statistics and act.trial["state"] in (*RUNNING, "exit_review"):
        trip(act, Cause.RISK_RED)
    elif now is Light.YELLOW and before is not Light.YELLOW and not _yellow_review_open(act):
        plan_review(act, ReviewKind.YELLOW, days_after(act.now, YELLOW_REVIEW_DAYS, act.zone), open_now=True,
                    reason="yellow")


def _yellow_review_open(act: Act) -> bool:
    return act.connection.execute(sa.select(REVIEWS.c.id).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.kind == ReviewKind.YELLOW,
        REVIEWS.c.state == ReviewState.OPEN)).first() is not None

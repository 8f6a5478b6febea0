"""The light of a trial, re-assessed in the transaction of the fact that may change it. Only people lift a red.

A fact counts in the period in which it occurred: `count` for a report, `add` for anything else, then `assess`. What is
told late, or corrected, of a period already settled throws the kept states away, and the assessment replays them.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.alarms import raise_alarm
from sandbox.acts.drift import look_at_drift, take_distributions
from sandbox.acts.extra_reviews import call_extra, look_at_complaints
from sandbox.acts.groups import compare, forget_groups, recompare
from sandbox.acts.moves import trip
from sandbox.acts.schedule import notify
from sandbox.rules.alarms import AlarmCause
from sandbox.rules.cadence import end_of_day, local_day, period_number
from sandbox.rules.epoch import Finding, Usage, Watch, finding, settle, steps, together, trail
from sandbox.rules.evidence import Counted, log_e_low
from sandbox.rules.lifecycle import RUNNING, Cause
from sandbox.rules.reporting import TICK
from sandbox.rules.risk import (
    BUDGETED,
    ENGINE,
    EVERYTHING,
    GRAVE_EVENTS,
    INDICATORS,
    MORE_QUIET,
    QUIET,
    Light,
    Thresholds,
    cap_light,
    denominator_of,
    events_of,
    grave_light,
    in_everything,
    light,
    thresholds,
    too_early,
)
from sandbox.rules.working_days import Calendar, add_working_days
from sandbox.store.engine import Statement
from sandbox.store.evidence import (
    ASSESSMENTS,
    EPOCHS,
    LATE_REDS,
    LateRedState,
    epoch_of,
    untold_since,
    untold_spans,
    usage_then,
    watches,
)
from sandbox.store.fields import canonical
from sandbox.store.trials import COUNTERS, HAPPENED, LIMITS
from sandbox.store.types import MILLION

CAPS = (("used_volume", "cap_volume"), ("used_people", "cap_people"), ("used_hours", "cap_hours"),
        ("used_money", "cap_money"), ("used_regions", "cap_regions"), ("used_sites", "cap_sites"))
DECIDE_WITHIN = 1
"""Working days for a late red."""

_add = Statement(sa.text(
    "INSERT INTO counters (trial_id, epoch, indicator, period, events, itemised, alleged, exposures) "
    "VALUES (:trial_id, :epoch, :indicator, :period, :events, :itemised, :alleged, :exposures) "
    "ON CONFLICT (trial_id, epoch, indicator, period) DO UPDATE SET events = counters.events + excluded.events, "
    "itemised = counters.itemised + excluded.itemised, alleged = counters.alleged + excluded.alleged, "
    "exposures = counters.exposures + excluded.exposures"))
_keep_state = Statement(sa.text(
    "INSERT INTO states (trial_id, epoch, indicator, closed, log_1, log_2, log_3, log_4, log_5, log_6, events, "
    "exposures, chain) VALUES (:trial_id, :epoch, :indicator, :closed, :log_1, :log_2, :log_3, :log_4, :log_5, :log_6, "
    ":events, :exposures, :chain) ON CONFLICT (trial_id, epoch, indicator) DO UPDATE SET closed = excluded.closed, "
    "log_1 = excluded.log_1, log_2 = excluded.log_2, log_3 = excluded.log_3, log_4 = excluded.log_4, "
    "log_5 = excluded.log_5, log_6 = excluded.log_6, events = excluded.events, exposures = excluded.exposures, "
    "chain = excluded.chain"))
_names = Statement(sa.select(LIMITS.c.indicator).where(LIMITS.c.trial_id == sa.bindparam("trial_id")).order_by(
    LIMITS.c.indicator))
_matured = Statement(sa.select(sa.func.sum(HAPPENED), sa.func.sum(COUNTERS.c.exposures)).where(
    COUNTERS.c.trial_id == sa.bindparam("trial_id"), COUNTERS.c.epoch == sa.bindparam("epoch"),
    COUNTERS.c.indicator == sa.bindparam("indicator"), COUNTERS.c.period < sa.bindparam("last")))
_of_class = Statement(sa.select(sa.func.sum(HAPPENED)).where(
    COUNTERS.c.trial_id == sa.bindparam("trial_id"), COUNTERS.c.epoch == sa.bindparam("epoch"),
    COUNTERS.c.indicator == sa.bindparam("indicator")))


# Counting


def indicators_counting(act: Act, event: str) -> tuple[str, ...]:
    """What counts an event of this name; one that the plan names counts itself."""
    whole = (EVERYTHING,) if act.trial["background_rate"] is not None and in_everything(event) else ()
    return tuple(dict.fromkeys((*(row.id for row in INDICATORS.values() if event in row.events), event, *whole)))


def denominator(indicator: str, report: Mapping[str, Any]) -> float:
    """The report's denominator for the indicator: exposures, or the reviewed or labelled cases."""
    value = report.get(denominator_of(indicator))
    return float(value) if isinstance(value, int | float) else 0.0


def limits_of(act: Act) -> tuple[str, ...]:
    """The indicators with an agreed limit."""
    return tuple(row[0] for row in _names.run(act.connection, {"trial_id": act.trial["id"]}).fetchall())


def count(act: Act, report: Mapping[str, Any], epoch: int, sign: int = 1) -> None:
    """Add a report's events and denominators to the counters of its period, or take them off again."""
    told = report.get("events") or {}
    indicators = limits_of(act)
    counted = (*indicators, BUDGETED) if act.trial["budget"] and BUDGETED not in indicators else indicators
    for indicator in counted:
        add(act, epoch, indicator, at=report["period_start"], exposures=sign * denominator(indicator, report),
            events=sign * sum([told.get(name, 0) for name in events_of(indicator)]))
    for name in GRAVE_EVENTS:
        if told.get(name) and name not in counted:
            add(act, epoch, name, at=report["period_start"], events=sign * told[name])
    if act.trial["background_rate"] is not None:
        add(act, epoch, EVERYTHING, at=report["period_start"], exposures=sign * (report["exposures"] or 0.0),
            events=sign * sum([number for name, number in told.items() if in_everything(name)]))
    if report.get("groups") and "disparity" in indicators:
        compare(act, report, epoch) if sign > 0 else forget_groups(act, epoch)
    if report.get("distributions") and epoch:
        take_distributions(act, report, epoch, sign)


def add(act: Act, epoch: int, indicator: str, *, at: datetime, events: int = 0, itemised: int = 0, alleged: int = 0,
        exposures: float = 0.0) -> None:
    """Add to the counter of the period in which a thing occurred, whenever it was told."""
    period, trial = period_of(act, at), act.trial
    _add.run(act.connection, {
        "trial_id": trial["id"], "epoch": epoch, "indicator": indicator, "period": period, "events": events,
        "itemised": itemised, "alleged": alleged, "exposures": round(exposures * MILLION)})
    if alleged and epoch == trial["epoch"] and not trial["alleged"]:
        act.change_trial(alleged=True)
    if epoch != trial["epoch"] and epoch > 0:
        act.connection.execute(sa.update(EPOCHS).where(EPOCHS.c.trial_id == trial["id"], EPOCHS.c.epoch == epoch)
                               .values(stale=True))
    elif epoch and trial["settled"] and period - period_of(act, trial["epoch_since"]) < trial["settled"]:
        act.change_trial(settled=0)


def period_of(act: Act, at: datetime) -> int:
    """The trial's reporting period of that instant: from 1, and 0 and below before the start."""
    return period_number(act.trial["starts_at"], act.trial["feedback_days"], at, act.zone)


def epoch_at(act: Act, at: datetime) -> int:
    """The epoch in which a thing occurred: 0 before the trial was taken over, earlier ones for what is told late."""
    trial = act.trial
    if trial["epoch_since"] is None or at >= trial["epoch_since"]:
        return int(trial["epoch"])
    found = act.connection.execute(sa.select(sa.func.max(EPOCHS.c.epoch)).where(
        EPOCHS.c.trial_id == trial["id"], EPOCHS.c.opened_at <= at)).scalar()
    return int(found) if found else 0 if trial["adopted"] else 1


def epoch_told(act: Act, span_end: datetime) -> int:
    """The epoch in which a report counts: the one that it reaches into, and never the record before adoption."""
    return max(1, epoch_at(act, span_end - TICK))


# Judging


@dataclass(frozen=True, slots=True)
class Judged:
    """What an epoch says at an instant: findings, combined evidence, the same with allegations; and what a period
    that closed warns of: that less is told than there must be, or that a distribution has drifted."""

    findings: tuple[Finding, ...]
    log_e: float
    told: float
    warns: tuple[str, ...] = ()


def assess(act: Act, *rules: Light, event: str | None = None) -> Light:
    """Combine the evidence, latch the light, and act on it: yellow calls a review, red suspends in this transaction.
    An event that asks for a look of its own calls one also where the light is yellow already.

    What was judged is kept as an assessment. Epochs before the present one that something late reached are replayed."""
    trial = act.trial
    judged = judge(act)
    at = _thresholds(act)
    grave = _budget_light(act)
    caps = _cap_lights(act)
    rules = (*rules, grave, *caps, *((Light.YELLOW,) if judged.told >= at.yellow or judged.warns else ()))
    early = all(too_early(one.limit * one.exposures, one.weight, at) for one in judged.findings)
    now, latched = light(judged.log_e, at, early=early, rules=rules), Light(trial["light"])
    if latched is Light.RED or (latched is Light.YELLOW and now is not Light.RED):
        now = latched
    act.change_trial(light=now.value, log_e=judged.log_e, log_e_told=judged.told)
    _keep(act, judged, at, now)
    if grave is Light.RED:
        act.connection.execute(_over_budget(trial["id"], trial["epoch"]))
    events = " ".join([*filter(None, (event, "cap_warning" if caps else None)), *judged.warns])
    _act_on(act, latched, now, judged.log_e >= at.red or grave is Light.RED, events or None, _why(judged, at))
    look_at_complaints(act, judged.findings)
    if trial["epoch"] > 1:
        _replay_stale(act)
    return now


def _why(judged: Judged, at: Thresholds) -> str:
    """Why the light is yellow where no event asks for a look of its own. What is alleged is not said: the firm reads
    this."""
    return "evidence" if judged.log_e >= at.yellow else "yellow"


def judge(act: Act) -> Judged:
    """The evidence of the present epoch; periods that nothing more is owed of are settled on the way."""
    trial = act.trial
    epoch, settled = epoch_of(trial, act.zone), trial["settled"]
    usage = Usage(epoch, untold_spans(act.connection, trial, act.now), act.now)
    seen = watches(act.connection, trial["id"], trial["epoch"], epoch, settled)
    if any(math.isnan(watch.log_groups or 0.0) for watch in seen):
        recompare(act, trial["epoch"])
        seen = watches(act.connection, trial["id"], trial["epoch"], epoch, settled)
    found = [steps(watch, usage) for watch in seen]
    findings = tuple([finding(watch, each) for watch, each in zip(seen, found, strict=True)])
    total = together(findings)
    upto = epoch.number(min(untold_since(trial), act.now)) - 1
    if upto > settled:
        if not settled and upto > 1:
            note_late_red(act, trial["epoch"], trail(seen, found), total)
        _settle(act, seen, found, upto)
    return Judged(findings, total, _told(act, usage) if trial["alleged"] else total,
                  _closing_warns(act, epoch.first, epoch.first + upto - 1) if upto > settled else ())


def _told(act: Act, usage: Usage) -> float:
    """The evidence with what people allege: it may turn the light yellow, never red."""
    seen = watches(act.connection, act.trial["id"], act.trial["epoch"], usage.epoch)
    return together([finding(watch, steps(watch, usage, alleged=True)) for watch in seen])


def _closing_warns(act: Act, first: int, last: int) -> tuple[str, ...]:
    """What only closed periods can tell, each by itself: too little told, or drift."""
    found = {"too_quiet": _too_quiet(act, last), "drifted": look_at_drift(act, first, last)}
    return tuple(name for name, warns in found.items() if warns)


def _too_quiet(act: Act, last: int) -> bool:
    """Whether all that is told of the epoch before its last closed period is too little for the background rate that
    the plan declares: a whole period has gone by in which the rest could have been told. Told once, and again only
    when the evidence has grown."""
    rate, before = act.trial["background_rate"], act.trial["quiet_log_e"]
    if rate is None:
        return False
    key = {"trial_id": act.trial["id"], "epoch": act.trial["epoch"], "indicator": EVERYTHING, "last": last}
    row = _matured.run(act.connection, key).fetchone()
    k, n = int(row[0] or 0), float(row[1] or 0.0) / MILLION
    log_e = log_e_low(k, rate * n)
    if log_e < (QUIET if before is None else before + MORE_QUIET):
        return False
    act.change_trial(quiet_log_e=log_e)
    notify(act, "too_quiet", role="regulator", k=k, expected=round(rate * n, 1))
    return True


def _settle(act: Act, seen: Sequence[Watch], found: Sequence[list[Counted]], upto: int) -> None:
    """Keep the states after the periods up to this one."""
    for watch in (settle(watch, each, upto) for watch, each in zip(seen, found, strict=True)):
        if watch.log_groups is None:
            logs = watch.state.logs if watch.state.closed else (None,) * len(watch.state.logs)
            _keep_state.run(act.connection, {
                "trial_id": act.trial["id"], "epoch": act.trial["epoch"], "indicator": watch.indicator,
                "closed": watch.state.closed, **{f"log_{place}": log for place, log in enumerate(logs, 1)},
                "events": watch.events, "exposures": watch.exposures, "chain": watch.chain})
    act.change_trial(settled=upto)


def _keep(act: Act, judged: Judged, at: Thresholds, now: Light) -> None:
    number = act.trial["assessments"] + 1
    inputs = {one.indicator: [one.events, one.exposures, one.log_e, one.chain, one.open] for one in judged.findings}
    act.insert(ASSESSMENTS, {
        "trial_id": act.trial["id"], "number": number, "at": act.now, "seq": act.seq, "epoch": act.trial["epoch"],
        "engine": ENGINE, "light": now.value, "log_e": judged.log_e, "log_e_told": judged.told, "yellow": at.yellow,
        "red": at.red, "inputs": inputs, "digest": hashlib.sha256(canonical(inputs)).hexdigest()})
    act.change_trial(assessments=number)


# Rules beside the statistics


def _budget_light(act: Act) -> Light:
    """Red at the S2 incident whose number is the agreed budget."""
    budget = act.trial["budget"]
    return Light.GREEN if budget is None else grave_light(0, _budgeted(act, act.trial["epoch"]), budget)


def _budgeted(act: Act, epoch: int) -> int:
    """S2 incidents of an epoch."""
    row = _of_class.run(act.connection, {"trial_id": act.trial["id"], "epoch": epoch,
                                         "indicator": BUDGETED}).fetchone()
    return int(row[0] or 0)


def _over_budget(trial_id: str, epoch: int) -> sa.Update:
    return sa.update(EPOCHS).where(EPOCHS.c.trial_id == trial_id, EPOCHS.c.epoch == epoch).values(over_budget=True)


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


def _act_on(act: Act, before: Light, now: Light, red: bool, events: str | None, why: str) -> None:
    if any(act.trial[cap] is not None and act.trial[used] > act.trial[cap] for used, cap in CAPS):
        trip(act, Cause.CAP_EXCEEDED)
    if now is Light.RED and red and act.trial["state"] in (*RUNNING, "exit_review"):
        trip(act, Cause.RISK_RED)
        raise_alarm(act, AlarmCause.RISK_RED, act.trial["suspension_id"])
    elif now is Light.YELLOW and (before is not Light.YELLOW or events):
        call_extra(act, (events or why).split())


# What is told late


def note_late_red(act: Act, number: int, trailed: Sequence[tuple[int, float]], now: float) -> None:
    """A replay that was over red in some period but is not now, or in a closed epoch: an officer decides, within one
    working day.

    Noted once: one that waits says the most that was found, and another comes only when the evidence of that epoch has
    risen beyond what was decided on."""
    period, top = max(trailed, key=lambda one: one[1], default=(0, 0.0))
    red = _thresholds(act).red
    closed = number != act.trial["epoch"]
    if top < red or not closed and (now >= red or act.trial["light"] == Light.RED):
        return
    known = act.connection.execute(sa.select(LATE_REDS.c.id, LATE_REDS.c.log_e, LATE_REDS.c.state).where(
        LATE_REDS.c.trial_id == act.trial["id"], LATE_REDS.c.epoch == number,
        LATE_REDS.c.s2.is_(None))).all()
    if any(top <= one.log_e + 1e-9 for one in known):
        return
    for one in known:
        if one.state == LateRedState.WAITING:
            act.update(LATE_REDS, one.id, period=period, log_e=top)
            return
    _tell_late_red(act, number, period, top)


def _tell_late_red(act: Act, number: int, period: int, log_e: float, s2: int | None = None) -> None:
    due = end_of_day(add_working_days(local_day(act.now, act.zone), DECIDE_WITHIN, Calendar("CN")), act.zone)
    noted = act.id("lr")
    act.insert(LATE_REDS, {"id": noted, "trial_id": act.trial["id"], "epoch": number, "period": period, "log_e": log_e,
                           "s2": s2, "at": act.now, "due_at": due, "state": LateRedState.WAITING.value})
    notify(act, "late_red", role="regulator", dedupe=noted, due=due.isoformat())


def _replay_stale(act: Act) -> None:
    """Earlier epochs of which something was told late: replayed. One that had been red by its evidence, or by its
    budget, says nothing new of that; the present epoch is left as it is."""
    trial_id = act.trial["id"]
    stale = sa.and_(EPOCHS.c.trial_id == trial_id, EPOCHS.c.stale, EPOCHS.c.epoch < act.trial["epoch"])
    rows = act.connection.execute(sa.select(EPOCHS).where(stale)).mappings().all()
    if rows:
        act.connection.execute(sa.update(EPOCHS).where(stale).values(stale=False))
    for row in rows:
        trailed = _replayed(act, row)
        was_red = act.connection.execute(sa.select(ASSESSMENTS.c.number).where(
            ASSESSMENTS.c.trial_id == trial_id, ASSESSMENTS.c.epoch == row["epoch"],
            ASSESSMENTS.c.log_e >= ASSESSMENTS.c.red).limit(1)).first()
        if was_red is None:
            note_late_red(act, row["epoch"], trailed, trailed[-1][1])
        budget, s2 = act.trial["budget"], _budgeted(act, row["epoch"])
        if not row["over_budget"] and grave_light(0, s2, budget) is Light.RED:
            act.connection.execute(_over_budget(trial_id, row["epoch"]))
            _tell_late_red(act, row["epoch"], *trailed[-1], s2)


def _replayed(act: Act, row: Mapping[Any, Any]) -> list[tuple[int, float]]:
    """The evidence of a closed epoch at the end of each of its periods, and at its own end."""
    number, epoch = row["epoch"], epoch_of(act.trial, act.zone, row)
    seen = watches(act.connection, act.trial["id"], number, epoch)
    if any(math.isnan(watch.log_groups or 0.0) for watch in seen):
        recompare(act, number)
        seen = watches(act.connection, act.trial["id"], number, epoch)
    usage = usage_then(act.connection, act.trial, number, epoch)
    found = [steps(watch, usage) for watch in seen]
    total = together([finding(watch, each) for watch, each in zip(seen, found, strict=True)])
    return [*trail(seen, found), (usage.period, total)]


def _thresholds(act: Act) -> Thresholds:
    trial = act.trial
    return thresholds(beside_budget=trial["budget"] is not None, cleared_at=trial["cleared_at_log_e"],
                      alpha=trial["alpha"], alpha_yellow=trial["alpha_yellow"])

"""The light explained: indicators with their counts, rates and intervals, headroom, groups, caps."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from typing import Any

import sqlalchemy as sa

from sandbox.rules.access import Actor
from sandbox.rules.disparity import ENOUGH
from sandbox.rules.epoch import Epoch, Finding, Usage, Watch, finding, rise, steps, together
from sandbox.rules.evidence import Counted, Interval, e_bh, rate_interval, shares
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.risk import (
    BUDGETED,
    Headroom,
    Thresholds,
    denominator_of,
    events_of,
    exposures_needed,
    headroom,
    single,
    thresholds,
    too_early,
)
from sandbox.store.engine import Statement
from sandbox.store.evidence import COMPARES, EPOCHS, STATES, epoch_before, epoch_of, untold_spans, usage_then, watches
from sandbox.store.scope import trials_seen_by
from sandbox.store.trials import COUNTERS, HAPPENED, LIMITS, TRIALS

CAPS = (("volume", "used_volume", "cap_volume"), ("people", "used_people", "cap_people"),
        ("hours", "used_hours", "cap_hours"), ("money", "used_money", "cap_money"),
        ("regions", "used_regions", "cap_regions"), ("sites", "used_sites", "cap_sites"))


@dataclass(frozen=True, slots=True)
class IndicatorLine:
    """One indicator: events (declared or itemised, whichever is more in each period), exposures told, limit, rate with
    interval. `alleged` ones are not among the events: they reach yellow only. `unreported` exposures, taken at the rate
    the caps allow, count for the evidence and are in no rate."""

    indicator: str
    events: int
    declared: int
    itemised: int
    alleged: int | None
    exposures: float
    unreported: float
    limit: float
    weight: float
    rate: float | None
    interval: Interval | None
    log_e: float
    share: float
    early: bool


@dataclass(frozen=True, slots=True)
class GroupLine:
    """Two groups compared: rates of the one and of its reference, their ratio or difference, and the evidence.
    `value` is None while either has too few outcomes to say. `predictive` is the share of those rated positive who were
    so: shown beside the error rates, which may differ while it agrees; it is no part of the light and has no
    evidence."""

    attribute: str
    group: str
    reference: str
    test: str
    rate: float | None
    reference_rate: float | None
    n: int
    reference_n: int
    value: float | None
    log_e: float | None


@dataclass(frozen=True, slots=True)
class Groups:
    """What is compared between groups in an epoch. `untold` are attributes that the plan names, each with its
    reference, of which no report has told both; `full`: more groups were told of than are compared."""

    lines: tuple[GroupLine, ...] = ()
    untold: tuple[tuple[str, str], ...] = ()
    full: bool = False


@dataclass(frozen=True, slots=True)
class Risk:
    """A trial's light and everything behind it. `log_e` is as last assessed; headroom and indicators are as of now."""

    light: str
    epoch: int
    log_e: float
    yellow: float
    red: float
    headroom: Headroom
    indicators: tuple[IndicatorLine, ...]
    groups: Groups
    caps: tuple[dict[str, Any], ...]
    unverified: str | None
    needed: int | None = None
    """Uses after which even a clear excess would show; None where no limit counts uses."""
    budget: int | None = None
    """The S2 incident at which the light turns red; None without such a budget."""


def risk(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, zone: tzinfo,
         number: int | None = None, *, officer: bool = False) -> Risk:
    """The light of one trial (the caller has narrowed to it), in its present epoch or in an earlier one. What is
    alleged, and how near it brings yellow, is for officers alone."""
    number, at = row["epoch"] if number is None else number, thresholds_of(row)
    if row["starts_at"] is None:
        return Risk(row["light"], number, 0.0, at.yellow, at.red, Headroom(None, None), (), Groups(), caps(row), None)
    sums = _sums(connection, row["id"], number)
    present = number == row["epoch"]
    epoch = schedule(connection, row, zone, number)
    usage = Usage(epoch, untold_spans(connection, row, now) if present else (), now) if present or not number else \
        usage_then(connection, row, number, epoch)
    seen = watches(connection, row["id"], number, epoch, row["settled"] if present else 0)
    found = [steps(watch, usage) for watch in seen]
    findings = [finding(watch, each) for watch, each in zip(seen, found, strict=True)]
    parts = shares([one.weight for one in findings], [one.log_e for one in findings]) if findings else ()
    unseen = sum(usage.untold.values())
    lines = sorted((_line(one, sums.get(one.indicator), share, at, unseen, officer)
                    for one, share in zip(findings, parts, strict=True)),
                   key=lambda line: (-line.weight, line.indicator))
    space = Headroom(None, None)
    if present:  # what is alleged is in no settled state
        told = watches(connection, row["id"], number, epoch) if row["alleged"] and officer else None
        space = _headroom(Ahead(seen, told, usage, at, row["budget"], sums.get(BUDGETED)))
    return Risk(row["light"], number, row["log_e"], at.yellow, at.red, space, tuple(lines),
                groups(connection, row["id"], number) if any(one.indicator == COMPARES for one in seen) else Groups(),
                caps(row), row["unverified"], _needed(lines, at), row["budget"])


@dataclass(frozen=True, slots=True)
class Turning:
    """What turned the light: the indicator with most of the evidence, and the period in which its evidence rose most,
    as told. Without a period where the evidence is of none: that between groups."""

    line: IndicatorLine
    start: datetime | None = None
    end: datetime | None = None
    events: int = 0
    exposures: float = 0.0


def turning(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, zone: tzinfo,
            risk: Risk) -> Turning | None:
    """What turned the light by its evidence; None where no indicator's evidence is at the yellow line."""
    first = max(risk.indicators, key=lambda line: line.share, default=None)
    if first is None or first.log_e < risk.yellow:
        return None
    epoch = schedule(connection, row, zone, risk.epoch)
    watch = next(one for one in watches(connection, row["id"], risk.epoch, epoch) if one.indicator == first.indicator)
    period = rise(watch, steps(watch, Usage(epoch, (), now)))
    if period is None:
        return Turning(first)
    told = [one for one in watch.rows if max(1, one.period) == period]
    return Turning(first, epoch.opens(period), epoch.deadline(period), sum(one.events for one in told),
                   sum(one.exposures for one in told))


def thresholds_of(row: Mapping[Any, Any]) -> Thresholds:
    """Where this trial's light turns."""
    return thresholds(beside_budget=row["budget"] is not None, cleared_at=row["cleared_at_log_e"], alpha=row["alpha"],
                      alpha_yellow=row["alpha_yellow"])


def schedule(connection: sa.Connection, row: Mapping[Any, Any], zone: tzinfo, number: int) -> Epoch:
    """The schedule of one of the trial's epochs; 0 is the record before adoption."""
    if number == row["epoch"]:
        return epoch_of(row, zone)
    if number == 0:
        first = connection.execute(sa.select(sa.func.min(COUNTERS.c.period)).where(
            COUNTERS.c.trial_id == row["id"], COUNTERS.c.epoch == 0)).scalar()
        return epoch_before(row, zone, 0 if first is None else first)
    kept = connection.execute(sa.select(EPOCHS).where(EPOCHS.c.trial_id == row["id"], EPOCHS.c.epoch == number))
    return epoch_of(row, zone, kept.mappings().one())


def agreed(connection: sa.Connection, trial_id: str) -> tuple[str, ...]:
    """The indicators with an agreed limit, the weightiest first."""
    return tuple(connection.execute(sa.select(LIMITS.c.indicator).where(LIMITS.c.trial_id == trial_id).order_by(
        LIMITS.c.weight.desc(), LIMITS.c.indicator)).scalars())


_told = Statement(sa.select(
    COUNTERS.c.indicator, sa.func.sum(HAPPENED).label("happened"),
    *(sa.func.sum(COUNTERS.c[name]).label(name) for name in ("events", "itemised", "alleged", "exposures")),
).where(COUNTERS.c.trial_id == sa.bindparam("trial_id"), COUNTERS.c.epoch == sa.bindparam("epoch")).group_by(
    COUNTERS.c.indicator))


def _sums(connection: sa.Connection, trial_id: str, number: int) -> dict[str, dict[str, Any]]:
    return {row["indicator"]: row for row in _told.rows(connection, {"trial_id": trial_id, "epoch": number})}


def _line(one: Finding, sums: Any, share: float, at: Thresholds, unseen: float, officer: bool) -> IndicatorLine:
    events, told = (int(sums["happened"]), float(sums["exposures"])) if sums else (0, 0.0)
    of_use = denominator_of(one.indicator) == "exposures"
    unseen, most = (unseen, math.inf) if of_use else (0.0, 1.0)
    declared, itemised, alleged = (int(sums[name]) if sums else 0 for name in ("events", "itemised", "alleged"))
    known = told > 0
    return IndicatorLine(
        one.indicator, events, declared, itemised, alleged if officer else None, told, unseen, one.limit, one.weight,
        events / told if known else None, rate_interval(events, told, most=most) if known else None, one.log_e, share,
        too_early(one.limit * one.exposures, one.weight, at))


def _needed(lines: Sequence[IndicatorLine], at: Thresholds) -> int | None:
    counted = [one for one in lines if denominator_of(one.indicator) == "exposures"]
    return min((exposures_needed(one.limit, one.weight, at) for one in counted), default=None)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the light would be judged on: indicators, the same with every period open where something is alleged, the
    exposures that may be counted now, thresholds, and the budget of S2 incidents with what is counted of them."""

    seen: Sequence[Watch]
    told: Sequence[Watch] | None
    usage: Usage
    at: Thresholds
    budget: int | None
    budgeted: Any


def _headroom(of: Ahead) -> Headroom:
    """Further events of the heaviest indicator, now, that turn the light; the sentence names that indicator. They move
    every indicator that counts them; as in the light itself what is only alleged counts for yellow and not for red,
    untold exposures count at the rate of the caps, and an S2 incident uses up the budget."""
    rated = [watch for watch in of.seen if watch.log_groups is None]
    if not rated:
        return Headroom(None, None)
    first = min(rated, key=lambda watch: (-watch.weight, watch.indicator))
    event = events_of(first.indicator)[-1]
    after = _after(of.seen, of.usage, event)
    red = headroom(after, of.at).red
    if event == BUDGETED and of.budget is not None:
        left = max(0, of.budget - (int(of.budgeted["happened"]) if of.budgeted else 0))
        red = left if red is None else min(red, left)
    yellow = headroom(after if of.told is None else _after(of.told, of.usage, event, alleged=True), of.at).yellow
    return Headroom(yellow if yellow is None or red is None else min(yellow, red), red)


def _after(seen: Sequence[Watch], usage: Usage, event: str, *, alleged: bool = False) -> Callable[[int], float]:
    """The trial's evidence had so many more events of this kind happened now."""
    found = [(watch, steps(watch, usage, alleged=alleged)) for watch in seen]
    now = [finding(watch, each) for watch, each in found]
    moved = [place for place, watch in enumerate(seen) if event in events_of(watch.indicator)]

    @cache
    def after(extra: int) -> float:
        then = list(now)
        for place in moved:
            watch, each = found[place]
            then[place] = finding(watch, _more(watch, each, usage.period, extra))
        return together(then)

    return after


def _more(watch: Watch, found: list[Counted], period: int, extra: int) -> list[Counted]:
    """The last period with more events in it; where a case has at most one, there are at least as many cases."""
    before = found[:-1] if found and found[-1][0] >= period else found
    last, k, n = found[-1] if found and found[-1][0] >= period else (period, 0, 0.0)
    k += extra
    return [*before, (last, k, max(n, float(k)) if single(watch.indicator) else n)]


# Groups


def groups(connection: sa.Connection, trial_id: str, number: int) -> Groups:
    """What is compared between groups; never one figure of fairness."""
    state = sa.and_(STATES.c.trial_id == LIMITS.c.trial_id, STATES.c.indicator == LIMITS.c.indicator,
                    STATES.c.epoch == number)
    found = connection.execute(sa.select(LIMITS.c.terms, STATES.c.groups).select_from(
        LIMITS.outerjoin(STATES, state)).where(LIMITS.c.trial_id == trial_id, LIMITS.c.indicator == COMPARES)).first()
    if found is None:
        return Groups()
    body = found.groups or {}
    lines = _group_lines(body.get("sides", {}))
    told = {one.attribute for one in lines if one.n and one.reference_n}
    named = ((found.terms or {}).get("attributes") or {}).items()
    return Groups(lines, tuple((name, row["reference"]) for name, row in named if name not in told),
                  body.get("full", False))


def _group_lines(sides: Mapping[str, Any]) -> tuple[GroupLine, ...]:
    kept = {tuple(key.split("\t")): flat for key, flat in sides.items()}
    counts = {key: [int(part) for part in flat[0][:4]] for key, flat in kept.items()}
    logs = {key: math.log(sum(math.exp(min(side[4], 500.0)) for side in flat) / len(flat))
            for key, flat in kept.items()}
    shown = {(*pair, "predictive"): _predictive(hits, counts[*pair, "false_positives"])
             for (*pair, test), hits in counts.items()
             if test == "true_positives" and (*pair, "false_positives") in counts}
    return tuple(_group(key, each, logs.get(key)) for key, each in sorted({**counts, **shown}.items()))


def _predictive(hits: Sequence[int], misses: Sequence[int]) -> list[int]:
    """Of each group those rated positive who were so, and all rated positive."""
    return [hits[0], hits[0] + misses[0], hits[2], hits[2] + misses[2]]


def _group(key: tuple[str, ...], counts: Sequence[int], log_e: float | None) -> GroupLine:
    attribute, group, reference, test = key
    x_a, n_a, x_b, n_b = counts
    known = min(n_a, n_b) >= ENOUGH
    one, other = (x / n if n else None for x, n in ((x_a, n_a), (x_b, n_b)))
    value = None
    if known and one is not None and other is not None:
        value = (one / other if other else None) if test == "favourable" else one - other
    return GroupLine(attribute, group, reference, test, one, other, n_a, n_b, value, log_e)


def caps(row: Mapping[Any, Any]) -> tuple[dict[str, Any], ...]:
    """Capped dimensions with what is used of them; a dimension without a cap is left out."""
    return tuple({"dimension": name, "used": row[used], "cap": row[cap],
                  "share": row[used] / row[cap] if row[cap] else math.inf}
                 for name, used, cap in CAPS if row[cap] is not None)


# The board


def to_inspect(connection: sa.Connection, actor: Actor) -> frozenset[str]:
    """Of all running trials that the actor sees, those to look at first: at most one in ten of them is within its
    limits (e-BH). It ranks, and never overrides a trial's own light."""
    rows = connection.execute(sa.select(TRIALS.c.id, TRIALS.c.log_e).where(
        trials_seen_by(actor), TRIALS.c.state.in_(RUNNING))).all()
    flagged = e_bh([row.log_e for row in rows])
    return frozenset(row.id for place, row in enumerate(rows) if place in flagged)

"""The live risk light (风险灯): what turns it yellow or red, valid however often anyone looks.

The promise: if a trial stays within every agreed limit, the chance that the statistics suspend it is at most 5 % per
epoch. It presumes that duplicates are removed, incidents (not victims) are counted and exposures are never understated.

Evidence comes from `evidence.py`, `disparity.py` and `drift.py` as its natural logarithm; throughout, `p0` is the
agreed limit (约定限度) and `mu = p0 * n` the events expected at the limit in n exposures.

Tables      INDICATORS (rows of Indicator), by id; events_of(indicator), single(indicator)
Light       thresholds(...), too_early(...), exposures_needed(...), light(...) -> Light, headroom(after, at) -> Headroom
Rules       cap_light, grave_light, mitigation_light, silent_days(limits, rate_per_day), hard_budget(m, alpha)
To show     feasible(m) -> Feasible
"""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

ENGINE = "1"
"""The version of this engine; an assessment names the one that made it."""
ALPHA, ALPHA_YELLOW = 0.05, 0.20
"""The chance per epoch of a false red, the budget's part included, and of a false yellow: red at 20, yellow at 5."""
BUDGET_SHARE = 0.2
"""The hard budget's part of alpha where there is one: 0.01 of 0.05, which leaves 0.04 to the statistics (red at 25)."""
GRAVE_EVENTS = ("harm_S1", "harm_S2")
"""Each of these that a report counts has to be an incident of its own."""
BUDGETED = "harm_S2"
"""What the hard budget counts."""
RED = 1.0 / ALPHA
ALPHA_BUDGET = 0.01
CAP_WARNING = 0.8
UNSEEN_EVENTS = 3.0
QUIET = math.log(20.0)
"""Log evidence at which less is told than the declared background: yellow only."""
MORE_QUIET = math.log(5.0)
"""What it must have grown by to be told again."""
CRITICAL_DAYS_LATE = 7.0

# Events expected at the limit by which the named excess turns the light red with a chance of 90 %, at RED and weight 1.
SEES_FIVEFOLD = 2.2
SEES_TWOFOLD = 21.0
# Events expected at the limit after which none seen is proof, at 95 % and at any moment, that the rate is below it.
CERTIFIES = 3.779


class Light(StrEnum):
    """The four lights. Grey is "not yet known"; green is "no evidence of excess", never "safe"."""

    GREY = "grey"
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class Kind(StrEnum):
    """How an indicator is judged; all but `rule` are evidence and share one alpha."""

    POISSON = "poisson"
    BERNOULLI = "bernoulli"
    DISPARITY = "disparity"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One row of what the light watches.

    `events` and `denominator` name fields of the feedback report (使用反馈); `limit` is a default the plan may replace
    before the trial starts, None where only the plan can say; `weight` is before normalising over those chosen.
    """

    id: str
    events: tuple[str, ...]
    denominator: str
    kind: Kind
    limit: float | None
    weight: float


def _by_id(rows: Iterable[Indicator]) -> MappingProxyType[str, Indicator]:
    return MappingProxyType({row.id: row for row in rows})


_SERIOUS = ("harm_S1", "harm_S2", "harm_S3")

# Severity is nested, so that calling an incident milder cannot hide it from harm_any.
INDICATORS = _by_id(
    (
        Indicator("harm_serious", _SERIOUS, "exposures", Kind.POISSON, 1e-4, 0.30),
        Indicator("harm_any", (*_SERIOUS, "harm_S4"), "exposures", Kind.POISSON, 1e-2, 0.15),
        Indicator("complaint", ("complaint",), "exposures", Kind.POISSON, 1e-2, 0.10),
        Indicator("override", ("override",), "reviewed", Kind.BERNOULLI, 0.10, 0.10),
        Indicator("disparity", ("favourable",), "groups", Kind.DISPARITY, 0.8, 0.25),
        Indicator("quality_drift", ("error",), "labelled", Kind.BERNOULLI, None, 0.10),
        Indicator("exposure_cap", ("exposures",), "cap", Kind.RULE, 1.0, 0.0),
        Indicator("silence_overdue", ("missed_report", "overdue_mitigation"), "due", Kind.RULE, None, 0.0),
    )
)


def events_of(indicator: str) -> tuple[str, ...]:
    """The events that an indicator counts; one that the plan names counts itself."""
    row = INDICATORS.get(indicator)
    return row.events if row else (indicator,)


def denominator_of(indicator: str) -> str:
    """The field of a report that is the indicator's denominator."""
    row = INDICATORS.get(indicator)
    return row.denominator if row else "exposures"


EVERYTHING = "any_feedback"
"""Whatever is told that is counted per exposure: harm of every class, complaints, and what a plan names."""


def in_everything(event: str) -> bool:
    """Whether an event is part of all feedback: overrides and errors are counted per case looked at."""
    return all(event not in row.events for row in INDICATORS.values() if row.denominator != "exposures"
               and row.kind is not Kind.RULE)


def single(indicator: str) -> bool:
    """Whether one case has at most one event."""
    row = INDICATORS.get(indicator)
    return row is not None and row.kind is Kind.BERNOULLI


# The light


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Log evidence at which the light turns yellow and red."""

    yellow: float
    red: float


@dataclass(frozen=True, slots=True)
class Headroom:
    """Further events (余量) that turn the light yellow and red; None where no number of them can."""

    yellow: int | None
    red: int | None


def thresholds(*, beside_budget: bool = False, cleared_at: float | None = None, alpha: float = ALPHA,
               alpha_yellow: float = ALPHA_YELLOW) -> Thresholds:
    """Red at 1/alpha: 20, or 25 where a hard budget for S2 incidents has a fifth of the 5 %; yellow at 5.

    `cleared_at` is the log evidence at the moment a reviewer last cleared a yellow in this epoch: the next yellow needs
    five times as much again. It is fixed then; a running minimum would carry no alpha.
    """
    red = 1.0 / (1.0 - BUDGET_SHARE) / alpha if beside_budget else 1.0 / alpha
    yellow = max(0.0, cleared_at or 0.0) - math.log(alpha_yellow)
    return Thresholds(yellow=min(yellow, math.log(red)), red=math.log(red))


def too_early(mu: float, weight: float, at: Thresholds) -> bool:
    """Whether even five times the limit would probably not show yet in an indicator of normalised `weight`."""
    return mu < _mu_needed(weight, at)


def exposures_needed(p0: float, weight: float, at: Thresholds) -> int:
    """Exposures after which five times the limit would show with a chance of 90 % or more."""
    return math.ceil(_mu_needed(weight, at) / p0)


def light(log_e: float, at: Thresholds, *, early: bool, rules: Collection[Light] = ()) -> Light:
    """The light of a trial now; latching it, and the epochs, belong to the caller.

    `early` means that every indicator with evidence is still `too_early`; it never hides a yellow or a red. Each
    indicator's own `too_early` is to be shown beside a green light, as "not yet known".
    """
    if log_e >= at.red or Light.RED in rules:
        return Light.RED
    if log_e >= at.yellow or Light.YELLOW in rules:
        return Light.YELLOW
    return Light.GREY if early else Light.GREEN


def headroom(after: Callable[[int], float], at: Thresholds) -> Headroom:
    """The fewest further events that turn the light yellow and red, exposures unchanged; 0 where it already is.

    `after(extra)` is the trial's combined log evidence had `extra` more events of one kind happened. It must add them
    to every indicator that counts that kind: a serious incident moves harm_serious and harm_any together.
    """
    return Headroom(
        yellow=_fewest(lambda extra: after(extra) >= min(at.yellow, at.red)),
        red=_fewest(lambda extra: after(extra) >= at.red),
    )


# Rules beside the statistics, outside alpha


def cap_light(used: float, cap: float) -> Light:
    """Yellow from 80 % of a cap (使用规模上限), red once it is passed; a cap used up exactly is not a breach."""
    if used > cap:
        return Light.RED
    return Light.YELLOW if used and used >= CAP_WARNING * cap else Light.GREEN


def grave_light(s1: int, s2: int, s2_budget: int | None) -> Light:
    """Red at the first S1 incident, and at the S2 incident whose number is the hard budget."""
    over_budget = s2_budget is not None and s2 >= s2_budget
    return Light.RED if s1 or over_budget else Light.GREEN


def silent_days(limits: Mapping[str, float], rate_per_day: float | None) -> float | None:
    """Days without a report after which three serious events could have gone unseen, at the agreed limit and at the
    rate that the caps allow; None where no limit counts serious ones. Without a limit for them together, those for
    their classes add up."""
    at_most = limits.get("harm_serious") or math.fsum(limits.get(name, 0.0) for name in _SERIOUS)
    return UNSEEN_EVENTS / (at_most * rate_per_day) if at_most and rate_per_day else None


def mitigation_light(overdue: int, critical_days_late: float) -> Light:
    """Yellow at the first overdue corrective item, red when a critical one is over 7 days late."""
    if critical_days_late > CRITICAL_DAYS_LATE:
        return Light.RED
    return Light.YELLOW if overdue else Light.GREEN


def hard_budget(m: float, alpha: float = ALPHA_BUDGET) -> int:
    """The incident at which the light turns red when the exposure cap allows `m` expected ones at the limit.

    The smallest K with P(Poisson(m) >= K) <= alpha. Counts only rise, so it is valid under any looks up to the cap.
    """
    if not (m > 0.0 and math.isfinite(m) and 0.0 < alpha < 1.0):
        raise ValueError(f"a budget for {m} expected incidents at alpha {alpha}")
    tail, k = 1.0, 0
    while tail > alpha:
        tail -= math.exp(k * math.log(m) - m - math.lgamma(k + 1))
        k += 1
    return k


# What is shown beside the light


@dataclass(frozen=True, slots=True)
class Feasible:
    """What a plan of given size can show at all; to be said at admission, above all where the answer is no."""

    sees_fivefold: bool
    sees_twofold: bool
    can_certify: bool


def feasible(m: float) -> Feasible:
    """What `m` = limit x exposure cap events expected at the limit allow to detect or to prove."""
    return Feasible(m >= SEES_FIVEFOLD, m >= SEES_TWOFOLD, m >= CERTIFIES)


def planned_size(volume: float | None, rate_per_day: float, days: int) -> float:
    """Exposures that a plan allows in all: its volume, or what its rate comes to over its days, whichever is less."""
    whole = rate_per_day * days
    return whole if volume is None else min(volume, whole)


def agreed_budget(limit: float | None, size: float, alpha: float) -> int | None:
    """The S2 incident at which the light turns red, for a plan of this size; None without a limit for them."""
    if limit is None or not size > 0.0:
        return None
    return hard_budget(limit * size, alpha * BUDGET_SHARE)


# Arithmetic


def _mu_needed(weight: float, at: Thresholds) -> float:
    """Evidence grows in proportion to exposures, so what is needed grows with the logarithm of the bar it must pass."""
    return SEES_FIVEFOLD * (at.red - math.log(weight)) / math.log(RED) if weight > 0.0 else math.inf


def _fewest(reached: Callable[[int], bool]) -> int | None:
    """The smallest count that is `reached`, given that every larger one is too."""
    if reached(0):
        return 0
    high = 1
    while not reached(high):
        high *= 2
        if high > 2**40:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high

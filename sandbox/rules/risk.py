"""The live risk light (风险灯): evidence that a trial runs above its agreed limits, valid however often anyone looks.

The promise: if a trial stays within every agreed limit, the chance that the statistics suspend it is at most 5 % per
epoch. It presumes that duplicates are removed, incidents (not victims) are counted and exposures are never understated.

Evidence is an e-process and is passed around as its natural logarithm; nothing here exponentiates it, so a million
events are no trouble. Throughout, `k` counts events, `n` exposures, `p0` is the agreed limit (约定限度) and
`mu = p0 * n` the events expected at the limit.

Tables      INDICATORS (rows of Indicator), by id
Evidence    log_e_up(k, mu), log_e_low(k, mu), log_e_bernoulli(k, n, p0), ChangeAware(planned).close(k, mu).log_e(k, mu)
Together    combine(weights, logs), shares(weights, logs), e_bh(logs)
Light       thresholds(...), too_early(...), exposures_needed(...), light(...) -> Light, headroom(after, at) -> Headroom
Rules       cap_light, grave_light, silence_light, mitigation_light, hard_budget(m, alpha)
To show     rate_interval(k, n) -> Interval, feasible(m) -> Feasible

Not here yet: the disparity and drift engines; their rows stand in INDICATORS and count as evidence 0 until they exist.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

# Every factor is above 1: one below would grow while the rate is under the limit and void the guarantee.
FACTORS_UP = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
FACTORS_LOW = (0.1, 0.25, 0.5, 0.75)

YELLOW = 5.0
RED = 20.0
RED_BESIDE_BUDGET = 25.0
ALPHA_BUDGET = 0.01
CAP_WARNING = 0.8
UNSEEN_EVENTS = 3.0
CRITICAL_DAYS_LATE = 7.0

# Events expected at the limit by which the named excess turns the light red with a chance of 90 %, at RED and weight 1.
SEES_FIVEFOLD = 2.2
SEES_TWOFOLD = 21.0
# Events expected at the limit after which none seen is proof, at 95 % and at any moment, that the rate is below it.
CERTIFIES = 3.779

_UP = tuple((math.log(factor), factor - 1.0) for factor in FACTORS_UP)
_LOW = tuple((math.log(factor), factor - 1.0) for factor in FACTORS_LOW)
_LOG_UP_WEIGHT = -math.log(len(FACTORS_UP))
_LOG_LOW_WEIGHT = -math.log(len(FACTORS_LOW) + 1)


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
        Indicator("quality_drift", ("error",), "labelled", Kind.POISSON, None, 0.10),
        Indicator("exposure_cap", ("exposures",), "cap", Kind.RULE, 1.0, 0.0),
        Indicator("silence_overdue", ("missed_report", "overdue_mitigation"), "due", Kind.RULE, None, 0.0),
    )
)


# Evidence


def log_e_up(k: int, mu: float) -> float:
    """Log evidence that the rate is above the limit, after `k` events where `mu` were expected at the limit.

    Rises with k and falls with mu, so late events and capped exposures only make it cautious.
    """
    _countable(k, mu)
    return _log_sum_exp([k * log_factor - slope * mu for log_factor, slope in _UP]) + _LOG_UP_WEIGHT


def log_e_low(k: int, mu: float) -> float:
    """Log evidence that the rate is below the limit: proof of safety, or a stream gone silent.

    Here a late event makes a false alarm: feed it matured periods only.
    """
    _countable(k, mu)
    terms = [k * log_factor - slope * mu for log_factor, slope in _LOW]
    if k == 0:
        terms.append(mu)
    return _log_sum_exp(terms) + _LOG_LOW_WEIGHT


def log_e_bernoulli(k: int, n: int, p0: float) -> float:
    """Log evidence that the rate is above `p0` where an exposure has at most one event.

    Tighter than Poisson for limits above 0.05. Raises ValueError when more events than exposures are given.
    """
    if not (0.0 < p0 < 1.0 and 0 <= k <= n):
        raise ValueError(f"{k} events in {n} exposures at a limit of {p0}")
    raised = [min(factor * p0, (1.0 + p0) / 2.0) for factor in FACTORS_UP]
    terms = [k * math.log(p1 / p0) + (n - k) * (math.log1p(-p1) - math.log1p(-p0)) for p1 in raised]
    return _log_sum_exp(terms) + _LOG_UP_WEIGHT


@dataclass(frozen=True, slots=True)
class ChangeAware:
    """Evidence over reporting periods that also sees a rate that was fine for long and then rose; the default.

    `planned` is the number of reporting periods in the plan. Half the stake is bet in the first period, the rest evenly
    over the others; after the last nothing more is bet, so an extension stays valid. `closed` and `logs` (one float a
    factor) are all that need be kept; the ledger is the truth and a replay gives the same bits.
    """

    planned: int
    closed: int = 0
    logs: tuple[float, ...] = (-math.inf,) * len(FACTORS_UP)

    def __post_init__(self) -> None:
        if self.planned < 1 or self.closed < 0 or len(self.logs) != len(FACTORS_UP):
            raise ValueError(f"{self.closed} closed of {self.planned} planned periods")

    def close(self, k: int, mu: float) -> "ChangeAware":
        """The state after the current period ended with `k` events and `mu` expected."""
        return replace(self, closed=self.closed + 1, logs=self._after(k, mu))

    def log_e(self, open_k: int = 0, open_mu: float = 0.0) -> float:
        """Log evidence now, with what the open period has shown so far; valid at every event."""
        terms = [log + _LOG_UP_WEIGHT for log in self._after(open_k, open_mu)]
        return _log_sum_exp([*terms, _log(self._unbet(self.closed + 1))])

    def _after(self, k: int, mu: float) -> tuple[float, ...]:
        _countable(k, mu)
        stake = _log(self._stake(self.closed + 1))
        pairs = zip(self.logs, _UP, strict=True)
        return tuple(_log_sum_exp((log, stake)) + k * log_factor - slope * mu for log, (log_factor, slope) in pairs)

    def _stake(self, period: int) -> float:
        if period > self.planned:
            return 0.0
        if self.planned == 1:
            return 1.0
        return 0.5 if period == 1 else 0.5 / (self.planned - 1)

    def _unbet(self, period: int) -> float:
        """The stake not yet bet once `period` has begun; in closed form, so that it never drifts below zero."""
        left = max(0, self.planned - period)
        return 0.5 * left / (self.planned - 1) if left else 0.0


# Evidence of several indicators, and of several trials


def combine(weights: Sequence[float], logs: Sequence[float]) -> float:
    """Log evidence of a trial: the weighted mean of its indicators', valid under any dependence between them.

    Weights are normalised over those given. An indicator without data has log evidence 0 and still counts.
    """
    return _log_sum_exp(_weighted(weights, logs)) - math.log(math.fsum(weights))


def shares(weights: Sequence[float], logs: Sequence[float]) -> tuple[float, ...]:
    """What part of the trial's evidence each indicator brings; they add up to 1."""
    weighted = _weighted(weights, logs)
    whole = _log_sum_exp(weighted)
    return tuple(math.exp(log - whole) for log in weighted)


def e_bh(logs: Sequence[float], alpha: float = 0.1) -> frozenset[int]:
    """Which trials (positions in `logs`) to inspect first, with a false discovery rate of at most `alpha`.

    For ranking only: it never overrides a trial's own red. Source: Wang and Ramdas, e-BH.
    """
    ranked = sorted(range(len(logs)), key=lambda place: -logs[place])
    flagged = 0
    for rank, place in enumerate(ranked, start=1):
        if logs[place] >= math.log(len(logs) / (rank * alpha)):
            flagged = rank
    return frozenset(ranked[:flagged])


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


def thresholds(*, beside_budget: bool, cleared_at: float = 0.0) -> Thresholds:
    """Red at 20, or at 25 where a hard budget for S2 incidents has a fifth of the 5 %; yellow at 5.

    `cleared_at` is the log evidence at the moment a reviewer last cleared a statistical yellow in this epoch: the next
    yellow needs five times as much again. It is fixed then; a running minimum would carry no alpha.
    """
    red = RED_BESIDE_BUDGET if beside_budget else RED
    return Thresholds(yellow=cleared_at + math.log(YELLOW), red=math.log(red))


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


def silence_light(missed_in_a_row: int, hours_late: float, unseen_events: float) -> Light:
    """Yellow 24 h after a missed report; red at the second in a row, or when three events could have gone unseen.

    `unseen_events` is the limit of serious harm x the cap rate x the time without a report.
    """
    if missed_in_a_row >= 2 or unseen_events >= UNSEEN_EVENTS:
        return Light.RED
    return Light.YELLOW if missed_in_a_row and hours_late >= 24.0 else Light.GREEN


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
class Interval:
    """Bounds of a rate, events per exposure; `high` is infinite while there are no exposures."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Feasible:
    """What a plan of given size can show at all; to be said at admission, above all where the answer is no."""

    sees_fivefold: bool
    sees_twofold: bool
    can_certify: bool


def rate_interval(k: int, n: float, alpha: float = 0.05) -> Interval:
    """The rates that evidence has not excluded: an anytime-valid confidence sequence, at 95 % unless told otherwise.

    It keeps every rate p for which neither log_e_up(k, p n) nor log_e_low(k, p n) has reached 2/alpha. With probability
    1 - alpha a constant true rate is inside at all moments at once, so it may be read daily; it is wider than a
    fixed-sample interval, and with these factors it never gets narrower than about 0.89 to 1.15 times k/n.
    """
    if n <= 0.0:
        return Interval(0.0, math.inf)
    bar = math.log(2.0 / alpha)
    low = _turn(lambda mu: log_e_up(k, mu) < bar, 0.0, float(k))
    top = k + 10.0
    while log_e_low(k, top) < bar:
        top *= 2.0
    return Interval(low / n, _turn(lambda mu: log_e_low(k, mu) >= bar, float(k), top) / n)


def feasible(m: float) -> Feasible:
    """What `m` = limit x exposure cap events expected at the limit allow to detect or to prove."""
    return Feasible(m >= SEES_FIVEFOLD, m >= SEES_TWOFOLD, m >= CERTIFIES)


# Arithmetic


def _countable(k: int, mu: float) -> None:
    if k < 0 or not 0.0 <= mu < math.inf:
        raise ValueError(f"{k} events where {mu} were expected")


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf


def _log_sum_exp(logs: Sequence[float]) -> float:
    top = max(logs)
    if top == -math.inf:
        return top
    return top + math.log(sum([math.exp(log - top) for log in logs]))


def _weighted(weights: Sequence[float], logs: Sequence[float]) -> list[float]:
    if not weights or min(weights) < 0.0 or math.fsum(weights) <= 0.0:
        raise ValueError("weights must not be negative, and not all zero")
    return [_log(weight) + log for weight, log in zip(weights, logs, strict=True)]


def _mu_needed(weight: float, at: Thresholds) -> float:
    """Evidence grows in proportion to exposures, so what is needed grows with the logarithm of the bar it must pass."""
    return SEES_FIVEFOLD * (at.red - _log(weight)) / math.log(RED)


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


def _turn(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where `holds` turns true between `low` and `high`, once; `low` if it holds there already."""
    if holds(low):
        return low
    for _ in range(100):
        middle = (low + high) / 2.0
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high

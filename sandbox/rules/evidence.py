"""Evidence that a rate runs above or below its agreed limit: e-processes, valid however often anyone looks.

Evidence is passed around as its natural logarithm; nothing here exponentiates it, so a million events are no trouble.
Throughout, `k` counts events, `n` exposures, `p0` is the agreed limit (约定限度) and `mu = p0 * n` the events expected
at the limit. Under the limit the chance that evidence ever reaches 1/a is at most a (Ville).

Plain         log_e_up(k, mu), log_e_low(k, mu), log_e_bernoulli(k, n, p0)
Change-aware  ChangeAware(planned, bets(p0, single)).close(k, n).log_e(k, n); evidence_of(...) over periods
Together      combine(weights, logs), shares(weights, logs), e_bh(logs)
To show       rate_interval(k, n) -> Interval
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log1p

# Every factor is above 1: one below would grow while the rate is under the limit and void the guarantee.
FACTORS_UP = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
FACTORS_LOW = (0.1, 0.25, 0.5, 0.75)
BERNOULLI_ABOVE = 0.05
"""Above this limit the Bernoulli form is tighter, where an exposure has at most one event."""

_LOG_UP_WEIGHT = -math.log(len(FACTORS_UP))
_LOG_LOW_WEIGHT = -math.log(len(FACTORS_LOW) + 1)

Bets = tuple[tuple[float, float], ...]
"""For each factor, what one event and what one exposure add to the logarithm."""


@lru_cache(maxsize=4096)
def bets(p0: float, single: bool = False) -> Bets:
    """The bets against a limit; `single` says that an exposure has at most one event."""
    return _bernoulli(p0) if single and BERNOULLI_ABOVE < p0 < 1.0 else _poisson(p0)


def _poisson(p0: float) -> Bets:
    return tuple((math.log(factor), (1.0 - factor) * p0) for factor in FACTORS_UP)


def _bernoulli(p0: float) -> Bets:
    raised = [min(factor * p0, (1.0 + p0) / 2.0) for factor in FACTORS_UP]
    none = [math.log1p(-p1) - math.log1p(-p0) for p1 in raised]
    return tuple((math.log(p1 / p0) - miss, miss) for p1, miss in zip(raised, none, strict=True))


_UP = _poisson(1.0)
_LOW = tuple((math.log(factor), factor - 1.0) for factor in FACTORS_LOW)


# Plain


def log_e_up(k: int, mu: float) -> float:
    """Log evidence that the rate is above the limit, after `k` events where `mu` were expected at the limit.

    Rises with k and falls with mu, so late events and capped exposures only make it cautious.
    """
    _countable(k, mu)
    return log_sum_exp([k * event + mu * exposure for event, exposure in _UP]) + _LOG_UP_WEIGHT


def log_e_low(k: int, mu: float) -> float:
    """Log evidence that the rate is below the limit: proof of safety, or a stream gone silent.

    Here a late event makes a false alarm: feed it matured periods only.
    """
    _countable(k, mu)
    terms = [k * log_factor - slope * mu for log_factor, slope in _LOW]
    if k == 0:
        terms.append(mu)
    return log_sum_exp(terms) + _LOG_LOW_WEIGHT


def log_e_bernoulli(k: int, n: int, p0: float) -> float:
    """Log evidence that the rate is above `p0` where an exposure has at most one event.

    Tighter than Poisson for limits above 0.05. Raises ValueError when more events than exposures are given.
    """
    if not (0.0 < p0 < 1.0 and 0 <= k <= n):
        raise ValueError(f"{k} events in {n} exposures at a limit of {p0}")
    return log_sum_exp([k * event + n * exposure for event, exposure in _bernoulli(p0)]) + _LOG_UP_WEIGHT


# Change-aware


@dataclass(frozen=True, slots=True)
class ChangeAware:
    """Evidence over reporting periods that also sees a rate that was fine for long and then rose; the default.

    `planned` is the number of reporting periods in the plan. Half the stake is bet in the first period, the rest evenly
    over the others; after the last nothing more is bet, so an extension stays valid. `closed` and `logs` (one float a
    factor) are all that need be kept; the ledger is the truth and a replay gives the same bits. With the default bets
    `n` is `mu`, the events expected at the limit.
    """

    planned: int
    bets: Bets = _UP
    closed: int = 0
    logs: tuple[float, ...] = (-math.inf,) * len(FACTORS_UP)

    def __post_init__(self) -> None:
        if self.planned < 1 or self.closed < 0 or len(self.logs) != len(self.bets):
            raise ValueError(f"{self.closed} closed of {self.planned} planned periods")

    def close(self, k: int, n: float, period: int | None = None) -> "ChangeAware":
        """The state after a period ended with `k` events; that period is the next, or a later one after empty ones."""
        period = self.closed + 1 if period is None else period
        return ChangeAware(self.planned, self.bets, period, self._after(k, n, period))

    def log_e(self, open_k: int = 0, open_n: float = 0.0) -> float:
        """Log evidence now, with what the open period has shown so far; valid at every event."""
        return self._mixed(self._after(open_k, open_n, self.closed + 1), self.closed + 1)

    def log_e_in(self, period: int, k: int, n: float) -> float:
        """Log evidence now, where the open period is this one."""
        return self._mixed(self._after(k, n, period), period)

    def so_far(self) -> float:
        """Log evidence at the end of the last closed period, before the next is bet on."""
        return self._mixed(self.logs, self.closed)

    def _mixed(self, logs: Sequence[float], period: int) -> float:
        return log_sum_exp((*logs, _log_unbet(self.planned, period))) + _LOG_UP_WEIGHT

    def _after(self, k: int, n: float, period: int) -> tuple[float, ...]:
        """Stakes of empty periods are added as they are: nothing happened to them."""
        _countable(k, n)
        if period <= self.closed:
            raise ValueError(f"period {period} is closed")
        stake = _log_stake(self.planned, self.closed, period)
        return tuple([log + k * event + n * exposure
                      for log, (event, exposure) in zip(_staked(self.logs, stake), self.bets, strict=True)])


Counted = tuple[int, int, float]
"""A period's number within its epoch, its events, its exposures."""


def closed(state: ChangeAware, periods: Iterable[Counted]) -> ChangeAware:
    """The state after these periods, in order; one in which nothing was counted is no step."""
    for period, k, n in periods:
        if k or n:
            state = state.close(k, n, period)
    return state


def reached(state: ChangeAware, periods: Sequence[Counted]) -> float:
    """Log evidence after these periods, the last of them open; to the bit what closing them all gives."""
    for place in range(len(periods) - 1, -1, -1):
        period, k, n = periods[place]
        if k or n:
            return (closed(state, periods[:place]) if place else state).log_e_in(period, k, n)
    return state.so_far()


def path(state: ChangeAware, periods: Iterable[Counted]) -> list[tuple[int, float]]:
    """Log evidence at the end of each period in which something was counted."""
    found = []
    for period, k, n in periods:
        if k or n:
            state = state.close(k, n, period)
            found.append((period, state.so_far()))
    return found


# Evidence of several indicators, and of several trials


def combine(weights: Sequence[float], logs: Sequence[float]) -> float:
    """Log evidence of a trial: the weighted mean of its indicators', valid under any dependence between them.

    Weights are normalised over those given. An indicator without data has log evidence 0 and still counts.
    """
    return log_sum_exp(_weighted(weights, logs)) - math.log(math.fsum(weights))


def shares(weights: Sequence[float], logs: Sequence[float]) -> tuple[float, ...]:
    """What part of the trial's evidence each indicator brings; they add up to 1."""
    weighted = _weighted(weights, logs)
    whole = log_sum_exp(weighted)
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


# What is shown


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds of a rate, events per exposure; `high` is the most that is possible while there are no
    exposures."""

    low: float
    high: float


@lru_cache(maxsize=4096)
def rate_interval(k: int, n: float, alpha: float = 0.05, *, most: float = math.inf) -> Interval:
    """The rates that evidence has not excluded: an anytime-valid confidence sequence, at 95 % unless told otherwise.

    None is above `most`, 1 for a share of cases. It keeps every rate p for which neither log_e_up(k, p n) nor
    log_e_low(k, p n) has reached 2/alpha. With probability 1 - alpha a constant true rate is inside at all moments
    at once, so it may be read daily; it is wider than a fixed-sample interval, and with these factors it never gets
    narrower than about 0.89 to 1.15 times k/n.
    """
    if n <= 0.0:
        return Interval(0.0, most)
    bar = math.log(2.0 / alpha)
    low = turn(lambda mu: log_e_up(k, mu) < bar, 0.0, float(k))
    top = k + 10.0
    while log_e_low(k, top) < bar:
        top *= 2.0
    return Interval(low / n, min(most, turn(lambda mu: log_e_low(k, mu) >= bar, float(k), top) / n))


# Arithmetic


def log_sum_exp(logs: Sequence[float]) -> float:
    """The logarithm of the sum of what these are logarithms of."""
    top = max(logs)
    if top == -math.inf:
        return top
    return top + math.log(sum([math.exp(log - top) for log in logs]))


def turn(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Where `holds` turns true between `low` and `high`, once; `low` if it holds there already."""
    if holds(low):
        return low
    while low < (middle := (low + high) / 2.0) < high:
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


@lru_cache(maxsize=16_384)
def _staked(logs: tuple[float, ...], stake: float) -> tuple[float, ...]:
    """A settled state with the stake of the period after it: the same for every event of that period."""
    return tuple([log + log1p(exp(stake - log)) if log > stake else stake + log1p(exp(log - stake)) for log in logs])


def _unbet(planned: int, period: int) -> float:
    """The stake not yet bet once `period` has begun; in closed form, so that it never drifts below zero."""
    if period < 1:
        return 1.0
    left = planned - period
    return 0.5 * left / (planned - 1) if left > 0 else 0.0


@lru_cache(maxsize=16_384)
def _log_unbet(planned: int, period: int) -> float:
    """What is not yet bet, as one more stake beside those of the factors."""
    return _log(_unbet(planned, period)) - _LOG_UP_WEIGHT


@lru_cache(maxsize=16_384)
def _log_stake(planned: int, before: int, period: int) -> float:
    """What is bet from the period after `before` to this one."""
    return _log(_unbet(planned, before) - _unbet(planned, period))


def _countable(k: int, mu: float) -> None:
    if k < 0 or not 0.0 <= mu < math.inf:
        raise ValueError(f"{k} events where {mu} were expected")


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf


def _weighted(weights: Sequence[float], logs: Sequence[float]) -> list[float]:
    if not weights or min(weights) < 0.0 or math.fsum(weights) <= 0.0:
        raise ValueError("weights must not be negative, and not all zero")
    return [_log(weight) + log for weight, log in zip(weights, logs, strict=True)]

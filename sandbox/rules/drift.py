"""Drift of what a model sees or says (模型漂移): the population stability index with a bound for its sample size.

The chi-square law behind the bound is an approximation, so drift warns and never stops.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

BINS = 10
"""Of every distribution; how they are cut is fixed before a trial starts."""
FLOOR = 0.10
"""Below this no drift is worth a look, however large the sample."""
ALPHA = 0.1
"""Chance of a false warning over all weeks together."""
LARGE = 0.25
"""An index that is commonly called a large shift: while even that could be chance, nothing is known yet."""
_SMOOTHING = 0.5


def psi(reference: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index over the same bins, half an observation added to each. Raises ValueError for other
    bins or counts below zero."""
    if len(reference) != len(now) or len(now) < 2 or min(*reference, *now) < 0:
        raise ValueError(f"{len(now)} bins against {len(reference)}")
    n, m = sum(now) + _SMOOTHING * len(now), sum(reference) + _SMOOTHING * len(now)
    pairs = [((a + _SMOOTHING) / n, (b + _SMOOTHING) / m) for a, b in zip(now, reference, strict=True)]
    return math.fsum((a - b) * math.log(a / b) for a, b in pairs)


def drift_bound(n: int, m: int, bins: int, week: int, of: int = 1) -> float:
    """The index above which week `week` (from 1) is drift: n seen against m of reference. The chances of all weeks, and
    of the `of` distributions that a trial has, add up to ALPHA."""
    if n <= 0 or m <= 0 or week < 1:
        return math.inf
    return max(FLOOR, (1.0 / n + 1.0 / m) * _explained(bins, week, of))


def _explained(bins: int, week: int, of: int) -> float:
    return chi_square(bins - 1, 1.0 - ALPHA / (of * week * (week + 1)))


@dataclass(frozen=True, slots=True)
class Look:
    """One week's counts against the reference: how many cases, the index, and how much of it the sample's size
    explains (infinite without cases)."""

    cases: int
    index: float
    bound: float

    @property
    def drifted(self) -> bool:
        """Whether the index is beyond what the sample's size explains."""
        return self.index > self.bound

    @property
    def enough(self) -> bool:
        """Whether a large shift would be told from chance."""
        return self.bound <= LARGE


def look(reference: Sequence[int], now: Sequence[int], week: int, of: int = 1) -> Look:
    """A week's counts as they are judged."""
    return Look(sum(now), psi(reference, now), drift_bound(sum(now), sum(reference), len(now), week, of))


def cases_needed(m: int, bins: int, week: int, of: int = 1) -> int | None:
    """Cases of that week from which a large shift is told from chance; None where the reference is too small itself."""
    left = LARGE / _explained(bins, week, of) - 1.0 / m if m > 0 else 0.0
    return math.ceil(1.0 / left) if left > 0.0 else None


def chi_square(freedom: int, probability: float) -> float:
    """The quantile of the chi-square law. Source: Wilson and Hilferty."""
    spread = 2.0 / (9.0 * freedom)
    return freedom * (1.0 - spread + NormalDist().inv_cdf(probability) * math.sqrt(spread)) ** 3

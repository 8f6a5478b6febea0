"""Drift of what a model sees or says (模型漂移): the population stability index with a bound for its sample size.

The chi-square law behind the bound is an approximation, so drift warns and never stops.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

FLOOR = 0.10
"""Below this no drift is worth a look, however large the sample."""
ALPHA = 0.1
"""Chance of a false warning over all weeks together."""
_SMOOTHING = 0.5


def psi(reference: Sequence[int], now: Sequence[int]) -> float:
    """Population stability index over the same bins, half an observation added to each. Raises ValueError for other
    bins or counts below zero."""
    if len(reference) != len(now) or len(now) < 2 or min(*reference, *now) < 0:
        raise ValueError(f"{len(now)} bins against {len(reference)}")
    n, m = sum(now) + _SMOOTHING * len(now), sum(reference) + _SMOOTHING * len(now)
    pairs = [((a + _SMOOTHING) / n, (b + _SMOOTHING) / m) for a, b in zip(now, reference, strict=True)]
    return math.fsum((a - b) * math.log(a / b) for a, b in pairs)


def drift_bound(n: int, m: int, bins: int, week: int) -> float:
    """The index above which week `week` (from 1) is drift: n seen against m of reference; chances add up to ALPHA."""
    if n <= 0 or m <= 0 or week < 1:
        return math.inf
    chance = ALPHA / (week * (week + 1))
    return max(FLOOR, (1.0 / n + 1.0 / m) * chi_square(bins - 1, 1.0 - chance))


def drifted(reference: Sequence[int], now: Sequence[int], week: int) -> bool:
    """Whether a week's counts have drifted beyond what its sample size explains."""
    return psi(reference, now) > drift_bound(sum(now), sum(reference), len(now), week)


def chi_square(freedom: int, probability: float) -> float:
    """The quantile of the chi-square law. Source: Wilson and Hilferty."""
    spread = 2.0 / (9.0 * freedom)
    return freedom * (1.0 - spread + NormalDist().inv_cdf(probability) * math.sqrt(spread)) ** 3

"""Disparity between groups (群体差异): block KL projection, an e-process against "no worse than agreed".

A block is what one report says of two groups: `x` favourable outcomes of `n`. The bet on a block is fixed by the blocks
before it, and set against the nearest point of the null for this block's sizes: so the first block never moves the
evidence. Late reports enter when they arrive; a correction replays all in order. Valid while group sizes and lateness
do not depend on outcomes.

Nulls         ratio: p_a >= 0.8 p_b; difference: p_a - p_b <= 0.10
Evidence      Side(null).after(block).log_e; mean(...) averages both directions, together(...) comparisons by stakes
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.rules.evidence import log_sum_exp

RATIO, GAP = 0.8, 0.10
"""The defaults: four fifths of the reference group's rate; ten points between error rates."""
ENOUGH = 30
"""Outcomes in each group before a ratio is said at all; below it reads "not enough yet"."""
_STEPS = 80

Block = tuple[int, int, int, int]
"""Favourable and all outcomes of the one group, then of the other."""


@dataclass(frozen=True, slots=True)
class Side:
    """One direction of one comparison. `ratio` True: group a has at least `bound` times b's rate; False: a's rate is at
    most `bound` above b's. The sums and the logarithm are all that need be kept."""

    ratio: bool
    bound: float
    x_a: int = 0
    n_a: int = 0
    x_b: int = 0
    n_b: int = 0
    log_e: float = 0.0

    def after(self, block: Block) -> "Side":
        """The state after one more block; a block without one of the groups only adds to the sums."""
        x_a, n_a, x_b, n_b = block
        if not (0 <= x_a <= n_a and 0 <= x_b <= n_b):
            raise ValueError(f"{x_a} of {n_a} and {x_b} of {n_b}")
        gain = self._gain(block) if n_a and n_b else 0.0
        return Side(self.ratio, self.bound, self.x_a + x_a, self.n_a + n_a, self.x_b + x_b, self.n_b + n_b,
                    self.log_e + gain)

    def _gain(self, block: Block) -> float:
        x_a, n_a, x_b, n_b = block
        p_a, p_b = (self.x_a + 0.5) / (self.n_a + 1.0), (self.x_b + 0.5) / (self.n_b + 1.0)
        project = project_ratio if self.ratio else project_difference
        q_a, q_b = project(n_a, p_a, n_b, p_b, self.bound)
        if (q_a, q_b) == (p_a, p_b):
            return 0.0
        return (x_a * math.log(p_a / q_a) + (n_a - x_a) * math.log((1.0 - p_a) / (1.0 - q_a))
                + x_b * math.log(p_b / q_b) + (n_b - x_b) * math.log((1.0 - p_b) / (1.0 - q_b)))


def project_ratio(n_a: int, p_a: float, n_b: int, p_b: float, rho: float) -> tuple[float, float]:
    """The point of p_a >= rho p_b nearest to (p_a, p_b), in n_a KL + n_b KL."""
    if p_a >= rho * p_b:
        return p_a, p_b
    a, b, c = rho * (n_a + n_b), -(rho * (n_a + n_b * p_b) + n_b + n_a * p_a), n_a * p_a + n_b * p_b
    q = (-b - math.sqrt(b * b - 4.0 * a * c)) / (2.0 * a)
    return rho * q, q


def project_difference(n_a: int, p_a: float, n_b: int, p_b: float, delta: float) -> tuple[float, float]:
    """The point of p_a - p_b <= delta nearest to (p_a, p_b)."""
    if p_a - p_b <= delta:
        return p_a, p_b
    low, high = max(0.0, -delta), min(1.0, 1.0 - delta)
    for _ in range(_STEPS):
        q = (low + high) / 2.0
        score = n_a * (p_a - q - delta) / ((q + delta) * (1.0 - q - delta)) + n_b * (p_b - q) / (q * (1.0 - q))
        low, high = (q, high) if score > 0.0 else (low, q)
    return low + delta, low


Both = tuple[Side, Side]
"""A comparison seen from both sides."""


def both(ratio: bool, bound: float) -> Both:
    """A fresh comparison of two groups."""
    return Side(ratio, bound), Side(ratio, bound)


def after(pair: Both, block: Block) -> Both:
    """Both directions after one more block."""
    x_a, n_a, x_b, n_b = block
    return pair[0].after(block), pair[1].after((x_b, n_b, x_a, n_a))


def mean(pair: Both) -> float:
    """Log evidence of a comparison, seen from both sides: their mean, valid under any dependence."""
    return log_sum_exp([side.log_e for side in pair]) - math.log(len(pair))


def together(stakes: Sequence[float], pairs: Sequence[Both]) -> float:
    """Log evidence of all comparisons, each by its stake: a mean, valid under any dependence; 0 without any."""
    return log_sum_exp([stake + mean(pair) for stake, pair in zip(stakes, pairs, strict=True)]) if pairs else 0.0


def joined(stakes: Sequence[float], total: float, number: int) -> tuple[list[float], float]:
    """The stakes when so many comparisons join, and that of each that does: an even part of all there is. The evidence
    is no other by it, so one may join whenever it is first told of; all from the start have the same stake."""
    everyone = len(stakes) + number
    return [stake + math.log(len(stakes) / everyone) for stake in stakes], total - math.log(everyone)

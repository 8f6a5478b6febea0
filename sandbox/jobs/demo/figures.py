"""Invented figures of a period of use, the same in every run."""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from sandbox.rules.drift import BINS

LIMITS = {"harm_S4": 0.01, "complaint": 0.01, "override": 0.1, "error": 0.08}
"""Events a period reports and the rate agreed for each, as in the plan's body."""
LOW_SHARE = 0.3
"""Events of an ordinary period, as a share of what was agreed."""


def invented(chance: Random, exposures: int, multiples: Mapping[str, float],
             watched: Mapping[str, float]) -> dict[str, Any]:
    """What a report says of so many exposures: events about these multiples of their limits, groups, measures; of a
    trial that watches distributions also these, each of a share of the cases, and how groups were labelled."""
    wholes = {"harm_S4": exposures, "complaint": exposures, "override": exposures // 5, "error": exposures // 10}
    events = {name: min(whole, _some(chance, LIMITS[name] * multiples.get(name, LOW_SHARE) * whole))
              for name, whole in wholes.items()}
    elders = exposures // 4
    return {
        "exposures": exposures, "events": events, "reviewed": wholes["override"], "labelled": wholes["error"],
        "groups": [_group("60 岁以上", elders, 0.82, bool(watched)),
                   _group("其他", exposures - elders, 0.85, bool(watched))],
        "metrics": {"accuracy": round(chance.uniform(91.0, 95.0), 1), "minutes": round(chance.uniform(9.0, 11.0), 1)},
        "distributions": [{"name": name, "counts": _binned(chance, round(share * exposures))}
                          for name, share in watched.items()],
    }


def _some(chance: Random, mean: float) -> int:
    """A count about this mean."""
    return max(0, round(chance.gauss(mean, math.sqrt(mean))))


def _group(name: str, n: int, favourable: float, labelled: bool) -> dict[str, Any]:
    half = n // 2
    labels = {"positives": half, "true_positives": int(half * 0.88), "negatives": n - half,
              "false_positives": int((n - half) * 0.09)} if labelled else {}
    return {"attribute": "年龄", "group": name, "n": n, "favourable": int(n * favourable), **labels}


def _binned(chance: Random, cases: int) -> list[int]:
    """So many cases over ten bins that are equally full."""
    drawn = chance.choices(range(BINS), k=cases)
    return [drawn.count(place) for place in range(BINS)]

"""The course of a cap (使用规模上限): what was used by when, and when it is reached at the pace so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST_DAYS = 3.0
"""Fewer days of use than these tell no pace."""
FARTHEST = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Period:
    """What was used in one reporting period: from when to when, at the most, it can have been used."""

    opens: datetime
    ends: datetime
    used: float


@dataclass(frozen=True, slots=True)
class Point:
    """So much was used in all by this instant."""

    at: datetime
    used: float


def course(starts: datetime, periods: Sequence[Period]) -> tuple[Point, ...]:
    """What was used by when, from nothing at the start: level where nothing was used."""
    points = [Point(starts, 0.0)]
    for one in periods:
        if one.opens > points[-1].at:
            points.append(Point(one.opens, points[-1].used))
        points.append(Point(max(one.ends, points[-1].at), points[-1].used + one.used))
    return tuple(points)


def reached(used: float, cap: float, days: float, until: datetime) -> datetime | None:
    """When a cap is reached if the rest is used as fast as `used` was in `days` of use up to `until`; None while that
    says nothing yet, or where it is passed already."""
    if days < FIRST_DAYS or not 0.0 < used <= cap:
        return None
    return until + min(FARTHEST, timedelta(days=1) * min((cap - used) * days / used, 1e6))

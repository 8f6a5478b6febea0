"""What the light costs: one assessment of a trial with six indicators, and the replay of a thousand periods.

CPU alone, without reading or writing: the rows stand ready as the database gave them.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from bench.claim import Claim
from sandbox.rules.epoch import Epoch, Row, Usage, Watch, finding, settle, steps, together, trail
from sandbox.rules.evidence import ChangeAware, bets
from sandbox.rules.risk import light, single, thresholds, too_early

LIMITS = {"harm_serious": (1e-4, 0.3), "harm_any": (1e-2, 0.2), "complaint": (1e-2, 0.2), "override": (0.1, 0.1),
          "quality_drift": (0.08, 0.1), "disengagement": (1e-3, 0.1)}
START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
NOW = START + timedelta(days=100, hours=5)
EPOCH = Epoch(START, 7, ZoneInfo("Asia/Shanghai"), START, 26, 1000.0)
AT = thresholds()
ROUNDS = 7


def settled() -> list[Watch]:
    """Fourteen settled weeks, and an open one with something in it."""
    found = []
    for name, (limit, weight) in LIMITS.items():
        rows = tuple(Row(week, week % 2, 0, 5000.0) for week in range(1, 16))
        watch = Watch(name, limit, weight, ChangeAware(26, bets(limit, single(name))), rows)
        found.append(settle(watch, steps(watch, Usage(EPOCH, (), NOW)), 14))
    return found


def assess(watches: list[Watch]) -> str:
    """One assessment, as `acts/light.py` makes it."""
    usage = Usage(EPOCH, [(NOW - timedelta(hours=5), NOW)], NOW)
    found = [finding(watch, steps(watch, usage)) for watch in watches]
    early = all(too_early(one.limit * one.exposures, one.weight, AT) for one in found)
    return light(together(found), AT, early=early)


def replay() -> list[tuple[int, float]]:
    """One indicator over a thousand periods, with the whole path of its evidence."""
    watch = Watch("complaint", 1e-2, 1.0, ChangeAware(1000, bets(1e-2)), ROWS)
    return trail([watch], [steps(watch, Usage(EPOCH, (), START + timedelta(days=7001)))])


ROWS = tuple(Row(period, period % 3, 0, 100.0) for period in range(1, 1001))


def claims() -> list[Claim]:
    """Both costs in microseconds of CPU."""
    watches = settled()
    once, whole = cpu_us(lambda: assess(watches), 2000), cpu_us(replay, 20)
    return [Claim("one assessment of six indicators, CPU", once, None, once, 50.0, "us", at_most=True),
            Claim("a replay of 1,000 periods, CPU", whole, None, whole, 20_000.0, "us", at_most=True)]


def cpu_us(do: Callable[[], object], times: int) -> float:
    """Microseconds of CPU for one, the median of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(times):
            do()
        rounds.append((time.process_time() - start) / times * 1e6)
    return median(rounds)

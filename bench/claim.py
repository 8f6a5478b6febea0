"""One measured claim, and the machine it was measured on: a ratio of two things done in the same run, side by side."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

NOISY_LOAD = 3.0


@dataclass(frozen=True)
class Claim:
    """What was claimed, both figures, and whether ours keeps to the target. `at_most`: less is better."""

    name: str
    ours: float
    limit: float | None
    ratio: float
    target: float
    unit: str
    at_most: bool = False

    @property
    def passes(self) -> bool:
        return self.ratio <= self.target if self.at_most else self.ratio >= self.target

    def line(self) -> str:
        limit = "-" if self.limit is None else f"{self.limit:,.0f} {self.unit}"
        bound = "<=" if self.at_most else ">="
        return (f"{self.name} | {self.ours:,.0f} {self.unit} | {limit} | {self.ratio:.2f} | {bound} {self.target:g} | "
                f"{'PASS' if self.passes else 'FAIL'}")

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "passes": self.passes}


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float:
    """The median of the ratios of each round: a round that the machine spoiled spoils no other."""
    return median(ours / other for ours, other in pairs)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def syncs_per_second(seconds: float = 0.5) -> float:
    """How often a small write can be made durable here: the rate that everything durable hangs on."""
    with tempfile.TemporaryFile() as file:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            done += 1
        return done / (time.perf_counter() - start)


@dataclass(frozen=True)
class Machine:
    """How busy the machine and its disk were, before and after."""

    load: tuple[float, float]
    syncs: tuple[float, float]

    @property
    def noisy(self) -> bool:
        return max(self.load) > NOISY_LOAD or max(self.syncs) > 2 * min(self.syncs)

    def line(self) -> str:
        return (f"fdatasync/s {self.syncs[0]:,.0f} before, {self.syncs[1]:,.0f} after; load {self.load[0]:.2f} before, "
                f"{self.load[1]:.2f} after{'; NOISY' if self.noisy else ''}")


def watched(run: Callable[[], list[Claim]]) -> tuple[list[Claim], Machine]:
    """Run a bench with the machine's state taken on both sides of it."""
    load, syncs = os.getloadavg()[0], syncs_per_second()
    claims = run()
    return claims, Machine((load, os.getloadavg()[0]), (syncs, syncs_per_second()))


@dataclass(frozen=True)
class Run:
    """How long and how large a run is, and on which database."""

    seconds: float
    rounds: int
    rows: int
    kind: str
    cache: Path
    server: "Any | None" = None

    @contextmanager
    def database(self) -> Iterator[str | None]:
        """The address of a fresh database; None is the embedded file of whatever folder is used."""
        yield self.server() if self.server else None


def scratch() -> tempfile.TemporaryDirectory[str]:
    """A folder on the disk that is measured, gone afterwards; TMPDIR chooses the disk."""
    return tempfile.TemporaryDirectory(prefix="sandbox-bench-")

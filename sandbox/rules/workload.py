"""What reviewers carry, whose turn it is next, and what a review is paid."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Load:
    """What one reviewer carries: trials they sit on, reviews they judged and that were held, reviews that wait for
    them, hours they said it took, and when they were first seated."""

    trials: int = 0
    held: int = 0
    due: int = 0
    hours: float = 0.0
    since: datetime | None = None


def turn(load: Load) -> tuple[int, int, float]:
    """Sorts whose turn it is first (轮换): on the fewest trials, then with the fewest reviews, then seated most lately;
    whoever never was, before all."""
    return load.trials, load.held + load.due, -load.since.timestamp() if load.since else float("-inf")


@dataclass(frozen=True, slots=True)
class Rate:
    """The fee of one kind of review from a day on, and when it was set."""

    kind: str
    fee: float
    valid_from: date
    at: datetime


def fee_of(rates: Iterable[Rate], kind: str, day: date) -> float | None:
    """What a review of this kind that was held on this day is paid; None where no fee was set."""
    fitting = [one for one in rates if one.kind == kind and one.valid_from <= day]
    return max(fitting, key=lambda one: (one.valid_from, one.at)).fee if fitting else None

"""Whether a report's figures look like a slip of the pen beside those before it (PEOPLE.md, held filings)."""

from collections.abc import Mapping, Sequence
from statistics import median

FAR_MORE, LAST = 5, 4
"""So many times the median of so many last reports is implausible."""
Figures = Mapping[str, float | None]


def far_more(told: Figures, last: Sequence[Figures]) -> bool:
    """Whether one of these figures is far above what it was in the last reports; too few of them say nothing."""
    if len(last) < LAST:
        return False
    return any((figure or 0) >= FAR_MORE * usual > 0 for figure, usual in (
        (figure, median(one[name] or 0 for one in last)) for name, figure in told.items()))


def tells_harm(events: Mapping[str, int]) -> bool:
    """Whether harm is among these events, by the names of the contract: such a report is never held back."""
    return any(name.startswith("harm_") for name in events)

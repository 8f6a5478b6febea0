"""Alarm lines (警戒线) of a plan's measures: which value is beyond one, and when a series of values crosses it.

The line is the plan's, as agreed at the start; the values are those of one site's reports in the order of their
periods. A series that begins beyond its line has crossed it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CROSSINGS = 2
"""So many crossings of one line are a cause for a review beside the schedule."""


@dataclass(frozen=True, slots=True)
class AlarmLine:
    """The value beyond which a measure alarms, and on which side of it all is well."""

    line: float
    higher_is_better: bool

    def beyond(self, value: float) -> bool:
        """Whether this value is on the bad side of the line; on it is not."""
        return value < self.line if self.higher_is_better else value > self.line


def alarm_lines(metrics: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The lines of a plan's metrics by the names under which reports tell them, as plain values to be kept."""
    return {one["told_as"]: [one["alarm_line"], one["higher_is_better"]] for one in metrics
            if one.get("alarm_line") is not None}


def crossings(values: Sequence[float | None], line: AlarmLine) -> tuple[int, ...]:
    """The places at which the series goes beyond the line. A report that does not tell the measure changes nothing."""
    found, was = [], False
    for place, value in enumerate(values):
        if value is not None:
            now = line.beyond(value)
            if now and not was:
                found.append(place)
            was = now
    return tuple(found)

"""Alarms: a grave incident or a red light wakes the officer on duty (值班), who must acknowledge within half an hour.

Unacknowledged, it is the deputy's, then every regulator's; each step is told once.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from sandbox.rules.cadence import Rung
from sandbox.rules.lifecycle import Cause

ANSWER_WITHIN = timedelta(minutes=30)
ASKED = ("on_duty", "duty_deputy", "all_officers")
"""Whom an alarm asks, one after the other."""


class AlarmCause(StrEnum):
    """What wakes somebody: an incident of the first class, or a red light."""

    GRAVE_INCIDENT = Cause.GRAVE_INCIDENT.value
    RISK_RED = Cause.RISK_RED.value


def rungs(raised: datetime, _interval_days: int, _zone: tzinfo) -> tuple[tuple[datetime, Rung], ...]:
    """When each is asked, through nights and holidays; what is not acknowledged goes on to the next."""
    return tuple((raised + step * ANSWER_WITHIN, Rung(0, (who,))) for step, who in enumerate(ASKED))


def gaps(spans: Iterable[tuple[datetime, datetime]], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """The stretches between two instants that none of these spans covers, earliest first."""
    found, reached = [], start
    for begins, ends in sorted(spans):
        if begins > reached and reached < end:
            found.append((reached, min(begins, end)))
        reached = max(reached, ends)
    return [*found, (reached, end)] if reached < end else found

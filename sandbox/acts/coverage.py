"""What of a trial's time is told: taken in as it is filed, so that deadlines and silence never need a recount.

Told is what a report or a plan not to use covers. `covered_until` is how far that reaches without a gap; what is told
beyond one waits as an island until the gap is filled.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.rules.cadence import YELLOW_AFTER
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.reporting import SLACK, Schedule, Span, joined, second_miss, silent_until
from sandbox.store.coverage import ISLANDS, islands_of, owed_from, standing_spans
from sandbox.store.engine import Statement
from sandbox.store.types import Instant

LONGEST = timedelta(days=3660)
"""Longer than any trial: a silence that never counts."""

_drop = Statement(sa.delete(ISLANDS).where(ISLANDS.c.trial_id == sa.bindparam("trial_id"),
                                           ISLANDS.c.start_at == sa.bindparam("start_at", type_=Instant)))
_add = Statement(sa.insert(ISLANDS).values({c.name: sa.bindparam(c.name, type_=c.type) for c in ISLANDS.c}))


def schedule_of(act: Act) -> Schedule:
    """The trial's reporting periods."""
    return Schedule(act.trial["starts_at"], act.trial["feedback_days"], act.zone)


def tell(act: Act, *spans: Span) -> None:
    """Spans are told: what of them fills the first gap does, the rest waits beyond it."""
    since, waiting = owed_from(act.trial), islands_of(act.connection, act.trial)
    new = [(max(start, since), end) for start, end in spans if end > since]
    if not new:
        return
    told = joined((*waiting, *new))
    if told[0][0] <= since + SLACK:
        act.change_trial(covered_until=told[0][1])
        told = told[1:]
    _replace(act, waiting, told)


def _replace(act: Act, before: tuple[Span, ...], after: tuple[Span, ...]) -> None:
    trial_id = act.trial["id"]
    for start, _ in set(before) - set(after):
        _drop.run(act.connection, {"trial_id": trial_id, "start_at": start})
    for start, end in set(after) - set(before):
        _add.run(act.connection, {"trial_id": trial_id, "start_at": start, "end_at": end})
    act.change_trial(islands=len(after))


def recount(act: Act) -> None:
    """The same anew from the reports and plans that stand, after one of them was taken back."""
    since, known = act.trial["owed_since"] or act.trial["starts_at"], act.trial["covered_until"]
    told = joined((max(start, since), end) for start, end in standing_spans(act.connection, act.trial["id"], since))
    reach = known and min(known, since)
    if told and told[0][0] <= since + SLACK:
        reach, told = told[0][1], told[1:]
    act.change_trial(covered_until=reach)
    _replace(act, islands_of(act.connection, act.trial), told)


def begin_run(act: Act) -> None:
    """The trial begins to run, or runs again: nothing of the time before holds up what is due from now on."""
    act.change_trial(owed_since=act.now)
    recount(act)


def next_report_due(act: Act) -> datetime:
    """24:00 of the day on which the first period ends of which something is untold."""
    plan = schedule_of(act)
    return plan.deadline(plan.after(owed_from(act.trial)))


def second_report_due(act: Act) -> datetime:
    """When two periods in a row will be missing, if nothing more is told."""
    return second_miss(schedule_of(act), islands_of(act.connection, act.trial), owed_from(act.trial))


@dataclass(frozen=True, slots=True)
class Deadlines:
    """What a running trial owes, from what is told of it: when its next report is due, when two in a row will be
    missing, and when its silence stops it."""

    report: datetime
    missing: datetime
    silent: datetime | None


def deadlines(act: Act) -> Deadlines | None:
    """What the act's trial owes now; None where it does not run."""
    if act.trial["state"] not in RUNNING:
        return None
    report = next_report_due(act)
    return Deadlines(report, second_report_due(act), silence_due(act, report))


def silence_due(act: Act, report: datetime) -> datetime | None:
    """When three serious events could have gone unseen, if nothing more is told and the report owed is a day
    late: who reports in time is not silent, however much is used between two reports. None where no limit counts
    them."""
    days = act.trial["silent_days"]
    if days is None:
        return None
    since = owed_from(act.trial)
    unseen = silent_until(islands_of(act.connection, act.trial), since, min(timedelta(days=days), LONGEST))
    return max(unseen, report + YELLOW_AFTER)

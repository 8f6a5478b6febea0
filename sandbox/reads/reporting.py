"""What of a trial's use was told: its periods, where each stands and whether its counts agree; plans, held filings,
retractions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.reads.records import of_trials
from sandbox.rules.access import Actor
from sandbox.rules.reporting import SLACK, Period, Schedule, Span, Told, counts_differ, periods
from sandbox.rules.risk import events_of
from sandbox.store.batches import COUNTS
from sandbox.store.coverage import NO_USE, owed_from, runs_of
from sandbox.store.feedback import FEEDBACK
from sandbox.store.retractions import RETRACTIONS, RetractionState
from sandbox.store.scope import seats_of
from sandbox.store.trials import COUNTERS, LIMITS, SEATS, TRIALS

SHOWN = 12


def standing(connection: sa.Connection, row: Mapping[Any, Any], zone: tzinfo, now: datetime,
             most: int = SHOWN) -> tuple[Period, ...]:
    """The trial's last periods, newest first, each with where its reporting stands; the caller has narrowed to it."""
    if row["starts_at"] is None or not row["feedback_days"]:
        return ()
    schedule, runs = Schedule(row["starts_at"], row["feedback_days"], zone), tuple(runs_of(connection, row, now))
    if not runs:
        return ()
    first = max(1, schedule.number(min(now, runs[-1][1])) - most + 1)
    told = _told(connection, row["id"], schedule.opens(first))
    found = [one for one in periods(schedule, runs, told, now) if one.number >= first]
    return tuple(reversed(found))


def _told(connection: sa.Connection, trial_id: str, since: datetime) -> tuple[Told, ...]:
    """What is told of the time since: reports that follow each other as one, those too late apart."""
    plans = sa.select(NO_USE.c.period_start, NO_USE.c.holds_until, NO_USE.c.at).where(
        NO_USE.c.trial_id == trial_id, NO_USE.c.holds_until > NO_USE.c.period_start, NO_USE.c.holds_until > since)
    reports = connection.execute(_joined(sa.select(
        FEEDBACK.c.period_start, FEEDBACK.c.period_end, FEEDBACK.c.at, FEEDBACK.c.late).where(
        FEEDBACK.c.trial_id == trial_id, FEEDBACK.c.epoch > 0, COUNTS, FEEDBACK.c.period_end > since).subquery()))
    return (*(Told((one.start, one.end), one.last if one.late else one.first) for one in reports),
            *(Told((one[0], one[1]), one[2], planned=True) for one in connection.execute(plans)))


def _joined(told: sa.Subquery) -> sa.Select[Any]:
    """Spans that touch as one, with when the first and the last of them was told."""
    order = (told.c.period_start, told.c.period_end)
    reached = sa.func.max(told.c.period_end).over(partition_by=told.c.late, order_by=order, rows=(None, -1))
    begun = sa.select(told, sa.case((reached >= told.c.period_start, 0), else_=1).label("begins")).subquery()
    number = sa.func.sum(begun.c.begins).over(
        partition_by=begun.c.late, order_by=(begun.c.period_start, begun.c.period_end), rows=(None, 0))
    runs = sa.select(begun, number.label("number")).subquery()
    return sa.select(runs.c.late, sa.func.min(runs.c.period_start).label("start"),
                     sa.func.max(runs.c.period_end).label("end"), sa.func.min(runs.c.at).label("first"),
                     sa.func.max(runs.c.at).label("last")).group_by(runs.c.late, runs.c.number)


# Declared and itemised


@dataclass(frozen=True, slots=True)
class Compared:
    """One indicator in one period: what its reports declare, what is itemised as incidents, and whether these differ
    although the period is over and told of."""

    indicator: str
    declared: int
    itemised: int
    differs: bool


def compared(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]], zone: tzinfo, now: datetime,
             numbers: Collection[int] = ()) -> dict[tuple[str, int], tuple[Compared, ...]]:
    """What was counted by trial and period, of the indicators with an agreed limit; of these periods alone where any
    are named. A fact counts in the period in which it occurred, whatever its epoch. The caller has narrowed to the
    trials."""
    by_id = {row["id"]: row for row in rows if row["starts_at"] is not None and row["feedback_days"]}
    found: dict[tuple[str, int], list[Compared]] = {}
    for one in connection.execute(_counted(tuple(by_id), numbers)):
        over = _told_of(by_id[one.trial_id], one.period, zone, now, some=one.declared > 0 or one.exposures > 0)
        differs = over and counts_differ(events_of(one.indicator), one.declared, one.itemised)
        found.setdefault((one.trial_id, one.period), []).append(
            Compared(one.indicator, int(one.declared), int(one.itemised), differs))
    return {key: tuple(many) for key, many in found.items()}


def differing(connection: sa.Connection, row: Mapping[Any, Any], zone: tzinfo, now: datetime) -> tuple[Span, ...]:
    """The trial's periods whose counts differ; the caller has narrowed to it."""
    found = compared(connection, [row], zone, now)
    numbers = sorted(number for (_, number), counts in found.items() if any(one.differs for one in counts))
    schedule = Schedule(row["starts_at"], row["feedback_days"], zone) if numbers else None
    return tuple((schedule.opens(number), schedule.deadline(number)) for number in numbers) if schedule else ()


def with_differences(connection: sa.Connection, reports: Iterable[Mapping[str, Any]], zone: tzinfo,
                     now: datetime) -> tuple[dict[str, Any], ...]:
    """Reports with whether the counts of the period that each is about differ; the caller has narrowed to them."""
    reports = tuple(reports)
    trials = {row["id"]: row for row in connection.execute(sa.select(TRIALS).where(
        TRIALS.c.id.in_({one["trial_id"] for one in reports}))).mappings()}
    periods_of = [_number(trials[one["trial_id"]], one, zone) for one in reports]
    found = compared(connection, tuple(trials.values()), zone, now, set(periods_of) - {0}) if any(periods_of) else {}
    return tuple({**one, "differs": any(count.differs for count in found.get((one["trial_id"], number), ()))}
                 for one, number in zip(reports, periods_of, strict=True))


def _number(row: Mapping[Any, Any], report: Mapping[str, Any], zone: tzinfo) -> int:
    """The period that a report is about; 0 where it is of the record before adoption."""
    if report["epoch"] == 0:
        return 0
    return Schedule(row["starts_at"], row["feedback_days"], zone).number(report["period_start"])


def _counted(trials: Collection[str], numbers: Collection[int]) -> sa.Select[Any]:
    sums = {name: sa.func.sum(column) for name, column in (
        ("declared", COUNTERS.c.events), ("itemised", COUNTERS.c.itemised), ("exposures", COUNTERS.c.exposures))}
    query = sa.select(COUNTERS.c.trial_id, COUNTERS.c.period, COUNTERS.c.indicator,
                      *(total.label(name) for name, total in sums.items())).join(
        LIMITS, sa.and_(LIMITS.c.trial_id == COUNTERS.c.trial_id, LIMITS.c.indicator == COUNTERS.c.indicator)).where(
        COUNTERS.c.trial_id.in_(trials), COUNTERS.c.epoch > 0, COUNTERS.c.period > 0)
    query = query.where(COUNTERS.c.period.in_(numbers)) if numbers else query
    happened = sa.or_(sums["declared"] > 0, sums["itemised"] > 0)
    return query.group_by(COUNTERS.c.trial_id, COUNTERS.c.period, COUNTERS.c.indicator).having(happened).order_by(
        COUNTERS.c.trial_id, COUNTERS.c.period, COUNTERS.c.indicator)


def _told_of(row: Mapping[Any, Any], number: int, zone: tzinfo, now: datetime, *, some: bool) -> bool:
    """Whether a period is over and reports of it came: some of it, or (nil ones count nothing) all before its end."""
    ends = Schedule(row["starts_at"], row["feedback_days"], zone).deadline(number)
    return now >= ends and (some or ends <= owed_from(row) + SLACK)


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}


def filings(connection: sa.Connection, actor: Actor, table: sa.Table, trial_id: str, *, state: str | None = None,
            cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """A trial's plans not to use, held filings or retractions (their table says which), newest filed first."""
    query = of_trials(table, actor, trial_id)
    query = query.where(table.c.state == state) if state else query
    return keyset(connection, query, table.c.id, cursor, _plain, limit)


def filing(connection: sa.Connection, actor: Actor, table: sa.Table, row_id: str) -> dict[str, Any] | None:
    """One of them, or None when missing or not theirs to see."""
    row = connection.execute(of_trials(table, actor, None).where(table.c.id == row_id)).mappings().first()
    return dict(row) if row else None


def decides_retraction(connection: sa.Connection, actor: Actor, retraction_id: str) -> bool:
    """Whether it waits for the word of this reviewer."""
    return connection.execute(sa.select(RETRACTIONS.c.id).where(
        RETRACTIONS.c.id == retraction_id, retractions_to_decide(actor))).first() is not None


def retractions_of(connection: sa.Connection, column: str, row_id: str) -> tuple[dict[str, Any], ...]:
    """What was asked about one report or incident, oldest first; the caller has narrowed to it."""
    query = sa.select(RETRACTIONS).where(RETRACTIONS.c[column] == row_id).order_by(RETRACTIONS.c.at)
    return tuple(dict(one) for one in connection.execute(query).mappings())


def retractions_to_decide(actor: Actor) -> sa.ColumnElement[bool]:
    """Retractions that wait for this reviewer: of trials on whose running panel they sit."""
    mine = sa.select(SEATS.c.trial_id).join(TRIALS, TRIALS.c.id == SEATS.c.trial_id).where(
        seats_of(actor), SEATS.c.panel == "running", SEATS.c.accepted.is_(True), SEATS.c.panel_no == TRIALS.c.panel_no)
    return sa.and_(RETRACTIONS.c.state == RetractionState.WAITING, RETRACTIONS.c.trial_id.in_(mine))

"""What fires in the next days on one trial, and to whom: from its record, or as it would be under another schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.reads.records import sitting_on
from sandbox.rules.cadence import TIERS, end_of_day, local_day
from sandbox.rules.facts import DAY
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.timetable import DAYS, Check, Firing, Pace, ahead
from sandbox.store.dues import DUES, DueKind
from sandbox.store.facts import sections
from sandbox.store.reviews import REVIEWS
from sandbox.words import Word, word

OTHERS = {DueKind.KILL_SWITCH: ("system",), DueKind.GRAVE_UNMITIGATED: ("system",), DueKind.LAPSE: ("firm", "officer"),
          DueKind.EXPIRE_DECISION: ("officer",), DueKind.REMIND_IDLE: ("firm",),
          DueKind.KILL_SWITCH_OLD: ("firm", "officer"),
          DueKind.CLOCK_RUN_OUT: ("firm", "officer"), DueKind.ITEM_OVERDUE: ("firm", "officer")}
"""Dues besides reviews and reports, and whom each concerns."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """The days that a schedule rests on; None leaves the tier's own."""

    first_review_day: int | None = None
    review_every_days: int | None = None
    feedback_every_days: int | None = None


def timetable(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, zone: tzinfo,
              asked: Schedule = Schedule(), days: int = DAYS) -> tuple[Firing, ...]:
    """What fires, soonest first; the caller has narrowed to the trial. Before its start, as if it began now."""
    if row["tier"] is None:
        return ()
    checks, report, pace = _running(connection, row, asked) if row["state"] in RUNNING else _proposed(
        connection, row, now, zone, asked)
    found = ahead(checks, report, pace, now, zone, days)
    return tuple(sorted((*found, *_others(connection, row, now, days)), key=lambda one: (one.at, one.what)))


def _running(connection: sa.Connection, row: Mapping[Any, Any], asked: Schedule) -> tuple[list[Check], datetime | None,
                                                                                       Pace]:
    pace = Pace(row["tier"], asked.review_every_days or row["review_days"],
                asked.feedback_every_days or row["feedback_days"], row["ends_at"])
    held = connection.execute(sa.select(sa.func.max(REVIEWS.c.held_at)).where(
        REVIEWS.c.trial_id == row["id"], REVIEWS.c.stand_in.is_(False))).scalar()
    anchor = held or row["starts_at"]
    owed = connection.execute(sa.select(REVIEWS.c.id, REVIEWS.c.kind, REVIEWS.c.due_at, REVIEWS.c.state).where(
        REVIEWS.c.trial_id == row["id"], REVIEWS.c.state.in_(("planned", "open"))).order_by(
        sa.case((REVIEWS.c.kind == "periodic", 0), else_=1), REVIEWS.c.due_at)).all()
    checks = [Check(one.due_at, (one.due_at - anchor).days, anchor, one.id, one.state == "open",
                    one.kind != "change") for one in owed]
    late = connection.execute(sa.select(DUES.c.at).where(
        DUES.c.trial_id == row["id"], DUES.c.kind == DueKind.FEEDBACK_LATE)).scalar()
    return checks, None if late is None else late - DAY, pace


def _proposed(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, zone: tzinfo,
              asked: Schedule) -> tuple[list[Check], datetime | None, Pace]:
    filed = sections(connection, row, now)
    plan, exposure = (filed[name][-1].body if name in filed else {} for name in ("schedules", "exposure"))
    tier = TIERS[row["tier"]]
    first = asked.first_review_day or plan.get("first_review_day") or tier.first_day
    pace = Pace(row["tier"], asked.review_every_days or plan.get("review_every_days") or tier.every_days,
                asked.feedback_every_days or plan.get("feedback_every_days") or tier.feedback_days,
                end_of_day(local_day(now, zone) + int(exposure.get("days", 180)) * DAY, zone))
    begin = local_day(now, zone)
    return [Check(end_of_day(begin + first * DAY, zone), first, now)], end_of_day(
        begin + pace.feedback_days * DAY, zone), pace


def _others(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, days: int) -> list[Firing]:
    query = sa.select(DUES.c.kind, DUES.c.at).where(DUES.c.trial_id == row["id"], DUES.c.kind.in_(OTHERS),
                                                    DUES.c.at <= now + days * DAY)
    return [Firing(one.at, DueKind(one.kind).value, OTHERS[one.kind]) for one in connection.execute(query)]


def line(one: Firing) -> Word:
    """A firing as one line of text."""
    key = "page.timetable.line_late" if one.if_late else "page.timetable.line"
    return word(key, when=one.at, what=word(f"page.timetable.{one.what}"),
                who=[word(f"page.timetable.part_{part}") for part in one.to])


def sitters(connection: sa.Connection, row: Mapping[Any, Any]) -> dict[str, list[str]]:
    """Names of those asked, by review owed on the trial; for readers who may know them."""
    owed = connection.execute(sa.select(REVIEWS.c.id, REVIEWS.c.trial_id, REVIEWS.c.sitting).where(
        REVIEWS.c.trial_id == row["id"], REVIEWS.c.state.in_(("planned", "open")))).mappings().all()
    return {one["id"]: [each["name"] for each in sitting_on(connection, one) if each["name"]] for one in owed}

"""One incident with all that belongs to it: versions, final reports, clocks, corrective items, files; its history."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import clocks, corrective, files
from sandbox.reads.clocks import ClockLine
from sandbox.rules.access import Actor
from sandbox.store.clocks import ClockOutcome
from sandbox.store.incidents import FINAL_REPORTS, INCIDENT_VERSIONS, INCIDENTS
from sandbox.store.scope import of_seen_trials

MOST = 200


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing in the history of an incident. `what`: filed, amended, mitigated, closed, reopened, final_report,
    clock_started, clock_told, clock_done, clock_paused, clock_missed, item_added, item_done, item_verified, file;
    `about` is the clock's key, the item's text or the file's name."""

    at: datetime
    what: str
    by: str | None = None
    about: str | None = None
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """An incident and what hangs on it, each list oldest first but clocks and items, which are soonest due first."""

    row: dict[str, Any]
    versions: tuple[dict[str, Any], ...]
    reports: tuple[dict[str, Any], ...]
    clocks: tuple[ClockLine, ...]
    items: tuple[dict[str, Any], ...]
    files: tuple[dict[str, Any], ...]

    def history(self, now: datetime) -> tuple[Happened, ...]:
        """Everything that happened, newest first."""
        found = [*_told(self.row, self.versions), *_reported(self.reports), *_timed(self.clocks, now),
                 *_corrected(self.items), *(Happened(one["at"], "file", one["author_id"], one["name"], one["id"])
                                            for one in self.files)]
        in_order = sorted(found, key=lambda one: (one.at, one.what != "filed"))
        return tuple(in_order[::-1])


def incident(connection: sa.Connection, actor: Actor, now: datetime, incident_id: str) -> Whole | None:
    """One incident, or None when it is missing or not theirs."""
    row = connection.execute(sa.select(INCIDENTS).where(
        INCIDENTS.c.id == incident_id, of_seen_trials(INCIDENTS.c.trial_id, actor))).mappings().first()
    if row is None:
        return None
    return Whole(
        dict(row), _of(connection, INCIDENT_VERSIONS, incident_id), _of(connection, FINAL_REPORTS, incident_id),
        clocks.clocks(connection, actor, now, object_id=incident_id, limit=MOST).items,
        corrective.items(connection, actor, now, incident_id=incident_id, limit=MOST).items,
        files.files(connection, actor, row["trial_id"], object_id=incident_id, limit=MOST).items)


def _of(connection: sa.Connection, table: sa.Table, incident_id: str) -> tuple[dict[str, Any], ...]:
    found = connection.execute(sa.select(table).where(table.c.incident_id == incident_id).order_by(table.c.version))
    return tuple(dict(one) for one in found.mappings())


def _told(row: Mapping[str, Any], versions: tuple[dict[str, Any], ...]) -> Iterator[Happened]:
    yield Happened(row["at"], "filed", row["author_id"])
    states = [one["body"]["state"] for one in versions] + [row["state"]]
    for one, was, became in zip(versions, states, states[1:], strict=False):
        changed = {"open": "reopened"}.get(became, became) if was != became else "amended"
        yield Happened(one["at"], changed, one["author_id"])


def _reported(reports: tuple[dict[str, Any], ...]) -> Iterator[Happened]:
    for one in reports:
        yield Happened(one["at"], "final_report", one["author_id"])


def _timed(lines: tuple[ClockLine, ...], now: datetime) -> Iterator[Happened]:
    ends = {ClockOutcome.DONE: "clock_done", ClockOutcome.PAUSED: "clock_paused"}
    for one in lines:
        key, clock = one.row["key"], one.row["id"]
        yield Happened(one.row["started_at"], "clock_started", None, key, clock)
        if one.row["first_at"]:
            yield Happened(one.row["first_at"], "clock_told", None, key, clock)
        if one.row["outcome"] in ends:
            yield Happened(one.row["ended_at"], ends[one.row["outcome"]], one.row["ended_by"], key, clock)
        if one.late and one.row["started_at"] < one.row["due_at"] < now:
            yield Happened(one.row["due_at"], "clock_missed", None, key, clock)


def _corrected(items: tuple[dict[str, Any], ...]) -> Iterator[Happened]:
    for one in items:
        for what, at, by in (("item_added", "at", "author_id"), ("item_done", "done_at", "done_by"),
                             ("item_verified", "verified_at", "verified_by")):
            if one[at]:
                yield Happened(one[at], what, one[by], one["what"], one["id"])

"""Clocks (时限): started by what happened, met by a report or an answer, paused on a legal ground."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.refusals import NotPermitted, Refused, invalid
from sandbox.acts.schedule import drop_due, put_due
from sandbox.rules.access import Role
from sandbox.rules.cadence import CLOCKS as KNOWN
from sandbox.rules.cadence import deadline
from sandbox.rules.incident_clocks import STAGES, TOLD_TO_AUTHORITY
from sandbox.rules.jurisdiction import Profile
from sandbox.store.clocks import CLOCKS, ClockOutcome, MetFields, PauseFields
from sandbox.store.dues import DueKind
from sandbox.store.fields import Fields


class ClockStood(Done):
    """The clock's id, when it is due, and how it ended where it did."""

    id: str
    due_at: datetime
    outcome: str | None = None


def start_clock(act: Act, key: str, object_id: str, start: datetime) -> str:
    """Start one of the CLOCKS for an object; one that was void runs again. Returns its id."""
    due = max(deadline(KNOWN[key], start, act.zone, act.place.calendar), start)
    kept = act.connection.execute(sa.select(CLOCKS.c.id, CLOCKS.c.outcome).where(
        CLOCKS.c.object_id == object_id, CLOCKS.c.key == key)).first()
    if kept is None:
        clock = act.id("ck")
        act.insert(CLOCKS, {"id": clock, "trial_id": act.trial["id"], "object_id": object_id, "key": key,
                            "started_at": start, "due_at": due})
    elif kept.outcome == ClockOutcome.VOID:
        clock = kept.id
        act.update(CLOCKS, clock, started_at=start, due_at=due, ended_at=None, outcome=None, ended_by=None)
    else:
        return str(kept.id)
    put_due(act, DueKind.CLOCK_RUN_OUT, clock, due, act.trial["id"])
    return str(clock)


def open_clocks(act: Act, object_id: str) -> dict[str, str]:
    """The ids of the object's clocks that run, by key."""
    query = sa.select(CLOCKS.c.key, CLOCKS.c.id).where(CLOCKS.c.object_id == object_id, CLOCKS.c.ended_at.is_(None))
    return {row.key: row.id for row in act.connection.execute(query)}


def end_clock(act: Act, clock_id: str, outcome: ClockOutcome, at: datetime, **more: str | None) -> None:
    """End it; nothing falls due any more."""
    act.update(CLOCKS, clock_id, ended_at=at, outcome=outcome.value, ended_by=act.actor.id, **more)
    drop_due(act, DueKind.CLOCK_RUN_OUT, clock_id)


@act(on="clock")
def meet_clock(act: Act, given: MetFields) -> ClockStood:
    """Say that a duty with a clock was done, when and under which reference. A first report meets a clock of two
    stages, and the complete one ends it."""
    clock = _running(act)
    at = given.met_at or act.now
    if not clock["started_at"] <= at <= act.now:
        raise invalid("met_at", "outside_clock")
    if STAGES.get(clock["key"]) and not given.complete:
        if clock["first_at"] is not None:
            raise Refused("first_report_made")
        act.update(CLOCKS, clock["id"], first_at=at, reference=given.reference)
        drop_due(act, DueKind.CLOCK_RUN_OUT, clock["id"])
    else:
        end_clock(act, clock["id"], ClockOutcome.DONE, at, reference=given.reference or clock["reference"])
    if clock["key"] in TOLD_TO_AUTHORITY and act.place.profile is Profile.EU_AUTHORITY:
        start_clock(act, "C15", clock["object_id"], at)
    return _stood(act, clock["id"])


@act(on="clock")
def pause_clock(act: Act, given: PauseFields) -> ClockStood:
    """Let a clock stand still on a legal ground."""
    clock = _running(act)
    end_clock(act, clock["id"], ClockOutcome.PAUSED, act.now, ground=given.ground)
    return _stood(act, clock["id"])


class ResumeGiven(Fields):
    """Nothing more than that it runs again."""


@act(on="clock")
def resume_clock(act: Act, given: ResumeGiven) -> ClockStood:
    """Let a paused clock run again, for as long as it still had."""
    clock = act.row(CLOCKS, act.object_id or "")
    if clock["outcome"] != ClockOutcome.PAUSED:
        raise Refused("clock_not_paused")
    due = max(clock["due_at"] + (act.now - clock["ended_at"]), clock["due_at"])
    act.update(CLOCKS, clock["id"], ended_at=None, outcome=None, ended_by=None, due_at=due)
    if clock["first_at"] is None and due > act.now:
        put_due(act, DueKind.CLOCK_RUN_OUT, clock["id"], due, act.trial["id"])
    return _stood(act, clock["id"])


def _running(act: Act) -> dict[str, Any]:
    """The act's clock while it runs. Whoever does not owe the duty and is no officer may not say that it was done."""
    clock = act.row(CLOCKS, act.object_id or "")
    if act.actor.role is not Role.REGULATOR and act.actor.role.value not in KNOWN[clock["key"]].owners:
        raise NotPermitted("not_permitted")
    if clock["ended_at"] is not None:
        raise Refused("clock_ended")
    return clock


def _stood(act: Act, clock_id: str) -> ClockStood:
    clock = act.row(CLOCKS, clock_id)
    return ClockStood(id=clock_id, due_at=clock["due_at"], outcome=clock["outcome"])

"""Clocks (时限): started by what happened, met by a report or an answer, paused on a legal ground.

Moves and sections start and end clocks by the table (`follow_move`, `follow_section`); what an incident starts is in
`acts/incidents.py`, what an emergency review does in `acts/effects.py` and `acts/reviews.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.refusals import NotPermitted, Refused, invalid
from sandbox.acts.schedule import arm_reminders, drop_due, put_due
from sandbox.rules.access import Relation, Role
from sandbox.rules.cadence import DAY
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.clocks import deadline, ended_by, is_said, owner_reminders, paused_by, started_by, voided_by
from sandbox.rules.incident_clocks import TOLD_TO_AUTHORITY
from sandbox.rules.jurisdiction import Profile
from sandbox.store.clocks import CLOCKS, CORRECTION_ASKED, ClockOutcome, MetFields, PauseFields
from sandbox.store.dossier import FilingStatus
from sandbox.store.dues import DueKind
from sandbox.store.facts import sections
from sandbox.store.fields import Fields


class ClockStood(Done):
    """The clock's id, when it is due, and how it ended where it did."""

    id: str
    due_at: datetime
    outcome: str | None = None


def start_clock(act: Act, key: str, object_id: str, start: datetime, *, again: bool = False) -> str:
    """Start one of the CLOCKS for an object; one that was void runs again, and with `again` one that was done. Returns
    its id."""
    due = max(deadline(KNOWN[key], start, act.zone, act.place.calendar), start)
    return _run(act, key, object_id, start, due, again)


def _run(act: Act, key: str, object_id: str, start: datetime, due: datetime, again: bool = False) -> str:
    kept = act.connection.execute(sa.select(CLOCKS.c.id, CLOCKS.c.outcome).where(
        CLOCKS.c.object_id == object_id, CLOCKS.c.key == key)).first()
    if kept is None:
        clock = act.id("ck")
        act.insert(CLOCKS, {"id": clock, "trial_id": act.trial["id"], "object_id": object_id, "key": key,
                            "started_at": start, "due_at": due})
    elif kept.outcome == ClockOutcome.VOID or again and kept.outcome == ClockOutcome.DONE:
        clock = kept.id
        act.update(CLOCKS, clock, started_at=start, due_at=due, ended_at=None, outcome=None, ended_by=None)
    else:
        return str(kept.id)
    arm_clock(act, str(clock), start, due)
    return str(clock)


def arm_clock(act: Act, clock: str, start: datetime, due: datetime) -> None:
    """What is owed to a clock that runs: its end, and reminders of it before."""
    put_due(act, DueKind.CLOCK_RUN_OUT, clock, due, act.trial["id"])
    arm_reminders(act, DueKind.REMIND_CLOCK, clock, owner_reminders(due, (due - start).days, act.zone))


def disarm_clock(act: Act, clock: str) -> None:
    """Nothing falls due there any more."""
    for kind in (DueKind.CLOCK_RUN_OUT, DueKind.REMIND_CLOCK):
        drop_due(act, kind, clock)


def open_clocks(act: Act, object_id: str) -> dict[str, str]:
    """The ids of the object's clocks that run, by key."""
    query = sa.select(CLOCKS.c.key, CLOCKS.c.id).where(CLOCKS.c.object_id == object_id, CLOCKS.c.ended_at.is_(None))
    return {row.key: row.id for row in act.connection.execute(query)}


def end_clock(act: Act, clock_id: str, outcome: ClockOutcome, at: datetime, **more: str | None) -> None:
    """End it; nothing falls due any more."""
    act.update(CLOCKS, clock_id, ended_at=at, outcome=outcome.value, ended_by=act.actor.id, **more)
    disarm_clock(act, clock_id)


# What moves and sections do to them


ALGORITHM_FILING = ("算法备案", "演算法備案", "算法備案", "algorithm")
BY_HAND = ("C17", "C22")
"""A move brings them about, but not each of its kind: an emergency review is called, an end date is set."""


def follow_move(act: Act, move: str, move_id: str) -> None:
    """End, void, pause and start what the table says that the move does."""
    _end_all(act, ended_by(move=move), ClockOutcome.DONE)
    _end_all(act, voided_by(move), ClockOutcome.VOID)
    _end_all(act, paused_by(move), ClockOutcome.PAUSED, ground=CORRECTION_ASKED)
    for key in started_by(act.place.profile, move=move):
        if key not in BY_HAND and WHEN.get(key, _always)(act) and not _goes_on(act, key):
            start_clock(act, key, move_id, act.now)


def follow_section(act: Act, kind: str, section_id: str, body: Mapping[str, Any]) -> None:
    """The same for a section that was filed; filed again, what it started runs on."""
    if kind != "filings" or not _has(body, FilingStatus.DUE):
        _end_all(act, ended_by(section=kind), ClockOutcome.DONE)
    for key in started_by(act.place.profile, section=kind):
        if not running_of_trial(act, (key,)):
            start_clock(act, key, section_id, act.now)


def time_exit(act: Act) -> None:
    """The exit evaluation opens some days before the end (C22), counted anew where the end moved; not asked of a trial
    that is shorter."""
    end = act.trial["ends_at"]
    due = deadline(KNOWN["C22"], end, act.zone, act.place.calendar)
    running = running_of_trial(act, ("C22",))
    for clock in running:
        act.update(CLOCKS, clock.id, due_at=max(due, clock.started_at))
        arm_clock(act, clock.id, clock.started_at, max(due, clock.started_at))
    if not running and due > act.now + DAY:
        _run(act, "C22", act.trial["id"], act.now, due)


def running_of_trial(act: Act, keys: Iterable[str]) -> list[Any]:
    """The trial's clocks of these keys that run: id and start."""
    query = sa.select(CLOCKS.c.id, CLOCKS.c.started_at).where(
        CLOCKS.c.trial_id == act.trial["id"], CLOCKS.c.key.in_(list(keys)), CLOCKS.c.ended_at.is_(None))
    return list(act.connection.execute(query).all())


def _end_all(act: Act, keys: tuple[str, ...], outcome: ClockOutcome, **more: str) -> None:
    for clock in running_of_trial(act, keys) if keys else ():
        end_clock(act, clock.id, outcome, act.now, **more)


def _goes_on(act: Act, key: str) -> bool:
    """Whether one that was paused for a correction runs again."""
    paused = act.connection.execute(sa.select(CLOCKS.c.id).where(
        CLOCKS.c.trial_id == act.trial["id"], CLOCKS.c.key == key, CLOCKS.c.outcome == ClockOutcome.PAUSED,
        CLOCKS.c.ground == CORRECTION_ASKED)).scalar()
    if paused:
        _let_run(act, act.row(CLOCKS, paused))
    return bool(paused)


def _always(act: Act) -> bool:
    return True


def _by_chair(act: Act) -> bool:
    return act.relation is Relation.CHAIR


def _algorithm_filing_is(status: FilingStatus) -> Callable[[Act], bool]:
    def so(act: Act) -> bool:
        filed = sections(act.connection, act.trial, act.now).get("filings")
        return filed is not None and _has(filed[-1].body, status)

    return so


def algorithm_filed(act: Act) -> bool:
    """Whether the algorithm's filing is done, so that another has to follow what changes of it."""
    return _algorithm_filing_is(FilingStatus.DONE)(act)


def _has(body: Mapping[str, Any], status: FilingStatus) -> bool:
    """Whether the filing of the algorithm, among those recorded, stands so; it is known by its name."""
    return any(row["status"] == status and any(name in row["filing"].casefold() for name in ALGORITHM_FILING)
               for row in body["filings"])


WHEN: Mapping[str, Callable[[Act], bool]] = {
    "C05": _algorithm_filing_is(FilingStatus.DUE), "C07": _algorithm_filing_is(FilingStatus.DONE), "D06": _by_chair,
}
"""What else must be so for a move to start one of them: a filing to be made, one to be cancelled, a chair's hold."""


# What people say of them


@act(on="clock")
def meet_clock(act: Act, given: MetFields) -> ClockStood:
    """Say that a duty with a clock was done, when and under which reference. A first report meets a clock of two
    stages, and the complete one ends it. What a move, a section or a review ends is not met by saying so."""
    clock = _sayable(act)
    at = given.met_at or act.now
    if not clock["started_at"] <= at <= act.now:
        raise invalid("met_at", "outside_clock")
    if KNOWN[clock["key"]].staged and not given.complete:
        if clock["first_at"] is not None:
            raise Refused("first_report_made")
        act.update(CLOCKS, clock["id"], first_at=at, reference=given.reference)
        disarm_clock(act, clock["id"])
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
    _let_run(act, clock)
    return _stood(act, clock["id"])


def _let_run(act: Act, clock: Mapping[str, Any]) -> None:
    due = max(clock["due_at"] + (act.now - clock["ended_at"]), clock["due_at"])
    act.update(CLOCKS, clock["id"], ended_at=None, outcome=None, ended_by=None, due_at=due, ground=None)
    if clock["first_at"] is None and due > act.now:
        arm_clock(act, clock["id"], clock["started_at"], due)


def _running(act: Act) -> dict[str, Any]:
    """The act's clock while it runs. Whoever does not owe the duty and is no officer may not say that it was done."""
    clock = act.row(CLOCKS, act.object_id or "")
    if act.actor.role is not Role.REGULATOR and act.actor.role.value not in KNOWN[clock["key"]].owners:
        raise NotPermitted("not_permitted")
    if clock["ended_at"] is not None:
        raise Refused("clock_ended")
    return clock


def _sayable(act: Act) -> dict[str, Any]:
    clock = _running(act)
    if not is_said(KNOWN[clock["key"]]):
        raise Refused("clock_by_event")
    return clock


def _stood(act: Act, clock_id: str) -> ClockStood:
    clock = act.row(CLOCKS, clock_id)
    return ClockStood(id=clock_id, due_at=clock["due_at"], outcome=clock["outcome"])

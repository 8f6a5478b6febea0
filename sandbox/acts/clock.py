"""What the clock does when something has come due. Each due is claimed by deleting its row in the act that does it."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, Made, act
from sandbox.acts.annual import year_turns
from sandbox.acts.batches import drop_batch
from sandbox.acts.clocks import end_clock
from sandbox.acts.corrective import look_at_overdue
from sandbox.acts.guidance import guidance_came
from sandbox.acts.held import apply_held
from sandbox.acts.holding import held_until
from sandbox.acts.light import assess
from sandbox.acts.moves import carry_out, missing_needs, trip
from sandbox.acts.refusals import NotFound, Refused
from sandbox.acts.reminders import LADDERS, remind
from sandbox.acts.schedule import arm_review, convene, notify, put_due
from sandbox.acts.tacit import CLOCK as TACIT
from sandbox.acts.tacit import approve_tacitly
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.lifecycle import ROWS, Cause
from sandbox.rules.risk import Light
from sandbox.store.allegations import ALLEGATIONS, AllegationState
from sandbox.store.clocks import CLOCKS, ClockOutcome
from sandbox.store.corrective import ITEMS
from sandbox.store.dues import DUES, GRACE, HOLDS, LATENESS, PULSE, DueKind, HoldKind
from sandbox.store.engine import Statement
from sandbox.store.fields import Fields
from sandbox.store.incidents import INCIDENTS, IncidentState
from sandbox.store.reviews import REVIEWS, ReviewState
from sandbox.store.types import Flag, Short, Time
from sandbox.store.votes import DECISIONS, Outcome

A_MOMENT = timedelta(minutes=1)


class DueGiven(Fields):
    """The due to do."""

    due_id: Short


class DueDone(Done):
    """What kind of due was done, for which object."""

    kind: str
    object_id: str


_claim = Statement(sa.delete(DUES).where(DUES.c.id == sa.bindparam("due_id")))


@act()
def run_due(act: Act, given: DueGiven) -> DueDone:
    """Claim one due and do its work, or neither. Raises NotFound when another process was first."""
    due = act.row(DUES, given.due_id)
    if due["at"] > act.now:
        raise NotFound
    _claim.run(act.connection, {"due_id": due["id"]})
    act.object_id, act.logged_as = due["object_id"], due["kind"]
    if due["trial_id"]:
        act.hold_trial(due["trial_id"])
    WORK[due["kind"]](act, due)
    return DueDone(kind=due["kind"], object_id=due["object_id"])


def open_review(act: Act, due: Mapping[str, Any]) -> None:
    """A planned review opens: who sits is decided and told."""
    review = act.row(REVIEWS, due["object_id"])
    if review["state"] != ReviewState.PLANNED:
        return
    act.update(REVIEWS, review["id"], state=ReviewState.OPEN.value, opened_at=act.now)
    arm_review(act, {**review, "state": ReviewState.OPEN})
    convene(act, review)


def review_overdue(act: Act, due: Mapping[str, Any]) -> None:
    """Nobody reviewed and nobody stood in: the trial stops. Never a mark on the firm."""
    if act.row(REVIEWS, due["object_id"])["state"] in (ReviewState.PLANNED, ReviewState.OPEN):
        trip(act, Cause.REVIEW_OVERDUE)


def feedback_late(act: Act, due: Mapping[str, Any]) -> None:
    """A report a day late turns the light yellow."""
    if not _put_off(act, due):
        assess(act, Light.YELLOW, event="feedback_late")
        for role in ("firm", "regulator"):
            notify(act, "feedback_late", role=role)


def feedback_missing(act: Act, due: Mapping[str, Any]) -> None:
    """A second report in a row is missing."""
    if not _put_off(act, due):
        trip(act, Cause.FEEDBACK_MISSING)


def feedback_silent(act: Act, due: Mapping[str, Any]) -> None:
    """A report is late, and three serious events could have gone unseen since the last."""
    if not _put_off(act, due):
        trip(act, Cause.FEEDBACK_MISSING)


def _put_off(act: Act, due: Mapping[str, Any]) -> bool:
    """A filing that is held to be checked is no silence: what its absence would cause waits until it counts."""
    until = held_until(act)
    if until is not None:
        put_due(act, due["kind"], due["object_id"], until + A_MOMENT, act.trial["id"])
    return until is not None


def end_date(act: Act, due: Mapping[str, Any]) -> None:
    """The end: to the evaluation with what is needed for it, otherwise stopped until it is there."""
    row = ROWS.get(("open_exit_review", act.trial["state"]))
    if row is None:
        return
    if missing_needs(act, row):
        trip(act, Cause.END_DATE_REACHED)
    else:
        act.caused(row.name, lambda sub: carry_out(sub, row))


def kill_switch(act: Act, due: Mapping[str, Any]) -> None:
    """The kill switch was not tested for 38 days."""
    trip(act, Cause.UNSAFE_VERSION)


def kill_switch_old(act: Act, due: Mapping[str, Any]) -> None:
    """The kill switch was not tested for 30 days: the light turns yellow, and both sides are told."""
    assess(act, Light.YELLOW, event="kill_switch_old")
    for role in ("firm", "regulator"):
        notify(act, "kill_switch_old", role=role)


def grave_unmitigated(act: Act, due: Mapping[str, Any]) -> None:
    """An S2 without mitigation inside its clock."""
    incident = act.row(INCIDENTS, due["object_id"])
    if incident["state"] == IncidentState.OPEN:
        trip(act, Cause.GRAVE_INCIDENT)


def remind_idle(act: Act, due: Mapping[str, Any]) -> None:
    """Tell the firm that the trial will lapse."""
    notify(act, "remind_idle", role="firm", dedupe=due["object_id"])


def lapse(act: Act, due: Mapping[str, Any]) -> None:
    """Nobody moved for as long as the state allows."""
    row = ROWS.get(("lapse", act.trial["state"]))
    if row is not None and not missing_needs(act, row):
        act.caused("lapse", lambda sub: carry_out(sub, row))


def expire_decision(act: Act, due: Mapping[str, Any]) -> None:
    """A proposal nobody confirmed in time."""
    decision = act.row(DECISIONS, due["object_id"])
    if decision["outcome"] == Outcome.WAITING:
        act.update(DECISIONS, decision["id"], outcome=Outcome.EXPIRED.value)


def clock_run_out(act: Act, due: Mapping[str, Any]) -> None:
    """A duty with a clock was not done in time: those who owe it and the officers are told."""
    clock = act.row(CLOCKS, due["object_id"])
    if clock["first_at"] is not None or clock["ended_at"] is not None:
        return
    if clock["key"] == TACIT and approve_tacitly(act):
        return
    if KNOWN[clock["key"]].right:  # nobody is late with what they need not do
        end_clock(act, clock["id"], ClockOutcome.VOID, act.now)
    else:
        for role in dict.fromkeys(("regulator", *(o for o in KNOWN[clock["key"]].owners if o == "firm"))):
            notify(act, "clock_missed", role=role, dedupe=clock["id"], clock=clock["key"])


def item_overdue(act: Act, due: Mapping[str, Any]) -> None:
    """A corrective item is past its date and not done: the light is looked at, and both sides are told."""
    item = act.row(ITEMS, due["object_id"])
    if item["done_at"] is None:
        look_at_overdue(act, may_stop=False)
        for role in ("firm", "regulator"):
            notify(act, "item_overdue", role=role, dedupe=f"{item['id']}:{item['due_at'].isoformat()}")


def item_long_overdue(act: Act, due: Mapping[str, Any]) -> None:
    """A critical one, for longer than a week: the trial stops."""
    if act.row(ITEMS, due["object_id"])["done_at"] is None:
        look_at_overdue(act)


def allegation_waits(act: Act, due: Mapping[str, Any]) -> None:
    """Nobody decided an allegation in its time: the regulators are told again."""
    if act.row(ALLEGATIONS, due["object_id"])["state"] == AllegationState.WAITING:
        notify(act, "allegation_waits", role="regulator", dedupe=due["object_id"])


def recusal_waits(act: Act, due: Mapping[str, Any]) -> None:
    """Nobody decided a firm's request for a recusal in its time: the regulators are told again."""
    notify(act, "recusal_waits", role="regulator", dedupe=due["object_id"])


WORK: dict[str, Callable[[Act, Mapping[str, Any]], None]] = {
    DueKind.OPEN_REVIEW: open_review, DueKind.REVIEW_OVERDUE: review_overdue,
    DueKind.FEEDBACK_LATE: feedback_late,
    DueKind.FEEDBACK_MISSING: feedback_missing, DueKind.FEEDBACK_SILENT: feedback_silent,
    DueKind.APPLY_HELD: apply_held,
    DueKind.END_DATE: end_date, DueKind.KILL_SWITCH: kill_switch, DueKind.KILL_SWITCH_OLD: kill_switch_old,
    DueKind.GRAVE_UNMITIGATED: grave_unmitigated, DueKind.REMIND_IDLE: remind_idle, DueKind.LAPSE: lapse,
    DueKind.EXPIRE_DECISION: expire_decision, DueKind.DROP_BATCH: drop_batch,
    DueKind.CLOCK_RUN_OUT: clock_run_out,
    DueKind.ITEM_OVERDUE: item_overdue, DueKind.ITEM_LONG_OVERDUE: item_long_overdue,
    DueKind.ALLEGATION_WAITS: allegation_waits, DueKind.RECUSAL_WAITS: recusal_waits, DueKind.YEAR_TURNS: year_turns,
    DueKind.GUIDANCE_CAME: guidance_came,
    **dict.fromkeys(LADDERS, remind),
}


class ClockGiven(Fields):
    """Why lateness waits: a step of the clock or an outage, or too many trials late at once."""

    kind: HoldKind
    since: Time
    until: Time
    trials: Annotated[list[Short], PydanticField(max_length=10_000)] = []


@act()
def note_clock(act: Act, given: ClockGiven) -> Made:
    """Open a hold: no lateness trigger fires until a person releases it. The beat of the tick is set to now."""
    act.logged_as = f"hold_{given.kind.value}"
    hold = act.id("ho")
    act.insert(HOLDS, {"id": hold, "kind": given.kind.value, "since": given.since, "until": given.until,
                       "trials": given.trials, "at": act.now})
    act.connection.execute(sa.update(PULSE).values(at=act.now))
    notify(act, "clock_held", role="regulator", dedupe=hold, why=given.kind.value, n=len(given.trials))
    return Made(id=hold)


class StepGiven(Fields):
    """What the clock would have shown, and what it shows."""

    expected: Time
    found: Time


@act()
def note_step(act: Act, given: StepGiven) -> Done:
    """The clock was set: the log's times go on from another one. By how many seconds stands in the entry's reason."""
    act.reason = f"{(given.found - given.expected).total_seconds():+.0f} s"
    act.new.append(["clock", given.plain()])
    return Done()


class ReleaseGiven(Fields):
    """Whether lateness of before the hold counts after all; otherwise its deadlines move."""

    proceed: Flag = False


@act()
def release_hold(act: Act, given: ReleaseGiven) -> Made:
    """A person looked: deadlines that fell into the hold move by its length and a day, or stand as they are."""
    hold = act.row(HOLDS, act.object_id or "")
    if hold["released_at"] is not None:
        raise Refused("already_decided")
    act.update(HOLDS, hold["id"], released_at=act.now, released_by=act.actor.id, proceed=given.proceed)
    if not given.proceed:
        late = sa.select(DUES.c.id, DUES.c.at).where(DUES.c.kind.in_(LATENESS), DUES.c.at <= act.now + GRACE)
        moved = max(hold["until"] - hold["since"], timedelta(0)) + GRACE
        for due in act.connection.execute(late).all():
            act.connection.execute(sa.update(DUES).where(DUES.c.id == due.id).values(
                at=max(due.at + moved, act.now + GRACE)))
    return Made(id=hold["id"])

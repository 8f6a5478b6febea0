"""Retractions (撤回): a firm takes back what it filed twice or by mistake; until a reviewer agrees it counts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.clocks import end_clock, open_clocks
from sandbox.acts.coverage import recount
from sandbox.acts.incidents import event_of
from sandbox.acts.light import add, assess, count, indicators_counting
from sandbox.acts.places import recount_places
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import arm_feedback, drop_due, notify, running_panel
from sandbox.acts.usage import use
from sandbox.store.clocks import ClockOutcome
from sandbox.store.dues import DueKind
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS, IncidentKind, IncidentState
from sandbox.store.retractions import (
    RETRACTIONS,
    RetractionDecision,
    RetractionFields,
    RetractionGround,
    RetractionState,
)

TO_FILE_ANEW = timedelta(hours=24)
"""What an accepted retraction leaves untold is not late before a day has passed."""


class Retracted(Done):
    """The retraction's id, whether it counts, and the light after it."""

    id: str
    state: str
    light: str


@act(on="feedback")
def retract_feedback(act: Act, given: RetractionFields) -> Retracted:
    """Take a report back. It counts until a reviewer of the panel agrees; what was filed stays on record."""
    report = act.row(FEEDBACK, act.object_id or "")
    if report["epoch"] == 0:
        raise Refused("before_adoption")
    return _ask(act, given, FEEDBACK, report)


@act(on="incident")
def retract_incident(act: Act, given: RetractionFields) -> Retracted:
    """Take an incident back. It counts until a reviewer of the panel agrees; what was filed stays on record."""
    incident = act.row(INCIDENTS, act.object_id or "")
    if incident["source_key"] is not None:
        raise Refused("before_adoption")
    return _ask(act, given, INCIDENTS, incident)


def _ask(act: Act, given: RetractionFields, table: sa.Table, row: Mapping[str, Any]) -> Retracted:
    column = "feedback_id" if table is FEEDBACK else "incident_id"
    if row["retracted"]:
        raise Refused("retracted")
    waiting = sa.select(RETRACTIONS.c.id).where(RETRACTIONS.c[column] == row["id"],
                                                RETRACTIONS.c.state == RetractionState.WAITING)
    if act.connection.execute(waiting).first():
        raise Refused("retraction_waits")
    _check_duplicate(act, given, table, row)
    retraction = act.id("rt")
    act.insert(RETRACTIONS, {**given.plain(), "id": retraction, "trial_id": act.trial["id"], column: row["id"],
                             "state": RetractionState.WAITING.value, "author_id": act.actor.id, "at": act.now})
    for account in running_panel(act):
        notify(act, "retraction_waits", account=account, dedupe=retraction)
    act.change_trial()
    return Retracted(id=retraction, state="waiting", light=act.trial["light"])


def _check_duplicate(act: Act, given: RetractionFields, table: sa.Table, row: Mapping[str, Any]) -> None:
    """A duplicate names the other one: of the same trial, and one that stays."""
    if given.why is not RetractionGround.DUPLICATE:
        return
    other = sa.select(table.c.id).where(table.c.id == given.duplicate_of, table.c.trial_id == row["trial_id"],
                                        table.c.id != row["id"], ~table.c.retracted)
    if not act.connection.execute(other).first():
        raise invalid("duplicate_of", "unknown_id")


@act(on="retraction")
def decide_retraction(act: Act, given: RetractionDecision) -> Retracted:
    """A reviewer of the trial's panel agrees that something is taken back, or not; only then does it cease to count."""
    if act.actor.id not in running_panel(act):
        raise Refused("not_of_the_panel")
    retraction = act.row(RETRACTIONS, act.object_id or "")
    if retraction["state"] != RetractionState.WAITING:
        raise Refused("already_decided")
    state = (RetractionState.ACCEPTED if given.accept else RetractionState.REFUSED).value
    act.update(RETRACTIONS, retraction["id"], state=state, decided_by=act.actor.id, decided_at=act.now,
               decision_reason=given.reason)
    if given.accept and retraction["feedback_id"]:
        _take_off_report(act, act.row(FEEDBACK, retraction["feedback_id"]))
    elif given.accept:
        _take_off_incident(act, act.row(INCIDENTS, retraction["incident_id"]))
    for role in ("firm", "regulator"):
        notify(act, f"retraction_{state}", role=role, dedupe=retraction["id"])
    act.change_trial()
    return Retracted(id=retraction["id"], state=state, light=act.trial["light"])


def _take_off_report(act: Act, report: Mapping[str, Any]) -> None:
    count(act, report, report["epoch"], sign=-1)
    use(act, report, sign=-1)
    act.update(FEEDBACK, report["id"], retracted=True)
    act.change_trial(reports=act.trial["reports"] - 1)
    recount_places(act)
    recount(act)
    assess(act)
    arm_feedback(act, not_before=act.now + TO_FILE_ANEW)


def _take_off_incident(act: Act, incident: Mapping[str, Any]) -> None:
    """What was only in the incidents' own count comes off; its clocks are void, and nothing of it is open."""
    event = event_of(incident["kind"], incident["severity"], incident["indicator"])
    if event and incident["kind"] != IncidentKind.NEAR_MISS:
        for indicator in indicators_counting(act, event):
            add(act, incident["epoch"], indicator, at=incident["occurred_at"], itemised=-1)
    act.update(INCIDENTS, incident["id"], retracted=True, state=IncidentState.CLOSED.value)
    act.change_trial(incidents=act.trial["incidents"] - 1)
    drop_due(act, DueKind.GRAVE_UNMITIGATED, incident["id"])
    for clock in open_clocks(act, incident["id"]).values():
        end_clock(act, clock, ClockOutcome.VOID, act.now)
    assess(act)

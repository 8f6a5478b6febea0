"""Retractions (撤回): a firm takes back what it filed twice or by mistake; until a reviewer agrees it counts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.clocks import end_clock, open_clocks
from sandbox.acts.coverage import recount
from sandbox.acts.incidents import count_incident
from sandbox.acts.itemising import look_at_grave, tells_of_grave
from sandbox.acts.light import assess, count
from sandbox.acts.places import recount_places
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import arm_feedback, drop_due, notify, running_panel
from sandbox.acts.usage import use
from sandbox.store.batches import KEPT
from sandbox.store.clocks import ClockOutcome
from sandbox.store.dues import DueKind
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS, IncidentState
from sandbox.store.retractions import (
    RETRACTIONS,
    RetractionDecision,
    RetractionFields,
    RetractionGround,
    RetractionState,
)

TO_FILE_ANEW = timedelta(hours=24)
"""What an accepted retraction leaves untold is not late before a day has passed."""
SAME = ("kind", "severity", "indicator")
"""What an incident and its duplicate have in common."""


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
    if _waiting(act, table, row["id"]):
        raise Refused("retraction_waits")
    if given.why is RetractionGround.DUPLICATE and (fault := _not_a_duplicate(act, given.duplicate_of, table, row)):
        raise invalid("duplicate_of", fault)
    retraction = act.id("rt")
    act.insert(RETRACTIONS, {**given.plain(), "id": retraction, "trial_id": act.trial["id"], column: row["id"],
                             "state": RetractionState.WAITING.value, "author_id": act.actor.id, "at": act.now})
    for account in running_panel(act):
        notify(act, "retraction_waits", account=account, dedupe=retraction)
    act.change_trial()
    return Retracted(id=retraction, state="waiting", light=act.trial["light"])


def _not_a_duplicate(act: Act, other: str | None, table: sa.Table, row: Mapping[str, Any]) -> str | None:
    """What is wrong with the one that is to stay: it is of the same trial, stays and is not being taken back itself,
    so that of two one is left; and an incident is of the same kind and class, or the graver could go for the milder."""
    there = (KEPT,) if table is FEEDBACK else ()
    found = act.connection.execute(sa.select(table).where(
        table.c.id == other, table.c.trial_id == row["trial_id"], table.c.id != row["id"], *there)).mappings().first()
    if found is None or found["retracted"]:
        return "unknown_id"
    if _waiting(act, table, found["id"]):
        return "taken_back_itself"
    return None if table is FEEDBACK or all(found[name] == row[name] for name in SAME) else "of_another_class"


def _waiting(act: Act, table: sa.Table, row_id: str) -> bool:
    column = RETRACTIONS.c.feedback_id if table is FEEDBACK else RETRACTIONS.c.incident_id
    waiting = sa.select(RETRACTIONS.c.id).where(column == row_id, RETRACTIONS.c.state == RetractionState.WAITING)
    return act.connection.execute(waiting).first() is not None


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
    if given.accept:
        _take_off(act, retraction)
    for role in ("firm", "regulator"):
        notify(act, f"retraction_{state}", role=role, dedupe=retraction["id"])
    act.change_trial()
    return Retracted(id=retraction["id"], state=state, light=act.trial["light"])


def _take_off(act: Act, retraction: Mapping[str, Any]) -> None:
    """A duplicate is looked at again: what was to stay may have changed or gone since this was asked."""
    table = FEEDBACK if retraction["feedback_id"] else INCIDENTS
    row = act.row(table, retraction["feedback_id"] or retraction["incident_id"])
    duplicate = retraction["why"] == RetractionGround.DUPLICATE
    if duplicate and _not_a_duplicate(act, retraction["duplicate_of"], table, row):
        raise Refused("duplicate_changed")
    (_take_off_report if table is FEEDBACK else _take_off_incident)(act, row)


def _take_off_report(act: Act, report: Mapping[str, Any]) -> None:
    count(act, report, report["epoch"], sign=-1)
    use(act, report, sign=-1)
    act.update(FEEDBACK, report["id"], retracted=True)
    act.change_trial(reports=act.trial["reports"] - 1)
    recount_places(act)
    recount(act)
    if tells_of_grave(report["events"]):
        look_at_grave(act, report["id"], ClockOutcome.VOID)
    assess(act)
    arm_feedback(act, not_before=act.now + TO_FILE_ANEW)


def _take_off_incident(act: Act, incident: Mapping[str, Any]) -> None:
    """What was only in the incidents' own count comes off; its clocks are void, and nothing of it is open."""
    count_incident(act, incident, -1)
    act.update(INCIDENTS, incident["id"], retracted=True, state=IncidentState.CLOSED.value)
    act.change_trial(incidents=act.trial["incidents"] - 1)
    drop_due(act, DueKind.GRAVE_UNMITIGATED, incident["id"])
    for clock in open_clocks(act, incident["id"]).values():
        end_clock(act, clock, ClockOutcome.VOID, act.now)
    look_at_grave(act, incident["id"])
    assess(act)

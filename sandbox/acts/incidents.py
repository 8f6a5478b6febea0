"""Incidents, near misses and complaints: filed, amended, mitigated, closed. An S1 stops the trial in this act."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sandbox.acts.act import Act, Done, act
from sandbox.acts.light import add, assess, indicators_counting
from sandbox.acts.moves import trip
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import drop_due, notify, put_due
from sandbox.rules.access import Role
from sandbox.rules.cadence import end_of_day, local_day
from sandbox.rules.lifecycle import Cause
from sandbox.rules.working_days import Calendar, add_working_days
from sandbox.store.dues import DueKind
from sandbox.store.incidents import (
    INCIDENT_VERSIONS,
    INCIDENTS,
    IncidentFields,
    IncidentKind,
    IncidentState,
    IncidentUpdate,
    Severity,
)

TAKES_INCIDENTS = ("trial", "tune", "suspended", "retrospective", "exit_review", "winding_down")
MITIGATE_WITHIN = timedelta(hours=24)
ANSWER_WITHIN = 15


class IncidentFiled(Done):
    """The incident's id, and the light and state after it."""

    id: str
    light: str
    state: str


@act(on="trial")
def file_incident(act: Act, given: IncidentFields) -> IncidentFiled:
    """Record one incident. S1 suspends at once; S2 does when no mitigation is recorded within a day."""
    if act.trial["state"] not in TAKES_INCIDENTS:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    if given.occurred_at > act.now or (given.aware_at or act.now) > act.now:
        raise invalid("occurred_at", "in_future")
    if (given.indicator or "").startswith("harm_"):
        raise invalid("indicator", "harm_is_severity")
    incident = act.id("in")
    aware = given.aware_at or act.now
    answer = _answer_due(act, aware) if given.kind is IncidentKind.COMPLAINT else None
    act.insert(INCIDENTS, {
        **given.plain(), "occurred_at": given.occurred_at, "aware_at": aware, "id": incident, "at": act.now,
        "trial_id": act.trial["id"], "epoch": act.trial["epoch"], "state": IncidentState.OPEN.value,
        "answer_due_at": answer, "author_id": act.actor.id, "version": 1,
    })
    act.change_trial(incidents=act.trial["incidents"] + 1)
    if given.kind is not IncidentKind.NEAR_MISS:
        _count(act, _event(given.kind, given.severity, given.indicator), given.occurred_at)
    if given.kind is IncidentKind.INCIDENT:
        _grave(act, incident, given.severity, aware)
    light = assess(act)
    notify(act, "incident_filed", role="regulator", dedupe=incident, severity=given.severity or given.kind)
    return IncidentFiled(id=incident, light=light.value, state=act.trial["state"])


def _answer_due(act: Act, aware: datetime) -> datetime:
    last = add_working_days(local_day(aware, act.zone), ANSWER_WITHIN, Calendar("CN"))
    return end_of_day(last, act.zone)


def _event(kind: str, severity: str | None, indicator: str | None) -> str | None:
    """The event name that an incident itemises."""
    if kind == IncidentKind.COMPLAINT:
        return "complaint"
    return f"harm_{severity}" if severity else indicator


def _count(act: Act, event: str | None, at: datetime, sign: int = 1) -> None:
    for indicator in indicators_counting(event) if event else ():
        add(act, act.trial["epoch"], indicator, at=at, itemised=sign)


def _grave(act: Act, incident: str, severity: str | None, aware: datetime) -> None:
    if severity == Severity.S1:
        trip(act, Cause.GRAVE_INCIDENT)
    elif severity == Severity.S2:
        put_due(act, DueKind.GRAVE_UNMITIGATED, incident, aware + MITIGATE_WITHIN, act.trial["id"])


def _check_firm(old: Mapping[str, Any], given: IncidentUpdate) -> None:
    if old["state"] == IncidentState.CLOSED:
        raise Refused("incident_closed")
    if given.severity is not None and given.severity > (old["severity"] or ""):
        raise Refused("milder_by_officer")
    if given.state is IncidentState.CLOSED and old["severity"] in (Severity.S1, Severity.S2):
        raise Refused("grave_closed_by_officer")


def _reclass(act: Act, old: Mapping[str, Any], severity: str | None) -> None:
    """Another class: counted anew in its own epoch, and stopped for where it is graver now."""
    if old["epoch"] == act.trial["epoch"]:
        _count(act, _event(old["kind"], old["severity"], old["indicator"]), old["occurred_at"], -1)
        _count(act, _event(old["kind"], severity, old["indicator"]), old["occurred_at"])
    _grave(act, old["id"], severity, old["aware_at"])


@act(on="incident")
def update_incident(act: Act, given: IncidentUpdate) -> IncidentFiled:
    """Amend, mitigate or close; the earlier version stays. Only an officer gives a milder class, closes a grave
    incident or changes a closed one; nothing is mitigated or closed without saying how."""
    old = act.row(INCIDENTS, act.object_id or "")
    if act.actor.role != Role.REGULATOR:
        _check_firm(old, given)
    if given.state not in (None, IncidentState.OPEN) and not (given.mitigation or old["mitigation"]):
        raise invalid("mitigation", "missing")
    changed = {name: value for name, value in given.model_dump(mode="json").items() if value is not None}
    act.insert(INCIDENT_VERSIONS, {
        "incident_id": old["id"], "version": old["version"], "author_id": act.actor.id, "at": act.now,
        "body": {name: str(old[name]) for name in IncidentUpdate.model_fields if old.get(name) is not None},
    })
    act.update(INCIDENTS, old["id"], **changed, version=old["version"] + 1)
    if given.state in (IncidentState.MITIGATED, IncidentState.CLOSED):
        drop_due(act, DueKind.GRAVE_UNMITIGATED, old["id"])
    if given.severity not in (None, old["severity"]) and old["kind"] == IncidentKind.INCIDENT:
        _reclass(act, old, given.severity)
    act.change_trial()
    light = assess(act)
    return IncidentFiled(id=old["id"], light=light.value, state=act.trial["state"])

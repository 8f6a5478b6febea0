"""Incidents, near misses and complaints: filed, amended, mitigated, reported in full, closed.

Knowing starts the clocks. An S1 stops the trial in the act that files it. One incident counts once, however many
people it struck."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.alarms import raise_alarm
from sandbox.acts.clocks import end_clock, open_clocks, start_clock
from sandbox.acts.effects import call_emergency_review
from sandbox.acts.extra_reviews import REVIEWABLE, call_extra
from sandbox.acts.itemising import look_at_grave
from sandbox.acts.light import add, assess, epoch_at, indicators_counting
from sandbox.acts.moves import trip
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import drop_due, notify, put_due
from sandbox.rules.access import Role
from sandbox.rules.alarms import AlarmCause
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.incident_clocks import GRAVE, Operator, clocks_of, harm_fault, people_fault, summary_owed
from sandbox.rules.jurisdiction import Profile
from sandbox.rules.lifecycle import RUNNING, Cause
from sandbox.store.clocks import CLOCKS, ClockOutcome
from sandbox.store.dues import DueKind
from sandbox.store.incidents import (
    FINAL_REPORTS,
    INCIDENT_VERSIONS,
    INCIDENTS,
    FinalReportFields,
    IncidentFields,
    IncidentKind,
    IncidentState,
    IncidentUpdate,
    Severity,
    case_of,
    itemises,
)

TAKES_INCIDENTS = ("trial", "tune", "suspended", "retrospective", "exit_review", "winding_down")
EXPOSED = (*RUNNING, "exit_review")
MITIGATE_WITHIN = timedelta(hours=KNOWN["D10"].amount)
ENDED = (IncidentState.MITIGATED, IncidentState.CLOSED)


class IncidentFiled(Done):
    """The incident's id, and the light and state after it."""

    id: str
    light: str
    state: str


@act(on="trial")
def file_incident(act: Act, given: IncidentFields) -> IncidentFiled:
    """Record one incident; its clocks start with the firm's knowing. S1 suspends at once; S2 does when no mitigation is
    recorded within a day."""
    return keep_incident(act, given)


def keep_incident(act: Act, given: IncidentFields) -> IncidentFiled:
    """What filing an incident does, also where it began as an allegation."""
    _check(act, given)
    aware = given.aware_at or act.now
    incident = {
        **given.plain(), "occurred_at": given.occurred_at, "aware_at": aware, "id": act.id("in"), "at": act.now,
        "deployer_aware_at": given.deployer_aware_at, "trial_id": act.trial["id"],
        "epoch": epoch_at(act, given.occurred_at),
        "state": IncidentState.OPEN.value, "author_id": act.actor.id, "version": 1,
    }
    act.insert(INCIDENTS, incident)
    act.change_trial(incidents=act.trial["incidents"] + 1)
    count_incident(act, incident)
    _grave(act, incident)
    if case_of(incident).grave:
        look_at_grave(act, incident["id"])
    _start_clocks(act, incident, aware)
    _moderate(act, incident)
    light = assess(act)
    notify(act, "incident_filed", role="regulator", dedupe=incident["id"], severity=given.severity or given.kind)
    return IncidentFiled(id=incident["id"], light=light.value, state=act.trial["state"])


def _check(act: Act, given: IncidentFields) -> None:
    if act.trial["state"] not in TAKES_INCIDENTS:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    if max(given.occurred_at, given.aware_at or act.now, given.deployer_aware_at or act.now) > act.now:
        raise invalid("occurred_at", "in_future")
    if (given.indicator or "").startswith("harm_"):
        raise invalid("indicator", "harm_is_severity")


# Clocks


def _start_clocks(act: Act, incident: Mapping[str, Any], known: datetime) -> None:
    """Start what the incident's class, harm and level ask for; end what they ask for no longer."""
    wanted, running = clocks_of(case_of(incident), act.place.profile), open_clocks(act, incident["id"])
    for key in wanted:
        clock = start_clock(act, key, incident["id"], known)
        if key == "C18" and act.actor.role is Role.FIRM and key not in running:
            end_clock(act, clock, ClockOutcome.DONE, act.now)  # this filing is the notice to the officer
    for key in running.keys() - {*wanted, "C14", "C15", "C19"}:
        end_clock(act, running[key], ClockOutcome.VOID, act.now)
    deployer = incident["deployer_aware_at"]
    if deployer and act.place.profile is Profile.EU_AUTHORITY and case_of(incident).grave and not running:
        told = start_clock(act, "C14", incident["id"], deployer)
        end_clock(act, told, ClockOutcome.DONE, max(deployer, incident["aware_at"]))


def _handled(act: Act, incident: Mapping[str, Any]) -> None:
    """The handling has ended: a complaint is answered, a reportable cyber event owes its summary."""
    running = open_clocks(act, incident["id"])
    for key in running.keys() & {"C25.acknowledge", "C25.answer"}:
        end_clock(act, running[key], ClockOutcome.DONE, act.now)
    if summary_owed(case_of(incident), act.place.profile):
        start_clock(act, "C19", incident["id"], act.now)


def reported_in_full(incident: Mapping[str, Any]) -> bool:
    """Whether it is reported in full: everything but a complaint that is no grave harm."""
    return incident["kind"] != IncidentKind.COMPLAINT or case_of(incident).grave


@act(on="incident")
def file_final_report(act: Act, given: FinalReportFields) -> IncidentFiled:
    """Report an incident in full: root cause, harm, redress, what changed. Filed again, the newer version counts. It
    completes every clock whose first report was made, and is the summary once the handling has ended."""
    old = act.row(INCIDENTS, act.object_id or "")
    if not reported_in_full(old):
        raise Refused("no_final_report")
    last = act.connection.execute(sa.select(sa.func.max(FINAL_REPORTS.c.version)).where(
        FINAL_REPORTS.c.incident_id == old["id"])).scalar()
    act.insert(FINAL_REPORTS, {**given.plain(), "incident_id": old["id"], "version": (last or 0) + 1,
                               "author_id": act.actor.id, "at": act.now})
    people = {} if given.people_affected is None else {"people_affected": given.people_affected}
    act.update(INCIDENTS, old["id"], reported_at=act.now, **people)
    first = sa.select(CLOCKS.c.id, CLOCKS.c.key, CLOCKS.c.first_at).where(
        CLOCKS.c.object_id == old["id"], CLOCKS.c.ended_at.is_(None))
    for clock in act.connection.execute(first).all():
        if clock.key == "C19" or (KNOWN[clock.key].staged and clock.first_at is not None):
            end_clock(act, clock.id, ClockOutcome.DONE, act.now)
    act.change_trial()
    notify(act, "final_report", role="regulator", dedupe=f"{old['id']}:{act.seq}")
    return IncidentFiled(id=old["id"], light=act.trial["light"], state=act.trial["state"])


# Counting


def count_incident(act: Act, incident: Mapping[str, Any], sign: int = 1) -> None:
    """Count it in the epoch in which it occurred, or take it off again: once by each indicator that counts any of the
    events that it is one of."""
    counting = [name for event in itemises(incident) for name in indicators_counting(act, event)]
    for indicator in dict.fromkeys(counting):
        add(act, incident["epoch"], indicator, at=incident["occurred_at"], itemised=sign)


def _grave(act: Act, incident: Mapping[str, Any]) -> None:
    """The first class stops the trial; the second does unless it is mitigated in time; no other does any more."""
    if not case_of(incident).grave:
        drop_due(act, DueKind.GRAVE_UNMITIGATED, incident["id"])
    elif incident["severity"] == Severity.S1:
        trip(act, Cause.GRAVE_INCIDENT)
        raise_alarm(act, AlarmCause.GRAVE_INCIDENT, incident["id"])
    else:
        put_due(act, DueKind.GRAVE_UNMITIGATED, incident["id"], incident["aware_at"] + MITIGATE_WITHIN, act.trial["id"])
        if act.trial["state"] in EXPOSED:
            call_emergency_review(act, None, Cause.GRAVE_INCIDENT)


def _moderate(act: Act, incident: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> None:
    """The third class is reviewed within a week, once: also one that came to be of it, where it was milder before."""
    before = old is not None and (_is_moderate(old) or _was_moderate(act, incident["id"], old))
    if _is_moderate(incident) and not before and act.trial["state"] in REVIEWABLE:
        call_extra(act, ["moderate_incident"])


def _is_moderate(incident: Mapping[str, Any]) -> bool:
    return bool(incident["severity"] == Severity.S3 and incident["kind"] != IncidentKind.NEAR_MISS)


def _was_moderate(act: Act, incident: str, old: Mapping[str, Any]) -> bool:
    """Whether it was of the third class, or graver, at any time."""
    earlier = act.connection.execute(sa.select(INCIDENT_VERSIONS.c.body).where(
        INCIDENT_VERSIONS.c.incident_id == incident)).scalars()
    return case_of(old).grave or any(
        body.get("severity") in (*GRAVE, Severity.S3) and body.get("kind") != IncidentKind.NEAR_MISS
        for body in earlier)


def _check_firm(old: Mapping[str, Any], given: IncidentUpdate) -> None:
    if old["state"] == IncidentState.CLOSED:
        raise Refused("incident_closed")
    if given.severity is not None and given.severity > (old["severity"] or ""):
        raise Refused("milder_by_officer")
    if given.kind not in (None, old["kind"], IncidentKind.INCIDENT):
        raise Refused("kind_by_officer")
    if given.harms is not None and not set(old["harms"]) <= set(given.harms) or _milder_level(old, given):
        raise Refused("milder_by_officer")
    if given.state is IncidentState.CLOSED and old["severity"] in (Severity.S1, Severity.S2):
        raise Refused("grave_closed_by_officer")


def _milder_level(old: Mapping[str, Any], given: IncidentUpdate) -> bool:
    """Whether the cyber event would owe its report later, or not at all."""
    level = given.cyber_level is not None and bool(old["cyber_level"]) and given.cyber_level > old["cyber_level"]
    order = list(Operator)
    struck = given.cyber_operator is not None and bool(old["cyber_operator"]) and \
        order.index(given.cyber_operator) > order.index(Operator(old["cyber_operator"]))
    return level or struck


def _reclass(act: Act, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Another kind or class: counted anew in its own epoch, and stopped for where it is graver now."""
    if itemises(old) != itemises(new):
        count_incident(act, old, -1)
        count_incident(act, new)
        look_at_grave(act, old["id"])
    if (case_of(old).grave, old["severity"]) != (case_of(new).grave, new["severity"]):
        _grave(act, new)


@act(on="incident")
def update_incident(act: Act, given: IncidentUpdate) -> IncidentFiled:
    """Amend, mitigate or close; the earlier version stays. Only an officer gives a milder class, makes anything but an
    incident of it, closes a grave one or changes a closed one; nothing is mitigated or closed without saying how. A
    clock that another kind, class or harm brings starts when that became known (`known_at`, otherwise now)."""
    old = act.row(INCIDENTS, act.object_id or "")
    if old["source_key"] is not None or old["retracted"]:
        raise Refused("retracted" if old["retracted"] else "before_adoption")
    if act.actor.role != Role.REGULATOR:
        _check_firm(old, given)
    changed = {name: value for name, value in given.model_dump(mode="json", exclude={"known_at", "reason"}).items()
               if value is not None}
    new = {**old, **changed}
    _check_update(act, given, old, new)
    act.insert(INCIDENT_VERSIONS, {
        "incident_id": old["id"], "version": old["version"], "author_id": act.actor.id, "at": act.now,
        "reason": given.reason,
        "body": {name: old[name] for name in IncidentUpdate.model_fields if old.get(name) is not None},
    })
    act.update(INCIDENTS, old["id"], **changed, version=old["version"] + 1)
    _start_clocks(act, new, given.known_at or act.now)
    if (old["kind"], old["severity"]) != (new["kind"], new["severity"]):
        _reclass(act, old, new)
    _moderate(act, new, old)
    if given.state in ENDED:
        drop_due(act, DueKind.GRAVE_UNMITIGATED, old["id"])
        _handled(act, new)
    act.change_trial()
    light = assess(act)
    return IncidentFiled(id=old["id"], light=light.value, state=act.trial["state"])


def _check_update(act: Act, given: IncidentUpdate, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    if given.state not in (None, IncidentState.OPEN) and not new["mitigation"]:
        raise invalid("mitigation", "missing")
    if given.kind not in (None, old["kind"]) and not given.reason:
        raise invalid("reason", "missing")
    if new["kind"] == IncidentKind.INCIDENT and new["severity"] is None:
        raise invalid("severity", "severity_missing")
    if fault := harm_fault(new["kind"], new["severity"], new["harms"]):
        raise invalid("harms", fault)
    if fault := people_fault(new["kind"], new["people_affected"]):
        raise invalid("people_affected", fault)
    if given.known_at is not None and not new["aware_at"] <= given.known_at <= act.now:
        raise invalid("known_at", "outside_clock")

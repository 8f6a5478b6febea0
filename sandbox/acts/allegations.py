"""Allegations by the public, the press or other bodies: entered and decided by officers. Until one is confirmed it
counts towards yellow only, and the firm never sees it: what reaches the firm is an officer's own words."""

from datetime import datetime, timedelta
from typing import Any

from sandbox.acts.act import Act, Made, act
from sandbox.acts.incidents import IncidentFiled, keep_incident
from sandbox.acts.light import add, assess, epoch_at, indicators_counting
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import drop_due, notify, put_due
from sandbox.rules.cadence import end_of_working_days
from sandbox.store.allegations import (
    ALLEGATIONS,
    AllegationFields,
    AllegationKind,
    AllegationState,
    ConfirmationFields,
    DismissalFields,
)
from sandbox.store.dues import DueKind
from sandbox.store.incidents import IncidentFields, Severity, itemises

GRAVEST_WITHIN = timedelta(hours=2)
DECIDE_WITHIN = 2
"""Working days."""


@act(on="trial")
def enter_allegation(act: Act, given: AllegationFields) -> Made:
    """Enter what somebody outside says happened on a trial. It may turn the light yellow, and no more than that."""
    if act.trial["starts_at"] is None:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    received = given.received_at or act.now
    if max(given.occurred_at, received) > act.now:
        raise invalid("occurred_at", "in_future")
    row = {**given.model_dump(), "received_at": received, "id": act.id("al"), "trial_id": act.trial["id"],
           "epoch": epoch_at(act, given.occurred_at), "state": AllegationState.WAITING.value, "author_id": act.actor.id,
           "at": act.now, "decide_by": _decide_by(act, given.severity, received)}
    act.insert(ALLEGATIONS, row)
    count_alleged(act, row)
    _assess_unseen(act, row)
    put_due(act, DueKind.ALLEGATION_WAITS, row["id"], row["decide_by"], act.trial["id"])
    notify(act, "allegation_entered", role="regulator", dedupe=row["id"], urgent=given.severity is Severity.S1)
    return Made(id=row["id"])


def _decide_by(act: Act, severity: str | None, received: datetime) -> datetime:
    if severity == Severity.S1:
        return received + GRAVEST_WITHIN
    return end_of_working_days(received, DECIDE_WITHIN, act.place)


def count_alleged(act: Act, row: dict[str, Any], sign: int = 1) -> None:
    """Count it as alleged in the epoch in which it occurred, or take it off again. A report of wrongdoing names no
    event."""
    events = () if row["kind"] == AllegationKind.WRONGDOING else itemises(row)
    for indicator in dict.fromkeys(name for event in events for name in indicators_counting(act, event)):
        add(act, row["epoch"], indicator, at=row["occurred_at"], alleged=sign)


def _assess_unseen(act: Act, row: dict[str, Any]) -> None:
    """Only where the light changes is the trial assessed, which the firm sees; otherwise it sees the trial as it was.
    Of wrongdoing nothing counts."""
    if row["kind"] == AllegationKind.WRONGDOING:
        return
    if act.rehearsed(assess) == act.trial["light"]:
        act.leave_version()
    else:
        assess(act)


@act(on="allegation")
def confirm_allegation(act: Act, given: ConfirmationFields) -> IncidentFiled:
    """Make an incident, a near miss or a complaint of it, in words that the firm may read. In the log this is the
    filing of that incident and nothing else: whoever reads the trial's log learns of no allegation."""
    row = _waiting(act)
    count_alleged(act, row, -1)
    filed = keep_incident(act, IncidentFields(
        kind=given.kind, severity=given.severity, harms=given.harms, people_affected=given.people_affected,
        indicator=row["indicator"] if given.severity is None else None, description=given.description,
        occurred_at=given.occurred_at or row["occurred_at"], aware_at=act.now))
    _decided(act, row["id"], AllegationState.CONFIRMED, incident_id=filed.id)
    act.logged_as, act.object_id = "file_incident", act.trial["id"]
    return filed


@act(on="allegation")
def dismiss_allegation(act: Act, given: DismissalFields) -> Made:
    """Nothing follows from it, for a reason that is kept; it counts no longer."""
    row = _waiting(act)
    count_alleged(act, row, -1)
    _decided(act, row["id"], AllegationState.DISMISSED, reason=given.reason)
    _assess_unseen(act, row)
    return Made(id=row["id"])


def _waiting(act: Act) -> dict[str, Any]:
    row = act.row(ALLEGATIONS, act.object_id or "")
    if row["state"] != AllegationState.WAITING:
        raise Refused("already_decided")
    return row


def _decided(act: Act, allegation_id: str, state: AllegationState, **more: str) -> None:
    act.update(ALLEGATIONS, allegation_id, state=state.value, decided_by=act.actor.id, decided_at=act.now, **more)
    drop_due(act, DueKind.ALLEGATION_WAITS, allegation_id)

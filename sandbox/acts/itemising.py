"""Grave harm that a report counts: within a day each case is an incident of its own, with its clocks and mitigation.

Looked at by whatever changes one side or the other: reports, batches, corrections, retractions, incidents.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.acts.act import Act
from sandbox.acts.clocks import end_clock, running_of_trial, start_clock
from sandbox.acts.schedule import notify
from sandbox.rules.risk import GRAVE_EVENTS
from sandbox.store.clocks import ClockOutcome
from sandbox.store.facts import unitemised

KEY = "D12"


def tells_of_grave(*reports: Mapping[str, Any] | None) -> bool:
    """Whether any of these counts of events has an S1 or S2."""
    return any((events or {}).get(name) for events in reports for name in GRAVE_EVENTS)


def look_at_grave(act: Act, object_id: str, ended: ClockOutcome = ClockOutcome.DONE) -> None:
    """Start the clock when reports count more S1 or S2 than are itemised, because of this object; end it when they no
    longer do."""
    short = unitemised(act.connection, [act.trial["id"]]).get(act.trial["id"], 0)
    running = running_of_trial(act, (KEY,))
    if short and not running:
        start_clock(act, KEY, object_id, act.now, again=True)
        notify(act, "itemise_grave", role="firm", dedupe=f"{object_id}:{act.seq}", n=short)
    elif not short:
        for clock in running:
            end_clock(act, clock.id, ended, act.now)

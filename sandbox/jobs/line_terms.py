"""What a trial asks of each line of a batch, beside what every report must be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.acts.feedback import EVENTS, TAKES_REPORTS
from sandbox.acts.refusals import NotFound, Refused
from sandbox.jobs.program import Program
from sandbox.rules.access import Actor
from sandbox.rules.reporting import Schedule
from sandbox.store.faults import Fault
from sandbox.store.scope import seen_trial
from sandbox.store.trials import LIMITS

AT = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trial asks of a line, beside what every report must be."""

    trial: Mapping[str, Any]
    now: datetime
    first: datetime
    events: frozenset[str]
    zone: tzinfo

    @property
    def schedule(self) -> Schedule:
        """The trial's reporting periods."""
        return Schedule(self.trial["starts_at"], self.trial["feedback_days"], self.zone)

    def faults(self, values: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with a report for this trial."""
        late, early = values["period_end"] > self.now, values["period_start"] < self.first
        across = self.schedule.spans_two((values["period_start"], values["period_end"]))
        if not (late or early or across) and self.events.issuperset(values["events"]):
            return []
        found = [Fault("period_end", "in_future")] if late else []
        found += [Fault("period_start", "before_start")] if early else []
        if across is not None and not (late or early):
            found.append(Fault("period_end", "spans_periods", {"at": across.astimezone(self.zone).strftime(AT)}))
        return found + [Fault(f"events.{name}", "unknown_event") for name in values["events"]
                        if name not in self.events]


def terms_of(program: Program, actor: Actor, trial_id: str) -> Terms:
    """What this trial asks. Raises NotFound, NotPermitted, Refused as the act would."""
    program.acts.permit("file_batch", actor, trial_id)
    with program.reading() as connection:
        trial = seen_trial(connection, actor, trial_id)
        names = connection.execute(sa.select(LIMITS.c.indicator).where(LIMITS.c.trial_id == trial_id)).scalars().all()
    if trial is None:
        raise NotFound
    if trial["state"] not in TAKES_REPORTS:
        raise Refused("no_exposure_allowed", state=trial["state"])
    first = trial["starts_at"].astimezone(program.settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return Terms(trial, program.clock(), first, EVENTS | frozenset(names), program.settings.zone)

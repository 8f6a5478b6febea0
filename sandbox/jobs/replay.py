"""The nightly replay: every kept state of evidence against the ledger it is a cache of. What differs is told."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import prometheus_client
import sqlalchemy as sa
import structlog

from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.rules.epoch import Usage, settle, steps
from sandbox.rules.lifecycle import RUNNING
from sandbox.store.evidence import epoch_of, watches
from sandbox.store.trials import TRIALS

AT = time(3)
"""On the clock of the place."""
TOLERANCE = 1e-9
DIFFERS = prometheus_client.Gauge("sandbox_states_differing", "Kept states that the last nightly replay contradicted.")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Difference:
    """A kept state that a replay contradicts: the trial, its indicator, and by how much the logarithms differ."""

    trial_id: str
    indicator: str
    by: float


def differences(connection: sa.Connection, now: datetime, program: Program) -> Iterator[Difference]:
    """Every state of a trial at work that a replay of its ledger does not give again."""
    query = sa.select(TRIALS).where(TRIALS.c.settled > 0, TRIALS.c.state.in_((*RUNNING, "suspended", "retrospective",
                                                                              "exit_review")))
    for trial in connection.execute(query).mappings():
        epoch = epoch_of(trial, program.settings.zone)
        usage = Usage(epoch, (), now)
        kept = watches(connection, trial["id"], trial["epoch"], epoch, trial["settled"])
        for old, new in zip(kept, watches(connection, trial["id"], trial["epoch"], epoch), strict=True):
            again = settle(new, steps(new, usage), trial["settled"])
            if old.chain != again.chain:
                yield Difference(trial["id"], old.indicator, math.inf)
            elif (by := apart(old.state.logs, again.state.logs)) > TOLERANCE:
                yield Difference(trial["id"], old.indicator, by)


def apart(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The largest difference between two states."""
    return max(0.0 if a == b else abs(a - b) for a, b in zip(one, other, strict=True))


def replay(program: Program) -> tuple[Difference, ...]:
    """Replay everything once. States that differ are made anew at their trial's next fact, and regulators are told."""
    with program.reading() as connection:
        found = tuple(differences(connection, program.clock(), program))
    DIFFERS.set(len(found))
    for one in found:
        log.error("state_differs", trial=one.trial_id, indicator=one.indicator, by=one.by)
    for trial_id in sorted({one.trial_id for one in found}):
        program.acts.do("forget_states", SYSTEM_ACTOR, {"indicators": [
            one.indicator for one in found if one.trial_id == trial_id]}, trial_id)
    return found


@dataclass
class Nightly:
    """Replays once a night, at the first call after AT; the first call only notes where the night stands."""

    program: Program
    done: datetime | None = None

    def __call__(self) -> bool:
        """Whether it replayed now."""
        now = self.program.clock().astimezone(self.program.settings.zone)
        last = now.replace(hour=AT.hour, minute=0, second=0, microsecond=0)
        last = last if last <= now else last - timedelta(days=1)
        first, due = self.done is None, self.done != last
        self.done = last
        if due and not first:
            replay(self.program)
        return due and not first

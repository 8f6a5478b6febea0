"""Lines of a batch that look like slips of the pen (待核实): another model version than the one pinned then, or figures
far above those before where the batch would pass a cap. Lines that tell of harm are never among them."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa

from sandbox.rules.plausibility import LAST, far_more, tells_harm
from sandbox.rules.reporting import same_version
from sandbox.rules.terms import pinned
from sandbox.store.batches import COUNTS
from sandbox.store.feedback import FEEDBACK, USES
from sandbox.store.held import Doubt, Holds, day_given, ended_holds
from sandbox.store.lines import instant
from sandbox.store.spool import Spool

if TYPE_CHECKING:
    from sandbox.jobs.batches import Terms

MOST = 200
"""A batch with more doubtful lines is no slip of the pen."""


@dataclass
class Together:
    """What the lines of a batch say together: what they use of the caps, and the model versions that they name."""

    used: dict[str, float] = field(default_factory=lambda: dict.fromkeys(USES.values(), 0.0))
    versions: set[str | None] = field(default_factory=set)

    def add(self, values: Mapping[str, Any]) -> None:
        """One more line."""
        for name in self.used:
            self.used[name] += values[name] or 0
        self.versions.add(values["model_version"])

    def passes_a_cap(self, trial: Mapping[str, Any]) -> bool:
        """Whether the trial's caps are too low for what was used and these."""
        return any(trial[f"cap_{of}"] is not None and trial[f"used_{of}"] + self.used[name] > trial[f"cap_{of}"]
                   for of, name in USES.items())


def unpinned(terms: "Terms", version: str | None, starts: str, ends: str) -> bool:
    """Whether another model version than a line's own was pinned at its time."""
    if version is None or same_version(version, terms.trial["model_version"]):
        return False
    return not pinned(version, terms.versions, instant(starts), instant(ends))


def doubtful(connection: sa.Connection, terms: "Terms", spool: Spool,
             together: Together) -> list[tuple[int, list[str]]]:
    """The lines with why they are doubted, if they are few. Of nearly every batch, none is even looked at."""
    passes = together.passes_a_cap(terms.trial)
    if not passes and all(same_version(one, terms.trial["model_version"]) for one in together.versions):
        return []
    found = []
    for line, doubts in _doubted(connection, terms, spool, passes):
        found.append((line, doubts))
        if len(found) > MOST:
            return []
    return found


def _doubted(connection: sa.Connection, terms: "Terms", spool: Spool,
             passes: bool) -> Iterator[tuple[int, list[str]]]:
    last: deque[Mapping[str, Any]] | None = None
    holds = ended_holds(connection, terms.trial["id"])
    for line, _, starts, ends, _, body in spool.in_time():
        if last is None:
            last = deque(_before(connection, terms, starts), LAST)
        values = orjson.loads(body)
        figures = {name: values[name] for name in USES.values()}
        doubts = [Doubt.OTHER_VERSION.value] if unpinned(terms, values["model_version"], starts, ends) else []
        doubts += [Doubt.FAR_MORE.value] if passes and far_more(figures, last) else []
        if doubts and not tells_harm(values["events"]) and not _had_its_day(holds, terms, starts, ends):
            yield line, doubts
        else:
            last.append(figures)


def _had_its_day(holds: Holds, terms: "Terms", starts: str, ends: str) -> bool:
    until = day_given(holds, instant(starts), instant(ends))
    return until is not None and until <= terms.now


def _before(connection: sa.Connection, terms: "Terms", starts: str) -> Iterator[Mapping[str, Any]]:
    rows = connection.execute(sa.select(*(FEEDBACK.c[name] for name in USES.values())).where(
        FEEDBACK.c.trial_id == terms.trial["id"], FEEDBACK.c.epoch > 0, COUNTS,
        FEEDBACK.c.period_start < instant(starts)).order_by(FEEDBACK.c.period_start.desc()).limit(LAST)).mappings()
    return (dict(row) for row in reversed(rows.all()))

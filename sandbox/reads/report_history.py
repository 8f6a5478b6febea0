"""The history of a report: every version, who made it when and why, what it changed, and what was asked and refused."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from sandbox.reads.reporting import retractions_of
from sandbox.store.feedback import FeedbackFields


class Kind(StrEnum):
    """What was done to a report."""

    FILED = "filed"
    CORRECTION = "correction"
    RETRACTION = "retraction"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that was done to a report. `version` is the one it made, None where it made none; `before` and `after`
    are what the report said and what it should say, both None of a retraction. `id` is the correction's or the
    retraction's own, with its state and an officer's or a reviewer's word on it."""

    kind: Kind
    at: datetime
    author_id: str
    version: int | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    id: str | None = None
    state: str | None = None
    ground: str | None = None
    reason: str | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None

    @property
    def since(self) -> datetime:
        """When it took effect; what never did has when it was asked."""
        return self.decided_at if self.version and self.decided_at else self.at

    @property
    def changed(self) -> tuple[tuple[str, Any, Any], ...]:
        """Field by field, what was said and what should be said instead."""
        if self.before is None or self.after is None:
            return ()
        return tuple((name, self.before.get(name), self.after.get(name)) for name in FeedbackFields.model_fields
                     if self.before.get(name) != self.after.get(name))


def history(connection: sa.Connection, report: Mapping[str, Any]) -> tuple[Change, ...]:
    """Everything that was done to a report, versions in their order, out of the whole report with its corrections; the
    caller has narrowed to it."""
    asked = retractions_of(connection, "feedback_id", report["id"])
    return tuple(sorted((_filed(report), *_corrections(report["corrections"]), *map(_retraction, asked)),
                        key=lambda one: (one.since, one.kind is not Kind.FILED)))


def _filed(report: Mapping[str, Any]) -> Change:
    """The first version: what the report said before the first correction that counts, or says still."""
    first = next((one for one in report["corrections"] if one["version"] == 2), None)
    body = first["before"] if first else {name: report[name] for name in FeedbackFields.model_fields}
    return Change(Kind.FILED, report["at"], report["author_id"], 1, after=body)


def _corrections(corrections: list[dict[str, Any]]) -> Iterator[Change]:
    names = ("version", "before", "after", "id", "state", "reason", "decided_by", "decided_at", "decision_reason")
    for one in corrections:
        yield Change(Kind.CORRECTION, one["at"], one["author_id"], **{name: one[name] for name in names})


def _retraction(one: Mapping[str, Any]) -> Change:
    names = ("id", "state", "reason", "decided_by", "decided_at", "decision_reason")
    return Change(Kind.RETRACTION, one["at"], one["author_id"], ground=one["why"],
                  **{name: one[name] for name in names})

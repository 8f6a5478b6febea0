"""Stage adjustment by API: requests for a change of a plan, what is decided about them, and the plan's versions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from sandbox.acts.changes import ChangeGiven
from sandbox.acts.refusals import NotFound
from sandbox.reads import changes as reads
from sandbox.rules.changes import KINDS, ChangeKind
from sandbox.rules.guards import need_named
from sandbox.store.changes import ASKED, ChangeState
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, listed, whole
from sandbox.web.api.trials import NeedLine, trial_row
from sandbox.web.reader import actor, program, said

rows = Rows("changes")


class TermChange(Shape):
    """One term of the plan as it is and as it would be; `way` is narrower, wider or other."""

    term: str
    before: Any
    after: Any
    way: str


class Change(Shape):
    """A request for a change. `asked` is what was filed for its class, `differences` what it would change of the plan
    version that was in force; `leads_to` is the version that it made."""

    id: str
    trial_id: str
    kind: ChangeKind
    state: ChangeState
    asked: dict[str, Any]
    differences: list[TermChange]
    plan_version: int
    leads_to: int | None
    review_id: str | None
    author_id: str
    at: datetime
    decide_by: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    decision: str | None


class ChangeStanding(Change):
    """One request with what must hold for it to be accepted, and of that what does not; none once it is decided."""

    needs: list[str]
    unmet: list[NeedLine]


class PlanVersion(Shape):
    """The terms of a plan from an instant on, made by a move or by a request."""

    number: int
    terms: dict[str, Any]
    move: str | None
    change_id: str | None
    at: datetime


class AdjustmentQuery(Paged):
    """Which requests; without `state`, all."""

    state: ChangeState | None = None


@rows.shows("/changes")
def changes(connection: sa.Connection, query: AdjustmentQuery) -> Listing[Change]:
    """Requests for a change of any trial, newest first."""
    return listed(reads.changes(connection, actor(), state=query.state, cursor=query.cursor, limit=query.limit),
                  Change.of)


@rows.shows("/trials/<id>/changes")
def trial_changes(connection: sa.Connection, id: str, query: AdjustmentQuery) -> Listing[Change]:
    """Requests for a change of the trial, newest first."""
    trial_row(connection, id)
    return listed(reads.changes(connection, actor(), id, state=query.state, cursor=query.cursor, limit=query.limit),
                  Change.of)


@rows.shows("/changes/<id>")
def change(connection: sa.Connection, id: str) -> ChangeStanding:
    """One request, and what stands in its way."""
    row = seen(reads.change(connection, actor(), id))
    names, missing = ((), {}) if row["state"] != ChangeState.FILED else reads.standing(
        connection, trial_row(connection, row["trial_id"]), row, program().clock(), program().settings.place)
    lines = [NeedLine(need=name, message=said(why), holder=need_named(name).holder, meet=need_named(name).meet)
             for name, why in missing.items()]
    return ChangeStanding.of(row, needs=list(names), unmet=lines)


@rows.shows("/trials/<id>/plan-versions")
def plan_versions(connection: sa.Connection, id: str) -> Listing[PlanVersion]:
    """Every version of the plan's terms, oldest first; the last is in force."""
    trial_row(connection, id)
    return whole(reads.plan_versions(connection, id), PlanVersion.of)


def _file(body: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """The body is that of the class. What cannot even be kept raw is named by the fields of the class."""
    if ids["kind"] not in KINDS:
        raise NotFound
    given = {"kind": ids["kind"], "body": body}
    try:
        ChangeGiven.model_validate(given)
    except ValidationError:
        ASKED[ChangeKind(ids["kind"])].model_validate(body)
        raise
    return given


rows.does("POST", "/trials/<id>/changes/<kind>", "file_change", on="id", given=_file, created=True,
          bodies=tuple(ASKED.values()), example={
              "reason": "The second district asked to join.", "people": 1200, "regions": "East, West, North"})
rows.does("POST", "/changes/<id>/withdrawal", "withdraw_change", on="id", example={})
rows.does("POST", "/changes/<id>/decision", "decide_change", on="id", example={
    "accept": True, "reason": "The panel is in favour and the safeguards were tested this week."})

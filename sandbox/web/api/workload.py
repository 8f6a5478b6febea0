"""What reviewers carry and what their reviews are paid, by API."""

from datetime import date, datetime

import sqlalchemy as sa

from sandbox.reads import workload as reads
from sandbox.web.api.asking import Filtered, Paged, Text
from sandbox.web.api.endpoint import Rows
from sandbox.web.api.shapes import Listing, Shape, listed, whole
from sandbox.web.reader import actor, program

rows = Rows("reviewers")


class Reviewer(Shape):
    """A reviewer who can be seated, and what they carry: trials they sit on, reviews judged and held, reviews that wait
    for them, the hours they said it took, and since when they sit."""

    id: str
    name: str | None
    organisation: str | None
    constituency: str
    expertise: list[str]
    trials: int
    held: int
    due: int
    hours: float
    since: datetime | None


class ReviewerQuery(Paged):
    """`q` looks into names, addresses and bodies."""

    q: Text | None = None


@rows.shows("/reviewers")
def reviewers(connection: sa.Connection, query: ReviewerQuery) -> Listing[Reviewer]:
    """Reviewers with what they carry, for administrators and regulators; none for anyone else."""
    return listed(reads.reviewers(connection, actor(), **query.model_dump()), lambda row: Reviewer.of(
        row, trials=row["load"].trials, held=row["load"].held, due=row["load"].due, hours=row["load"].hours,
        since=row["load"].since))


class FeeLine(Shape):
    """What one reviewer judged of one kind of review in the month, and the sum of the fees; `unpriced` counts those for
    which no fee was set."""

    account_id: str
    name: str | None
    organisation: str | None
    kind: str
    reviews: int
    hours: float
    unpriced: int
    fee: float | None


class FeeQuery(Filtered):
    """Which month, by any of its days; without it this one."""

    day: date | None = None


@rows.shows("/fees")
def fees(connection: sa.Connection, query: FeeQuery) -> Listing[FeeLine]:
    """The sheet of fees of a month, by reviewer and kind of review; a reviewer's own lines."""
    zone = program().settings.zone
    day = query.day or program().clock().astimezone(zone).date()
    return whole(reads.fee_sheet(connection, actor(), day.replace(day=1), zone), FeeLine.of)


rows.does("POST", "/fees", "set_fee", created=True, example={
    "review_kind": "periodic", "fee": 800.0, "valid_from": "2026-04-01"})

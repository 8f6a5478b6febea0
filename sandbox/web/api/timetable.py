"""What fires ahead on a trial, and to whom, by API."""

from datetime import datetime
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from sandbox.reads import timetable as reads
from sandbox.web.api.asking import Filtered
from sandbox.web.api.endpoint import Rows
from sandbox.web.api.shapes import Listing, Shape, whole
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import program

rows = Rows("reviews")
Days = Annotated[int | None, Field(ge=1, le=365)]


class Firing(Shape):
    """One thing that fires: `if_late` only once something was missed; `projected` assumes that what comes before it is
    done on its day."""

    at: datetime
    what: str
    to: list[str]
    review: str | None
    if_late: bool
    projected: bool


class TimetableQuery(Filtered):
    """How many days ahead, and other days to try than those that were agreed."""

    days: Annotated[int, Field(ge=1, le=365)] = 90
    first_review_day: Days = None
    review_every_days: Days = None
    feedback_every_days: Days = None


@rows.shows("/trials/<id>/timetable")
def timetable(connection: sa.Connection, id: str, query: TimetableQuery) -> Listing[Firing]:
    """What fires in the next days and to whom, soonest first; before its start, as if the trial began now."""
    row, chosen = trial_row(connection, id), reads.Schedule(**query.model_dump(exclude={"days"}))
    found = reads.timetable(connection, row, program().clock(), program().settings.zone, chosen, query.days)
    return whole(found, lambda one: Firing(at=one.at, what=one.what, to=list(one.to), review=one.review,
                                           if_late=one.if_late, projected=one.projected))

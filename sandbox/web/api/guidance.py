"""New law and guidance by API: what came, for which kinds of use; recording it reviews the trials that it concerns."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.reads import guidance as reads
from sandbox.store.guidance import GuidanceFields
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, kept, listed

rows = Rows("guidance")


class Guidance(kept(GuidanceFields)):  # type: ignore[misc]
    """New law or guidance, and how many trials were reviewed because of it."""

    id: str
    trials: int
    author_id: str
    at: datetime


@rows.shows("/guidance")
def guidance(connection: sa.Connection, query: Paged) -> Listing[Guidance]:
    """All of it, newest recorded first."""
    return listed(reads.guidance(connection, query.cursor, query.limit), Guidance.of)


@rows.shows("/guidance/<id>")
def one_guidance(connection: sa.Connection, id: str) -> Guidance:
    """One record."""
    return Guidance.of(seen(reads.one_guidance(connection, id)))


rows.does("POST", "/guidance", "record_guidance", created=True, example={
    "title": "生成式服务标识办法", "title_en": "Measures for labelling generated content", "reference": "2026-17",
    "summary": "Generated answers are labelled.", "in_force_on": "2026-09-01", "templates": ["public_answers"]})

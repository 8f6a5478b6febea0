"""Yearly reports of the sandbox by API, for regulators."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.reads import annual as reads
from sandbox.web.api.asking import Paged
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, listed
from sandbox.web.reader import actor

rows = Rows("annual")


class AnnualReport(Shape):
    """A yearly report that is owed by `due_at`: of the ethics committee (`C24.ethics`) or of the sandbox
    (`C24.sandbox`); once it was made, when, by whom, under which reference."""

    id: str
    key: str
    started_at: datetime
    due_at: datetime
    filed_at: datetime | None
    filed_by: str | None
    reference: str | None
    summary: str | None


@rows.shows("/annual-reports")
def annual_reports(connection: sa.Connection, query: Paged) -> Listing[AnnualReport]:
    """Yearly reports, newest owed first; none for anyone but regulators."""
    return listed(reads.annual_reports(connection, actor(), query.cursor, query.limit), AnnualReport.of)


@rows.shows("/annual-reports/<id>")
def annual_report(connection: sa.Connection, id: str) -> AnnualReport:
    """One yearly report."""
    return AnnualReport.of(seen(reads.annual_report(connection, actor(), id)))


rows.does("POST", "/annual-reports/<id>/filing", "file_annual_report", on="id", reach=reads.annual_report, example={
    "reference": "2027-012", "summary": "Fifteen trials, one norm, two failures on record."})

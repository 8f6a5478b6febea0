"""Yearly reports of the sandbox: what is owed and was filed; filing one."""

from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import annual as reads
from sandbox.rules.access import Role
from sandbox.store.annual import AnnualReportFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.no_use import FilingsPage
from sandbox.web.pages.shapes import PAGES, Plain, render
from sandbox.web.pages.times import due, moment
from sandbox.web.reader import actor, program, t

COLUMNS = ("annual_report", "due", "filed", "reference_number")


@page(PAGES, "/annual-reports", roles=(Role.REGULATOR,))
def annual_reports() -> Any:
    """All yearly reports, newest owed first."""
    cursor, here = request.args.get("cursor"), url_for("pages.annual_reports")
    with program().reading() as connection:
        found = reads.annual_reports(connection, actor(), cursor)
    return render(FilingsPage(
        title=t("page.annual.title"), over=[{"text": t("page.clocks.title"), "url": url_for("pages.clocks_list")}],
        sub=t("page.annual.sub"), actions=[], nothing=t("page.annual.none"),
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in COLUMNS],
        rows=[_cells(one) for one in found.items], first_url=here if cursor else None,
        next_url=url_for("pages.annual_reports", cursor=found.next) if found.next else None))


def _cells(one: Mapping[str, Any]) -> Plain:
    until = due(one["due_at"])
    waits = one["filed_at"] is None
    return {
        "annual_report": {"text": t(f"clock.{one['key']}"), "sub": one["summary"] or "", **(
            {"url": url_for("pages.file_annual_report", report_id=one["id"])} if waits else {})},
        "due": {"text": until.text, "urgency": until.urgency} if waits else moment(one["due_at"]),
        "filed": "" if waits else moment(one["filed_at"]), "reference_number": one["reference"] or "",
    }


@page(PAGES, "/annual-reports/<report_id>/filing", act="file_annual_report", methods=("GET", "POST"))
def file_annual_report(report_id: str) -> Any:
    """Record that a yearly report was made."""
    with program().reading() as connection:
        one = reads.annual_report(connection, actor(), report_id)
    if one is None:
        raise NotFound
    there = url_for("pages.annual_reports")
    return asked(form_of(AnnualReportFields, request.path, t("page.annual.file")), "file_annual_report",
                 AnnualReportFields, report_id, title=t(f"clock.{one['key']}"), sub=due(one["due_at"]).text,
                 over=[{"text": t("page.annual.title"), "url": there}], done=(there, t("page.annual.filed")))

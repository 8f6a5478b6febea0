"""The history of one report: every version and every word about it, what each changed, in the order of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import url_for

from sandbox.reads import accounts, report_history
from sandbox.reads.report_history import Change, Kind
from sandbox.store.feedback import CorrectionState, FeedbackFields
from sandbox.store.retractions import RetractionGround, RetractionState
from sandbox.web.api.shapes import SEES_NAMES
from sandbox.web.guard import page
from sandbox.web.pages.corrections import difference_columns, differences, one_report, readable
from sandbox.web.pages.feedback import READERS, period
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, PageContext, Plain, render, value_word
from sandbox.web.pages.times import moment
from sandbox.web.pages.tracks import back
from sandbox.web.pages.waiting import word_on
from sandbox.web.reader import program, said, t


@dataclass(frozen=True, kw_only=True)
class ReportHistoryPage(PageContext):
    """Panels, newest first: {title, id, facts, body?, rows?, url?}; `columns` are those of what was changed."""

    template: ClassVar[str] = "report_history.html"
    title: str
    over: list[Plain]
    columns: list[Plain]
    changes: list[Plain]


@page(PAGES, "/feedback/<feedback_id>/history", roles=READERS)
def history(feedback_id: str) -> Any:
    """Every version of a report."""
    with program().reading() as connection:
        one, row = one_report(connection, feedback_id)
        found = report_history.history(connection, one)
        named = row["relation"] in SEES_NAMES
        people = accounts.names(connection, {who for change in found for who in (
            change.author_id, change.decided_by if named else None) if who})
    over = back(row, {"text": period(one), "url": url_for("pages.report", feedback_id=feedback_id)})
    return render(ReportHistoryPage(
        title=t("page.report.history"), over=over, columns=difference_columns(),
        changes=[_panel(place, change, people) for place, change in reversed([*enumerate(found, 1)])]))


def _panel(place: int, change: Change, people: Mapping[str, str]) -> Plain:
    facts = [{"label": t("page.report.by"), "text": people.get(change.author_id, "")},
             {"label": t("page.col.at"), "text": moment(change.at)}]
    if change.state:
        states = CorrectionState if change.kind is Kind.CORRECTION else RetractionState
        facts.append({"label": t("page.col.state"), "text": said(value_word(states, change.state))})
    if change.ground:
        facts.append({"label": t("page.report.ground"), "text": said(value_word(RetractionGround, change.ground))})
    if change.reason:
        facts.append({"label": t("page.col.reason"), "text": change.reason})
    facts += word_on({name: getattr(change, name) for name in ("decided_by", "decided_at", "decision_reason")}, people)
    return {"title": _title(change), "id": f"h-change-{place}", "facts": facts, "url": _url(change),
            "body": shown(FeedbackFields, readable(change.after)) if change.kind is Kind.FILED and change.after else [],
            "rows": differences(change.before, change.after) if change.before and change.after else []}


def _title(change: Change) -> str:
    if change.kind is Kind.FILED:
        return t("page.report.first_version")
    return t("page.report.version", version=change.version) if change.version else t(f"page.report.{change.kind}")


def _url(change: Change) -> str | None:
    if change.kind is Kind.CORRECTION:
        return url_for("pages.correction", correction_id=change.id)
    return url_for("pages.retraction", retraction_id=change.id) if change.kind is Kind.RETRACTION else None

"""One report, the corrections of it, and an officer's word on a correction that softens the record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.reads import accounts, records, reporting, trials
from sandbox.rules.access import Relation, Role
from sandbox.store.feedback import CorrectionDecision, CorrectionFields, CorrectionState, FeedbackFields
from sandbox.store.files import FileOf
from sandbox.store.retractions import RetractionGround, RetractionState
from sandbox.web.guard import page
from sandbox.web.pages import files
from sandbox.web.pages.feedback import READERS, Named, event_label, given_report, named_in, period, report_form
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.lights import unit_word
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Form, FormPage, PageContext, Plain, render, value_word
from sandbox.web.pages.times import moment
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import with_trial
from sandbox.web.reader import actor, locale, program, t
from sandbox.words import show

SEEN = ("exposures", "people_new", "model_version", "nil", "reviewed", "labelled", "hours", "money", "region",
        "distributions", "narrative")
"""What the correction's form shows of a report; the rest is kept as it was."""


@dataclass(frozen=True, kw_only=True)
class ReportPage(PageContext):
    """One report as it stands, with every correction and what it said before."""

    template: ClassVar[str] = "report.html"
    title: str
    over: list[Plain]
    sub: str
    body: list[Plain]
    retracted: bool
    history_url: str
    corrections: list[Plain]
    correct_url: str | None
    retractions: list[Plain]
    retract_url: str | None
    evidence: Plain


@page(PAGES, "/feedback/<feedback_id>", roles=READERS)
def report(feedback_id: str) -> Any:
    """One report."""
    with program().reading() as connection:
        one, row = one_report(connection, feedback_id)
        names = accounts.names(connection, {one["author_id"]})
        asked = reporting.retractions_of(connection, "feedback_id", feedback_id)
        owner = row["relation"] is Relation.OWNER and not one["retracted"]
        waits = any(found["state"] == RetractionState.WAITING for found in asked)
        return render(ReportPage(
            title=period(one), over=back(row), body=_body(connection, one, row),
            sub=t("page.feedback.filed_by", who=names.get(one["author_id"], ""), at=moment(one["at"])),
            corrections=[_correction(found) for found in one["corrections"]],
            correct_url=_url("pages.correct", one, may=owner and one["epoch"] > 0),
            retract_url=_url("pages.retract_report", one, may=owner and one["epoch"] > 0 and not waits),
            retracted=one["retracted"], history_url=url_for("pages.history", feedback_id=feedback_id),
            retractions=[retraction_line(found) for found in asked],
            evidence=files.beside(connection, row, FileOf.FEEDBACK, feedback_id)))


def _url(endpoint: str, one: Mapping[str, Any], *, may: bool) -> str | None:
    return url_for(endpoint, feedback_id=one["id"]) if may else None


def retraction_line(one: Mapping[str, Any]) -> Plain:
    """What was asked to be taken back, for a timeline."""
    text = t("page.retraction.line", why=value_word(RetractionGround, one["why"]),
             state=value_word(RetractionState, one["state"]))
    return {"at": moment(one["at"]), "iso": one["at"].isoformat(), "text": text, "note": one["reason"],
            "url": url_for("pages.retraction", retraction_id=one["id"])}


def one_report(connection: sa.Connection, feedback_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return with_trial(connection, records.report(connection, actor(), feedback_id))


def _body(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any]) -> list[Plain]:
    """What was reported; a metric is told by the plan's own name for it, and in its unit."""
    body = shown(FeedbackFields, {**one, "events": labelled(one["events"]), "metrics": None})
    if one["metrics"]:
        plan = trials.sections(connection, actor(), row)["plan"].body
        known = {metric["told_as"]: metric for metric in plan.get("metrics", ()) if metric.get("told_as")}
        told = [_metric(known.get(name, {"name": name}), value) for name, value in one["metrics"].items()]
        body.append({"label": t("field.metrics"), "text": "\n".join(told)})
    return body


def _metric(metric: Mapping[str, Any], value: float) -> str:
    unit = metric.get("unit") or ""
    return t("page.report.metric", name=metric["name"], value=show(value, locale()), unit=unit_word(unit)).strip()


def labelled(events: Mapping[str, int] | None) -> dict[str, int]:
    return {event_label(name): number for name, number in (events or {}).items()}


def _correction(one: Mapping[str, Any]) -> Plain:
    state = value_word(CorrectionState, one["state"])
    return {"at": moment(one["at"]), "iso": one["at"].isoformat(), "note": one["reason"],
            "text": t("page.correction.line", state=state),
            "url": url_for("pages.correction", correction_id=one["id"])}


@page(PAGES, "/feedback/<feedback_id>/correct", act="correct_feedback", methods=("GET", "POST"))
def correct(feedback_id: str) -> Any:
    """Say what a report should have been; the old version stays."""
    with program().reading() as connection:
        one, row = one_report(connection, feedback_id)
        named = named_in(connection, row["id"])
    form = _correcting(row, one, named)
    if request.method == "POST":
        reason = request.form.get("reason", "").strip() or None
        given = {"report": {**unseen(one), **given_report(named)}, "reason": reason}
        done, form = tried(lambda: do("correct_feedback", given, feedback_id), form)
        if done is not None:
            return gone(url_for("pages.report", feedback_id=feedback_id), t(f"page.correction.{done.state}"))
    return render(FormPage(title=t("page.correction.new"), over=back(row), sub=t("page.correction.new_why"), form=form,
                           errors=form.errors), 422 if form.errors else 200)


def _correcting(row: Mapping[str, Any], one: Mapping[str, Any], named: Named) -> Form:
    """The report's own form with its figures and a reason; the period is what is corrected, and stays."""
    made = report_form(row, named, url_for("pages.correct", feedback_id=one["id"]), dict(one), second=False)
    why = form_of(CorrectionFields, "", "", values={}, leave_out=("report",)).fields
    kept = {"period_start", "period_end", "site"}
    groups = [{**group, "fields": [f for f in group["fields"] if f["name"] not in kept]} for group in made.fields]
    return replace(made, fields=[*groups, *why], submit=t("page.correction.file"))


def unseen(one: Mapping[str, Any]) -> dict[str, Any]:
    """What of a report its correction keeps: the period, the site, and what the form does not show."""
    body: dict[str, Any] = FeedbackFields.model_validate(
        {name: one[name] for name in FeedbackFields.model_fields}).plain()
    return {name: value for name, value in body.items() if name not in SEEN and value is not None}


@page(PAGES, "/corrections/<correction_id>", methods=("GET", "POST"), roles=(Role.REGULATOR, Role.FIRM))
def correction(correction_id: str) -> Any:
    """A correction: what the report said and should say; an officer's word where it waits for one."""
    with program().reading() as connection:
        one, row = with_trial(connection, records.correction(connection, actor(), correction_id))
        evidence = files.beside(connection, row, FileOf.CORRECTION, correction_id)
    form = form_of(CorrectionDecision, url_for("pages.correction", correction_id=correction_id),
                   t("page.correction.decide"))
    if request.method == "POST":
        done, form = tried(lambda: do("decide_correction", read(CorrectionDecision), correction_id), form)
        if done is not None:
            return gone(url_for("pages.trial_feedback", trial_id=row["id"]), t(f"page.correction.{done.state}"))
    waits = one["state"] == "waiting" and actor().role is Role.REGULATOR
    return render(_correction_page(row, one, evidence, form if waits else None), 422 if form.errors else 200)


@dataclass(frozen=True, kw_only=True)
class CorrectionPage(PageContext):
    """What a report said and what it should say, field by field, and the officer's form."""

    template: ClassVar[str] = "correction.html"
    title: str
    over: list[Plain]
    sub: str
    reason: str
    columns: list[Plain]
    rows: list[Plain]
    evidence: Plain
    form: Form | None
    errors: dict[str, list[str]]


def _correction_page(row: Mapping[str, Any], one: Mapping[str, Any], evidence: Plain,
                     form: Form | None) -> CorrectionPage:
    return CorrectionPage(
        title=t("page.correction.title"), over=back(row), reason=one["reason"], form=form, evidence=evidence,
        rows=differences(one["before"], one["after"]), columns=difference_columns(),
        sub=t("page.correction.line", state=value_word(CorrectionState, one["state"])),
        errors=form.errors if form else {})


def difference_columns() -> list[Plain]:
    """The columns of what `differences` gives."""
    return [{"key": name, "label": t(f"page.col.{name}")} for name in ("field", "before", "after")]


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Plain]:
    """Field by field, what a report said and what it should say instead."""
    was, became = ({each["label"]: show(each.get("text", "").splitlines(), locale())
                    for each in shown(FeedbackFields, readable(body))} for body in (before, after))
    return [{"field": label, "before": was.get(label, ""), "after": became.get(label, "")}
            for label in dict.fromkeys((*was, *became)) if was.get(label, "") != became.get(label, "")]


def readable(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "events": labelled(body.get("events"))}

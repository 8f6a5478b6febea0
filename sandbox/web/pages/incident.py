"""One incident as it is known now, with everything that follows from it; and its final report."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.incidents import reported_in_full
from sandbox.reads import accounts, incidents
from sandbox.reads.incidents import Happened, Whole
from sandbox.rules.access import Relation, Role
from sandbox.store.incidents import (
    FinalReportFields,
    IncidentFields,
    IncidentKind,
    IncidentState,
    IncidentUpdate,
    Severity,
)
from sandbox.store.retractions import RetractionState
from sandbox.web.guard import page
from sandbox.web.pages import clocks, corrective, files
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.incidents import FILERS, READERS
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Plain, RecordPage, render, value_word
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import with_trial
from sandbox.web.reader import actor, program, said, t
from sandbox.words import word

KEPT = ("kind", "severity", "harms", "people_affected", "cyber_level", "cyber_operator")
"""What the form of an amendment shows as it stands; the rest is filled only where it changes."""
SENDERS = (*FILERS, Relation.SEATED, Relation.CHAIR)


def found(connection: sa.Connection, incident_id: str) -> tuple[Whole, Mapping[str, Any]]:
    """An incident with all of it, and its trial. Raises NotFound."""
    return with_trial(connection, incidents.incident(connection, actor(), now(), incident_id))


@page(PAGES, "/incidents/<incident_id>", roles=READERS)
def incident(incident_id: str) -> Any:
    """Read an incident with everything that follows from it."""
    with program().reading() as connection:
        one, row = found(connection, incident_id)
        return render(_page(connection, row, one))


def _page(connection: sa.Connection, row: Mapping[str, Any], one: Whole) -> RecordPage:
    kind, severity, state = one.row["kind"], one.row["severity"], one.row["state"]
    parts = [*([value_word(Severity, severity)] if severity else []), value_word(IncidentState, state)]
    parts += [value_word(RetractionState, RetractionState.ACCEPTED)] if one.row["retracted"] else []
    people = accounts.names(connection, {each.by for each in one.history(now()) if each.by} | {one.row["author_id"]}) \
        if actor().role is Role.REGULATOR or row["relation"] is Relation.OWNER else {}
    return RecordPage(
        title=t("page.incident.title", kind=value_word(IncidentKind, kind)), over=back(row),
        sub=" · ".join(said(part) for part in parts), actions=_actions(one, row), body=_body(one.row),
        tables=_tables(one), facts=_facts(one.row, people), reports=[_report(each) for each in reversed(one.reports)],
        versions=[_version(each) for each in reversed(one.versions)],
        history=[_happened(each, people) for each in one.history(now())])


def _actions(one: Whole, row: Mapping[str, Any]) -> list[Plain]:
    incident_id, trial_id, filer = one.row["id"], one.row["trial_id"], row["relation"] in FILERS
    report = reported_in_full(one.row)
    ways = [("amend", url_for("pages.amend_incident", incident_id=incident_id), filer and (
                one.row["state"] != IncidentState.CLOSED or row["relation"] is Relation.OFFICER)),
            ("final_report", url_for("pages.final_report", incident_id=incident_id), filer and report),
            ("retract", url_for("pages.retract_incident", incident_id=incident_id),
             row["relation"] is Relation.OWNER and one.row["source_key"] is None and not one.row["retracted"]),
            ("item", url_for("pages.new_item", trial_id=trial_id, incident_id=incident_id), row["relation"] in SENDERS),
            ("file", url_for("pages.new_file", trial_id=trial_id, of="incident", object=incident_id),
             row["relation"] in SENDERS)]
    return [{"label": t(f"page.incident.do_{name}"), "url": url, "kind": "main" if name == "amend" else ""}
            for name, url, may in ways if may]


def _tables(one: Whole) -> list[Plain]:
    clock_columns = tuple(each for each in clocks.COLUMNS if each.key != "owner")
    found = [_table("clocks", clock_columns, [_without_trial(clocks.cells(each), "clock") for each in one.clocks],
                    shown=bool(one.clocks)),
             _table("items", corrective.COLUMNS, [_without_trial(corrective.cells(each), "item") for each in one.items],
                    shown=bool(one.items))]
    own_columns = tuple(each for each in files.COLUMNS if each.key != "about_what")
    evidence = files.table_of(one.files, t("page.file.all"), t("page.file.none"), columns=own_columns)
    return [table for table in found if table] + ([evidence] if one.files else [])


def _table(name: str, columns: Any, rows: list[Plain], *, shown: bool) -> Plain:
    return {"title": t(f"page.incident.{name}"), "id": f"h-{name}", "rows": rows, "none": "", "columns": [
        {"key": each.key, "label": t(f"page.col.{each.key}")} for each in columns]} if shown else {}


def _without_trial(cells: Plain, first: str) -> Plain:
    """On a page about one incident the trial need not be said in each row."""
    return {**cells, first: {**cells[first], "sub": ""}}


def _body(one: Mapping[str, Any]) -> list[Plain]:
    done = [{"label": t("field.mitigation"), "text": one["mitigation"]}] if one["mitigation"] else []
    return shown(IncidentFields, one) + done


def _facts(one: Mapping[str, Any], people: Mapping[str, str]) -> list[Plain]:
    facts = [{"label": t("page.col.state"), "text": said(value_word(IncidentState, one["state"]))},
             {"label": t("page.incident.version"), "text": str(one["version"])},
             {"label": t("page.col.filed"), "text": moment(one["at"])}]
    if people.get(one["author_id"]):
        facts.insert(2, {"label": t("page.incident.author"), "text": people[one["author_id"]]})
    return facts


def _report(one: Mapping[str, Any]) -> Plain:
    told = [{"label": t(f"field.{name}"), "text": one[name]} for name in ("root_cause", "harm", "redress", "measures")]
    return {"id": f"h-report-{one['version']}", "title": t("page.incident.final_report", version=one["version"]),
            "facts": [{"label": t("page.col.filed"), "text": moment(one["at"])}, *told]}


def _version(one: Mapping[str, Any]) -> Plain:
    body = one["body"]
    parts = [value_word(IncidentKind, body["kind"])] if body.get("kind") else []
    parts += [value_word(Severity, body["severity"])] if body.get("severity") else []
    parts += [value_word(IncidentState, body["state"])] if body.get("state") else []
    return {"at": moment(one["at"]), "iso": one["at"].isoformat(), "text": t("page.incident.was", parts=parts)
            if parts else t("page.incident.changed"), "note": one["reason"] or body.get("description", "")}


def _happened(one: Happened, people: Mapping[str, str]) -> Plain:
    about = word(f"clock.{one.about}") if one.what.startswith("clock_") else one.about or ""
    return {"at": moment(one.at), "iso": one.at.isoformat(), "hot": one.what == "clock_missed",
            "text": t(f"page.incident.happened_{one.what}", about=about), "note": people.get(one.by or "", "")}


@page(PAGES, "/incidents/<incident_id>/amend", act="update_incident", methods=("GET", "POST"))
def amend_incident(incident_id: str) -> Any:
    """Amend, mitigate or close it; the earlier version stays."""
    with program().reading() as connection:
        one, row = found(connection, incident_id)
    form = form_of(IncidentUpdate, request.path, t("page.incident.amend"),
                   values={name: one.row[name] for name in KEPT})
    here = url_for("pages.incident", incident_id=incident_id)
    return asked(form, "update_incident", IncidentUpdate, incident_id, title=t("page.incident.amend_title"),
                 over=[*back(row), {"text": t("page.incident.title", kind=value_word(IncidentKind, one.row["kind"])),
                                    "url": here}],
                 sub=t("page.incident.amend_why"), done=(here, t("page.incident.amended")))


@page(PAGES, "/incidents/<incident_id>/final-report", act="file_final_report", methods=("GET", "POST"))
def final_report(incident_id: str) -> Any:
    """Report the incident in full; filed again, the newer version counts."""
    with program().reading() as connection:
        one, row = found(connection, incident_id)
    last: Mapping[str, Any] = one.reports[-1] if one.reports else {}
    form = form_of(FinalReportFields, request.path, t("page.incident.do_final_report"),
                   values={"people_affected": one.row["people_affected"], **{
                       name: last[name] for name in FinalReportFields.model_fields if last.get(name)}})
    return asked(form, "file_final_report", FinalReportFields, incident_id, over=back(row),
                 title=t("page.incident.do_final_report"), sub=t("page.incident.final_report_why"),
                 done=(url_for("pages.incident", incident_id=incident_id), t("page.incident.reported")))

"""Incidents, near misses and complaints: all of them, those of one trial, filing one, amending it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import flash, request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import accounts, incidents, records, risk
from sandbox.rules.access import Relation, Role
from sandbox.rules.risk import INDICATORS
from sandbox.store.incidents import IncidentFields, IncidentKind, IncidentState, IncidentUpdate, Severity
from sandbox.web.codec import choice
from sandbox.web.guard import page
from sandbox.web.pages import lights
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import (
    PAGES,
    Form,
    FormPage,
    PageContext,
    Plain,
    TrialHead,
    render,
    value_word,
)
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import back, head_of
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, program, said, t, titled

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
FILERS = (Relation.OWNER, Relation.OFFICER)
SHOWN = 50
COLUMNS = (Column("incident"), Column("severity"), Column("state"), Column("occurred"), Column("filed"))


FILTERS = (("kind", IncidentKind), ("severity", Severity), ("state", IncidentState))


@page(PAGES, "/incidents", roles=READERS)
def incidents_list() -> Any:
    """Incidents of every trial this person sees, newest filed first."""
    chosen = {name: wanted(name) for name in ("kind", "severity", "state", "q")}
    with program().reading() as connection:
        return listed(Listing(
            name="incidents", endpoint="pages.incidents_list", q=chosen["q"] or "", columns=COLUMNS, cells=_cells,
            plain=_plain, filters=[choices_of(name, chosen[name], enum_words(of)) for name, of in FILTERS],
            page=lambda cursor, limit: records.incidents(connection, actor(), cursor=cursor, limit=limit, **chosen)))


def enum_words(of: type[StrEnum]) -> dict[str, str]:
    """The values of an enum with their words."""
    return {one.value: said(choice(one)) for one in of}


def _cells(row: Mapping[str, Any]) -> Plain:
    return {
        "incident": {"text": said(value_word(IncidentKind, row["kind"])), "sub": f"{row['trial_id']} "
                     f"{titled(row, 'trial_title')}", "url": url_for("pages.incident", incident_id=row["id"])},
        "severity": {"text": said(value_word(Severity, row["severity"])), "urgency": "late"
                     if row["severity"] in ("S1", "S2") and row["state"] == "open" else ""} if row["severity"]
        else row["indicator"] or "",
        "state": said(value_word(IncidentState, row["state"])), "occurred": moment(row["occurred_at"]),
        "filed": moment(row["at"]),
    }


def _plain(row: Mapping[str, Any]) -> Plain:
    names = ("id", "trial_id", "kind", "severity", "cyber_level", "indicator", "state", "occurred_at", "aware_at",
             "site", "description", "mitigation", "epoch", "at")
    return {name: row[name] for name in names}


@dataclass(frozen=True, kw_only=True)
class TrialIncidentsPage(PageContext):
    """The incidents of one trial."""

    template: ClassVar[str] = "trial_incidents.html"
    head: TrialHead
    columns: list[Plain]
    rows: list[Plain]
    next_url: str | None
    first_url: str | None


@page(PAGES, "/trials/<trial_id>/incidents")
def trial_incidents(trial_id: str) -> Any:
    """Incidents of one trial, newest filed first."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        cursor = request.args.get("cursor")
        found = records.incidents(connection, actor(), trial_id, cursor=cursor, limit=SHOWN)
        filing = [{"label": t("page.incident.new"), "url": url_for("pages.new_incident", trial_id=trial_id),
                   "kind": "main"}]
        return render(TrialIncidentsPage(
            head=head_of(connection, row, "trial_incidents", filing if row["relation"] in FILERS else []),
            columns=[{"key": one.key, "label": t(f"page.col.{one.key}")} for one in COLUMNS],
            rows=[_cells(one) for one in found.items],
            next_url=url_for("pages.trial_incidents", trial_id=trial_id, cursor=found.next) if found.next else None,
            first_url=url_for("pages.trial_incidents", trial_id=trial_id) if cursor else None))


@page(PAGES, "/trials/<trial_id>/incidents/new", act="file_incident", methods=("GET", "POST"))
def new_incident(trial_id: str) -> Any:
    """File an incident, a near miss or a complaint."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        named = [one for one in risk.agreed(connection, trial_id) if one not in INDICATORS]
    form = _form(trial_id, named)
    if request.method == "POST":
        done, form = tried(lambda: do("file_incident", read(IncidentFields), trial_id), form)
        if done is not None:
            if done.state == "suspended" and row["state"] != "suspended":
                flash(t("page.incident.stopped"), "warn")
            return gone(url_for("pages.incident", incident_id=done.id), t("page.incident.filed"))
    return render(FormPage(title=t("page.incident.new"), over=back(row), sub=t("page.incident.new_sub"), form=form,
                           errors=form.errors, aside=(_what_follows(),)), 422 if form.errors else 200)


def _form(trial_id: str, named: list[str]) -> Form:
    made = form_of(IncidentFields, url_for("pages.new_incident", trial_id=trial_id), t("page.incident.file"),
                   leave_out=() if named else ("indicator",))
    for one in made.fields:
        if one["name"] == "indicator":
            one.update(kind="choice", choices=[{"value": name, "label": lights.indicator_word(name)} for name in named])
    return made


def _what_follows() -> Plain:
    return {"title": t("page.incident.follows"), "id": "h-follows",
            "bullets": [t(f"page.incident.follows_{severity}") for severity in Severity],
            "text": t("page.incident.honest")}


@dataclass(frozen=True, kw_only=True)
class IncidentPage(PageContext):
    """One incident as it is known now, what it said before, and the form that amends it."""

    template: ClassVar[str] = "incident.html"
    title: str
    over: list[Plain]
    sub: str
    facts: list[Plain]
    body: list[Plain]
    versions: list[Plain]
    form: Form | None
    errors: dict[str, list[str]]


@page(PAGES, "/incidents/<incident_id>", methods=("GET", "POST"), roles=READERS)
def incident(incident_id: str) -> Any:
    """Read an incident; those who may, amend, mitigate or close it."""
    with program().reading() as connection:
        found = incidents.incident(connection, actor(), now(), incident_id)
        if found is None:
            raise NotFound
        one = {**found.row, "versions": found.versions}
        row = own(connection, one["trial_id"])
        form = form_of(IncidentUpdate, url_for("pages.incident", incident_id=incident_id), t("page.incident.amend"),
                       values={})
        if request.method == "POST":
            done, form = tried(lambda: do("update_incident", read(IncidentUpdate), incident_id), form)
            if done is not None:
                return gone(url_for("pages.incident", incident_id=incident_id), t("page.incident.amended"))
        may = row["relation"] in FILERS and one["state"] != "closed"
        return render(_incident_page(connection, row, one, form if may or form.errors else None),
                      422 if form.errors else 200)


def _incident_page(connection: sa.Connection, row: Mapping[str, Any], one: Mapping[str, Any],
                   form: Form | None) -> IncidentPage:
    parts = [value_word(Severity, one["severity"])] if one["severity"] else []
    return IncidentPage(
        title=t("page.incident.title", kind=value_word(IncidentKind, one["kind"])), over=back(row),
        sub=" · ".join(said(part) for part in (*parts, value_word(IncidentState, one["state"]))),
        facts=_facts(connection, one), body=_body(one),
        versions=[_version(found) for found in reversed(one["versions"])], form=form and replace(form, prefix="u-"),
        errors=form.errors if form else {})


def _body(one: Mapping[str, Any]) -> list[Plain]:
    done = [{"label": t("field.mitigation"), "text": one["mitigation"]}] if one["mitigation"] else []
    return shown(IncidentFields, one) + done


def _facts(connection: sa.Connection, one: Mapping[str, Any]) -> list[Plain]:
    name = accounts.names(connection, {one["author_id"]}).get(one["author_id"], "")
    return [{"label": t("page.col.state"), "text": said(value_word(IncidentState, one["state"]))},
            {"label": t("page.incident.version"), "text": str(one["version"])},
            {"label": t("page.incident.author"), "text": name},
            {"label": t("page.col.filed"), "text": moment(one["at"])}]


def _version(one: Mapping[str, Any]) -> Plain:
    body = one["body"]
    parts = [value_word(Severity, body["severity"])] if body.get("severity") else []
    parts += [value_word(IncidentState, body["state"])] if body.get("state") else []
    return {"at": moment(one["at"]), "iso": one["at"].isoformat(), "text": t("page.incident.was", parts=parts)
            if parts else t("page.incident.changed"), "note": body.get("description", "")}

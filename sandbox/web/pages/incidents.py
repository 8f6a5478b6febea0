"""Incidents, near misses and complaints: all of them, those of one trial, filing one, amending it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import flash, request, url_for

from sandbox.reads import records, risk
from sandbox.reads.pages import Page
from sandbox.rules.access import Relation, Role
from sandbox.rules.risk import INDICATORS
from sandbox.store.incidents import IncidentFields, IncidentKind, IncidentState, Severity
from sandbox.web.codec import choice
from sandbox.web.guard import page
from sandbox.web.pages import lights
from sandbox.web.pages.exports import Exported
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
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
from sandbox.web.pages.times import moment
from sandbox.web.pages.tracks import back, head_of
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, program, said, t, titled

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
FILERS = (Relation.OWNER, Relation.OFFICER)
SHOWN = 50
COLUMNS = (Column("incident"), Column("severity"), Column("state"), Column("occurred"), Column("filed"))


EXPORTED = ("id", "trial_id", "kind", "severity", "cyber_level", "indicator", "state", "occurred_at", "aware_at",
            "site", "description", "mitigation", "epoch", "at")
FILTERS = (("kind", IncidentKind), ("severity", Severity), ("state", IncidentState))


@page(PAGES, "/incidents", roles=READERS)
def incidents_list() -> Any:
    """Incidents of every trial this person sees, newest filed first."""
    chosen: dict[str, Any] = {name: wanted(name) for name in ("kind", "severity", "state", "q")}

    def page_of(connection: sa.Connection, cursor: str | None, limit: int, only: Sequence[str] = ()) -> Page[Any]:
        return records.incidents(connection, actor(), cursor=cursor, limit=limit, only=only, **chosen)

    return listed(Listing(
        name="incidents", endpoint="pages.incidents_list", q=chosen["q"] or "", columns=COLUMNS, cells=_cells,
        actions=beside(),
        filters=[choices_of(name, chosen[name], enum_words(of)) for name, of in FILTERS], page=page_of,
        exported=Exported(EXPORTED, partial(page_of, only=EXPORTED))))


def beside(trial_id: str | None = None) -> list[Plain]:
    """The lists that belong to incidents: of every trial, or of one."""
    found = [{"label": t("page.incident.see_clocks"), "url": url_for("pages.clocks_list", trial=trial_id)},
             {"label": t("page.incident.see_items"), "url": url_for("pages.corrective_items_list", trial=trial_id)}]
    if actor().role is Role.REGULATOR and trial_id is None:
        found.append({"label": t("page.incident.see_allegations"), "url": url_for("pages.allegations_list")})
    return found


def of_trial(trial_id: str, relation: Relation) -> list[Plain]:
    """What belongs to the incidents of one trial: filing one first, where this person may."""
    files = {"label": t("page.incident.see_files"), "url": url_for("pages.trial_files", trial_id=trial_id)}
    filing = {"label": t("page.incident.new"), "url": url_for("pages.new_incident", trial_id=trial_id), "kind": "main"}
    consents = {"label": t("page.withdrawal.title"), "url": url_for("pages.withdrawals", trial_id=trial_id)}
    entering = {"label": t("page.incident.new_allegation"), "url": url_for("pages.new_allegation", trial_id=trial_id)}
    return [*([filing] if relation in FILERS else []), *beside(trial_id), files, consents,
            *([entering] if relation is Relation.OFFICER else [])]


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
        return render(TrialIncidentsPage(
            head=head_of(connection, row, "trial_incidents", of_trial(trial_id, row["relation"])),
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

"""Taking back (撤回) a report or an incident: the firm asks and says why, a reviewer of the panel agrees or not."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import accounts, incidents, records, reporting
from sandbox.store.incidents import IncidentKind
from sandbox.store.retractions import RETRACTIONS, RetractionDecision, RetractionFields, RetractionState
from sandbox.web.api.shapes import SEES_NAMES
from sandbox.web.guard import page
from sandbox.web.pages.feedback import READERS, period
from sandbox.web.pages.filing import asked, do, form_of, gone, read, tried
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Form, Plain, render, value_word
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own
from sandbox.web.pages.waiting import WaitingPage, word_on
from sandbox.web.reader import actor, program, said, t


@page(PAGES, "/feedback/<feedback_id>/retract", act="retract_feedback", methods=("GET", "POST"))
def retract_report(feedback_id: str) -> Any:
    """Ask that a report be taken back."""
    with program().reading() as connection:
        over = _about_report(connection, feedback_id)
    return _asked("retract_feedback", feedback_id, over)


@page(PAGES, "/incidents/<incident_id>/retract", act="retract_incident", methods=("GET", "POST"))
def retract_incident(incident_id: str) -> Any:
    """Ask that an incident be taken back."""
    with program().reading() as connection:
        over = _about_incident(connection, incident_id)
    return _asked("retract_incident", incident_id, over)


def _asked(act: str, on: str, over: list[Plain]) -> Any:
    return asked(form_of(RetractionFields, request.path, t("page.retraction.ask")), act, RetractionFields, on,
                 title=t(f"page.retraction.{act}"), sub=t("page.retraction.ask_why"), over=over,
                 done=(lambda made: url_for("pages.retraction", retraction_id=made.id), t("page.retraction.waiting")))


def _about_report(connection: sa.Connection, feedback_id: str) -> list[Plain]:
    """The way back to the report. Raises NotFound."""
    one = records.report(connection, actor(), feedback_id)
    if one is None:
        raise NotFound
    return back(own(connection, one["trial_id"]),
                {"text": period(one), "url": url_for("pages.report", feedback_id=feedback_id)})


def _about_incident(connection: sa.Connection, incident_id: str) -> list[Plain]:
    """The way back to the incident. Raises NotFound."""
    one = incidents.incident(connection, actor(), now(), incident_id)
    if one is None:
        raise NotFound
    title = t("page.incident.title", kind=value_word(IncidentKind, one.row["kind"]))
    return back(own(connection, one.row["trial_id"]),
                {"text": title, "url": url_for("pages.incident", incident_id=incident_id)})


@page(PAGES, "/retractions/<retraction_id>", methods=("GET", "POST"), roles=READERS)
def retraction(retraction_id: str) -> Any:
    """A retraction, and the word of a reviewer for whom it waits."""
    with program().reading() as connection:
        one = reporting.filing(connection, actor(), RETRACTIONS, retraction_id)
        if one is None:
            raise NotFound
        over = _about_report(connection, one["feedback_id"]) if one["feedback_id"] else \
            _about_incident(connection, one["incident_id"])
        may = reporting.decides_retraction(connection, actor(), retraction_id)
        named = own(connection, one["trial_id"])["relation"] in SEES_NAMES
        people = accounts.names(connection, {one["author_id"], *([one["decided_by"]] if named else [])} - {None})
    form = form_of(RetractionDecision, request.path, t("page.retraction.decide"))
    if request.method == "POST":
        done, form = tried(lambda: do("decide_retraction", read(RetractionDecision), retraction_id), form)
        if done is not None:
            return gone(request.path, t(f"page.retraction.{done.state}"))
    return render(_page(one, over, people, form if may else None), 422 if form.errors else 200)


def _page(one: Mapping[str, Any], over: list[Plain], people: Mapping[str, str], form: Form | None) -> WaitingPage:
    facts = [{"label": t("page.retraction.asked_by"), "text": people.get(one["author_id"], "")},
             {"label": t("page.col.filed"), "text": moment(one["at"])}]
    facts += word_on(one, people)
    return WaitingPage(
        title=t("page.retraction.of_report" if one["feedback_id"] else "page.retraction.of_incident"), over=over,
        sub=said(value_word(RetractionState, one["state"])), body=shown(RetractionFields, one), facts=facts, form=form,
        reasons=[], means=t("page.retraction.decide_why"), errors=form.errors if form else {})

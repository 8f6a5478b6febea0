"""Clocks: all that run, ranked by when they run out; one with the rule behind it; met, paused, going on."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.clocks import ResumeGiven
from sandbox.reads import clocks as reads
from sandbox.reads.board import PANEL_LACKS
from sandbox.reads.clocks import ClockLine
from sandbox.rules.access import Relation, Role
from sandbox.rules.clocks import is_said
from sandbox.rules.laws import LAWS, binds, cited
from sandbox.store.clocks import CORRECTION_ASKED, MetFields, PauseFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.shapes import PAGES, Plain, RecordPage, render
from sandbox.web.pages.times import due, moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import with_trial
from sandbox.web.reader import actor, program, said, t, titled
from sandbox.words import word

RUN = "1"
"""What the list shows unless asked otherwise: an ended clock asks nothing of anybody."""
READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
COLUMNS = (Column("clock"), Column("due"), Column("clock_state"), Column("owner"), Column("source"))


@page(PAGES, "/clocks", roles=READERS)
def clocks_list() -> Any:
    """Clocks of every trial this person sees, soonest out first: those that run, or all."""
    running, trial, q = wanted("running") or RUN, wanted("trial"), wanted("q")
    return listed(Listing(
        name="clocks", endpoint="pages.clocks_list", q=q or "", columns=COLUMNS, cells=cells, plain=_plain,
        actions=[{"label": t("page.annual.title"), "url": url_for("pages.annual_reports")}]
        if actor().role is Role.REGULATOR else [],
        filters=[choices_of("running", running, {RUN: t("page.clocks.running")}, RUN),
                 choices_of("trial", trial, {trial: trial} if trial else {})],
        page=lambda connection, cursor, limit: reads.clocks(connection, actor(), now(), trial_id=trial, q=q,
                                                running=running == RUN, cursor=cursor, limit=limit)))


def cells(one: ClockLine) -> Plain:
    """A clock as a row."""
    until = due(one.row["due_at"])
    runs = one.state == "running"
    trial = f"{one.row['trial_id']} {titled(one.row, 'trial_title')}"
    return {
        "clock": {"text": t(f"clock.{one.rule.key}"), "sub": trial,
                  "url": url_for("pages.clock", clock_id=one.row["id"])},
        "due": {"text": until.text if runs else moment(one.row["due_at"]), "urgency": until.urgency if runs else ""},
        "clock_state": {"text": state_text(one), "urgency": "late" if one.late else ""},
        "owner": owners(one), "source": source(one),
    }


def state_text(one: ClockLine) -> str:
    """Where a clock stands, and that it was missed where it was."""
    state = word(f"page.clock.{one.state}")
    return t("page.clock.missed", state=state) if one.late else said(state)


def owners(one: ClockLine) -> str:
    """Who owes it."""
    return said(word("page.clock.owners", who=[word(f"role.{owner}") for owner in one.rule.owners]))


def source(one: ClockLine) -> str:
    """Where the number comes from, by its full name, and what it rests on. A law that does not bind here is an example
    that is followed, not a basis."""
    if not one.rule.source:
        return t("page.clock.source", source=word("page.clock.own_rule"), mark=word("page.clock.mark_P"))
    law, article = cited(one.rule.source)
    named = word(f"law.{LAWS[law][0]}")
    named = word("page.clock.article", law=named, article=article) if article else named
    if not binds(law, program().settings.profile):
        return t("page.clock.after", source=named)
    return t("page.clock.source", source=named, mark=word(f"page.clock.mark_{one.rule.mark}"))


def _plain(one: ClockLine) -> Plain:
    names = ("id", "trial_id", "object_id", "key", "started_at", "due_at", "first_at", "ended_at", "outcome", "ground",
             "reference")
    return {**{name: one.row[name] for name in names}, "state": one.state, "late": one.late,
            "source": one.rule.source, "mark": one.rule.mark.value}


def found(connection: sa.Connection, clock_id: str) -> tuple[ClockLine, Mapping[str, Any]]:
    """A clock and its trial. Raises NotFound."""
    return with_trial(connection, reads.clock(connection, actor(), now(), clock_id))


@page(PAGES, "/clocks/<clock_id>", roles=READERS)
def clock(clock_id: str) -> Any:
    """One clock: what it asks for, of whom, until when, and what was done."""
    with program().reading() as connection:
        one, row = found(connection, clock_id)
        return render(RecordPage(
            title=t(f"clock.{one.rule.key}"), over=back(row), sub=state_text(one), actions=_actions(one, row),
            facts=_facts(one), body=_body(one)))


def _body(one: ClockLine) -> list[Plain]:
    told = [("page.col.owner", owners(one)), ("page.col.source", source(one)), ("field.ground", ground(one.row)),
            ("field.reference", one.row["reference"])]
    return [{"label": t(label), "text": text} for label, text in told if text]


def _facts(one: ClockLine) -> list[Plain]:
    until = due(one.row["due_at"])
    told = [("started", one.row["started_at"]), ("first", one.row["first_at"]), ("ended", one.row["ended_at"])]
    return [
        {"label": t("page.col.due"), "text": until.text if one.state == "running" else moment(one.row["due_at"]),
         "urgency": until.urgency if one.state == "running" else ""},
        *({"label": t(f"page.clock.{name}_at"), "text": moment(at)} for name, at in told if at),
        {"label": t("page.clock.about"), "text": t("page.clock.see"), "url": about_url(one.row)},
    ]


def ground(row: Mapping[str, Any]) -> str | None:
    """Why it stands still: what a person wrote, or in words where an event of the procedure paused it."""
    return t("page.clock.correction_asked") if row["ground"] == CORRECTION_ASKED else row["ground"]


def about_url(row: Mapping[str, Any]) -> str:
    """What started it: an incident, a report, a review, a request, a withdrawal; otherwise something of its trial."""
    if row["object_id"].startswith("in_"):
        return url_for("pages.incident", incident_id=row["object_id"])
    if row["object_id"].startswith("fb_"):
        return url_for("pages.report", feedback_id=row["object_id"])
    if row["object_id"].startswith("rv_"):
        return url_for("pages.review", review_id=row["object_id"])
    if row["object_id"].startswith("cr_"):
        return url_for("pages.change", change_id=row["object_id"])
    if row["object_id"].startswith("wd_"):
        return url_for("pages.withdrawals", trial_id=row["trial_id"])
    page = "pages.panel" if row["key"] == PANEL_LACKS else "pages.trial"
    return url_for(page, trial_id=row["trial_id"])


def _actions(one: ClockLine, row: Mapping[str, Any]) -> list[Plain]:
    officer = row["relation"] is Relation.OFFICER
    owes = is_said(one.rule) and (officer or (row["relation"] is Relation.OWNER and "firm" in one.rule.owners))
    ways = [("report", owes and one.state in ("running", "told")),
            ("pause", officer and one.state in ("running", "told")), ("resume", officer and one.state == "paused")]
    return [{"label": t(f"page.clock.do_{name}"), "url": url_for(f"pages.clock_{name}", clock_id=one.row["id"]),
             "kind": "main" if name != "pause" else ""} for name, may in ways if may]


@page(PAGES, "/clocks/<clock_id>/report", act="meet_clock", methods=("GET", "POST"))
def clock_report(clock_id: str) -> Any:
    """Record that the duty was done."""
    with program().reading() as connection:
        one, _ = found(connection, clock_id)
    leave_out = () if one.rule.staged and not one.row["first_at"] else ("complete",)
    return _asked("report", one, MetFields, "meet_clock", leave_out=leave_out,
                  given={"complete": True} if leave_out else {})


@page(PAGES, "/clocks/<clock_id>/pause", act="pause_clock", methods=("GET", "POST"))
def clock_pause(clock_id: str) -> Any:
    """Pause it on a legal ground."""
    with program().reading() as connection:
        one, _ = found(connection, clock_id)
    return _asked("pause", one, PauseFields, "pause_clock")


@page(PAGES, "/clocks/<clock_id>/resume", act="resume_clock", methods=("GET", "POST"))
def clock_resume(clock_id: str) -> Any:
    """Let it run again."""
    with program().reading() as connection:
        one, _ = found(connection, clock_id)
    return _asked("resume", one, ResumeGiven, "resume_clock")


def _asked(name: str, one: ClockLine, model: Any, act: str, *, leave_out: tuple[str, ...] = (),
           given: Mapping[str, Any] | None = None) -> Any:
    clock_id = one.row["id"]
    title = t(f"clock.{one.rule.key}")
    form = form_of(model, request.path, t(f"page.clock.do_{name}"), leave_out=leave_out)
    return asked(form, act, model, clock_id, title=t(f"page.clock.do_{name}"), sub=t(f"page.clock.{name}_why"),
                 over=[{"text": title, "url": url_for("pages.clock", clock_id=clock_id)}], given=given,
                 done=(url_for("pages.clock", clock_id=clock_id), t(f"page.clock.{name}_done")))

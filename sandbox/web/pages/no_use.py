"""No use planned (无使用计划): what of a trial's time is ruled out ahead, planning it, and ending a plan."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from flask import request, url_for

from sandbox.acts.no_use import NoUseEnd
from sandbox.reads import reporting
from sandbox.rules.access import Role, may
from sandbox.rules.lifecycle import RUNNING
from sandbox.store.coverage import NO_USE, NoUseFields, NoUseState
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.shapes import PAGES, PageContext, Plain, render, value_word
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own, with_trial
from sandbox.web.reader import actor, program, said, t

SPAN = ("period_start", "period_end")
COLUMNS = ("span", "standing", "reason", "filed")


@dataclass(frozen=True, kw_only=True)
class FilingsPage(PageContext):
    """What is filed of one kind, newest first; `actions` for those who may file another, `nothing` what is said
    where there is nothing."""

    template: ClassVar[str] = "filings.html"
    title: str
    over: list[Plain]
    sub: str
    actions: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    nothing: str
    next_url: str | None
    first_url: str | None


@page(PAGES, "/trials/<trial_id>/no-use", roles=(Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT))
def no_use(trial_id: str) -> Any:
    """The plans of one trial."""
    cursor = request.args.get("cursor")
    with program().reading() as connection:
        row = own(connection, trial_id)
        found = reporting.filings(connection, actor(), NO_USE, trial_id, cursor=cursor)
    mine = may(actor(), "plan_no_use", row["relation"])
    plans = {"label": t("page.no_use.plan"), "url": url_for("pages.plan_no_use", trial_id=trial_id), "kind": "main"}
    return render(FilingsPage(
        title=t("page.no_use.title"), over=back(row, reports_of(trial_id)), sub=t("page.no_use.sub"),
        actions=[plans] if mine and row["state"] in RUNNING else [],
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in COLUMNS], nothing=t("page.no_use.none"),
        rows=[_cells(one, may_end=mine and _stands(one)) for one in found.items],
        next_url=url_for("pages.no_use", trial_id=trial_id, cursor=found.next) if found.next else None,
        first_url=url_for("pages.no_use", trial_id=trial_id) if cursor else None))


def reports_of(trial_id: str) -> Plain:
    """The way back to a trial's reports."""
    return {"text": t("page.tab.trial_feedback"), "url": url_for("pages.trial_feedback", trial_id=trial_id)}


def _stands(one: Mapping[str, Any]) -> bool:
    return one["state"] == NoUseState.STANDS and bool(one["holds_until"] > now())


def _cells(one: Mapping[str, Any], *, may_end: bool) -> Plain:
    """A plan's row; where it ended before its own end, where that was."""
    over = one["state"] == NoUseState.STANDS and one["holds_until"] <= now()
    standing: Plain = {"text": t("page.no_use.over") if over else said(value_word(NoUseState, one["state"]))}
    if may_end:
        standing = {"text": t("page.no_use.end"), "url": url_for("pages.end_no_use", plan_id=one["id"]),
                    "sub": standing["text"]}
    elif one["replaced_by"]:
        standing["url"] = url_for("pages.report", feedback_id=one["replaced_by"])
    if one["holds_until"] != one["period_end"]:
        standing["sub"] = t("page.no_use.held_until", at=moment(one["holds_until"]))
    return {"span": span(one), "standing": standing, "reason": one["reason"] or "", "filed": moment(one["at"])}


def span(one: Mapping[str, Any]) -> str:
    """The planned span."""
    return t("page.no_use.span", start=moment(one["period_start"]), end=moment(one["period_end"]))


@page(PAGES, "/trials/<trial_id>/no-use/new", act="plan_no_use", methods=("GET", "POST"))
def plan_no_use(trial_id: str) -> Any:
    """Rule out use ahead."""
    with program().reading() as connection:
        row = own(connection, trial_id)
    there = url_for("pages.no_use", trial_id=trial_id)
    form = form_of(NoUseFields, request.path, t("page.no_use.plan"))
    ahead = [{**one, "help": t(f"page.no_use.{one['name']}")} if one["name"] in SPAN else one for one in form.fields]
    return asked(replace(form, fields=ahead), "plan_no_use", NoUseFields, trial_id,
                 title=t("page.no_use.new"), sub=t("page.no_use.new_why"), done=(there, t("page.no_use.planned")),
                 over=back(row, reports_of(trial_id), {"text": t("page.no_use.title"), "url": there}))


@page(PAGES, "/no-use/<plan_id>/end", act="withdraw_no_use", methods=("GET", "POST"))
def end_no_use(plan_id: str) -> Any:
    """End a plan: there will be use after all."""
    with program().reading() as connection:
        one, row = with_trial(connection, reporting.filing(connection, actor(), NO_USE, plan_id))
    there = url_for("pages.no_use", trial_id=row["id"])
    return asked(form_of(NoUseEnd, request.path, t("page.no_use.end")), "withdraw_no_use", NoUseEnd, plan_id,
                 title=t("page.no_use.end_title", span=span(one)), sub=t("page.no_use.end_why"),
                 done=(there, t("page.no_use.ended")),
                 over=back(row, reports_of(row["id"]), {"text": t("page.no_use.title"), "url": there}))

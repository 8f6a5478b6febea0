"""What a trial cites of registers that others keep: the list, the search for an entry, citing it and taking it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for
from flask_wtf.csrf import generate_csrf

from sandbox.acts.refusals import NotFound
from sandbox.reads import registers
from sandbox.rules.access import Role, may
from sandbox.rules.lifecycle import STATES
from sandbox.rules.registers import EntryKind
from sandbox.store.registers import CitationFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import do, form_of, gone, key, read, tried
from sandbox.web.pages.lists import choices_of
from sandbox.web.pages.registers import chosen_filter, stage_word
from sandbox.web.pages.shapes import PAGES, Form, FormPage, PageContext, Plain, render
from sandbox.web.pages.times import day
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, program, t, titled

FOUND = 20
"""Entries that a search offers at once; more words find fewer."""


@dataclass(frozen=True, kw_only=True)
class CitationsPage(PageContext):
    """What is cited, and for those who may cite the search for an entry."""

    template: ClassVar[str] = "trial_citations.html"
    title: str
    over: list[Plain]
    sub: str
    cited: list[Plain]
    search_url: str | None
    filters: list[Plain]
    q: str
    found: list[Plain]
    found_title: str


@page(PAGES, "/trials/<trial_id>/citations", roles=(Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT))
def trial_citations(trial_id: str) -> Any:
    """The entries that a trial cites; searching for one to cite needs no script."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        chosen, cites = chosen_filter(), may_cite(row)
        asked = cites and (chosen.q or chosen.register_name)
        entries = registers.entries(connection, chosen, None, FOUND).items if asked else ()
        named = {one["name"]: titled(one) for one in registers.registers(connection)}
        return render(CitationsPage(
            title=t("page.citations.title"), over=back(row), sub=t("page.citations.sub"),
            cited=cited_rows(connection, row, withdrawing=cites), q=chosen.q or "",
            search_url=url_for("pages.trial_citations", trial_id=trial_id) if cites else None,
            filters=[choices_of("register", chosen.register_name, named)],
            found=[_offer(one, row["id"], named) for one in entries],
            found_title=t("page.citations.found", n=registers.count(connection, chosen)) if asked else ""))


def may_cite(row: Mapping[str, Any]) -> bool:
    """Whether this person may cite here: the firm itself and officers, until the trial is over."""
    return may(actor(), "cite_entry", row["relation"]) and not STATES[row["state"]].final


def cited_rows(connection: sa.Connection, row: Mapping[str, Any], *, withdrawing: bool = False) -> list[Plain]:
    """What a trial cites as rows: {text, url, why, action}."""
    return [{"text": titled(one), "url": url_for("pages.register_entry", entry_id=one["entry_id"]), "why": _why(one),
             "action": _withdraw(row["id"], one) if withdrawing else None}
            for one in registers.citations(connection, actor(), row["id"])]


def _why(one: Mapping[str, Any]) -> str:
    told = [one["key"], one["body"] or "", t("page.citations.as_of", version=one["version"], at=day(one["at"]))]
    if one["entry_version"] > one["version"]:
        told.append(t("page.citations.newer", version=one["entry_version"]))
    return " · ".join(part for part in (*told, one["note"] or "") if part)


def _withdraw(trial_id: str, one: Mapping[str, Any]) -> Plain:
    return {"label": t("page.citations.withdraw"), "kind": "small",
            "url": url_for("pages.withdraw_citation", trial_id=trial_id, citation_id=one["id"]),
            "post": {"csrf_token": generate_csrf(), "idempotency_key": key()}}


def _offer(one: Mapping[str, Any], trial_id: str, named: Mapping[str, str]) -> Plain:
    stage = "" if one["kind"] == EntryKind.INCIDENT else stage_word(one["stage"])
    told = (named.get(one["register_name"], ""), one["key"], one["body"] or "", stage)
    return {"text": titled(one), "url": url_for("pages.register_entry", entry_id=one["id"]),
            "why": " · ".join(part for part in told if part),
            "action": {"label": t("page.citations.cite"), "kind": "small",
                       "url": url_for("pages.cite_entry", trial_id=trial_id, entry_id=one["id"])}}


@page(PAGES, "/trials/<trial_id>/citations/<entry_id>", act="cite_entry", methods=("GET", "POST"))
def cite_entry(trial_id: str, entry_id: str) -> Any:
    """Cite one entry, saying why."""
    with program().reading() as connection:
        row, entry = own(connection, trial_id), registers.entry(connection, entry_id)
        if entry is None or not may_cite(row):
            raise NotFound
        form = form_of(CitationFields, url_for("pages.cite_entry", trial_id=trial_id, entry_id=entry_id),
                       t("page.citations.cite"), leave_out=("entry_id",))
        if request.method == "POST":
            given = {**read(CitationFields), "entry_id": entry_id}
            done, form = tried(lambda: do("cite_entry", given, trial_id), form)
            if done is not None:
                return gone(url_for("pages.trial_citations", trial_id=trial_id), t("page.citations.done"))
        return render(_cite_page(row, entry, form), 422 if form.errors else 200)


def _cite_page(row: Mapping[str, Any], entry: Mapping[str, Any], form: Form) -> FormPage:
    title = t("page.citations.title")
    there = {"text": title, "url": url_for("pages.trial_citations", trial_id=row["id"])}
    facts = [{"label": t("field.key"), "text": entry["key"]},
             {"label": t("field.body"), "text": entry["body"] or t("page.entry.no_body")},
             {"label": t("page.entry.version"), "text": str(entry["version"])}]
    beside = {"title": t("page.entry.published_title"), "id": "h-entry", "facts": facts}
    return FormPage(
        title=t("page.citations.cite_title", what=titled(entry)), over=back(row, there), form=form, errors=form.errors,
        sub=t("page.citations.cite_sub"), aside=(beside,))


@page(PAGES, "/trials/<trial_id>/citations/<citation_id>/withdrawal", act="withdraw_citation", methods=("POST",))
def withdraw_citation(trial_id: str, citation_id: str) -> Any:
    """Take a citation back."""
    do("withdraw_citation", {}, citation_id)
    return gone(url_for("pages.trial_citations", trial_id=trial_id), t("page.citations.withdrawn"))

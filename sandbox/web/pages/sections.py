"""One section of a trial's record: its form with drafts for those who write it, and how it reads for the others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for
from pydantic import AwareDatetime, BaseModel

from sandbox.acts.refusals import NotFound
from sandbox.reads import accounts, trials
from sandbox.reads.steps import SIGNED_OFF
from sandbox.rules.access import Role
from sandbox.rules.dossier import DIMENSIONS
from sandbox.rules.risk import ALPHA, agreed_budget, denominator_of, feasible, hard_budget, planned_size
from sandbox.store.files import FileOf
from sandbox.store.sections import SECTIONS
from sandbox.store.votes import MATTERS, Value
from sandbox.web.codec import choice, kind_of, label
from sandbox.web.guard import page
from sandbox.web.pages import files
from sandbox.web.pages.filing import do, form_of, gone, read, tried, typed
from sandbox.web.pages.lights import indicator_word, number, unit_word
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, render, value_word
from sandbox.web.pages.times import moment
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own, relation_word
from sandbox.web.reader import actor, locale, program, said, t
from sandbox.words import show, word

SIGNED = {**SIGNED_OFF, "plan": "sign"}
"""Sections that somebody's vote must stand beside, and on which matter."""


@dataclass(frozen=True, kw_only=True)
class SectionPage(PageContext):
    """A section: the form, or what it says; its version, and the signatures it needs."""

    template: ClassVar[str] = "section.html"
    title: str
    over: list[Plain]
    lead: str
    facts: list[Plain]
    form: Form | None
    body: list[Plain]
    votes: list[Plain]
    vote_action: Plain | None
    shows: list[Plain]
    shows_note: str
    evidence: Plain
    errors: dict[str, list[str]] = field(default_factory=dict)


@page(PAGES, "/trials/<trial_id>/sections/<kind>", methods=("GET", "POST"),
      roles=(Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT))
def section(trial_id: str, kind: str) -> Any:
    """Read a section, save it as a draft, or file a new version."""
    if kind not in SECTIONS:
        raise NotFound
    with program().reading() as connection:
        row = own(connection, trial_id)
        one = trials.sections(connection, actor(), row)[kind]
        form = _form(row, one)
        if request.method == "POST":
            return _posted(connection, row, one, form)
        return render(_page(connection, row, one, form if one.writable else None))


def _form(row: Mapping[str, Any], one: trials.SectionState) -> Form:
    kind = one.kind.kind
    form = form_of(one.kind.fields, url_for("pages.section", trial_id=row["id"], kind=kind), t("page.section.file"),
                   values=one.body if one.version else None, hidden={"version": one.version},
                   second=t("page.section.save"))
    if one.draft is not None and request.method == "GET":
        form.values.update(one.draft)
    name_dimensions(form)
    return form


def name_dimensions(form: Form) -> None:
    """In rows about dimensions of exposure each is chosen by its name."""
    for rows in form.fields:
        for column in rows.get("columns", ()):
            if column["name"] == "dimension":
                column.update(kind="choice", choices=[{"value": name, "label": said(label(name))}
                                                      for name in DIMENSIONS])


def _posted(connection: sa.Connection, row: Mapping[str, Any], one: trials.SectionState, form: Form) -> Any:
    kind, again = one.kind.kind, url_for("pages.section", trial_id=row["id"], kind=one.kind.kind)
    if "draft" in request.form:
        do("save_draft", {"kind": kind, "raw": typed(form.fields, request.form)}, row["id"])
        return gone(again, t("page.section.saved"))
    given = {"kind": kind, "body": read(one.kind.fields), "version": _version()}
    done, form = tried(lambda: do("file_section", given, row["id"]), form)
    if done is None:
        return render(_page(connection, row, one, form), 422)
    what = word(f"section.{kind}")
    return gone(url_for("pages.dossier", trial_id=row["id"]), t("page.section.filed", what=what, version=done.version))


def _version() -> int | None:
    raw = request.form.get("version", "")
    return int(raw) if raw.isdigit() and len(raw) < 10 else None


def _page(connection: sa.Connection, row: Mapping[str, Any], one: trials.SectionState,
          form: Form | None) -> SectionPage:
    kind = one.kind.kind
    cast = _votes(connection, row, one)
    return SectionPage(
        title=t(f"section.{kind}"), over=back(row), lead=_lead(one, form), facts=_facts(connection, one), form=form,
        body=shown(one.kind.fields, one.body) if one.version and form is None else [], votes=cast,
        vote_action=_vote_action(row, one), evidence=files.beside(connection, row, FileOf.SECTION, kind),
        errors=form.errors if form else {}, **_shows(connection, row, one))


def _shows(connection: sa.Connection, row: Mapping[str, Any], one: trials.SectionState) -> Plain:
    """What a trial of the planned size can show, limit by limit; the hard budget where it can show too little."""
    bodies = {kind: state.body for kind, state in trials.sections(connection, actor(), row).items() if state.version}
    plan, exposure = bodies.get("plan"), bodies.get("exposure")
    if one.kind.kind not in ("plan", "exposure") or not plan or not exposure:
        return {"shows": [], "shows_note": ""}
    size = planned_size(exposure.get("volume"), exposure["rate_per_day"], exposure["days"])
    counted = [limit for limit in plan["limits"] if denominator_of(limit["indicator"]) == "exposures"]
    shows = [{"label": indicator_word(limit["indicator"]), "text": _can(limit["per_exposure"] * size)}
             for limit in counted]
    budget = agreed_budget(plan.get("budget_limit"), size, plan.get("alpha") or ALPHA)
    note = word("page.shows.budget", n=budget - 1, size=number(size)) if budget else \
        word("page.shows.note", size=number(size))
    return {"shows": shows, "shows_note": said(note)}


def _can(expected: float) -> str:
    """What so many events expected at the limit allow to see or to prove."""
    can = feasible(expected)
    key = "twofold" if can.sees_twofold else "fivefold" if can.sees_fivefold else "nothing"
    proof = t("page.shows.proof" if can.can_certify else "page.shows.no_proof")
    budget = hard_budget(expected, ALPHA) - 1
    return t(f"page.shows.{key}", expected=number(expected), proof=proof, n=budget)


def _lead(one: trials.SectionState, form: Form | None) -> str:
    if form is None:
        return t("page.section.read_only" if one.version else "page.section.nothing",
                 who=[word(f"role.{relation_word(r)}") for r in one.kind.by])
    if one.draft is not None:
        return t("page.section.draft_shown")
    return t("page.section.personal") if one.kind.personal else t("page.section.lead")


def _facts(connection: sa.Connection, one: trials.SectionState) -> list[Plain]:
    if not one.version or one.at is None:
        return [{"label": t("page.section.version"), "text": t("page.section.none_yet")}]
    name = accounts.names(connection, {one.author or ""}).get(one.author or "", "")
    return [{"label": t("page.section.version"), "text": str(one.version)},
            {"label": t("page.section.at"), "text": moment(one.at)},
            {"label": t("page.section.author"), "text": name}]


def _votes(connection: sa.Connection, row: Mapping[str, Any], one: trials.SectionState) -> list[Plain]:
    """Who signed the version that is current."""
    matter = SIGNED.get(one.kind.kind)
    if matter is None:
        return []
    return [{"label": vote["name"] or t(f"role.{vote['role']}"),
             "text": t("page.section.vote", value=value_word(Value, vote["value"]), at=moment(vote["at"]))}
            for vote in trials.votes(connection, row["id"])
            if vote["matter"] == matter and vote["subject"] == one.kind.kind and vote["version"] == one.version]


def _vote_action(row: Mapping[str, Any], one: trials.SectionState) -> Plain | None:
    matter = MATTERS.get(SIGNED.get(one.kind.kind, ""))
    if matter is None or not one.version or row["relation"] not in matter.by or row["state"] not in matter.states:
        return None
    return {"label": t(f"page.vote.{matter.name}"),
            "url": url_for("pages.vote", trial_id=row["id"], matter=matter.name, subject=one.kind.kind)}


NAMED: dict[str, Callable[[str], str]] = {
    "indicator": indicator_word, "unit": unit_word, "dimension": lambda value: said(label(value)),
}
"""Fields whose values are codes with a word of their own."""


# A kept body, read


def shown(model: type[BaseModel], body: Mapping[str, Any]) -> list[Plain]:
    """What a body says, field by field: {label, text} or {label, columns, rows}; what was left out is left out."""
    found = []
    for name, info in model.model_fields.items():
        kind, inner = kind_of(info.annotation)
        value = body.get(name)
        if value is None or value in ("", [], {}):
            continue
        one: Plain = {"label": said(label(name, model))}
        if kind == "rows":
            columns = [{"key": key, "label": said(label(key, inner))} for key in inner.model_fields]
            one.update(columns=columns, rows=[_row(inner, row) for row in value])
        else:
            one["text"] = NAMED[name](value) if name in NAMED else value_text(kind, inner, value)
        found.append(one)
    return found


def _row(model: type[BaseModel], row: Mapping[str, Any]) -> Plain:
    cells = {}
    for name, info in model.model_fields.items():
        kind, inner = kind_of(info.annotation)
        value = row.get(name)
        named = NAMED.get(name)
        cells[name] = "" if value in (None, "") else named(value) if named else value_text(kind, inner, value)
    return cells


def value_text(kind: str, inner: Any, value: Any) -> str:
    """One value in the reader's language."""
    if kind == "checkbox":
        return t("page.yes" if value else "page.no")
    if kind == "choice":
        return said(choice(inner(value)))
    if kind in ("choices", "lines"):
        return show([said(choice(inner(one))) if kind == "choices" else str(one) for one in value], locale())
    if kind == "date":
        return show(date.fromisoformat(value) if isinstance(value, str) else value, locale())
    if kind == "datetime" or inner is AwareDatetime:
        return moment(datetime.fromisoformat(value) if isinstance(value, str) else value)
    if kind == "counts":
        return ", ".join(map(number, value))
    if kind == "pairs":
        return "\n".join(f"{name} = {amount}" for name, amount in value.items())
    return number(value) if kind == "integer" else show(value, locale()) if kind == "number" else str(value)

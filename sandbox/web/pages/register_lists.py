"""Reading a register's list by page: files and a mapping in; what it holds and every line worth naming out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar

from flask import request, url_for
from werkzeug.datastructures import FileStorage

from sandbox.jobs.imports import LinesRefused
from sandbox.jobs.registers import RegisterReport, read_register
from sandbox.rules.intake import BadMapping, delivered_mapping, delivered_mappings, read_mapping
from sandbox.rules.intake import Mapping as IntakeMapping
from sandbox.rules.registers import EntryKind
from sandbox.web.api.asking import one_by_one
from sandbox.web.guard import page
from sandbox.web.pages.filing import again, key
from sandbox.web.pages.lights import number
from sandbox.web.pages.registers import stages_text
from sandbox.web.pages.shapes import PAGES, Form, FormPage, PageContext, Plain, render
from sandbox.web.pages.times import now
from sandbox.web.reader import actor, locale, program, said, t
from sandbox.words import Word, word

OWN = "own"
SHOWN = 50
"""Lines of one kind that the page names; the rest are counted."""


@dataclass(frozen=True, kw_only=True)
class ListReadPage(PageContext):
    """What a list holds and what came of it; refused lines first, then what is worth naming, by kind."""

    template: ClassVar[str] = "register_read.html"
    title: str
    over: list[Plain]
    lead: str
    facts: list[Plain]
    refused: list[Plain]
    noted: list[Plain]
    actions: list[Plain] = field(default_factory=list)


@page(PAGES, "/registers/import", act="import_register", methods=("GET", "POST"))
def read_register_list() -> Any:
    """Choose a mapping and files; check first, or keep."""
    form = _form()
    if request.method == "GET":
        return _asked(form)
    faults, mapping, files, day = _given()
    if faults or mapping is None:
        return _asked(again(form, faults))
    dry_run = "draft" in request.form
    try:
        report, told = read_register(program(), actor(), mapping, one_by_one(files), day, dry_run=dry_run,
                                     partial=request.form.get("partial") == "1")
    except LinesRefused as refused:
        return render(_refused(refused), 422)
    return render(_read(report, told, dry_run=dry_run))


def _form() -> Form:
    mappings = [name for name in delivered_mappings() if delivered_mapping(name).register_of]
    offered = [{"value": name, "label": _mapping_label(name)} for name in mappings]
    lists = {"kind": "file", "accept": ".csv,.xlsx,.json,.tsv"}
    fields: list[Plain] = [
        {"name": "mapping", "kind": "choice", "required": True, "label": t("page.read.mapping"),
         "choices": [*offered, {"value": OWN, "label": t("page.read.own")}]},
        {"name": "map", "label": t("page.read.map"), "help": t("page.read.map_help"), **lists, "accept": ".json"},
        {"name": "list", "label": t("page.read.list"), "help": t("page.read.list_help"), "required": True, **lists},
        {"name": "log", "label": t("page.read.log"), "help": t("page.read.log_help"), **lists},
        {"name": "as_of", "kind": "date", "label": t("field.as_of"), "help": t("page.read.as_of_help")},
        {"name": "partial", "kind": "checkbox", "label": t("page.read.partial")},
    ]
    return Form(fields=fields, action=url_for("pages.read_register_list"), submit=t("page.read.keep"),
                second=t("page.read.check"), key=key(), values={"mapping": request.args.get("mapping", "")})


def _mapping_label(name: str) -> str:
    terms = delivered_mapping(name).register_of
    assert terms is not None
    return {"zh_Hant": terms.title_hant, "en": terms.title_en}.get(locale()) or terms.title


def _asked(form: Form) -> Any:
    return render(FormPage(
        title=t("page.read.title"), over=[_back()], sub=t("page.read.sub"), form=form, errors=form.errors,
        aside=({"title": t("page.read.follows"), "id": "h-follows", "bullets": [
            t(f"page.read.follows_{point}") for point in ("again", "lines", "names", "versions")]},)),
        422 if form.errors else 200)


def _back() -> Plain:
    return {"text": t("nav.registers"), "url": url_for("pages.registers_page")}


Given = tuple[dict[str, list[str]], IntakeMapping | None, list[FileStorage], date | None]


def _given() -> Given:
    """What was sent, and what is wrong with it by field."""
    faults: dict[str, list[str]] = {}
    files = [one for name in ("list", "log") if (one := request.files.get(name)) and one.filename]
    if not files:
        faults["list"] = [said(word("error.missing"))]
    return faults, _mapping(faults), files, _day(faults)


def _mapping(faults: dict[str, list[str]]) -> IntakeMapping | None:
    """The mapping chosen or sent; None with what is wrong with it."""
    chosen = request.form.get("mapping", "")
    if chosen in delivered_mappings() and delivered_mapping(chosen).register_of:
        return delivered_mapping(chosen)
    sent = request.files.get("map")
    if chosen != OWN or sent is None or not sent.filename:
        faults["map" if chosen == OWN else "mapping"] = [said(word("error.missing"))]
        return None
    try:
        mapping = read_mapping(sent.read())
    except BadMapping as bad:
        faults["map"] = [said(reason) for reason in bad.reasons]
        return None
    if mapping.register_of is None:
        faults["map"] = [t("page.read.of_trials")]
        return None
    return mapping


def _day(faults: dict[str, list[str]]) -> date | None:
    raw = request.form.get("as_of", "").strip()
    if not raw:
        return None
    try:
        day = date.fromisoformat(raw)
    except ValueError:
        faults["as_of"] = [said(word("error.date_parsing"))]
        return None
    if not date(2000, 1, 1) <= day <= now().astimezone(program().settings.zone).date():
        faults["as_of"] = [t("page.read.day_range")]
    return day


# What came of it


def _refused(refused: LinesRefused) -> ListReadPage:
    return ListReadPage(
        title=t("page.read.refused_title", n=len(refused.remarks)), over=[_back()], lead=t("page.read.nothing_kept"),
        facts=[], refused=by_kind(one.word for one in refused.remarks), noted=[], actions=_again())


def _again() -> list[Plain]:
    return [{"label": t("page.read.again"), "url": url_for("pages.read_register_list"), "kind": "main"}]


def by_kind(told: Iterable[Word]) -> list[Plain]:
    """Sentences about lines by what they say: {title, lines, more}; the first SHOWN of each kind."""
    kinds: dict[str, list[Word]] = {}
    for one in told:
        kinds.setdefault(_about(one).key, []).append(one)
    return [{"title": t("page.read.kind", n=len(those), what=_about(those[0])),
             "lines": [said(one) for one in those[:SHOWN]],
             "more": t("page.read.more", n=len(those) - SHOWN) if len(those) > SHOWN else ""}
            for those in kinds.values()]


def _about(one: Word) -> Word:
    """What a sentence about a line says, without the place."""
    inner = one.values["said"]
    assert isinstance(inner, Word)
    return inner


def _read(report: RegisterReport, told: Sequence[Word], *, dry_run: bool) -> ListReadPage:
    lead = "page.read.checked" if dry_run else "page.read.kept" if report.versions or report.kept_changes else \
        "page.read.known"
    kept = [] if dry_run else _kept_facts(report)
    url = url_for("pages.entries_list", register=report.register_name)
    return ListReadPage(
        title=t(lead), over=[_back()], lead=t(f"{lead}_lead", n=report.records), facts=[*_held_facts(report), *kept],
        refused=by_kind(told[:len(report.refused)]), noted=by_kind(told[len(report.refused):]),
        actions=_again() if dry_run else [{"label": t("page.read.open"), "url": url, "kind": "main"}])


def _held_facts(report: RegisterReport) -> list[Plain]:
    found = [("rows", report.rows), ("records", report.records), ("bodies", report.bodies),
             ("without_body", report.without_body), ("without_status", report.without_status),
             ("changes", report.changes), ("renames", report.renames)]
    if report.reports:
        found.insert(1, ("reports", report.reports))
    facts = [{"label": t(f"page.read.{name}"), "text": number(value)} for name, value in found]
    if report.kind == EntryKind.SYSTEM:
        facts.append({"label": t("page.col.stages"), "text": stages_text(report.stages)})
    else:
        facts.append({"label": t("page.read.rate"), "text": t("page.registers.no_rate")})
    return facts


def _kept_facts(report: RegisterReport) -> list[Plain]:
    return [{"label": t(f"page.read.{name}"), "text": number(getattr(report, name))}
            for name in ("taken", "amended", "versions", "kept_changes", "proposals", "repeated")]

"""Taking over a record kept elsewhere, by page: files and a mapping in, adopted trials with their past out."""

from collections.abc import Sequence
from typing import Any

from flask import request, url_for
from werkzeug.datastructures import FileStorage

from sandbox.jobs.imports import ImportReport, Terms, run_import
from sandbox.rules.intake import delivered_mapping, delivered_mappings
from sandbox.web.api.asking import one_by_one
from sandbox.web.guard import page
from sandbox.web.pages.feedback import amount
from sandbox.web.pages.filing import again, key
from sandbox.web.pages.lights import number, unit_word
from sandbox.web.pages.register_lists import ListReadPage, by_kind
from sandbox.web.pages.shapes import PAGES, Form, FormPage, Plain, render
from sandbox.web.reader import actor, program, said, t
from sandbox.words import Word, word

FILES = ("record", "second_record")


@page(PAGES, "/adopt/record", act="adopt_trial", methods=("GET", "POST"))
def adopt_record() -> Any:
    """Choose a mapping and files; check first, or propose. Once a second regulator has voted, the same files keep the
    past of the trials; sent again, they add nothing."""
    form = _form()
    if request.method == "GET":
        return _asked(form)
    mapping, files = request.form.get("mapping", ""), _files()
    missing = [said(word("error.missing"))]
    faults = {} if mapping in _mappings() else {"mapping": missing}
    faults |= {} if files else {FILES[0]: missing}
    if faults:
        return _asked(again(form, faults))
    dry_run = "draft" in request.form
    report, remarks = run_import(program(), actor(), delivered_mapping(mapping), one_by_one(files), Terms(),
                                 dry_run=dry_run)
    return render(_read(report, remarks, dry_run=dry_run))


def _mappings() -> list[str]:
    """The delivered mappings whose lists are of trials."""
    return [name for name in delivered_mappings() if delivered_mapping(name).register_of is None]


def _files() -> list[FileStorage]:
    return [one for name in FILES if (one := request.files.get(name)) and one.filename]


def _form() -> Form:
    fields: list[Plain] = [
        {"name": "mapping", "kind": "choice", "required": True, "label": t("page.import.mapping"),
         "choices": [{"value": name, "label": name} for name in _mappings()]},
        *({"name": name, "label": t(f"page.import.{name}"), "kind": "file", "required": name == FILES[0],
           "accept": ".csv,.xlsx,.json,.tsv"} for name in FILES)]
    return Form(fields=fields, action=url_for("pages.adopt_record"), submit=t("page.import.propose"),
                second=t("page.import.check"), key=key(), values={"mapping": _mappings()[0]})


def _asked(form: Form) -> Any:
    points = [t(f"page.import.follows_{point}") for point in ("second", "again", "lines")]
    return render(FormPage(
        title=t("page.import.title"), over=[{"text": t("page.adopt.title"), "url": url_for("pages.adopt")}],
        sub=t("page.import.sub"), form=form, errors=form.errors,
        aside=({"title": t("page.adopt.follows"), "id": "h-follows", "bullets": points},)),
        422 if form.errors else 200)


def _read(report: ImportReport, remarks: Sequence[Word], *, dry_run: bool) -> ListReadPage:
    """What the record holds, what became of it, and every line worth naming."""
    state = "checked" if dry_run else "proposed" if report.decision else "kept"
    held = [("trials", number(report.trials)), ("exposures", f"{amount(report.exposures)} {unit_word(report.unit)}"),
            ("events", number(report.events)), ("periods", number(report.periods))]
    kept = [("kept_reports", number(report.kept_reports)), ("kept_events", number(report.kept_events)),
            ("repeated", number(report.repeated))] if state == "kept" else []
    return ListReadPage(
        title=t(f"page.import.{state}"), over=[{"text": t("page.import.title"), "url": url_for("pages.adopt_record")}],
        lead=t(f"page.import.{state}_lead"), refused=by_kind(remarks[:len(report.refused)]),
        facts=[{"label": t(f"page.import.{name}"), "text": text} for name, text in (*held, *kept)],
        noted=by_kind(remarks[len(report.refused):]), actions=[_next(report, state)])


def _next(report: ImportReport, state: str) -> Plain:
    if state == "proposed":
        return {"label": t("page.import.decision"), "kind": "main",
                "url": url_for("pages.decision", decision_id=report.decision)}
    if state == "kept":
        return {"label": t("nav.trials"), "url": url_for("pages.trials_list"), "kind": "main"}
    return {"label": t("page.import.back"), "url": url_for("pages.adopt_record"), "kind": "main"}

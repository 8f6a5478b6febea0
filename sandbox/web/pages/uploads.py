"""Uploads: a file of reports, its columns named once, checked line by line before anything is kept, then filed."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import Response, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import NotFound as NoSuchPage

from sandbox.acts.refusals import NotFound, Refused
from sandbox.jobs.uploads import ENDS, STILL
from sandbox.papers.sheets import as_csv
from sandbox.reads import risk
from sandbox.reads import uploads as reads
from sandbox.rules.intake.reports import FIELDS, guessed, is_field
from sandbox.rules.intake.table import MAX_BYTES, Unread, fold
from sandbox.store.faults import Fault
from sandbox.store.uploads import RUNS, UploadState
from sandbox.web.guard import page
from sandbox.web.pages import lights
from sandbox.web.pages.feedback import EVENTS, EXPORTED, amount, event_label, event_names, events_text
from sandbox.web.pages.filing import again, gone, key
from sandbox.web.pages.shapes import PAGES, Form, FormPage, PageContext, Plain, render
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, locale, program, said, t, uploads
from sandbox.words import LOCALES, has_word, say, word

REFRESH_S = 2
SHOWN = 200
"""Faults on the page; the file of them has all that are told."""
TEMPLATE = ("period_start", "period_end", "site", "exposures", "people_new", "model_version")
"""Columns of a template besides the events; what else a trial caps follows."""
ALSO = ("period_start", "period_end", "site", "exposures")
"""Fields that lists call by other names too."""
SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, kw_only=True)
class UploadPage(PageContext):
    """A file on its way: what its columns mean, how far the job is, what the check found, or what was filed."""

    template: ClassVar[str] = "upload.html"
    title: str
    over: list[Plain]
    sub: str
    state: str
    form: Form | None
    errors: dict[str, list[str]]
    refresh_s: int | None
    say: Plain | None
    facts: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    more: str
    keeping: list[Plain]
    actions: list[Plain]


# A new file


@page(PAGES, "/trials/<trial_id>/uploads/new", act="file_batch", methods=("GET", "POST"))
def new_upload(trial_id: str) -> Any:
    """Choose a file; it is looked at, and its columns are named on the next page."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        meant = reads.meanings(connection, actor(), trial_id)
        words = meanings_of(connection, row)
    if row["starts_at"] is None:
        raise Refused("no_exposure_allowed", state=row["state"])
    form = _file_form(row)
    if request.method == "POST":
        sent = request.files.get("file")
        try:
            upload_id = uploads().receive(actor(), trial_id, _named(sent), _content(sent),
                                          lambda headings: columns_of(headings, meant, words),
                                          meant.get(ENDS) == "through")
            return gone(url_for("pages.upload", upload_id=upload_id), t("page.upload.received"), "info")
        except Unread as unread:
            form = again(form, {"file": [said(unread.code)]})
    return render(FormPage(title=t("page.upload.new"), over=back(row), sub=t("page.upload.new_sub"), form=form,
                           errors=form.errors, aside=_beside(row)), 422 if form.errors else 200)


def _file_form(row: Mapping[str, Any]) -> Form:
    field = {"name": "file", "label": t("field.file"), "kind": "file", "required": True, "accept": ".csv,.xlsx",
             "help": t("page.upload.limits", limit=MAX_BYTES // 1024 // 1024)}
    return Form(fields=[field], action=url_for("pages.new_upload", trial_id=row["id"]), submit=t("page.upload.look"),
                key=key())


def _named(sent: FileStorage | None) -> str:
    return (sent.filename if sent else None) or ""


def _content(sent: FileStorage | None) -> Any:
    if sent is None or not sent.filename:
        raise Unread(word("intake.empty"))
    return sent.stream


def _beside(row: Mapping[str, Any]) -> tuple[Plain, ...]:
    links = [{"text": t("page.upload.template", kind=kind.upper()),
              "url": url_for("pages.upload_template", trial_id=row["id"], kind=kind)} for kind in ("xlsx", "csv")]
    points = [t(f"page.upload.point_{name}") for name in ("columns", "check", "once")]
    return ({"title": t("page.upload.templates"), "id": "h-templates", "text": t("page.upload.templates_why"),
             "links": links}, {"title": t("page.upload.follows"), "id": "h-follows", "bullets": points})


# What columns mean


def labels_of(connection: sa.Connection, row: Mapping[str, Any], language: str) -> dict[str, str]:
    """Every field that a column may be, with its label in a language: reports' own, then events."""
    names = event_names([*risk.agreed(connection, row["id"])])
    fields = {name: say(word("page.upload.key" if name == "key" else f"field.{name}"), language) for name in FIELDS}
    return fields | {f"events.{name}": _event(name, language) for name in names}


def _event(name: str, language: str) -> str:
    return say(word(f"page.event.{name}"), language) if name in EVENTS else lights.indicator_word(name)


def meanings_of(connection: sa.Connection, row: Mapping[str, Any]) -> dict[str, str]:
    """Folded labels of all languages, those of our own exports too, and the fields they are labels of."""
    found: dict[str, str] = {}
    for language in LOCALES:
        for name, label in labels_of(connection, row, language).items():
            found.setdefault(fold(label), name)
        for name in set(EXPORTED) & set(FIELDS):
            found.setdefault(fold(say(word(f"page.col.{name}"), language)), name)
        for name in ALSO:
            found |= {fold(other): name for other in re.split("[、;]", say(word(f"page.upload.also_{name}"), language))}
    return found


def columns_of(headings: Sequence[str], meant: Mapping[str, str], words: Mapping[str, str]) -> list[str | None]:
    """What each heading means: what it meant before, else the field of that name or label; units do not matter."""
    plain = [re.sub(r"\s*[（(][^（）()]*[)）]\s*$", "", heading) for heading in headings]
    guesses = list(guessed(plain, words))
    found = [meant.get(fold(heading), guess or "") for heading, guess in zip(headings, guesses, strict=True)]
    return [name or None if name not in found[:place] else None for place, name in enumerate(found)]


def _columns_form(connection: sa.Connection, row: Mapping[str, Any], upload: Mapping[str, Any]) -> Form:
    labels = labels_of(connection, row, locale())
    named = {name: name for name in upload["headings"] if is_field(name)}
    choices = [{"value": name, "label": label} for name, label in {**named, **labels}.items()]
    fields = [{"name": f"column_{place}", "label": heading or t("page.upload.unnamed", n=place + 1), "kind": "choice",
               "choices": choices, "required": True, "help": _samples(upload, place)}
              for place, heading in enumerate(upload["headings"])]
    ends = {"name": "through", "label": t("page.upload.through"), "kind": "checkbox", "required": False,
            "help": t("page.upload.through_why")}
    values = {f"column_{place}": name or "" for place, name in enumerate(upload["columns"])}
    values["through"] = "1" if upload["through"] else ""
    return Form(fields=[*fields, ends], action=url_for("pages.upload", upload_id=upload["id"]),
                submit=t("page.upload.check"), key=key(), values=values)


def _samples(upload: Mapping[str, Any], place: int) -> str:
    seen = [cells[place] for cells in upload["samples"] if place < len(cells) and cells[place]]
    return t("page.upload.samples", values=" · ".join(seen)) if seen else t("page.upload.blank")


# A file on its way


@page(PAGES, "/uploads/<upload_id>", act="file_batch", methods=("GET", "POST"))
def upload(upload_id: str) -> Any:
    """What stands with a file. Posted, its columns are named and it is checked."""
    with program().reading() as connection:
        job, row = _own_upload(connection, upload_id)
        form = _columns_form(connection, row, job)
    if request.method == "POST":
        columns = [request.form.get(f"column_{place}") or None for place in range(len(job["headings"]))]
        wrong = list(_faults_of_columns(form, columns))
        if not wrong and job["state"] not in RUNS:
            uploads().check(actor(), job, columns, request.form.get("through") == "1")
            return gone(url_for("pages.upload", upload_id=upload_id), t("page.upload.checking"), "info")
        form = again(form, dict(wrong))
    naming = job["state"] == UploadState.RECEIVED or bool(form.errors) or "columns" in request.args
    return render(_page(row, job, form if naming and job["state"] not in RUNS else None),
                  422 if form.errors else 200)


@page(PAGES, "/uploads/<upload_id>/filing", act="file_batch", methods=("POST",))
def file_upload(upload_id: str) -> Any:
    """File what was checked; a job that died with its process is begun again."""
    with program().reading() as connection:
        job, _ = _own_upload(connection, upload_id)
    if job["state"] in (UploadState.CHECKED, UploadState.FAILED) or _died(job):
        if job["state"] == UploadState.CHECKING or "check" in request.form:
            uploads().check(actor(), job, job["columns"], job["through"])
        else:
            uploads().keep(actor(), job, "partial" in request.form)
    return gone(url_for("pages.upload", upload_id=upload_id), "", "info")


@page(PAGES, "/uploads/<upload_id>/faults.csv", act="file_batch")
def upload_faults(upload_id: str) -> Any:
    """The faults by line, as a file beside the one that has them."""
    with program().reading() as connection:
        job, row = _own_upload(connection, upload_id)
        told = list(_fault_rows(connection, row, job))
    rows = [[(one["line"], one["field"], one["fault"]) for one in told]]
    table = as_csv([t("page.col.line"), t("page.col.field"), t("page.col.fault")], rows, program().settings.zone)
    return Response(b"".join(table), mimetype="text/csv", headers={
        "Content-Disposition": f'attachment; filename="faults-{upload_id}.csv"'})


def _own_upload(connection: sa.Connection, upload_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    job = reads.upload(connection, actor(), upload_id)
    if job is None:
        raise NotFound
    return job, own(connection, job["trial_id"])


def _faults_of_columns(form: Form, columns: Sequence[str | None]) -> Iterator[tuple[str, list[str]]]:
    known = {choice["value"] for choice in form.fields[0]["choices"]}
    for place, name in enumerate(columns):
        if name and (name not in known or name in columns[:place]):
            yield f"column_{place}", [t("page.upload.twice" if name in known else "error.unknown_column")]
    for name in ("period_start", "period_end"):
        if name not in columns:
            yield "", [t("page.upload.lacks", field=word(f"field.{name}"))]


def _died(job: Mapping[str, Any]) -> bool:
    return job["state"] in RUNS and now() - job["beat_at"] > STILL


def _page(row: Mapping[str, Any], job: Mapping[str, Any], form: Form | None) -> UploadPage:
    with program().reading() as connection:
        told = list(_fault_rows(connection, row, job)) if form is None else []
    runs = job["state"] in RUNS and not _died(job)
    return UploadPage(
        title=t("page.upload.title", name=job["name"]), over=back(row),
        sub="" if form is None else t("page.upload.state_received"),
        state=t(f"page.upload.state_{_state(job)}"), form=form, errors=form.errors if form else {},
        refresh_s=REFRESH_S if runs else None,
        say=None if form else _says(row, job), facts=[] if form else _facts(row, job),
        columns=[{"key": name, "label": t(f"page.col.{name}")} for name in ("line", "field", "fault")],
        rows=told[:SHOWN], more=_more(job, told), keeping=[] if form else list(_keeping(job)),
        actions=[] if form else list(_actions(row, job)))


def _state(job: Mapping[str, Any]) -> str:
    return "died" if _died(job) else str(job["state"])


def _says(row: Mapping[str, Any], job: Mapping[str, Any]) -> Plain | None:
    """The one sentence that matters, with its colour."""
    found = job["found"]
    if job["problem"]:
        return {"colour": "red", "text": t(job["problem"])}
    if job["state"] in RUNS:
        return {"colour": "grey", "text": t("page.upload.progress", n=job["done"])}
    if job["state"] == UploadState.CHECKED and found["refused"]:
        return {"colour": "yellow", "text": t("page.upload.faulty", n=found["refused"], lines=found["lines"])}
    if found.get("state") == "suspended" and row["state"] != "suspended":
        return {"colour": "red", "text": t("page.feedback.would_stop")}
    if job["state"] == UploadState.CHECKED:
        return {"colour": "green", "text": t("page.upload.sound", n=found["lines"])}
    return {"colour": "green", "text": t("page.upload.filed", n=found["kept"])}


def _facts(row: Mapping[str, Any], job: Mapping[str, Any]) -> list[Plain]:
    found = job["found"]
    if not found or job["state"] in RUNS:
        return []
    facts = [{"label": t(f"page.upload.{name}"), "text": lights.number(found[name])}
             for name in ("lines", "kept", "refused", "repeated", *(("held",) if found["held"] else ()))]
    used = f"{amount(found['exposures'])} {lights.unit_word(row['unit'])}"
    facts.append({"label": t("page.col.exposures"), "text": used})
    facts.append({"label": t("page.col.events"), "text": events_text(found["events"])})
    if found["light"]:
        facts.append({"label": t("page.feedback.light"), "text": t(f"light.{found['light']}")})
    if found["due"]:
        facts.append({"label": t("page.owed.report"), "text": moment(datetime.fromisoformat(found["due"]))})
    if job["batch_id"]:
        facts.append({"label": t("field.batch_id"), "text": job["batch_id"]})
        facts.append({"label": t("page.feedback.receipt"), "text": t(
            "page.upload.receipt", seq=found["seq"], leaf=found["leaf"][:16])})
    return facts


def _fault_rows(connection: sa.Connection, row: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[Plain]:
    """Faults by line, the field as people call it."""
    told = job["found"].get("faults", ())
    labels = labels_of(connection, row, locale()) if told else {}
    for line, name, code, given in told:
        label = labels.get(name) or (event_label(name.partition(".")[2]) if name.startswith("events.") else name)
        yield {"line": str(line), "field": label or t("page.upload.whole_line"), "fault": said(
            Fault(name, code, given).word)}


def _more(job: Mapping[str, Any], told: Sequence[Plain]) -> str:
    left = max(job["found"].get("refused", 0) - SHOWN, 0)
    return t("page.upload.more", n=left) if left and len(told) > SHOWN else ""


def _keeping(job: Mapping[str, Any]) -> Iterator[Plain]:
    """The buttons that file: everything, or what has no fault; or go on where a process died."""
    found, action = job["found"], url_for("pages.file_upload", upload_id=job["id"])
    if _died(job) or (job["state"] == UploadState.FAILED):
        yield {"label": t("page.upload.go_on"), "url": action, "name": "" if found else "check"}
    elif job["state"] == UploadState.CHECKED and (good := found["kept"] + found["held"]):
        name = "partial" if found["refused"] else ""
        yield {"label": t("page.upload.keep_good" if name else "page.upload.keep", n=good), "url": action,
               "name": name}


def _actions(row: Mapping[str, Any], job: Mapping[str, Any]) -> Iterator[Plain]:
    if job["state"] in RUNS and not _died(job):
        yield {"label": t("page.upload.reload"), "url": url_for("pages.upload", upload_id=job["id"])}
        return
    if job["state"] != UploadState.KEPT:
        yield {"label": t("page.upload.columns"), "url": url_for("pages.upload", upload_id=job["id"], columns=1)}
    if job["found"].get("faults"):
        yield {"label": t("page.upload.faults_csv"), "url": url_for("pages.upload_faults", upload_id=job["id"])}
    yield {"label": t("page.upload.another"), "url": url_for("pages.new_upload", trial_id=row["id"])}
    if job["state"] == UploadState.KEPT:
        yield {"label": t("page.upload.reports"), "url": url_for("pages.trial_feedback", trial_id=row["id"])}


# Templates


@page(PAGES, "/trials/<trial_id>/uploads/template.<kind>", act="file_batch")
def upload_template(trial_id: str, kind: str) -> Any:
    """An empty list to fill: headings in the reader's language, with units."""
    if kind not in TEMPLATES:
        raise NoSuchPage
    with program().reading() as connection:
        row = own(connection, trial_id)
        labels = labels_of(connection, row, locale())
    capped = [name for name, cap in (("hours", "cap_hours"), ("money", "cap_money")) if row[cap] is not None]
    names = [*TEMPLATE, *capped, *(name for name in labels if name.startswith("events.")), "reviewed", "labelled",
             "narrative", "key"]
    body, mimetype = TEMPLATES[kind]([(_heading(name, labels[name], row), _help(name)) for name in names])
    return Response(body, mimetype=mimetype, headers={
        "Content-Disposition": f'attachment; filename="feedback-{trial_id}.{kind}"'})


def _heading(name: str, label: str, row: Mapping[str, Any]) -> str:
    unit = lights.unit_word(row["unit"]) if name == "exposures" else t("page.upload.zone") \
        if name.startswith("period_") else ""
    return t("page.upload.with_unit", label=label, unit=unit) if unit else label


def _help(name: str) -> str:
    own_word = f"page.upload.help_{name}"
    return t(own_word) if has_word(own_word, "en") else t(f"help.{name}") if has_word(f"help.{name}", "en") else ""


def _csv(columns: Sequence[tuple[str, str]]) -> tuple[bytes, str]:
    out = io.StringIO()
    csv.writer(out).writerow([heading for heading, _ in columns])
    return out.getvalue().encode("utf-8-sig"), "text/csv"


def _xlsx(columns: Sequence[tuple[str, str]]) -> tuple[bytes, str]:
    """The list, and what each column is for on a second sheet."""
    import xlsxwriter  # heavy: read where it is used

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold, wide = book.add_format({"bold": True}), 18
    sheet, notes = book.add_worksheet(t("page.upload.sheet")[:31]), book.add_worksheet(t("page.upload.notes")[:31])
    sheet.write_row(0, 0, [heading for heading, _ in columns], bold)
    sheet.set_column(0, len(columns) - 1, wide)
    sheet.freeze_panes(1, 0)
    for place, one in enumerate(columns):
        notes.write_row(place, 0, one)
    notes.set_column(0, 1, 2 * wide)
    book.close()
    return out.getvalue(), SHEETS


TEMPLATES = {"csv": _csv, "xlsx": _xlsx}

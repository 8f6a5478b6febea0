"""Evidence files: those of a trial, sending one, saving one."""

from collections.abc import Mapping
from typing import IO, Any

import sqlalchemy as sa
from babel.numbers import format_decimal
from flask import request, url_for

from sandbox.acts.refusals import NotFound, invalid
from sandbox.jobs.evidence import keep_file
from sandbox.reads import accounts
from sandbox.reads import files as reads
from sandbox.rules.access import Relation, Role
from sandbox.rules.evidence_files import KINDS, MOST_BYTES
from sandbox.store.files import FileFields, FileOf
from sandbox.web.attachments import as_attachment
from sandbox.web.guard import page
from sandbox.web.pages.filing import form_of, gone, key, read, tried
from sandbox.web.pages.lists import Column
from sandbox.web.pages.shapes import PAGES, FormPage, Plain, RecordPage, render, value_word
from sandbox.web.pages.times import day, moment
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own, with_trial
from sandbox.web.reader import actor, locale, program, said, t

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
SENDERS = (Relation.OWNER, Relation.OFFICER, Relation.SEATED, Relation.CHAIR)
COLUMNS = (Column("file"), Column("about_what"), Column("evidence_on"), Column("received"), Column("size", num=True))
SHOWN = 100
KIB = 1024


def table_of(files: tuple[dict[str, Any], ...], title: str, none: str, *,
             columns: tuple[Column, ...] = COLUMNS) -> Plain:
    """Files as a table for a record's page."""
    return {"title": title, "id": "h-files", "none": none, "rows": [_cells(one) for one in files],
            "columns": [{"key": one.key, "label": t(f"page.col.{one.key}"), "num": one.num} for one in columns]}


def beside(connection: sa.Connection, row: Mapping[str, Any], of: FileOf, object_id: str) -> Plain:
    """The evidence for one thing of a trial, for the macro in `_evidence.html`; those who may, add to it."""
    found = reads.files(connection, actor(), row["id"], object_id=object_id, limit=SHOWN).items
    add = url_for("pages.new_file", trial_id=row["id"], of=of.value, object=object_id)
    return {"url": add if row["relation"] in SENDERS else None, "files": [
        {"text": one["name"], "url": url_for("pages.evidence_file", file_id=one["id"]),
         "note": day(one["evidence_on"]) if one["evidence_on"] else moment(one["at"])} for one in found]}


def of_object(connection: sa.Connection, trial_id: str, object_id: str) -> list[Plain]:
    """The evidence for one thing as a table for its page; none where there is no file."""
    found = reads.files(connection, actor(), trial_id, object_id=object_id, limit=SHOWN).items
    own_columns = tuple(each for each in COLUMNS if each.key != "about_what")
    return [table_of(found, t("page.file.all"), t("page.file.none"), columns=own_columns)] if found else []


def _cells(one: Mapping[str, Any]) -> Plain:
    return {"file": {"text": one["name"], "sub": one["note"] or "",
                     "url": url_for("pages.evidence_file", file_id=one["id"])},
            "about_what": {"text": said(value_word(FileOf, one["object_kind"])), "sub": one["object_id"]},
            "evidence_on": day(one["evidence_on"]) if one["evidence_on"] else "", "received": moment(one["at"]),
            "size": t("page.file.kib", size=format_decimal(-(-one["size"] // KIB), locale="en"
                                                           if locale() == "en" else "zh"))}


@page(PAGES, "/trials/<trial_id>/files", roles=READERS)
def trial_files(trial_id: str) -> Any:
    """The evidence files of one trial, newest received first."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        found = reads.files(connection, actor(), trial_id, cursor=request.args.get("cursor"), limit=SHOWN)
    send = {"label": t("page.file.new"), "url": url_for("pages.new_file", trial_id=trial_id), "kind": "main"}
    more = {"label": t("list.next"), "url": url_for("pages.trial_files", trial_id=trial_id, cursor=found.next)}
    return render(RecordPage(
        title=t("page.file.all"), over=back(row), sub=t("page.file.never_inline"),
        actions=[*([send] if row["relation"] in SENDERS else []), *([more] if found.next else [])],
        tables=[table_of(found.items, t("page.file.all"), t("page.file.none"))],
        facts=[{"label": t("page.file.kinds"), "text": ", ".join(KINDS)},
               {"label": t("page.file.most"), "text": t("page.file.mib", n=MOST_BYTES // KIB // KIB)}]))


@page(PAGES, "/trials/<trial_id>/files/new", act="attach_file", methods=("GET", "POST"))
def new_file(trial_id: str) -> Any:
    """Send one file as evidence; the address says for what."""
    with program().reading() as connection:
        row = own(connection, trial_id)
    sent = request.values
    of = FileOf(sent["of"]) if sent.get("of") in tuple(FileOf) else FileOf.TRIAL
    about = sent.get("object") or trial_id
    program().acts.permit("attach_file", actor(), trial_id)
    form = form_of(FileFields, url_for("pages.new_file", trial_id=trial_id), t("page.file.send"),
                   hidden={"of": of.value, "object": about})
    form.fields.insert(0, {"name": "file", "label": t("field.file"), "kind": "file", "required": True,
                           "accept": ",".join(f".{end}" for kind in KINDS.values() for end in kind.endings),
                           "help": t("page.file.help", n=MOST_BYTES // KIB // KIB, kinds=", ".join(KINDS))})
    if request.method == "POST":
        done, form = tried(lambda: keep_file(program(), actor(), trial_id, (of, about), _sent(), read(FileFields),
                                             key=key()), form)
        if done is not None:
            return gone(_home(of, about, trial_id), t("page.file.sent"))
    return render(FormPage(title=t("page.file.new"), over=back(row), form=form, errors=form.errors,
                           sub=t("page.file.for", what=value_word(FileOf, of.value), number=about)),
                  422 if form.errors else 200)


def _sent() -> tuple[str, IO[bytes]]:
    file = request.files.get("file")
    if not file:
        raise invalid("file", "missing")
    return file.filename or "", file.stream


def _home(of: FileOf, about: str, trial_id: str) -> str:
    pages: dict[FileOf, tuple[str, str]] = {
        FileOf.INCIDENT: ("pages.incident", "incident_id"), FileOf.FEEDBACK: ("pages.report", "feedback_id"),
        FileOf.CORRECTIVE_ITEM: ("pages.corrective_item", "item_id"), FileOf.REVIEW: ("pages.review", "review_id"),
        FileOf.CORRECTION: ("pages.correction", "correction_id"),
    }
    if of is FileOf.SECTION:
        return url_for("pages.section", trial_id=trial_id, kind=about)
    if of not in pages:
        return url_for("pages.trial_files", trial_id=trial_id)
    endpoint, name = pages[of]
    named: dict[str, Any] = {name: about}
    return url_for(endpoint, **named)


@page(PAGES, "/files/<file_id>", roles=READERS)
def evidence_file(file_id: str) -> Any:
    """What is known of a file, and the way to save it."""
    with program().reading() as connection:
        one, row = with_trial(connection, reads.file(connection, actor(), file_id))
        sender = accounts.names(connection, {one["author_id"]}).get(one["author_id"], "")
    cells = _cells(one)
    facts: list[Plain] = [{"label": t("page.col.received"), "text": cells["received"]},
                          {"label": t("page.incident.author"), "text": sender},
                          {"label": t("page.col.size"), "text": cells["size"]},
                          {"label": t("page.col.about_what"), "text": cells["about_what"]["text"],
                           "url": _home(FileOf(one["object_kind"]), one["object_id"], one["trial_id"])}]
    if one["evidence_on"]:
        facts.insert(0, {"label": t("field.evidence_on"), "text": cells["evidence_on"]})
    body = [{"label": t("field.sha256"), "text": one["sha256"]},
            *([{"label": t("field.note"), "text": one["note"]}] if one["note"] else [])]
    return render(RecordPage(title=one["name"], over=back(row), sub=t("page.file.never_inline"), body=body, facts=facts,
                             actions=[{"label": t("page.file.save"), "kind": "main",
                                       "url": url_for("pages.file_content", file_id=file_id)}]))


@page(PAGES, "/files/<file_id>/content", roles=READERS)
def file_content(file_id: str) -> Any:
    """The bytes, to be saved."""
    with program().reading() as connection:
        one = reads.file(connection, actor(), file_id)
    if one is None:
        raise NotFound
    return as_attachment(one["blob"], one["name"])

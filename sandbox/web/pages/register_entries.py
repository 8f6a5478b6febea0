"""One entry of a register: as published now, every cell of it, its versions and history, and who cites it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import accounts, registers
from sandbox.rules.registers import EntryKind
from sandbox.web.guard import page
from sandbox.web.pages.registers import change_word, dotted, happened, kind_word, source_word, stage_word, written_day
from sandbox.web.pages.shapes import PAGES, PageContext, Plain, render
from sandbox.web.pages.times import day
from sandbox.web.reader import actor, locale, program, t, titled
from sandbox.words import show


@dataclass(frozen=True, kw_only=True)
class EntryPage(PageContext):
    """An entry: what it says, when and where it was read, what changed, who cites it."""

    template: ClassVar[str] = "register_entry.html"
    title: str
    over: list[Plain]
    sub: str
    lead: str
    facts: list[Plain]
    description: list[str]
    raw: list[Plain]
    seen: list[Plain]
    versions: list[Plain]
    history: list[Plain]
    cited_by: list[Plain]


@page(PAGES, "/registers/entries/<entry_id>")
def register_entry(entry_id: str) -> Any:
    """One entry with all that is known of it."""
    with program().reading() as connection:
        row = registers.entry(connection, entry_id)
        if row is None:
            raise NotFound
        of = registers.register(connection, row["register_name"]) or {}
        return render(EntryPage(
            title=titled(row), over=[{"text": t("nav.registers"), "url": url_for("pages.registers_page")},
                                     {"text": titled(of), "url": url_for("pages.entries_list", register=of["name"])},
                                     {"text": kind_word(row["kind"]), "tag": True}],
            sub=row["body"] or t("page.entry.no_body"), lead=_lead(row), facts=_facts(connection, row),
            description=(row["description"] or "").splitlines(), raw=_raw(row["versions"][0]["raw"]), seen=_seen(row),
            versions=_versions(row), history=_history(row),
            cited_by=[_citing(one) for one in registers.cited_by(connection, actor(), entry_id)]))


def _lead(row: Mapping[str, Any]) -> str:
    """The first thing to know: gone from the newest list, or of an incident that there is no rate."""
    if registers.left_out(row):
        return t("page.entry.left_out", day=row["read_on"])
    return t("page.entry.no_rate") if row["kind"] == EntryKind.INCIDENT else ""


def _facts(connection: sa.Connection, row: Mapping[str, Any]) -> list[Plain]:
    found: list[Plain] = [{"label": t("field.key"), "text": row["key"]}]
    if row["body"]:
        found.append({"label": t("field.body"), "text": row["body"], "url": url_for(
            "pages.entries_list", register=row["register_name"], body=row["body"])})
    if row["organisation_id"]:
        body = accounts.organisation(connection, row["organisation_id"])
        found.append({"label": t("page.entry.joined"), "text": body["name"] if body else ""})
    if row["kind"] == EntryKind.SYSTEM or row["status"]:
        found.append({"label": t("page.entry.status"), "text": row["status"] or t("page.entry.not_stated")})
    if row["kind"] == EntryKind.SYSTEM:
        found.append({"label": t("field.stage"), "text": stage_word(row["stage"])})
    found += [{"label": t(f"field.{name}"), "text": written_day(row[name])} for name in ("published", "occurred")
              if row[name]]
    return found + ([{"label": t("field.url"), "text": row["url"], "url": row["url"]}] if row["url"] else [])


def _raw(cells: Mapping[str, Any]) -> list[Plain]:
    return [{"label": heading, "text": _cell(str(cell))} for heading, cell in cells.items()]


def _cell(text: str) -> str:
    """A JSON list of words as a list that can be read; anything else as it stands."""
    if not text.startswith("["):
        return text
    try:
        words = json.loads(text)
    except ValueError:
        return text
    return show(words, locale()) if words and all(isinstance(one, str) for one in words) else text


def _seen(row: Mapping[str, Any]) -> list[Plain]:
    newest = row["versions"][0]
    return [{"label": t("page.entry.first_seen"), "text": day(row["first_seen_on"])},
            {"label": t("page.entry.last_seen"), "text": day(row["last_seen_on"]),
             "urgency": "soon" if registers.left_out(row) else ""},
            {"label": t("page.entry.version"), "text": str(row["version"])},
            {"label": t("page.entry.read_from"), "text": source_word(newest)}]


def _versions(row: Mapping[str, Any]) -> list[Plain]:
    """Every version with what its row said, newest first; one alone is shown above already."""
    if len(row["versions"]) == 1:
        return []
    return [{"title": t("page.entry.version_n", version=one["version"]), "note": _version_note(one),
             "raw": _raw(one["raw"])} for one in row["versions"]]


def _version_note(one: Mapping[str, Any]) -> str:
    report = t("page.entry.report", report=one["report"]) if one["report"] else None
    return dotted(written_day(one["body"].get("published")), report, source_word(one))


def _history(row: Mapping[str, Any]) -> list[Plain]:
    """What changed, newest first; of a version that says when it was published, as of then."""
    published = {one["version"]: written_day(one["body"].get("published")) for one in row["versions"] if one["report"]}
    return [{**_change(one), "at": published.get(one["version"]) or happened(one)} for one in row["history"]]


def _change(one: Mapping[str, Any]) -> Plain:
    text = change_word(one)
    if one["field"] is not None:
        text = t("page.entry.changed", what=text, old=_shown(one["old"]), new=_shown(one["new"]))
    version = t("page.entry.version_n", version=one["version"]) if one["version"] else None
    return {"text": text, "note": dotted(version, source_word(one))}


def _shown(text: str | None) -> str:
    return text or t("page.entry.nothing")


def _citing(one: Mapping[str, Any]) -> Plain:
    return {"text": f"{one['id']} {titled(one)}", "url": url_for("pages.trial", trial_id=one["id"]),
            "note": t("page.entry.cited_as", version=one["version"], at=day(one["at"]))}

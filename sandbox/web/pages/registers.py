"""Registers that others keep: what there is, the list of entries, what changed when. All who are signed in read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import url_for

from sandbox.reads import registers
from sandbox.rules.access import may
from sandbox.rules.registers import EntryKind, EntryStage
from sandbox.store.registers import ProposalState
from sandbox.web.codec import choice
from sandbox.web.guard import page
from sandbox.web.pages.lights import number
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.shapes import PAGES, PageContext, Plain, render
from sandbox.web.pages.times import day, moment
from sandbox.web.reader import actor, program, said, t, titled

MOST_CHOICES = 500
"""More bodies than this are searched for, not chosen from a list."""


def stage_word(stage: str) -> str:
    """How far along an entry is, in words."""
    return said(choice(EntryStage(stage)))


def kind_word(kind: str) -> str:
    """What a register lists, in words."""
    return said(choice(EntryKind(kind)))


def written_day(text: str | None) -> str:
    """A date as precisely as it was published: a whole day in the reader's way, a month or a year as it stands."""
    return day(date.fromisoformat(text)) if text and len(text) == len("2025-06-30") and _is_day(text) else text or ""


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


# What there is


@dataclass(frozen=True, kw_only=True)
class RegistersPage(PageContext):
    """Every register: what it lists, how many entries at which stage, as of when; the way to search all of them."""

    template: ClassVar[str] = "registers.html"
    title: str
    sub: str
    actions: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    search_url: str


@page(PAGES, "/registers")
def registers_page() -> Any:
    """The registers, by name."""
    with program().reading() as connection:
        found = registers.registers(connection)
        waiting = registers.proposals_waiting(connection) if may(actor(), "decide_alias") else 0
    columns = [{"key": key, "label": t(f"page.col.{key}"), "num": key in ("entries", "bodies")}
               for key in ("register", "entries", "bodies", "stages", "history", "read_on")]
    return render(RegistersPage(
        title=t("nav.registers"), sub=t("page.registers.sub", n=sum(one["entries"] for one in found)),
        actions=_actions(waiting), columns=columns, rows=[_register(one) for one in found],
        search_url=url_for("pages.entries_list")))


def _actions(waiting: int) -> list[Plain]:
    found: list[Plain] = []
    if may(actor(), "import_register"):
        found.append({"label": t("page.registers.import"), "url": url_for("pages.read_register_list")})
    if may(actor(), "decide_alias"):
        state = ProposalState.WAITING.value if waiting else None
        found.append({"label": t("page.registers.names", n=waiting), "url": url_for("pages.names_list", state=state)})
    return found


def _register(one: Mapping[str, Any]) -> Plain:
    name = one["name"]
    return {
        "register": {"text": titled(one), "url": url_for("pages.entries_list", register=name),
                     "sub": dotted(kind_word(one["kind"]), one["licence"])},
        "entries": number(one["entries"]), "bodies": number(one["bodies"]), "stages": _stages(one),
        "history": {"text": t("page.registers.lines", n=one["changes"]),
                    "url": url_for("pages.register_history", register=name)} if one["changes"] else "",
        "read_on": day(one["read_on"]) if one["read_on"] else t("page.registers.by_hand"),
    }


def _stages(one: Mapping[str, Any]) -> str:
    """Entries by stage; of incidents that no rate is given, since nobody says how much was used."""
    if one["kind"] == EntryKind.INCIDENT:
        return t("page.registers.no_rate")
    if one["kind"] == EntryKind.GUIDE:
        return ""
    return stages_text(one["stages"])


def stages_text(stages: Mapping[str, int]) -> str:
    """How many entries are at each stage, as one line."""
    return dotted(*(t("page.registers.stage", stage=stage_word(stage.value), n=stages[stage.value])
                    for stage in EntryStage if stages.get(stage.value)))


def dotted(*parts: str | None) -> str:
    """What is there of these, side by side."""
    return " · ".join(part for part in parts if part)


# The list of entries

COLUMNS = (Column("entry"), Column("body"), Column("stage"), Column("published"))


@page(PAGES, "/registers/entries")
def entries_list() -> Any:
    """Entries by title, with filters in the address."""
    with program().reading() as connection:
        chosen = chosen_filter()
        named = {one["name"]: titled(one) for one in registers.registers(connection)}
        return listed(Listing(
            name="entries", endpoint="pages.entries_list", q=chosen.q or "",
            columns=COLUMNS if chosen.register_name else (*COLUMNS, Column("register")),
            filters=_filters(connection, chosen, named), cells=lambda row: _cells(row, named), plain=_plain,
            page=lambda connection, cursor, limit: registers.entries(connection, chosen, cursor, limit),
            matched=registers.count(connection, chosen), total=registers.count(connection, registers.EntryFilter()),
            count=lambda **less: registers.count(connection, chosen_filter(**less))))


def chosen_filter(**less: None) -> registers.EntryFilter:
    """The filter of the address; `less` leaves names out."""
    names = {"register": "register_name", "kind": "kind", "status": "status", "stage": "stage", "body": "body",
             "organisation": "organisation", "q": "q"}
    return registers.EntryFilter(**{to: wanted(name) for name, to in names.items() if name not in less})


def _filters(connection: sa.Connection, chosen: registers.EntryFilter, named: Mapping[str, str]) -> list[Plain]:
    """Statuses and bodies as published are offered once a register is chosen: each has words of its own."""
    found = [choices_of("register", chosen.register_name, named),
             choices_of("kind", chosen.kind, {one.value: kind_word(one.value) for one in EntryKind}),
             choices_of("stage", chosen.stage, {one.value: stage_word(one.value) for one in EntryStage})]
    for column, value in (("status", chosen.status), ("body", chosen.body)):
        known = registers.choices(connection, chosen.register_name, column) if chosen.register_name else ()
        offered = dict.fromkeys((*known, *filter(None, (value,)))) if len(known) <= MOST_CHOICES else {}
        found.append(choices_of(column, value, {one: one for one in offered}))
    return found


def _cells(row: Mapping[str, Any], named: Mapping[str, str]) -> Plain:
    return {
        "entry": {"text": titled(row), "url": url_for("pages.register_entry", entry_id=row["id"]), "sub": row["key"]},
        "body": row["body"] or t("page.entry.no_body"),
        "stage": "" if row["kind"] == EntryKind.INCIDENT and not row["status"] else
        {"text": stage_word(row["stage"]), "sub": row["status"] or ""},
        "published": written_day(row["published"]), "register": named.get(row["register_name"], row["register_name"]),
    }


def _plain(row: Mapping[str, Any]) -> Plain:
    names = ("id", "register_name", "key", "title", "title_hant", "title_en", "body", "organisation_id", "status",
             "stage", "url", "description", "published", "occurred", "version", "first_seen_on", "last_seen_on")
    return {name: str(row[name]) if name == "stage" else row[name] for name in names}


# What changed

CHANGE_COLUMNS = (Column("entry"), Column("happened_at"), Column("what"), Column("old"), Column("new"),
                  Column("source"))


@page(PAGES, "/registers/changes")
def register_history() -> Any:
    """What changed in registers, newest first, each with the line of the log that says so."""
    chosen = chosen_changes()
    with program().reading() as connection:
        named = {one["name"]: titled(one) for one in registers.registers(connection)}
        return listed(Listing(
            name="changes", endpoint="pages.register_history", q=chosen.q or "", columns=CHANGE_COLUMNS,
            filters=[choices_of("register", chosen.register_name, named),
                     choices_of("field", chosen.field, _fields_offered(chosen.field))],
            page=lambda connection, cursor, limit: registers.changes(connection, chosen, cursor, limit), cells=_change,
            plain=_plain_change, matched=registers.count_changes(connection, chosen),
            total=registers.count_changes(connection, registers.ChangeFilter()),
            count=lambda **less: registers.count_changes(connection, chosen_changes(**less))))


def chosen_changes(**less: None) -> registers.ChangeFilter:
    """The same of the history."""
    names = {"register": "register_name", "field": "field", "q": "q"}
    return registers.ChangeFilter(**{to: wanted(name) for name, to in names.items() if name not in less})


def _fields_offered(chosen: str | None) -> dict[str, str]:
    own = {name: t(f"field.{name}") for name in ("title", "body", "status", "description", "url", "published")}
    return own | ({chosen: chosen} if chosen and chosen not in own else {})


def change_word(row: Mapping[str, Any]) -> str:
    """What happened to an entry: added, removed, or which field changed."""
    if row["field"] is None:
        return t(f"choice.{row['event']}")
    return field_word(row["field"])


def field_word(name: str) -> str:
    """A field of ours in the reader's language, a heading of theirs as it stands."""
    return t(f"field.{name}") if name in registers.NAMED else name


def source_word(row: Mapping[str, Any]) -> str:
    """The file and line that a version or a change was read from."""
    return t("page.entry.source", file=row["file"], line=str(row["line"])) if row["file"] and row["line"] else \
        t("page.entry.by_hand")


def happened(row: Mapping[str, Any]) -> str:
    """When it changed: of what a list shows only the day of the list is known."""
    return moment(row["occurred_at"]) if row["version"] is None else day(row["occurred_at"])


def _change(row: Mapping[str, Any]) -> Plain:
    entry = {"text": row["title"], "url": url_for("pages.register_entry", entry_id=row["entry_id"]),
             "sub": row["entry_key"]} if row["entry_id"] else {"text": row["entry_key"], "sub": t("page.changes.gone")}
    return {"entry": entry, "happened_at": happened(row),
            "what": change_word(row), "old": row["old"] or "", "new": row["new"] or "", "source": source_word(row)}


def _plain_change(row: Mapping[str, Any]) -> Plain:
    names = ("register_name", "entry_key", "title", "event", "field", "old", "new", "occurred_at", "version", "file",
             "line")
    return {name: str(row[name]) if name == "event" else row[name] for name in names}

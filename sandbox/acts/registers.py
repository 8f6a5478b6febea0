"""Registers that others keep: opened, read from their lists in chunks, entered by hand. Nothing is ever taken out: what
a newer list leaves out is seen by the day it was last in one."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, Made, act
from sandbox.acts.aliases import organisations_of, propose_aliases
from sandbox.acts.refusals import NotFound, invalid
from sandbox.rules.intake.table import fold
from sandbox.rules.registers import ChangeEvent, EntryStage
from sandbox.store.fields import Fields, canonical
from sandbox.store.registers import (
    CHANGES,
    ENTRIES,
    REGISTERS,
    VERSIONS,
    EntryFields,
    Key,
    Line,
    ListedChange,
    ListedEntry,
    RegisterFields,
    Slug,
)
from sandbox.store.types import Day

LONGEST_PLACE = 120
MOST_LISTED = 1000


@act()
def open_register(act: Act, given: RegisterFields) -> Made:
    """Open a register whose entries are to be kept here, under a short name of its own."""
    if act.connection.execute(sa.select(REGISTERS.c.name).where(REGISTERS.c.name == given.name)).first():
        raise invalid("name", "name_taken")
    _open(act, given)
    return Made(id=given.name)


def _open(act: Act, given: RegisterFields) -> None:
    act.insert(REGISTERS, {**given.plain(), "created_at": act.now})


class ListGiven(Fields):
    """A part of a register's list as of a day, and of its change log. `columns` says which heading is which field."""

    listed_in: RegisterFields
    as_of: Day
    columns: dict[Line, Key] = {}
    entries: Annotated[list[ListedEntry], PydanticField(max_length=MOST_LISTED)] = []
    changes: Annotated[list[ListedChange], PydanticField(max_length=MOST_LISTED)] = []


class Listed(Done):
    """New entries; new versions, those of new entries included; entries amended; lines of the log that are new."""

    taken: int = 0
    versions: int = 0
    amended: int = 0
    changes: int = 0
    proposals: int = 0


@act()
def import_register(act: Act, given: ListGiven) -> Listed:
    """Take in a part of a register's list. What is known in these very words adds nothing but the day it was seen."""
    act.object_id = given.listed_in.name
    if given.as_of > act.now.astimezone(act.zone).date():
        raise invalid("as_of", "future_day")
    _read_on(act, given)
    before = _kept(act, given.listed_in.name, {one.key for one in given.entries})
    keeper = Keeper(act, given, before)
    for one in given.entries:
        keeper.keep(one)
    _see(act, keeper.seen, given.as_of)
    keeper.log(given.changes)
    renamed = [(one.old, one.new) for one in keeper.changed if one.field == "body" and one.old and one.new]
    proposals = propose_aliases(act, given.listed_in.name, renamed, keeper.bodies)
    return Listed(taken=keeper.taken, versions=keeper.versions, amended=keeper.amended, changes=keeper.logged,
                  proposals=proposals)


def _read_on(act: Act, given: ListGiven) -> None:
    """The register's row, made where there is none; the day of the newest list."""
    name = given.listed_in.name
    row = act.connection.execute(sa.select(REGISTERS).where(REGISTERS.c.name == name)).mappings().first()
    if row is None:
        _open(act, given.listed_in)
    elif row["kind"] != given.listed_in.kind.value:
        raise invalid("kind", "other_kind")
    if row is None or row["read_on"] is None or row["read_on"] < given.as_of:
        act.connection.execute(sa.update(REGISTERS).where(REGISTERS.c.name == name).values(read_on=given.as_of))
        act.new.append([REGISTERS.name, name, {"read_on": given.as_of}])


def _kept(act: Act, register: str, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    rows = act.connection.execute(sa.select(ENTRIES).where(
        ENTRIES.c.register_name == register, ENTRIES.c.key.in_(keys)))
    return {row["key"]: dict(row) for row in rows.mappings()}


def _see(act: Act, entry_ids: list[str], day: date) -> None:
    """These stood in the list of that day."""
    older = ENTRIES.c.last_seen_on < day
    if entry_ids:
        act.connection.execute(sa.update(ENTRIES).where(ENTRIES.c.id.in_(entry_ids), older).values(last_seen_on=day))
        act.new.append([ENTRIES.name, entry_ids, {"last_seen_on": day}])


class Keeper:
    """Keeps entries one after the other, counting what came of them."""

    def __init__(self, act: Act, given: ListGiven, before: dict[str, dict[str, Any]]) -> None:
        self.act, self.register, self.as_of, self.columns = act, given.listed_in, given.as_of, given.columns
        self.before = before
        self.bodies = organisations_of(act, (one.body for one in given.entries))
        self.changed: list[ListedChange] = []
        self.seen: list[str] = []
        self.taken = self.versions = self.amended = self.logged = 0

    def keep(self, one: ListedEntry) -> dict[str, Any]:
        """The entry's row after this version of it."""
        row = self.before.get(one.key)
        if row is None:
            row = self._enter(one)
        elif self._is_news(row, one):
            self._amend(row, one)
        else:
            self.seen.append(row["id"])
        self.before[one.key] = row
        return row

    def _is_news(self, row: Mapping[str, Any], one: ListedEntry) -> bool:
        """Without an order an older list says nothing of the present; with one, every version is told once."""
        if one.order is None:
            return bool(row["digest"] != one.digest and row["last_seen_on"] <= self.as_of)
        known = sa.select(VERSIONS.c.version).where(VERSIONS.c.entry_id == row["id"], VERSIONS.c.digest == one.digest)
        return self.act.connection.execute(known).first() is None

    def _enter(self, one: ListedEntry) -> dict[str, Any]:
        entry_id = self.act.id("re")
        row = {**self._columns(one, entry_id), "id": entry_id, "register_name": self.register.name,
               "kind": self.register.kind.value, "version": 1, "first_seen_on": self.as_of,
               "last_seen_on": self.as_of, "at": self.act.now}
        self.act.insert(ENTRIES, row)
        self._version(entry_id, 1, one)
        self.taken += 1
        return row

    def _columns(self, one: ListedEntry, entry_id: str) -> dict[str, Any]:
        named = EntryFields.model_fields
        plain = {name: value for name, value in one.plain().items() if name in named}
        return {**plain, "digest": one.digest, "order": one.order, "organisation_id": self.bodies.get(one.body or ""),
                "place": f"{_printable(fold(one.title))[:LONGEST_PLACE]} {entry_id}", "search": search_text(one)}

    def _version(self, entry_id: str, number: int, one: ListedEntry) -> None:
        plain = one.plain()
        self.act.insert(VERSIONS, {
            "entry_id": entry_id, "version": number, "body": {name: plain[name] for name in EntryFields.model_fields},
            "raw": one.raw, "digest": one.digest, "report": one.report, "file": one.file, "line": one.line,
            "as_of": self.as_of, "author_id": self.act.actor.id, "at": self.act.now})
        self.versions += 1

    def _amend(self, row: dict[str, Any], one: ListedEntry) -> None:
        """A further version. One that comes after a newer one is kept as a version, and changes nothing else."""
        last = self.act.connection.execute(sa.select(VERSIONS).where(
            VERSIONS.c.entry_id == row["id"]).order_by(VERSIONS.c.version.desc())).mappings().all()
        number = last[0]["version"] + 1
        self._version(row["id"], number, one)
        self.amended += 1
        if one.order is not None and one.order < (row["order"] or ""):
            return
        current = dict(next(kept for kept in last if kept["version"] == row["version"]))
        self.log(list(self._differences(one, current)), number)
        values = {**self._columns(one, row["id"]), "version": number,
                  "last_seen_on": max(row["last_seen_on"], self.as_of)}
        self.act.update(ENTRIES, row["id"], **values)
        row.update(values)

    def _differences(self, one: ListedEntry, current: Mapping[str, Any]) -> Iterable[ListedChange]:
        """What this version says otherwise, dated by the day of the list: cell by cell, or field by field where either
        was entered by hand and has no cells."""
        cells = one.file is not None and current["file"] is not None
        was, now = (current["raw"], one.raw) if cells else (_told(current["body"]), _told(one.plain()))
        at = datetime.combine(self.as_of, time(), self.act.zone).astimezone(UTC)
        for heading in dict.fromkeys((*was, *now)):
            old, new = was.get(heading), now.get(heading)
            if old != new:
                told = canonical([self.register.name, one.key, one.digest, heading, str(self.as_of)])
                yield ListedChange(
                    key=one.key, event=ChangeEvent.CHANGED, field=self.columns.get(heading, heading)[:300],
                    old=_shortened(old), new=_shortened(new), at=at, file=one.file, line=one.line,
                    digest=hashlib.sha256(told).hexdigest()[:32])

    def log(self, changes: list[ListedChange], version: int | None = None) -> None:
        """Enter lines of history that are not there yet."""
        told = CHANGES.c.digest.in_([one.digest for one in changes])
        known = set(self.act.connection.execute(sa.select(CHANGES.c.digest).where(
            CHANGES.c.register_name == self.register.name, told)).scalars())
        for one in changes:
            if one.digest in known:
                continue
            change = self.act.id("rc")
            self.act.insert(CHANGES, {
                "id": change, "register_name": self.register.name, "entry_key": one.key, "event": one.event.value,
                "field": one.field, "old": one.old, "new": one.new, "occurred_at": one.at, "version": version,
                "place": f"{one.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S} {version or 0:06} {change}", "digest": one.digest,
                "file": one.file, "line": one.line, "at": self.act.now})
            known.add(one.digest)
            self.changed.append(one)
            self.logged += version is None


def _told(fields: Mapping[str, Any]) -> dict[str, str]:
    """The fields of an entry that say anything, as text."""
    return {name: str(fields[name]) for name in EntryFields.model_fields if fields[name] is not None}


def _shortened(text: str | None) -> str | None:
    return text if text is None or len(text) <= 8000 else text[:7999] + "…"


def _printable(text: str) -> str:
    return "".join(sign for sign in text if sign.isprintable())


def search_text(one: EntryFields) -> str:
    """What a search looks through: names, key and status, folded so that width and case do not matter."""
    said = (one.title, one.title_hant, one.title_en, one.body, one.key, one.status)
    return "\n".join(fold(text) for text in said if text)


class EntryGiven(EntryFields):
    """An entry by hand, and the register it belongs to."""

    register_name: Slug


class Entered(Made):
    """The entry and the version that it now has."""

    version: int


@act()
def enter_entry(act: Act, given: EntryGiven) -> Entered:
    """Enter an entry by hand, or amend the one of this key; the same again changes nothing."""
    row = act.connection.execute(sa.select(REGISTERS).where(REGISTERS.c.name == given.register_name)).mappings().first()
    if row is None:
        raise NotFound
    register = RegisterFields.model_validate({name: row[name] for name in RegisterFields.model_fields})
    fields = given.model_dump(exclude={"register_name"})
    if given.status and given.stage is EntryStage.UNKNOWN:
        fields["stage"] = EntryStage.OTHER
    raw = _told(given.plain() | {"stage": fields["stage"].value})
    today = act.now.astimezone(act.zone).date()
    one = ListedEntry(**fields, raw=raw, digest=hashlib.sha256(canonical(raw)).hexdigest()[:32])
    listed = ListGiven(listed_in=register, as_of=today, entries=[one])
    keeper = Keeper(act, listed, _kept(act, given.register_name, {given.key}))
    kept = keeper.keep(one)
    _see(act, keeper.seen, today)
    renamed = [(change.old, change.new) for change in keeper.changed if change.field == "body"]
    propose_aliases(act, given.register_name, [pair for pair in renamed if all(pair)], keeper.bodies)
    return Entered(id=kept["id"], version=kept["version"])

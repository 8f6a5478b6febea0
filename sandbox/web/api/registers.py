"""Registers by API: lists that others keep, their entries with history, names to be joined, and citations of trials."""

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import registers as reads
from sandbox.rules.access import Actor
from sandbox.rules.registers import ChangeEvent, EntryKind, EntryStage
from sandbox.store.registers import (
    AliasDecisionFields,
    CitationFields,
    EntryFields,
    ProposalGround,
    ProposalState,
    RegisterFields,
)
from sandbox.web.api.asking import Filtered, Paged, Text
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, kept, listed, whole
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("registers")


class Register(kept(RegisterFields)):  # type: ignore[misc]
    """A register that somebody else keeps. `read_on` is the day of the newest list that was read; `stages` counts its
    entries by how far along they are, `unknown` being those that say nothing, which is not `early`."""

    read_on: date | None
    entries: int
    bodies: int
    changes: int
    stages: dict[str, int]


class Entry(kept(EntryFields)):  # type: ignore[misc]
    """An entry as published. `organisation_id` is there when a person joined the body's name to a body known here;
    `in_newest_list` is false when the register's newest list leaves the entry out."""

    id: str
    register_name: str
    kind: EntryKind
    organisation_id: str | None
    version: int
    first_seen_on: date
    last_seen_on: date
    in_newest_list: bool


class EntryVersion(Shape):
    """One version as published: `body` its fields, `raw` every cell of its row, and where it was read."""

    version: int
    body: dict[str, Any]
    raw: dict[str, Any]
    report: str | None
    file: str | None
    line: int | None
    as_of: date
    at: datetime


class EntryChange(Shape):
    """One change: out of a change log, or seen between two lists, then with the `version` that it made."""

    event: ChangeEvent
    field: str | None
    old: str | None
    new: str | None
    occurred_at: datetime
    version: int | None
    file: str | None
    line: int | None


class RegisterChange(EntryChange):
    """A change of any entry; `entry_id` is null where the register's list does not have the entry."""

    register_name: str
    entry_key: str
    entry_id: str | None


class WholeEntry(Entry):
    """An entry with its versions and its history, both newest first, and the trials of yours that cite it."""

    versions: list[EntryVersion]
    history: list[EntryChange]
    cited_by: list[str]


class AliasProposal(Shape):
    """Two names that may be one body's: `times` is how often the register said so."""

    id: str
    name: str
    other: str
    register_name: str
    ground: ProposalGround
    times: int
    state: ProposalState
    organisation_id: str | None


class Citation(Shape):
    """An entry that a trial's application points at, as of a version of it."""

    id: str
    trial_id: str
    entry_id: str
    version: int
    note: str | None
    at: datetime
    withdrawn_at: datetime | None
    register_name: str
    title: str


class EntryQuery(Paged):
    """Filters of the list; `body` is a name as published, `q` looks into titles, body, key and status."""

    status: Text | None = None
    stage: EntryStage | None = None
    body: Text | None = None
    q: Text | None = None


class ChangeQuery(Paged):
    """`field` is one of an entry's fields, or a heading as the list has it; `q` looks into number, title, contents."""

    field: Text | None = None
    q: Text | None = None


class AliasQuery(Paged):
    """Which proposals: those that wait, where nothing else is said."""

    state: ProposalState = ProposalState.WAITING


class CitationQuery(Filtered):
    """`withdrawn=1` shows citations that were taken back too."""

    withdrawn: Text | None = None


def entry_shape(row: Any) -> Entry:
    """An entry's row as its shape."""
    return Entry.of(row, in_newest_list=not reads.left_out(row))


@rows.shows("/registers")
def registers(connection: sa.Connection) -> Listing[Register]:
    """Every register, by its short name."""
    return whole(reads.registers(connection), Register.of)


@rows.shows("/registers/<name>/entries")
def entries(connection: sa.Connection, name: str, query: EntryQuery) -> Listing[Entry]:
    """The entries of one register, by title."""
    seen(reads.register(connection, name))
    chosen = reads.EntryFilter(name, None, query.status, query.stage, query.body, None, query.q)
    return listed(reads.entries(connection, chosen, query.cursor, query.limit), entry_shape)


@rows.shows("/registers/<name>/entries/<id>")
def entry(connection: sa.Connection, name: str, id: str) -> WholeEntry:
    """One entry with its versions, its history, and who cites it."""
    row = seen(reads.entry_of(connection, name, id))
    return WholeEntry(
        **entry_shape(row).model_dump(), versions=[EntryVersion.of(one) for one in row["versions"]],
        history=[EntryChange.of(one) for one in row["history"]],
        cited_by=[one["id"] for one in reads.cited_by(connection, actor(), id)])


@rows.shows("/registers/<name>/changes")
def register_changes(connection: sa.Connection, name: str, query: ChangeQuery) -> Listing[RegisterChange]:
    """The history of one register, newest first."""
    seen(reads.register(connection, name))
    chosen = reads.ChangeFilter(name, query.field, query.q)
    found = reads.changes(connection, chosen, query.cursor, query.limit)
    return listed(found, RegisterChange.of)


@rows.shows("/aliases")
def alias_proposals(connection: sa.Connection, query: AliasQuery) -> Listing[AliasProposal]:
    """Names that may be one body's, newest first; a person decides."""
    found = reads.proposals(connection, query.state, query.cursor, query.limit)
    return listed(found, AliasProposal.of)


@rows.shows("/trials/<id>/citations")
def citations(connection: sa.Connection, id: str, query: CitationQuery) -> Listing[Citation]:
    """The entries that a trial cites, oldest first."""
    trial_row(connection, id)
    found = reads.citations(connection, actor(), id, withdrawn=query.withdrawn == "1")
    return whole(found, Citation.of)


def _register(connection: sa.Connection, who: Actor, name: str) -> Any:
    return reads.register(connection, name)


def _proposal(connection: sa.Connection, who: Actor, proposal_id: str) -> Any:
    return reads.proposal(connection, proposal_id)


rows.does("POST", "/registers", "open_register", created=True, example={
    "name": "city-filings", "title": "算法备案清单", "title_en": "Algorithm filings of the city", "kind": "system"})
rows.does("POST", "/registers/<name>/entries", "enter_entry", bodies=(EntryFields,), reach=_register, created=True,
          given=lambda body, ids: {**body, "register_name": ids["name"]}, example={
              "key": "2026-014", "title": "Route planning for street sweepers", "body": "City Sanitation",
              "status": "in use", "stage": "in_use", "published": "2026-03"})
rows.does("POST", "/aliases/<id>/decision", "decide_alias", bodies=(AliasDecisionFields,), reach=_proposal,
          given=lambda body, ids: {**body, "proposal_id": ids["id"]}, example={"same": True})
rows.does("POST", "/trials/<id>/citations", "cite_entry", on="id", created=True, bodies=(CitationFields,), example={
    "entry_id": "re_00000000000aaaaaaaaaa", "note": "The same system, as registered there"})
rows.does("POST", "/citations/<id>/withdrawal", "withdraw_citation", on="id", example={})

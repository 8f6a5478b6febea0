"""Registers as people may know them: published records, read by everyone signed in; who cites them, by whom sees it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor
from sandbox.rules.intake.table import fold
from sandbox.rules.registers import EntryKind
from sandbox.store.accounts import CONTACTS
from sandbox.store.organisations import ALIASES, ORGANISATIONS
from sandbox.store.registers import CHANGES, CITATIONS, ENTRIES, PROPOSALS, REGISTERS, VERSIONS, EntryFields
from sandbox.store.scope import of_seen_trials
from sandbox.store.trials import TRIALS

NAMED = frozenset((*EntryFields.model_fields, "report", "version"))
"""Fields of ours; a change names one of them, or a heading of the list as it stands."""
AT_ONCE = 500
"""Keys that one question of the database names."""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What narrows the list of entries; `body` is a name as published, `q` words that stand in names, key or status."""

    register_name: str | None = None
    kind: str | None = None
    status: str | None = None
    stage: str | None = None
    body: str | None = None
    organisation: str | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """What narrows the history; `q` stands in a number, a name, or in what was before or after."""

    register_name: str | None = None
    field: str | None = None
    q: str | None = None


def left_out(row: Mapping[str, Any]) -> bool:
    """Whether a complete newer list does not have the entry any more."""
    return bool(row["whole"] and row["read_on"] and row["last_seen_on"] < row["read_on"])


def registers(connection: sa.Connection) -> tuple[dict[str, Any], ...]:
    """Every register by name, with its entries by stage, its bodies, and the lines of its history."""
    stages: dict[str, dict[str, int]] = {}
    by_stage = sa.select(ENTRIES.c.register_name, ENTRIES.c.stage, sa.func.count().label("n")).group_by(
        ENTRIES.c.register_name, ENTRIES.c.stage)
    for row in connection.execute(by_stage):
        stages.setdefault(row.register_name, {})[str(row.stage)] = row.n
    bodies = _tally(connection, sa.func.count(sa.distinct(ENTRIES.c.body)), ENTRIES)
    changes = _tally(connection, sa.func.count(), CHANGES)
    rows = connection.execute(sa.select(REGISTERS).order_by(REGISTERS.c.name)).mappings()
    return tuple({**row, "stages": stages.get(row["name"], {}), "entries": sum(stages.get(row["name"], {}).values()),
                  "bodies": bodies.get(row["name"], 0), "changes": changes.get(row["name"], 0)} for row in rows)


def _tally(connection: sa.Connection, of: sa.ColumnElement[int], table: sa.Table) -> dict[str, int]:
    rows = connection.execute(sa.select(table.c.register_name, of.label("n")).group_by(table.c.register_name))
    return {row.register_name: row.n for row in rows}


def register(connection: sa.Connection, name: str) -> dict[str, Any] | None:
    """One register, or None."""
    row = connection.execute(sa.select(REGISTERS).where(REGISTERS.c.name == name)).mappings().first()
    return dict(row) if row else None


def entries(connection: sa.Connection, chosen: EntryFilter, cursor: str | None = None,
            limit: int = 50) -> Page[dict[str, Any]]:
    """Entries by title."""
    query = _matching(chosen).add_columns(REGISTERS.c.read_on, REGISTERS.c.whole).join(
        REGISTERS, REGISTERS.c.name == ENTRIES.c.register_name)
    return keyset(connection, query, ENTRIES.c.place, cursor, _plain, limit, newest_first=False)


def count(connection: sa.Connection, chosen: EntryFilter) -> int:
    """How many entries the filter leaves."""
    found = _matching(chosen).with_only_columns(ENTRIES.c.id).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def _matching(chosen: EntryFilter) -> sa.Select[Any]:
    query = sa.select(ENTRIES)
    for name in ("register_name", "kind", "status", "stage", "body"):
        value = getattr(chosen, name)
        query = query.where(ENTRIES.c[name] == value) if value else query
    if chosen.organisation:
        query = query.where(ENTRIES.c.organisation_id == chosen.organisation)
    for one in fold(chosen.q or "").split():
        query = query.where(ENTRIES.c.search.contains(one, autoescape=True))
    return query


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("_key", "search", "place", "digest", "order")}


def choices(connection: sa.Connection, register_name: str, column: str) -> tuple[str, ...]:
    """What the entries of one register have in a column, by name; `body` or `status`."""
    found = sa.select(ENTRIES.c[column]).where(ENTRIES.c.register_name == register_name, ENTRIES.c[column].is_not(None))
    return tuple(connection.execute(found.distinct().order_by(ENTRIES.c[column])).scalars())


def entry(connection: sa.Connection, entry_id: str) -> dict[str, Any] | None:
    """One entry with its versions, newest first, and its history, newest first."""
    row = connection.execute(sa.select(ENTRIES, REGISTERS.c.read_on, REGISTERS.c.whole).join(
        REGISTERS, REGISTERS.c.name == ENTRIES.c.register_name).where(ENTRIES.c.id == entry_id)).mappings().first()
    if row is None:
        return None
    versions = connection.execute(sa.select(VERSIONS).where(
        VERSIONS.c.entry_id == entry_id).order_by(VERSIONS.c.version.desc())).mappings()
    history = connection.execute(sa.select(CHANGES).where(
        CHANGES.c.register_name == row["register_name"], CHANGES.c.entry_key == row["key"]).order_by(
            CHANGES.c.place.desc())).mappings()
    return {**_plain(row), "versions": [dict(one) for one in versions], "history": [dict(one) for one in history]}


HEADING = "False"
"""The status of an entry that only stands above others, in a list that says which are to be judged."""


def guides(connection: sa.Connection) -> tuple[dict[str, Any], ...]:
    """Registers of what a reviewer may think of, each with its `entries` in the order of their numbers; none where none
    was read in."""
    rows = connection.execute(sa.select(REGISTERS).where(REGISTERS.c.kind == EntryKind.GUIDE).order_by(
        REGISTERS.c.name)).mappings().all()
    found: dict[str, list[dict[str, Any]]] = {row["name"]: [] for row in rows}
    query = sa.select(ENTRIES.c.register_name, ENTRIES.c.key, ENTRIES.c.title, ENTRIES.c.description,
                      ENTRIES.c.last_seen_on, REGISTERS.c.whole, REGISTERS.c.read_on).join(
        REGISTERS, REGISTERS.c.name == ENTRIES.c.register_name).where(
        ENTRIES.c.register_name.in_(list(found)), ENTRIES.c.status.is_distinct_from(HEADING))
    for one in map(dict, connection.execute(query).mappings() if found else ()):
        found[one["register_name"]] += [] if left_out(one) else [one]
    return tuple({**row, "entries": sorted(found[row["name"]], key=_numbered)} for row in rows if found[row["name"]])


def _numbered(one: Mapping[Any, Any]) -> list[tuple[int, str]]:
    """GOVERN 1.2 before GOVERN 1.10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", one["key"])]


def entry_of(connection: sa.Connection, register_name: str, entry_id: str) -> dict[str, Any] | None:
    """The same, of one register; None also where it is another's."""
    found = entry(connection, entry_id)
    return found if found and found["register_name"] == register_name else None


def changes(connection: sa.Connection, chosen: ChangeFilter, cursor: str | None = None,
            limit: int = 50) -> Page[dict[str, Any]]:
    """Lines of history, newest first, each with its entry where the register still has one."""
    return keyset(connection, _history(chosen), CHANGES.c.place, cursor, _plain, limit)


def count_changes(connection: sa.Connection, chosen: ChangeFilter) -> int:
    """How many lines of history the filter leaves."""
    found = _history(chosen).with_only_columns(CHANGES.c.id).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def _history(chosen: ChangeFilter) -> sa.Select[Any]:
    here = sa.and_(ENTRIES.c.register_name == CHANGES.c.register_name, ENTRIES.c.key == CHANGES.c.entry_key)
    query = sa.select(CHANGES, ENTRIES.c.id.label("entry_id"), ENTRIES.c.title).outerjoin(ENTRIES, here)
    for name in ("register_name", "field"):
        value = getattr(chosen, name)
        query = query.where(CHANGES.c[name] == value) if value else query
    if chosen.q:
        said = [column.icontains(chosen.q, autoescape=True) for column in (CHANGES.c.old, CHANGES.c.new)]
        query = query.where(sa.or_(CHANGES.c.entry_key == chosen.q, *said, ENTRIES.c.search.contains(
            fold(chosen.q), autoescape=True)))
    return query


def proposals(connection: sa.Connection, state: str | None = None, cursor: str | None = None,
              limit: int = 50, *, q: str | None = None) -> Page[dict[str, Any]]:
    """Names that may be one body's, newest first, with the body they were joined to."""
    query = sa.select(PROPOSALS, ORGANISATIONS.c.name.label("organisation")).outerjoin(
        ORGANISATIONS, ORGANISATIONS.c.id == PROPOSALS.c.organisation_id)
    query = query.where(PROPOSALS.c.state == state) if state else query
    if q:
        query = query.where(sa.or_(*(column.icontains(q, autoescape=True)
                                     for column in (PROPOSALS.c.name, PROPOSALS.c.other))))
    return keyset(connection, query, PROPOSALS.c.id, cursor, _plain, limit)


def proposal(connection: sa.Connection, proposal_id: str) -> dict[str, Any] | None:
    """One proposal, with how many entries stand under each of its names."""
    row = connection.execute(sa.select(PROPOSALS).where(PROPOSALS.c.id == proposal_id)).mappings().first()
    if row is None:
        return None
    tallies = {name: count(connection, EntryFilter(body=name)) for name in (row["name"], row["other"])}
    return {**row, "tallies": tallies}


def proposals_waiting(connection: sa.Connection) -> int:
    """How many proposals wait for a person."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(PROPOSALS).where(
        PROPOSALS.c.state == "waiting")).scalar_one())


def bodies_known(connection: sa.Connection, names: Iterable[str]) -> dict[str, str]:
    """Bodies that have one of these names, or go by it too, by id."""
    wanted = list(names)
    by_alias = sa.select(ALIASES.c.organisation_id).where(ALIASES.c.name.in_(wanted))
    rows = connection.execute(sa.select(ORGANISATIONS.c.id, ORGANISATIONS.c.name).where(
        sa.or_(ORGANISATIONS.c.name.in_(wanted), ORGANISATIONS.c.id.in_(by_alias))))
    return {row.id: row.name for row in rows}


# Citations

CITED = (ENTRIES.c.title, ENTRIES.c.title_hant, ENTRIES.c.title_en, ENTRIES.c.body, ENTRIES.c.register_name,
         ENTRIES.c.key, ENTRIES.c.status, ENTRIES.c.stage, ENTRIES.c.version.label("entry_version"),
         CONTACTS.c.name.label("author"))


def citations(connection: sa.Connection, actor: Actor, trial_id: str, *,
              withdrawn: bool = False) -> tuple[dict[str, Any], ...]:
    """What a trial cites, oldest first; those taken back only where asked for."""
    query = sa.select(CITATIONS, *CITED).join(ENTRIES, ENTRIES.c.id == CITATIONS.c.entry_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == CITATIONS.c.author_id).where(
            CITATIONS.c.trial_id == trial_id, of_seen_trials(CITATIONS.c.trial_id, actor))
    query = query if withdrawn else query.where(CITATIONS.c.withdrawn_at.is_(None))
    return tuple(dict(row) for row in connection.execute(query.order_by(CITATIONS.c.id).limit(AT_ONCE)).mappings())


def citation(connection: sa.Connection, actor: Actor, citation_id: str) -> dict[str, Any] | None:
    """One citation with its entry, or None when missing or not theirs to see."""
    row = connection.execute(sa.select(CITATIONS, *CITED).join(ENTRIES, ENTRIES.c.id == CITATIONS.c.entry_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == CITATIONS.c.author_id).where(
            CITATIONS.c.id == citation_id, of_seen_trials(CITATIONS.c.trial_id, actor))).mappings().first()
    return dict(row) if row else None


def cited_by(connection: sa.Connection, actor: Actor, entry_id: str) -> tuple[dict[str, Any], ...]:
    """The trials of those that the actor sees that cite an entry."""
    query = sa.select(TRIALS.c.id, TRIALS.c.title, TRIALS.c.title_hant, TRIALS.c.title_en, TRIALS.c.state,
                      CITATIONS.c.version, CITATIONS.c.note, CITATIONS.c.at).join(
        CITATIONS, CITATIONS.c.trial_id == TRIALS.c.id).where(
            CITATIONS.c.entry_id == entry_id, CITATIONS.c.withdrawn_at.is_(None),
            of_seen_trials(CITATIONS.c.trial_id, actor))
    return tuple(dict(row) for row in connection.execute(query.order_by(CITATIONS.c.id).limit(AT_ONCE)).mappings())


# What an import asks


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """What is kept of an entry: the digests of its versions, the current one's, the day it was last in a list."""

    digests: frozenset[str]
    digest: str
    version: int
    last_seen_on: date


def known_entries(connection: sa.Connection, register_name: str, keys: Iterable[str]) -> dict[str, KnownEntry]:
    """What is kept under these keys of a register."""
    wanted = list(keys)
    found: dict[str, KnownEntry] = {}
    for start in range(0, len(wanted), AT_ONCE):
        rows = connection.execute(sa.select(
            ENTRIES.c.key, ENTRIES.c.digest, ENTRIES.c.version, ENTRIES.c.last_seen_on,
            VERSIONS.c.digest.label("one")).join(VERSIONS, VERSIONS.c.entry_id == ENTRIES.c.id).where(
                ENTRIES.c.register_name == register_name, ENTRIES.c.key.in_(wanted[start:start + AT_ONCE])))
        digests: dict[str, set[str]] = {}
        for row in rows:
            digests.setdefault(row.key, set()).add(row.one)
            found[row.key] = KnownEntry(frozenset(), row.digest, row.version, row.last_seen_on)
        for key, those in digests.items():
            kept = found[key]
            found[key] = KnownEntry(frozenset(those), kept.digest, kept.version, kept.last_seen_on)
    return found


def known_changes(connection: sa.Connection, register_name: str) -> set[str]:
    """Digests of the history that is kept of a register."""
    here = sa.select(CHANGES.c.digest).where(CHANGES.c.register_name == register_name)
    return set(connection.execute(here).scalars())

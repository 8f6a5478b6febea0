"""From the rows of somebody's register to what an import would keep: each entry in its versions, and its change log.

A proposal decides nothing and keeps nothing."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from sandbox.rules.intake.entries import ChangeSaid, EntrySaid
from sandbox.rules.intake.hearing import Heard, hear
from sandbox.rules.intake.mapping import Mapping, RegisterTerms
from sandbox.rules.intake.table import Remark, Table
from sandbox.rules.registers import ChangeEvent
from sandbox.words import Word, word


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an entry. `digest` is the same at every import of what the row says, read the same way."""

    said: EntrySaid
    digest: str
    file: str
    line: int

    @property
    def order(self) -> tuple[str, str, int]:
        """Where this version stands among those of its entry."""
        return self.said.published or "", self.said.report or "", self.said.version or 0


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change log. `field` is one of an entry's fields, or a heading of the list as it stands there."""

    key: str
    event: ChangeEvent
    field: str | None
    said: ChangeSaid
    digest: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ListProposal:
    """Entries by key, each with its versions in order; the log; `rows` is how many rows told of an entry, `columns`
    what the headings mean. `versioned` lists amend by further rows of one key."""

    terms: RegisterTerms
    entries: dict[str, tuple[Entry, ...]]
    changes: tuple[Change, ...]
    columns: dict[str, str]
    versioned: bool
    rows: int
    refused: tuple[Remark, ...]
    noted: tuple[Remark, ...]

    @property
    def current(self) -> tuple[Entry, ...]:
        """The newest version of each entry."""
        return tuple(versions[-1] for versions in self.entries.values())

    @property
    def reports(self) -> int:
        """How many reports the rows belong to, where the list tells of reports."""
        return len({one.said.report for versions in self.entries.values() for one in versions if one.said.report})


def propose_list(mapping: Mapping, tables: Iterable[Table]) -> ListProposal:
    """What the tables of one import say of the register that the mapping is of."""
    assert mapping.register_of is not None
    heard = hear(mapping, tables)
    lists = [one for one in heard if one.makes == "entries"]
    columns = {header: name for one in lists if one.found for header, name in one.found.source.columns.items()}
    versioned = bool({"version", "report"} & set(columns.values()))
    told = [Entry(said, _digest_of(said), one.table.filename, said.row.line) for one in lists for said in one.said]
    entries, refused, merged = _gathered(told, versioned)
    changes = tuple(_changes(heard, columns))
    return ListProposal(
        mapping.register_of, entries, changes, columns, versioned, len(told),
        refused=(*(remark for one in heard for remark in one.refused), *refused),
        noted=(*(remark for one in heard for remark in one.noted), *merged, *_disagreements(entries, changes)))


def _digest_of(said: EntrySaid) -> str:
    """What the row says as read: also of the reading, since a better mapping is to be seen as a change."""
    told = {name: value for name, value in asdict(said).items() if name != "row" and value is not None}
    return hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:32]


def _gathered(told: list[Entry], versioned: bool) -> tuple[dict[str, tuple[Entry, ...]], list[Remark], list[Remark]]:
    """Rows by key: versions in their order, the same row twice merged, two different rows for one thing refused."""
    by_key: dict[str, list[Entry]] = defaultdict(list)
    refused, merged = [], []
    for one in told:
        same = next((other for other in by_key[one.said.key] if not versioned or other.order == one.order), None)
        if same is None:
            by_key[one.said.key].append(one)
        elif same.digest == one.digest:
            merged.append(_about(one, word("intake.same_row", line=str(same.line))))
        else:
            refused.append(_about(one, word("intake.key_twice", line=str(same.line))))
    entries = {key: tuple(sorted(versions, key=lambda one: one.order)) for key, versions in by_key.items()}
    for versions in entries.values():
        merged += _amended(versions)
    return entries, refused, merged


def _amended(versions: tuple[Entry, ...]) -> Iterator[Remark]:
    """Each earlier version, by its line; and where several reports tell of one thing."""
    newest = versions[-1]
    for place, one in enumerate(versions[:-1], 1):
        yield _about(one, word("intake.amended", version=place, last=len(versions), line=str(newest.line)))
    reports = sorted({one.said.report for one in versions if one.said.report})
    if len(reports) > 1:
        yield _about(newest, word("intake.one_of_reports", reports=reports))


def _about(one: Entry, code: Word) -> Remark:
    return Remark(one.file, one.line, "", code, one.said.key)


def _changes(heard: list[Heard], columns: dict[str, str]) -> Iterator[Change]:
    """A line seen before in the log is another change: its number is part of its digest."""
    seen: Counter[str] = Counter()
    for one in heard:
        for said in one.said if one.makes == "changes" else ():
            field = columns.get(said.field, said.field) if said.field else None
            told = json.dumps([said.key, said.event, field, said.old, said.new, said.at.isoformat()])
            seen[told] += 1
            digest = hashlib.sha256(f"{seen[told]} {told}".encode()).hexdigest()[:32]
            yield Change(said.key, said.event, field, said, digest, one.table.filename, said.row.line)


def _disagreements(entries: dict[str, tuple[Entry, ...]], changes: tuple[Change, ...]) -> Iterator[Remark]:
    """Where the log's last word on an entry is not what the list says: the list is the state after it."""
    last: dict[tuple[str, str], Change] = {}
    for one in sorted(changes, key=lambda change: change.said.at):
        last[one.key, one.field or ""] = one
    for one in last.values():
        if one.event is not ChangeEvent.CHANGED or one.field is None or one.key not in entries:
            continue
        said = entries[one.key][-1].said
        now = getattr(said, one.field, None) if one.field in EntrySaid.__slots__ else said.raw.get(one.field)
        if (now or None) != (one.said.new or None):
            yield Remark(one.file, one.line, one.field, word("intake.log_differs", log=one.said.new or "",
                                                             list=str(now or "")), one.key)

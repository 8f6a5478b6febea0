"""Reading a register that others keep: files and a mapping in, entries with their history kept.

The proposal is pure (`rules/intake`); what is new goes through `import_register` in chunks, each an act with its own
key and leaf. Repeated, nothing is done at all: no row, no entry in the log. With any line refused nothing is kept,
unless the good lines are asked for alone."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox.acts.registers import Listed, ListGiven
from sandbox.jobs.imports import LinesRefused, Remarked, plain_remark
from sandbox.jobs.program import Program
from sandbox.reads.registers import KnownEntry, known_changes, known_entries, register
from sandbox.rules.access import Actor
from sandbox.rules.intake import Change, Entry, ListProposal, Mapping, Remark, propose_list, tables_for
from sandbox.rules.intake.mapping import RegisterTerms
from sandbox.store.fields import canonical
from sandbox.store.registers import EntryFields, ListedChange, ListedEntry, RegisterFields
from sandbox.words import Word, word

CHUNK = 500
LONGEST_NAME = 200
Fit = tuple[ListedEntry, ...]


class RegisterReport(BaseModel):
    """What reading a register's list took, amended, merged or refused. `rows` told of `records` different things, in
    `reports` where the list tells of reports; `stages` and `statuses` are of their current versions. No rate is given:
    a list of incidents says nothing of use."""

    model_config = ConfigDict(frozen=True)

    mapping: str
    register_name: str
    kind: str
    rows: int
    records: int
    reports: int
    bodies: int
    without_body: int
    without_status: int
    statuses: dict[str, int]
    stages: dict[str, int]
    changes: int
    status_changes: int
    renames: int
    taken: int = 0
    versions: int = 0
    amended: int = 0
    kept_changes: int = 0
    proposals: int = 0
    repeated: int = 0
    refused: tuple[Remarked, ...]
    noted: tuple[Remarked, ...]


def read_register(program: Program, actor: Actor, mapping: Mapping, files: Iterable[tuple[str, bytes]],
                  as_of: date | None = None, *, dry_run: bool = False,
                  partial: bool = False) -> tuple[RegisterReport, tuple[Word, ...]]:
    """Read, propose, keep. Returns the report and its refused and noted lines as words, refused first.

    `as_of` is the day of the list, today where none is said. Raises LinesRefused, and what the act raises."""
    proposal = propose_list(mapping, [table for name, content in files for table in tables_for(mapping, content, name)])
    fitting = Fitting(proposal)
    refused = (*proposal.refused, *fitting.refused)
    report = _report(mapping, proposal, refused)
    if refused and not (partial and fitting.entries):
        raise LinesRefused(refused)
    if not dry_run:
        day = as_of or program.clock().astimezone(program.settings.zone).date()
        report = report.model_copy(update=_keep(program, actor, proposal, fitting, day))
    return report, tuple(remark.word for remark in (*refused, *proposal.noted))


class Fitting:
    """What of a proposal passes the program's own fields, and each line that does not."""

    def __init__(self, proposal: ListProposal) -> None:
        self.refused: list[Remark] = []
        self.entries: dict[str, Fit] = {}
        for key, versions in proposal.entries.items():
            fits = [fit for one in versions if (fit := self._fitted(one, proposal.versioned)) is not None]
            if fits:
                self.entries[key] = tuple(fits)
        self.changes = [kept for one in proposal.changes if (kept := self._change(one)) is not None]

    def _fitted(self, one: Entry, versioned: bool) -> ListedEntry | None:
        said = one.said
        named = {name: getattr(said, name) for name in EntryFields.model_fields}
        order = "|".join((one.order[0], one.order[1], f"{one.order[2]:012}")) if versioned else None
        try:
            return ListedEntry(**named, raw=said.raw, digest=one.digest, file=one.file[:LONGEST_NAME] or None,
                               line=one.line, report=said.report, order=order)
        except ValidationError as error:
            self._refuse(one, error)
            return None

    def _change(self, one: Change) -> ListedChange | None:
        try:
            return ListedChange(key=one.key, event=one.event, field=one.field, old=one.said.old, new=one.said.new,
                                at=one.said.at, digest=one.digest, file=one.file[:LONGEST_NAME] or None, line=one.line)
        except ValidationError as error:
            self._refuse(one, error)
            return None

    def _refuse(self, one: Entry | Change, error: ValidationError) -> None:
        for fault in error.errors(include_url=False, include_input=False):
            self.refused.append(Remark(one.file, one.line, str(fault["loc"][0]), word("intake.does_not_fit")))


def _keep(program: Program, actor: Actor, proposal: ListProposal, fitting: Fitting, day: date) -> dict[str, int]:
    """What is not known yet, in chunks of one act each; where all is known, no act."""
    terms, done = proposal.terms, Counter[str]()
    with program.reading() as connection:
        known = known_entries(connection, terms.name, fitting.entries)
        logged = known_changes(connection, terms.name)
        row = register(connection, terms.name)
    entries = [one for key, versions in fitting.entries.items() for one in _news(versions, known.get(key), day)]
    changes = [one for one in fitting.changes if one.digest not in logged]
    read = row is not None and row["read_on"] is not None and row["read_on"] >= day
    for given in _chunks(terms, day, proposal.columns, entries, changes, bare=not read):
        mark = hashlib.sha256(canonical([given.plain(), sum(one.version for one in known.values())])).hexdigest()
        listed: Listed = program.acts.do("import_register", actor, given, key=f"register:{mark}")
        done.update(listed.model_dump(exclude={"receipt"}))
    told = sum(map(len, fitting.entries.values())) + len(fitting.changes)
    return {"taken": done["taken"], "versions": done["versions"], "amended": done["amended"],
            "kept_changes": done["changes"], "proposals": done["proposals"],
            "repeated": told - done["versions"] - done["changes"]}


def _news(versions: Fit, known: KnownEntry | None, day: date) -> Iterator[ListedEntry]:
    """Versions to be sent: those not kept, or the last where only the day it was seen is news."""
    if known is None:
        yield from versions
        return
    if versions[-1].order is None:
        new = [one for one in versions if one.digest != known.digest and known.last_seen_on <= day]
    else:
        new = [one for one in versions if one.digest not in known.digests]
    yield from new or ([versions[-1]] if known.last_seen_on < day else [])


def _chunks(terms: RegisterTerms, day: date, columns: dict[str, str], entries: list[ListedEntry],
            changes: list[ListedChange], *, bare: bool) -> Iterator[ListGiven]:
    """Parts of one list; `bare`: a first part even of nothing, since the day of the list is news."""
    fields = RegisterFields.model_validate(terms.model_dump(mode="json"))
    for start in range(0, max(len(entries), len(changes), int(bare)), CHUNK):
        yield ListGiven(listed_in=fields, as_of=day, columns=columns, entries=entries[start:start + CHUNK],
                        changes=changes[start:start + CHUNK])


def _report(mapping: Mapping, proposal: ListProposal, refused: Iterable[Remark]) -> RegisterReport:
    current = [one.said for one in proposal.current]
    return RegisterReport(
        mapping=mapping.name, register_name=proposal.terms.name, kind=proposal.terms.kind.value, rows=proposal.rows,
        records=len(current), reports=proposal.reports, bodies=len({one.body for one in current if one.body}),
        without_body=sum(one.body is None for one in current),
        without_status=sum(one.status is None for one in current),
        statuses=_tally(one.status for one in current), stages=_tally(one.stage.value for one in current),
        changes=len(proposal.changes), status_changes=sum(one.field == "status" for one in proposal.changes),
        renames=sum(one.field == "body" and one.event == "changed" for one in proposal.changes),
        refused=tuple(map(plain_remark, refused)), noted=tuple(map(plain_remark, proposal.noted)))


def _tally(values: Iterable[Any]) -> dict[str, int]:
    return dict(Counter(value for value in values if value is not None).most_common())

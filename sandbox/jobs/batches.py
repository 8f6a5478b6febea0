"""Taking in a batch: read and compared outside the door, brought in by slices that nobody sees, made to count by one
short act. A single filing beside it waits for a slice at most; a crash at any point leaves nothing that counts.
"""

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import orjson
import sqlalchemy as sa

from sandbox.acts.batches import BatchFiled, BatchGiven, PlaceRow, SliceRow, SpanRow, Sum
from sandbox.acts.places import outside
from sandbox.acts.refusals import Refused
from sandbox.jobs.line_terms import Terms, terms_of
from sandbox.jobs.program import Program
from sandbox.rules.access import Actor
from sandbox.rules.cadence import period_number
from sandbox.rules.reporting import Span, joined, same_version
from sandbox.store.batches import (
    COUNTS,
    KEPT,
    blank_report,
    drop_slice,
    insert_batch,
    insert_notes,
    insert_reports,
)
from sandbox.store.door import Busy, Transaction, Unknown
from sandbox.store.engine import Statement
from sandbox.store.faults import Fault, placed
from sandbox.store.feedback import FEEDBACK, FeedbackFields, site_key_of
from sandbox.store.ids import new_id, new_ids
from sandbox.store.lines import SLICE, leaf_of, matches, root_of, salts, seal_of
from sandbox.store.log import current_tree, leaf_hash
from sandbox.store.reports import Read
from sandbox.store.spool import Spool
from sandbox.store.types import MILLION, Instant, instant_text

MOST_LINES = 200_000
TOLD = 1000
"""Faults that an answer repeats; their number is told whole."""
LIFE = timedelta(minutes=5)
"""A batch that does not count by then is taken back: whoever sent it heard nothing, or heard that it was too busy."""
AT_ONCE = 3
"""Batches that one process takes in at a time; one more is told to come back."""
CROWDED = 1024
"""Filings that wait for the door when a batch is told to come back."""
TRIES = 5
MILLISECOND = timedelta(milliseconds=1)
KEYS = 500


@dataclass(frozen=True, slots=True)
class Arrived:
    """A line as it was read: the report, or why it is none."""

    line: int
    read: Read | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Sending:
    """What was sent: the digest of the bytes, where from, and what the sender asks for."""

    sent: str
    source: str
    partial: bool = False
    dry_run: bool = False
    key: str | None = None


class BatchRefused(Exception):
    """Nothing was kept: lines with faults. The first of them by line, and how many lines and faults there are."""

    def __init__(self, lines: int, refused: int, faults: list[tuple[int, Fault]], number: int) -> None:
        self.lines, self.refused, self.faults, self.number = lines, refused, faults, number
        super().__init__(f"{refused} of {lines} lines")


class TooManyLines(Exception):
    """More lines than one batch may have."""

    limit = MOST_LINES


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch; faults and repetitions where no kept batch has them (a dry run, or nothing new)."""

    done: BatchFiled
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    repeated: list[tuple[int, str]] = field(default_factory=list)
    exposures: float = 0.0
    events: Mapping[str, int] = field(default_factory=dict)


class _Overtaken(Exception):
    """Something was filed between comparing and counting: compare again."""


def _overtaken(program: Program, error: BaseException) -> bool:
    """The act said so; or a key came in beside this batch, and the database did not take it twice."""
    dbapi: Any = program.writer.dialect.loaded_dbapi
    return isinstance(error, dbapi.IntegrityError) or (isinstance(error, Refused) and error.code == "overtaken")


class Intake:
    """Where batches come in. One for each process; safe to use from any number of threads."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def take(self, actor: Actor, trial_id: str, arrivals: Iterable[Arrived], sending: Sending,
             told: "Progress | None" = None) -> Taken:
        """Take in a batch; durable on return. Raises BatchRefused with every fault, TooManyLines, Busy, and what an
        act raises. Sent again with its key, the answer is the stored one."""
        if not self._places.acquire(blocking=False):
            raise Busy
        try:
            if self._program.door.waiting > CROWDED:
                raise Busy
            with Spool() as spool:
                return _Taking(self._program, actor, trial_id, sending, spool, told or Progress()).take(arrivals)
        finally:
            self._places.release()


class Progress:
    """Told how far a batch has come: lines read, then lines brought in."""

    def read(self, lines: int) -> None:
        """So many lines are read."""

    def kept(self, lines: int) -> None:
        """So many lines are in."""


class _Taking:
    """One batch being taken in."""

    def __init__(self, program: Program, actor: Actor, trial_id: str, sending: Sending, spool: Spool,
                 told: Progress) -> None:
        self.program, self.actor, self.trial_id = program, actor, trial_id
        self.sending, self.spool, self.told = sending, spool, told
        self.lines = 0

    def take(self, arrivals: Iterable[Arrived]) -> Taken:
        terms = terms_of(self.program, self.actor, self.trial_id)
        self._fill(terms, arrivals)
        self._compare_lines()
        for _ in range(TRIES):
            terms = terms_of(self.program, self.actor, self.trial_id)
            seen = self._compare_with_kept()
            self._refuse_unless_allowed()
            with suppress(_Overtaken):
                return self._count(terms, seen)
        raise Busy

    # Outside the door

    def _fill(self, terms: Terms, arrivals: Iterable[Arrived]) -> None:
        for one in arrivals:
            self.lines += 1
            if self.lines > MOST_LINES:
                raise TooManyLines
            faults = one.faults or terms.faults(one.read.values)  # type: ignore[union-attr]
            if faults:
                self.spool.fault(one.line, map(placed, faults))
            elif one.read is not None:
                values = one.read.values
                self.spool.add(one.line, site_key_of(values["site"]), _text(values["period_start"]),
                               _text(values["period_end"]), one.read.key, one.read.text)
            if self.lines % SLICE == 0:
                self.told.read(self.lines)
        self.spool.flush()

    def _compare_lines(self) -> None:
        """The lines with each other: keys, then periods."""
        self.spool.refuse(self.spool.keys_given_twice(), Fault("key", "key_twice"))
        for found in (self.spool.overlapping, self.spool.across):
            self.spool.refuse(found(), Fault("period_start", "overlaps_line"))

    def _compare_with_kept(self) -> int:
        """The lines with what is kept: keys, then periods. Returns how many entries the log had by then."""
        with self.program.reading() as connection:
            seen = current_tree(connection).size
            self._known_keys(connection)
            taken = [line for site, starts, ends in self.spool.sites()
                     for line in self._taken(connection, site, starts, ends)]
        self.spool.refuse(taken, Fault("period_start", "overlaps"))
        return seen

    def _known_keys(self, connection: sa.Connection) -> None:
        for chunk in self.spool.keyed(KEYS):
            query = sa.select(FEEDBACK.c.source_key, FEEDBACK.c.id, FEEDBACK.c.seal).where(
                FEEDBACK.c.trial_id == self.trial_id, FEEDBACK.c.source_key.in_([key for _, key, _ in chunk]), KEPT)
            known = {row[0]: row for row in connection.execute(query)}
            for line, key, body in chunk:
                if key not in known:
                    continue
                if matches(known[key].seal, bytes(body)):
                    self.spool.repeat(line, known[key].id)
                else:
                    self.spool.refuse([line], Fault("key", "key_reused"))

    def _taken(self, connection: sa.Connection, site: str, starts: str, ends: str) -> Iterator[int]:
        """Lines of a site that share time with a kept report of that site, or of the whole trial."""
        beside = (site, "") if site else tuple(_sites(connection, self.trial_id))
        for other in dict.fromkeys(beside):
            if not self._meets(connection, other, starts, ends):
                continue
            for line, begins, until in self.spool.of_site(site):
                if self._meets(connection, other, begins, until):
                    yield line

    def _meets(self, connection: sa.Connection, site: str, starts: str, ends: str) -> bool:
        return _met.run(connection, {"trial_id": self.trial_id, "site": site, "starts": _instant(starts),
                                     "ends": _instant(ends)}).fetchone() is not None

    def _refuse_unless_allowed(self) -> None:
        refused = self.spool.refused
        nothing = self.spool.fit == 0 and self.spool.repeats == 0
        if refused and (nothing or not self.sending.partial):
            number = self.spool.number("SELECT count(*) FROM faults")
            raise BatchRefused(self.lines, refused, self._faults(), number)

    def _faults(self) -> list[tuple[int, Fault]]:
        return [one for one, _ in zip(self.spool.faults(), range(TOLD), strict=False)]

    # Through the door

    def _count(self, terms: Terms, seen: int) -> Taken:
        """Slices, then the act. What does not come to count is taken back at once, where it can be."""
        fit, now = self.spool.fit, self.program.clock()
        batch_id = new_id("ba", now) if fit and not self.sending.dry_run else None
        slices = _Slices(self, terms, batch_id, now)
        try:
            slices.bring()
            given = slices.given(self.lines, fit, seen)
            if fit == 0:
                return Taken(self._unchanged(terms), self._faults(), list(self.spool.repetitions()))
            done = self.program.acts.do("file_batch", self.actor, given, self.trial_id, key=self.sending.key,
                                        dry_run=self.sending.dry_run)
        except BaseException as error:
            drop(self.program, batch_id)
            if _overtaken(self.program, error):
                raise _Overtaken from error
            raise
        if batch_id and done.id != batch_id:  # the same key came in beside this one, and was first
            drop(self.program, batch_id)
        told = ([], []) if done.id else (self._faults(), list(self.spool.repetitions()))
        return Taken(done, *told, sum(one.exposures for one in given.sums), slices.events)

    def _unchanged(self, terms: Terms) -> BatchFiled:
        """All was kept before: nothing is done."""
        return BatchFiled(id=None, lines=self.lines, kept=0, refused=self.spool.refused, repeated=self.spool.repeats,
                          root=None, light=terms.trial["light"], state=terms.trial["state"])


@dataclass
class _Slices:
    """The lines that are kept, brought in slice by slice and added up on the way."""

    taking: _Taking
    terms: Terms
    batch_id: str | None
    now: datetime
    roots: list[SliceRow] = field(default_factory=list)
    sums: dict[int, dict[str, Any]] = field(default_factory=dict)
    odd: dict[tuple[Any, ...], FeedbackFields] = field(default_factory=dict)
    periods: dict[str, int] = field(default_factory=dict)
    told: tuple[Span, ...] = ()
    places: set[tuple[str | None, str | None]] = field(default_factory=set)
    deadlines: dict[int, Any] = field(default_factory=dict)
    grouped: bool = False

    def bring(self) -> None:
        """Every slice through the door, with the notes of lines that are not kept. A dry run only adds up."""
        taking, blank, done = self.taking, blank_report(), 0
        blank |= {"trial_id": taking.trial_id, "epoch": self.terms.trial["epoch"], "author_id": taking.actor.id,
                  "at": self.kept_as(_text(self.now)), "batch_id": self.batch_id}
        for chunk in _chunks(taking.spool.kept(), SLICE):
            rows = self._rows(chunk, blank)
            if self.batch_id:
                taking.program.door.submit(partial(self._enter, rows=rows))
            done += len(chunk)
            taking.told.kept(done)
        if self.batch_id:
            for notes in _chunks(self._notes(), SLICE):
                taking.program.door.submit(partial(_note, notes=notes))

    def _enter(self, transaction: Transaction, *, rows: list[dict[str, Any]]) -> None:
        """One slice; with the first, the batch itself and the due that takes it back."""
        if len(self.roots) == 1:
            insert_batch(transaction.connection, {
                "id": self.batch_id, "trial_id": self.taking.trial_id, "author_id": self.taking.actor.id,
                "at": self.now, "partial": self.taking.sending.partial, "sent": self.taking.sending.sent,
                "source": self.taking.sending.source}, self.now + LIFE)
        insert_reports(transaction.connection, rows)

    def _rows(self, chunk: list[tuple[Any, ...]], blank: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows of feedback with their ids and seals, in order; the slice's root is noted."""
        batch_id, kept_as = self.batch_id or "", self.kept_as
        ids, hashes, rows = new_ids("fb", self.now + len(self.roots) * MILLISECOND, len(chunk)), [], []
        for sent, report_id, salt in zip(chunk, ids, salts(len(chunk)), strict=True):
            line, site, starts, ends, key, body = sent
            values = orjson.loads(body)
            seal = seal_of(salt, body)
            hashes.append(leaf_hash(leaf_of(batch_id, line, report_id, key, seal)))
            due_at = self._add(values, starts, ends)
            rows.append({**blank, **values, "period_start": kept_as(starts), "period_end": kept_as(ends),
                         "due_at": due_at, "id": report_id, "site_key": site, "source_key": key, "line": line,
                         "seal": seal})
        self.told = joined((*self.told, *((_instant(one[2]), _instant(one[3])) for one in chunk)))
        self.roots.append(SliceRow(first=chunk[0][0], size=len(chunk), root=root_of(hashes).hex()))
        return rows

    @property
    def kept_as(self) -> Callable[[str], Any]:
        """How an instant's text goes into a row: as it is where the database keeps that very text."""
        return str if self.taking.program.writer.dialect.name == "sqlite" else _instant

    def _add(self, values: Mapping[str, Any], starts: str, ends: str) -> Any:
        """The line is added to its reporting period, whose deadline is answered; one that may stop the trial by rule is
        remembered."""
        trial, period = self.terms.trial, self.periods.get(starts)
        if period is None:
            self.periods = self.periods if len(self.periods) < SLICE else {}
            period = self.periods[starts] = period_number(
                trial["starts_at"], trial["feedback_days"], _instant(starts), self.taking.program.settings.zone)
        add_up(self.sums.setdefault(period, {}), values, starts, ends)
        self.grouped = self.grouped or bool(values["groups"])
        version, place = values["model_version"], (values["region"], values["site"])
        self.places.add(place)
        beyond = outside(trial, *place)
        if values["events"].get("harm_S1") or beyond or (version is not None and not same_version(
                version, trial["model_version"])):
            self.odd.setdefault((values["model_version"], bool(values["events"].get("harm_S1")), beyond),
                                FeedbackFields.model_validate({name: values[name] for name in values}))
        return self._deadline(max(1, period))

    def _deadline(self, period: int) -> Any:
        if period not in self.deadlines:
            self.deadlines[period] = self.kept_as(_text(self.terms.schedule.deadline(period)))
        return self.deadlines[period]

    def _notes(self) -> Iterator[dict[str, Any]]:
        number = 0
        for line, fault in self.taking.spool.faults():
            number += 1
            yield {"batch_id": self.batch_id, "number": number, "line": line, "field": fault.field,
                   "code": fault.code, "given": dict(fault.given), "report_id": None}
        for line, report_id in self.taking.spool.repetitions():
            number += 1
            yield {"batch_id": self.batch_id, "number": number, "line": line, "field": "", "code": "repeated",
                   "given": {}, "report_id": report_id}

    @property
    def events(self) -> dict[str, int]:
        """Events by name, over all periods."""
        found: Counter[str] = Counter()
        for one in self.sums.values():
            found.update(one["events"])
        return dict(found)

    def given(self, lines: int, kept: int, seen: int) -> BatchGiven:
        """What the act needs to know."""
        taking = self.taking
        return BatchGiven(
            sent=taking.sending.sent, partial=taking.sending.partial, batch_id=self.batch_id, lines=lines, kept=kept,
            refused=taking.spool.refused, repeated=taking.spool.repeats,
            root=root_of([bytes.fromhex(one.root) for one in self.roots]).hex(), slices=self.roots,
            sums=[_sum(one) for one in self.sums.values()], odd=list(self.odd.values()),
            told=[SpanRow(period_start=start, period_end=end) for start, end in self.told],
            places=[PlaceRow(region=region, site=site) for region, site in self.places],
            groups=self.grouped, epoch=self.terms.trial["epoch"], seen=seen)


WHOLE, PARTS = ("people", "people_new", "reviewed", "labelled"), ("exposures", "hours", "money")
"""What is added up: counts, and amounts, these in millionths as counters keep them: their sum is exact."""


def add_up(total: dict[str, Any], values: Mapping[str, Any], starts: str, ends: str) -> None:
    """Add a report to the sum of its period: what counters and caps take from many is what they take from the sum."""
    if not total:
        total.update(period_start=starts, period_end=ends, events={}, **dict.fromkeys((*WHOLE, *PARTS), 0))
    if starts < total["period_start"]:
        total["period_start"] = starts
    if ends > total["period_end"]:
        total["period_end"] = ends
    for name in WHOLE:
        if values[name] is not None:
            total[name] += values[name]
    for name in PARTS:
        if values[name] is not None:
            total[name] += round(values[name] * MILLION)
    events = total["events"]
    for name, number in values["events"].items():
        events[name] = events.get(name, 0) + number


def _sum(total: Mapping[str, Any]) -> Sum:
    amounts = {name: total[name] / MILLION for name in PARTS}
    return Sum.model_validate({**total, **amounts, "period_start": _instant(total["period_start"]),
                               "period_end": _instant(total["period_end"])})


def drop(program: Program, batch_id: str | None) -> None:
    """Take back a batch that will not count, a slice at a time; what cannot be now, its due does."""
    def job(transaction: Transaction) -> bool:
        return drop_slice(transaction.connection, batch_id or "")

    with suppress(Busy, Unknown):
        while batch_id and program.door.submit(job):
            pass


_before = (
    sa.select(FEEDBACK.c.period_end)
    .where(FEEDBACK.c.trial_id == sa.bindparam("trial_id"), FEEDBACK.c.epoch > 0, COUNTS,
           FEEDBACK.c.site_key == sa.bindparam("site"),
           FEEDBACK.c.period_start < sa.bindparam("ends", type_=Instant))
    .order_by(FEEDBACK.c.period_start.desc()).limit(sa.literal_column("1")).subquery())
_met = Statement(sa.select(sa.literal_column("1")).select_from(_before).where(
    _before.c.period_end > sa.bindparam("starts", type_=Instant)))
_next_site = Statement(sa.select(sa.func.min(FEEDBACK.c.site_key)).where(
    FEEDBACK.c.trial_id == sa.bindparam("trial_id"), FEEDBACK.c.site_key > sa.bindparam("after"), KEPT))


def _sites(connection: sa.Connection, trial_id: str) -> Iterator[str]:
    """The sites of a trial's reports, and none: one step through the index each."""
    site: str | None = ""
    while site is not None:
        yield site
        site = _next_site.run(connection, {"trial_id": trial_id, "after": site}).fetchone()[0]


def _note(transaction: Transaction, *, notes: list[dict[str, Any]]) -> None:
    insert_notes(transaction.connection, notes)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _text(value: datetime) -> str:
    return instant_text(value) or ""


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    chunk: list[Any] = []
    for one in items:
        chunk.append(one)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def digest_of(content: Iterable[bytes]) -> str:
    """The digest of what was sent."""
    found = hashlib.sha256()
    for piece in content:
        found.update(piece)
    return found.hexdigest()

"""The slices of a batch: rows made of its lines, brought in one slice after the other, and added up on the way."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from sandbox.acts.batches import BatchGiven, HeldLine, PlaceRow, SliceRow, SpanRow, Sum
from sandbox.acts.places import outside
from sandbox.jobs.doubts import unpinned
from sandbox.rules.cadence import period_number
from sandbox.rules.reporting import Span, came_late, joined
from sandbox.rules.terms import placed
from sandbox.store.batches import blank_report, insert_batch, insert_notes, insert_reports
from sandbox.store.door import Transaction
from sandbox.store.feedback import FeedbackFields
from sandbox.store.ids import new_ids
from sandbox.store.lines import SLICE, instant, leaf_of, root_of, salts, seal_of, text_of
from sandbox.store.log import leaf_hash
from sandbox.store.types import MILLION

if TYPE_CHECKING:
    from sandbox.jobs.batches import Taking, Terms

LIFE = timedelta(minutes=5)
"""A batch that does not count by then is taken back: whoever sent it heard nothing, or heard that it was too busy."""
MILLISECOND = timedelta(milliseconds=1)


@dataclass
class Slices:
    """The lines that are kept, brought in slice by slice and added up on the way."""

    taking: "Taking"
    terms: "Terms"
    batch_id: str | None
    now: datetime
    roots: list[SliceRow] = field(default_factory=list)
    sums: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    odd: dict[tuple[Any, ...], FeedbackFields] = field(default_factory=dict)
    periods: dict[str, int] = field(default_factory=dict)
    told: tuple[Span, ...] = ()
    places: set[tuple[str | None, str | None]] = field(default_factory=set)
    deadlines: dict[int, tuple[Any, bool]] = field(default_factory=dict)
    grouped: bool = False

    def bring(self) -> None:
        """Every slice through the door, with the notes of lines that are not kept. A dry run only adds up."""
        taking, blank, done = self.taking, blank_report(), 0
        blank |= {"trial_id": taking.trial_id, "author_id": taking.actor.id,
                  "at": self.kept_as(text_of(self.now)), "batch_id": self.batch_id}
        for chunk in chunks(taking.spool.kept(), SLICE):
            rows = self._rows(chunk, blank)
            if self.batch_id:
                taking.program.door.submit(partial(self._enter, rows=rows))
            done += len(chunk)
            taking.told.kept(done)
        if self.batch_id and not self.roots:
            taking.program.door.submit(self._begin)
        if self.batch_id:
            for notes in chunks(self._notes(), SLICE):
                taking.program.door.submit(partial(_note, notes=notes))

    def _enter(self, transaction: Transaction, *, rows: list[dict[str, Any]]) -> None:
        """One slice; with the first, the batch itself and the due that takes it back."""
        if len(self.roots) == 1:
            self._begin(transaction)
        insert_reports(transaction.connection, rows)

    def _begin(self, transaction: Transaction) -> None:
        insert_batch(transaction.connection, {
            "id": self.batch_id, "trial_id": self.taking.trial_id, "author_id": self.taking.actor.id,
            "at": self.now, "partial": self.taking.sending.partial, "sent": self.taking.sending.sent,
            "source": self.taking.sending.source}, self.now + LIFE)

    def _rows(self, chunk: list[tuple[Any, ...]], blank: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Rows of feedback with their ids and seals, in order; the slice's root is noted."""
        batch_id, kept_as = self.batch_id or "", self.kept_as
        ids, hashes, rows = new_ids("fb", self.now + len(self.roots) * MILLISECOND, len(chunk)), [], []
        for sent, report_id, salt in zip(chunk, ids, salts(len(chunk)), strict=True):
            line, site, starts, ends, key, body = sent
            values = orjson.loads(body)
            seal = seal_of(salt, body)
            hashes.append(leaf_hash(leaf_of(batch_id, line, report_id, key, seal)))
            epoch = self._epoch(ends)
            due_at, late = self._add(values, epoch, starts, ends)
            rows.append({**blank, **values, "period_start": kept_as(starts), "period_end": kept_as(ends),
                         "epoch": epoch, "due_at": due_at, "late": late, "id": report_id, "site_key": site,
                         "source_key": key, "line": line, "seal": seal})
        self.told = joined((*self.told, *((instant(one[2]), instant(one[3])) for one in chunk)))
        self.roots.append(SliceRow(first=chunk[0][0], size=len(chunk), root=root_of(hashes).hex()))
        return rows

    @property
    def kept_as(self) -> Callable[[str], Any]:
        """How an instant's text goes into a row: as it is where the database keeps that very text."""
        return str if self.taking.program.writer.dialect.name == "sqlite" else instant

    def _epoch(self, ends: str) -> int:
        """The epoch that a line reaches into."""
        return next((number for number, opened in self.terms.epochs if ends > opened), 1)

    def _add(self, values: Mapping[str, Any], epoch: int, starts: str, ends: str) -> tuple[Any, bool]:
        """The line is added to its reporting period, whose deadline is answered, and whether it is too late for it; one
        that may stop the trial by rule is remembered."""
        trial, period = self.terms.trial, self.periods.get(starts)
        if period is None:
            self.periods = self.periods if len(self.periods) < SLICE else {}
            period = self.periods[starts] = period_number(
                trial["starts_at"], trial["feedback_days"], instant(starts), self.taking.program.settings.zone)
        add_up(self.sums.setdefault((epoch, period), {}), values, starts, ends)
        self.grouped = self.grouped or bool(values["groups"])
        version, place = values["model_version"], (values["region"], values["site"])
        self.places.add(place)
        beyond, other = self._beyond(place, starts, ends), unpinned(self.terms, version, starts, ends)
        if values["events"].get("harm_S1") or beyond or other:
            self.odd.setdefault((version if other else "", bool(values["events"].get("harm_S1")), beyond),
                                FeedbackFields.model_validate({name: values[name] for name in values}))
        return self._deadline(max(1, period))

    def _beyond(self, place: tuple[str | None, str | None], starts: str, ends: str) -> bool:
        """Whether a place was not agreed on at the line's own time."""
        if not self.terms.versions or not any(place):
            return outside(self.terms.trial, *place)
        return not placed(*place, self.terms.versions, instant(starts), instant(ends))

    def _deadline(self, period: int) -> tuple[Any, bool]:
        if period not in self.deadlines:
            deadline = self.terms.schedule.deadline(period)
            self.deadlines[period] = self.kept_as(text_of(deadline)), came_late(self.now, deadline)
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

    def _held(self) -> Iterator[HeldLine]:
        for line, key, body, doubts in self.taking.spool.held():
            yield HeldLine(line=line, report=FeedbackFields.model_validate(orjson.loads(body)), doubts=doubts.split(),
                           key=key, seal=seal_of(salts(1)[0], body).hex() if key else None)

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
            sums=[_sum(epoch, one) for (epoch, _), one in self.sums.items()], odd=list(self.odd.values()),
            told=[SpanRow(period_start=start, period_end=end) for start, end in self.told],
            places=[PlaceRow(region=region, site=site) for region, site in self.places],
            held=list(self._held()), causes=taking.causes, groups=self.grouped,
            epoch=self.terms.trial["epoch"], seen=seen)


WHOLE, PARTS = ("people", "people_new", "reviewed", "labelled"), ("exposures", "hours", "money")
"""What is added up: counts, and amounts, these in millionths as counters keep them: their sum is exact."""


def add_up(total: dict[str, Any], values: Mapping[str, Any], starts: str, ends: str) -> None:
    """Add a report to the sum of its period: what counters and caps take from many is what they take from the sum."""
    if not total:
        total.update(period_start=starts, period_end=ends, events={}, distributions={},
                     **dict.fromkeys((*WHOLE, *PARTS), 0))
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
    for row in values["distributions"]:
        so_far = total["distributions"].get(row["name"]) or [0] * len(row["counts"])
        total["distributions"][row["name"]] = [one + more for one, more in zip(so_far, row["counts"], strict=True)]


def _sum(epoch: int, total: Mapping[str, Any]) -> Sum:
    amounts = {name: total[name] / MILLION for name in PARTS}
    distributions = [{"name": name, "counts": counts} for name, counts in total["distributions"].items()]
    return Sum.model_validate({
        **total, **amounts, "epoch": epoch, "distributions": distributions,
        "period_start": instant(total["period_start"]), "period_end": instant(total["period_end"])})


def _note(transaction: Transaction, *, notes: list[dict[str, Any]]) -> None:
    insert_notes(transaction.connection, notes)


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """So many at a time."""
    chunk: list[Any] = []
    for one in items:
        chunk.append(one)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk

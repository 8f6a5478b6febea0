"""Taking in a batch: read and compared outside the door, brought in by slices that nobody sees, made to count by one
short act. A single filing beside it waits for a slice at most; a crash at any point leaves nothing that counts.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.acts.batches import BatchFiled
from sandbox.acts.feedback import EVENTS, TAKES_REPORTS
from sandbox.acts.holding import can_wait
from sandbox.acts.refusals import NotFound, Refused
from sandbox.jobs.doubts import Together, doubtful
from sandbox.jobs.program import Program
from sandbox.jobs.slices import Slices
from sandbox.rules.access import Actor
from sandbox.rules.lifecycle import ROWS
from sandbox.rules.reporting import Schedule
from sandbox.rules.terms import Version
from sandbox.store.batches import (
    COUNTS,
    KEPT,
    drop_slice,
)
from sandbox.store.changes import adjusted_versions
from sandbox.store.distributions import BASELINES
from sandbox.store.door import Busy, Transaction, Unknown
from sandbox.store.engine import Statement
from sandbox.store.evidence import EPOCHS
from sandbox.store.faults import Fault, placed
from sandbox.store.feedback import FEEDBACK, site_key_of
from sandbox.store.held import HELD, HeldState
from sandbox.store.ids import new_id
from sandbox.store.lines import SLICE, instant, matches, text_of
from sandbox.store.log import current_tree
from sandbox.store.reports import Read
from sandbox.store.scope import seen_trial
from sandbox.store.spool import Spool
from sandbox.store.trials import LIMITS
from sandbox.store.types import Instant

MOST_LINES = 200_000
TOLD = 1000
"""Faults that an answer repeats; their number is told whole."""
AT_ONCE = 3
"""Batches that one process takes in at a time; one more is told to come back."""
CROWDED = 1024
"""Filings that wait for the door when a batch is told to come back."""
TRIES = 5
AT = "%Y-%m-%d %H:%M"
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
    """What became of a batch; faults, repetitions and lines to be held where no kept batch has them (a dry run, or
    nothing new)."""

    done: BatchFiled
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    repeated: list[tuple[int, str]] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    exposures: float = 0.0
    events: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a trial asks of a line, beside what every report must be."""

    trial: Mapping[str, Any]
    now: datetime
    first: datetime
    events: frozenset[str]
    distributions: frozenset[str]
    zone: tzinfo
    epochs: tuple[tuple[int, str], ...]
    """Each epoch's number and opening, as text, the latest first."""
    versions: tuple[Version, ...] = ()
    """Of the plan's terms, where they were adjusted."""

    @property
    def schedule(self) -> Schedule:
        """The trial's reporting periods."""
        return Schedule(self.trial["starts_at"], self.trial["feedback_days"], self.zone)

    def faults(self, values: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with a report for this trial."""
        late, early = values["period_end"] > self.now, values["period_start"] < self.first
        across = self.schedule.spans_two((values["period_start"], values["period_end"]))
        unknown = [place for place, row in enumerate(values["distributions"]) if row["name"] not in self.distributions]
        if not (late or early or across or unknown) and self.events.issuperset(values["events"]):
            return []
        found = [Fault("period_end", "in_future")] if late else []
        found += [Fault("period_start", "before_start")] if early else []
        if across is not None and not (late or early):
            found.append(Fault("period_end", "spans_periods", {"at": across.astimezone(self.zone).strftime(AT)}))
        found += [Fault(f"distributions.{place}.name", "unknown_distribution") for place in unknown]
        return found + [Fault(f"events.{name}", "unknown_event") for name in values["events"]
                        if name not in self.events]


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
                return Taking(self._program, actor, trial_id, sending, spool, told or Progress()).take(arrivals)
        finally:
            self._places.release()


class Progress:
    """Told how far a batch has come: lines read, then lines brought in."""

    def read(self, lines: int) -> None:
        """So many lines are read."""

    def kept(self, lines: int) -> None:
        """So many lines are in."""


class Taking:
    """One batch being taken in."""

    def __init__(self, program: Program, actor: Actor, trial_id: str, sending: Sending, spool: Spool,
                 told: Progress) -> None:
        self.program, self.actor, self.trial_id = program, actor, trial_id
        self.sending, self.spool, self.told = sending, spool, told
        self.lines, self.together = 0, Together()
        self.causes: list[str] = []

    def take(self, arrivals: Iterable[Arrived]) -> Taken:
        terms = terms_of(self.program, self.actor, self.trial_id)
        self._fill(terms, arrivals)
        self._compare_lines()
        for _ in range(TRIES):
            terms = terms_of(self.program, self.actor, self.trial_id)
            self.spool.let_go()
            seen = self._compare_with_kept()
            self._refuse_unless_allowed()
            with suppress(_Overtaken):
                self._hold_back(terms, seen)
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
                self.together.add(values)
                self.spool.add(one.line, site_key_of(values["site"]), text_of(values["period_start"]),
                               text_of(values["period_end"]), one.read.key, one.read.text)
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
        """What is kept under a line's key is that very line, and what is held back under it too."""
        held = {row[0]: row[1] for row in connection.execute(sa.select(HELD.c.source_key, HELD.c.seal).where(
            HELD.c.trial_id == self.trial_id, HELD.c.state == HeldState.WAITING, HELD.c.source_key.is_not(None)))}
        for chunk in self.spool.keyed(KEYS):
            query = sa.select(FEEDBACK.c.source_key, FEEDBACK.c.id, FEEDBACK.c.seal).where(
                FEEDBACK.c.trial_id == self.trial_id, FEEDBACK.c.source_key.in_([key for _, key, _ in chunk]), KEPT)
            known = {row[0]: row for row in connection.execute(query)}
            for line, key, body in chunk:
                same = key in known and matches(known[key].seal, bytes(body))
                if same:
                    self.spool.repeat(line, known[key].id)
                elif key in known or key in held and not matches(held[key], bytes(body)):
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
        return _met.run(connection, {"trial_id": self.trial_id, "site": site, "starts": instant(starts),
                                     "ends": instant(ends)}).fetchone() is not None

    def _refuse_unless_allowed(self) -> None:
        refused = self.spool.refused
        nothing = self.spool.fit == 0 and self.spool.repeats == 0
        if refused and (nothing or not self.sending.partial):
            number = self.spool.number("SELECT count(*) FROM faults")
            raise BatchRefused(self.lines, refused, self._faults(), number)

    def _faults(self) -> list[tuple[int, Fault]]:
        return [one for one, _ in zip(self.spool.faults(), range(TOLD), strict=False)]

    # Through the door

    def _hold_back(self, terms: Terms, seen: int) -> None:
        """Lines that look like slips of the pen are set aside where the trial would be stopped otherwise, and not for
        harm: they wait a day, as a single filing does, and the others count."""
        with self.program.reading() as connection:
            doubted = doubtful(connection, terms, self.spool, self.together)
        if not doubted or ("suspend", terms.trial["state"]) not in ROWS:
            return
        rehearsal = Slices(self, terms, None, self.program.clock())
        rehearsal.bring()
        given = rehearsal.given(self.lines, self.spool.fit, seen)
        done = self.program.acts.do("file_batch", self.actor, given, self.trial_id, dry_run=True)
        if can_wait(done.causes):
            self.causes = done.causes
            for line, doubts in doubted:
                self.spool.hold(line, doubts)

    def _count(self, terms: Terms, seen: int) -> Taken:
        """Slices, then the act. What does not come to count is taken back at once, where it can be."""
        fit, now, held = self.spool.fit, self.program.clock(), [line for line, *_ in self.spool.held()]
        something = bool(fit or held)
        batch_id = new_id("ba", now) if something and not self.sending.dry_run else None
        slices = Slices(self, terms, batch_id, now)
        try:
            slices.bring()
            given = slices.given(self.lines, fit, seen)
            if not something:
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
        told = ([], [], []) if done.id else (self._faults(), list(self.spool.repetitions()), held)
        return Taken(done, *told, sum(one.exposures for one in given.sums), slices.events)

    def _unchanged(self, terms: Terms) -> BatchFiled:
        """All was kept before: nothing is done."""
        return BatchFiled(id=None, lines=self.lines, kept=0, refused=self.spool.refused, repeated=self.spool.repeats,
                          root=None, light=terms.trial["light"], state=terms.trial["state"])


def drop(program: Program, batch_id: str | None) -> None:
    """Take back a batch that will not count, a slice at a time; what cannot be now, its due does."""
    def job(transaction: Transaction) -> bool:
        return drop_slice(transaction.connection, batch_id or "")

    with suppress(Busy, Unknown):
        while batch_id and program.door.submit(job):
            pass


def terms_of(program: Program, actor: Actor, trial_id: str) -> Terms:
    """What this trial asks. Raises NotFound, NotPermitted, Refused as the act would."""
    program.acts.permit("file_batch", actor, trial_id)
    with program.reading() as connection:
        trial = seen_trial(connection, actor, trial_id)
        names = connection.execute(sa.select(LIMITS.c.indicator).where(LIMITS.c.trial_id == trial_id)).scalars().all()
        watched = frozenset(connection.execute(sa.select(BASELINES.c.name).where(
            BASELINES.c.trial_id == trial_id)).scalars())
        opened = connection.execute(sa.select(EPOCHS.c.epoch, EPOCHS.c.opened_at).where(
            EPOCHS.c.trial_id == trial_id).order_by(EPOCHS.c.epoch.desc()))
        epochs = tuple((number, text_of(at)) for number, at in opened)
        versions = adjusted_versions(connection, trial) if trial else ()
    if trial is None:
        raise NotFound
    if trial["state"] not in TAKES_REPORTS:
        raise Refused("no_exposure_allowed", state=trial["state"])
    first = trial["starts_at"].astimezone(program.settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return Terms(trial, program.clock(), first, EVENTS | frozenset(names), watched, program.settings.zone, epochs,
                 versions)


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

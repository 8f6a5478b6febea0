"""The kernel: permission, idempotency, one transaction, one instant, the rows, one log entry. No act can forget them.

An act is a function `(act, given) -> done` in the table ACTS. It takes ids and a frozen given, returns a frozen done;
no row object, request, user or locale crosses. Everything goes through the store's one door.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from types import MappingProxyType
from typing import Any, TypeVar, get_type_hints

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from sandbox.acts.refusals import KeyReused, NotFound, NotPermitted
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Relation, may
from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.store.answers import ANSWERS
from sandbox.store.door import Door, Transaction
from sandbox.store.engine import Statement
from sandbox.store.fields import Fields, canonical, defaults_of
from sandbox.store.ids import new_id
from sandbox.store.scope import OWNED, held_trial, relation_to, trial_of
from sandbox.store.trials import TRIALS

Clock = Callable[[], datetime]
Given = TypeVar("Given", bound=Fields)
T = TypeVar("T")


class Receipt(BaseModel):
    """Where the act stands in the log: the leaf's sequence number and hash."""

    model_config = ConfigDict(frozen=True)
    seq: int
    leaf: str


class Done(BaseModel):
    """The base of every act's answer: frozen, plain values. `receipt` is filled by the kernel."""

    model_config = ConfigDict(frozen=True, defer_build=True)
    receipt: Receipt | None = None


class Made(Done):
    """The id of what was made or changed."""

    id: str


@dataclass(frozen=True, slots=True)
class ActKind:
    """A row of ACTS. `on` is the kind of object the act is about, reached through its trial where it has one."""

    name: str
    function: Callable[..., Any]
    given: type[Fields]
    done: type[Done]
    on: str | None


ACTS: dict[str, ActKind] = {}
A = TypeVar("A", bound=Callable[..., Any])


def act(on: str | None = None) -> Callable[[A], A]:
    """Put a function into ACTS under its own name; its annotations say what it takes and answers."""

    def enter(function: A) -> A:
        hints = get_type_hints(function)
        name = function.__name__
        ACTS[name] = ActKind(name, function, hints["given"], hints["return"], on)
        return function

    return enter


class DryRun(Exception):
    """Carries what would have been answered out of a transaction that is rolled back."""

    def __init__(self, done: Done) -> None:
        self.done = done


class Held(dict[str, Any]):
    """A trial's row while an act runs. Changes are collected and written once, when the act ends or causes another."""

    def __init__(self, row: Mapping[str, Any] = MappingProxyType({})) -> None:
        super().__init__(row)
        self.was: dict[str, Any] = {}

    def change(self, values: Mapping[str, Any]) -> None:
        """Take on new values, remembering what they replace. A value that stays is not written: no index is touched."""
        changed = {name: value for name, value in values.items() if value != self[name]}
        for name in changed:
            self.was.setdefault(name, self[name])
        self.update(changed)


@dataclass
class Act:
    """What an act's function gets: the instant, the actor, its trial, and the only ways to write."""

    transaction: Transaction
    now: datetime
    place: Jurisdiction
    actor: Actor
    relation: Relation | None = None
    object_id: str | None = None
    trial: Held = field(default_factory=Held)
    logged_as: str | None = None
    reason: str | None = None
    request: str | None = None
    seq: int = -1
    old: list[Any] = field(default_factory=list)
    new: list[Any] = field(default_factory=list)
    lines: Mapping[str, Any] | None = None

    @property
    def zone(self) -> tzinfo:
        """Whose midnight ends a day."""
        return self.place.zone

    @property
    def connection(self) -> sa.Connection:
        """For reading inside the act's transaction."""
        return self.transaction.connection

    def id(self, prefix: str) -> str:
        """A fresh public id at the act's instant."""
        return new_id(prefix, self.now)

    def insert(self, table: sa.Table, values: Mapping[str, Any]) -> None:
        """Add one row; it enters the entry's digest."""
        values = {**defaults_of(table), **values}
        _insert(table, tuple(values)).run(self.connection, values)
        self.new.append([table.name, values])

    def update(self, table: sa.Table, row_id: str, **values: Any) -> None:
        """Change columns of one row by id; the new values enter the entry's digest."""
        _update(table, tuple(values)).run(self.connection, {"row_id": row_id, **values})
        self.new.append([table.name, row_id, values])

    def change_trial(self, **values: Any) -> None:
        """Change the act's trial; its version goes up once an act, so that ETags and edits see it."""
        self.trial.was.setdefault("version", self.trial["version"])
        self.trial.change(values)

    def leave_version(self) -> None:
        """What was changed of the trial so far shows to nobody who reads its version: an act that not everyone may
        know of leaves no trace there."""
        self.trial.was.pop("version", None)

    def hold_trial(self, trial_id: str) -> None:
        """Make this trial the act's own; raises NotFound."""
        self.trial = Held(self.row(TRIALS, trial_id))

    def write_trial(self) -> None:
        """Write what was changed of the act's trial; old and new values enter the entry's digest."""
        if self.trial.was:
            if "version" in self.trial.was:
                self.trial["version"] += 1
            trial_id, values = self.trial["id"], {name: self.trial[name] for name in self.trial.was}
            self.old.append([TRIALS.name, trial_id, self.trial.was])
            self.trial.was = {}
            self.update(TRIALS, trial_id, **values)

    def row(self, table: sa.Table, row_id: str) -> dict[str, Any]:
        """One row by id, locked until the act ends where the database locks rows; raises NotFound."""
        found = _row(table).first(self.connection, {"row_id": row_id})
        if found is None:
            raise NotFound
        return found

    def rehearsed(self, do: Callable[["Act"], T]) -> T:
        """What something would come to: done in a savepoint of its own, then undone with its rows and entries."""
        rehearsal = replace(self, trial=Held(self.trial), old=[], new=[])
        rehearsal.trial.was = dict(self.trial.was)
        raw: Any = self.connection.connection.driver_connection
        entries = self.transaction.log.entries
        mark = len(entries)
        raw.execute("SAVEPOINT rehearsal")
        try:
            return do(rehearsal)
        finally:
            del entries[mark:]
            raw.execute("ROLLBACK TO SAVEPOINT rehearsal")
            raw.execute("RELEASE SAVEPOINT rehearsal")

    def caused(self, name: str, do: Callable[["Act"], Any], trial: Held | None = None) -> Any:
        """Let the SYSTEM do something because of this act: same transaction, its own entry names this one."""
        self.write_trial()
        sub = Act(self.transaction, self.now, self.place, SYSTEM_ACTOR, Relation.SYSTEM, self.object_id,
                  self.trial if trial is None else trial, name, request=self.request)
        return _entered(sub, lambda: do(sub), cause=self.seq)


def _entered(act: Act, do: Callable[[], Any], cause: int | None = None) -> Any:
    slot = act.transaction.log.reserve()
    act.seq = act.transaction.log.seq_of(slot)
    result = do()
    act.write_trial()
    act.transaction.log.fill(slot, at=act.now, actor=act.actor.id, role=act.actor.role.value, act=act.logged_as or "",
                             subject=act.object_id, trial=act.trial.get("id"), reason=act.reason, old=act.old,
                             new=act.new, cause=cause, request=act.request, lines=act.lines)
    return result


_statements: dict[tuple[str, str, tuple[str, ...]], Statement] = {}


def _row(table: sa.Table) -> Statement:
    key = ("row", table.name, ())
    if key not in _statements:
        _statements[key] = Statement(sa.select(table).where(table.c.id == sa.bindparam("row_id")).with_for_update(
            key_share=True))
    return _statements[key]


def _insert(table: sa.Table, names: tuple[str, ...]) -> Statement:
    key = ("insert", table.name, names)
    if key not in _statements:
        _statements[key] = Statement(sa.insert(table).values({n: sa.bindparam(n, type_=table.c[n].type)
                                                              for n in names}))
    return _statements[key]


def _update(table: sa.Table, names: tuple[str, ...]) -> Statement:
    key = ("update", table.name, names)
    if key not in _statements:
        values = {n: sa.bindparam(n, type_=table.c[n].type) for n in names}
        _statements[key] = Statement(sa.update(table).where(table.c.id == sa.bindparam("row_id")).values(values))
    return _statements[key]


_stored = Statement(sa.select(ANSWERS.c.digest, ANSWERS.c.answer).where(
    ANSWERS.c.actor_id == sa.bindparam("actor"), ANSWERS.c.key == sa.bindparam("key")))


class Acts:
    """All acts, at one clock, through one door. Safe to call from any number of threads."""

    def __init__(self, door: Door, clock: Clock, place: Jurisdiction) -> None:
        self._door = door
        self.clock = clock
        self.place = place

    def do(self, name: str, actor: Actor, data: Mapping[str, Any] | Fields, on: str | None = None, *,
           key: str | None = None, dry_run: bool = False, request: str | None = None) -> Any:
        """Do an act; durable on return. The answer to a repeated key is the stored one.

        Raises NotFound, NotPermitted, Refused (Unmet with every need), Invalid, KeyReused, pydantic's ValidationError,
        Busy and Unknown. What is not yours is not found before anything of the given is looked at."""
        kind = ACTS[name]

        def job(transaction: Transaction) -> Done:
            act = self._arrive(transaction, kind, actor, on, request)
            given = data if isinstance(data, kind.given) else kind.given.model_validate(data)
            return self._once(act, kind, given, key, dry_run)

        if not isinstance(data, Fields):
            data = self._validated(kind, actor, data, on)
        try:
            done: Done = self._door.submit(job)
        except DryRun as outcome:
            done = outcome.done
        return done

    def permit(self, name: str, actor: Actor, on: str | None = None) -> None:
        """Raise NotFound or NotPermitted as `do` would before it looks at anything given; change nothing."""
        self._door.submit(lambda transaction: self._arrive(transaction, ACTS[name], actor, on, None))

    def answered(self, name: str, actor: Actor, sent: Any, on: str | None, key: str) -> Any:
        """What a repeated key was answered, None for a new one: to be asked before work that ends in `do`. `sent` is
        the given's plain values. Raises NotFound, NotPermitted and KeyReused as `do` would."""
        kind = ACTS[name]

        def job(transaction: Transaction) -> Done | None:
            act = self._arrive(transaction, kind, actor, on, None)
            return _stored_answer(act, kind, key, _digest(kind.name, on, sent))

        return self._door.submit(job)

    def _validated(self, kind: ActKind, actor: Actor, data: Mapping[str, Any], on: str | None) -> Any:
        """Outside the door, where it costs nobody else; a fault is left for the job, which narrows first."""
        try:
            return kind.given.model_validate(data)
        except ValueError:
            return data

    def _arrive(self, transaction: Transaction, kind: ActKind, actor: Actor, on: str | None,
                request: str | None) -> Act:
        if on is not None and "\0" in on:  # no id has one, and PostgreSQL cannot even look for it
            raise NotFound
        act = Act(transaction, self.clock(), self.place, actor, object_id=on, logged_as=kind.name, request=request)
        if kind.on in OWNED:
            trial_id = on if kind.on == "trial" else trial_of(act.connection, actor, kind.on, on or "")
            row = held_trial(act.connection, actor, trial_id or "")
            if row is None:
                raise NotFound
            act.relation, act.trial = relation_to(act.connection, actor, row["id"]), Held(row)
        if not may(actor, kind.name, act.relation):
            raise NotPermitted("not_permitted")
        return act

    def _once(self, act: Act, kind: ActKind, given: Fields, key: str | None, dry_run: bool) -> Done:
        mark = _digest(kind.name, act.object_id, given.marked()) if key else ""
        if key and (stored := _stored_answer(act, kind, key, mark)) is not None:
            return stored
        done = _entered(act, lambda: kind.function(act, given))
        if dry_run:
            raise DryRun(done)
        seq, leaf = act.transaction.log.leaf_of(act.seq)
        done = done.model_copy(update={"receipt": Receipt(seq=seq, leaf=leaf)})
        if key:
            answer = {"actor_id": act.actor.id, "key": key, "act": kind.name, "digest": mark,
                      "answer": done.model_dump(mode="json", exclude={"secret"}), "at": act.now}
            _insert(ANSWERS, tuple(answer)).run(act.connection, answer)
        return done


def _stored_answer(act: Act, kind: ActKind, key: str, mark: str) -> Done | None:
    stored = _stored.first(act.connection, {"actor": act.actor.id, "key": key})
    if stored is None:
        return None
    if stored["digest"] != mark:
        raise KeyReused("key_reused")
    return kind.done.model_validate(stored["answer"])


def _digest(name: str, on: str | None, plain: Any) -> str:
    return hashlib.sha256(canonical([name, on, plain])).hexdigest()

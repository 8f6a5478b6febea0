"""The write door: jobs in batches, jobs that fail alone, storage that fails, two processes on one file, one log."""

import json
import random
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from processes import OTHERS
from pydantic import ValidationError
from sqlmodel import SQLModel

import sandbox.jobs.program  # noqa: F401 every table is declared once the program is imported
from sandbox.store import door as door_room
from sandbox.store.door import Busy, Door, Transaction, Unknown
from sandbox.store.engine import Statement, make_engine
from sandbox.store.log import LOG, NODES
from sandbox.store.organisations import ALIASES, ORGANISATIONS, OrganisationFields
from sandbox.store.verification import verify

try:
    import psycopg
except ImportError:
    psycopg = None  # type: ignore[assignment]

NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
PATIENCE = 30
ADD_ALIAS = Statement(sa.insert(ALIASES))
Job = Callable[[Transaction], Any]


class Refusal(Exception):
    """What a job raises on purpose."""


BOTH = pytest.mark.parametrize("url", ["sqlite", "postgres"], indirect=True)
"""What holds on either database; the other tests are about faults that only a file can be given."""


@pytest.fixture(scope="module")
def on_postgres(postgres: Callable[[], str]) -> str:
    """One database for all tests here: a fresh one for each would cost a second."""
    return postgres()


@pytest.fixture
def url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The address of a database with every table and no row: SQLite's unless the test is for both."""
    address, statements = f"sqlite:///{tmp_path / 'sandbox.db'}", ()
    if getattr(request, "param", "sqlite") == "postgres":
        address = request.getfixturevalue("on_postgres")
        statements = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    engine = make_engine(address, writing=True)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
        SQLModel.metadata.create_all(connection)
    engine.dispose()
    return address


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    made = make_engine(url, writing=True)
    yield made
    made.dispose()


@pytest.fixture
def readers(url: str) -> Iterator[sa.Engine]:
    made = make_engine(url, writing=False)
    yield made
    made.dispose()


@pytest.fixture
def door(engine: sa.Engine) -> Iterator[Door]:
    made = Door(engine)
    yield made
    made.close()
    with engine.connect() as connection:
        assert verify(connection).problems == ()


def entered(transaction: Transaction, name: str) -> int:
    """What every act does: reserve its slot, write its row, fill the entry; returns the sequence number."""
    slot = transaction.log.reserve()
    transaction.connection.execute(sa.insert(ORGANISATIONS).values(
        id=f"or_{name}", name=name, kind="firm", created_at=NOW))
    transaction.log.fill(slot, at=NOW, actor="ac_1", role="regulator", act="register_organisation", subject=name,
                         trial=None, reason=None, old=None, new=name, cause=None, request=None)
    return transaction.log.seq_of(slot)


def enter(name: str) -> Job:
    return lambda transaction: entered(transaction, name)


def after(do: Callable[[Transaction], Any], name: str = "half") -> Job:
    """A job that writes its row and its entry, and then does something it should not."""

    def job(transaction: Transaction) -> Any:
        entered(transaction, name)
        return do(transaction)

    return job


def throw(error: BaseException) -> Callable[[Transaction], Any]:
    def do(transaction: Transaction) -> Any:
        raise error

    return do


def driver(transaction: Transaction) -> Any:
    return transaction.connection.connection.driver_connection


def say(*statements: str, error: BaseException | None = None) -> Callable[[Transaction], None]:
    """Speak to the database behind the door's back, then perhaps fail."""

    def do(transaction: Transaction) -> None:
        for statement in statements:
            driver(transaction).execute(statement)
        if error:
            raise error

    return do


def names(readers: sa.Engine) -> list[str]:
    with readers.connect() as connection:
        return sorted(connection.execute(sa.select(ORGANISATIONS.c.name)).scalars())


def logged(readers: sa.Engine) -> list[str]:
    """The subjects of the log's entries, in its order."""
    with readers.connect() as connection:
        return [json.loads(leaf)["object"] for leaf in connection.execute(
            sa.select(LOG.c.leaf).order_by(LOG.c.seq)).scalars()]


class Held:
    """Holds the writer in a job, so that what is submitted meanwhile queues up in order and becomes one batch."""

    def __init__(self, door: Door) -> None:
        self.door, self.go, inside = door, threading.Event(), threading.Event()
        self.pool = ThreadPoolExecutor(512)
        self.pool.submit(door.submit, lambda transaction: (inside.set(), self.go.wait(PATIENCE)))
        assert inside.wait(PATIENCE)

    def queue(self, *jobs: Job) -> list[Future[Any]]:
        futures = []
        for job in jobs:
            before = self.door.waiting
            futures.append(self.pool.submit(self.door.submit, job))
            while self.door.waiting == before:
                time.sleep(0)
        return futures

    def release(self) -> None:
        self.go.set()
        self.pool.shutdown()


def together(door: Door, *jobs: Job) -> list[Any]:
    """What each of the jobs of one batch came to, in their order: a result or an exception."""
    held = Held(door)
    futures = held.queue(*jobs)
    held.release()
    return [future.exception() or future.result() for future in futures]


# Batches


@BOTH
def test_each_caller_gets_its_own_result_in_the_order_of_arrival(door: Door, readers: sa.Engine):
    assert together(door, *(enter(f"n{i:03}") for i in range(100))) == list(range(100))
    assert logged(readers) == [f"n{i:03}" for i in range(100)]


@BOTH
def test_what_was_answered_is_there_for_every_other_connection(door: Door, readers: sa.Engine):
    door.submit(enter("one"))
    assert names(readers) == logged(readers) == ["one"]


def test_more_than_a_batch_takes_its_turn(door: Door, readers: sa.Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door_room, "BATCH", 7)
    assert together(door, *(enter(f"n{i:03}") for i in range(50))) == list(range(50))


@BOTH
def test_a_job_without_an_entry_leaves_no_mark_in_the_log(door: Door, readers: sa.Engine):
    assert together(door, enter("one"), lambda transaction: "read only", enter("two")) == [0, "read only", 1]
    assert logged(readers) == ["one", "two"]


@BOTH
def test_a_job_cannot_submit_another_job(door: Door, readers: sa.Engine):
    failed, good = together(door, after(lambda transaction: door.submit(enter("inner"))), enter("one"))
    assert isinstance(failed, RuntimeError)
    assert (good, names(readers)) == (0, ["one"])


# Jobs that fail


DATABASE = (sqlite3.Error, sa.exc.DBAPIError, Busy, *((psycopg.Error,) if psycopg else ()))
FAILURES: dict[str, tuple[Job, type[BaseException] | tuple[type[BaseException], ...]]] = {
    "refuses": (after(throw(Refusal())), Refusal),
    "has a bug": (after(lambda transaction: {}["missing"]), KeyError),
    "takes a name twice": (after(lambda transaction: entered(transaction, "half")), sa.exc.IntegrityError),
    "breaks a check at the driver": (after(say("UPDATE organisations SET kind = 'circus'")), DATABASE),
    "is given what does not fit": (after(lambda transaction: OrganisationFields.model_validate({})), ValidationError),
    "wants to stop the program": (after(throw(SystemExit())), SystemExit),
    "changes the log": (after(say("DELETE FROM log_entries WHERE seq >= 0")), DATABASE),
    "leaves a savepoint of its own open": (after(say("SAVEPOINT own", error=Refusal())), Refusal),
    "releases the door's savepoint": (after(say("RELEASE SAVEPOINT act", error=Refusal())), Refusal),
    "releases it and goes on": (after(say("RELEASE SAVEPOINT act")), DATABASE),
    "ends the transaction": (after(say("ROLLBACK")), DATABASE),
    "ends it and fails": (after(say("ROLLBACK", error=Refusal())), Refusal),
}


@BOTH
@pytest.mark.parametrize("how", FAILURES)
def test_a_job_that_fails_fails_alone(door: Door, readers: sa.Engine, how: str):
    door.submit(enter("before"))
    job, error = FAILURES[how]
    one, failed, two = together(door, enter("one"), job, enter("two"))
    assert isinstance(failed, error)
    assert (one, two) == (1, 2)
    assert logged(readers) == ["before", "one", "two"]
    assert names(readers) == ["before", "one", "two"]


CROSSED = "DO $$ BEGIN RAISE EXCEPTION 'two stood in each other''s way' USING ERRCODE = '{}'; END $$"
ON_SERVER = pytest.mark.parametrize("url", ["postgres"], indirect=True)


@ON_SERVER
@pytest.mark.parametrize(("code", "times", "kept"), [("40001", 1, True), ("40P01", 3, True), ("40P01", 4, False)])
def test_a_job_that_another_session_undid_is_done_again(door: Door, readers: sa.Engine, code: str, times: int,
                                                       kept: bool):
    left = [times]

    def crossed(transaction: Transaction) -> int:
        seq = entered(transaction, "crossed")
        if left[0]:
            left[0] -= 1
            transaction.connection.exec_driver_sql(CROSSED.format(code))
        return seq

    one, tried, two = together(door, enter("one"), crossed, enter("two"))
    assert (one, two, left) == (0, 2 if kept else 1, [0])
    assert tried == 1 if kept else isinstance(tried, Busy)
    assert logged(readers) == (["one", "crossed", "two"] if kept else ["one", "two"])
    assert names(readers) == sorted(logged(readers))


@BOTH
@pytest.mark.parametrize("seed", range(4))
def test_a_storm_of_failing_jobs_among_good_ones_fails_only_itself(door: Door, readers: sa.Engine, seed: int):
    door.submit(enter("before"))
    chance = random.Random(seed)
    plan = {f"n{i:03}": chance.choice([None, chance.choice(list(FAILURES))]) for i in range(200)}
    with ThreadPoolExecutor(32) as pool:
        futures = {name: pool.submit(door.submit, FAILURES[how][0] if how else enter(name))
                   for name, how in plan.items()}
    errors = {name: future.exception() for name, future in futures.items()}
    good = {name: futures[name].result() for name, how in plan.items() if how is None}
    assert [name for name, how in plan.items() if how and not isinstance(errors[name], FAILURES[how][1])] == []
    assert sorted(good.values()) == list(range(1, len(good) + 1))
    assert logged(readers) == ["before", *sorted(good, key=good.__getitem__)]
    assert names(readers) == ["before", *sorted(good)]


@BOTH
def test_a_caller_gets_the_very_error_that_its_job_raised(door: Door):
    error = Refusal("this one")
    with pytest.raises(Refusal) as caught:
        door.submit(throw(error))
    assert caught.value is error


# Closing and crowding


@BOTH
def test_a_closed_door_refuses_and_has_answered_what_it_took(engine: sa.Engine, readers: sa.Engine):
    door = Door(engine)
    held = Held(door)
    futures = held.queue(*(enter(f"n{i}") for i in range(5)))
    closing = threading.Thread(target=door.close)
    closing.start()
    while not door._closed:
        time.sleep(0)
    with pytest.raises(Busy):
        door.submit(enter("late"))
    held.release()
    closing.join(PATIENCE)
    assert [future.result() for future in futures] == list(range(5))
    assert names(readers) == [f"n{i}" for i in range(5)]


def test_a_full_queue_refuses_at_once_and_keeps_what_it_took(door: Door, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(door_room, "WAITING", 3)
    held = Held(door)
    futures = held.queue(*(enter(f"n{i}") for i in range(3)))
    with pytest.raises(Busy):
        door.submit(enter("one too many"))
    held.release()
    assert [future.result() for future in futures] == [0, 1, 2]


# Storage that fails


def pages(door: Door, more: int) -> None:
    """Let the database grow by so many pages and no further: a disk of that size."""

    def job(transaction: Transaction) -> None:
        size = driver(transaction).execute("PRAGMA page_count").fetchone()[0]
        driver(transaction).execute(f"PRAGMA max_page_count = {size + more}")

    door.submit(job)


def test_a_full_disk_refuses_what_finds_no_room_keeps_the_rest_and_recovers(door: Door, readers: sa.Engine):
    door.submit(enter("before"))
    pages(door, 0)
    big = after(lambda transaction: entered(transaction, "x" * 50_000))
    one, failed, two = together(door, enter("one"), big, enter("two"))
    assert (one, type(failed), two) == (1, Busy, 2)
    assert names(readers) == logged(readers) == ["before", "one", "two"]
    pages(door, 1000)
    assert door.submit(big) is not None


def test_a_disk_with_no_room_for_the_log_entry_keeps_nothing(door: Door, readers: sa.Engine):
    def long_entry(transaction: Transaction) -> None:
        slot = transaction.log.reserve()
        transaction.log.fill(slot, at=NOW, actor="ac_1", role="regulator", act="apply", subject="x" * 60_000,
                             trial=None, reason=None, old=None, new=None, cause=None, request=None)

    door.submit(enter("before"))
    pages(door, 2)
    results = together(door, enter("one"), long_entry)
    assert [type(result) for result in results] == [Busy, Busy]
    assert names(readers) == logged(readers) == ["before"]
    pages(door, 1000)
    assert door.submit(enter("after")) == 1


def orphan(transaction: Transaction) -> None:
    """A row whose owner is missing, which is found out at the commit only."""
    driver(transaction).execute("PRAGMA defer_foreign_keys = ON")
    transaction.run(ADD_ALIAS, name="nobody's", organisation_id="or_missing")


def test_a_commit_that_fails_leaves_the_outcome_unknown_to_every_caller_of_the_batch(door: Door, readers: sa.Engine):
    door.submit(enter("before"))
    assert [type(result) for result in together(door, enter("one"), orphan)] == [Unknown, Unknown]
    assert door.submit(enter("after")) == 1
    assert logged(readers) == ["before", "after"]


def test_who_was_answered_before_a_commit_failed_keeps_the_answer(door: Door, readers: sa.Engine):
    one, failed, lost, behind = together(door, enter("one"), FAILURES["ends it and fails"][0], orphan, enter("two"))
    assert (one, type(failed), type(lost), type(behind)) == (0, Refusal, Unknown, Unknown)
    assert door.submit(enter("after")) == 1
    assert logged(readers) == names(readers)[::-1] == ["one", "after"]


def write_past_the_limit(url: str, folder: str) -> list[Any]:
    """In a process whose files may not grow: what three filings come to, before, during and after."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    engine = make_engine(url, writing=True)
    door, found = Door(engine), [0]
    door.submit(enter("before"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((Path(folder) / "sandbox.db-wal").stat().st_size, hard))
    try:
        found = [door.submit(enter("during"))]
    except Exception as error:  # noqa: BLE001 its type is what is asked
        found = [type(error).__name__]
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    found.append(door.submit(enter("after")))
    door.close()
    engine.dispose()
    return found


def elsewhere(*calls: tuple[Any, ...]) -> list[Any]:
    """Each call in a fresh process of its own, at once; their answers in order."""
    with ProcessPoolExecutor(len(calls), mp_context=OTHERS) as pool:
        futures = [pool.submit(*call) for call in calls]
        return [future.result(timeout=120) for future in futures]


def test_a_write_that_the_file_system_refuses_is_unknown_and_the_next_one_is_kept(
        url: str, tmp_path: Path, readers: sa.Engine):
    assert elsewhere((write_past_the_limit, url, str(tmp_path))) == [["Unknown", 1]]
    assert logged(readers) == ["before", "after"]


def test_a_locked_database_is_busy_and_nothing_was_done(door: Door, readers: sa.Engine, tmp_path: Path):
    door.submit(say("PRAGMA busy_timeout = 0"))
    other = sqlite3.connect(tmp_path / "sandbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        door.submit(enter("one"))
    other.close()
    assert (door.submit(enter("one")), names(readers)) == (0, ["one"])


def test_a_log_whose_edge_cannot_be_read_refuses_every_write_and_the_door_stays(engine: sa.Engine, readers: sa.Engine):
    door = Door(engine)
    together(door, enter("one"), enter("two"))
    door.close()
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TRIGGER log_nodes_no_delete"))
        connection.execute(sa.delete(NODES))
    door = Door(engine)
    for _ in range(2):
        with pytest.raises(LookupError):
            door.submit(enter("three"))
    door.close()
    assert names(readers) == ["one", "two"]


# Two writers


def enter_many(url: str, who: str, count: int) -> list[int]:
    engine = make_engine(url, writing=True)
    door = Door(engine)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(door.submit, [enter(f"{who}{i:03}") for i in range(count)]))
    door.close()
    engine.dispose()
    return found


@BOTH
def test_two_processes_on_one_database_keep_one_log_without_gaps(url: str, readers: sa.Engine):
    first, second = elsewhere((enter_many, url, "a", 100), (enter_many, url, "b", 100))
    assert sorted(first + second) == list(range(200))
    by_seq = {seq: f"{who}{i:03}" for who, seqs in (("a", first), ("b", second)) for i, seq in enumerate(seqs)}
    assert logged(readers) == [by_seq[seq] for seq in range(200)]
    with readers.connect() as connection:
        assert verify(connection).problems == ()


@BOTH
def test_a_door_reads_the_log_again_when_another_wrote(url: str, door: Door, readers: sa.Engine):
    other_engine = make_engine(url, writing=True)
    other = Door(other_engine)
    turns = [door, other, other, door, other, door]
    assert [one.submit(enter(f"n{i}")) for i, one in enumerate(turns)] == list(range(6))
    other.close()
    other_engine.dispose()

"""The one door for writes: a single writer takes everything that waits, runs each job in a savepoint, commits once.

A batch forms while the previous one is being synced; there is no timer. A job that fails rolls back alone. A job never
commits, never waits and never submits another job.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from sandbox.store.engine import Statement
from sandbox.store.log import Pending, Tree, current_tree

T = TypeVar("T")
BATCH, WAITING = 512, 4096
ADVISORY = 7_340_211
"""The advisory lock on the head of the log, taken first on PostgreSQL: taken last, it deadlocks."""


class Busy(Exception):
    """Too many writes wait, or the database is locked: nothing was done, try again."""


class Unknown(Exception):
    """The storage failed at the commit: whether the write was kept is not known; repeat it with the same key."""


@dataclass
class Transaction:
    """What a job gets: the connection inside the open transaction, and the log entries waiting with it."""

    connection: sa.Connection
    log: Pending

    def run(self, statement: Statement, **values: Any) -> Any:
        """Run a compiled statement; returns the driver's cursor."""
        return statement.run(self.connection, values)


Job = Callable[[Transaction], Any]


class Door:
    """Submit a job and get its result when it is durable. Safe to call from any number of threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._waiting: deque[tuple[Job, Future[Any]]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._tree: Tree | None = None
        self._writer = threading.Thread(target=self._work, name="writer", daemon=True)
        self._writer.start()

    def submit(self, job: Callable[[Transaction], T]) -> T:
        """Run the job in the next batch; durable on return.

        Raises what the job raised (rolled back alone), Busy when too much waits, Unknown when the commit failed."""
        if threading.current_thread() is self._writer:
            raise RuntimeError("a job cannot submit another job")
        future: Future[T] = Future()
        with self._wake:
            if self._closed or len(self._waiting) >= WAITING:
                raise Busy
            self._waiting.append((job, future))
            self._wake.notify()
        return future.result()

    def close(self) -> None:
        """Refuse new jobs, finish those accepted, end the writer."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._writer.join()

    def _work(self) -> None:
        while batch := self._take():
            try:
                self._run(batch)
            except sa.exc.DBAPIError as error:
                _fail(batch, Unknown() if getattr(error, "committing", False) else Busy(), error)
            except BaseException as error:  # noqa: BLE001 the writer outlives any bug; every caller gets it whole
                _fail(batch, error, None)

    def _take(self) -> list[tuple[Job, Future[Any]]]:
        with self._wake:
            while not self._waiting and not self._closed:
                self._wake.wait()
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _run(self, batch: list[tuple[Job, Future[Any]]]) -> None:
        with self._engine.connect() as connection:
            results = self._transact(connection, batch)
            if results is None:  # the database ended the whole transaction: run each alone, so that one fails alone
                for one in batch:
                    _answer([one], self._transact(connection, [one], alone=True) or [])
            else:
                _answer(batch, results)

    def _transact(self, connection: sa.Connection, batch: list[tuple[Job, Future[Any]]],
                  alone: bool = False) -> list[Any] | None:
        connection.begin()
        try:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY})")
            self._tree = current_tree(connection, self._tree)
            transaction = Transaction(connection, Pending(self._tree))
            results = [_attempt(transaction, job) for job, _ in batch]
            if not _alive(connection):
                connection.rollback()
                return results if alone else None
            transaction.log.flush(connection)
            _commit(connection)
        except BaseException:
            self._tree = None
            connection.rollback()
            raise
        return results


@dataclass(frozen=True, slots=True)
class Failure:
    """A job's exception, carried to its caller."""

    error: BaseException


def _attempt(transaction: Transaction, job: Job) -> Any:
    raw, mark = transaction.connection.connection.driver_connection, len(transaction.log.entries)
    assert raw is not None
    raw.execute("SAVEPOINT act")
    try:
        result = job(transaction)
    except BaseException as error:  # noqa: BLE001 carried to its caller whole
        del transaction.log.entries[mark:]
        if _alive(transaction.connection):
            raw.execute("ROLLBACK TO SAVEPOINT act")
            raw.execute("RELEASE SAVEPOINT act")
        return Failure(error)
    raw.execute("RELEASE SAVEPOINT act")
    return result


def _alive(connection: sa.Connection) -> bool:
    raw: Any = connection.connection.driver_connection
    return bool(raw.in_transaction) if connection.dialect.name == "sqlite" else not raw.closed


def _commit(connection: sa.Connection) -> None:
    try:
        connection.commit()
    except sa.exc.DBAPIError as error:
        error.committing = True  # type: ignore[attr-defined]
        raise


def _answer(batch: list[tuple[Job, Future[Any]]], results: list[Any]) -> None:
    for (_, future), result in zip(batch, results, strict=True):
        if isinstance(result, Failure):
            future.set_exception(result.error)
        else:
            future.set_result(result)


def _fail(batch: list[tuple[Job, Future[Any]]], error: BaseException, cause: BaseException | None) -> None:
    error.__cause__ = cause
    for _, future in batch:
        if not future.done():
            future.set_exception(error)

"""The one door for writes: a single writer takes everything that waits, runs each job in a savepoint, commits once.

A batch forms while the previous one is being synced; there is no timer. A job that fails rolls back alone. A job never
commits, never waits and never submits another job.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from sandbox.store.engine import Statement
from sandbox.store.log import Pending, Tree, current_tree

T = TypeVar("T")
BATCH, WAITING = 512, 4096
SQLITE_ERROR = 1
"""A mistake in a statement; every other operational error is the storage's."""
RERUN, ATTEMPTS = ("40001", "40P01"), 4
"""What PostgreSQL says to one of two that stood in each other's way; that job is done again, so many times in all."""
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

    @property
    def waiting(self) -> int:
        """Jobs that wait for the next batch."""
        return len(self._waiting)

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
            except BaseException as error:  # noqa: BLE001 the writer outlives any bug; every caller gets it whole
                _fail(batch, _told(error, self._engine.dialect))

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
            results = []
            for job, _ in batch:
                results.append(_attempt(transaction, job))
                if not _alive(connection):  # stop here: what ran now would be kept without its log entry
                    connection.rollback()
                    return results if alone else None
            transaction.log.flush(connection)
            _commit(connection)
        except BaseException:
            self._tree = None
            with suppress(sa.exc.DBAPIError):  # what failed before is what callers are told
                connection.rollback()
            raise
        return results


@dataclass(frozen=True, slots=True)
class Failure:
    """A job's exception, carried to its caller."""

    error: BaseException
    crossed: bool = False


def _attempt(transaction: Transaction, job: Job) -> Any:
    """The job's result or its Failure; one that another session's locks undid is done again."""
    for _ in range(ATTEMPTS - 1):
        result = _once(transaction, job)
        if not (isinstance(result, Failure) and result.crossed and _alive(transaction.connection)):
            return result
    return _once(transaction, job)


def _once(transaction: Transaction, job: Job) -> Any:
    raw: Any = transaction.connection.connection.driver_connection
    mark = len(transaction.log.entries)
    raw.execute("SAVEPOINT act")
    try:
        result = job(transaction)
        raw.execute("RELEASE SAVEPOINT act")
    except BaseException as error:  # noqa: BLE001 carried to its caller whole
        del transaction.log.entries[mark:]
        _undo(transaction.connection, raw)
        return Failure(_told(error, transaction.connection.dialect), _crossed(error))
    return result


def _crossed(error: BaseException) -> bool:
    """Whether a deadlock or a serialization failure ended the job; each lets go at the savepoint of what it held."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) in RERUN


def _undo(connection: sa.Connection, raw: Any) -> None:
    """Back to the savepoint; where the job broke it the whole transaction goes, and the batch runs again one by one."""
    if not _alive(connection):
        return
    try:
        raw.execute("ROLLBACK TO SAVEPOINT act")
        raw.execute("RELEASE SAVEPOINT act")
    except _dbapi(connection.dialect).Error:
        raw.execute("ROLLBACK")


def _alive(connection: sa.Connection) -> bool:
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return bool(raw.in_transaction)
    return not raw.closed and bool(raw.info.transaction_status)


def _dbapi(dialect: sa.Dialect) -> Any:
    return dialect.loaded_dbapi


def _told(error: BaseException, dialect: sa.Dialect) -> BaseException:
    """What the caller gets: Busy where disk, lock or server failed before the commit (nothing was kept), or it."""
    cause, driver = getattr(error, "orig", error), _dbapi(dialect)
    mistake = getattr(cause, "sqlite_errorcode", None) == SQLITE_ERROR
    if mistake or not (isinstance(cause, driver.OperationalError) or type(cause) is driver.DatabaseError):
        return error
    busy = Busy()
    busy.__cause__ = error
    return busy


def _commit(connection: sa.Connection) -> None:
    try:
        connection.commit()
    except sa.exc.DBAPIError as error:
        raise Unknown from error


def _answer(batch: list[tuple[Job, Future[Any]]], results: list[Any]) -> None:
    for (_, future), result in zip(batch, results, strict=True):
        if isinstance(result, Failure):
            future.set_exception(result.error)
        else:
            future.set_result(result)


def _fail(batch: list[tuple[Job, Future[Any]]], error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)

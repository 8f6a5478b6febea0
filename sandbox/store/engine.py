"""Engines for SQLite and PostgreSQL: durable writes, snapshot reads, and statements compiled once for the hot path."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

from sandbox.store.stops import CannotRun
from sandbox.words import word

READERS = 72
"""Of the embedded file, more than the server's threads: a request never waits for one."""
SHARED = 16
"""Of a PostgreSQL server, which other processes share: a request that finds all taken waits for one, at most
SHARED_WAIT_S. A thread never holds two (`Program.reading`), so that waiting always ends."""
SHARED_WAIT_S = 10
PRAGMAS = (
    "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000", "cache_size=-65536",
    "wal_autocheckpoint=4000", "temp_store=MEMORY", "recursive_triggers=ON",
)
"""Without recursive triggers a REPLACE would slip past the log's own."""
READER_CACHE = "cache_size=-4096"
"""Four megabytes for each of many: what others wrote empties it anyway. A mapped file would have to be mapped anew at
every growth, which cost a small read more than it saved."""
LINK: dict[str, Any] = {"connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
                        "tcp_user_timeout": 10_000}
"""A link that was cut without a word is noticed within seconds."""
DRIVER = "postgresql+psycopg"
SERVER_SETTINGS = ("synchronous_commit = on", "lock_timeout = '15s'", "idle_in_transaction_session_timeout = '10min'",
                   "timezone = 'UTC'")
"""Durable whatever the server's own default; no lock is waited for longer than the embedded file's."""

JSON_BY: dict[str, Any] = {"json_serializer": lambda value: orjson.dumps(value).decode(),
                           "json_deserializer": orjson.loads}


def database_url(data: Path, url: str | None) -> str:
    """The configured address, or the embedded file in the data folder."""
    return url or f"sqlite:///{data / 'sandbox.db'}"


def make_engine(url: str, *, writing: bool) -> sa.Engine:
    """An engine for the writer (BEGIN IMMEDIATE, one connection) or for readers (query only, one snapshot each).
    Raises CannotRun for an address of no database that this program knows, or whose driver is not installed."""
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise CannotRun(word("command.database_address")) from error
    if address.get_backend_name() == "sqlite":
        return _sqlite(url, writing)
    if address.drivername not in ("postgresql", "postgres", DRIVER):
        raise CannotRun(word("command.database_address"))
    try:
        return _postgresql(address.set(drivername=DRIVER), writing)
    except ModuleNotFoundError as error:
        raise CannotRun(word("command.no_driver")) from error


def _postgresql(url: sa.URL, writing: bool) -> sa.Engine:
    """The writer sees at each statement what was committed before it: it takes the lock on the log's head first, and
    what it then reads must not be older than the lock. A reader sees the same moment to its end."""
    engine = sa.create_engine(
        url, **JSON_BY, pool_size=2 if writing else SHARED, max_overflow=0, pool_timeout=SHARED_WAIT_S,
        pool_pre_ping=True, isolation_level="READ COMMITTED" if writing else "REPEATABLE READ",
        execution_options={} if writing else {"postgresql_readonly": True}, connect_args=LINK)

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        for setting in SERVER_SETTINGS:
            connection.execute(f"SET {setting}")
        connection.commit()

    return engine


def _sqlite(url: str, writing: bool) -> sa.Engine:
    engine = sa.create_engine(url, paramstyle="named", poolclass=QueuePool, pool_size=1 if writing else READERS,
                              max_overflow=0, pool_use_lifo=True, **JSON_BY,
                              connect_args={"check_same_thread": False, "timeout": 15})

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in PRAGMAS if writing else (*PRAGMAS[2:], READER_CACHE, "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        raw: Any = connection.connection.driver_connection  # on the driver: a third of the cost of one more statement
        raw.execute("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


class Statement:
    """A Core statement compiled once per dialect and run on the driver: three to five times cheaper than execute().

    Values go through the column types' own bind processors, so dates and JSON are kept as everywhere else. `run` gives
    the driver's cursor with the driver's values; `first` one row read through the columns' types.
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[tuple[str, Any], ...], Mapping[str, Any]]] = {}
        self._readers: dict[str, tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]] = {}

    def _ready(self, dialect: sa.Dialect) -> tuple[str, tuple[tuple[str, Any], ...], Mapping[str, Any]]:
        found = self._compiled.get(dialect.name)
        if found is None:
            compiled = self._statement.compile(dialect=dialect)
            pairs = ((name, bind.type.dialect_impl(dialect).bind_processor(dialect))
                     for name, bind in compiled.binds.items())
            processors = tuple((name, processor) for name, processor in pairs if processor)
            constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
            found = self._compiled[dialect.name] = (str(compiled), processors, constants)
        return found

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> Any:
        """Execute with these values; returns the driver's cursor."""
        sql, processors, constants = self._ready(connection.dialect)
        driver: Any = connection.connection.dbapi_connection
        return driver.execute(sql, _bound(values, processors, constants))

    def first(self, connection: sa.Connection, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The first row of a select by column name, read through the columns' own types; None when there is none."""
        cursor = self.run(connection, values)
        found = cursor.fetchone()
        return None if found is None else self._read(connection.dialect, cursor, found)

    def rows(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[dict[str, Any]]:
        """All rows, each as `first` gives one."""
        cursor = self.run(connection, values)
        return [self._read(connection.dialect, cursor, found) for found in cursor.fetchall()]

    def _read(self, dialect: sa.Dialect, cursor: Any, found: Any) -> dict[str, Any]:
        names, readers = self._readers.get(dialect.name) or self._make_readers(dialect, cursor)
        row = dict(zip(names, found, strict=True))
        for name, reader in readers:
            row[name] = reader(row[name])
        return row

    def _make_readers(self, dialect: sa.Dialect, cursor: Any) -> tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]:
        columns = self._statement.selected_columns
        readers = ((c.key, c.type.dialect_impl(dialect).result_processor(dialect, described[1]))
                   for c, described in zip(columns, cursor.description, strict=True))
        made = tuple(columns.keys()), tuple((name, read) for name, read in readers if read)
        self._readers[dialect.name] = made
        return made

    def many(self, connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute once per row in one call to the driver."""
        sql, processors, constants = self._ready(connection.dialect)
        driver: Any = connection.connection.dbapi_connection
        driver.cursor().executemany(sql, [_bound(row, processors, constants) for row in rows])


def tuples(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """Rows of a select, read through the columns' own types column by column: many at a third of what they cost as
    SQLAlchemy's rows."""
    result: Any = connection.execute(query)
    found = result.cursor.fetchall()
    readers = [column.type.dialect_impl(connection.dialect).result_processor(connection.dialect, described[1])
               for column, described in zip(query.selected_columns, result.cursor.description, strict=True)]
    result.close()
    columns = (values if read is None else map(read, values)
               for values, read in zip(zip(*found, strict=True), readers, strict=True))
    return list(zip(*columns, strict=True)) if found else []


def _bound(values: Mapping[str, Any], processors: tuple[tuple[str, Any], ...], constants: Mapping[str, Any]) -> Any:
    bound = {**constants, **values}
    for name, processor in processors:
        bound[name] = processor(bound[name])
    return bound

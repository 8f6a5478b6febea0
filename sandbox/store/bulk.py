"""Many rows at once: COPY where the database has it, one call of the driver where not."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa

from sandbox.store.engine import Statement


def add_rows(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Add rows that name every column of the table; values as everywhere else, kept through the columns' types."""
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        _insert(table).many(connection, rows)


@cache
def _insert(table: sa.Table) -> Statement:
    return Statement(sa.insert(table).values({column.name: sa.bindparam(column.name) for column in table.c}))


def _copy(connection: sa.Connection, table: sa.Table, rows: Iterable[Mapping[str, Any]]) -> None:
    dialect = connection.dialect
    quote = dialect.identifier_preparer.quote
    columns = [(column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in table.c]
    driver: Any = connection.connection.dbapi_connection
    sql = f"COPY {quote(table.name)} ({', '.join(quote(name) for name, _ in columns)}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(sql) as copy:
        for row in rows:
            copy.write_row([process(row[name]) if process else row[name] for name, process in columns])


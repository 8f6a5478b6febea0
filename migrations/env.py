"""Alembic's environment: migrations run in the transaction that `sandbox.jobs.schema` opened, never on their own."""

from typing import Any

import sqlalchemy as sa
from alembic import context
from sqlmodel import AutoString, SQLModel

from sandbox.store.log import append_only
from sandbox.store.types import JSON, Exact, Instant


def render_item(kind: str, item: Any, autogenerate: Any) -> str | bool:
    """How our column types are written in a migration; everything else as Alembic does."""
    if kind != "type":
        return False
    if item is JSON or isinstance(item, Instant | Exact):
        name = "JSON" if item is JSON else f"{type(item).__name__}()"
        autogenerate.imports.add(f"from sandbox.store.types import {name.removesuffix('()')}")
        return name
    if isinstance(item, AutoString):
        return f"sa.String(length={item.length})" if item.length else "sa.String()"
    return False


def migrate(connection: sa.Connection) -> None:
    """Run the migrations, then see to it that the log refuses changes: a table that was rebuilt lost its triggers."""
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_item=render_item,
                      render_as_batch=connection.dialect.name == "sqlite")
    with context.begin_transaction():
        context.run_migrations()
    for statement in append_only(connection.dialect.name, sa.inspect(connection).get_table_names()):
        connection.exec_driver_sql(statement)


migrate(context.config.attributes["connection"])

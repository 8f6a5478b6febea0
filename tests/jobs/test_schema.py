"""The migrated database is the declared one, on both databases; starting together, starting late, starting wrong."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from cast import START
from processes import OTHERS
from sqlmodel import SQLModel

from sandbox.jobs.schema import FOLDER, SchemaRefused, newest, prepare
from sandbox.store.engine import database_url, make_engine
from sandbox.store.log import LOG, NODES
from sandbox.store.settings import Settings

TRIGGERS = {
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
    "postgresql": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger "
                  "WHERE NOT tgisinternal ORDER BY 1, 2",
}


@pytest.fixture(params=("sqlite", "postgresql"))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Settings]:
    """`place("a")`: settings of an empty database of either kind."""
    fresh = request.getfixturevalue("postgres") if request.param == "postgresql" else lambda: None

    def settings(name: str) -> Settings:
        folder = tmp_path / name
        folder.mkdir()
        return Settings(data=folder, database_url=fresh())

    return settings


def test_the_last_migration_by_number_is_the_head_of_all():
    assert newest() == ScriptDirectory(str(FOLDER)).get_current_head()


def engine_of(settings: Settings) -> sa.Engine:
    return make_engine(database_url(settings.data, settings.database_url), writing=True)


def described(settings: Settings) -> dict[str, Any]:
    """Everything the database says about its tables, in an order that does not depend on how they were made."""
    engine = engine_of(settings)
    with engine.connect() as connection:
        look = sa.inspect(connection)
        tables = {name: sorted(map(repr, parts(look, name))) for name in look.get_table_names()}
        tables["triggers"] = [repr(row) for row in connection.exec_driver_sql(TRIGGERS[engine.dialect.name]).all()]
    engine.dispose()
    return tables


def parts(look: sa.Inspector, table: str) -> Iterator[Any]:
    for column in look.get_columns(table):
        yield "column", column["name"], str(column["type"]), column["nullable"], column["default"]
    yield "key", look.get_pk_constraint(table)
    yield from (("check", one["name"], one["sqltext"]) for one in look.get_check_constraints(table))
    yield from (("unique", one["name"], one["column_names"]) for one in look.get_unique_constraints(table))
    yield from (("foreign", sorted(one.items(), key=str)) for one in look.get_foreign_keys(table))
    yield from (("index", one["name"], one["column_names"], one["unique"], sorted(
        (name, str(text)) for name, text in one.get("dialect_options", {}).items())) for one in look.get_indexes(table))


def test_a_migrated_database_equals_the_declared_one(place: Callable[[str], Settings]) -> None:
    migrated, declared = place("migrated"), place("declared")
    prepare(migrated)
    engine = engine_of(declared)
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection)
    engine.dispose()
    found = described(migrated)
    assert found.pop("alembic_version")
    assert found == described(declared)
    assert len(found["triggers"]) >= 2
    assert any("CHECK" in part.upper() for part in found["trials"])


@pytest.mark.parametrize("change", ("UPDATE {} SET hash = hash", "DELETE FROM {}"))
def test_a_migrated_log_refuses_every_change(place: Callable[[str], Settings], change: str) -> None:
    settings = place("log")
    prepare(settings)
    engine = engine_of(settings)
    entry = {"seq": 0, "act": "apply", "actor_id": "x", "leaf": "{}", "at": START}
    for table, row in ((LOG, entry), (NODES, {"level": 0, "index": 0})):
        with engine.begin() as connection:
            connection.execute(sa.insert(table).values(**row, hash=b"x"))
        with pytest.raises(sa.exc.DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(change.format(table.name))
    engine.dispose()


def test_processes_that_start_at_once_make_one_database(place: Callable[[str], Settings]) -> None:
    settings = place("together")
    with ProcessPoolExecutor(4, mp_context=OTHERS) as processes:
        made = list(processes.map(prepare, [settings] * 8))
    assert made == [made[0]] * 8


def test_preparing_again_changes_nothing(place: Callable[[str], Settings]) -> None:
    settings = place("again")
    prepare(settings)
    before = described(settings)
    prepare(settings)
    assert described(settings) == before


def test_a_database_of_a_newer_version_is_refused_in_words(place: Callable[[str], Settings]) -> None:
    settings = place("newer")
    prepare(settings)
    with engine_of(settings).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaRefused, match="another version .* 9999"):
        prepare(settings)


def test_a_database_of_another_program_is_refused_and_left_alone(place: Callable[[str], Settings]) -> None:
    settings = place("foreign")
    with engine_of(settings).begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(SchemaRefused, match="did not make"):
        prepare(settings)
    assert described(settings).keys() == {"theirs", "triggers"}

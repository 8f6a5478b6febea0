"""The program's readings: one moment, nothing written, and never two connections in one thread's hands."""

import pytest
import sqlalchemy as sa
from cast import Cast

from sandbox.jobs.program import Program
from sandbox.store.engine import SERVER_SETTINGS, SHARED, make_engine
from sandbox.store.organisations import ORGANISATIONS

HOW_MANY = sa.select(sa.func.count()).select_from(ORGANISATIONS)


def test_a_reading_sees_one_moment_whatever_is_done_meanwhile(program: Program, cast: Cast):
    with program.reading() as connection:
        before = connection.execute(HOW_MANY).scalar_one()
        program.acts.do("register_organisation", cast.lin, {"name": "Later", "kind": "firm"})
        assert connection.execute(HOW_MANY).scalar_one() == before
    with program.reading() as connection:
        assert connection.execute(HOW_MANY).scalar_one() == before + 1


def test_nothing_can_be_written_while_reading(program: Program):
    with pytest.raises(sa.exc.DBAPIError, match="read.?only"), program.reading() as connection:
        connection.execute(sa.delete(ORGANISATIONS))


def test_a_reading_within_a_reading_takes_no_second_connection(program: Program):
    with program.reading() as outer:
        with program.reading() as inner:
            assert inner is outer
        assert outer.execute(HOW_MANY).scalar_one() > 0
    with program.reading() as later:
        assert later is not outer


@pytest.mark.only_on("postgresql")
def test_a_connection_is_durable_and_patient_whatever_the_server_says(program: Program):
    url = str(program.settings.database_url)
    database = sa.make_url(url).database
    with program.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {database} SET synchronous_commit = off")
        connection.exec_driver_sql(f"ALTER DATABASE {database} SET default_transaction_isolation = serializable")
    engine = make_engine(url, writing=True)
    with engine.connect() as connection:
        for name, value in (one.split(" = ") for one in SERVER_SETTINGS):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar_one() == value.strip("'")
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar_one() == "read committed"
    engine.dispose()


@pytest.mark.only_on("postgresql")
def test_a_process_holds_no_more_connections_than_it_says(program: Program):
    held = [program.readers.connect() for _ in range(SHARED)]
    try:
        assert program.readers.pool.checkedout() == SHARED
        assert program.readers.pool.overflow() <= 0
    finally:
        for connection in held:
            connection.close()

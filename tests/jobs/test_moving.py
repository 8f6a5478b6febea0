"""Moving from the embedded file to PostgreSQL and back: every row, every receipt and the log's root come along, or
nothing does."""

import itertools
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt
from databases import settings_in
from processes import OTHERS, PATIENCE_S

from sandbox.jobs import moving
from sandbox.jobs.moving import CannotMove, move
from sandbox.jobs.presence import InUse, alone
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import MOVED, SchemaRefused, prepare
from sandbox.store.engine import database_url, make_engine
from sandbox.store.fields import Row, canonical
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

REPORT = {"period_start": "2026-03-02T00:00:00+08:00", "period_end": "2026-03-02T08:00:00+08:00", "exposures": 0.1,
          "people_new": 3_000_000_000, "events": {"harm_S3": 1, "complaint": 2},
          "narrative": "早上好 \\N \t 'quoted' \"\u2028",
          "groups": [{"attribute": "age", "group": "over 60", "n": 3, "favourable": 1}]}


@pytest.fixture
def lived_in(program: Program, cast: Cast) -> tuple[Settings, dict[str, Any]]:
    """A city with a trial, a report, a key and its answer; closed again."""
    trial = adopt(program, cast, 1)[0]
    filed = program.acts.do("file_feedback", cast.fang, REPORT, on=trial, key="the key")
    program.close()
    return program.settings, {"trial": trial, "fang": cast.fang, "filed": filed}


@contextmanager
def opened(settings: Settings) -> Iterator[Program]:
    with closing(open_program(settings, lambda: START)) as program:
        yield program


def everything(settings: Settings) -> dict[str, list[bytes]]:
    """Every row of every table, in canonical bytes."""
    engine = make_engine(database_url(settings.data, settings.database_url), writing=False)
    with engine.connect() as connection:
        found = {table.name: sorted(canonical(moving._hashable(dict(row))) for row in connection.execute(
            sa.select(table)).mappings()) for table in Row.metadata.sorted_tables}
    engine.dispose()
    return found


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, lived_in: tuple[Settings, Any], tmp_path: Path) -> Settings:
    """An address of the other kind, with nothing there."""
    if lived_in[0].database_url is None:
        return settings_in(tmp_path, request.getfixturevalue("postgres")())
    return settings_in(tmp_path, f"sqlite:///{tmp_path / 'back.db'}")


def test_every_row_receipt_and_root_comes_along_and_the_program_goes_on_there(
        lived_in: tuple[Settings, dict[str, Any]], elsewhere: Settings):
    settings, was = lived_in
    before = everything(settings)
    moved = move(settings, str(elsewhere.database_url))
    assert everything(elsewhere) == before == everything(settings)
    assert moved.rows == {name: len(rows) for name, rows in before.items()}
    assert moved.rows["feedback"] == 1 and moved.log.problems == ()
    with opened(elsewhere) as program:
        again = program.acts.do("file_feedback", was["fang"], REPORT, on=was["trial"], key="the key")
        assert again == was["filed"]
        later = program.acts.do("file_feedback", was["fang"], {
            **REPORT, "period_start": REPORT["period_end"], "period_end": "2026-03-02T09:00:00+08:00"}, on=was["trial"])
        assert later.receipt.seq == moved.log.size
        with program.reading() as connection:
            assert verify(connection).problems == ()


def test_what_was_left_stays_shut_and_says_where_everything_went_until_a_person_opens_it(
        lived_in: tuple[Settings, Any], elsewhere: Settings, tmp_path_factory: pytest.TempPathFactory):
    settings = lived_in[0]
    move(settings, str(elsewhere.database_url))
    far = settings.model_copy(update={"data": tmp_path_factory.mktemp("far"), "database_url": database_url(
        settings.data, settings.database_url)})
    for one in (settings, far):
        with pytest.raises(SchemaRefused, match=f"moved to {str(elsewhere.database_url)[:6]}"):
            prepare(one)
    with pytest.raises(SchemaRefused, match="moved to"):
        move(settings, f"sqlite:///{settings.data / 'third.db'}")
    assert prepare(elsewhere)
    engine = make_engine(str(far.database_url), writing=True)
    with engine.begin() as connection:
        MOVED.drop(connection)
    engine.dispose()
    assert prepare(settings)


def test_a_database_with_rows_in_it_is_refused_and_left_alone(
        lived_in: tuple[Settings, Any], elsewhere: Settings):
    prepare(elsewhere)
    engine = make_engine(str(elsewhere.database_url), writing=True)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO pulse (id, at) VALUES (1, '2026-03-02 00:00:00.000000')"))
    engine.dispose()
    with pytest.raises(CannotMove, match="pulse"):
        move(lived_in[0], str(elsewhere.database_url))
    assert sum(map(len, everything(elsewhere).values())) == 1


def test_while_a_program_runs_on_the_folder_nothing_moves_and_while_it_moves_none_starts(
        lived_in: tuple[Settings, Any], elsewhere: Settings):
    settings = lived_in[0]
    with opened(settings), pytest.raises(CannotMove, match="still runs"):
        move(settings, str(elsewhere.database_url))
    with alone(settings) as free, pytest.raises(InUse), opened(settings):
        assert free
    move(settings, str(elsewhere.database_url))


@pytest.mark.only_on("postgresql")
def test_a_program_on_another_machine_is_seen_by_its_connection(
        lived_in: tuple[Settings, Any], elsewhere: Settings, tmp_path_factory: pytest.TempPathFactory):
    settings = lived_in[0]
    far = settings.model_copy(update={"data": tmp_path_factory.mktemp("far")})
    with opened(far) as program, program.reading(), pytest.raises(CannotMove, match="Others are connected"):
        move(settings, str(elsewhere.database_url))


def test_what_does_not_arrive_whole_is_not_kept_and_can_be_tried_again(
        lived_in: tuple[Settings, Any], elsewhere: Settings, monkeypatch: pytest.MonkeyPatch):
    add_rows = moving.add_rows

    def losing(connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        add_rows(connection, table, rows[:-1] if table.name == "feedback" else rows)

    monkeypatch.setattr(moving, "add_rows", losing)
    with pytest.raises(CannotMove, match="feedback"):
        move(lived_in[0], str(elsewhere.database_url))
    assert sum(map(len, everything(elsewhere).values())) == 0
    monkeypatch.undo()
    assert move(lived_in[0], str(elsewhere.database_url)).rows["feedback"] == 1


@pytest.mark.only_on("sqlite")
def test_a_log_that_is_not_intact_does_not_move(
        lived_in: tuple[Settings, Any], elsewhere: Settings, tmp_path_factory: pytest.TempPathFactory):
    spoilt = settings_in(tmp_path_factory.mktemp("spoilt"))
    shutil.copy(lived_in[0].data / "sandbox.db", spoilt.data)
    engine = make_engine(database_url(spoilt.data, None), writing=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER log_entries_no_update")
        connection.exec_driver_sql("UPDATE log_entries SET actor_id = 'other' WHERE seq = 2")
    engine.dispose()
    with pytest.raises(CannotMove, match="not intact"):
        move(spoilt, str(elsewhere.database_url))


def killed_move(settings: Settings, target_url: str, at: int) -> None:
    """Move, in a process that is killed when it is about to commit for so manieth time."""
    commits = itertools.count(1)

    def kill(_connection: sa.Connection) -> None:
        if next(commits) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "commit", kill)
    move(settings, target_url)


def opens(settings: Settings) -> bool:
    """Whether a start finds the city there, and nothing shuts it."""
    try:
        prepare(settings)
    except SchemaRefused as refused:
        assert refused.reason.key in ("command.move_unfinished", "command.moved_away")
        return False
    return len(everything(settings)["accounts"]) > 0


def test_killed_on_its_way_never_are_both_open_and_it_ends_when_run_again(
        lived_in: tuple[Settings, dict[str, Any]], elsewhere: Settings):
    settings, found = lived_in[0], dict[int, tuple[bool, bool]]()
    before, url = everything(settings), str(elsewhere.database_url)
    for at in (4, 5):  # two make the schemas, the third shuts the source
        process = OTHERS.Process(target=killed_move, args=(settings, url, at))
        process.start()
        process.join(PATIENCE_S)
        assert process.exitcode == -signal.SIGKILL
        found[at] = opens(settings), opens(elsewhere)
    assert found == {4: (False, False), 5: (False, True)}
    with pytest.raises(SchemaRefused, match="is being moved"):
        move(settings, f"sqlite:///{settings.data / 'third.db'}")
    with opened(elsewhere) as program:
        program.acts.do("file_feedback", lived_in[1]["fang"], {
            **REPORT, "period_start": REPORT["period_end"], "period_end": "2026-03-02T09:00:00+08:00"},
            on=lived_in[1]["trial"])
    assert move(settings, url).rows["feedback"] == 2, "what arrived may have gone on"
    assert everything(settings) == before and (opens(settings), opens(elsewhere)) == (False, True)
    with pytest.raises(SchemaRefused, match="was moved to"):
        move(settings, url)

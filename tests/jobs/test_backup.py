"""A copy made while the city is at work opens, verifies, and has what was acknowledged before it was begun."""

import threading
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt

from sandbox.jobs.backup import CannotBackUp, back_up
from sandbox.jobs.evidence import folder, keep_file
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.store.files import FILES, FileOf
from sandbox.store.verification import verify

pytestmark = pytest.mark.only_on("sqlite")


@pytest.fixture
def trial(program: Program, cast: Cast) -> str:
    return adopt(program, cast, 1)[0]


def send(program: Program, cast: Cast, trial: str, n: int) -> str:
    kept = keep_file(program, cast.fang, trial, (FileOf.TRIAL, trial), (f"{n}.txt", BytesIO(b"line %d" % n)), {})
    return str(kept.id)


def test_a_copy_made_while_filings_run_opens_and_verifies(
        program: Program, cast: Cast, trial: str, tmp_path: Path) -> None:
    acknowledged, enough, over = [send(program, cast, trial, 0)], threading.Event(), threading.Event()

    def file_on() -> None:
        for n in range(1, 10_000):
            acknowledged.append(send(program, cast, trial, n))
            if n == 5:
                enough.set()
            if over.is_set():
                return

    filing = threading.Thread(target=file_on)
    filing.start()
    assert enough.wait(30)
    before = len(acknowledged)
    made = back_up(program.settings, tmp_path / "deep" / "copy")
    over.set()
    filing.join()
    assert {one.name for one in (tmp_path / "deep").iterdir()} == {"copy"}

    settings = program.settings.model_copy(update={"data": tmp_path / "deep" / "copy"})
    prepare(settings)
    copy = open_program(settings, lambda: START)
    try:
        with copy.reading() as connection:
            assert verify(connection) == made.log and made.log.problems == ()
            rows = connection.execute(sa.select(FILES.c.id, FILES.c.blob)).all()
        assert set(acknowledged[:before]) <= {row.id for row in rows}
        assert made.files == len({row.blob for row in rows})
        assert all(folder(copy).of(row.blob).read_bytes().startswith(b"line ") for row in rows)
        assert send(copy, cast, trial, 20_000)
    finally:
        copy.close()


def test_what_is_not_whole_is_no_copy(program: Program, cast: Cast, trial: str, tmp_path: Path) -> None:
    send(program, cast, trial, 1)
    with program.reading() as connection:
        path = folder(program).of(connection.execute(sa.select(FILES.c.blob)).scalar_one())
    path.write_bytes(b"line 2")
    with pytest.raises(CannotBackUp, match="is not what was received"):
        back_up(program.settings, tmp_path / "copy")
    path.unlink()
    with pytest.raises(CannotBackUp, match="is missing"):
        back_up(program.settings, tmp_path / "copy")
    assert not (tmp_path / "copy").exists() and not list(tmp_path.glob(".copy*"))
    with pytest.raises(CannotBackUp, match="is there already"):
        back_up(program.settings, tmp_path)
    elsewhere = program.settings.model_copy(update={"database_url": "postgresql://localhost/city"})
    with pytest.raises(CannotBackUp, match="pg_dump"):
        back_up(elsewhere, tmp_path / "copy")

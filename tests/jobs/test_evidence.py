"""Evidence files on disk: whole before they are named, shared only inside one body, swept when unnamed."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import Cast, adopt, enter_cast
from conftest import running, settings_in

from sandbox.acts.refusals import Invalid, NotFound
from sandbox.jobs.clock import Shifted
from sandbox.jobs.evidence import folder, keep_file, sweep_files
from sandbox.jobs.metronome import Metronome
from sandbox.jobs.program import Program
from sandbox.jobs.schema import prepare
from sandbox.rules.access import Actor
from sandbox.rules.evidence_files import MOST_BYTES
from sandbox.store.door import Busy
from sandbox.store.files import FILES, FileOf

TRIAL = FileOf.TRIAL


@pytest.fixture(params=("sqlite", "postgresql"))
def city(request: pytest.FixtureRequest, tmp_path: Path, clock: Shifted) -> Iterator[tuple[Program, Cast, str]]:
    """A program on either database with a running trial."""
    settings = settings_in(tmp_path)
    if request.param == "postgresql":
        settings = settings.model_copy(update={"database_url": request.getfixturevalue("postgres")()})
    prepare(settings)
    for program in running(settings, clock):
        cast = enter_cast(program)
        yield program, cast, adopt(program, cast, 1)[0]


def send(program: Program, who: Actor, trial: str, content: bytes = b"one line", name: str = "a.txt",
         **more: Any) -> Any:
    return keep_file(program, who, trial, (TRIAL, trial), (name, BytesIO(content)), {}, **more)


def on_disk(program: Program) -> list[str]:
    place = folder(program).path
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file() and path.name != "lock")


def rows(program: Program) -> list[Any]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(FILES).order_by(FILES.c.id)).mappings())


def test_a_file_is_kept_whole_and_only_its_own_body_shares_its_bytes(city: tuple[Program, Cast, str]):
    program, cast, trial = city
    send(program, cast.fang, trial)
    send(program, cast.fang, trial, name="b.txt")
    send(program, cast.lin, trial)
    found = {(row["organisation_id"], row["name"]): row["blob"] for row in rows(program)}
    hers, office = cast.fang.organisation_id, cast.lin.organisation_id
    assert found[hers, "a.txt"] == found[hers, "b.txt"] != found[office, "a.txt"]
    assert len({row["sha256"] for row in rows(program)}) == 1
    assert len(on_disk(program)) == 2
    assert folder(program).of(found[hers, "a.txt"]).read_bytes() == b"one line"
    assert sweep_files(program) == 0 and len(on_disk(program)) == 2


def test_the_largest_file_is_taken_and_one_byte_more_is_not(city: tuple[Program, Cast, str]):
    program, cast, trial = city
    assert send(program, cast.fang, trial, b"a" * MOST_BYTES).id
    with pytest.raises(Invalid, match="file") as error:
        send(program, cast.fang, trial, b"a" * (MOST_BYTES + 1))
    assert error.value.errors[0][1].key == "error.file_large"
    assert len(on_disk(program)) == 1


def test_nothing_stays_of_a_file_that_is_refused(city: tuple[Program, Cast, str]):
    program, cast, trial = city
    for content, name in ((b"", "a.txt"), (b"MZ\0\0", "a.pdf"), (b"x", "a.exe")):
        with pytest.raises(Invalid):
            send(program, cast.fang, trial, content, name)
    assert (on_disk(program), rows(program)) == ([], [])


def test_what_an_act_refused_lies_there_until_it_is_swept(city: tuple[Program, Cast, str]):
    program, cast, trial = city
    with pytest.raises(NotFound):
        send(program, cast.gao, trial)
    with pytest.raises(Invalid, match="object_id"):
        keep_file(program, cast.fang, trial, (FileOf.INCIDENT, "in_0"), ("a.txt", BytesIO(b"x")), {})
    assert len(on_disk(program)) == 2 and rows(program) == []
    assert sweep_files(program) == 2
    assert on_disk(program) == []


def test_a_dry_run_keeps_neither_bytes_nor_row(city: tuple[Program, Cast, str]):
    program, cast, trial = city
    assert send(program, cast.fang, trial, dry_run=True).sha256
    assert (on_disk(program), rows(program)) == ([], [])


def test_a_repeated_key_is_one_file(city: tuple[Program, Cast, str]):
    program, cast, trial = city
    assert send(program, cast.fang, trial, key="k") == send(program, cast.fang, trial, key="k")
    assert len(rows(program)) == 1


KILLED = """
import os, pathlib, signal, sys, io
from sandbox.store.files import FileFolder, blob_of
place = FileFolder(pathlib.Path(sys.argv[1]))
with place.receiving(), place.written(io.BytesIO(b"never named"), 100) as received:
    if sys.argv[2] == "placed":
        place.place(received, blob_of("or_1", received.sha256))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("when", ["written", "placed"])
def test_a_kill_before_the_commit_leaves_nothing_that_is_referenced_and_nothing_for_good(
        program: Program, cast: Cast, when: str):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(program.settings.data), when], check=False,
                           cwd=Path(__file__).resolve().parents[2])
    assert ended.returncode == -signal.SIGKILL
    assert len(on_disk(program)) == 1 and rows(program) == []
    assert sweep_files(program) == 1
    assert on_disk(program) == []


def test_the_sweep_waits_while_a_file_comes_in(program: Program, cast: Cast):
    with folder(program).receiving():
        assert sweep_files(program) is None
    assert sweep_files(program) == 0


def test_a_file_that_comes_in_waits_for_the_sweep_and_is_kept(program: Program, cast: Cast, adopted: Any):
    trial, done = adopted(1)[0], []
    with folder(program).sweeping() as alone:
        assert alone
        arriving = threading.Thread(target=lambda: done.append(send(program, cast.fang, trial)))
        arriving.start()
        arriving.join(0.05)
        assert done == []
    arriving.join()
    assert len(done) == len(on_disk(program)) == 1


def test_the_metronome_sweeps_at_its_start(program: Program, cast: Cast, adopted: Any):
    with pytest.raises(NotFound):
        send(program, cast.gao, adopted(1)[0])
    metronome = Metronome(program)
    metronome._beat()
    metronome.stop()
    assert on_disk(program) == []


def test_a_disk_that_refuses_is_told_as_busy_and_keeps_nothing(program: Program, cast: Cast, adopted: Any):
    trial = adopted(1)[0]
    (program.settings.data / "files").write_text("in the way")
    with pytest.raises(Busy):
        send(program, cast.fang, trial)
    assert rows(program) == []


def test_files_are_readable_by_their_owner_only(program: Program, cast: Cast, adopted: Any):
    send(program, cast.fang, adopted(1)[0])
    folders = [path for path in [folder(program).path, *folder(program).path.rglob("*")] if path.is_dir()]
    assert {oct(os.stat(path).st_mode & 0o777) for path in folders} == {"0o700"}

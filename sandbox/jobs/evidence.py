"""Evidence files on their way in: written out, looked at, placed, named by an act; and the sweep of others."""

from collections.abc import Iterator, Mapping
from typing import IO, Any

import sqlalchemy as sa

from sandbox.acts.files import FileGiven, FileKept
from sandbox.acts.refusals import invalid
from sandbox.jobs.program import Program
from sandbox.rules.access import Actor
from sandbox.rules.evidence_files import MOST_BYTES, Unfit, fit_name, kind_of
from sandbox.store.door import Busy
from sandbox.store.files import FILES, FileFields, FileFolder, FileOf, Received, TooLarge, blob_of


def folder(program: Program) -> FileFolder:
    """Where the program's files are."""
    return FileFolder(program.settings.data)


def keep_file(program: Program, actor: Actor, trial_id: str, of: tuple[FileOf, str], file: tuple[str, IO[bytes]],
              told: Mapping[str, Any], *, key: str | None = None, dry_run: bool = False) -> FileKept:
    """Take one file as evidence for something of a trial. On return its bytes and its row are durable.

    Raises Invalid for a name or content that is not taken, Busy when the disk refuses (nothing is kept), and whatever
    `attach_file` raises."""
    place, (name, stream) = folder(program), file
    try:
        with place.receiving(), place.written(stream, MOST_BYTES) as received:
            said = FileFields.model_validate(told).model_dump(exclude_none=True)
            given = FileGiven.model_validate({**said, "object_kind": of[0].value, "object_id": of[1],
                                              **_looked_at(name, received)})
            if not dry_run:
                place.place(received, blob_of(actor.organisation_id, received.sha256))
            kept: FileKept = program.acts.do("attach_file", actor, given, trial_id, key=key, dry_run=dry_run)
            return kept
    except TooLarge as error:
        raise invalid("file", "file_large", limit=MOST_BYTES // 1024 // 1024) from error
    except Unfit as error:
        raise invalid("file", error.code, **error.values) from error
    except OSError as error:
        raise Busy from error


def _looked_at(name: str, received: Received) -> dict[str, Any]:
    if received.size == 0:
        raise Unfit("file_empty")
    fit = fit_name(name)
    with received.path.open("rb") as stream:
        return {"name": fit, "kind": kind_of(fit, stream).id, "size": received.size, "sha256": received.sha256}


def sweep_files(program: Program) -> int | None:
    """Remove what no row names: files whose act failed or whose process was killed in between. None while files are
    coming in: then it is tried again. Safe in any number of processes."""
    place = folder(program)
    with place.sweeping() as alone:
        return place.sweep(tuple(_unnamed(program, place))) if alone else None


def _unnamed(program: Program, place: FileFolder) -> Iterator[str]:
    for blobs in place.kept():
        with program.reading() as connection:
            named = set(connection.execute(sa.select(FILES.c.blob).where(FILES.c.blob.in_(blobs))).scalars())
        yield from (blob for blob in blobs if blob not in named)

"""Files of reports on their way: taken in, checked without keeping anything, then filed as a batch. What runs does so
in a thread of its own and says in its row how far it has come; begun again after a crash, it files nothing twice."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
import structlog

from sandbox.acts.refusals import NotPermitted, Refused
from sandbox.jobs.arrivals import from_table
from sandbox.jobs.batches import Arrived, BatchRefused, Intake, Progress, Sending, Taken, TooManyLines
from sandbox.jobs.program import Program
from sandbox.rules.access import Actor
from sandbox.rules.intake.reading import lines_of
from sandbox.rules.intake.reports import Reading
from sandbox.rules.intake.table import MAX_BYTES, Unread, bounded, fold, shown, tidy
from sandbox.store.door import Busy, Unknown
from sandbox.store.faults import Fault
from sandbox.store.ids import new_id
from sandbox.store.uploads import COLUMN_MEANINGS, UPLOADS, UploadState
from sandbox.words import word

SAMPLES = 3
STILL = timedelta(seconds=60)
"""A job that has not come on for so long has died with its process; it can be begun again."""
KEPT_FOR = timedelta(days=7)
ENDS = ""
"""The heading under which is kept how a firm writes ends of periods."""
WAITS_S, TRIES = 1.0, 120
log = structlog.get_logger()


class Uploads:
    """The uploads of one process; safe to use from any number of threads."""

    def __init__(self, program: Program, intake: Intake) -> None:
        self._program, self._intake = program, intake
        self._folder = program.settings.data / "uploads"
        self._closing = threading.Event()

    def receive(self, actor: Actor, trial_id: str, name: str, content: IO[bytes],
                guess: Callable[[Sequence[str]], list[str | None]], through: bool) -> str:
        """Keep a file until it is filed; returns the upload's id. Raises Unread for what is no list, and NotFound and
        NotPermitted as filing would."""
        self._program.acts.permit("file_batch", actor, trial_id)
        raw, now = content.read(MAX_BYTES + 1), self._program.clock()
        headings, samples = first_lines(raw)
        upload_id = new_id("up", now)
        self._forget_old(now)
        self._write(upload_id, raw)
        self._insert({"id": upload_id, "trial_id": trial_id, "organisation_id": actor.organisation_id,
                      "author_id": actor.id, "name": name[:200], "sent": hashlib.sha256(raw).hexdigest(),
                      "state": UploadState.RECEIVED.value, "at": now, "beat_at": now, "headings": headings,
                      "samples": samples, "columns": guess(headings), "through": through, "partial": False, "done": 0,
                      "found": {}, "batch_id": None, "problem": None})
        return upload_id

    def check(self, actor: Actor, upload: Mapping[str, Any], columns: list[str | None], through: bool) -> None:
        """Begin to check a file whose columns are named; they are remembered. Nothing of it is kept by this."""
        self._program.acts.permit("file_batch", actor, upload["trial_id"])
        self._remember(actor, upload, columns, through)
        self._begin(actor, upload, UploadState.CHECKING, columns=columns, through=through, found={})

    def keep(self, actor: Actor, upload: Mapping[str, Any], partial: bool) -> None:
        """Begin to file what was checked: all of it, or the lines without faults."""
        self._program.acts.permit("file_batch", actor, upload["trial_id"])
        self._begin(actor, upload, UploadState.KEEPING, partial=partial)

    def close(self) -> None:
        """Begin nothing more; what runs ends with its next line."""
        self._closing.set()

    # The job

    def _begin(self, actor: Actor, upload: Mapping[str, Any], state: UploadState, **values: Any) -> None:
        """Of two who begin the same, one does: the row is claimed by its state and its last beat."""
        now = self._program.clock()
        values |= {"state": state.value, "done": 0, "beat_at": now, "problem": None}
        if self._change(upload["id"], values, UPLOADS.c.state == upload["state"],
                        UPLOADS.c.beat_at == upload["beat_at"]):
            job = threading.Thread(target=self._run, args=(actor, {**upload, **values}), daemon=True,
                                   name=f"upload {upload['id']}")
            job.start()

    def _run(self, actor: Actor, upload: dict[str, Any]) -> None:
        """Whatever happens is said in the row; a storage that fails leaves it to be begun again."""
        keeping = upload["state"] == UploadState.KEEPING
        try:
            taken = self._take(actor, upload, keeping)
            values = {"state": UploadState.KEPT if keeping else UploadState.CHECKED, "batch_id": taken.done.id,
                      "found": _found(taken)}
        except BatchRefused as refused:
            values = {"state": UploadState.CHECKED, "found": _refused(refused)}
        except (Refused, NotPermitted) as refused:
            values = {"state": UploadState.FAILED, "problem": f"refused.{refused.code}"}
        except TooManyLines:
            values = {"state": UploadState.FAILED, "problem": "page.upload.too_long"}
        except (Busy, Unknown):
            values = {"state": UploadState.FAILED, "problem": "problem.busy"}
        except Exception:
            log.exception("upload_failed", upload=upload["id"])
            values = {"state": UploadState.FAILED, "problem": "problem.bug"}
        with suppress(Busy, Unknown):
            self._change(upload["id"], {**values, "beat_at": self._program.clock()})

    def _take(self, actor: Actor, upload: Mapping[str, Any], keeping: bool) -> Taken:
        sending = Sending(upload["sent"], "upload", partial=upload["partial"] or not keeping, dry_run=not keeping,
                          key=f"upload {upload['id']}" if keeping else None)
        for _ in range(TRIES):
            try:
                return self._intake.take(actor, upload["trial_id"], self._arrivals(upload), sending,
                                         _Told(self, upload["id"]))
            except Busy:
                if self._closing.wait(WAITS_S):
                    break
        raise Busy

    def _arrivals(self, upload: Mapping[str, Any]) -> Iterator[Arrived]:
        raw = (self._folder / upload["id"]).read_bytes()
        reading = Reading(self._program.settings.zone, upload["through"])
        rows = bounded(lines_of(raw))
        try:
            next(rows, None)
            yield from from_table(upload["columns"], rows, reading)
        except Unread as unread:
            yield Arrived(unread.line or 1, None, (Fault("", "cannot_read"),))

    # Its row

    def beat(self, upload_id: str, done: int) -> None:
        """The job has come so far."""
        with suppress(Busy):
            self._change(upload_id, {"done": done, "beat_at": self._program.clock()})

    def _insert(self, values: Mapping[str, Any]) -> None:
        self._program.door.submit(lambda transaction: transaction.connection.execute(
            sa.insert(UPLOADS).values(**values)))

    def _change(self, upload_id: str, values: Mapping[str, Any], *where: sa.ColumnElement[bool]) -> bool:
        return bool(self._program.door.submit(lambda transaction: transaction.connection.execute(
            sa.update(UPLOADS).where(UPLOADS.c.id == upload_id, *where).values(**values))).rowcount)

    def _remember(self, actor: Actor, upload: Mapping[str, Any], columns: Iterable[str | None], through: bool) -> None:
        """What each heading means from now on."""
        meant = {fold(heading): name or "" for heading, name in zip(upload["headings"], columns, strict=True)}
        rows = [{"trial_id": upload["trial_id"], "heading": heading, "organisation_id": actor.organisation_id,
                 "field": name, "at": self._program.clock()}
                for heading, name in {**meant, ENDS: "through" if through else "at"}.items()]

        def job(transaction: Any) -> None:
            transaction.connection.execute(sa.delete(COLUMN_MEANINGS).where(
                COLUMN_MEANINGS.c.trial_id == upload["trial_id"],
                COLUMN_MEANINGS.c.heading.in_([row["heading"] for row in rows])))
            transaction.connection.execute(sa.insert(COLUMN_MEANINGS), rows)

        self._program.door.submit(job)

    # Its file

    def _write(self, upload_id: str, raw: bytes) -> None:
        self._folder.mkdir(exist_ok=True, mode=0o700)
        path = self._folder / upload_id
        path.touch(mode=0o600)
        path.write_bytes(raw)

    def _forget_old(self, now: datetime) -> None:
        """Files and rows of uploads that are a week old: what was to be kept of them is a batch."""
        def job(transaction: Any) -> list[str]:
            old = transaction.connection.execute(sa.select(UPLOADS.c.id).where(
                UPLOADS.c.at < now - KEPT_FOR).limit(100)).scalars().all()
            transaction.connection.execute(sa.delete(UPLOADS).where(UPLOADS.c.id.in_(old)))
            return list(old)

        for upload_id in self._program.door.submit(job):
            Path(self._folder / upload_id).unlink(missing_ok=True)


class _Told(Progress):
    """The lines of a batch, said in the upload's row."""

    def __init__(self, uploads: Uploads, upload_id: str) -> None:
        self._uploads, self._id = uploads, upload_id

    def read(self, lines: int) -> None:
        self._uploads.beat(self._id, lines)


def first_lines(raw: bytes) -> tuple[list[str], list[list[str]]]:
    """The headings of a file and its first rows, short enough to show. Raises Unread."""
    told = bounded(lines_of(raw))
    _, names = next(told, (None, []))
    headings = [tidy(name)[:200] for name in names]
    if not any(headings):
        raise Unread(word("intake.empty"))
    samples = [[shown(cell.strip())[:60] for cell in cells[:len(headings)]]
               for (_, cells), _ in zip(told, range(SAMPLES), strict=False)]
    return headings, samples


def _found(taken: Taken) -> dict[str, Any]:
    done = taken.done
    return {"lines": done.lines, "kept": done.kept, "refused": done.refused, "repeated": done.repeated,
            "held": done.held, "light": done.light, "state": done.state, "root": done.root,
            "due": done.next_due_at.isoformat() if done.next_due_at else None,
            "seq": done.receipt.seq if done.receipt else None, "leaf": done.receipt.leaf if done.receipt else None,
            "exposures": taken.exposures, "events": dict(taken.events),
            "faults": [_plain(line, fault) for line, fault in taken.faults]}


def _refused(refused: BatchRefused) -> dict[str, Any]:
    return {"lines": refused.lines, "kept": 0, "refused": refused.refused, "repeated": 0, "held": 0, "light": None,
            "state": None, "root": None, "due": None, "seq": None, "leaf": None, "exposures": 0.0, "events": {},
            "faults": [_plain(line, fault) for line, fault in refused.faults]}


def _plain(line: int, fault: Fault) -> list[Any]:
    return [line, fault.field, fault.code, dict(fault.given)]

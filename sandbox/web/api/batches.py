"""Batches by API: feedback as NDJSON or CSV, spooled to disk while it arrives; and what became of each line."""

import csv
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Annotated, Any

import sqlalchemy as sa
from flask import Response, request, stream_with_context
from pydantic import Field
from werkzeug.exceptions import RequestEntityTooLarge

from sandbox.acts.batches import BatchFiled
from sandbox.jobs.arrivals import MOST_IN_LINE, from_json, from_table
from sandbox.jobs.batches import Arrived, Sending, Taken
from sandbox.reads import batches as reads
from sandbox.rules.intake.reports import Reading, is_field
from sandbox.store.faults import Fault
from sandbox.web.api import asking
from sandbox.web.api.asking import Doing, Paged
from sandbox.web.api.endpoint import Rows, Stream, seen
from sandbox.web.api.log import before
from sandbox.web.api.shapes import Listing, Shape, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.problems import FieldError, Malformed, told
from sandbox.web.reader import actor, intake, program
from sandbox.words import word

NDJSON, CSV = "application/x-ndjson", "text/csv"
MOST_BYTES = 128 * 1024 * 1024
PIECE = 64 * 1024
IN_MEMORY = 1024 * 1024
AT_A_TIME = 2000
"""Lines of an answer that are read and written together."""
rows = Rows("feedback")


class Batching(Doing):
    """What a batch takes beside what every act takes: `partial=1` keeps the good lines of a batch with bad ones."""

    partial: Annotated[str | None, Field(pattern="^1$")] = None


class LineResult(Shape):
    """What became of a line: kept (`id`, the hash of its leaf), repeated (kept before under its key), held (it
    would have stopped the trial and is implausible: `id` is that of the held filing) or refused."""

    line: int
    outcome: str
    id: str | None = None
    key: str | None = None
    leaf: str | None = None
    errors: list[FieldError] | None = None


class BatchAnswer(BatchFiled):
    """What became of a batch, and of each line in the order in which it was sent. Of a dry run, and where all was kept
    before, `id` is null and the kept lines are only counted."""

    results: list[LineResult]


class Batch(Shape):
    """A batch that counts: `sent` is the SHA-256 of what was sent, `root` the Merkle root of its kept lines."""

    id: str
    trial_id: str
    author_id: str
    at: datetime
    lines: int
    kept: int
    refused: int
    repeated: int
    held: int
    partial: bool
    root: str
    seq: int
    sent: str
    source: str


@rows.shows("/trials/<id>/batches")
def batches(connection: sa.Connection, id: str, query: Paged) -> Listing[Batch]:
    """A trial's batches, newest first."""
    trial_row(connection, id)
    return listed(reads.batches(connection, actor(), id, query.cursor, query.limit), Batch.of)


@rows.shows("/batches/<id>")
def batch(connection: sa.Connection, id: str) -> Batch:
    """One batch."""
    return Batch.of(seen(reads.batch(connection, actor(), id)))


@rows.shows("/batches/<id>/lines")
def batch_lines(connection: sa.Connection, id: str, query: Paged) -> Listing[LineResult]:
    """What became of each line of a batch, in the order in which it was sent."""
    seen(reads.batch(connection, actor(), id))
    found, last = reads.results(connection, id, before(query.cursor) or 0, query.limit)
    return Listing(items=[_result(one) for one in found], next=None if last is None else str(last))


# Taking one in


def take(ids: Mapping[str, str]) -> Response:
    """A batch: spooled, read, compared, brought in and made to count. Nothing of a refused one is kept."""
    trial_id = ids["id"]
    program().acts.permit("file_batch", actor(), trial_id)
    key, query = asking.key(), asking.asked(Batching)
    with spooled() as (file, sent):
        sending = Sending(sent, "api", partial=query.partial is not None, dry_run=query.dry_run is not None, key=key)
        taken = _answered(sending, trial_id) or intake().take(actor(), trial_id, arrivals(file), sending)
    return _answer(taken, 200 if sending.dry_run or taken.done.id is None else 201)


def _answered(sending: Sending, trial_id: str) -> Taken | None:
    """What the key was answered before, if it came before."""
    if sending.key is None:
        return None
    sent = {"sent": sending.sent, "partial": sending.partial}
    done = program().acts.answered("file_batch", actor(), sent, trial_id, sending.key)
    return Taken(done) if done else None


@contextmanager
def spooled() -> Iterator[tuple[IO[bytes], str]]:
    """The body in a temporary file, and its digest. Raises Malformed past the limit."""
    request.max_content_length = MOST_BYTES
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        try:
            while piece := request.stream.read(PIECE):
                digest.update(piece)
                file.write(piece)
        except RequestEntityTooLarge as error:
            raise too_large() from error
        if file.tell() >= MOST_BYTES:
            raise too_large()
        file.seek(0)
        yield file, digest.hexdigest()


def too_large() -> Malformed:
    """More than a batch may weigh."""
    return Malformed("too_large", ("", word("error.body_too_large", max_length=MOST_BYTES)), status=413)


def arrivals(file: IO[bytes]) -> Iterable[Arrived]:
    """The lines of the body, by its type."""
    return from_json(_lines(file), _careful) if request.mimetype == NDJSON else _csv(file)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Lines, none longer than is read at all: the rest of one that is too long is passed over."""
    mark = b"\xef\xbb\xbf"
    while raw := file.readline(MOST_IN_LINE + 1):
        ended = raw
        while ended and not ended.endswith(b"\n"):
            ended = file.readline(MOST_IN_LINE)
        yield raw.removeprefix(mark)
        mark = b""


def _careful(raw: bytes) -> dict[str, Any] | list[Fault]:
    try:
        return asking.read_object(raw)
    except Malformed as error:
        return [Fault(field, why.key.removeprefix("error."), {}) for field, why in error.errors]


def _csv(file: IO[bytes]) -> Iterator[Arrived]:
    """RFC 4180 in UTF-8; the heading has the names of fields. What follows a place that cannot be read is not read."""
    reader = csv.reader((raw.decode() for raw in _lines(file)), strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
        wrong = [Fault(name, "unknown_column") for name in columns if not is_field(name)]
        wrong += [Fault(name, "repeated") for place, name in enumerate(columns) if name in columns[:place]]
        if wrong or not columns:
            yield Arrived(1, None, tuple(wrong) or (Fault("", "missing"),))
        else:
            yield from from_table(columns, _numbered(reader), Reading())
    except csv.Error:
        yield Arrived(reader.line_num, None, (Fault("", "broken_csv"),))
    except UnicodeDecodeError:
        yield Arrived(reader.line_num + 1, None, (Fault("", "string_unicode"),))


def _numbered(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Records with the line that each begins on."""
    line = reader.line_num + 1
    for cells in reader:
        yield line, cells
        line = reader.line_num + 1


BATCH = Stream((NDJSON, CSV), "file_batch", take, BatchAnswer, Batching)


# Answering


def _answer(taken: Taken, status: int) -> Response:
    """The answer, written as its lines are read: it is as long as the batch."""
    head = taken.done.model_dump_json()
    pieces = _from_taken(taken) if taken.done.id is None else _from_kept(taken.done.id)
    return Response(stream_with_context(_whole(head, pieces)), status, mimetype="application/json")


def _whole(head: str, results: Iterator[LineResult]) -> Iterator[str]:
    yield head.removesuffix("}") + ',"results":['
    mark = ""
    for chunk in _chunked(results):
        yield mark + ",".join(chunk)
        mark = ","
    yield "]}"


def _chunked(results: Iterator[LineResult]) -> Iterator[list[str]]:
    chunk: list[str] = []
    for one in results:
        chunk.append(json.dumps(one.model_dump(exclude_none=True), ensure_ascii=False, separators=(",", ":")))
        if len(chunk) == AT_A_TIME:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _from_kept(batch_id: str) -> Iterator[LineResult]:
    """The lines of a kept batch, a chunk to a connection: a slow reader holds nobody up."""
    after: int | None = 0
    while after is not None:
        with program().reading() as connection:
            found, after = reads.results(connection, batch_id, after, AT_A_TIME)
        yield from map(_result, found)


def _from_taken(taken: Taken) -> Iterator[LineResult]:
    by_line: dict[int, reads.LineResult] = {}
    for line, fault in taken.faults:
        by_line.setdefault(line, reads.LineResult(line, "refused")).faults.append(fault)
    by_line |= {line: reads.LineResult(line, "repeated", report_id) for line, report_id in taken.repeated}
    by_line |= {line: reads.LineResult(line, "held") for line in taken.held}
    return (_result(by_line[line]) for line in sorted(by_line))


def _result(one: reads.LineResult) -> LineResult:
    errors = [told(fault, one.line) for fault in one.faults] if one.outcome == "refused" else None
    return LineResult(line=one.line, outcome=one.outcome, id=one.id, key=one.key, leaf=one.leaf, errors=errors)



"""Lines on their way into a batch: out of JSON or out of a table, each read, or with what is wrong with it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sandbox.jobs.batches import Arrived
from sandbox.rules.intake.reports import Reading, report_of
from sandbox.store.faults import Fault, faults_of
from sandbox.store.reports import KEY, read_closely, read_json, read_mapping
from sandbox.store.types import Short, plain_text

MOST_IN_LINE = 256 * 1024
Careful = Callable[[bytes], Mapping[str, Any] | list[Fault]]
"""Reads one object strictly, or says what is wrong with its text."""
_key = TypeAdapter(Short | None)


def from_json(lines: Iterable[bytes], careful: Careful) -> Iterator[Arrived]:
    """Lines of JSON; blank ones are passed over, and none loses its number by it."""
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        if len(raw) > MOST_IN_LINE:
            yield Arrived(number, None, (Fault("", "line_too_long", {"max_length": MOST_IN_LINE}),))
        elif (read := read_json(raw)) is not None:
            yield Arrived(number, read)
        else:
            given = careful(raw)
            yield Arrived(number, None, tuple(given)) if isinstance(given, list) else closely(number, given)


def from_table(columns: Sequence[str | None], rows: Iterable[tuple[int, Sequence[str]]],
               reading: Reading) -> Iterator[Arrived]:
    """Rows of a table whose columns are named; one that is longer or shorter than its heading is refused."""
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns):]):
            yield Arrived(line, None, (Fault("", "ragged", {"cells": len(cells), "columns": len(columns)}),))
            continue
        given = report_of(columns, cells, reading)
        read = read_mapping(given)
        yield Arrived(line, read) if read is not None else closely(line, given)


def closely(line: int, given: Mapping[str, Any]) -> Arrived:
    """A line that is not of the common shape: taken, or refused with every fault."""
    report = dict(given)
    faults: list[Fault] = []
    try:
        key = _key.validate_python(plain_text(report.pop(KEY, None)))
    except ValidationError as error:
        key, faults = None, [Fault(KEY, one.code, one.given) for one in faults_of(error)]
    except ValueError:
        key, faults = None, [Fault(KEY, "text_control")]
    try:
        read = read_closely(report, key)
    except ValidationError as error:
        faults += faults_of(error)
    return Arrived(line, None, tuple(faults)) if faults else Arrived(line, read)

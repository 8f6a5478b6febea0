"""Exports of exactly what a list is filtered to, sent while they are read: CSV, XLSX or JSON of any length.

Each chunk is read in a moment of its own, so that a slow download holds nothing back; rows filed meanwhile are newer
than all of them and not in it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import sqlalchemy as sa
from flask import Response, stream_with_context

from sandbox.papers.sheets import as_csv, as_json, as_xlsx
from sandbox.reads.pages import MOST, Page
from sandbox.web.pages.shapes import Plain
from sandbox.web.pages.times import now
from sandbox.web.reader import program, t

Slice = Callable[[sa.Connection, str | None, int], Page[Any]]
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXPORTS = {"csv": (as_csv, "text/csv"), "xlsx": (as_xlsx, WORKBOOK), "json": (as_json, "application/json")}


@dataclass(frozen=True, slots=True)
class Exported:
    """The columns of an export, and a slice of rows that are tuples of just these."""

    names: tuple[str, ...]
    page: Slice


def exported(name: str, kind: str, of: Exported | None, page: Slice, plain: Callable[[Any], Plain] | None) -> Response:
    """The export as a download, by its own rows or a list's. What goes wrong before the first row goes wrong here."""
    chunks = _chunks(of.page if of else page)
    first = next(chunks)
    rows: Iterator[Any] = chain((first,), chunks)
    names = of.names if of else ()
    if plain is not None:
        names = tuple(plain(first[0])) if first else ()
        rows = ([tuple(plain(one).values()) for one in chunk] for chunk in rows)
    write, mimetype = EXPORTS[kind]
    titles = names if kind == "json" else [t(f"page.col.{one}") for one in names]
    body = write(titles, rows, program().settings.zone)
    day = now().astimezone(program().settings.zone).date()
    return Response(stream_with_context(body), mimetype=mimetype,
                    headers={"Content-Disposition": f'attachment; filename="{name}-{day}.{kind}"'})


def _chunks(page: Slice) -> Iterator[Sequence[Any]]:
    cursor = None
    while True:
        with program().reading() as connection:
            found = page(connection, cursor, MOST)
        yield found.items
        cursor = found.next
        if cursor is None:
            return

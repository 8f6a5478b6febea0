"""Exports of exactly what a list is filtered to: CSV, XLSX or JSON, bounded, and harmless to open in a spreadsheet."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from flask import Response

from sandbox.acts.refusals import Refused
from sandbox.reads.pages import MOST, Page
from sandbox.web.pages.shapes import Plain
from sandbox.web.pages.times import now
from sandbox.web.reader import program, t

ROWS = 10_000
"""More is for the API's cursors; the person is asked to narrow the filters, never given a part in silence."""
FORMULA = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\n")


def exported(name: str, kind: str, page: Callable[[str | None, int], Page[Any]],
             plain: Callable[[Any], Plain]) -> Response:
    """The export as a download. Raises Refused when there is more than one export may hold."""
    rows = list(_rows(page, plain))
    body, mimetype = EXPORTS[kind](rows)
    day = now().astimezone(program().settings.zone).date()
    return Response(body, mimetype=mimetype,
                    headers={"Content-Disposition": f'attachment; filename="{name}-{day}.{kind}"'})


def _rows(page: Callable[[str | None, int], Page[Any]], plain: Callable[[Any], Plain]) -> Iterator[Plain]:
    cursor, given = None, 0
    while True:
        found = page(cursor, MOST)
        given += len(found.items)
        if given > ROWS:
            raise Refused("export_too_large", limit=ROWS)
        yield from (plain(item) for item in found.items)
        cursor = found.next
        if cursor is None:
            return


def safe(value: Any) -> Any:
    """A cell that no spreadsheet reads as a formula: text that starts like one, full-width forms too, gets a quote."""
    if isinstance(value, datetime):
        return value.astimezone(program().settings.zone).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value
    start = unicodedata.normalize("NFKC", value.lstrip(" \u3000"))[:1]
    return f"'{value}" if value[:1] in FORMULA or start in FORMULA else value


def _headings(rows: list[Plain]) -> list[str]:
    return [t(f"page.col.{name}") for name in rows[0]] if rows else []


def _csv(rows: list[Plain]) -> tuple[bytes, str]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([_headings(rows), *([safe(value) for value in row.values()] for row in rows)])
    return out.getvalue().encode("utf-8-sig"), "text/csv"


def _xlsx(rows: list[Plain]) -> tuple[bytes, str]:
    import xlsxwriter  # heavy: read where it is used
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    for place, cells in enumerate([_headings(rows), *([safe(value) for value in row.values()] for row in rows)]):
        sheet.write_row(place, 0, cells)
    book.close()
    return out.getvalue(), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _json(rows: list[Plain]) -> tuple[bytes, str]:
    def text(value: Any) -> str:
        return value.isoformat() if isinstance(value, date) else str(value)

    return json.dumps(rows, ensure_ascii=False, indent=1, default=text).encode(), "application/json"


EXPORTS: dict[str, Callable[[list[Plain]], tuple[bytes, str]]] = {"csv": _csv, "xlsx": _xlsx, "json": _json}

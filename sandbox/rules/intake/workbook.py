"""XLSX workbooks from strangers: unpacked in small bites under a limit before the library sees them."""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from io import BytesIO
from itertools import chain
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

from sandbox.rules.intake.table import MAX_CELLS, MAX_COLUMNS, MAX_ROWS, NumberedCells, Unread, fold, keepable
from sandbox.words import word

MAX_UNPACKED = 64 * 1024 * 1024
MAX_PARTS = 2_000
SHEET_LINES = 1_048_576
"""A sheet cannot have more."""
MAX_MARKS, ROW_MARKS = 6_000_000, 3 * 16_384
"""Elements of one part, and of one row: more than any sheet needs that fits in MAX_UNPACKED, and than its widest row.
What is empty packs to nothing, and the library takes it apart one by one."""
ROW = re.compile(rb"<(/?)(?:[^\s<>/:]+:)?row[\s/>]")
BITE = 64 * 1024
READ_PARTS = (".xml", ".rels")

BROKEN = (
    BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, SyntaxError, EOFError, OSError,
    zlib.error, struct.error, NotImplementedError, RuntimeError, ArithmeticError, AssertionError,
)
"""What openpyxl and zipfile are known to raise on a file that is not what it says."""


def lines_of(content: bytes, sheet: str | None) -> tuple[str, NumberedCells]:
    """The sheet's title and its lines, numbered as the sheet numbers them; the first sheet when none is named.

    Formulas give the value last saved with the file, or nothing. Raises Unread.
    """
    import openpyxl

    try:
        book = openpyxl.load_workbook(plain_archive(content), read_only=True, data_only=True, keep_links=False)
    except BROKEN as broken:
        raise Unread(word("intake.broken_sheet")) from broken
    found = _sheet(book.worksheets, sheet)
    return found.title, _lines(found)


def plain_archive(content: bytes) -> BytesIO:
    """The same parts, stored: sizes are counted as they unpack, because the sizes an archive states may be lies."""
    plain = BytesIO()
    with ZipFile(BytesIO(content)) as packed, ZipFile(plain, "w") as stored:
        parts = packed.infolist()
        if len(parts) > MAX_PARTS or len({part.filename for part in parts}) < len(parts):
            raise Unread(word("intake.broken_sheet"))
        left = MAX_UNPACKED
        for part in parts:
            if part.filename.endswith(READ_PARTS):
                unpacked = _unpack(packed, part, left)
                left -= len(unpacked)
                stored.writestr(part.filename, unpacked)
    return plain


def _unpack(packed: ZipFile, part: ZipInfo, limit: int) -> bytes:
    unpacked = bytearray()
    with packed.open(part) as stream:
        while bite := stream.read(BITE):
            unpacked += bite
            if len(unpacked) > limit:
                raise Unread(word("intake.unpacks_too_large", limit=MAX_UNPACKED // 1024 // 1024))
    plain = bytes(unpacked).replace(b"\0", b"")
    # No sheet declares a document type; one that does means to expand entities.
    if b"<!DOCTYPE" in plain:
        raise Unread(word("intake.broken_sheet"))
    _check_marks(plain)
    return bytes(unpacked)


def _check_marks(part: bytes) -> None:
    """Raises Unread where there are more elements in all, or in one row, than a sheet needs."""
    if _marks(part, 0, len(part)) > MAX_MARKS:
        raise Unread(word("intake.too_many_rows", limit=MAX_ROWS, cells=MAX_CELLS))
    begins = None
    for mark in chain(ROW.finditer(part), [None]):
        end = mark.start() if mark else len(part)
        if begins is not None and _marks(part, begins, end) > ROW_MARKS:
            raise Unread(word("intake.too_many_columns", limit=MAX_COLUMNS))
        begins = end if mark and not mark[1] else None


def _marks(part: bytes, begin: int, end: int) -> int:
    return part.count(b"<", begin, end) - part.count(b"</", begin, end)


def _sheet(sheets: list[Any], name: str | None) -> Any:
    wanted = [one for one in sheets if name is None or fold(one.title) == fold(name)]
    if not wanted:
        raise Unread(word("intake.no_such_sheet", sheet=name or "", sheets=[one.title for one in sheets]))
    return wanted[0]


def _lines(sheet: Any) -> NumberedCells:
    width = 0
    for line, values in _filled_rows(sheet):
        cells = [cell(value) for value in values]
        width = width or len(cells)
        yield line, cells + [""] * (width - len(cells))


def _filled_rows(sheet: Any) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Rows with something in them, without the blank cells that a sheet has at the end of each."""
    try:
        rows: Iterable[tuple[Any, ...]] = sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True)
        for line, values in enumerate(rows, start=1):
            if line > SHEET_LINES:
                raise Unread(word("intake.broken_sheet"), line)
            if values.count(None) < len(values):
                yield line, values[: max(place for place, value in enumerate(values, 1) if value is not None)]
    except BROKEN as broken:
        raise Unread(word("intake.broken_sheet")) from broken


def cell(value: Any) -> str:
    """A value as text: whole numbers without a point, never in powers of ten, dates in ISO 8601."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case float():
            # Fifteen digits are what a sheet shows; more would bring back 0.30000000000000004.
            return format(Decimal(f"{value:.15g}"), "f")
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case date():
            return value.isoformat()
        case _:
            return keepable(str(value))

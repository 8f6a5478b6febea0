"""Tables as files that are written while they are read: CSV, XLSX and JSON in pieces, however many rows there are, and
harmless to open in a spreadsheet."""

import json
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, tzinfo
from html import escape
from itertools import chain
from typing import Any

import orjson

FORMULA = ("=", "+", "-", "@", "|", "%", "\t", "\r", "\n")
SHEET_ROWS = 1_048_576
"""What a sheet of a workbook holds, headings included; what is more goes on in the next sheet."""
CELL = 32_767
"""Characters that a cell of a workbook holds."""
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What XML cannot say at all."""
Rows = Iterable[Sequence[Sequence[Any]]]
"""Rows in chunks; each chunk becomes a piece of the file."""


def cell(value: Any, zone: tzinfo) -> Any:
    """A value as a cell: a number, nothing, or text that no spreadsheet reads as a formula."""
    make = CELLS.get(type(value))
    return value if make is None else make(value, zone)


def safe(text: str) -> str:
    """Text that starts like a formula, in full-width forms too, gets a quote before it. No letter or digit of any
    script is another spelling of a sign that starts one."""
    first = text[:1]
    if first.isalnum() or not text:
        return text
    start = unicodedata.normalize("NFKC", text.lstrip(" \u3000"))[:1]
    return f"'{text}" if first in FORMULA or start in FORMULA else text


CELLS: dict[type, Callable[[Any, tzinfo], Any]] = {
    str: lambda value, _zone: safe(value),
    datetime: lambda value, zone: value.astimezone(zone).isoformat(timespec="seconds"),
    date: lambda value, _zone: value.isoformat(),
    dict: lambda value, _zone: orjson.dumps(value).decode(),
    list: lambda value, _zone: orjson.dumps(value).decode(),
}

NOTHING = type(None)
REPEATED = frozenset((str, int, bool, datetime, date))
"""Kinds of which two that are equal are written alike: not floats, of which two noughts are equal."""


def as_csv(headings: Sequence[str], rows: Rows, zone: tzinfo) -> Iterator[bytes]:
    """UTF-8 with its mark, which spreadsheets ask for; lines as in RFC 4180."""
    mark = "\ufeff"
    for chunk in chain(((headings,),), rows):
        lines = map(",".join, _written(chunk, zone, _quoted))
        yield (mark + "".join([f"{line}\r\n" for line in lines])).encode()
        mark = ""


def _quoted(value: Any) -> str:
    text = "" if value is None else str(value)
    return f'"{text.replace(QUOTE, QUOTE * 2)}"' if BREAKING(text) else text


QUOTE = '"'
BREAKING = re.compile('[,"\r\n]').search


def _written(rows: Sequence[Sequence[Any]], zone: tzinfo, form: Callable[[Any], str]) -> Iterator[tuple[str, ...]]:
    """Rows of cells in their final form, made column by column: what repeats in a column is made once."""
    return zip(*(_column(values, zone, form) for values in zip(*rows, strict=True)), strict=True)


def _column(values: Sequence[Any], zone: tzinfo, form: Callable[[Any], str]) -> Iterable[str]:
    kinds = set(map(type, values)) - {NOTHING}
    if len(kinds) > 1 or not kinds <= REPEATED:
        return [form(cell(value, zone)) for value in values]
    made = {value: form(cell(value, zone)) for value in set(values)}
    return map(made.__getitem__, values)


def as_json(names: Sequence[str], rows: Rows, _zone: tzinfo) -> Iterator[bytes]:
    """One array of objects; times in ISO 8601, as they are kept."""
    def text(value: Any) -> str:
        return value.isoformat() if isinstance(value, date) else str(value)

    opening = "[\n"
    for chunk in rows:
        for row in chunk:
            yield (opening + json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, default=text)).encode()
            opening = ",\n"
    yield b"[]" if opening == "[\n" else b"\n]"


# Workbooks: a ZIP of XML, of which only the sheets grow


class Outlet:
    """What the ZIP is written to: bytes that are sent on and forgotten. It cannot be sought in, so that sizes follow
    each member."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""

    def taken(self) -> bytes:
        data = b"".join(self.parts)
        self.parts.clear()
        return data


def as_xlsx(headings: Sequence[str], rows: Rows, zone: tzinfo) -> Iterator[bytes]:
    """A workbook of as many sheets as the rows need (ECMA-376, inline strings)."""
    out = Outlet()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        sheets, waiting = 0, iter(_lines(headings, rows, zone))
        line = next(waiting, None)
        while line is not None:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                sheet.write(SHEET_OPENS.encode())
                room = SHEET_ROWS
                while line is not None and room >= line[0]:
                    sheet.write(line[1].encode())
                    room -= line[0]
                    yield out.taken()
                    line = next(waiting, None)
                sheet.write(SHEET_ENDS.encode())
        for name, content in _frame(sheets):
            book.writestr(name, content)
    yield out.taken()


def _lines(headings: Sequence[str], rows: Rows, zone: tzinfo) -> Iterator[tuple[int, str]]:
    """How many rows, and their XML. Chunks divide a sheet, so none has to be cut at its end."""
    for chunk in chain(((headings,),), rows):
        yield len(chunk), "".join([f"<row>{''.join(cells)}</row>" for cells in _written(chunk, zone, _cell)])


def _cell(value: Any) -> str:
    if type(value) is str:
        return f'<c t="inlineStr"><is><t xml:space="preserve">{_escaped(value)}</t></is></c>' if value else "<c/>"
    if value is None:
        return "<c/>"
    if value is True or value is False:
        return f'<c t="b"><v>{value:d}</v></c>'
    return f"<c><v>{value!r}</v></c>"


def _escaped(text: str) -> str:
    if text.isprintable() and len(text) <= CELL and "&" not in text and "<" not in text and ">" not in text:
        return text
    return UNPRINTABLE.sub("\ufffd", escape(text[:CELL], quote=False))


HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
SHEET_OPENS = f"{HEAD}<worksheet {MAIN}><sheetData>"
SHEET_ENDS = "</sheetData></worksheet>"


def _frame(sheets: int) -> Iterator[tuple[str, str]]:
    """The members that say what the sheets are."""
    numbers = range(1, sheets + 1)
    kinds = "".join(f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{KIND}.worksheet+xml"/>'
                    for n in numbers)
    yield "[Content_Types].xml", (
        f'{HEAD}<Types xmlns="{TYPES}"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{KIND}.sheet.main+xml"/>{kinds}</Types>')
    yield "_rels/.rels", (f'{HEAD}<Relationships xmlns="{PACKAGE}"><Relationship Id="rId1" '
                          f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>')
    named = "".join(f'<sheet name="{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    yield "xl/workbook.xml", f'{HEAD}<workbook {MAIN} xmlns:r="{OFFICE}"><sheets>{named}</sheets></workbook>'
    related = "".join(f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
                      for n in numbers)
    yield "xl/_rels/workbook.xml.rels", f'{HEAD}<Relationships xmlns="{PACKAGE}">{related}</Relationships>'

"""The front of intake: bytes in, a table out, whatever the bytes are."""

from dataclasses import replace

from sandbox.rules.intake import delimited, listing, workbook
from sandbox.rules.intake.table import MAX_BYTES, NumberedCells, Remark, Table, Unread, lay_out
from sandbox.rules.intake.text import decode
from sandbox.words import word

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def read_rows(content: bytes, filename: str, sheet: str | None = None, within: str | None = None) -> Table:
    """The list in a CSV, JSON or XLSX file (its first sheet, or the one named; in JSON at a path). Never raises.

    A file that cannot be read comes back without a header and with one refusal, which names the line where it can.
    Numbers and dates stay text. Wholly blank lines are passed over, and no line loses its number by it.
    """
    try:
        return _read(content, filename, sheet, within)
    except Unread as unread:
        return Table(filename, refused=(Remark(filename, unread.line, "", unread.code),))


def lines_of(content: bytes) -> NumberedCells:
    """The lines of a CSV or XLSX file (its first sheet) one after the other. Raises Unread, at once or on the way."""
    if len(content) > MAX_BYTES:
        raise Unread(word("intake.too_large", limit=MAX_BYTES // 1024 // 1024))
    if content.startswith(OLE):
        raise Unread(word("intake.old_sheet"))
    if content.startswith(ZIP):
        return workbook.lines_of(content, None)[1]
    return delimited.records(decode(content)[0])


def _read(content: bytes, filename: str, sheet: str | None, within: str | None) -> Table:
    if len(content) > MAX_BYTES:
        raise Unread(word("intake.too_large", limit=MAX_BYTES // 1024 // 1024))
    if content.startswith(OLE):
        raise Unread(word("intake.old_sheet"))
    if content.startswith(ZIP):
        title, lines = workbook.lines_of(content, sheet)
        return replace(lay_out(filename, lines), format="xlsx", sheet=title)
    return _read_text(content, filename, within)


def _read_text(content: bytes, filename: str, within: str | None) -> Table:
    text, encoding = decode(content)
    if not _is_json(text, filename):
        return replace(lay_out(filename, delimited.records(text)), format="csv", encoding=encoding)
    lines, refused = listing.objects(filename, text, within)
    table = lay_out(filename, lines)
    return replace(table, format="json", encoding=encoding, sheet=within or "", refused=refused + table.refused)


def _is_json(text: str, filename: str) -> bool:
    """The name decides; without a telling one, the first sign."""
    suffix = filename.lower().rpartition(".")[2]
    return suffix == "json" or (suffix not in ("csv", "tsv", "txt") and text.lstrip()[:1] in ("[", "{"))

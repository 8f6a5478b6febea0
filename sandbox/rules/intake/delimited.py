"""Comma-, tab- or semicolon-separated text, with the line that each record begins on."""

import csv
from collections.abc import Iterator
from io import StringIO

from sandbox.rules.intake.table import NumberedCells, Unread
from sandbox.words import word


def records(text: str) -> NumberedCells:
    """Records with their first line. Raises Unread at an unclosed quotation mark: reading on would swallow rows."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error as broken:
            raise Unread(word("intake.broken_csv"), line) from broken


def _delimiter(text: str) -> str:
    """The separator that divides the first record most: Excel writes tabs in UTF-16, semicolons in some countries."""
    return max(",\t;", key=lambda mark: len(_first(text, mark)))


def _first(text: str, delimiter: str) -> list[str]:
    lines: Iterator[list[str]] = csv.reader(StringIO(text, newline=""), delimiter=delimiter)
    try:
        return next((cells for cells in lines if any(cell.strip(" \t,;") for cell in cells)), [])
    except csv.Error:
        return []

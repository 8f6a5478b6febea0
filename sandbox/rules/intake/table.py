"""What any list looks like once read: a header, rows of text cells with the line they stand on, and remarks."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from sandbox.words import Word, word

MAX_BYTES = 20 * 1024 * 1024
MAX_ROWS, MAX_COLUMNS, MAX_CELLS = 200_000, 256, 5_000_000
SHOWN = 200
"""Characters of a strange value that a remark repeats."""

NumberedCells = Iterator[tuple[int, list[str]]]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say about one line of a file, or about all of it (`line` is None). `field` is the column's name."""

    file: str
    line: int | None
    field: str
    code: Word
    value: str = ""

    @property
    def word(self) -> Word:
        """The whole sentence: the place, the value found there, and what is said of it."""
        kind = "cell" if self.field else "line" if self.line is not None else "file"
        place = {"file": self.file, "line": str(self.line), "field": self.field, "value": self.value}
        return word(f"intake.on_{kind}", said=self.code, **place)


@dataclass(frozen=True, slots=True)
class Row:
    """The cells as they stand in the file, as many as the header has; `line` counts from 1 as an editor does."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """One list. A file that could not be read has no header and one refusal; `encoding` is blank for sheets."""

    filename: str
    format: str = ""
    encoding: str = ""
    sheet: str = ""
    header: tuple[str, ...] = ()
    header_line: int | None = None
    rows: tuple[Row, ...] = ()
    refused: tuple[Remark, ...] = ()
    noted: tuple[Remark, ...] = ()


class Unread(Exception):
    """A file, or what follows a line of it, that cannot be read at all. Never leaves `read_rows`."""

    def __init__(self, code: Word, line: int | None = None) -> None:
        super().__init__(code.key)
        self.code, self.line = code, line


def tidy(text: str) -> str:
    """One line of text: every run of white space (tabs, no-break spaces, line ends) is one space, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """A name for comparison only: width, case and white space do not matter."""
    return tidy(unicodedata.normalize("NFKC", name)).casefold()


def keepable(text: str) -> str:
    """The text with what no database or digest can hold (NUL, lone surrogates) shown as U+FFFD."""
    return re.sub("[\x00\ud800-\udfff]", "\ufffd", text)


def shown(value: str) -> str:
    """A value short enough to repeat in a remark."""
    return value if len(value) <= SHOWN else value[:SHOWN] + "…"


def repeated_headers(header: Iterable[str]) -> dict[str, list[int]]:
    """Columns (from 1) that share a name, by the folded name."""
    places: dict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(header, start=1):
        places[fold(name)].append(number)
    return {name: columns for name, columns in places.items() if name and len(columns) > 1}


def fit(cells: list[str], header: tuple[str, ...]) -> tuple[str, ...] | None:
    """The cells under the header; None when a named column has no cell, or a cell with text has no column."""
    named = max(number for number, name in enumerate(header, start=1) if name)
    if len(cells) < named or any(cell.strip() for cell in cells[len(header):]):
        return None
    return tuple(cells[: len(header)]) + ("",) * (len(header) - len(cells))


def bounded(lines: NumberedCells) -> NumberedCells:
    """The lines that say anything. Raises Unread past the limits, before the rest is read."""
    rows = most = 0
    for line, cells in lines:
        if not any(cell.strip() for cell in cells):
            continue
        rows, most = rows + 1, max(most, len(cells))
        if rows > MAX_ROWS + 1 or rows * most > MAX_CELLS:
            raise Unread(word("intake.too_many_rows", limit=MAX_ROWS, cells=MAX_CELLS), line)
        if most > MAX_COLUMNS:
            raise Unread(word("intake.too_many_columns", limit=MAX_COLUMNS), line)
        yield line, cells


def lay_out(filename: str, lines: NumberedCells) -> Table:
    """The first line that says anything is the header; rows that do not fit it are refused by line, not bent."""
    told = bounded(lines)
    header_line, names = next(told, (None, []))
    if header_line is None:
        raise Unread(word("intake.empty"))
    header = tuple(tidy(name) for name in names)
    rows: list[Row] = []
    refused: list[Remark] = []
    for line, cells in told:
        fitted = fit(cells, header)
        if fitted is None:
            refused.append(Remark(filename, line, "", word("intake.ragged", cells=len(cells), columns=len(header))))
        else:
            rows.append(Row(line, fitted))
    noted = tuple(_repetitions(filename, header_line, header))
    return Table(
        filename, header=header, header_line=header_line, rows=tuple(rows), refused=tuple(refused), noted=noted
    )


def _repetitions(filename: str, line: int, header: tuple[str, ...]) -> Iterator[Remark]:
    for columns in repeated_headers(header).values():
        yield Remark(filename, line, header[columns[0] - 1], word("intake.repeated_header", columns=columns))


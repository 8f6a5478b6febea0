"""A table heard out: what its rows say through the source it matches."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox.rules.intake.entries import ChangeLine, EntryLine
from sandbox.rules.intake.line import Line
from sandbox.rules.intake.mapping import Mapping, Source
from sandbox.rules.intake.matching import Match, match, unused_columns
from sandbox.rules.intake.table import Remark, Table
from sandbox.words import word

LINES: dict[str, type[Line]] = {"entries": EntryLine, "changes": ChangeLine}
"""How a row is read, by what its source makes."""
WHOLE_ROWS = frozenset({"entries"})
"""Kinds of source that keep every cell: no column of theirs goes unused."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a table says, with its own remarks and those of its rows; nothing is said where nothing matched. `said` is
    of the class that the source's lines say."""

    table: Table
    found: Match | None
    said: tuple[Any, ...]
    refused: tuple[Remark, ...]
    noted: tuple[Remark, ...]

    @property
    def makes(self) -> str:
        return self.found.source.makes if self.found else ""


def hear(mapping: Mapping, tables: Iterable[Table]) -> list[Heard]:
    """Every table heard in turn. A second table of one source is refused."""
    heard: list[Heard] = []
    for table in tables:
        heard.append(_hear(mapping, table, [one.found.source for one in heard if one.found]))
    return heard


def _hear(mapping: Mapping, table: Table, taken: list[Source]) -> Heard:
    if not table.header:
        return Heard(table, None, (), table.refused, table.noted)
    found = match(mapping, table)
    if isinstance(found, Match) and found.source in taken:
        found = Remark(table.filename, table.header_line, "", word("intake.second_table"))
    if isinstance(found, Remark):
        return Heard(table, None, (), (*table.refused, found), table.noted)
    return _rows(mapping, found)


def _rows(mapping: Mapping, found: Match) -> Heard:
    """Notes about a refused row are dropped: it is named by what is wrong with it."""
    said: list[Any] = []
    unused = () if found.source.makes in WHOLE_ROWS else unused_columns(found)
    refused, noted = list(found.table.refused), [*found.table.noted, *unused]
    reader = LINES.get(found.source.makes, Line)
    for row in found.table.rows:
        line = reader(mapping, found, row)
        one = line.say()
        if one is None:
            refused += line.refused
        else:
            said.append(one)
            noted += line.noted
    return Heard(found.table, found, tuple(said), tuple(refused), tuple(noted))

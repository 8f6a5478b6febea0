"""Which list of a mapping a table is, found by its column names alone."""

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.rules.intake.mapping import Mapping, Source
from sandbox.rules.intake.reading import ZIP, read_rows
from sandbox.rules.intake.table import Remark, Table, fold, repeated_headers, shown
from sandbox.words import Word, word


@dataclass(frozen=True, slots=True)
class Match:
    """A table, the source it is, and the place of each column by its name in the mapping."""

    table: Table
    source: Source
    places: dict[str, int]

    def header_of(self, field: str) -> str | None:
        """The column that gives a field, as the mapping spells it."""
        return next((header for header, name in self.source.columns.items() if name == field), None)


def tables_for(mapping: Mapping, content: bytes, filename: str) -> tuple[Table, ...]:
    """The tables of one file that a mapping asks for: several only of a workbook whose sheets, or of JSON whose lists,
    it names."""
    if content.startswith(ZIP):
        sheets = dict.fromkeys(source.sheet for source in mapping.sources)
        return tuple(read_rows(content, filename, sheet) for sheet in sheets)
    lists = list(dict.fromkeys(source.within for source in mapping.sources if source.within))
    found = [read_rows(content, filename, within=lists[0] if lists else None)]
    if lists and (_lacks_list(found[0]) or found[0].format == "json"):
        found += [read_rows(content, filename, within=one) for one in lists[1:]]
    return (read_rows(content, filename),) if all(map(_lacks_list, found)) else tuple(found)


def _lacks_list(table: Table) -> bool:
    return any(remark.code.key == "intake.no_such_list" for remark in table.refused)


def match(mapping: Mapping, table: Table) -> Match | Remark:
    """The first source all of whose columns the table has; else the refusal, by the source that lacks fewest."""
    sources = [source for source in mapping.sources if _on_sheet(source, table)] or list(mapping.sources)
    nearest = min(sources, key=lambda source: len(_lacking(source, table)))
    if lacking := _lacking(nearest, table):
        return _remark(table, word("intake.missing_columns", columns=lacking))
    repeated = repeated_headers(table.header)
    if ambiguous := [header for header in nearest.headers if fold(header) in repeated]:
        return _remark(table, word("intake.ambiguous_columns", columns=ambiguous))
    places = {fold(name): place for place, name in enumerate(table.header)}
    return Match(table, nearest, {header: places[fold(header)] for header in nearest.headers})


def unused_columns(found: Match) -> Iterable[Remark]:
    """Columns with something in them that the mapping does not mention."""
    used = set(found.places.values())
    for place, name in enumerate(found.table.header):
        filled = [row.cells[place] for row in found.table.rows if row.cells[place].strip()]
        if place not in used and filled:
            code = word("intake.unused_column", column=str(place + 1), n=len(filled))
            yield Remark(found.table.filename, found.table.header_line, name, code, shown(filled[0]))


def _on_sheet(source: Source, table: Table) -> bool:
    """Whether the source may be on this sheet, or in this list of a JSON file."""
    if table.format == "json":
        return source.within is None or source.within == table.sheet
    return source.sheet is None or table.format != "xlsx" or fold(source.sheet) == fold(table.sheet)


def _lacking(source: Source, table: Table) -> list[str]:
    names = {fold(name) for name in table.header}
    return [header for header in source.headers if fold(header) not in names]


def _remark(table: Table, code: Word) -> Remark:
    return Remark(table.filename, table.header_line, "", code)

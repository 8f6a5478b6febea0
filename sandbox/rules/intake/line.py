"""One row seen through its source: everything it says, or every reason why it says nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeVar

from sandbox.rules.intake.cells import Odd, choice, count, moment, number, prose
from sandbox.rules.intake.mapping import Mapping, month_of
from sandbox.rules.intake.matching import Match
from sandbox.rules.intake.table import Remark, Row, shown, tidy
from sandbox.words import Word, word

T = TypeVar("T")
HALF = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class Happening:
    """What an incident row says. `at` is None where the list gives only a day."""

    on: date
    at: datetime | None
    indicator: str
    description: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MonthSaid:
    """What a row says of one month, by its first day; no exposures means that it gives no number, not zero."""

    month: date
    exposures: Decimal | None
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What one row says."""

    row: Row
    permit: str
    organisation: str
    title: str
    months: tuple[MonthSaid, ...] = ()
    stated_events: int | None = None
    happening: Happening | None = None


class Line:
    """Reads a row's cells, gathering remarks instead of stopping at the first."""

    def __init__(self, mapping: Mapping, found: Match, row: Row) -> None:
        self.mapping, self.found, self.source, self.row = mapping, found, found.source, row
        self.refused: list[Remark] = []
        self.noted: list[Remark] = []

    def say(self) -> Said | None:
        """None when anything was refused: half a row would be a wrong row."""
        said = Said(
            self.row,
            permit=self._required("permit", "intake.no_permit"),
            organisation=self._text("organisation"),
            title=self._text("title"),
            months=self._months(),
            stated_events=self._number("stated_events", count),
            happening=self._happening() if self.source.makes == "incidents" else None,
        )
        return None if self.refused else said

    def _cell(self, header: str) -> str:
        return self.row.cells[self.found.places[header]]

    def _remark(self, header: str, code: Word, value: str) -> Remark:
        return Remark(self.found.table.filename, self.row.line, tidy(header), code, shown(value))

    def _take(self, header: str, read: Callable[[str], tuple[T, Word | None]]) -> T | None:
        """What the cell says; None with a refusal where it says nothing that can be taken."""
        raw = self._cell(header)
        try:
            value, note = read(raw)
        except Odd as odd:
            self.refused.append(self._remark(header, odd.code, raw))
            return None
        if note:
            self.noted.append(self._remark(header, note, raw))
        return value

    def _text(self, field: str) -> str:
        """A field from its column, else from the constants, else blank."""
        header, values = self.found.header_of(field), self.source.values.get(field, {})
        if header is None:
            return self.source.constants.get(field, "")
        return self._take(header, lambda raw: choice(raw, values)) or ""

    def _required(self, field: str, code: str) -> str:
        """A field that no row goes without."""
        header = self.found.header_of(field)
        if header and not self._cell(header).strip():
            self.refused.append(self._remark(header, word(code), ""))
            return ""
        return self._text(field)

    def _number(self, field: str, read: Callable[..., tuple[T | None, Word | None]]) -> T | None:
        """A number that the list may leave out."""
        header = self.found.header_of(field)
        return None if header is None else self._take(header, lambda raw: read(raw, self.mapping.nothing))

    def _months(self) -> tuple[MonthSaid, ...]:
        if self.source.makes != "feedback":
            return ()
        return self._month_columns() if self.source.months else self._one_month()

    def _month_columns(self) -> tuple[MonthSaid, ...]:
        """Each month column; a blank one is noted and stays unknown."""
        given = tuple(
            MonthSaid(month_of(month), self._take(header, lambda raw: number(raw, self.mapping.nothing)))
            for header, month in self.source.months.items()
        )
        self._compare([month.exposures for month in given if month.exposures])
        return given

    def _compare(self, given: list[Decimal]) -> None:
        """Note a stated total that rounding of the numbers shown cannot explain."""
        header, stated = self.found.header_of("total"), self._number("total", number)
        if header is None or stated is None:
            return
        counted = sum(given, Decimal(0))
        slack = sum((HALF.scaleb(_exponent(value)) for value in (*given, stated)), Decimal(0))
        if abs(counted - stated) > slack:
            code = word("intake.total_differs", stated=stated, counted=counted)
            self.noted.append(self._remark(header, code, self._cell(header)))

    def _one_month(self) -> tuple[MonthSaid, ...]:
        month = self._month()
        exposures = self._number("exposures", number)
        counts = tuple(
            (indicator, value)
            for header, indicator in self.source.counts.items()
            if (value := self._take(header, lambda raw: count(raw, self.mapping.nothing))) is not None
        )
        return () if month is None else (MonthSaid(month, exposures, counts),)

    def _month(self) -> date | None:
        header = self.found.header_of("month") or ""
        taken = self._take(header, lambda raw: moment(raw, self.mapping.dates, self.mapping.tz))
        return None if taken is None else self._inside(header, taken[0].date()).replace(day=1)

    def _inside(self, header: str, day: date) -> date:
        """The day itself, noted when the list was not expected to reach it."""
        first, last = self.mapping.window
        if not first <= day.replace(day=1) <= last:
            code = word("intake.outside_window", first=f"{first:%Y-%m}", last=f"{last:%Y-%m}")
            self.noted.append(self._remark(header, code, self._cell(header)))
        return day

    def _happening(self) -> Happening | None:
        header = self.found.header_of("occurred_on") or ""
        taken = self._take(header, lambda raw: moment(raw, self.mapping.day_shapes, self.mapping.tz))
        indicator = self._required("indicator", "intake.no_indicator")
        if taken is None:
            return None
        (at, timed), on = taken, self._inside(header, taken[0].date())
        return Happening(on, at if timed else None, indicator, self._description(), self._details())

    def _description(self) -> str:
        header = self.found.header_of("description")
        return prose(self._cell(header)) if header else self.source.constants.get("description", "")

    def _details(self) -> tuple[tuple[str, str], ...]:
        """The columns the mapping names beside the fields, where they say anything."""
        pairs = ((name, tidy(self._cell(header))) for header, name in self.source.details.items())
        return tuple((name, said) for name, said in pairs if said)


def _exponent(value: Decimal) -> int:
    return int(value.as_tuple().exponent)

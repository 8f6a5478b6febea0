"""One row of somebody's register, or of its change log, seen through its source."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from sandbox.rules.intake.cells import FIRST_YEAR, ISO_SHAPES, LAST_YEAR, Odd, count, moment, narrow, prose
from sandbox.rules.intake.line import Line
from sandbox.rules.intake.table import Row, fold, tidy
from sandbox.rules.registers import ChangeEvent, EntryStage, stage_of
from sandbox.words import Word, word

ADDRESS = re.compile(r"https?://[^\s\"<>]+")
LONGEST_ADDRESS = 1000
PLAIN = ("key", "title", "title_hant", "title_en", "body", "status", "report")
"""Fields that are one line of text, as published."""
DAY_LONG, MONTH_LONG, YEAR_LONG = 10, 7, 4


@dataclass(frozen=True, slots=True)
class EntrySaid:
    """What one row says of an entry. Dates are as precise as the list is: 2025, 2025-06 or 2025-06-30. `raw` is every
    cell that says anything, as it stands in the file."""

    row: Row
    key: str
    title: str
    title_hant: str | None
    title_en: str | None
    body: str | None
    status: str | None
    stage: EntryStage
    url: str | None
    description: str | None
    published: str | None
    occurred: str | None
    report: str | None
    version: int | None
    raw: dict[str, str]


@dataclass(frozen=True, slots=True)
class ChangeSaid:
    """What one line of a change log says."""

    row: Row
    key: str
    event: ChangeEvent
    field: str | None
    old: str | None
    new: str | None
    at: datetime


class EntryLine(Line):
    """Reads a row as an entry."""

    def say(self) -> EntrySaid | None:  # type: ignore[override]
        """None when anything was refused."""
        key = self._key()
        plain = {name: self._text(name) or None for name in PLAIN if name != "key"}
        address = self._address() or (key if ADDRESS.fullmatch(key) else None)
        raw = {header: cell.strip() for header, cell in zip(self.found.table.header, self.row.cells, strict=True)
               if header and cell.strip()}
        said = EntrySaid(
            row=self.row, key=key, **{**plain, "title": plain["title"] or self._made_title(key)},  # type: ignore[arg-type]
            stage=self._stage(plain["status"]), url=address, description=self._prose("description"),
            published=self._day("published"), occurred=self._day("occurred"), version=self._number("version", count),
            raw=raw)
        self._note_silence(said)
        return None if self.refused else said

    def _key(self) -> str:
        """The entry's key in its register; where it is blank, the report that tells of it stands in, and is noted."""
        header, report = self.found.header_of("key"), self._text("report")
        if header and report and not self._cell(header).strip():
            self.noted.append(self._remark(header, word("intake.key_of_report"), report))
            return report
        return self._required("key", "intake.no_key")

    def _made_title(self, key: str) -> str:
        """The mapping's title with the row's cells in it, by their headings; the key where it names other things."""
        cells = dict(zip(map(fold, self.found.table.header), self.row.cells, strict=True))
        places = re.findall(r"\{([^{}]*)\}", self.mapping.title)
        if not places or not all(fold(name) in cells for name in places):
            return key
        return tidy(re.sub(r"\{([^{}]*)\}", lambda name: tidy(cells[fold(name[1])]), self.mapping.title)) or key

    def _stage(self, status: str | None) -> EntryStage:
        header = self.found.header_of("status")
        stages = {fold(name): stage for name, stage in self.source.stages.items()}
        found = stage_of(status and fold(status), stages)
        if found is EntryStage.OTHER and header and self.source.stages:
            self.noted.append(self._remark(header, word("intake.unplaced_status"), status or ""))
        return found

    def _note_silence(self, said: EntrySaid) -> None:
        """A status or a body that the list has a column for and leaves out."""
        for field, value in (("status", said.status), ("body", said.body)):
            header = self.found.header_of(field)
            if header and not value:
                self.noted.append(self._remark(header, word(f"intake.no_{field}"), ""))

    def _prose(self, field: str) -> str | None:
        header = self.found.header_of(field)
        return prose(self._cell(header)) or None if header else None

    def _address(self) -> str | None:
        """An address that can be opened; anything else stays among the raw cells, and is noted."""
        header = self.found.header_of("url")
        said = self._cell(header).strip() if header else ""
        if header is None or not said:
            return None
        if ADDRESS.fullmatch(said) and len(said) <= LONGEST_ADDRESS:
            return said
        self.noted.append(self._remark(header, word("intake.no_address"), said))
        return None

    def _day(self, field: str) -> str | None:
        """A date; one that is none (`2012-2020`) stays among the raw cells, and is noted."""
        header = self.found.header_of(field)
        if header is None or not self._cell(header).strip():
            return None
        try:
            return partial_day(self._cell(header), self.mapping.dates, self.mapping.tz)
        except Odd:
            self.noted.append(self._remark(header, word("intake.date_as_written"), self._cell(header)))
            return None


class ChangeLine(Line):
    """Reads a row as a line of a change log."""

    def say(self) -> ChangeSaid | None:  # type: ignore[override]
        """None when anything was refused."""
        key, event = self._required("key", "intake.no_key"), self._event()
        field, old, new = (self._text(name) or None for name in ("field", "old", "new"))
        header = self.found.header_of("at") or ""
        taken = self._take(header, lambda raw: moment(raw, self.mapping.dates, self.mapping.tz))
        if self.refused or taken is None or event is None:
            return None
        return ChangeSaid(self.row, key, event, field, old, new, taken[0].astimezone(UTC))

    def _event(self) -> ChangeEvent | None:
        header = self.found.header_of("event") or ""
        return self._take(header, lambda raw: _event_of(raw, self.source.values.get("event", {})))


def _event_of(raw: str, values: object) -> tuple[ChangeEvent, Word | None]:
    meant = {fold(name): value for name, value in dict(values).items()}  # type: ignore[call-overload]
    said = str(meant.get(fold(raw), fold(raw)))
    if said not in set(ChangeEvent):
        raise Odd(word("intake.unknown_value", known=list(meant) or [event.value for event in ChangeEvent]))
    return ChangeEvent(said), None


def partial_day(raw: str, shapes: Iterable[str], zone: tzinfo) -> str:
    """A date as precise as it is written: a shape without a day gives a month, four digits a year. Raises Odd."""
    said = narrow(raw)
    if re.fullmatch(r"(19|20)\d\d", said):
        return said
    if re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", said):
        return said
    for shape in (*shapes, *ISO_SHAPES):
        try:
            at = datetime.strptime(said, shape)  # noqa: DTZ007 only its day counts, in the zone where it has one
        except (ValueError, OverflowError):
            continue
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise Odd(word("intake.far_date", first=str(FIRST_YEAR), last=str(LAST_YEAR)))
        local = at.astimezone(zone) if at.tzinfo else at
        return local.date().isoformat()[:DAY_LONG if "%d" in shape else MONTH_LONG]
    raise Odd(word("intake.not_a_date"))

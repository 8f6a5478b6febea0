"""From what the rows of all tables say to one proposal: adding up, keeping keys, comparing lists with each other."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from types import MappingProxyType

from sandbox.rules.intake.hearing import Heard, hear
from sandbox.rules.intake.line import MonthSaid, Said
from sandbox.rules.intake.mapping import Mapping
from sandbox.rules.intake.proposal import Event, Period, Proposal, Trial
from sandbox.rules.intake.table import Remark, Row, Table, fold, tidy
from sandbox.words import Word, word

PermitMonth = tuple[str, date]


def propose(mapping: Mapping, tables: Iterable[Table]) -> Proposal:
    """What the tables of one import say through a mapping; each is matched to its source by its column names.

    One table a source: rows alike in two files could not be told from one file given twice. Nothing is ever dropped
    for looking like something else. A row with anything wrong is refused whole, with each reason.
    """
    heard = hear(mapping, tables)
    events = tuple(event for one in heard for event in _events(one))
    return Proposal(
        mapping=mapping.name,
        unit=mapping.unit,
        trials=tuple(_trials(mapping, [said for one in heard for said in one.said])),
        periods=tuple(_periods(mapping.tz, heard, events)),
        events=events,
        refused=tuple(remark for one in heard for remark in one.refused),
        noted=(*(remark for one in heard for remark in one.noted), *_disagreements(heard)),
    )


def _trials(mapping: Mapping, said: list[Said]) -> Iterator[Trial]:
    names: dict[str, Counter[str]] = defaultdict(Counter)
    titles: dict[str, str] = {}
    for one in said:
        names[one.permit].update([one.organisation] if one.organisation else [])
        titles[one.permit] = titles.get(one.permit) or one.title
    for permit in sorted(names):
        organisation = max(names[permit], key=lambda name: names[permit][name], default="")
        made = mapping.title.replace("{organisation}", organisation).replace("{permit}", permit)
        yield Trial(
            permit, titles[permit] or made, organisation, tuple(name for name in names[permit] if name != organisation)
        )


def row_digest(header: tuple[str, ...], row: Row) -> str:
    """What a row says, whatever the encoding, the order of the columns and the white space; 128 bits of SHA-256.

    Every cell counts, also those no mapping reads: a better mapping finds the same rows again.
    """
    columns = (fold(name) or f"#{place}" for place, name in enumerate(header))
    cells = ((column, tidy(cell)) for column, cell in zip(columns, row.cells, strict=True))
    said = json.dumps(sorted(pair for pair in cells if pair[1]), ensure_ascii=False)
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def _events(heard: Heard) -> Iterator[Event]:
    """One event a row. A row seen before in the file is another event: its number is part of the key."""
    seen: Counter[str] = Counter()
    for said in heard.said:
        if said.happening is None:
            continue
        digest = row_digest(heard.table.header, said.row)
        seen[digest] += 1
        yield Event(
            key=f"{digest}-{seen[digest]}",
            permit=said.permit,
            indicator=said.happening.indicator,
            occurred_on=said.happening.on,
            occurred_at=said.happening.at,
            month=said.happening.on.replace(day=1),
            description=said.happening.description,
            details=said.happening.details,
            file=heard.table.filename,
            line=said.row.line,
        )


@dataclass(slots=True)
class Sums:
    """What is known of each permit and month while rows are added up."""

    exposures: dict[PermitMonth, Decimal] = field(default_factory=dict)
    declared: dict[PermitMonth, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    itemised: dict[PermitMonth, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, permit: str, said: MonthSaid) -> None:
        at = permit, said.month
        if said.exposures is not None:
            self.exposures[at] = self.exposures.get(at, Decimal(0)) + said.exposures
        for indicator, n in said.counts:
            self.declared[at][indicator] += n

    def months(self) -> list[PermitMonth]:
        """Months of which anything at all is known: a month with no number and no event is no report."""
        return sorted({*self.exposures, *self.declared, *self.itemised})


def _periods(zone: tzinfo, heard: list[Heard], events: tuple[Event, ...]) -> Iterator[Period]:
    sums = Sums()
    for said in (said for one in heard for said in one.said):
        for month_said in said.months:
            sums.add(said.permit, month_said)
    for event in events:
        sums.itemised[event.permit, event.month][event.indicator] += 1
    listed = _listed_indicators(heard) | {event.indicator for event in events}
    for at in sums.months():
        itemised, declared = sums.itemised.get(at, Counter()), sums.declared.get(at, Counter())
        counts = {indicator: itemised[indicator] for indicator in sorted(listed)} | declared
        permit, month = at
        yield Period(permit, month, *_bounds(month, zone), sums.exposures.get(at), MappingProxyType(dict(counts)))


def _bounds(month: date, zone: tzinfo) -> tuple[datetime, datetime]:
    following = (month + timedelta(days=31)).replace(day=1)
    return datetime.combine(month, time(), zone), datetime.combine(following, time(), zone)


def _listed_indicators(heard: list[Heard]) -> set[str]:
    """The kinds of event that an incident list of this import is about: a month it does not mention had none."""
    sources = [one.found.source for one in heard if one.found and one.makes == "incidents"]
    named = {source.constants["indicator"] for source in sources if "indicator" in source.constants}
    return named | {kind for source in sources for kind in source.values.get("indicator", {}).values()}


def _disagreements(heard: list[Heard]) -> Iterator[Remark]:
    """Where reports and incident lists of one import do not tell of the same permits or the same number of events."""
    reports = [one for one in heard if one.makes == "feedback"]
    lists = [one for one in heard if one.makes == "incidents"]
    if reports and lists:
        itemised = Counter(said.permit for one in lists for said in one.said)
        reported = {said.permit for one in reports for said in one.said}
        yield from _only_in(reports, set(itemised), "intake.permit_without_events")
        yield from _only_in(lists, reported, "intake.permit_without_reports")
        yield from _miscounted(reports, itemised)


def _only_in(heard: list[Heard], elsewhere: set[str], key: str) -> Iterator[Remark]:
    for one in heard:
        for permit, said in _first_rows(one).items():
            if permit not in elsewhere:
                yield _about_permit(one, said, "permit", word(key, permit=permit))


def _miscounted(reports: list[Heard], itemised: Counter[str]) -> Iterator[Remark]:
    for one in reports:
        stated: Counter[str] = Counter()
        for said in one.said:
            if said.stated_events is not None:
                stated[said.permit] += said.stated_events
        for permit in stated:
            if stated[permit] != itemised[permit]:
                code = word("intake.events_differ", permit=permit, stated=stated[permit], itemised=itemised[permit])
                yield _about_permit(one, _first_rows(one)[permit], "stated_events", code)


def _first_rows(heard: Heard) -> dict[str, Said]:
    first: dict[str, Said] = {}
    for said in heard.said:
        first.setdefault(said.permit, said)
    return first


def _about_permit(heard: Heard, said: Said, column: str, code: Word) -> Remark:
    header = heard.found.header_of(column) if heard.found else None
    return Remark(heard.table.filename, said.row.line, tidy(header or ""), code, said.permit)

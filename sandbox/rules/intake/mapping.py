"""Named mappings: which column of somebody's list means what. The delivered ones and a person's own are one format."""

import json
import re
from collections import Counter
from collections.abc import Mapping as Names
from datetime import date
from importlib import resources
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from sandbox.rules.intake.cells import FIRST_YEAR, ISO_SHAPES, LAST_YEAR
from sandbox.rules.intake.listing import unique
from sandbox.rules.intake.table import Unread, fold
from sandbox.rules.intake.text import decode
from sandbox.rules.registers import EntryKind, EntryStage
from sandbox.words import Word, word

MAX_MAPPING_BYTES = 256 * 1024

FIELDS: Names[str, tuple[str, ...]] = MappingProxyType({
    "trials": ("permit", "organisation", "title"),
    "feedback": ("permit", "organisation", "title", "month", "exposures", "total", "stated_events"),
    "incidents": ("permit", "organisation", "title", "occurred_on", "indicator", "description"),
    "entries": ("key", "title", "title_hant", "title_en", "body", "status", "url", "description", "published",
                "occurred", "report", "version"),
    "changes": ("key", "event", "field", "old", "new", "at"),
})
"""What a column may mean, by what its source makes. A row's own sum of its months (`total`) and its own count of events
(`stated_events`) are compared with what the files itemise, never counted."""
OF_REGISTERS = frozenset({"entries", "changes"})
WANTED: Names[str, frozenset[str]] = MappingProxyType({
    "trials": frozenset({"permit"}), "feedback": frozenset({"permit"}), "entries": frozenset({"key"}),
    "incidents": frozenset({"permit", "occurred_on", "indicator"}), "changes": frozenset({"key", "event", "at"}),
})
"""What no row can do without."""
CONSTANT_FIELDS = frozenset({"permit", "organisation", "title", "indicator", "description", "body", "status"})


class BadMapping(ValueError):
    """A mapping that cannot be used, with every reason."""

    def __init__(self, *reasons: Word) -> None:
        super().__init__("; ".join(reason.key for reason in reasons))
        self.reasons = reasons


def _repeated(names: Names[str, str]) -> list[str]:
    folded = Counter(map(fold, names))
    return [name for name in names if folded[fold(name)] > 1]


def _no_name_twice(names: Names[str, str]) -> Names[str, str]:
    """Frozen, and no two names that differ only in width, case or white space."""
    if _repeated(names):
        raise PydanticCustomError("mapping_name_twice", "a name stands twice", {"names": _repeated(names)})
    return MappingProxyType(dict(names))


def _no_meaning_twice(names: Names[str, str]) -> Names[str, str]:
    if doubled := [name for name, times in Counter(names.values()).items() if times > 1]:
        raise PydanticCustomError("mapping_meaning_twice", "two columns mean the same", {"names": doubled})
    return names


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as unknown:
        raise PydanticCustomError("mapping_zone", "no such zone") from unknown
    return name


def _readable_shape(shape: str) -> str:
    """A shape of `strptime` with a year and a month, each directive once; `%c` and `%x` would depend on a locale."""
    said = re.findall("%(.?)", shape)
    known, once = set(said) <= set("YymdbBHIMSfpz"), len(set(said)) == len(said)
    if not (known and once and set("Yy") & set(said) and set("mbB") & set(said)):
        raise PydanticCustomError("mapping_date_shape", "not a date shape")
    return shape


Header = Annotated[str, StringConstraints(pattern=r"\S", max_length=300)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
INDICATOR = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
Indicator = Annotated[str, StringConstraints(pattern=f"^{INDICATOR.pattern}$")]
Month = Annotated[str, StringConstraints(pattern=r"^(19[5-9]\d|20\d\d)-(0[1-9]|1[0-2])$")]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
Shape = Annotated[str, StringConstraints(min_length=4, max_length=64), AfterValidator(_readable_shape)]
Text = Annotated[str, StringConstraints(max_length=300)]
Placed = Annotated[EntryStage, Field(strict=False)]
Columns = Annotated[Names[Header, Name], AfterValidator(_no_name_twice), AfterValidator(_no_meaning_twice)]
Months = Annotated[Names[Header, Month], AfterValidator(_no_name_twice), AfterValidator(_no_meaning_twice)]
Counts = Annotated[Names[Header, Indicator], AfterValidator(_no_name_twice), AfterValidator(_no_meaning_twice)]
Values = Annotated[Names[Header, Text], AfterValidator(_no_name_twice)]

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class RegisterTerms(BaseModel):
    """The register that a mapping's entries belong to; `whole` says that each of its lists is complete, so that what a
    newer one leaves out is gone from it."""

    model_config = STRICT

    name: Slug
    title: Header
    title_hant: Header | None = None
    title_en: Header | None = None
    kind: Annotated[EntryKind, Field(strict=False)] = EntryKind.SYSTEM
    whole: bool = True
    source_url: Header | None = None
    licence: Header | None = None


class Source(BaseModel):
    """One list: what its rows make, and what its columns mean.

    `months` are columns that each hold the exposures of one month; `counts` are columns that each hold a number of
    events of one kind; `details` are columns kept with an event under their own names, and only known in other lists.
    `values` say what the words in a field's cells mean, `stages` how far along a status of a register's entry is. The
    file must have every column named here. `sheet` is the one of a workbook, `within` the place of the list in JSON.
    """

    model_config = STRICT

    makes: Literal["trials", "feedback", "incidents", "entries", "changes"]
    columns: Columns
    months: Months = {}
    counts: Counts = {}
    details: Columns = {}
    values: Annotated[Names[Name, Values], AfterValidator(MappingProxyType)] = {}
    constants: Annotated[Names[Name, Header], AfterValidator(MappingProxyType)] = {}
    stages: Annotated[Names[Header, Placed], AfterValidator(_no_name_twice)] = {}
    sheet: Header | None = None
    within: Header | None = None

    @property
    def headers(self) -> tuple[str, ...]:
        """Every column that the file must have."""
        return (*self.columns, *self.months, *self.counts, *self.details)

    @property
    def fields(self) -> frozenset[str]:
        """What is known of a row, from a column or as a constant."""
        return frozenset(self.columns.values()) | frozenset(self.constants)

    @model_validator(mode="after")
    def _says_enough(self) -> Self:
        _refuse(self._strange(), "mapping_field", allowed=FIELDS[self.makes])
        _refuse(self._twice(), "mapping_name_twice")
        _refuse(self._lacking(), "mapping_too_little")
        return self

    def _strange(self) -> list[str]:
        """Fields that this kind of source does not have, constants that must be read from a row, ill-named kinds."""
        strange = (self.fields | set(self.values)) - set(FIELDS[self.makes]) | set(self.constants) - CONSTANT_FIELDS
        if (self.months or self.counts) and self.makes != "feedback":
            strange |= {"months", "counts"}
        if self.stages and self.makes != "entries":
            strange |= {"stages"}
        kinds = {self.constants.get("indicator"), *self.values.get("indicator", {}).values()} - {None}
        return sorted(strange | {str(kind) for kind in kinds if not INDICATOR.fullmatch(str(kind))})

    def _twice(self) -> list[str]:
        """Columns given two meanings, fields given a column and a constant, months given by columns and by rows."""
        folded = Counter(map(fold, self.headers))
        columns = [header for header in self.headers if folded[fold(header)] > 1]
        by_rows = ({"month", "exposures"} & self.fields) | set(self.counts) if self.months else set()
        return columns + sorted(set(self.columns.values()) & set(self.constants) | by_rows)

    def _lacking(self) -> list[str]:
        """What no row of this kind can do without, from a column or a constant."""
        wanted = set(WANTED[self.makes])
        if self.makes == "feedback" and not self.months:
            wanted |= {"month"} if self.counts else {"month", "exposures"}
        untold = "indicator" in self.columns.values() and "indicator" not in self.values
        return sorted(wanted - self.fields) + (["values.indicator"] if untold else [])


Fault = Literal["mapping_field", "mapping_name_twice", "mapping_too_little"]


def _refuse(names: list[str], fault: Fault, **more: tuple[str, ...]) -> None:
    if names:
        raise PydanticCustomError(fault, "not usable", {"names": names, **more})


class Mapping(BaseModel):
    """What a set of lists means (对照表). `first_month` and `last_month` bound what the lists say they cover. `agreed`
    is what is agreed of every trial that is taken over, as a plan says it: a limit that is not among it is the trial's
    own past rate."""

    model_config = STRICT

    name: Slug
    zone: Zone
    unit: Name = "uses"
    register_of: Annotated[RegisterTerms | None, Field(alias="register")] = None
    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=20)]
    title: Text = "{organisation} ({permit})"
    dates: Annotated[tuple[Shape, ...], Field(max_length=40)] = ISO_SHAPES
    nothing: Annotated[tuple[Text, ...], Field(max_length=40)] = ("-", "\N{EN DASH}", "\N{EM DASH}", "n/a")
    first_month: Month | None = None
    last_month: Month | None = None
    agreed: Annotated[Names[Name, Any], AfterValidator(MappingProxyType)] = {}

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def day_shapes(self) -> tuple[str, ...]:
        """The shapes that name a day: the others would call every day the first."""
        return tuple(shape for shape in self.dates if "%d" in shape)

    @property
    def window(self) -> tuple[date, date]:
        """The first days of the first and last month that an event is expected in."""
        return month_of(self.first_month or f"{FIRST_YEAR}-01"), month_of(self.last_month or f"{LAST_YEAR}-12")

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.first_month and self.last_month and self.first_month > self.last_month:
            raise PydanticCustomError("mapping_window", "ends before it begins")
        if any((source.makes in OF_REGISTERS) != (self.register_of is not None) for source in self.sources):
            raise PydanticCustomError("mapping_register", "a register has entries and changes, and nothing else has")
        if self.agreed and self.register_of is not None:
            raise PydanticCustomError("mapping_register", "nothing is agreed of a register's entries")
        if any(_day_and_month_swapped(shape) in self.dates for shape in self.dates):
            raise PydanticCustomError("mapping_dates_ambiguous", "day and month could be either")
        return self


def _day_and_month_swapped(shape: str) -> str | None:
    """The same shape with day and month changed about: with both in a list, 3/4 would be read by luck."""
    if "%d" not in shape or "%m" not in shape:
        return None
    return shape.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")


def month_of(text: str) -> date:
    """The first day of a month written 2021-03."""
    return date(int(text[:4]), int(text[5:]), 1)


def read_mapping(content: bytes) -> Mapping:
    """A mapping from JSON. Raises BadMapping with every reason; an unknown or repeated key is one."""
    if len(content) > MAX_MAPPING_BYTES:
        raise BadMapping(word("intake.mapping_too_large", limit=MAX_MAPPING_BYTES // 1024))
    try:
        said = json.loads(decode(content)[0], object_pairs_hook=unique)
        return Mapping.model_validate_json(json.dumps(said))
    except ValidationError as wrong:
        raise BadMapping(*map(_reason, wrong.errors(include_url=False))) from wrong
    except (ValueError, RecursionError, Unread) as wrong:
        raise BadMapping(word("intake.mapping_not_json")) from wrong


PLAIN_REASONS = {"extra_forbidden": "unknown_key", "missing": "missing_key"}


def _reason(error: ErrorDetails) -> Word:
    """The place in the mapping (a JSON Pointer, RFC 6901), and what is wrong there."""
    kind = error["type"]
    where = "/" + "/".join(str(step) for step in error["loc"])
    code = kind.removeprefix("mapping_") if kind.startswith("mapping_") else PLAIN_REASONS.get(kind, "wrong_value")
    return word(f"intake.mapping_{code}", where=where, **error.get("ctx", {}) if kind.startswith("mapping_") else {})


def delivered_mappings() -> tuple[str, ...]:
    """The names of the mappings that come with the program."""
    files = resources.files("sandbox.rules").joinpath("mappings").iterdir()
    return tuple(sorted(one.name.removesuffix(".json") for one in files if one.name.endswith(".json")))


def delivered_mapping(name: str) -> Mapping:
    """A mapping that comes with the program. Raises BadMapping when there is none of that name."""
    if name not in delivered_mappings():
        raise BadMapping(word("intake.mapping_unknown", name=name, known=delivered_mappings()))
    return read_mapping(resources.files("sandbox.rules").joinpath("mappings", f"{name}.json").read_bytes())

"""Reports read in bulk: what most lines look like is checked by one compiled validator, at a third of the cost of a
model each. It only ever accepts: whatever it does not know goes to `FeedbackFields`, which alone refuses, so that a
line of a batch is taken and refused for the same reasons, and in the same words, as a report on its own.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from sandbox.store.feedback import FeedbackFields, misfits
from sandbox.store.types import EARLIEST, LATEST, MOST, Code

KEY = "key"
PLAIN = r"[!-~一-龥]+( [!-~一-龥]+)*"
"""Text that stays as it is under every rule of ours: no sign that trimming, folding or composing would change."""
Plain = Annotated[str, Field(max_length=200, pattern=f"^{PLAIN}$")]
Prose = Annotated[str, Field(max_length=8000, pattern=r"^[!-~一-龥](?:[ -~一-龥，。；：、\n]*[!-~一-龥。])?$")]
Instant = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$")]
Count = Annotated[int, Field(ge=0, le=MOST)]
Amount = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)]
Figure = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]


class Line(TypedDict, total=False):
    """The common shape of a line, in the strictest form that means the same to `FeedbackFields`."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]
    period_start: Instant
    period_end: Instant
    exposures: Amount | None
    people: Count | None
    people_new: Count | None
    region: Plain | None
    site: Plain | None
    hours: Amount | None
    money: Amount | None
    events: Annotated[dict[Code, Count], Field(max_length=50)]
    reviewed: Count | None
    labelled: Count | None
    metrics: Annotated[dict[Code, Figure], Field(max_length=100)]
    model_version: Plain | None
    narrative: Prose | None
    nil: bool
    key: Plain | None


LINE = TypeAdapter(Line)
BLANK: Mapping[str, Any] = {name: info.get_default(call_default_factory=True) for name, info in
                            FeedbackFields.model_fields.items() if not info.is_required()}
SPACED_COLON = re.compile(rb'"\s+:')


@dataclass(slots=True)
class Read:
    """A report that was read: its values by column, the key of its line, and its canonical text."""

    values: dict[str, Any]
    key: str | None
    text: bytes


def read_json(raw: bytes) -> Read | None:
    """A line of JSON of the common shape; None where it has to be looked at closely."""
    try:
        line = LINE.validate_json(raw)
    except ValidationError:
        return None
    return _read(line) if _no_name_twice(raw, line) else None


def read_mapping(given: Mapping[str, Any]) -> Read | None:
    """The same of values that are read already."""
    try:
        return _read(LINE.validate_python(given))
    except ValidationError:
        return None


def read_closely(given: Mapping[str, Any], key: str | None) -> Read:
    """Any report. Raises pydantic's ValidationError with every fault."""
    report = FeedbackFields.model_validate(given)
    values = {**report.plain(), "period_start": report.period_start, "period_end": report.period_end}
    return Read(values, key, text_of(values))


def text_of(values: Mapping[str, Any]) -> bytes:
    """The canonical text of a report: what is digested, in a seal as in the log."""
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def _no_name_twice(raw: bytes, line: Line) -> bool:
    """Each name is followed by a colon: as many as there are names, so none stands twice. Quoted text with a colon
    behind it only makes the count too large, and the line goes to the careful reader."""
    names = len(line) + len(line.get("events", ())) + len(line.get("metrics", ()))
    return raw.count(b'":') == names and SPACED_COLON.search(raw) is None


def _read(line: Line) -> Read | None:
    """The rules over a whole report; None where one does not hold, for the careful reader to name it."""
    values: dict[str, Any] = {**BLANK, **line}
    key = values.pop(KEY, None)
    try:
        start, end = _instant(values["period_start"]), _instant(values["period_end"])
    except (KeyError, ValueError, OverflowError):
        return None
    amount, nil = values["exposures"], values["nil"]
    if end <= start or (amount is None and not nil) or (nil and (amount or values["events"])):
        return None
    if not (start.year >= EARLIEST and end.year < LATEST) or misfits(values):
        return None
    values["period_start"], values["period_end"] = start, end
    return Read(values, key, text_of(values))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)

"""Feedback out of a table: which column is which field of a report, and what its cells say.

A cell that cannot be read as what its field is goes on as it was written: the field itself refuses it, in the same
words as it refuses it from anyone.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from types import MappingProxyType
from typing import Any

from sandbox.rules.intake.cells import ISO_SHAPES, Odd, moment, narrow, number
from sandbox.rules.intake.table import fold

TIMES, TEXTS = ("period_start", "period_end"), ("region", "site", "model_version", "narrative", "key")
WHOLE = ("people", "people_new", "reviewed", "labelled")
NUMBERS = ("exposures", "hours", "money")
FIELDS = (*TIMES, *NUMBERS[:1], *WHOLE[:2], *TEXTS[:3], *NUMBERS[1:], *WHOLE[2:], "nil", "events", "groups",
          "distributions", "narrative", "key")
"""What a column may be, in the order of the templates; besides these `events.NAME` and `metrics.NAME`. `events` alone
holds all counts in one cell, as exports have them."""
NAMED = ("events", "metrics")
PLAIN_NUMBER = re.compile(r"-?\d{1,30}(\.\d{0,30})?([eE][+-]?\d{1,3})?", re.ASCII)
SHAPES = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S",
          "%Y.%m.%d", "%Y年%m月%d日", "%Y年%m月%d日 %H:%M")
YES, NO = ("1", "true", "yes", "y", "是"), ("0", "false", "no", "n", "否")
A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """How cells are read. Without a zone as the API asks: times with their own offset, plain numbers. With one as
    people write: local times, separators; `through`: an end that is a day alone is the last day of the period."""

    zone: tzinfo | None = None
    through: bool = False


def is_field(name: str) -> bool:
    """Whether a column may be called so."""
    first, mark, rest = name.partition(".")
    return name in FIELDS or (first in NAMED and bool(mark) and bool(rest))


def report_of(columns: Sequence[str | None], cells: Sequence[str], reading: Reading) -> dict[str, Any]:
    """What a row says, blank cells left out, and counts of nothing. `columns` names the field of each cell, or None."""
    said: dict[str, Any] = {}
    named: dict[str, dict[str, Any]] = {}
    for name, raw in zip(columns, cells, strict=False):
        raw = raw.strip()
        if name is None or not raw:
            continue
        first, _, rest = name.partition(".")
        if rest:
            value = _whole(raw, reading) if first == "events" else _number(raw, reading)
            if value != 0 or first == "metrics":
                named.setdefault(first, {})[rest] = value
        else:
            said[name] = READERS.get(name, _text)(raw, reading)
    for first, counts in named.items():
        whole = said.get(first, {})
        said[first] = {**whole, **counts} if isinstance(whole, dict) else whole
    if reading.through and isinstance(said.get("period_end"), str) and reading.zone:
        said["period_end"] = _through(said["period_end"], reading.zone)
    return said


def _text(raw: str, _reading: Reading) -> str:
    return raw


def _whole(raw: str, reading: Reading) -> int | float | str:
    value = _number(raw, reading)
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _number(raw: str, reading: Reading) -> int | float | str:
    if PLAIN_NUMBER.fullmatch(raw):
        return float(raw) if re.search("[.eE]", raw) or len(raw) > 18 else int(raw)
    if reading.zone is None:
        return raw
    try:
        value, _ = number(raw, ())
    except Odd:
        return raw
    return raw if value is None else float(value)


def _flag(raw: str, _reading: Reading) -> bool | str:
    said = fold(raw)
    return True if said in YES else False if said in NO else raw


def _rows(raw: str, _reading: Reading) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw


def _time(raw: str, reading: Reading) -> str:
    """ISO 8601 with the offset that was written, or that of the reading's zone."""
    if reading.zone is None:
        return raw
    try:
        given = datetime.fromisoformat(narrow(raw))
    except ValueError:
        return _local(raw, reading.zone)
    return (given if given.tzinfo else given.replace(tzinfo=reading.zone)).isoformat()


def _local(raw: str, zone: tzinfo) -> str:
    try:
        (given, _), _ = moment(raw, (*SHAPES, *ISO_SHAPES), zone)
    except Odd:
        return raw
    return given.isoformat()


def _through(said: str, zone: tzinfo) -> str:
    """The end of the day, where the day alone was written (midnight, as a sheet keeps it)."""
    try:
        given = datetime.fromisoformat(said).astimezone(zone)
    except ValueError:
        return said
    return (given + A_DAY).isoformat() if given.time() == time() else said


READERS: Mapping[str, Any] = MappingProxyType({
    **dict.fromkeys(TIMES, _time), **dict.fromkeys(WHOLE, _whole), **dict.fromkeys(NUMBERS, _number), "nil": _flag,
    **dict.fromkeys(("events", "groups", "distributions"), _rows)})


def guessed(header: Iterable[str], words: Mapping[str, str]) -> Iterator[str | None]:
    """The field that each column's heading names: its code, or one of the words (folded) that people call it by; the
    first column of several."""
    given: set[str] = set()
    for heading in header:
        plain = heading.strip()
        name = plain if is_field(plain) else words.get(fold(plain))
        yield name if name not in given else None
        given |= {name} if name else set()

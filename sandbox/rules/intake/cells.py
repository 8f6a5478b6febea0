"""What one cell says: a number, a count, a moment, one of a mapping's words.

Each reader gives the value and, where the cell was repaired or empty, the word for it; it raises Odd rather than guess.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import lru_cache

from sandbox.rules.intake.table import fold, tidy
from sandbox.words import Word, word

NUMBER = re.compile(r"\d{1,3}(,\d{3})+(\.\d+)?|\d{1,3}( \d{3})+(\.\d+)?|\d+(\.\d*)?|\.\d+", re.ASCII)
LARGEST, LONGEST = Decimal(10) ** 12, 40
FIRST_YEAR, LAST_YEAR = 1950, 2100
ISO_SHAPES = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")
"""How the dates of workbooks arrive; tried after the mapping's own."""
TO_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {ord("\N{MINUS SIGN}"): "-"}


class Odd(Exception):
    """A cell that cannot be taken, with the word for why."""

    def __init__(self, code: Word) -> None:
        super().__init__(code.key)
        self.code = code


def narrow(text: str) -> str:
    """Full-width signs as ASCII, white space as single spaces."""
    return tidy(text.translate(TO_NARROW))


def number(raw: str, nothing: Iterable[str]) -> tuple[Decimal | None, Word | None]:
    """A number >= 0, exactly as written; None with a word where the cell gives none.

    Thousands may be parted by commas or spaces, and a space beside a separator is repaired; `12 34` stays two numbers.
    """
    said = re.sub(r" ?([.,]) ?", r"\1", narrow(raw))
    if fold(raw) in map(fold, ("", *nothing)):
        return None, word("intake.no_number")
    if said.startswith("-") and NUMBER.fullmatch(said[1:].strip()):
        raise Odd(word("intake.negative"))
    if not NUMBER.fullmatch(said):
        raise Odd(word("intake.not_a_number"))
    return _value(re.sub("[, ]", "", said)), None if said == raw else word("intake.repaired")


def _value(digits: str) -> Decimal:
    value = Decimal(digits) if len(digits) <= LONGEST else LARGEST + 1
    if value > LARGEST:
        raise Odd(word("intake.number_too_long", limit=LARGEST))
    return value


def count(raw: str, nothing: Iterable[str]) -> tuple[int | None, Word | None]:
    """A whole number >= 0; `3.0` is one."""
    value, note = number(raw, nothing)
    if value is not None and value != value.to_integral_value():
        raise Odd(word("intake.not_whole"))
    return None if value is None else int(value), note


def moment(raw: str, shapes: Iterable[str], zone: tzinfo) -> tuple[tuple[datetime, bool], Word | None]:
    """A time in the zone and whether the cell gave a time of day; the first shape that fits wins."""
    said = narrow(raw)
    if not said:
        raise Odd(word("intake.no_date"))
    for shape in (*shapes, *ISO_SHAPES):
        if (at := _fitting(said, shape, zone)) is not None:
            return (_near(at), "%H" in shape or "%I" in shape), None if said == raw else word("intake.repaired")
    raise Odd(word("intake.not_a_date"))


# A list repeats its days, and strptime itself forgets a shape after five others.
@lru_cache(maxsize=2**16)
def _fitting(said: str, shape: str, zone: tzinfo) -> datetime | None:
    """A time that states its own offset is moved into the zone; any other is local time there."""
    try:
        if "%z" in shape:
            return datetime.strptime(said, shape).astimezone(zone)
        return datetime.strptime(said, shape).replace(tzinfo=zone)
    except (ValueError, OverflowError):
        return None


def _near(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise Odd(word("intake.far_date", first=str(FIRST_YEAR), last=str(LAST_YEAR)))
    return at


def choice(raw: str, values: Mapping[str, str]) -> tuple[str, Word | None]:
    """What the mapping says a cell's word means; the tidied cell where it lists no words for the field."""
    said = tidy(raw)
    if not values:
        return said, None
    meant = {fold(name): value for name, value in values.items()}.get(fold(said))
    if meant is None:
        raise Odd(word("intake.unknown_value", known=list(values)))
    return meant, None


def prose(raw: str) -> str:
    """Text of several lines, composed, with plain line ends."""
    return unicodedata.normalize("NFC", raw).replace("\r\n", "\n").replace("\r", "\n").strip()

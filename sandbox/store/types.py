"""Column types and annotated field types: the same on SQLite and PostgreSQL, strict about what comes from outside."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, LiteralString

import sqlalchemy as sa
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.dialects.postgresql import JSONB

EARLIEST, LATEST = 2000, 2100
MOST = 10**12
"""No count, sum or amount in this program is larger; it also keeps every integer inside a database's own."""

DEEPEST = 10
"""Levels of nesting; the deepest given of ours has six."""

MILLION = 10**6
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware time kept in UTC. A naive one is refused: it has no meaning here."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time cannot be kept")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def bind_processor(self, dialect: sa.Dialect) -> Any:
        """SQLite keeps the text that SQLAlchemy would write, by a way that costs a fifth."""
        return instant_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Any:
        """And reads it back."""
        return instant_of if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


class Exact(sa.types.TypeDecorator[float]):
    """A number kept as a whole number of millionths: its sums are exact, in any order and there and back."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else round(value * MILLION)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> float | None:
        return None if value is None else float(value) / MILLION


def instant_text(value: datetime | str | None) -> str | None:
    """An instant as text that sorts as instants do; such a text is left as it is."""
    if value is None or isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError("a naive time cannot be kept")
    return _utc_text(value.astimezone(UTC))


@lru_cache(maxsize=4096)
def _utc_text(value: datetime) -> str:
    """Of an instant in UTC: elsewhere two that differ by an hour may be equal when clocks go back."""
    return value.isoformat(" ", "microseconds")[:-len("+00:00")]


@lru_cache(maxsize=4096)
def instant_of(text: str | None) -> datetime | None:
    """The instant that was kept as this text."""
    return None if text is None else datetime.fromisoformat(f"{text}+00:00")


def column_for(choices: type[StrEnum], nullable: bool = False, index: bool = False,
               check: str | None = None) -> sa.Column[str]:
    """A string column with a CHECK over the enum's values: what is not in the enum cannot be stored. `check` names it
    where a table has two columns of one enum."""
    return sa.Column(
        sa.Enum(choices, native_enum=False, create_constraint=True, length=32, name=check or choices.__name__.lower(),
                values_callable=lambda kind: [item.value for item in kind]),
        nullable=nullable, index=index,
    )


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Control characters but for tabs and ends of lines."""


def plain_text(value: Any) -> Any:
    """Trim; blank is None; control characters are refused (PostgreSQL cannot keep NUL, people cannot see the rest).

    Containers are refused when they are nested deeper than anything of ours, or have names that are no text."""
    if isinstance(value, str):
        if CONTROL.search(value):
            raise PydanticCustomError("text_control", "text has a control character")
        return value.strip() or None
    if isinstance(value, dict | list | tuple):
        shallow(value)
    return value


def shallow(value: Any) -> None:
    """Nested no deeper than DEEPEST, every name text: Pydantic itself would fall over the rest."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise PydanticCustomError("too_deep", "nested too deeply")


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise PydanticCustomError("invalid_key", "names are text")
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def storable(value: Any) -> Any:
    """Something unchecked that is kept as JSON all the same: finite numbers of our size, text without NUL, in UTF-8."""
    level = [value]
    while level:
        for one in level:
            if isinstance(one, str):
                _storable_text(one)
            elif isinstance(one, int | float) and not abs(one) <= MOST:
                raise PydanticCustomError("finite_number", "a number out of all proportion")
            elif isinstance(one, dict):
                "".join(map(_storable_text, one))
        level = [inner for outer in level for inner in _inside(outer)]
    return value


def _storable_text(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("text_control", "text has a control character")
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise PydanticCustomError("string_unicode", "not UTF-8")
    return text


def written(kind: LiteralString) -> BeforeValidator:
    """A date or time is text in ISO 8601: lax mode would read 0 and "0" as seconds since 1970."""

    def check(value: Any) -> Any:
        if isinstance(value, int | float):
            raise PydanticCustomError(f"{kind}_type", "a time is text")
        if isinstance(value, str) and "-" not in value[1:]:
            raise PydanticCustomError(f"{kind}_parsing", "not ISO 8601")
        return value

    return BeforeValidator(check)


def not_text(value: Any) -> Any:
    """Lax mode would read "5" and True as numbers."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("float_type", "a number is not text")
    return value


def in_our_time(value: datetime) -> datetime:
    """Within this program's century, in UTC."""
    if not EARLIEST <= value.year < LATEST:
        raise PydanticCustomError("time_range", "outside {earliest} to {latest}",
                                  {"earliest": EARLIEST, "latest": LATEST})
    return value.astimezone(UTC)


def day_in_our_time(value: date) -> date:
    """Within this program's century."""
    if not EARLIEST <= value.year < LATEST:
        raise PydanticCustomError("time_range", "outside {earliest} to {latest}",
                                  {"earliest": EARLIEST, "latest": LATEST})
    return value


def once_each(name: str) -> AfterValidator:
    """No two rows of a list have the same value under this name; None may repeat."""

    def check(rows: list[Any]) -> list[Any]:
        seen: set[Any] = set()
        for line, row in enumerate(rows, 1):
            value = getattr(row, name)
            if value in seen and value is not None:
                raise PydanticCustomError("stands_twice", "row {line} repeats {name}", {"line": line, "name": name})
            seen.add(value)
        return rows

    return AfterValidator(check)


Time = Annotated[AwareDatetime, written("datetime"), AfterValidator(in_our_time)]
Day = Annotated[date, written("date"), AfterValidator(day_in_our_time)]
Whole = Annotated[int, Field(strict=True, ge=0, le=MOST)]
People = Annotated[Whole, Field(le=2_000_000_000)]
"""Heads: more than any city has, and within an integer column of every database."""
Number = Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False), BeforeValidator(not_text)]
Positive = Annotated[float, Field(gt=0, le=MOST, allow_inf_nan=False), BeforeValidator(not_text)]
Figure = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False), BeforeValidator(not_text)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False), BeforeValidator(not_text)]
Flag = Annotated[bool, Field(strict=True)]
Answer = Annotated[bool, Field(strict=True), "answer"]
"""A yes or no that decides: in a form neither is chosen until a person does."""
Short = Annotated[str, Field(max_length=200)]
Long = Annotated[str, Field(max_length=8000)]
Raw = Annotated[dict[str, Any], AfterValidator(storable)]
Code = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]

"""Column types and annotated field types: the same on SQLite and PostgreSQL, strict about what comes from outside."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.dialects.postgresql import JSONB

EARLIEST, LATEST = 2000, 2100
MOST = 10**12
"""No count, sum or amount in this program is larger; it also keeps every integer inside a database's own."""

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
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def column_for(choices: type[StrEnum], nullable: bool = False, index: bool = False) -> sa.Column[str]:
    """A string column with a CHECK over the enum's values: what is not in the enum cannot be stored."""
    return sa.Column(
        sa.Enum(choices, native_enum=False, create_constraint=True, length=32, name=choices.__name__.lower(),
                values_callable=lambda kind: [item.value for item in kind]),
        nullable=nullable, index=index,
    )


def plain_text(value: Any) -> Any:
    """Trim; blank is None; control characters are refused (PostgreSQL cannot keep NUL, people cannot see the rest)."""
    if not isinstance(value, str):
        return value
    if any(ord(c) < 32 and c not in "\n\r\t" for c in value):
        raise PydanticCustomError("text_control", "text has a control character")
    return value.strip() or None


def not_a_number(value: Any) -> Any:
    """Lax mode would read 0 as a date."""
    if isinstance(value, int | float):
        raise PydanticCustomError("datetime_type", "a time is text")
    return value


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


Time = Annotated[AwareDatetime, BeforeValidator(not_a_number), AfterValidator(in_our_time)]
Day = Annotated[date, BeforeValidator(not_a_number), AfterValidator(day_in_our_time)]
Whole = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Number = Annotated[float, BeforeValidator(not_text), Field(ge=0, le=MOST, allow_inf_nan=False)]
Share = Annotated[float, BeforeValidator(not_text), Field(gt=0, le=1, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Short = Annotated[str, Field(max_length=200)]
Long = Annotated[str, Field(max_length=8000)]
Code = Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]*$")]

"""The base of every declared field: one class has type, limits and unit; form, API, import and table follow."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
import sqlalchemy as sa
from pydantic import ConfigDict, field_validator
from sqlmodel import SQLModel

from sandbox.store.types import Instant, plain_text

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Fields(SQLModel):
    """What comes from outside, validated once, then frozen. Unknown names are refused; blank text is None."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=False,
                              defer_build=True)  # type: ignore[assignment]

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return plain_text(value)

    def plain(self) -> dict[str, Any]:
        """The given as JSON values: what is logged and digested."""
        return self.model_dump(mode="json")

    def marked(self) -> dict[str, Any]:
        """What a repeated key compares: the given whole, unless part of it only follows from the rest."""
        return self.plain()


class Row(SQLModel):
    """The base of every table."""

    model_config = ConfigDict(defer_build=True)  # type: ignore[assignment]


@cache
def defaults_of(table: sa.Table) -> Mapping[str, Any]:
    """The declared defaults of a table's columns, as plain values."""
    model = next(mapper.class_ for mapper in Row._sa_registry.mappers if mapper.local_table is table)
    fields = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()
              if not field.is_required()}
    return {name: getattr(value, "value", value) for name, value in fields.items() if value is not None}


def when(nullable: bool = True, index: bool = False) -> Any:
    """A column of an instant (aware, kept in UTC)."""
    return sa.Column(Instant(), nullable=nullable, index=index)


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8: the bytes that are hashed. Times become ISO text."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)

"""Shapes of answers: declared models, so that nothing leaves the house that was not meant to."""

from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, create_model

from sandbox.reads.pages import Page
from sandbox.rules.access import Relation
from sandbox.store.fields import Fields

Item = TypeVar("Item")
SEES_NAMES = (Relation.OFFICER, Relation.OWNER, Relation.SEATED, Relation.CHAIR)
"""Reviewers are known to the regulators, to the firm and to each other; a department sees their sides alone."""


def finite(value: float | None) -> float | None:
    """JSON has no infinity and no NaN: there, nothing is known."""
    return value if value is not None and isfinite(value) else None


Finite = Annotated[float | None, BeforeValidator(finite)]


class Shape(BaseModel):
    """The base of what an endpoint answers."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    @classmethod
    def of(cls, row: Mapping[Any, Any], **more: Any) -> Self:
        """The declared names of a row, and nothing else of it."""
        return cls(**{name: row[name] for name in cls.model_fields if name in row and name not in more}, **more)


class Listing(Shape, Generic[Item]):
    """One page of a list; `next` is the cursor of the following page, null at the end."""

    items: list[Item]
    next: str | None = None


def listed(found: Page[Any], make: Callable[[Any], Item]) -> Listing[Item]:
    """A page of rows as a page of shapes."""
    return Listing(items=[make(one) for one in found.items], next=found.next)


def whole(rows: Iterable[Any], make: Callable[[Any], Item]) -> Listing[Item]:
    """The same for a list that is short by nature and comes whole."""
    return Listing(items=[make(one) for one in rows])


def kept(fields: type[Fields]) -> Any:
    """A shape with the names and types of a Fields class, without its limits: what was kept is shown as it is."""
    named: dict[str, Any] = {name: (info.annotation, ... if info.is_required() else info.get_default(
        call_default_factory=True)) for name, info in fields.model_fields.items()}
    return create_model(fields.__name__.removesuffix("Fields"), __base__=Shape, **named)

"""Sections by API: the record of a trial in parts, with what is required, who writes it, and its schema."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from pydantic import Field, ValidationError

from sandbox.acts.refusals import NotFound
from sandbox.acts.trials import SectionGiven
from sandbox.reads import trials as reads
from sandbox.reads.required import required_for
from sandbox.store.sections import SECTIONS
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, whole
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import actor

rows = Rows("sections")


class Section(Shape):
    """One kind of section. `version` is 0 and `body` empty until it is filed; of a personal kind each sees their own.

    `required_for` names the moves from the present state that look at it; `by` the relations that may write it and
    `states` when; `writable` whether the caller may now; `draft` what the caller has typed and not filed."""

    kind: str
    version: int
    body: dict[str, Any]
    at: datetime | None
    author_id: str | None
    required: bool
    required_for: list[str]
    by: list[str]
    states: list[str]
    personal: bool
    writable: bool
    draft: dict[str, Any] | None
    json_schema: dict[str, Any] = Field(serialization_alias="schema")


@cache
def schema_of(kind: str) -> dict[str, Any]:
    """The JSON schema of a section's body."""
    return SECTIONS[kind].fields.model_json_schema()


@rows.shows("/trials/<id>/sections")
def sections(connection: sa.Connection, id: str) -> Listing[Section]:
    """Every kind of section, filed or not, in the order of the record."""
    row = trial_row(connection, id)
    wanted = required_for(row)
    return whole(reads.sections(connection, actor(), row).values(), lambda one: _section(one, wanted))


@rows.shows("/trials/<id>/sections/<kind>", versioned=True)
def section(connection: sa.Connection, id: str, kind: str) -> Section:
    """One section."""
    row = trial_row(connection, id)
    found = reads.sections(connection, actor(), row)
    return _section(seen(found.get(kind)), required_for(row))


def _section(found: reads.SectionState, wanted: Mapping[str, tuple[str, ...]]) -> Section:
    kind = found.kind
    asking = list(wanted.get(kind.kind, ()))
    return Section(kind=kind.kind, version=found.version, body=found.body, at=found.at, author_id=found.author,
                   required=bool(asking), required_for=asking, by=[one.value for one in kind.by],
                   states=list(kind.states), personal=kind.personal, writable=found.writable, draft=found.draft,
                   json_schema=schema_of(kind.kind))


def _file(body: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """The body is the section's own. What cannot even be kept raw is named by the section's fields."""
    if ids["kind"] not in SECTIONS:
        raise NotFound
    given = {"kind": ids["kind"], "body": body}
    try:
        SectionGiven.model_validate(given)
    except ValidationError:
        SECTIONS[ids["kind"]].fields.model_validate(body)
        raise
    return given


rows.does("PUT", "/trials/<id>/sections/<kind>", "file_section", on="id", given=_file, versioned=True,
          bodies=tuple(dict.fromkeys(kind.fields for kind in SECTIONS.values())),
          example={"mechanism": "Liability insurance", "amount": 2000000.0, "contact": "redress@firm.example"})

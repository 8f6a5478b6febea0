"""Registers that other bodies keep: their entries in versions, what changed when, names said to be one body's, and the
citations by which an application points at an entry. Published records: everyone signed in may read them."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.rules.registers import ChangeEvent, EntryKind, EntryStage
from sandbox.store.fields import Fields, Row, when
from sandbox.store.organisations import OrganisationKind
from sandbox.store.types import JSON, Answer, Flag, Long, Raw, Short, Time, Whole, column_for

Slug = Annotated[str, PydanticField(max_length=64, pattern=r"^[a-z0-9][a-z0-9-]*$")]
Line = Annotated[str, PydanticField(max_length=500)]
Key = Annotated[str, PydanticField(max_length=300)]
Address = Annotated[str, PydanticField(max_length=1000, pattern=r"^https?://[^\s\"<>]+$")]
WRITTEN_DAY = r"^(19|20)\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$"
Published = Annotated[str, PydanticField(max_length=10, pattern=WRITTEN_DAY)]
"""A date as precise as it was published: 2025, 2025-06 or 2025-06-30."""
Digest = Annotated[str, PydanticField(max_length=64, pattern=r"^[0-9a-f]+$")]


class ProposalState(StrEnum):
    """What became of a proposal that two names are one body's."""

    WAITING = "waiting"
    JOINED = "joined"
    APART = "apart"


class ProposalGround(StrEnum):
    """Why two names are thought to be one body's: a log says renamed, or they differ in width, case or spaces alone."""

    RENAMED = "renamed"
    SAME_NAME = "same_name"


class RegisterFields(Fields):
    """A register: its short name, what it lists, where it is published. `whole`: each list is complete."""

    name: Slug
    title: Short
    title_hant: Short | None = None
    title_en: Short | None = None
    kind: EntryKind = Field(default=EntryKind.SYSTEM, sa_column=column_for(EntryKind))
    whole: Flag = True
    source_url: Address | None = None
    licence: Short | None = None


class Register(RegisterFields, Row, table=True):
    """One row a register; `read_on` is the day of the newest list that was read."""

    __tablename__ = "registers"
    name: str = Field(primary_key=True)
    read_on: date | None = None
    created_at: datetime = Field(sa_column=when(nullable=False))


class EntryFields(Fields):
    """An entry as published: its key in the register, titles, the body's name, status and stage, address and dates."""

    key: Key
    title: Line
    title_hant: Line | None = None
    title_en: Line | None = None
    body: Key | None = None
    status: Key | None = None
    stage: EntryStage = Field(default=EntryStage.UNKNOWN, sa_column=column_for(EntryStage))
    url: Address | None = None
    description: Long | None = None
    published: Published | None = None
    occurred: Published | None = None


class ListedEntry(EntryFields):
    """A version of an entry as a list gives it: every cell as it stood, the report it belongs to, where it was read.
    `order` places it among the entry's versions, where the list amends by further rows."""

    raw: Raw = {}
    digest: Digest
    file: Short | None = None
    line: Whole | None = None
    report: Key | None = None
    order: Annotated[str, PydanticField(max_length=700)] | None = None


class ListedChange(Fields):
    """One line of a change log; the entry need not be in the list any more."""

    key: Key
    event: ChangeEvent
    field: Key | None = None
    old: Long | None = None
    new: Long | None = None
    at: Time
    digest: Digest
    file: Short | None = None
    line: Whole | None = None


class RegisterEntry(EntryFields, Row, table=True):
    """The current version. `organisation_id` is set by a person who joined the body's name; `place` sorts by title,
    `search` is what `q` looks through, both folded."""

    __tablename__ = "register_entries"
    __table_args__ = (
        sa.UniqueConstraint("register_name", "key"),
        sa.UniqueConstraint("place"),
        sa.CheckConstraint("stage <> 'unknown' OR status IS NULL", name="unknown_is_silence"),
        sa.Index("ix_register_entries_register_name_place", "register_name", "place"),
        sa.Index("ix_register_entries_register_name_stage", "register_name", "stage", "place"),
        sa.Index("ix_register_entries_stage_place", "stage", "place"),
        sa.Index("ix_register_entries_body_place", "body", "place"),
        sa.Index("ix_register_entries_register_name_body", "register_name", "body", "place"),
        sa.Index("ix_register_entries_organisation_id_place", "organisation_id", "place"),
        sa.Index("ix_register_entries_kind_place", "kind", "place"),
        sa.Index("ix_register_entries_register_name_status", "register_name", "status", "place"),
    )
    id: str = Field(primary_key=True)
    register_name: str = Field(foreign_key="registers.name")
    kind: EntryKind = Field(sa_column=column_for(EntryKind))
    organisation_id: str | None = Field(default=None, foreign_key="organisations.id")
    digest: str
    order: str | None = None
    version: int = 1
    first_seen_on: date
    last_seen_on: date
    place: str
    search: str
    at: datetime = Field(sa_column=when(nullable=False))


class RegisterVersion(Row, table=True):
    """One version of an entry, as published: its fields and every raw cell; never changed."""

    __tablename__ = "register_versions"
    __table_args__ = (sa.Index("ix_register_versions_entry_id_digest", "entry_id", "digest"),)
    entry_id: str = Field(primary_key=True, foreign_key="register_entries.id")
    version: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    raw: dict[str, Any] = Field(sa_column=sa.Column(JSON, nullable=False))
    digest: str
    report: str | None = None
    file: str | None = None
    line: int | None = None
    as_of: date
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))


class RegisterChange(Row, table=True):
    """What changed of an entry and when: out of a change log, or seen between two lists, with the version it made.
    `occurred_at` is when it changed where that is known, else the day of the list that shows it."""

    __tablename__ = "register_changes"
    __table_args__ = (
        sa.UniqueConstraint("register_name", "digest"),
        sa.Index("ix_register_changes_register_name_place", "register_name", "place"),
        sa.Index("ix_register_changes_register_name_key", "register_name", "entry_key"),
    )
    id: str = Field(primary_key=True)
    register_name: str = Field(foreign_key="registers.name")
    entry_key: str
    event: ChangeEvent = Field(sa_column=column_for(ChangeEvent))
    field: str | None = None
    old: str | None = None
    new: str | None = None
    occurred_at: datetime = Field(sa_column=when(nullable=False))
    place: str
    version: int | None = None
    digest: str
    file: str | None = None
    line: int | None = None
    at: datetime = Field(sa_column=when(nullable=False))


class AliasProposal(Row, table=True):
    """Two names that may be one body's; only a person joins them."""

    __tablename__ = "alias_proposals"
    __table_args__ = (sa.UniqueConstraint("name", "other"), sa.Index("ix_alias_proposals_state_id", "state", "id"))
    id: str = Field(primary_key=True)
    name: str
    other: str
    register_name: str = Field(foreign_key="registers.name")
    ground: ProposalGround = Field(sa_column=column_for(ProposalGround))
    times: int
    state: ProposalState = Field(default=ProposalState.WAITING, sa_column=column_for(ProposalState))
    organisation_id: str | None = Field(default=None, foreign_key="organisations.id")
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_column=when())
    at: datetime = Field(sa_column=when(nullable=False))


class AliasDecisionFields(Fields):
    """Whether two names are one body's, and which body: a known one, or a new one of this kind under the newer name."""

    same: Answer
    organisation_id: Short | None = None
    kind: OrganisationKind | None = None


class CitationFields(Fields):
    """An entry that an application points at, and why."""

    entry_id: Short
    note: Long | None = None


class Citation(CitationFields, Row, table=True):
    """One row a citation; a withdrawn one stays in the record."""

    __tablename__ = "citations"
    __table_args__ = (
        sa.Index("ix_citations_trial_id_id", "trial_id", "id"),
        sa.Index("ix_citations_entry_id_id", "entry_id", "id"),
        sa.Index("uq_citations_standing", "trial_id", "entry_id", unique=True,
                 sqlite_where=sa.text("withdrawn_at IS NULL"), postgresql_where=sa.text("withdrawn_at IS NULL")),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    entry_id: str = Field(foreign_key="register_entries.id")
    version: int
    author_id: str
    at: datetime = Field(sa_column=when(nullable=False))
    withdrawn_at: datetime | None = Field(default=None, sa_column=when())
    withdrawn_by: str | None = None


REGISTERS, ENTRIES = Register.__table__, RegisterEntry.__table__  # type: ignore[attr-defined]
VERSIONS, CHANGES = RegisterVersion.__table__, RegisterChange.__table__  # type: ignore[attr-defined]
PROPOSALS, CITATIONS = AliasProposal.__table__, Citation.__table__  # type: ignore[attr-defined]

"""Organisations and the names they also go by: firms, institutes, bodies of users, departments."""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import Code, Short, column_for


class OrganisationKind(StrEnum):
    """What a body is in the sandbox."""

    AUTHORITY = "authority"
    FIRM = "firm"
    INSTITUTE = "institute"
    BODY = "body"
    DEPARTMENT = "department"


class OrganisationFields(Fields):
    """A body: its name, kind and the code the state knows it by (统一社会信用代码, VAT number)."""

    name: Short
    kind: OrganisationKind = Field(sa_column=column_for(OrganisationKind))
    code: Code | None = None


class Organisation(OrganisationFields, Row, table=True):
    """One row a body."""

    __tablename__ = "organisations"
    __table_args__ = (sa.UniqueConstraint("name"),)
    id: str = Field(primary_key=True)
    created_at: datetime = Field(sa_column=when(nullable=False))


class AliasFields(Fields):
    """Another name under which the same body appears in files and registers; joined by a person."""

    name: Short


class Alias(AliasFields, Row, table=True):
    """A name belongs to one body only."""

    __tablename__ = "aliases"
    name: str = Field(primary_key=True)
    organisation_id: str = Field(foreign_key="organisations.id", index=True)


ORGANISATIONS, ALIASES = Organisation.__table__, Alias.__table__  # type: ignore[attr-defined]

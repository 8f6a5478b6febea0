"""Accounts, who is behind them, invitations, tokens and sessions. Names and mail addresses live in a side table."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import sqlalchemy as sa
from pydantic import AfterValidator
from pydantic import Field as PydanticField
from sqlmodel import Field

from sandbox.rules.access import Constituency, Role, Scope
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Flag, Long, Short, Whole, column_for

Email = Annotated[str, PydanticField(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$|^[^@\s]+@localhost$")]


class Expertise(StrEnum):
    """What a reviewer is competent in: the algorithm or the trade (懂AI、懂行业), law or ethics."""

    AI = "ai"
    TRADE = "trade"
    LAW = "law"
    ETHICS = "ethics"


Knowledge = Annotated[list[Expertise], PydanticField(max_length=len(Expertise)), AfterValidator(
    lambda given: [one for one in Expertise if one in given])]
"""What a reviewer is competent in: each once, in the enum's order."""


class InvitationFields(Fields):
    """Who is invited, as what, for which body. Reviewers have a constituency."""

    email: Email
    name: Short
    role: Role = Field(sa_column=column_for(Role))
    organisation_id: Short
    constituency: Constituency | None = Field(default=None, sa_column=column_for(Constituency, nullable=True))
    expertise: Knowledge = Field(default_factory=list)


class ReviewerFields(Fields):
    """What a reviewer stands for: the side, what they are competent in; and why it is put so."""

    constituency: Constituency
    expertise: Knowledge = Field(min_length=1)
    reason: Long


class Account(Row, table=True):
    """Role and credentials; no name, no address. `auth` holds what the sign-in library keeps (counters, codes)."""

    __tablename__ = "accounts"
    __table_args__ = (
        sa.CheckConstraint("(role = 'reviewer') = (constituency IS NOT NULL)", name="reviewer_constituency"),
    )
    id: str = Field(primary_key=True)
    role: Role = Field(sa_column=column_for(Role))
    organisation_id: str | None = Field(default=None, foreign_key="organisations.id", index=True)
    constituency: Constituency | None = Field(default=None, sa_column=column_for(Constituency, nullable=True))
    expertise: list[str] = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    active: bool = True
    password: str | None = None
    fs_uniquifier: str = Field(unique=True)
    auth: dict[str, Any] = Field(default_factory=dict, sa_column=sa.Column(JSON, nullable=False))
    created_at: datetime = Field(sa_column=when(nullable=False))


class Contact(Row, table=True):
    """Personal data of an account, apart from it so that it can be erased alone."""

    __tablename__ = "contacts"
    account_id: str = Field(primary_key=True, foreign_key="accounts.id")
    email: str = Field(unique=True)
    name: str
    locale: str | None = None


class Invitation(Row, table=True):
    """An open or used invitation; the link's secret is kept hashed."""

    __tablename__ = "invitations"
    id: str = Field(primary_key=True)
    hash: str = Field(unique=True)
    email: str
    name: str
    role: Role = Field(sa_column=column_for(Role))
    organisation_id: str | None = Field(default=None, foreign_key="organisations.id")
    constituency: Constituency | None = Field(default=None, sa_column=column_for(Constituency, nullable=True))
    expertise: list[str] = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    expires_at: datetime = Field(sa_column=when(nullable=False))
    used_at: datetime | None = Field(default=None, sa_column=when())


class TokenFields(Fields):
    """A named key for machines: what it may do and for how many days."""

    name: Short
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    days: Annotated[Whole, PydanticField(ge=1, le=365)] = 90


class Token(Row, table=True):
    """A bearer token, kept hashed; it never outlives its account."""

    __tablename__ = "tokens"
    id: str = Field(primary_key=True)
    hash: str = Field(unique=True)
    account_id: str = Field(foreign_key="accounts.id", index=True)
    name: str
    scopes: list[str] = Field(sa_column=sa.Column(JSON, nullable=False))
    expires_at: datetime = Field(sa_column=when(nullable=False))
    revoked_at: datetime | None = Field(default=None, sa_column=when())


class Session(Row, table=True):
    """A signed-in browser: the cookie's secret hashed, the session's content here (housekeeping, no log entry)."""

    __tablename__ = "sessions"
    hash: str = Field(primary_key=True)
    account_id: str | None = Field(default=None, index=True)
    content: str
    created_at: datetime = Field(sa_column=when(nullable=False))
    seen_at: datetime = Field(sa_column=when(nullable=False, index=True))


class AccountChange(Fields):
    """What an administrator or the owner changes of an account."""

    active: Flag | None = None
    name: Short | None = None
    locale: Short | None = None


ACCOUNTS, CONTACTS = Account.__table__, Contact.__table__  # type: ignore[attr-defined]
INVITATIONS, TOKENS, SESSIONS = Invitation.__table__, Token.__table__, Session.__table__  # type: ignore[attr-defined]

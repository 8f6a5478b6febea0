"""Accounts by API: who I am and what waits for me; accounts, invitations, bodies and tokens."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import accounts as reads
from sandbox.reads import board
from sandbox.rules.access import Role
from sandbox.store.accounts import AccountChange, ReviewerFields
from sandbox.store.fields import Fields
from sandbox.store.organisations import AliasFields, OrganisationFields, OrganisationKind
from sandbox.web.api.asking import Paged, Text
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, Shape, kept, listed, whole
from sandbox.web.reader import actor, program

rows = Rows("accounts")


class Task(Shape):
    """One thing that waits for the caller: what (`kind`, and `about`: which move, section, matter, panel or severity),
    on which trial, which object, until when."""

    kind: str
    about: str | None
    trial_id: str | None
    title: str | None
    object_id: str
    due_at: datetime | None
    state: str | None


class Me(Shape):
    """The caller: account, role, body, and what this token or session may do."""

    id: str
    role: str
    name: str
    email: str
    organisation_id: str | None
    organisation: str | None
    constituency: str | None
    scopes: list[str]
    tasks: list[Task]


@rows.shows("/me")
def me(connection: sa.Connection) -> Me:
    """Who I am, and what waits for me, soonest due first."""
    who = actor()
    found = board.tasks(connection, who, program().clock(), program().settings.place)
    waiting = [Task.of(asdict(task)) for task in found]
    return Me.of(seen(reads.account(connection, account_id=who.id)), scopes=sorted(who.scopes), tasks=waiting)


class Account(Shape):
    """A person's account."""

    id: str
    role: str
    name: str | None
    email: str | None
    organisation_id: str | None
    organisation: str | None
    constituency: str | None
    expertise: list[str]
    active: bool


class AccountQuery(Paged):
    """Filters of the list; `q` looks into names, addresses and bodies."""

    role: Role | None = None
    q: Text | None = None


@rows.shows("/accounts")
def accounts(connection: sa.Connection, query: AccountQuery) -> Listing[Account]:
    """All accounts for administrators, reviewers for regulators."""
    return listed(reads.accounts(connection, actor(), **query.model_dump()), Account.of)


@rows.shows("/accounts/<id>")
def account(connection: sa.Connection, id: str) -> Account:
    """One account."""
    return Account.of(seen(reads.person(connection, actor(), id)))


rows.does("PATCH", "/accounts/<id>", "change_account", reach=reads.person, bodies=(AccountChange,),
          given=lambda body, ids: {**body, "account_id": ids["id"]}, example={"active": False})


rows.does("POST", "/accounts/<id>/description", "describe_reviewer", reach=reads.person, bodies=(ReviewerFields,),
          given=lambda body, ids: {**body, "account_id": ids["id"]}, example={
              "constituency": "research", "expertise": ["ai", "ethics"],
              "reason": "Teaches ethics of computing since this year."})


class Invitation(Shape):
    """An invitation that is open."""

    id: str
    email: str
    name: str
    role: str
    expires_at: datetime


@rows.shows("/invitations")
def invitations(connection: sa.Connection) -> Listing[Invitation]:
    """Open invitations, for administrators and regulators."""
    return whole(reads.invitations(connection, actor(), program().clock()), Invitation.of)


rows.does("POST", "/invitations", "invite", created=True, example={
    "email": "rui@guild.example", "name": "Rui", "role": "reviewer", "organisation_id": "or_19c0f3a1d0a1b2c3d4e5f",
    "constituency": "industry", "expertise": ["trade"]})


class Organisation(kept(OrganisationFields)):  # type: ignore[misc]
    """A body with the other names that it goes by."""

    id: str
    aliases: list[str]


class OrganisationQuery(Paged):
    """Filters of the list; `q` looks into names and other names."""

    kind: OrganisationKind | None = None
    q: Text | None = None


@rows.shows("/organisations")
def organisations(connection: sa.Connection, query: OrganisationQuery) -> Listing[Organisation]:
    """Bodies, for administrators and regulators; others see their own."""
    found = reads.organisations(connection, actor(), **query.model_dump())
    others = reads.aliases(connection, [row["id"] for row in found.items])
    return listed(found, lambda row: Organisation.of(row, aliases=others.get(row["id"], [])))


@rows.shows("/organisations/<id>")
def organisation(connection: sa.Connection, id: str) -> Organisation:
    """One body."""
    return Organisation.of(seen(reads.body(connection, actor(), id)))


def _join(body: dict[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    return {**body, "organisation_id": ids["id"]}


rows.does("POST", "/organisations", "register_organisation", created=True, example={
    "name": "海睿智能", "kind": "firm", "code": "91310000MA1FL0XXXX"})
rows.does("POST", "/organisations/<id>/aliases", "join_alias", reach=reads.body, bodies=(AliasFields,), given=_join,
          example={"name": "Hai Rui Ltd"})


class Token(Shape):
    """A bearer token of the caller; its secret was shown once, when it was made."""

    id: str
    name: str
    scopes: list[str]
    expires_at: datetime
    revoked_at: datetime | None


@rows.shows("/tokens")
def tokens(connection: sa.Connection) -> Listing[Token]:
    """The caller's own tokens, newest first."""
    return whole(reads.tokens(connection, actor()), Token.of)


rows.does("POST", "/tokens", "issue_token", created=True, example={
    "name": "night shift", "scopes": ["read", "file"], "days": 90})
rows.does("POST", "/tokens/<id>/revocation", "revoke_token", reach=reads.token, bodies=(Fields,),
          given=lambda body, ids: {**body, "token_id": ids["id"]}, example={})

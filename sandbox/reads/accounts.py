"""Accounts as the front door and administrators may know them: who bears a token, who is who, what waits for whom."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor, Role, Scope
from sandbox.store.accounts import ACCOUNTS, CONTACTS, INVITATIONS, SESSIONS, TOKENS
from sandbox.store.engine import Statement
from sandbox.store.ids import hash_secret
from sandbox.store.organisations import ALIASES, ORGANISATIONS
from sandbox.store.types import Instant

BROWSER_SCOPES = frozenset(scope.value for scope in Scope)


def actor_of(row: Mapping[Any, Any], scopes: frozenset[str] = BROWSER_SCOPES) -> Actor:
    """The actor an account acts as."""
    return Actor(row["id"], Role(row["role"]), row["organisation_id"], row["constituency"], scopes)


_bearer = Statement(
    sa.select(ACCOUNTS.c.id, ACCOUNTS.c.role, ACCOUNTS.c.organisation_id, ACCOUNTS.c.constituency, TOKENS.c.scopes)
    .join(TOKENS, TOKENS.c.account_id == ACCOUNTS.c.id)
    .where(TOKENS.c.hash == sa.bindparam("hash"), TOKENS.c.revoked_at.is_(None), ACCOUNTS.c.active,
           TOKENS.c.expires_at > sa.bindparam("now", type_=Instant)))


def actor_by_token(connection: sa.Connection, secret: str, now: datetime) -> Actor | None:
    """Who bears a token: not expired, not revoked, of an active account."""
    row = _bearer.first(connection, {"hash": hash_secret(secret), "now": now})
    return actor_of(row, frozenset(row["scopes"])) if row else None


def account(connection: sa.Connection, *, account_id: str | None = None, email: str | None = None,
            uniquifier: str | None = None) -> dict[str, Any] | None:
    """One account with name, address and body, by id, address or sign-in mark. For the front door only."""
    query = sa.select(ACCOUNTS, CONTACTS.c.email, CONTACTS.c.name, CONTACTS.c.locale,
                      ORGANISATIONS.c.name.label("organisation")).outerjoin(
        CONTACTS, CONTACTS.c.account_id == ACCOUNTS.c.id).outerjoin(
        ORGANISATIONS, ORGANISATIONS.c.id == ACCOUNTS.c.organisation_id)
    pairs = ((ACCOUNTS.c.id, account_id), (CONTACTS.c.email, email.lower() if email else None),
             (ACCOUNTS.c.fs_uniquifier, uniquifier))
    conditions = [column == value for column, value in pairs if value is not None]
    row = connection.execute(query.where(*conditions)).mappings().first() if conditions else None
    return dict(row) if row else None


def session_row(connection: sa.Connection, hashed: str) -> dict[str, Any] | None:
    """The kept session of a cookie's hashed secret. For the front door only."""
    row = connection.execute(sa.select(SESSIONS).where(SESSIONS.c.hash == hashed)).mappings().first()
    return dict(row) if row else None


def any_account(connection: sa.Connection) -> bool:
    """Whether the sandbox has been set up."""
    return connection.execute(sa.select(ACCOUNTS.c.id).limit(1)).first() is not None


def accounts(connection: sa.Connection, actor: Actor, cursor: str | None = None, limit: int = 50, *,
             q: str | None = None, role: str | None = None, active: bool | None = None) -> Page[dict[str, Any]]:
    """All accounts, for administrators; for regulators, the reviewers they can seat; for others none."""
    query = _people(actor)
    if q:
        query = query.where(sa.or_(*(column.icontains(q, autoescape=True) for column in (
            CONTACTS.c.name, CONTACTS.c.email, ORGANISATIONS.c.name))))
    query = query.where(ACCOUNTS.c.role == role) if role else query
    query = query.where(ACCOUNTS.c.active.is_(active)) if active is not None else query
    return keyset(connection, query, ACCOUNTS.c.id, cursor, _plain, limit, newest_first=False)


def _people(actor: Actor) -> sa.Select[Any]:
    query = sa.select(ACCOUNTS.c.id, ACCOUNTS.c.role, ACCOUNTS.c.constituency, ACCOUNTS.c.expertise,
                      ACCOUNTS.c.active, ACCOUNTS.c.organisation_id, CONTACTS.c.name,
                      CONTACTS.c.email, ORGANISATIONS.c.name.label("organisation")).outerjoin(
        CONTACTS, CONTACTS.c.account_id == ACCOUNTS.c.id).outerjoin(
        ORGANISATIONS, ORGANISATIONS.c.id == ACCOUNTS.c.organisation_id)
    seen = {Role.ADMINISTRATOR: sa.true(), Role.REGULATOR: ACCOUNTS.c.role == Role.REVIEWER}
    return query.where(seen.get(actor.role, sa.false()))


def person(connection: sa.Connection, actor: Actor, account_id: str) -> dict[str, Any] | None:
    """One of the accounts that `accounts` lists, or None."""
    row = connection.execute(_people(actor).where(ACCOUNTS.c.id == account_id)).mappings().first()
    return dict(row) if row else None


def regulators(connection: sa.Connection, now: datetime) -> int:
    """Regulators that exist or are invited: below two, nothing can be decided by four eyes."""
    there = sa.select(sa.func.count()).where(ACCOUNTS.c.role == Role.REGULATOR)
    invited = sa.select(sa.func.count()).where(INVITATIONS.c.role == Role.REGULATOR, INVITATIONS.c.used_at.is_(None),
                                               INVITATIONS.c.expires_at > now)
    return int(connection.execute(there).scalar_one() + connection.execute(invited).scalar_one())


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}


def names(connection: sa.Connection, account_ids: set[str]) -> dict[str, str]:
    """Names of accounts, for pages that have narrowed to what these accounts did."""
    rows = connection.execute(sa.select(CONTACTS.c.account_id, CONTACTS.c.name).where(
        CONTACTS.c.account_id.in_(account_ids)))
    return {row.account_id: row.name for row in rows}


def organisations(connection: sa.Connection, actor: Actor, cursor: str | None = None, limit: int = 50, *,
                  q: str | None = None, kind: str | None = None) -> Page[dict[str, Any]]:
    """Bodies, for those who register and invite; others see their own. `q` also looks through other names."""
    query = sa.select(ORGANISATIONS).where(_bodies_seen_by(actor))
    if q:
        named = sa.select(ALIASES.c.organisation_id).where(ALIASES.c.name.icontains(q, autoescape=True))
        query = query.where(sa.or_(ORGANISATIONS.c.name.icontains(q, autoescape=True), ORGANISATIONS.c.code == q,
                                   ORGANISATIONS.c.id.in_(named)))
    query = query.where(ORGANISATIONS.c.kind == kind) if kind else query
    return keyset(connection, query, ORGANISATIONS.c.id, cursor, _plain, limit, newest_first=False)


def _bodies_seen_by(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.role in (Role.ADMINISTRATOR, Role.REGULATOR):
        return sa.true()
    return ORGANISATIONS.c.id == actor.organisation_id


def body(connection: sa.Connection, actor: Actor, organisation_id: str) -> dict[str, Any] | None:
    """One of the bodies that `organisations` lists, with its other names, or None."""
    row = connection.execute(sa.select(ORGANISATIONS).where(
        _bodies_seen_by(actor), ORGANISATIONS.c.id == organisation_id)).mappings().first()
    return {**row, "aliases": aliases(connection, [organisation_id]).get(organisation_id, [])} if row else None


def organisation(connection: sa.Connection, organisation_id: str) -> dict[str, Any] | None:
    """One body. For pages that have narrowed to who may see it."""
    row = connection.execute(sa.select(ORGANISATIONS).where(ORGANISATIONS.c.id == organisation_id)).mappings().first()
    return dict(row) if row else None


def aliases(connection: sa.Connection, organisation_ids: list[str]) -> dict[str, list[str]]:
    """Other names by body."""
    found: dict[str, list[str]] = {}
    for row in connection.execute(sa.select(ALIASES).where(ALIASES.c.organisation_id.in_(organisation_ids))):
        found.setdefault(row.organisation_id, []).append(row.name)
    return found


def invitations(connection: sa.Connection, actor: Actor, now: datetime) -> tuple[dict[str, Any], ...]:
    """Invitations not used and not expired, without their secrets; for administrators and regulators."""
    if actor.role not in (Role.ADMINISTRATOR, Role.REGULATOR):
        return ()
    query = sa.select(INVITATIONS.c.id, INVITATIONS.c.email, INVITATIONS.c.name, INVITATIONS.c.role,
                      INVITATIONS.c.expires_at).where(INVITATIONS.c.used_at.is_(None), INVITATIONS.c.expires_at > now)
    return tuple(dict(row) for row in connection.execute(query.order_by(INVITATIONS.c.id)).mappings())


def invitation(connection: sa.Connection, secret: str, now: datetime) -> dict[str, Any] | None:
    """The open invitation that a link's secret belongs to."""
    row = connection.execute(sa.select(INVITATIONS).where(
        INVITATIONS.c.hash == hash_secret(secret), INVITATIONS.c.used_at.is_(None),
        INVITATIONS.c.expires_at > now)).mappings().first()
    return dict(row) if row else None


def tokens(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """The actor's own tokens, without secrets, newest first."""
    query = sa.select(TOKENS.c.id, TOKENS.c.name, TOKENS.c.scopes, TOKENS.c.expires_at, TOKENS.c.revoked_at).where(
        TOKENS.c.account_id == actor.id).order_by(TOKENS.c.id.desc())
    return tuple(dict(row) for row in connection.execute(query).mappings())


def token(connection: sa.Connection, actor: Actor, token_id: str) -> dict[str, Any] | None:
    """One's own token, without its secret; for administrators anyone's; else None."""
    whose = sa.true() if actor.role is Role.ADMINISTRATOR else TOKENS.c.account_id == actor.id
    row = connection.execute(sa.select(TOKENS.c.id, TOKENS.c.name).where(TOKENS.c.id == token_id, whose)).mappings()
    found = row.first()
    return dict(found) if found else None


"""Accounts: the first administrator, invitations, changes, tokens. As soon as there are two regulators, one of them
confirms every further regulator and administrator."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, Made, act
from sandbox.acts.annual import begin_years
from sandbox.acts.organisations import enter_organisation
from sandbox.acts.proposals import propose, void_proposals
from sandbox.acts.refusals import NotFound, NotPermitted, Refused, invalid
from sandbox.rules.access import Role, covers
from sandbox.store.accounts import (
    ACCOUNTS,
    CONTACTS,
    INVITATIONS,
    SESSIONS,
    TOKENS,
    AccountChange,
    Email,
    InvitationFields,
    ReviewerFields,
    TokenFields,
)
from sandbox.store.fields import Fields
from sandbox.store.ids import hash_secret, new_secret
from sandbox.store.organisations import ORGANISATIONS, OrganisationFields, OrganisationKind
from sandbox.store.types import Long, Raw, Short

INVITATION_DAYS = 14
FIRST_REGULATORS = 2
"""Only these are granted without four eyes: before there are two, nobody could vote."""
CONFIRMED = (Role.REGULATOR, Role.ADMINISTRATOR)
"""Who hands out links, and who decides."""


class Invited(Done):
    """The invitation, and for administrators its one-time secret; or the decision that a second regulator must
    confirm."""

    id: str | None = None
    secret: str | None = None
    decision: str | None = None


@act()
def invite(act: Act, given: InvitationFields) -> Invited:
    """Invite a person, or renew the link of who is invited already. The link is the administrator's alone, who decides
    nothing: whoever votes could take a firm's signature or a reviewer's seat with it. Regulators and administrators
    come by an administrator's invitation alone, and as soon as there are two regulators one of them confirms it:
    nobody becomes two persons by an address of their own."""
    decides = act.actor.role is Role.REGULATOR
    if decides and given.role not in (Role.REVIEWER, Role.FIRM, Role.DEPARTMENT):
        raise NotPermitted("not_permitted")
    check_invitation(act, given)
    open_one = open_invitation(act, given)
    if open_one:
        return Invited(id=open_one) if decides else renew_invitation(act, open_one)
    if given.role in CONFIRMED and regulators(act) >= FIRST_REGULATORS:
        return Invited(decision=propose(act, "invite", given.plain()))
    sent = send_invitation(act, given)
    return sent.model_copy(update={"secret": None}) if decides else sent


def open_invitation(act: Act, given: InvitationFields) -> str | None:
    """The invitation of this address that is open; one to another role is in the way."""
    found = act.connection.execute(sa.select(INVITATIONS.c.id, INVITATIONS.c.role).where(
        INVITATIONS.c.email == given.email.lower(), INVITATIONS.c.used_at.is_(None),
        INVITATIONS.c.expires_at > act.now)).first()
    if found is not None and found.role != given.role:
        raise invalid("email", "email_taken")
    return found.id if found else None


def renew_invitation(act: Act, invitation: str) -> Invited:
    """Another link to the same invitation; the former one ends. Inviting a person again gives this."""
    secret = new_secret()
    act.update(INVITATIONS, invitation, hash=hash_secret(secret),
               expires_at=act.now + timedelta(days=INVITATION_DAYS))
    return Invited(id=invitation, secret=secret)


def check_invitation(act: Act, given: InvitationFields) -> None:
    """The body exists, the address is free, a reviewer has a constituency."""
    if act.connection.execute(sa.select(ORGANISATIONS.c.id).where(
            ORGANISATIONS.c.id == given.organisation_id)).first() is None:
        raise invalid("organisation_id", "unknown_id")
    if (given.role is Role.REVIEWER) != (given.constituency is not None):
        raise invalid("constituency", "constituency_of_reviewers")
    if given.role is Role.SYSTEM:
        raise invalid("role", "unknown_id")
    taken = sa.select(CONTACTS.c.account_id).where(CONTACTS.c.email == given.email.lower())
    if act.connection.execute(taken).first():
        raise invalid("email", "email_taken")


def regulators(act: Act) -> int:
    """Regulators that exist or are invited."""
    accounts = sa.select(sa.func.count()).where(ACCOUNTS.c.role == Role.REGULATOR)
    invited = sa.select(sa.func.count()).where(INVITATIONS.c.role == Role.REGULATOR, INVITATIONS.c.used_at.is_(None),
                                               INVITATIONS.c.expires_at > act.now)
    return int(act.connection.execute(accounts).scalar_one() + act.connection.execute(invited).scalar_one())


def send_invitation(act: Act, given: InvitationFields) -> Invited:
    """Keep the invitation; its secret leaves the program once, here."""
    invitation, secret = act.id("iv"), new_secret()
    act.insert(INVITATIONS, {**given.plain(), "email": given.email.lower(), "id": invitation,
                             "hash": hash_secret(secret), "expires_at": act.now + timedelta(days=INVITATION_DAYS)})
    return Invited(id=invitation, secret=secret)


class AcceptGiven(Fields):
    """The invitation's secret and the hash of the password chosen."""

    secret: Short
    password: Short


@act()
def accept_invitation(act: Act, given: AcceptGiven) -> Made:
    """The invited person's account. An invitation works once, for fourteen days."""
    found = act.connection.execute(sa.select(INVITATIONS).where(
        INVITATIONS.c.hash == hash_secret(given.secret), INVITATIONS.c.used_at.is_(None),
        INVITATIONS.c.expires_at > act.now)).mappings().first()
    if found is None:
        raise NotFound
    if act.connection.execute(sa.select(CONTACTS.c.account_id).where(CONTACTS.c.email == found["email"])).first():
        raise invalid("email", "email_taken")
    act.update(INVITATIONS, found["id"], used_at=act.now)
    account = open_account(act, found["email"], found["name"], found["role"], given.password,
                           organisation_id=found["organisation_id"], constituency=found["constituency"],
                           expertise=found["expertise"])
    return Made(id=account)


def open_account(act: Act, email: str, name: str, role: str, password: str, **more: Any) -> str:
    """Account and contact rows; the contact's values stay out of the log's digest."""
    account = act.id("ac")
    act.insert(ACCOUNTS, {"id": account, "role": role, "active": True, "password": password, "auth": {},
                          "fs_uniquifier": new_secret(), "created_at": act.now, **more})
    act.connection.execute(sa.insert(CONTACTS).values(account_id=account, email=email.lower(), name=name))
    return account


class FirstGiven(Fields):
    """Who sets the sandbox up, and for which authority."""

    email: Email
    name: Short
    password: Short
    authority: Short


@act()
def make_first_administrator(act: Act, given: FirstGiven) -> Made:
    """The account from which all others come; refused as soon as any exists. The sandbox's years begin with it."""
    if act.connection.execute(sa.select(ACCOUNTS.c.id).limit(1)).first():
        raise Refused("accounts_exist")
    body = enter_organisation(act, OrganisationFields(name=given.authority, kind=OrganisationKind.AUTHORITY))
    begin_years(act)
    return Made(id=open_account(act, given.email, given.name, Role.ADMINISTRATOR.value, given.password,
                                organisation_id=body))


class ChangeGiven(AccountChange):
    """Which account, what changes. `password` and `auth` come hashed or sealed from the sign-in pages only."""

    account_id: Short
    password: Short | None = None
    auth: Raw | None = None
    fs_uniquifier: Short | None = None


@act()
def change_account(act: Act, given: ChangeGiven) -> Made:
    """Disable, enable, rename. Disabling ends every session and token at once and voids what the person proposed, a new
    password ends every session; nobody disables themselves, or a city could be left without an administrator."""
    act.row(ACCOUNTS, given.account_id)
    if given.active is False and given.account_id == act.actor.id:
        raise Refused("own_account")
    columns = {name: value for name, value in given.model_dump(include={"active", "password", "auth", "fs_uniquifier"})
               .items() if value is not None}
    if columns:
        act.update(ACCOUNTS, given.account_id, **columns)
    personal = {name: value for name, value in (("name", given.name), ("locale", given.locale)) if value}
    if personal:
        act.connection.execute(sa.update(CONTACTS).where(CONTACTS.c.account_id == given.account_id).values(**personal))
    if given.active is False or given.password or given.fs_uniquifier:
        act.connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.account_id == given.account_id))
    if given.active is False:
        act.connection.execute(sa.update(TOKENS).where(
            TOKENS.c.account_id == given.account_id, TOKENS.c.revoked_at.is_(None)).values(revoked_at=act.now))
        void_proposals(act, given.account_id)
    return Made(id=given.account_id)


class DescribedGiven(ReviewerFields):
    """Which reviewer."""

    account_id: Short


@act()
def describe_reviewer(act: Act, given: DescribedGiven) -> Made:
    """Put right what a reviewer stands for. What they know counts at once on every panel they sit on; the side for
    which they were seated stays."""
    row = act.row(ACCOUNTS, given.account_id)
    if row["role"] != Role.REVIEWER:
        raise Refused("not_a_reviewer")
    described = given.model_dump(mode="json", include={"constituency", "expertise"})
    act.object_id, act.reason = row["id"], given.reason
    act.old.append([ACCOUNTS.name, row["id"], {name: row[name] for name in described}])
    act.update(ACCOUNTS, row["id"], **described)
    return Made(id=row["id"])


class Issued(Done):
    """The token's id and its secret: told once, never kept, so a repeated request gets None."""

    id: str
    secret: str | None = None


@act()
def issue_token(act: Act, given: TokenFields) -> Issued:
    """A bearer token of the actor's own account; never wider than what the actor holds now."""
    wider = {scope.value for scope in given.scopes if not covers(act.actor.scopes, scope)}
    if wider:
        raise NotPermitted("scope_too_wide", scopes=sorted(wider))
    token, secret = act.id("tk"), f"es_{new_secret()}"
    act.insert(TOKENS, {"id": token, "hash": hash_secret(secret), "account_id": act.actor.id, "name": given.name,
                        "scopes": [scope.value for scope in given.scopes],
                        "expires_at": act.now + timedelta(days=given.days)})
    return Issued(id=token, secret=secret)


class RevokeGiven(Fields):
    """Which token ends, and why."""

    token_id: Short
    reason: Long | None = None


@act()
def revoke_token(act: Act, given: RevokeGiven) -> Made:
    """End one of one's own tokens; an administrator ends anyone's."""
    token = act.row(TOKENS, given.token_id)
    if token["account_id"] != act.actor.id and act.actor.role is not Role.ADMINISTRATOR:
        raise NotFound
    if token["revoked_at"] is None:
        act.update(TOKENS, token["id"], revoked_at=act.now)
    return Made(id=token["id"])

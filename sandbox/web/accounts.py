"""Pages about people and bodies: accounts and invitations, organisations and their names, my settings, my keys."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, flash, g, redirect, render_template, request, url_for
from flask_login import current_user
from pydantic import BaseModel, ValidationError

from sandbox.acts.accounts import FIRST_REGULATORS, INVITATION_DAYS
from sandbox.acts.proposals import DECIDE_WITHIN
from sandbox.acts.refusals import Invalid, NotFound, NotPermitted
from sandbox.reads import accounts as read
from sandbox.reads.pages import Page
from sandbox.rules.access import SYSTEM_ACTOR, Role, Scope
from sandbox.store.accounts import Expertise, InvitationFields, TokenFields
from sandbox.store.faults import errors_of, word_of
from sandbox.store.organisations import AliasFields, OrganisationFields, OrganisationKind
from sandbox.web.codec import choice, field_dicts, from_form, placed
from sandbox.web.guard import page
from sandbox.web.reader import LANGUAGES, actor, choose, program, said, t
from sandbox.words import LOCALES, has_word

pages = Blueprint("accounts", __name__)
KEEPERS = (Role.ADMINISTRATOR, Role.REGULATOR)
INVITED_BY = {Role.ADMINISTRATOR: tuple(role for role in Role if role is not Role.SYSTEM),
              Role.REGULATOR: (Role.REVIEWER, Role.FIRM, Role.DEPARTMENT)}
TOKEN_DAYS = 90


def enter(app: Flask) -> None:
    """Every route of this file is guarded."""
    app.register_blueprint(pages)


def beside_fields(error: ValidationError | Invalid) -> dict[str, list[str]]:
    """A refusal of what was typed, as sentences by the form's own names."""
    if isinstance(error, Invalid):
        return placed([(path, said(why)) for path, why in error.errors])
    return placed([(tuple(one["loc"]), said(word_of(one))) for one in errors_of(error)])


def tried(act: str, given: Mapping[str, Any], on: str | None = None) -> tuple[Any, dict[str, list[str]]]:
    """What an act of the signed-in person answered, or what stands against each field."""
    try:
        return program().acts.do(act, actor(), given, on=on), {}
    except (ValidationError, Invalid) as error:
        return None, beside_fields(error)


def typed(model: type[BaseModel]) -> dict[str, Any]:
    """The form's data for this class."""
    return from_form(model, request.form, program().settings.zone)


def fields_of(model: type[BaseModel], where: str) -> list[dict[str, Any]]:
    """The class's fields for the form macro, with the labels and hints that this page has of its own."""
    fields = field_dicts(model, said)
    for field in fields:
        for part, kind in (("label", "field"), ("help", "help")):
            if has_word(key := f"page.{where}.{kind}_{field['name']}", "en"):
                field[part] = t(key)
    return fields


def labels(kinds: type[StrEnum]) -> dict[str, str]:
    """What each value is called."""
    return {item.value: said(choice(item)) for item in kinds}


def wanted(name: str) -> str | None:
    """One filter of the address; blank is none."""
    return request.args.get(name, "").strip() or None


def onward(found: Page[Any]) -> str | None:
    """The address of the next slice, filters kept."""
    kept = {name: value for name, value in request.args.items() if name != "cursor" and value}
    return f"{request.path}?{urlencode({**kept, 'cursor': found.next})}" if found.next else None


# Accounts and invitations


@page(pages, "/accounts", roles=KEEPERS)
def accounts() -> Any:
    """Who has an account, who is invited; for administrators first what is still missing."""
    q, role, active = wanted("q"), wanted("role"), {"1": True, "0": False}.get(wanted("active") or "")
    with program().reading() as connection:
        found = read.accounts(connection, actor(), request.args.get("cursor"), q=q, role=role, active=active)
        invited = read.invitations(connection, actor(), program().clock())
        regulators = read.regulators(connection, program().clock())
    missing = FIRST_REGULATORS - regulators if actor().role is Role.ADMINISTRATOR else 0
    return render_template("accounts.html", found=found, invited=invited, missing=max(0, missing),
                           next_url=onward(found), roles=[role for role in Role if role is not Role.SYSTEM],
                           filtered=bool(q or role or active is not None), knowledge={
                               one["id"]: [choice(Expertise(each)) for each in one["expertise"]]
                               or t("page.accounts.knows_nothing") for one in found.items})


@page(pages, "/accounts/invite", act="invite", methods=("GET", "POST"))
def invite() -> Any:
    """Invite a person: an administrator sees the link once, since mail may not be configured; a third regulator
    waits."""
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        given = typed(InvitationFields)
        done, errors = tried("invite", given)
        if done and done.decision:
            return render_template("waits.html", decision=done.decision, given=given, days=DECIDE_WITHIN), 202
        if done:
            link = program().settings.public_url + url_for("accept_invitation", secret=done.secret) if done.secret \
                else None
            return render_template("invited.html", link=link, given=given, days=INVITATION_DAYS)
    return render_template("invite.html", fields=invitation_fields(), errors=errors,
                           values=request.form or {"role": wanted("role") or ""}, days=INVITATION_DAYS)


def invitation_fields() -> list[dict[str, Any]]:
    """The invitation's fields, with bodies to choose from and the roles that this person may invite."""
    fields = {field["name"]: field for field in fields_of(InvitationFields, "invite")}
    allowed = {role.value for role in INVITED_BY[actor().role]}
    fields["email"] |= {"kind": "email", "autocomplete": "off"}
    fields["role"]["choices"] = [one for one in fields["role"]["choices"] if one["value"] in allowed]
    fields["organisation_id"] |= {"kind": "choice", "choices": [
        {"value": body["id"], "label": body["name"]} for body in every_organisation()]}
    return list(fields.values())


def every_organisation() -> list[dict[str, Any]]:
    """All bodies the reader sees, by name."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    with program().reading() as connection:
        while True:
            slice_ = read.organisations(connection, actor(), cursor, limit=200)
            found += slice_.items
            cursor = slice_.next
            if cursor is None:
                return sorted(found, key=lambda body: body["name"])


@page(pages, "/accounts/<account_id>", roles=(Role.ADMINISTRATOR,))
def account(account_id: str) -> Any:
    """One account, and the switch that ends its access."""
    return render_template("account.html", shown=one_account(account_id))


def one_account(account_id: str) -> dict[str, Any]:
    """The account, for an administrator. Raises NotFound."""
    with program().reading() as connection:
        found = read.account(connection, account_id=account_id)
    if found is None:
        raise NotFound
    return found


@page(pages, "/accounts/<account_id>/access", act="change_account", methods=("POST",))
def access(account_id: str) -> Any:
    """Disable or enable; an administrator's own stays, or nobody could enable it again."""
    if account_id == actor().id:
        raise NotPermitted("own_account")
    one_account(account_id)
    active = request.form.get("active") == "1"
    program().acts.do("change_account", actor(), {"account_id": account_id, "active": active}, on=account_id)
    flash(t("page.account.enabled" if active else "page.account.disabled"), "good")
    return redirect(url_for("accounts.account", account_id=account_id))


# Organisations


@page(pages, "/organisations", roles=KEEPERS)
def organisations() -> Any:
    """The bodies, with the other names they go by."""
    q, kind = wanted("q"), wanted("kind")
    with program().reading() as connection:
        found = read.organisations(connection, actor(), request.args.get("cursor"), q=q, kind=kind)
        names = read.aliases(connection, [body["id"] for body in found.items])
    return render_template("organisations.html", found=found, names=names, kinds=labels(OrganisationKind),
                           next_url=onward(found), filtered=bool(q or kind))


@page(pages, "/organisations/new", act="register_organisation", methods=("GET", "POST"))
def new_organisation() -> Any:
    """Register a body."""
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        done, errors = tried("register_organisation", typed(OrganisationFields))
        if done:
            flash(t("page.organisation.registered"), "good")
            return redirect(url_for("accounts.organisation", organisation_id=done.id))
    return render_template("organisation_new.html", fields=fields_of(OrganisationFields, "organisation"), errors=errors)


@page(pages, "/organisations/<organisation_id>", act="join_alias", methods=("GET", "POST"))
def organisation(organisation_id: str) -> Any:
    """One body and its other names; join another."""
    errors: dict[str, list[str]] = {}
    with program().reading() as connection:
        body = read.organisation(connection, organisation_id)
    if body is None:
        raise NotFound
    if request.method == "POST":
        done, errors = tried("join_alias", {**typed(AliasFields), "organisation_id": organisation_id})
        if done:
            flash(t("page.organisation.joined"), "good")
            return redirect(url_for("accounts.organisation", organisation_id=organisation_id))
    with program().reading() as connection:
        names = read.aliases(connection, [organisation_id]).get(organisation_id, [])
    return render_template("organisation.html", body=body, kind=labels(OrganisationKind)[body["kind"]], names=names,
                           errors=errors)


# My settings and keys


@page(pages, "/settings")
def settings() -> Any:
    """Language, password, codes, keys."""
    user = current_user if g.get("account") else None
    return render_template("settings.html", codes_on=bool(user and user.tf_totp_secret),
                           left=len(user.mf_recovery_codes) if user else 0,
                           spoken=[{"value": code, "label": LANGUAGES[code]} for code in LOCALES])


@page(pages, "/settings/language", methods=("POST",))
def language() -> Any:
    """The language of the account: for pages from now on, and for every notice."""
    chosen = request.form.get("locale")
    if chosen in LOCALES:
        program().acts.do("change_account", SYSTEM_ACTOR, {"account_id": actor().id, "locale": chosen}, on=actor().id)
        choose(chosen)
        flash(t("page.settings.language_kept"), "good")
    return redirect(url_for("accounts.settings"))


@page(pages, "/settings/tokens", act="issue_token", methods=("GET", "POST"))
def tokens() -> Any:
    """My keys for machines; a new one's secret is in this answer and nowhere else."""
    errors: dict[str, list[str]] = {}
    issued = None
    if request.method == "POST":
        issued, errors = tried("issue_token", typed(TokenFields))
    with program().reading() as connection:
        mine = read.tokens(connection, actor())
    return render_template("tokens.html", mine=mine, issued=issued, errors=errors, now=program().clock(),
                           rights=labels(Scope), fields=fields_of(TokenFields, "tokens"),
                           values=form_values() if errors else {"days": TOKEN_DAYS, "scopes": ["read"]})


def form_values() -> dict[str, Any]:
    """What was typed, for a form shown again."""
    return {**request.form.to_dict(), "scopes": request.form.getlist("scopes")}


@page(pages, "/settings/tokens/<token_id>/revoke", act="revoke_token", methods=("POST",))
def revoke(token_id: str) -> Any:
    """End one of my keys at once."""
    program().acts.do("revoke_token", actor(), {"token_id": token_id})
    flash(t("page.tokens.revoked"), "good")
    return redirect(url_for("accounts.tokens"))

"""How a person comes in for the first time: by the link for the first administrator, or by an invitation."""

from typing import Any

from flask import Flask, current_app, flash, redirect, render_template, request, url_for
from flask_security import login_user
from pydantic import ValidationError

from sandbox.acts.accounts import INVITATION_DAYS, FirstGiven
from sandbox.acts.refusals import Invalid, NotFound
from sandbox.jobs.setup import opens_setup, setup_secret
from sandbox.reads.accounts import invitation, organisation
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.passwords import SHORTEST, hash_password
from sandbox.web.accounts import beside_fields
from sandbox.web.codec import from_form
from sandbox.web.passwords import weaknesses
from sandbox.web.reader import program, said, t


def enter(app: Flask) -> None:
    """Both links; they need no account, only their secret."""
    app.add_url_rule("/setup/<secret>", "setup", setup, methods=["GET", "POST"])
    app.add_url_rule("/invitation/<secret>", "accept_invitation", accept_invitation, methods=["GET", "POST"])


def setup(secret: str) -> Any:
    """Make the first administrator; the link ends with the first account."""
    if not opens_setup(program(), secret):
        raise NotFound
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        given = {name: value for name, value in from_form(FirstGiven, request.form, program().settings.zone).items()
                 if name != "password"}
        found = refused_first(given) | new_password_errors(request.form.get("email", ""))
        errors = {field["name"]: found[field["name"]] for field in first_fields() if field["name"] in found}
        if not errors:
            made = program().acts.do("make_first_administrator", SYSTEM_ACTOR,
                                     {**given, "password": hash_password(request.form["password"])})
            setup_secret(program())
            return let_in(made.id, "page.setup.done", url_for("accounts.accounts"))
    return render_template("setup.html", fields=first_fields(), values=request.form, errors=errors)


def refused_first(given: dict[str, Any]) -> dict[str, list[str]]:
    """What the given would be refused for, before a password is hashed for it."""
    try:
        FirstGiven.model_validate({**given, "password": "-"})
    except ValidationError as error:
        return beside_fields(error)
    return {}


def first_fields() -> list[dict[str, Any]]:
    """Who sets the sandbox up."""
    rows = (("authority", "text", "organization"), ("name", "text", "name"), ("email", "email", "username"))
    return [{"name": name, "label": t(f"page.setup.{name}"), "kind": kind, "required": True, "autocomplete": fill}
            for name, kind, fill in rows] + password_fields()


def password_fields() -> list[dict[str, Any]]:
    """A new password, twice."""
    return [{"name": "password", "label": t("page.password.new"), "kind": "password", "required": True,
             "autocomplete": "new-password", "help": t("page.password.rule", n=SHORTEST)},
            {"name": "password_again", "label": t("page.password.again"), "kind": "password", "required": True,
             "autocomplete": "new-password"}]


def new_password_errors(email: str) -> dict[str, list[str]]:
    """What speaks against the password of the form, beside its fields."""
    password, again = request.form.get("password", ""), request.form.get("password_again", "")
    if not password:
        return {"password": [t("error.missing")]}
    weak = [said(one) for one in weaknesses(password, email)]
    differs = [t("error.password_differs")] if password != again else []
    return {name: found for name, found in (("password", weak), ("password_again", differs)) if found}


def accept_invitation(secret: str) -> Any:
    """Choose a password and come in. A link that is used, expired or unknown says the same."""
    now = program().clock()
    with program().reading() as connection:
        open_one = invitation(connection, secret, now)
        body = organisation(connection, open_one["organisation_id"]) if open_one else None
    if open_one is None:
        return render_template("accept_invitation.html", invited=None, days=INVITATION_DAYS), 404
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        errors = new_password_errors(open_one["email"])
        try:
            if not errors:
                made = program().acts.do("accept_invitation", SYSTEM_ACTOR, {
                    "secret": secret, "password": hash_password(request.form["password"])})
                return let_in(made.id, "page.invitation.done", "/")
        except Invalid as error:
            errors = {"": sum(beside_fields(error).values(), [])}
    return render_template("accept_invitation.html", invited=open_one, body=body, fields=password_fields(),
                           errors=errors)


def let_in(account_id: str, message: str, where: str) -> Any:
    """Sign the new account in and say so."""
    login_user(current_app.extensions["security"].datastore.find_user(id=account_id), authn_via=["register"])
    flash(t(message), "good")
    return redirect(where)

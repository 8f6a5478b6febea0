"""Codes from an authenticator: setting them up, turning them off, and the paper codes for when the device is lost."""

from typing import Any

from flask import current_app, flash, g, redirect, render_template, request, session, url_for
from flask_login import current_user

from sandbox.web.reader import t
from sandbox.web.users import METHOD, User

NEW = "totp_new"
"""The session's key of a secret that no code has confirmed yet; it is sealed."""
STEP_S = 30
"""A code of the step before and of the one after is taken too: clocks differ."""


def set_up() -> Any:
    """Show the secret; a code made from it turns it on. The recovery codes are shown once, in the answer."""
    security, user = current_app.extensions["security"], me()
    secret = session.setdefault(NEW, security.totp_factory.generate_totp_secret())
    errors = {}
    if request.method == "POST":
        typed = request.form.get("code", "").replace(" ", "")
        if security.totp_factory.verify_totp(typed, secret, user, window=STEP_S):
            user.tf_primary_method, user.tf_totp_secret = METHOD, session.pop(NEW)
            return shown_once(security.mf_recovery_codes_util.create_recovery_codes(user))
        errors = {"code": [t("error.code_wrong" if typed else "error.missing")]}
    return render_template("totp_setup.html", errors=errors, on=bool(user.tf_totp_secret),
                           shown=security.totp_factory.fetch_setup_values(secret, user))


def turn_off() -> Any:
    """Sign in with the password alone from now on."""
    user = me()
    user.mf_recovery_codes, user.last_counter = [], None
    current_app.extensions["security"].datastore.tf_reset(user)
    flash(t("page.totp.is_off"), "good")
    return redirect(url_for("accounts.settings"))


def renew_recovery_codes() -> Any:
    """New paper codes; the old ones end."""
    user = me()
    if not user.tf_totp_secret:
        return redirect(url_for("security.totp"))
    return shown_once(current_app.extensions["security"].mf_recovery_codes_util.create_recovery_codes(user))


def shown_once(codes: list[str]) -> str:
    """The page with the paper codes."""
    return render_template("recovery_codes.html", codes=codes)


def me() -> User:
    """The signed-in account's credentials, read anew: two tabs may be open."""
    user: User = current_app.extensions["security"].datastore.find_user(id=g.account["id"])
    assert user == current_user
    return user

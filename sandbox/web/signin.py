"""The door for people: sign-in with password and code, sign-out, and what belongs to an account's security.

Forms, hashing and codes are Flask-Security's; where it keeps things, what it says and how it looks is ours. Who signs
in wrongly learns nothing from the answer or its timing, and after some failures waits; nobody is ever locked out.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, flash, g, make_response, request, session
from flask_login import current_user, user_logged_in
from flask_security import LoginForm, Security, auth_required, views
from flask_security.forms import RequiredLocalize, TwoFactorRescueForm, TwoFactorVerifyCodeForm
from flask_security.recovery_codes import MfRecoveryForm, mf_recovery
from flask_security.utils import validate_redirect_url
from flask_wtf.csrf import generate_csrf
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import Forbidden, TooManyRequests
from wtforms import Field, RadioField, StringField

from sandbox.jobs.program import Program
from sandbox.reads.accounts import actor_of
from sandbox.store.passwords import LANES, MEMORY_KIB, ROUNDS, SHORTEST
from sandbox.web import accounts, arrival, totp
from sandbox.web.frame import framed
from sandbox.web.guard import guard
from sandbox.web.passwords import NewPasswords
from sandbox.web.reader import program, said, t
from sandbox.web.sessions import LIGHT, Sessions
from sandbox.web.users import METHOD, Accounts, Addresses, Codes, User
from sandbox.words import LOCALES, has_word, word

PUBLIC = frozenset(("signin", "signout", "security.login", "security.two_factor_token_validation",
                    "security.two_factor_rescue"))
FRESH_MINUTES = 15
"""After this long the password is asked for again before codes are set up or renewed."""
RECOVERY_CODES = 8
SAFE = ("GET", "HEAD", "OPTIONS")
SHOWN = ("id", "name", "email", "organisation", "role", "constituency", "locale")
"""What pages know of the signed-in account: nothing that opens a door."""
WINDOW_MINUTES = 5
"""Over which failures of one account are counted."""


def enter(app: Flask) -> None:
    """Sessions, sign-in and the pages about accounts."""
    running: Program = app.extensions["sandbox"]
    app.session_interface = Sessions(running)
    app.config.update(library_settings(running))
    codes: Any = partial(Codes, clock=running.clock)
    security: Any = Security(app, Accounts(running), register_blueprint=False, mail_util_cls=Addresses,
                             password_util_cls=NewPasswords, totp_cls=codes, login_form=SignIn,
                             two_factor_verify_code_form=CodeForm, two_factor_rescue_form=NoRescue,
                             mf_recovery_form=RecoveryForm)
    of_people(app)
    security.i18n_domain = OurWords()
    security.want_json(lambda _request: False)
    app.login_manager._request_callback = None  # type: ignore[attr-defined]  # its own kind of token, never issued
    user_logged_in.connect(begin, app)
    app.before_request(same_site)
    app.before_request(note_who)
    app.context_processor(framed)
    enter_routes(app, Brakes(running.settings.sign_in_rate, running.settings.sign_in_failures))
    arrival.enter(app)
    accounts.enter(app)


def of_people(app: Flask) -> None:
    """The library's own look at who is there, on every request, is spared those that bear a token: guards know them."""
    hooks = app.before_request_funcs[None]
    (place,) = (at for at, hook in enumerate(hooks) if getattr(hook, "__name__", "") == "_on_before_request")
    identify: Any = hooks[place]

    def of_people_alone() -> Any:
        return None if "Authorization" in request.headers else identify()

    hooks[place] = of_people_alone


# What the library is told


MESSAGES = {
    "GENERIC_AUTHN_FAILED": ("page.signin.failed", "error"), "USER_DOES_NOT_EXIST": ("page.signin.failed", "error"),
    "DISABLED_ACCOUNT": ("page.signin.failed", "error"), "INVALID_EMAIL_ADDRESS": ("page.signin.failed", "error"),
    "EMAIL_NOT_PROVIDED": ("error.missing", "error"), "PASSWORD_NOT_PROVIDED": ("error.missing", "error"),
    "CODE_NOT_PROVIDED": ("error.missing", "error"), "API_ERROR": ("error.string_type", "error"),
    "INVALID_PASSWORD": ("error.password_wrong", "error"),
    "RETYPE_PASSWORD_MISMATCH": ("error.password_differs", "error"),
    "PASSWORD_IS_THE_SAME": ("error.password_same", "error"),
    "TWO_FACTOR_INVALID_TOKEN": ("error.code_wrong", "error"), "INVALID_RECOVERY_CODE": ("error.code_wrong", "error"),
    "PASSWORD_CHANGE": ("page.settings.password_changed", "good"),
    "TWO_FACTOR_LOGIN_SUCCESSFUL": ("page.signin.code_taken", "good"),
    "TWO_FACTOR_PERMISSION_DENIED": ("page.signin.start_again", "info"),
    "UNAUTHENTICATED": ("page.signin.start_again", "info"),
    "REAUTHENTICATION_REQUIRED": ("page.verify.needed", "info"),
    "REAUTHENTICATION_SUCCESSFUL": ("page.verify.done", "good"),
}
"""The library's messages as words of ours. One that is not here says nothing."""
TEMPLATES = {"LOGIN_USER_TEMPLATE": "signin.html", "TWO_FACTOR_VERIFY_CODE_TEMPLATE": "totp_code.html",
             "MULTI_FACTOR_RECOVERY_TEMPLATE": "totp_recovery.html", "VERIFY_TEMPLATE": "verify.html",
             "CHANGE_PASSWORD_TEMPLATE": "change_password.html"}


def library_settings(running: Program) -> dict[str, Any]:
    """Flask-Security's configuration: keys derived from our secret, its mails and cookies off. Flask-WTF would want a
    referrer, which our pages never send: `same_site` stands in for it."""
    def derived(purpose: str) -> bytes:
        return hmac.digest(running.settings.secret_key.encode(), purpose.encode(), "sha256")

    return {f"SECURITY_{name}": value for name, value in {
        **{f"MSG_{name}": value for name, value in MESSAGES.items()}, **TEMPLATES,
        "PASSWORD_HASH": "argon2", "PASSWORD_SCHEMES": ["argon2", "unix_disabled"], "PASSWORD_SINGLE_HASH": {"argon2"},
        "PASSWORD_HASH_PASSLIB_OPTIONS": {"argon2__memory_cost": MEMORY_KIB, "argon2__rounds": ROUNDS,
                                          "argon2__parallelism": LANES},
        "PASSWORD_LENGTH_MIN": SHORTEST, "RETURN_GENERIC_RESPONSES": True, "API_ENABLED_METHODS": ["session"],
        "CLI_USERS_NAME": None, "CLI_ROLES_NAME": None, "CACHE_CONTROL": None,
        "FRESHNESS": timedelta(minutes=FRESH_MINUTES), "FRESHNESS_GRACE_PERIOD": timedelta(minutes=FRESH_MINUTES),
        "TWO_FACTOR": True, "TWO_FACTOR_ENABLED_METHODS": [METHOD], "TWO_FACTOR_RESCUE_EMAIL": False,
        "TWO_FACTOR_IMPLEMENTATIONS": {"code": "flask_security.twofactor.CodeTfPlugin"},
        "TWO_FACTOR_AUTHENTICATOR_VALIDITY": totp.STEP_S, "TWO_FACTOR_ERROR_VIEW": "/login",
        "TOTP_SECRETS": {"1": derived("totp").hex()}, "TOTP_ISSUER": "Ethics Sandbox",
        "MULTI_FACTOR_RECOVERY_CODES_N": RECOVERY_CODES,
        "MULTI_FACTOR_RECOVERY_CODES_KEYS": [urlsafe_b64encode(derived("recovery"))],
        "POST_LOGIN_VIEW": "/", "POST_LOGOUT_VIEW": "/login", "POST_CHANGE_VIEW": "/settings",
        "POST_VERIFY_VIEW": "/settings", "SEND_PASSWORD_CHANGE_EMAIL": False,
    }.items()} | {"SESSION_PROTECTION": None, "WTF_CSRF_SSL_STRICT": False}


class OurWords:
    """In place of the library's catalogue: its texts are keys of ours; its own texts are never said."""

    def gettext(self, text: str, **values: Any) -> str:
        """The word of that key, or nothing."""
        return said(word(text, **values)) if has_word(text, "en") else ""

    def ngettext(self, one: str, many: str, n: int, **values: Any) -> str:
        return self.gettext(one, n=n, **values)

    def format_list(self, texts: list[str]) -> str:
        return ", ".join(texts)


class SignIn(LoginForm):
    """Address and password. No "remember me": a session ends after half an hour unused, twelve in all."""

    remember = None

    def validate_next(self, field: Field) -> None:
        """A wish that leads elsewhere is dropped; the library looks at it once more when it redirects."""
        if not validate_redirect_url(field.data or ""):
            field.data = ""


class CodeForm(TwoFactorVerifyCodeForm):
    """The code of the moment."""

    code = StringField(validators=[RequiredLocalize(message="CODE_NOT_PROVIDED")])


class NoRescue(TwoFactorRescueForm):
    """The paper codes are the one way round a lost device; the library's own ways need mail."""

    help_setup = RadioField(choices=[])


class RecoveryForm(MfRecoveryForm):
    """A code from the paper."""

    code = StringField(validators=[RequiredLocalize(message="CODE_NOT_PROVIDED")],
                       filters=[lambda text: text and text.strip().lower()])


# Every request


def note_who() -> None:
    """Who is signed in, for guards and pages. On API paths a cookie may only read: they have no form token."""
    g.signed_in, g.account = None, None
    if "Authorization" in request.headers:
        return
    user = current_user._get_current_object()
    if isinstance(user, User) and (request.method in SAFE or request.blueprint != "api"):
        know(user)


def know(user: User) -> None:
    """This account is signed in: as an actor for guards, as a person for pages."""
    g.signed_in, g.account = actor_of(user.account), {name: user.account[name] for name in SHOWN}


def same_site() -> None:
    """A form that another site sends is refused before its token is looked at. Browsers say where a request began;
    `Origin` is "null" on our own forms, since pages send no referrer."""
    if request.method in SAFE or "Authorization" in request.headers:
        return
    origin = request.headers.get("Origin", "null")
    ours = {urlsplit(request.host_url)[:2], urlsplit(program().settings.public_url)[:2]}
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") or (
            origin != "null" and urlsplit(origin)[:2] not in ours):
        raise Forbidden


def begin(_app: Flask, user: User) -> None:
    """At every sign-in: a new secret, a new form token, nothing of the visitor kept but the language."""
    chosen = session.get("locale") or user.account["locale"]
    for name in [name for name in session if name in LIGHT or name == totp.NEW]:
        session.pop(name)
    if chosen in LOCALES:
        session["locale"] = chosen
    g.pop("csrf_token", None)
    generate_csrf()
    kept: Any = session
    kept.renew, kept.account = True, user.account
    know(user)


class Brakes:
    """Failures are counted, successes are not: per address, and per account (for a password: together with the address,
    so that a stranger elsewhere cannot keep a regulator out). Counted in this process."""

    def __init__(self, per_minute: int, failures: int) -> None:
        self.windows = MovingWindowRateLimiter(MemoryStorage())
        self.address = RateLimitItemPerMinute(per_minute)
        self.account = RateLimitItemPerMinute(failures, WINDOW_MINUTES)

    def on(self, view: Callable[..., Any], who: Callable[[], str]) -> Callable[..., Any]:
        """The view behind the brakes; a form shown again is a failure."""
        @wraps(view)
        def braked(**values: Any) -> Response:
            pairs = ((self.address, str(request.remote_addr)), (self.account, who()))
            if request.method == "POST" and not all(self.windows.test(*pair) for pair in pairs):
                raise TooManyRequests(retry_after=WINDOW_MINUTES * 60)
            response = make_response(view(**values))
            if request.method == "POST" and response.status_code == 200:
                for pair in pairs:
                    self.windows.hit(*pair)
            return response

        return braked


# Routes


def enter_routes(app: Flask, brakes: Brakes) -> None:
    """The library's views that are used, under paths of ours, and the few of our own."""
    blueprint = Blueprint("security", __name__)
    login = brakes.on(views.login, lambda: f"{request.remote_addr} {request.form.get('email', '').strip().lower()}")
    for path, name, view in (
            ("/login", "login", login),
            ("/login/code", "two_factor_token_validation", brakes.on(views.two_factor_token_validation, second)),
            ("/login/recovery", "two_factor_rescue", brakes.on(mf_recovery, second)),
            ("/settings/verify", "verify", guard(brakes.on(views.verify, signed_in), pages=True)),
            ("/settings/password", "change_password", guard(brakes.on(views.change_password, signed_in), pages=True)),
            ("/settings/totp", "totp", guard(fresh(totp.set_up), pages=True))):
        blueprint.add_url_rule(path, name, view, methods=["GET", "POST"])
    for path, name, view in (("/settings/totp/off", "totp_off", totp.turn_off),
                             ("/settings/totp/recovery", "recovery", totp.renew_recovery_codes)):
        blueprint.add_url_rule(path, name, guard(fresh(view), pages=True), methods=["POST"])
    app.add_url_rule("/login", "signin", login, methods=["GET", "POST"])
    app.add_url_rule("/logout", "signout", signout, methods=["POST"])
    app.extensions["csrf"].exempt(signout)
    app.register_blueprint(blueprint)


def fresh(view: Callable[..., Any]) -> Callable[..., Any]:
    """Ask for the password again when it was given longer ago."""
    return cast(Callable[..., Any], auth_required("session", within=FRESH_MINUTES, grace=FRESH_MINUTES)(view))


def second() -> str:
    """Whose second step it is."""
    return f"code {session.get('tf_user_id')}"


def signed_in() -> str:
    return f"own {g.signed_in.id}" if g.signed_in else ""


def signout() -> Any:
    """End the session. Its form token is asked for only while there is a session to end."""
    if g.signed_in:
        current_app.extensions["csrf"].protect()
        flash(t("page.signin.signed_out"), "good")
    return views.logout()

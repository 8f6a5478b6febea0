"""The front of the house: one Flask app out of a running program, with its rooms, headers, languages and errors."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from flask_bootstrap import Bootstrap5
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from werkzeug.datastructures import Headers
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Rule

from sandbox.jobs.batches import Intake
from sandbox.jobs.program import Program
from sandbox.jobs.uploads import Uploads
from sandbox.web import api, feeds, health, live, messages, pages, public, signin, wellknown
from sandbox.web.guard import PUBLIC
from sandbox.web.problems import handle_problems
from sandbox.web.reader import LANGUAGES, choose, languages, locale, said, t, titled
from sandbox.words import show

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
MOST_BYTES = 24 * 1024 * 1024
ROOMS = (signin, pages, messages, feeds, api, health, live, public, wellknown)
"""Each has `enter(app)`, which registers its routes."""
CONTENT = ("default-src 'none'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
           "script-src 'nonce-{}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
ALWAYS = Headers([
    ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("X-Frame-Options", "DENY"),
    ("Cross-Origin-Opener-Policy", "same-origin"), ("Cross-Origin-Resource-Policy", "same-origin")])
PRIVATE = Headers([*ALWAYS, ("Cache-Control", "no-store"), ("Vary", "Accept-Language, Cookie, Authorization")])
BUILDERS: dict[tuple[Any, ...], Callable[..., tuple[str, str]]] = {}
"""How the address of a route is built, by the route."""
HTML_LANG = {"zh_Hans": "zh-Hans", "zh_Hant": "zh-Hant", "en": "en"}


class LateRule(Rule):
    """A route whose builders of addresses are compiled when one is first built: to compile all six hundred, of which
    most are never used, was most of what it took to make the application."""

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled, key = super()._compile_builder, (self.rule, append_unknown, *sorted((self.defaults or {}).items()))

        def build(rule: Rule, /, **values: Any) -> tuple[str, str]:
            if key not in BUILDERS:
                BUILDERS[key] = compiled(append_unknown)
            return BUILDERS[key](rule, **values)

        return build


class Front(Flask):
    """Flask for views that are plain functions, as all here are: it need not look at each of them for a coroutine."""

    url_rule_class = LateRule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        return func


def make_app(program: Program) -> Flask:
    """The web application of a program. Raises LookupError for a route that nobody guards."""
    app = Front("sandbox.web", template_folder=str(TEMPLATES), static_folder=str(Path(__file__).parent / "static"))
    app.config.update(configuration(program))
    intake = Intake(program)
    app.extensions.update(sandbox=program, intake=intake, uploads=Uploads(program, intake))
    if program.settings.base_url:  # a proxy stands before: the address it was asked from counts, not its own
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)  # type: ignore[method-assign]
    Bootstrap5(app)
    csrf = CSRFProtect(app)
    app.before_request(choose_language)
    app.after_request(headers)
    words_in_templates(app, program)
    handle_problems(app)
    for room in ROOMS:
        room.enter(app)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]  # after the sign-in, which brings a provider of its own
    csrf.exempt(app.blueprints["api"])
    check_guards(app)
    return app


def configuration(program: Program) -> dict[str, Any]:
    """Flask's settings out of ours. The cookie has the __Host- prefix wherever the address is https."""
    https = program.settings.public_url.startswith("https")
    return {
        "SECRET_KEY": program.settings.secret_key, "MAX_CONTENT_LENGTH": MOST_BYTES,
        "MAX_FORM_MEMORY_SIZE": 2 * 1024 * 1024, "SESSION_COOKIE_NAME": "__Host-sandbox" if https else "sandbox",
        "SESSION_COOKIE_SECURE": https, "SESSION_COOKIE_HTTPONLY": True, "SESSION_COOKIE_SAMESITE": "Lax",
        "BOOTSTRAP_SERVE_LOCAL": True, "WTF_CSRF_TIME_LIMIT": None,
        "TESTING": program.settings.testing,
    }


def choose_language() -> None:
    """`?lang=` chooses; the choice stays with the session."""
    if request.query_string and (chosen := request.args.get("lang")) in LANGUAGES:
        choose(str(chosen))


def nonce() -> str:
    """What marks the scripts of this response as ours."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def headers(response: Response) -> Response:
    """On every response, errors included: no foreign content, no framing, no caching of what is not public. What the
    view said of these goes before."""
    given = Headers(ALWAYS if request.endpoint in ("static", "bootstrap.static") else PRIVATE)
    if request.is_secure:
        given["Strict-Transport-Security"] = "max-age=31536000"
    if "Content-Security-Policy" not in response.headers:
        given["Content-Security-Policy"] = CONTENT.format(nonce())
    for name in {name.lower() for name, _ in response.headers}:
        given.remove(name)
    given.extend(response.headers)
    response.headers = given
    return response


def words_in_templates(app: Flask, program: Program) -> None:
    """Words and dates for templates: `t(key, n=1)`, `say(word)`, `show(value)`, `titled(row)`."""
    def shown(value: Any) -> str:
        return "" if value is None else show(value, locale(), program.settings.zone)

    app.jinja_env.globals.update(t=t, say=said, show=shown, titled=titled, csrf_token=generate_csrf)
    app.context_processor(lambda: {
        "locale": locale(), "html_lang": HTML_LANG[locale()], "languages": languages(), "demo": program.settings.demo,
        "csp_nonce": nonce(),
        "testing_now": shown(program.clock()) if program.settings.testing else None,
    })


def check_guards(app: Flask) -> None:
    """Deny by default: a route without a guard that is not public on purpose does not start."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.endpoint not in PUBLIC | signin.PUBLIC and not hasattr(view, "guarded_by"):
            raise LookupError(f"the route {rule.rule} ({rule.endpoint}) has no guard")

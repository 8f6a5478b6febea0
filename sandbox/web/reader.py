"""Who reads and in which language: the actor of this request, the locale, and words said in it."""

from typing import Any, cast
from urllib.parse import urlencode

from flask import current_app, g, request, session

from sandbox.jobs.batches import Intake
from sandbox.jobs.program import Program
from sandbox.jobs.uploads import Uploads
from sandbox.reads.accounts import actor_by_token
from sandbox.rules.access import Actor
from sandbox.words import LOCALES, Word, say, word

LANGUAGES = {"zh_Hans": "简体中文", "zh_Hant": "繁體中文", "en": "English"}
ACCEPTED = {
    "zh-hant": "zh_Hant", "zh-tw": "zh_Hant", "zh-hk": "zh_Hant", "zh-mo": "zh_Hant",
    "zh": "zh_Hans", "zh-cn": "zh_Hans", "zh-sg": "zh_Hans", "zh-hans": "zh_Hans", "en": "en",
}
"""A closed table: the header of a browser is matched against these alone."""


def program() -> Program:
    """The running program."""
    return cast(Program, current_app.extensions["sandbox"])


def intake() -> Intake:
    """Where batches come in."""
    return cast(Intake, current_app.extensions["intake"])


def uploads() -> Uploads:
    """Where files of reports come in."""
    return cast(Uploads, current_app.extensions["uploads"])


def bearer() -> str | None:
    """The token of an Authorization header, if one is sent."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" and secret.strip() else None


def find_actor() -> Actor | None:
    """Who acts in this request: the bearer of a token, or the signed-in account (`signin` puts it into g)."""
    secret = bearer()
    if secret is None:
        return cast("Actor | None", g.get("signed_in"))
    with program().glancing() as connection:
        return actor_by_token(connection, secret, program().clock())


def actor() -> Actor:
    """The actor; only behind a guard that has made sure there is one."""
    return cast(Actor, g.actor)


def locale() -> str:
    """The reader's language: chosen, else of the account, else of the browser, else the city's. A page asks some
    hundred times."""
    if "locale" not in g:
        g.locale = _locale()
    return cast(str, g.locale)


def choose(chosen: str) -> None:
    """The reader's language from now on."""
    session["locale"] = chosen
    g.pop("locale", None)


def _locale() -> str:
    chosen = session.get("locale") if request.blueprint != "api" else None
    if chosen in LOCALES:
        return str(chosen)
    for tag in request.accept_languages.values():
        found = ACCEPTED.get(tag.lower()) or ACCEPTED.get(tag.lower().rsplit("-", 1)[0])
        if found:
            return found
    return program().settings.locale


def said(what: Word) -> str:
    """A word in the reader's language, times in the jurisdiction's zone."""
    return say(what, locale(), program().settings.zone)


def t(key: str, **values: Any) -> str:
    """A word by key, for templates."""
    return said(word(key, **values))


def languages() -> list[dict[str, Any]]:
    """The language switch: this page's address with `lang`."""
    args = request.args.to_dict(flat=False)
    return [{"code": code, "label": label, "current": code == locale(),
             "url": f"{request.path}?{urlencode({**args, 'lang': [code]}, doseq=True)}"}
            for code, label in LANGUAGES.items()]


def titled(row: Any, prefix: str = "title") -> str:
    """The title in the reader's script where the firm gave one, otherwise the first."""
    get = row.get if hasattr(row, "get") else lambda name: getattr(row, name, None)
    ending = {"zh_Hant": "_hant", "en": "_en"}.get(locale(), "")
    return str((ending and get(f"{prefix}{ending}")) or get(prefix) or "")

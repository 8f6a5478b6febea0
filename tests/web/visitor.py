"""A browser for tests: it sends the form token of the page it last saw, and knows how to sign in."""

import re
from html import unescape
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR, Actor
from sandbox.store.passwords import hash_password

PASSWORD = "four small grey stones"
HASHED = hash_password(PASSWORD)
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def give_password(program: Program, actor: Actor) -> str:
    """Let this member of the cast sign in; returns the mail address."""
    program.acts.do("change_account", SYSTEM_ACTOR, {"account_id": actor.id, "password": HASHED}, on=actor.id)
    with program.reading() as connection:
        return str(connection.exec_driver_sql("SELECT email FROM contacts WHERE account_id = ?",
                                              (actor.id,)).scalar_one())


class Visitor:
    """One browser with its cookies."""

    def __init__(self, app: Flask, address: str = "127.0.0.1") -> None:
        self.client = app.test_client()
        self.cookie_name = app.config["SESSION_COOKIE_NAME"]
        self.address = {"REMOTE_ADDR": address}
        self.token = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        return self._seen(self.client.get(path, environ_overrides=self.address, **more))

    def post(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """Send a form with the token of the last page."""
        return self._seen(self.client.post(path, data={"csrf_token": self.token, **(data or {})},
                                           environ_overrides=self.address, **more))

    def _seen(self, response: TestResponse) -> TestResponse:
        found = TOKEN.search(response.text)
        self.token = found.group(1) if found else self.token
        return response

    def sign_in(self, email: str, password: str = PASSWORD, to: str = "/login") -> TestResponse:
        self.get(to)
        return self.post(to, {"email": email, "password": password})

    @property
    def cookie(self) -> str:
        """The session cookie's value."""
        kept = self.client.get_cookie(self.cookie_name)
        return kept.value if kept else ""

    def signed_in(self) -> bool:
        """Whether a page that needs an account opens."""
        return self.client.get("/settings", environ_overrides=self.address).status_code == 200


def text_of(html: str) -> str:
    """What a page says, without its markup."""
    body = re.sub(r"<(script|style|svg|title).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()

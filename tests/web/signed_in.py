"""A city whose Lin has a password, and a browser of hers that is signed in."""


import re
from collections.abc import Callable
from typing import Any

import pytest
from cast import Cast
from flask import Flask
from passlib.totp import TOTP
from visitor import Visitor, give_password

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.web.front import make_app

NEW = "seven quiet winter rivers"


@pytest.fixture(name="app")
def application(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture(name="lin")
def lins_address(program: Program, cast: Cast) -> str:
    """Lin's mail address; Lin has a password."""
    return give_password(program, cast.lin)


@pytest.fixture(name="visitor")
def browser(app: Flask) -> Visitor:
    return Visitor(app)


@pytest.fixture(name="signed")
def signed_in_browser(visitor: Visitor, lin: str) -> Visitor:
    """Lin's browser, signed in."""
    assert visitor.sign_in(lin).status_code == 302
    return visitor


def code_at(key: str, clock: Callable[[], Any]) -> str:
    return str(TOTP(key.replace("-", ""), format="base32").generate(clock().timestamp()).token)


def turn_on(visitor: Visitor, clock: Shifted) -> tuple[str, list[str]]:
    """Set codes up in this browser; returns the key and the paper codes."""
    page = visitor.get("/settings/totp").text
    assert "data:image/svg+xml;base64," in page
    key = re.search(r'<samp class="secret">([^<]+)</samp>', page).group(1)  # type: ignore[union-attr]
    answer = visitor.post("/settings/totp", {"code": code_at(key, clock)})
    assert answer.status_code == 200
    return key, re.findall(r"<li><samp>([^<]+)</samp>", answer.text)


def change(visitor: Visitor, now: str, new: str, again: str | None = None) -> Any:
    visitor.get("/settings/password")
    return visitor.post("/settings/password", {"password": now, "new_password": new,
                                               "new_password_confirm": new if again is None else again})

"""Codes beside the password, and a new password: what each opens, what each ends."""

import re
import time
from datetime import timedelta

import pytest
from cast import START, Cast
from flask import Flask
from signed_in import NEW, application, browser, change, code_at, lins_address, signed_in_browser, turn_on  # noqa: F401
from visitor import PASSWORD, Visitor, give_password

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program

# Codes


def test_with_codes_on_the_password_alone_opens_nothing(signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    key, _ = turn_on(signed, clock)
    other = Visitor(app)
    assert other.sign_in(lin).location.startswith("/login/code")
    assert not other.signed_in()
    clock.forward(START + timedelta(minutes=1))
    other.get("/login/code")
    assert other.post("/login/code", {"code": code_at(key, clock)}).status_code == 302
    assert other.signed_in()


def test_after_the_code_one_is_led_to_the_page_that_was_asked_for(
        signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    key, _ = turn_on(signed, clock)
    clock.forward(START + timedelta(minutes=1))
    other = Visitor(app)
    asked = other.sign_in(lin, to="/login?next=/settings/tokens").location
    other.get(asked)
    assert other.post(asked, {"code": code_at(key, clock)}).location == "/settings/tokens"


@pytest.mark.parametrize("code", ["000000", "", "abcdef", "１２３４５６", "9" * 400])
def test_a_wrong_code_is_told_beside_its_field(
        signed: Visitor, app: Flask, lin: str, clock: Shifted, code: str) -> None:
    turn_on(signed, clock)
    other = Visitor(app)
    other.sign_in(lin)
    other.get("/login/code")
    answer = other.post("/login/code", {"code": code})
    assert answer.status_code == 200 and 'id="f-code-e"' in answer.text
    assert not other.signed_in()


def test_a_code_is_taken_once(signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    key, _ = turn_on(signed, clock)
    clock.forward(START + timedelta(minutes=1))
    code = code_at(key, clock)
    outcomes = []
    for _ in range(2):
        other = Visitor(app)
        other.sign_in(lin)
        other.get("/login/code")
        outcomes.append(other.post("/login/code", {"code": code}).status_code)
    assert outcomes == [302, 200]


def test_a_paper_code_stands_in_once(signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    _, codes = turn_on(signed, clock)
    assert len(set(codes)) == 8
    outcomes = []
    for _ in range(2):
        other = Visitor(app)
        other.sign_in(lin)
        other.get("/login/recovery")
        outcomes.append((other.post("/login/recovery", {"code": f" {codes[0].upper()} "}).status_code,
                         other.signed_in()))
    assert outcomes == [(302, True), (200, False)]


def test_guessing_codes_is_braked(signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    turn_on(signed, clock)
    other = Visitor(app)
    other.sign_in(lin)
    other.get("/login/code")
    statuses = [other.post("/login/code", {"code": "000000"}).status_code for _ in range(11)]
    assert statuses[-1] == 429


def test_codes_can_be_turned_off(signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    turn_on(signed, clock)
    signed.get("/settings")
    signed.post("/settings/totp/off")
    assert Visitor(app).sign_in(lin).location == "/"


def test_new_paper_codes_end_the_old_ones(signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    _, old = turn_on(signed, clock)
    signed.get("/settings")
    new = re.findall(r"<li><samp>([^<]+)</samp>", signed.post("/settings/totp/recovery").text)
    assert len(new) == 8 and not set(new) & set(old)


def test_secrets_of_codes_are_sealed_in_the_database(signed: Visitor, program: Program, clock: Shifted) -> None:
    key, codes = turn_on(signed, clock)
    with program.reading() as connection:
        kept = connection.exec_driver_sql("SELECT auth FROM accounts WHERE auth != '{}'").scalar_one()
    assert key.replace("-", "") not in kept and not any(code in kept for code in codes)


def test_the_second_step_alone_leads_back_to_the_first(visitor: Visitor) -> None:
    assert visitor.get("/login/code").location == "/login"
    assert visitor.get("/login/recovery").location == "/login"
    assert "登录没有完成" in visitor.get("/login").text


def test_security_settings_ask_for_the_password_again_after_a_while(
        visitor: Visitor, lin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = time.time() - 16 * 60
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: earlier)
        visitor.sign_in(lin)
    asked = visitor.get("/settings/totp")
    assert asked.location == "/settings/verify?next=/settings/totp"
    assert "再填一次密码" in visitor.get(asked.location).text
    assert "密码不对" in visitor.post(asked.location, {"password": "wrong"}).text
    assert visitor.post(asked.location, {"password": PASSWORD}).location == "/settings/totp"
    assert visitor.get("/settings/totp").status_code == 200


# Passwords


def test_a_new_password_ends_the_sessions_elsewhere_and_not_here(signed: Visitor, app: Flask, lin: str) -> None:
    elsewhere = Visitor(app)
    elsewhere.sign_in(lin)
    before = signed.cookie
    assert change(signed, PASSWORD, NEW).location == "/settings"
    assert signed.signed_in() and signed.cookie != before
    assert not elsewhere.signed_in()
    assert Visitor(app).sign_in(lin).status_code == 200
    assert Visitor(app).sign_in(lin, NEW).status_code == 302


@pytest.mark.parametrize(("now", "new", "again", "said"), [
    ("wrong", NEW, None, "密码不对"), ("", NEW, None, "此项必填"), (PASSWORD, "short", None, "密码太短"),
    (PASSWORD, "password12345", None, "常见的密码"), (PASSWORD, "1234567890123", None, "常见的密码"),
    (PASSWORD, "aaaaaaaabbbbbbbb", None, "常见的密码"), (PASSWORD, NEW, "something else entirely", "不一致"),
    (PASSWORD, PASSWORD, None, "与现在的密码相同"), (PASSWORD, "x" * 50 + "abcdefg" * 30, None, "密码太长"),
])
def test_a_password_that_will_not_do_is_told_beside_its_field(
        signed: Visitor, now: str, new: str, again: str | None, said: str) -> None:
    answer = change(signed, now, new, again)
    assert answer.status_code == 200 and said in answer.text


def test_a_password_made_of_the_own_address_will_not_do(signed: Visitor, app: Flask, program: Program,
                                                        cast: Cast) -> None:
    shen = Visitor(app)
    shen.sign_in(give_password(program, cast.shen))
    assert "不能包含邮箱名" in change(shen, PASSWORD, "shen likes long walks").text


def test_a_password_typed_in_another_composition_is_the_same(program: Program, app: Flask, lin: str) -> None:
    visitor = Visitor(app)
    visitor.sign_in(lin)
    change(visitor, PASSWORD, "caf\u00e9 au lait et croissant")
    assert Visitor(app).sign_in(lin, "cafe\u0301 au lait et croissant").status_code == 302

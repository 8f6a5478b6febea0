"""Signing in and out: what a session is, when it ends, and that a stranger learns nothing."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from runpy import run_path
from typing import Any
from urllib.parse import urljoin

import pytest
import sqlalchemy as sa
from cast import START, Cast
from flask import Flask
from flask_security.core import _default_messages
from flask_security.forms import _default_field_labels
from signed_in import NEW, application, browser, change, lins_address, signed_in_browser, turn_on  # noqa: F401
from visitor import PASSWORD, Visitor, give_password, text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store import passwords
from sandbox.store.accounts import SESSIONS
from sandbox.store.door import Busy
from sandbox.store.ids import hash_secret
from sandbox.web import signin
from sandbox.web.front import make_app
from sandbox.web.sessions import IDLE, LONGEST, ROW_MARK, SEEN_EVERY


def rows(program: Program) -> list[Any]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(SESSIONS)))


@pytest.fixture
def writes(program: Program, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Every job that goes through the door from now on."""
    seen: list[Any] = []
    submit = program.door.submit

    def counted(job: Callable[..., Any]) -> Any:
        seen.append(job)
        return submit(job)

    monkeypatch.setattr(program.door, "submit", counted)
    yield seen


# In and out


def test_signing_in_leads_to_the_page_that_was_asked_for(visitor: Visitor, lin: str) -> None:
    asked = visitor.get("/settings?x=1")
    assert asked.status_code == 302 and asked.location == "/login?next=/settings?x%3D1"
    assert visitor.sign_in(lin, to=asked.location).location == "/settings?x=1"
    assert visitor.signed_in()


def test_signing_in_without_a_wish_leads_to_the_board(visitor: Visitor, lin: str) -> None:
    assert visitor.sign_in(lin).location == "/"


@pytest.mark.parametrize("where", [
    "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "https:evil.example", "javascript:alert(1)", " //evil.example", "http://localhost@evil.example/",
    "/\t/evil.example", "\x01//evil.example",
])
def test_signing_in_never_leads_to_another_site(visitor: Visitor, lin: str, where: str) -> None:
    visitor.get("/login")
    answer = visitor.post("/login", {"email": lin, "password": PASSWORD}, query_string={"next": where})
    assert answer.status_code == 302
    assert not re.search(r"[\\\s]|//", answer.location), answer.location
    assert urljoin("http://localhost/login", answer.location).startswith("http://localhost/")


def test_signing_out_ends_the_session_on_the_server(signed: Visitor, program: Program) -> None:
    cookie = signed.cookie
    signed.get("/settings")
    assert signed.post("/logout").location == "/login"
    assert rows(program) == []
    signed.client.set_cookie(signed.cookie_name, cookie)
    assert not signed.signed_in()


def test_signing_out_twice_is_no_error(signed: Visitor) -> None:
    signed.get("/settings")
    signed.post("/logout")
    assert signed.client.post("/logout").status_code == 302


# The cookie and the row


def test_the_table_has_only_the_hash_of_the_cookie(signed: Visitor, program: Program, cast: Cast) -> None:
    row, = rows(program)
    assert signed.cookie.startswith(ROW_MARK)
    assert row.hash == hash_secret(signed.cookie.removeprefix(ROW_MARK))
    assert row.account_id == cast.lin.id


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(visitor: Visitor, lin: str) -> None:
    set_cookie = visitor.sign_in(lin).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(set_cookie.split("; "))
    assert "Domain" not in set_cookie and "Expires" not in set_cookie


def test_behind_tls_the_cookie_is_bound_to_the_host(program: Program, lin: str) -> None:
    object.__setattr__(program, "settings", program.settings.model_copy(update={"base_url": "https://city.example"}))
    visitor = Visitor(make_app(program))
    visitor.get("/login", base_url="https://city.example")
    answer = visitor.post("/login", {"email": lin, "password": PASSWORD}, base_url="https://city.example")
    assert answer.headers["Set-Cookie"].startswith("__Host-sandbox=s-")
    assert "; Secure" in answer.headers["Set-Cookie"]


def test_signing_in_again_gets_a_new_secret_and_ends_the_old_one(signed: Visitor, lin: str, program: Program) -> None:
    before = signed.cookie
    signed.get("/settings")
    signed.post("/logout")
    signed.sign_in(lin)
    assert signed.cookie != before and len(rows(program)) == 1


def test_a_planted_cookie_is_not_the_session_that_follows(app: Flask, lin: str) -> None:
    attacker, victim = Visitor(app), Visitor(app)
    attacker.get("/login")
    victim.client.set_cookie(victim.cookie_name, attacker.cookie)
    victim.token = attacker.token
    victim.post("/login", {"email": lin, "password": PASSWORD})
    assert victim.signed_in() and not attacker.signed_in()


@pytest.mark.parametrize("value", [
    "s-", "s-made-up", "eyJsb2NhbGUiOiJlbiJ9.forged.forged", ".", "x", "s-" + "a" * 4000])
def test_a_forged_cookie_is_an_empty_session(visitor: Visitor, value: str) -> None:
    visitor.client.set_cookie(visitor.cookie_name, value)
    assert visitor.get("/login").status_code == 200
    assert not visitor.signed_in()


def test_a_signed_cookie_cannot_carry_an_account(app: Flask, visitor: Visitor, cast: Cast) -> None:
    signer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    visitor.client.set_cookie(visitor.cookie_name, signer.dumps({"_user_id": cast.lin.id, "_fresh": True}))
    assert not visitor.signed_in()


def test_visitors_have_no_row(visitor: Visitor, program: Program, writes: list[Any]) -> None:
    visitor.get("/login?lang=en")
    visitor.sign_in("nobody@city.example", "wrong")
    visitor.get("/settings")
    assert rows(program) == [] and writes == []


def test_a_page_view_writes_nothing_and_once_a_minute_that_one_was_here(
        signed: Visitor, writes: list[Any], program: Program, clock: Shifted) -> None:
    for _ in range(3):
        assert signed.get("/settings").status_code == 200
    assert writes == []
    clock.forward(START + SEEN_EVERY)
    for _ in range(3):
        signed.get("/settings")
    assert len(writes) == 1
    assert rows(program)[0].seen_at == START + SEEN_EVERY


def test_old_rows_are_swept_when_someone_signs_in(signed: Visitor, app: Flask, lin: str, program: Program,
                                                 clock: Shifted) -> None:
    clock.forward(START + IDLE + timedelta(minutes=1))
    Visitor(app).sign_in(lin)
    assert len(rows(program)) == 1


def test_static_files_ask_nobody_who_they_are(signed: Visitor, clock: Shifted, writes: list[Any]) -> None:
    clock.forward(START + SEEN_EVERY)
    assert signed.get("/static/look.css").status_code == 200
    assert writes == []


# The end of a session


def test_half_an_hour_unused_ends_a_session(signed: Visitor, clock: Shifted) -> None:
    clock.forward(START + IDLE - timedelta(seconds=1))
    assert signed.signed_in()
    clock.forward(START + 2 * IDLE)
    assert not signed.signed_in()


def test_twelve_hours_end_a_session_that_is_used_all_the_time(signed: Visitor, clock: Shifted) -> None:
    now = START
    while now + IDLE / 2 < START + LONGEST:
        now += IDLE / 2
        clock.forward(now)
        assert signed.signed_in()
    clock.forward(START + LONGEST)
    assert not signed.signed_in()


def test_the_end_of_a_session_keeps_the_language(signed: Visitor, clock: Shifted) -> None:
    signed.get("/settings?lang=en")
    clock.forward(START + LONGEST)
    assert '<html lang="en">' in signed.get("/login").text


def test_a_disabled_account_loses_session_and_keys_at_once(signed: Visitor, program: Program, cast: Cast) -> None:
    key = program.acts.do("issue_token", cast.lin, {"name": "uploader", "scopes": ["read"], "days": 90}).secret
    assert signed.client.get("/api/v1/trials", headers={"Authorization": f"Bearer {key}"}).status_code == 200
    program.acts.do("change_account", cast.ada, {"account_id": cast.lin.id, "active": False})
    assert not signed.signed_in()
    signed.client.delete_cookie(signed.cookie_name)
    assert signed.client.get("/api/v1/trials", headers={"Authorization": f"Bearer {key}"}).status_code == 401


def test_an_account_enabled_again_does_not_find_its_old_session(signed: Visitor, program: Program, cast: Cast) -> None:
    cookie = signed.cookie
    for active in (False, True):
        program.acts.do("change_account", cast.ada, {"account_id": cast.lin.id, "active": active})
    signed.client.set_cookie(signed.cookie_name, cookie)
    assert not signed.signed_in()


# What a stranger learns


def answers(app: Flask, email: str, password: str) -> tuple[int, str, dict[str, str]]:
    """The answer to a sign-in from a fresh browser, without what differs on every page."""
    visitor = Visitor(app)
    answer = visitor.sign_in(email, password)
    body = re.sub(r'(name="csrf_token" value=")[^"]+', r"\1", answer.text).replace(email, "")
    headers = {name: re.sub(r"nonce-[\w-]+|sandbox=[^;]+", "", value) for name, value in answer.headers
               if name != "Content-Length"}
    return answer.status_code, body, headers


def test_wrong_password_unknown_address_and_disabled_account_are_the_same_answer(
        app: Flask, lin: str, program: Program, cast: Cast) -> None:
    gao = give_password(program, cast.gao)
    program.acts.do("change_account", cast.ada, {"account_id": cast.gao.id, "active": False})
    wrong = answers(app, lin, "not the password")
    assert wrong[0] == 200 and "邮箱或密码不对" in wrong[1]
    assert answers(app, "nobody@people.example", PASSWORD) == wrong
    assert answers(app, gao, PASSWORD) == wrong
    assert answers(app, "no address", PASSWORD) == wrong


def test_an_unknown_address_takes_as_long_as_a_wrong_password(
        program: Program, cast: Cast, lin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    in_service = run_path(str(passwords.__file__))
    for name in ("MEMORY_KIB", "ROUNDS"):
        monkeypatch.setattr(signin, name, in_service[name])
    app, kept = make_app(program), in_service["hash_password"](PASSWORD)
    program.acts.do("change_account", SYSTEM_ACTOR, {"account_id": cast.lin.id, "password": kept}, on=cast.lin.id)

    def fastest(email: str) -> float:
        visitor = Visitor(app)
        visitor.get("/login")
        spent = []
        for _ in range(4):
            begun = time.perf_counter()
            visitor.post("/login", {"email": email, "password": "wrong"})
            spent.append(time.perf_counter() - begun)
        return min(spent)

    assert fastest("nobody@people.example") > fastest(lin) / 3


def test_after_some_failures_an_account_waits_but_is_not_locked_for_others(
        app: Flask, lin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger, owner = Visitor(app, "10.0.0.1"), Visitor(app, "10.0.0.2")
    for _ in range(10):
        assert stranger.sign_in(lin, "wrong").status_code == 200
    refused = stranger.sign_in(lin)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) == 300
    assert owner.sign_in(lin).status_code == 302
    later = time.time() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    assert stranger.sign_in(lin).status_code == 302


def test_the_brake_says_nothing_of_whether_the_account_exists(app: Flask) -> None:
    visitor = Visitor(app)
    statuses = [visitor.sign_in("nobody@people.example", "wrong").status_code for _ in range(11)]
    assert statuses == [200] * 10 + [429]


def test_an_address_that_tries_many_accounts_waits(app: Flask, lin: str) -> None:
    visitor = Visitor(app)
    for number in range(20):
        visitor.sign_in(f"person{number}@people.example", "wrong")
    assert visitor.sign_in(lin).status_code == 429


def test_signing_in_rightly_many_times_is_never_braked(app: Flask, lin: str) -> None:
    for _ in range(25):
        assert Visitor(app).sign_in(lin).status_code == 302


# Forms of other sites


def test_a_form_without_its_token_is_refused(visitor: Visitor, lin: str) -> None:
    visitor.get("/login")
    visitor.token = ""
    assert visitor.post("/login", {"email": lin, "password": PASSWORD}).status_code == 400
    assert not visitor.signed_in()


def test_signing_out_from_elsewhere_is_refused(signed: Visitor) -> None:
    signed.token = ""
    assert signed.post("/logout").status_code == 400
    assert signed.signed_in()


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                                     {"Origin": "https://evil.example"}, {"Origin": "http://localhost:1"}])
def test_a_form_sent_by_another_site_is_refused_even_with_a_token(signed: Visitor, headers: dict[str, str]) -> None:
    signed.get("/settings")
    assert signed.post("/settings/language", {"locale": "en"}, headers=headers).status_code == 403


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "http://localhost"}])
def test_our_own_forms_are_taken(signed: Visitor, headers: dict[str, str]) -> None:
    signed.get("/settings")
    assert signed.post("/settings/language", {"locale": "en"}, headers=headers).status_code == 302


def test_a_cookie_does_not_write_through_the_api(signed: Visitor) -> None:
    assert signed.client.post("/api/v1/scenarios", json={"title": "x"}).status_code == 401


def test_the_librarys_own_tokens_and_cookies_open_nothing(app: Flask, program: Program, cast: Cast) -> None:
    with app.test_request_context():
        token = app.extensions["security"].datastore.find_user(id=cast.lin.id).get_auth_token()
    for more in ({"headers": {"Authentication-Token": token}}, {"query_string": {"auth_token": token}}):
        assert Visitor(app).get("/settings", **more).status_code == 302


# When the storage fails


def test_a_full_disk_stops_neither_reading_nor_signing_in(app: Flask, lin: str, program: Program, clock: Shifted,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    submit = program.door.submit

    def full(_job: Callable[..., Any]) -> Any:
        raise Busy

    visitor = Visitor(app)
    monkeypatch.setattr(program.door, "submit", full)
    assert visitor.sign_in(lin).status_code == 302
    assert visitor.signed_in() and rows(program) == []
    visitor.get("/settings")
    assert visitor.post("/settings/language", {"locale": "en"}).status_code == 503
    monkeypatch.setattr(program.door, "submit", submit)
    clock.forward(START + SEEN_EVERY)
    assert visitor.signed_in() and len(rows(program)) == 1


def test_a_password_that_could_not_be_kept_is_not_said_to_be(signed: Visitor, program: Program,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_job: Callable[..., Any]) -> Any:
        raise Busy

    signed.get("/settings/password")
    monkeypatch.setattr(program.door, "submit", full)
    assert change(signed, PASSWORD, NEW).status_code == 503


# Languages and words


@pytest.mark.parametrize(("lang", "html_lang", "title"), [
    ("zh_Hans", "zh-Hans", "登录"), ("zh_Hant", "zh-Hant", "登錄"), ("en", "en", "Sign in")])
def test_the_language_chosen_stays(visitor: Visitor, lang: str, html_lang: str, title: str) -> None:
    visitor.get(f"/login?lang={lang}")
    page = visitor.get("/login").text
    assert f'<html lang="{html_lang}">' in page and f"<h1>{title}</h1>" in page


def test_the_language_of_the_account_is_spoken_after_signing_in(app: Flask, lin: str, program: Program,
                                                               cast: Cast) -> None:
    program.acts.do("change_account", SYSTEM_ACTOR, {"account_id": cast.lin.id, "locale": "en"})
    visitor = Visitor(app)
    visitor.sign_in(lin)
    assert '<html lang="en">' in visitor.get("/settings").text


def test_a_language_chosen_before_signing_in_is_kept(app: Flask, lin: str) -> None:
    visitor = Visitor(app)
    visitor.get("/login?lang=zh_Hant")
    visitor.sign_in(lin)
    assert '<html lang="zh-Hant">' in visitor.get("/settings").text


def test_the_library_never_speaks_for_itself(signed: Visitor, app: Flask, lin: str, clock: Shifted) -> None:
    turn_on(signed, clock)
    other = Visitor(app)
    pages = [other.sign_in(lin, "").text, other.sign_in("", "").text, other.sign_in("nobody", "x").text,
             change(signed, "", "").text, change(signed, PASSWORD, "x", "y").text]
    other.sign_in(lin)
    other.get("/login/code")
    pages += [other.post("/login/code", {"code": ""}).text, other.post("/login/recovery", {"code": ""}).text,
              other.post("/login/recovery", {"code": "x"}).text, signed.get("/settings/verify").text]
    theirs = [str(said) for said, _ in _default_messages.values()] + list(_default_field_labels.values())
    for page in pages:
        said = text_of(page)
        assert not [one for one in theirs if one in said]
        assert not re.search(r"[A-Za-z]{4,}", said.replace("English", "").replace("TOTP", "")), said

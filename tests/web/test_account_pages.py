"""The first administrator, invitations, accounts, organisations, settings and keys, as people meet them."""

import re
from datetime import timedelta
from typing import Any

import pytest
from cast import START, Cast
from flask import Flask
from visitor import PASSWORD, Visitor, give_password, text_of

from sandbox.acts.accounts import INVITATION_DAYS
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.setup import NAME, setup_secret
from sandbox.reads.accounts import account
from sandbox.rules.access import Actor
from sandbox.web.front import make_app

FIRST = {"authority": "示例市科技局", "name": "艾示例", "email": "Ai@City.example", "password": PASSWORD,
         "password_again": PASSWORD}


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture
def as_(app: Flask, program: Program) -> Any:
    """`as_(actor)`: that person's browser, signed in."""
    def enter(actor: Actor) -> Visitor:
        visitor = Visitor(app)
        assert visitor.sign_in(give_password(program, actor)).status_code == 302
        return visitor

    return enter


# The first administrator


def test_the_first_link_makes_the_administrator_once(empty_program: Program) -> None:
    app = make_app(empty_program)
    link, visitor = f"/setup/{setup_secret(empty_program)}", Visitor(app)
    assert "系统管理员" in visitor.get(link).text
    assert visitor.post(link, FIRST).location == "/accounts"
    assert "还要邀请 2 位监管人员" in visitor.get("/accounts").text
    assert not (empty_program.settings.data / NAME).exists()
    assert Visitor(app).get(link).status_code == 404
    assert Visitor(app).sign_in("ai@city.example").status_code == 302


def test_another_secret_opens_no_setup(empty_program: Program) -> None:
    setup_secret(empty_program)
    assert Visitor(make_app(empty_program)).get("/setup/x").status_code == 404


def test_where_accounts_exist_no_secret_opens_setup(app: Flask, program: Program) -> None:
    (program.settings.data / NAME).write_text("left behind")
    assert Visitor(app).get("/setup/left behind").status_code == 404


@pytest.mark.parametrize(("name", "value", "said"), [
    ("authority", "", "此项必填"), ("name", " ", "此项必填"), ("email", "no address", "格式不符"),
    ("password", "short", "密码太短"), ("password", "", "此项必填"), ("password_again", "other", "不一致"),
    ("name", "x" * 201, "内容太长"),
])
def test_what_is_wrong_with_the_first_form_is_told_beside_its_field(
        empty_program: Program, name: str, value: str, said: str) -> None:
    link, visitor = f"/setup/{setup_secret(empty_program)}", Visitor(make_app(empty_program))
    visitor.get(link)
    answer = visitor.post(link, {**FIRST, name: value})
    assert answer.status_code == 200
    assert said in re.search(f'id="f-{name}-e">(.*?)</p>', answer.text).group(1)  # type: ignore[union-attr]
    assert FIRST["authority"] in answer.text or name == "authority"


# Invitations


def invited(visitor: Visitor, **more: str) -> Any:
    visitor.get("/accounts/invite")
    return visitor.post("/accounts/invite", {"email": "new@people.example", "name": "新示例", **more})


def link_in(html: str) -> str:
    return re.search(r'value="http://localhost:8000(/invitation/[^"]+)"', html).group(1)  # type: ignore[union-attr]


def join(visitor: Visitor, link: str, password: str = PASSWORD) -> Any:
    visitor.get(link)
    return visitor.post(link, {"password": password, "password_again": password})


def test_an_invited_person_chooses_a_password_and_is_in(app: Flask, as_: Any, cast: Cast) -> None:
    link = link_in(invited(as_(cast.ada), role="firm", organisation_id=cast.fang.organisation_id).text)
    guest = Visitor(app)
    shown = text_of(guest.get(link).text)
    assert "新示例" in shown and "海睿" in shown and "试点单位" in shown
    assert join(guest, link).location == "/"
    assert "新示例" in guest.get("/settings").text
    assert Visitor(app).sign_in("new@people.example").status_code == 302


def test_an_invitation_works_once(app: Flask, as_: Any, cast: Cast) -> None:
    link = link_in(invited(as_(cast.ada), role="firm", organisation_id=cast.fang.organisation_id).text)
    join(Visitor(app), link)
    assert Visitor(app).get(link).status_code == 404


def test_an_invitation_expires(app: Flask, as_: Any, cast: Cast, clock: Shifted) -> None:
    link = link_in(invited(as_(cast.ada), role="firm", organisation_id=cast.fang.organisation_id).text)
    clock.forward(START + timedelta(days=INVITATION_DAYS))
    answer = Visitor(app).get(link)
    assert answer.status_code == 404 and "此链接不能再用" in answer.text


def test_used_expired_and_unknown_invitations_say_the_same(app: Flask, as_: Any, cast: Cast) -> None:
    link = link_in(invited(as_(cast.ada), role="firm", organisation_id=cast.fang.organisation_id).text)
    join(Visitor(app), link)
    used, unknown = Visitor(app).get(link), Visitor(app).get("/invitation/unknown")
    assert text_of(used.text) == text_of(unknown.text)


def test_a_weak_password_is_not_taken_with_an_invitation(app: Flask, as_: Any, cast: Cast) -> None:
    link = link_in(invited(as_(cast.ada), role="firm", organisation_id=cast.fang.organisation_id).text)
    guest = Visitor(app)
    assert "密码太短" in join(guest, link, "short").text
    assert join(guest, link).status_code == 302


def test_the_link_of_an_invitation_is_shown_once(as_: Any, cast: Cast) -> None:
    visitor = as_(cast.ada)
    link = link_in(invited(visitor, role="firm", organisation_id=cast.fang.organisation_id).text)
    listed = visitor.get("/accounts").text
    assert "1 份邀请未接受" in listed and link not in listed


def test_a_regulator_who_invites_sees_no_link(as_: Any, cast: Cast) -> None:
    answer = invited(as_(cast.lin), role="firm", organisation_id=cast.fang.organisation_id).text
    assert "邀请链接只交给管理员" in answer and "/invitation/" not in answer


def test_a_third_regulator_waits_for_a_regulator(as_: Any, cast: Cast) -> None:
    answer = invited(as_(cast.ada), role="regulator", organisation_id=cast.ada.organisation_id)
    assert answer.status_code == 202
    assert "等待另一位监管人员确认" in answer.text and "/invitation/" not in answer.text


@pytest.mark.parametrize(("more", "field", "said"), [
    ({"role": "reviewer"}, "constituency", "只有评审专家"),
    ({"role": "firm", "constituency": "industry"}, "constituency", "只有评审专家"),
    ({"role": ""}, "role", "此项必填"), ({"role": "firm", "email": "lin@people.example"}, "email", "已有账号"),
    ({"role": "firm", "organisation_id": ""}, "organisation_id", "此项必填"),
])
def test_what_is_wrong_with_an_invitation_is_told_beside_its_field(
        as_: Any, cast: Cast, more: dict[str, str], field: str, said: str) -> None:
    answer = invited(as_(cast.ada), **{"organisation_id": str(cast.fang.organisation_id), **more})
    assert answer.status_code == 200
    assert said in re.search(f'id="f-{field}-e">(.*?)</p>', answer.text).group(1)  # type: ignore[union-attr]
    assert "新示例" in answer.text


def test_a_regulator_is_not_offered_to_invite_an_administrator(as_: Any, cast: Cast) -> None:
    assert 'value="administrator"' in as_(cast.ada).get("/accounts/invite").text
    visitor = as_(cast.lin)
    assert 'value="administrator"' not in visitor.get("/accounts/invite").text
    assert visitor.post("/accounts/invite", {
        "email": "a@b.example", "name": "A", "role": "administrator",
        "organisation_id": cast.lin.organisation_id}).status_code == 403


# Accounts


def test_administrators_see_every_account_and_regulators_the_reviewers(as_: Any, cast: Cast) -> None:
    every, some = text_of(as_(cast.ada).get("/accounts").text), text_of(as_(cast.lin).get("/accounts").text)
    assert "fang@people.example" in every and "rui@people.example" in every
    assert "fang@people.example" not in some and "rui@people.example" in some


def test_accounts_can_be_searched_and_filtered(as_: Any, cast: Cast) -> None:
    visitor = as_(cast.ada)
    found = text_of(visitor.get("/accounts?q=海睿&role=firm&active=1").text)
    assert "fang@people.example" in found and "gao@people.example" not in found
    assert "没有符合条件的账号" in visitor.get("/accounts?q=%25").text


@pytest.mark.parametrize("path", ["/accounts", "/accounts/invite", "/organisations", "/organisations/new"])
def test_others_do_not_see_the_pages_of_accounts(as_: Any, cast: Cast, path: str) -> None:
    for actor in (cast.fang, cast.rui, cast.di):
        assert as_(actor).get(path).status_code == 403


def test_one_account_is_for_administrators_only(as_: Any, cast: Cast) -> None:
    assert as_(cast.ada).get(f"/accounts/{cast.rui.id}").status_code == 200
    assert as_(cast.ada).get("/accounts/ac_missing").status_code == 404
    assert as_(cast.lin).get(f"/accounts/{cast.rui.id}").status_code == 403


def test_disabling_works_at_once_and_can_be_undone(app: Flask, as_: Any, cast: Cast, program: Program) -> None:
    keeper, person = as_(cast.ada), as_(cast.fang)
    keeper.get(f"/accounts/{cast.fang.id}")
    assert keeper.post(f"/accounts/{cast.fang.id}/access", {"active": "0"}).status_code == 302
    assert not person.signed_in()
    assert "已停用" in keeper.get(f"/accounts/{cast.fang.id}").text
    keeper.post(f"/accounts/{cast.fang.id}/access", {"active": "1"})
    assert Visitor(app).sign_in("fang@people.example").status_code == 302


def test_administrators_cannot_disable_themselves(as_: Any, cast: Cast, program: Program) -> None:
    visitor = as_(cast.ada)
    assert "不能由自己停用" in visitor.get(f"/accounts/{cast.ada.id}").text
    visitor.get("/settings")
    assert visitor.post(f"/accounts/{cast.ada.id}/access", {"active": "0"}).status_code == 403
    assert visitor.signed_in()


def test_a_regulator_disables_nobody(as_: Any, cast: Cast) -> None:
    visitor = as_(cast.lin)
    visitor.get("/settings")
    assert visitor.post(f"/accounts/{cast.rui.id}/access", {"active": "0"}).status_code == 403


# Organisations


def test_an_organisation_is_registered_and_gets_another_name(as_: Any, cast: Cast) -> None:
    visitor = as_(cast.lin)
    visitor.get("/organisations/new")
    made = visitor.post("/organisations/new", {"name": "示例智能", "kind": "firm", "code": "91310000MA1FL0000X"})
    assert made.status_code == 302
    visitor.get(made.location)
    assert visitor.post(made.location, {"name": "示例智能科技"}).status_code == 302
    assert "示例智能科技" in visitor.get(made.location).text
    assert "示例智能科技" in visitor.get("/organisations?q=示例智能科技").text


def test_a_name_belongs_to_one_organisation(as_: Any, cast: Cast) -> None:
    visitor = as_(cast.lin)
    visitor.get("/organisations/new")
    assert "已属于一家单位" in visitor.post("/organisations/new", {"name": "海睿", "kind": "firm"}).text
    where = f"/organisations/{cast.gao.organisation_id}"
    visitor.get(where)
    assert "已属于一家单位" in visitor.post(where, {"name": "海睿"}).text


def test_a_missing_organisation_is_not_found(as_: Any, cast: Cast) -> None:
    assert as_(cast.lin).get("/organisations/or_missing").status_code == 404


# Settings and keys


def test_the_language_of_the_account_is_kept(as_: Any, cast: Cast, program: Program) -> None:
    visitor = as_(cast.fang)
    visitor.get("/settings")
    visitor.post("/settings/language", {"locale": "en"})
    assert "My settings" in visitor.get("/settings").text
    with program.reading() as connection:
        assert account(connection, account_id=cast.fang.id)["locale"] == "en"  # type: ignore[index]


def test_an_unknown_language_changes_nothing(as_: Any, cast: Cast) -> None:
    visitor = as_(cast.fang)
    visitor.get("/settings")
    visitor.post("/settings/language", {"locale": "xx"})
    assert '<html lang="zh-Hans">' in visitor.get("/settings").text


def issue(visitor: Visitor, *scopes: str, days: str = "30") -> str:
    visitor.get("/settings/tokens")
    page = visitor.post("/settings/tokens", {"name": "报送程序", "scopes": list(scopes), "days": days}).text
    return re.search(r'value="(es_[^"]+)"', page).group(1)  # type: ignore[union-attr]


def bearing(app: Flask, secret: str, path: str = "/api/v1/trials") -> int:
    return app.test_client().get(path, headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_key_is_shown_once_and_opens_the_api(as_: Any, app: Flask, cast: Cast) -> None:
    visitor = as_(cast.fang)
    secret = issue(visitor, "read")
    assert secret not in visitor.get("/settings/tokens").text
    assert bearing(app, secret) == 200


def test_a_key_that_may_read_does_not_file(as_: Any, app: Flask, cast: Cast) -> None:
    secret = issue(as_(cast.fang), "read")
    answer = app.test_client().post("/api/v1/trials", json={"title": "x", "scenario_id": "sc_x"},
                                    headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 403


def test_a_key_ends_on_its_day(as_: Any, app: Flask, cast: Cast, clock: Shifted) -> None:
    secret = issue(as_(cast.fang), "read", days="1")
    clock.forward(START + timedelta(days=1))
    assert bearing(app, secret) == 401


def test_a_revoked_key_ends_at_once(as_: Any, app: Flask, cast: Cast) -> None:
    visitor = as_(cast.fang)
    secret = issue(visitor, "read", "file")
    where = re.search(r'action="(/settings/tokens/tk_[^"]+/revoke)"', visitor.get("/settings/tokens").text)
    assert visitor.post(where.group(1)).status_code == 302  # type: ignore[union-attr]
    assert bearing(app, secret) == 401
    assert "已撤销" in visitor.get("/settings/tokens").text


def test_nobody_revokes_anothers_key(as_: Any, app: Flask, cast: Cast) -> None:
    fang, gao = as_(cast.fang), as_(cast.gao)
    secret = issue(fang, "read")
    where = re.search(r'action="(/settings/tokens/tk_[^"]+/revoke)"', fang.get("/settings/tokens").text)
    gao.get("/settings")
    assert gao.post(where.group(1)).status_code == 404  # type: ignore[union-attr]
    assert bearing(app, secret) == 200


@pytest.mark.parametrize(("data", "field"), [
    ({"name": "", "scopes": ["read"], "days": "30"}, "name"), ({"name": "x", "scopes": [], "days": "30"}, "scopes"),
    ({"name": "x", "scopes": ["read"], "days": "400"}, "days"),
    ({"name": "x", "scopes": ["read"], "days": "x"}, "days"),
])
def test_what_is_wrong_with_a_key_is_told_beside_its_field(
        as_: Any, cast: Cast, data: dict[str, Any], field: str) -> None:
    visitor = as_(cast.fang)
    visitor.get("/settings/tokens")
    assert f'id="f-{field}-e"' in visitor.post("/settings/tokens", data).text


# Every page


PAGES = ("/accounts", "/accounts/invite", "/organisations", "/organisations/new", "/settings", "/settings/tokens",
         "/settings/password", "/settings/verify", "/settings/totp")


@pytest.mark.parametrize("lang", ["zh_Hans", "zh_Hant", "en"])
def test_every_page_has_one_heading_whole_labels_and_its_own_language(as_: Any, cast: Cast, lang: str) -> None:
    visitor = as_(cast.ada)
    for path in (*PAGES, f"/accounts/{cast.lin.id}", f"/organisations/{cast.fang.organisation_id}"):
        answer = visitor.get(f"{path}?lang={lang}")
        assert answer.status_code == 200, path
        html = answer.text
        ids = re.findall(r' id="([^"]+)"', html)
        assert html.count("<h1") == 1 and len(ids) == len(set(ids)), path
        assert set(re.findall(r'<label[^>]* for="([^"]+)"', html)) <= set(ids), path
        assert "style=" not in html and "<script" not in html, path
        said = text_of(re.sub(r"<nav class=.langs.*?</nav>", "", html, flags=re.DOTALL))
        assert not re.search(r"\b(page|field|choice|error|help|nav|role)\.[a-z_]+", said), path


def test_the_side_shows_each_role_its_places(as_: Any, cast: Cast) -> None:
    def places(actor: Actor) -> list[str]:
        html = as_(actor).get("/settings").text
        return re.findall(r'<li[^>]*><a href="(/[a-z]*)"', html.split('class="side"')[1].split("</nav>")[0])

    assert places(cast.ada) == ["/", "/accounts", "/organisations", "/messages", "/settings"]
    assert "/accounts" in places(cast.lin) and "/trials" in places(cast.lin)
    assert "/accounts" not in places(cast.fang) and "/incidents" in places(cast.fang)

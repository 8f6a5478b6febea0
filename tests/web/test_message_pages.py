"""Pages about being told: channels with masked addresses, the calendar's address, messages and how they went."""

import re
from datetime import timedelta
from typing import Any

import pytest
from cast import START, Cast
from flask import Flask
from visitor import Visitor, give_password, text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import deliver
from sandbox.jobs.program import Program
from sandbox.rules.access import Actor
from sandbox.web.front import make_app

KEY = "abcdefgh-1234-5678-secret"
ROBOT = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"
PLAIN = {"mail": "1", "quiet_from": "22", "quiet_until": "7"}


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


def keep(visitor: Visitor, **given: str) -> Any:
    visitor.get("/settings/channels")
    return visitor.post("/settings/channels", {**PLAIN, **given})


def test_a_robot_is_set_up_masked_and_taken_away(as_: Any, cast: Cast) -> None:
    rui = as_(cast.rui)
    assert keep(rui, wecom=ROBOT).status_code == 302
    page = rui.get("/settings/channels").text
    assert "…cret" in page and KEY not in page and "企业微信" in text_of(page)
    rui.post("/settings/channels/wecom/remove", {})
    assert "…cret" not in rui.get("/settings/channels").text


def test_what_is_left_empty_stays_as_it_is(as_: Any, cast: Cast) -> None:
    rui = as_(cast.rui)
    keep(rui, wecom=ROBOT)
    keep(rui, quiet_from="20")
    page = rui.get("/settings/channels").text
    assert "…cret" in page
    assert re.search(r'<option value="20" selected', page)


def test_an_unticked_box_is_off_and_stays_off(as_: Any, cast: Cast, program: Program) -> None:
    from sandbox.reads.messages import preferences

    rui = as_(cast.rui)
    rui.get("/settings/channels")
    rui.post("/settings/channels", {"working_days": "1", "quiet_from": "0", "quiet_until": "0"})
    with program.reading() as connection:
        found = preferences(connection, cast.rui)
    assert (found["mail"], found["working_days"], found["gathered"], found["quiet_until"]) == (False, True, False, 0)


@pytest.mark.parametrize(("name", "value", "said"), (
    ("wecom", "https://example.com/", "这不是机器人的地址"), ("feishu", "x", "这不是机器人的地址"),
    ("webhook", "http://example.com/", "https://"), ("webhook", "https://user:pw@example.com/", "https://"),
    ("dingtalk_secret", "nonsense", "SEC"), ("dingtalk_secret", "SEC0123456789", "请同时填写机器人的地址")))
def test_what_is_wrong_with_an_address_is_told_beside_it(as_: Any, cast: Cast, name: str, value: str,
                                                        said: str) -> None:
    answer = keep(as_(cast.rui), **{name: value})
    assert answer.status_code == 200
    found = re.search(f'id="f-{name}-e">(.*?)</p>', answer.text)
    assert found and said in found[1]


def test_a_webhooks_secret_is_shown_once(as_: Any, cast: Cast) -> None:
    rui = as_(cast.rui)
    shown = keep(rui, webhook="https://hooks.example/sandbox?token=private").text
    secret = re.search(r'value="(whsec_[^"]+)"', shown)
    assert secret
    again = rui.get("/settings/channels").text
    assert secret[1] not in again and "private" not in again and "https://hooks.example/…" in again


def test_a_calendar_address_is_made_shown_and_renewed(as_: Any, app: Flask, cast: Cast) -> None:
    rui = as_(cast.rui)
    assert "/calendar/" not in rui.get("/settings/channels").text.replace("/settings/calendar/", "")
    assert "生成地址" in rui.get("/settings/channels").text
    addresses = []
    for _ in range(2):
        rui.post("/settings/calendar/renewal", {})
        found = re.search(r'value="http://localhost:8000(/calendar/[^"]+)"', rui.get("/settings/channels").text)
        assert found
        addresses.append(found[1])
    assert [app.test_client().get(path).status_code for path in addresses] == [404, 200]


def test_a_trial_message_appears_among_ones_own_and_waits_for_mail(as_: Any, cast: Cast, program: Program) -> None:
    rui = as_(cast.rui)
    rui.get("/settings/channels")
    assert rui.post("/settings/channels/trial", {}).location == "/messages"
    deliver(program)
    page = text_of(rui.get("/messages").text)
    assert "试发消息" in page and "等待邮件服务器配置" in page


def test_messages_are_newest_first_by_when_they_were_noted(as_: Any, cast: Cast, program: Program,
                                                            clock: Shifted) -> None:
    """Noted on six days, and made into deliveries at once, as after an outage of the outbox."""
    for day in range(6):
        clock.forward(START + timedelta(days=day))
        program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    page = as_(cast.rui).get("/messages?lang=en").text
    assert list(dict.fromkeys(re.findall(r"(\d) March 2026", text_of(page)))) == list("765432")


def test_keepers_see_everyones_deliveries_and_an_administrator_no_trial(as_: Any, cast: Cast, program: Program,
                                                                       adopted: Any) -> None:
    trial, = adopted(1)
    deliver(program)
    people = (("lin", cast.lin), ("ada", cast.ada), ("rui", cast.rui))
    seen = {name: as_(who).get("/deliveries") for name, who in people}
    assert seen["rui"].status_code == 403
    assert trial not in seen["ada"].text
    program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    assert "Rui" in as_(cast.lin).get("/deliveries").text
    shown = text_of(as_(cast.ada).get("/deliveries?state=due").text)
    assert "Rui" in shown and "内容只有收件人可见" in shown


def test_what_was_given_up_is_tried_again_by_its_owner_or_a_keeper(as_: Any, cast: Cast, program: Program) -> None:
    program.acts.do("set_channels", cast.rui, {"webhook": "https://10.1.2.3/hook"})
    program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    for who, path in ((cast.rui, "/messages"), (cast.ada, "/deliveries")):
        visitor = as_(who)
        page = visitor.get(f"{path}?state=failed").text
        assert "这个地址在内部网络" in page
        action = re.search(r'action="(/deliveries/[^"]+/retry)"', page)
        assert action
        assert visitor.post(action[1], {"back": path}).location == path
        visitor.get(path)
        assert "/retry" not in visitor.get(f"{path}?state=failed").text
        deliver(program)
    mei = as_(cast.mei)
    mei.get("/settings")
    assert mei.post(action[1], {}).status_code == 404


@pytest.mark.parametrize("locale", ("zh_Hans", "zh_Hant", "en"))
@pytest.mark.parametrize("path", ("/messages", "/settings/channels", "/deliveries?channel=mail&state=sent"))
def test_no_key_is_left_unsaid(as_: Any, cast: Cast, path: str, locale: str) -> None:
    mark = "&" if "?" in path else "?"
    said = text_of(as_(cast.lin).get(f"{path}{mark}lang={locale}").text)
    assert not re.search(r"\b(page|field|choice|error|help|nav|fault|notice|message)\.[a-z_]+", said)

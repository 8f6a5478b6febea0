"""The outbox: what was noted reaches each person once by each channel, in their language and at their hours; faults are
tried again and stay visible; nothing is dropped for want of a channel."""

from datetime import UTC, datetime

import pytest
from cast import START, Cast
from loopback import CHECKING, FEISHU_CHECKING, Servers
from sending import (  # noqa: F401 fixtures
    DAY,
    HOUR,
    MINUTE,
    RUI,
    Adopted,
    all_servers,
    at,
    note,
    rows,
    sending_program,
    set_up,
    states,
    variant,
)
from standardwebhooks.webhooks import Webhook

from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import Delivered, deliver
from sandbox.jobs.program import Program
from sandbox.jobs.recipients import expand
from sandbox.reads.messages import waiting
from sandbox.store.channels import DELIVERIES

pytestmark = pytest.mark.only_on("sqlite")
"""What other servers answer is the same on each database; what is leased and marked is tried on both."""


# By every channel


def test_a_message_arrives_once_by_every_channel_in_the_persons_language(program: Program, cast: Cast,
                                                                        servers: Servers) -> None:
    program.acts.do("change_account", cast.ada, {"account_id": cast.rui.id, "locale": "zh_Hant"})
    secret = set_up(program, cast.rui, **servers.channels()).secret
    program.acts.do("try_channels", cast.rui, {})
    assert deliver(program).outcomes == {"sent": 5}
    assert deliver(program) == Delivered()
    mail, = servers.mail.to(RUI)
    posted, = servers.webhook.took
    texts = [mail.get_content(), *servers.wecom.took, *servers.dingtalk.took, *servers.feishu.took,
             posted["data"]["notices"][0]["text"]]
    assert len(texts) == 5
    assert all("這是一條試發消息" in text for text in texts)
    assert mail["Subject"].startswith("【倫理沙箱】這是一條試發消息")
    assert secret.startswith("whsec_")


def test_a_mail_says_who_sends_it_and_has_an_id_that_stays(program: Program, cast: Cast, servers: Servers) -> None:
    program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    mail, = servers.mail.took
    delivery, = rows(program, DELIVERIES.c.id)
    assert mail["Message-ID"] == f"<{delivery.id}@city.example>"
    assert (mail["From"], mail["Auto-Submitted"]) == ("sandbox@city.example", "auto-generated")
    assert delivery.id in mail.get_content()


def test_a_webhook_is_signed_so_that_the_library_of_the_standard_takes_it(
        program: Program, cast: Cast, servers: Servers) -> None:
    secret = set_up(program, cast.rui, webhook=servers.channels()["webhook"]).secret
    program.acts.do("try_channels", cast.rui, {})
    deliver(variant(program, clock=lambda: datetime.now(UTC)))  # the library compares with the real clock
    posted, = servers.webhook.took
    assert Webhook(secret).verify(posted["raw"], posted["headers"])["type"] == "notices"
    assert posted["headers"]["webhook-id"] == posted["data"]["id"]
    assert servers.webhook.calls[0].query == {"tenant": "1"}


@pytest.mark.parametrize(("secret", "outcome", "error"), [
    (CHECKING, "sent", None), ("another0000000000secret", "failed", "code 19021"), (None, "failed", "code 19021")])
def test_a_robot_of_feishu_that_checks_signatures_takes_what_its_own_secret_signed(
        program: Program, cast: Cast, servers: Servers, secret: str | None, outcome: str, error: str | None) -> None:
    hook = f"https://open.feishu.cn/open-apis/bot/v2/hook/{FEISHU_CHECKING}"
    set_up(program, cast.rui, feishu=hook, **({"feishu_secret": secret} if secret else {}))
    program.acts.do("try_channels", cast.rui, {})
    by_robot_at_the_real_time = variant(program, clock=lambda: datetime.now(UTC))
    deliver(by_robot_at_the_real_time)
    told = {row.channel: row for row in rows(program, DELIVERIES.c.channel, DELIVERIES.c.state, DELIVERIES.c.error)}
    assert (told["feishu"].state, told["feishu"].error) == (outcome, error)
    assert len(servers.feishu.took) == (outcome == "sent")
    assert all(secret is None or secret.encode() not in call.body for call in servers.feishu.calls)


def test_a_message_about_a_trial_names_its_number_and_no_firm(program: Program, cast: Cast, servers: Servers,
                                                              adopted: Adopted) -> None:
    trial, = adopted(1)
    note(program, "suspended", trial, role="firm", cause="risk_red")
    deliver(program)
    text = servers.mail.to("fang@people.example")[-1].get_content()
    assert trial in text and f"http://localhost:8000/trials/{trial}" in text
    assert all("海睿" not in mail.get_content() and "海睿" not in mail["Subject"] for mail in servers.mail.took)


# Whom it reaches


def test_a_notice_to_a_role_reaches_those_who_see_the_trial_and_nobody_else(program: Program, cast: Cast,
                                                                          adopted: Adopted) -> None:
    trial, = adopted(1)
    deliver(program)
    for role in ("firm", "regulator", "reviewer", "department"):
        note(program, "started", trial, role=role)
    expand(program)
    told = {row.account_id for row in rows(program, DELIVERIES.c.account_id, DELIVERIES.c.state)
            if row.state == "due"}
    firm_of_the_trial = {row.account_id for row in rows(program, DELIVERIES.c.account_id)} - {cast.lin.id, cast.zhou.id}
    assert {cast.lin.id, cast.zhou.id} <= told
    assert cast.gao.id not in told and cast.rui.id not in told and cast.di.id not in told
    assert firm_of_the_trial <= {cast.fang.id}


@pytest.mark.only_on("sqlite", "postgresql")
def test_who_lost_access_before_the_message_goes_out_is_not_told(program: Program, cast: Cast, servers: Servers,
                                                               adopted: Adopted) -> None:
    trial, = adopted(1)
    seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=trial).id
    note(program, "review_open", trial, account=cast.rui.id, due=START.isoformat())
    expand(program)
    program.acts.do("recuse_reviewer", cast.lin, {"reason": "Shares"}, on=seat)
    assert deliver(program).outcomes["dropped"] == 2
    assert servers.mail.to(RUI) == []


def test_a_disabled_account_is_told_nothing(program: Program, cast: Cast, servers: Servers) -> None:
    program.acts.do("try_channels", cast.rui, {})
    expand(program)
    program.acts.do("change_account", cast.ada, {"account_id": cast.rui.id, "active": False})
    deliver(program)
    assert (servers.mail.took, states(program)) == ([], ["dropped"])


@pytest.mark.only_on("sqlite", "postgresql")
def test_the_same_notice_is_told_once_however_often_it_is_asked(program: Program, cast: Cast, servers: Servers) -> None:
    for _ in range(3):
        note(program, account=cast.rui.id, dedupe="one matter")
    deliver(program)
    assert len(servers.mail.took) == 1


# Mail off, mail not configured


def test_mail_can_be_off_only_beside_another_channel(program: Program, cast: Cast, servers: Servers) -> None:
    set_up(program, cast.rui, mail=False)
    program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    assert len(servers.mail.took) == 1
    set_up(program, cast.rui, feishu=servers.channels()["feishu"])
    program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    assert (len(servers.mail.took), len(servers.feishu.took)) == (1, 1)


@pytest.mark.only_on("sqlite", "postgresql")
def test_what_waits_for_mail_is_counted_and_sent_as_one_letter_once_it_is_configured(
        program: Program, cast: Cast, servers: Servers, clock: Shifted) -> None:
    bare = variant(program, mail_url=None)
    for _ in range(7):
        note(bare, account=cast.rui.id)
    assert deliver(bare).outcomes == {}
    clock.forward(START + 40 * DAY)
    assert deliver(bare).outcomes == {}
    with program.reading() as connection:
        assert waiting(connection) == 7
    assert deliver(program).outcomes == {"sent": 7}
    mail, = servers.mail.took
    assert mail.get_content().count("这是一条试发消息") == 7
    with program.reading() as connection:
        assert waiting(connection) == 0


def test_a_demonstration_writes_to_nobody(program: Program, cast: Cast, servers: Servers) -> None:
    shown = variant(program, demo=True)
    note(shown, account=cast.rui.id)
    assert deliver(shown).outcomes == {} and servers.mail.took == []


# Hours


@pytest.mark.only_on("sqlite", "postgresql")
def test_what_is_noted_at_night_arrives_in_the_morning(program: Program, cast: Cast, servers: Servers,
                                                       clock: Shifted) -> None:
    clock.forward(at(23))
    note(program, account=cast.rui.id)
    assert deliver(program).outcomes == {"quiet": 1}
    clock.forward(at(7, 1) - MINUTE)
    assert deliver(program).outcomes == {}
    clock.forward(at(7, 1))
    assert deliver(program).outcomes == {"sent": 1}


@pytest.mark.parametrize("content", ({"cause": "risk_red"}, {"cause": "grave_incident"}, {"severity": "S1"}))
def test_a_red_light_and_a_grave_incident_wake_people(program: Program, cast: Cast, servers: Servers, clock: Shifted,
                                                     content: dict[str, str]) -> None:
    set_up(program, cast.lin, gathered=True, working_days=True)
    clock.forward(at(3, 5))  # Saturday
    note(program, "suspended" if "cause" in content else "incident_filed", account=cast.lin.id, **content)
    assert deliver(program).outcomes == {"sent": 1}


def test_who_works_on_working_days_is_told_after_the_holiday_but_on_a_makeup_day(
        program: Program, cast: Cast, servers: Servers, clock: Shifted) -> None:
    set_up(program, cast.rui, working_days=True, quiet_from=0, quiet_until=0)
    clock.forward(datetime(2026, 9, 19, 2, tzinfo=UTC))  # a Saturday
    note(program, account=cast.rui.id)
    deliver(program)
    clock.forward(datetime(2026, 9, 20, 2, tzinfo=UTC))  # the Sunday that is worked for the October holiday
    assert deliver(program).outcomes == {"sent": 1}


def test_who_gathers_gets_one_letter_at_eight(program: Program, cast: Cast, servers: Servers, clock: Shifted) -> None:
    set_up(program, cast.rui, gathered=True)
    for hour in (10, 12, 15):
        clock.forward(at(hour))
        note(program, account=cast.rui.id)
        assert deliver(program).outcomes == {}
    clock.forward(at(8, 1))
    assert deliver(program).outcomes == {"sent": 3}
    mail, = servers.mail.took
    assert "3 条通知" in mail["Subject"]

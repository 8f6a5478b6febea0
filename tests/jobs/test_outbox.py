"""The outbox: what was noted reaches each person once by each channel, in their language and at their hours; faults are
tried again and stay visible; nothing is dropped for want of a channel."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from conftest import running
from databases import Stencil
from loopback import CHECKING, FEISHU_CHECKING, SIGNING, Servers, all_served
from standardwebhooks.webhooks import Webhook

from sandbox.acts.act import Act, Clock
from sandbox.acts.schedule import notify
from sandbox.jobs.carriers import mail as by_mail
from sandbox.jobs.carriers import robots as by_robot
from sandbox.jobs.carriers import webhook as by_webhook
from sandbox.jobs.carriers.robots import cut
from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import LEASE, MOST_ATTEMPTS, Delivered, carried, deliver, lease
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.recipients import expand
from sandbox.reads.messages import deliveries, given_up, waiting
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Relation
from sandbox.store.channels import CHANNELS, DELIVERIES, ChannelKind
from sandbox.store.dues import NOTICES
from sandbox.store.settings import Settings

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RUI = "rui@people.example"
Adopted = Callable[..., list[str]]
numbers = itertools.count()
pytestmark = pytest.mark.only_on("sqlite")
"""What other servers answer is the same on each database; what is leased and marked is tried on both."""


@pytest.fixture
def servers() -> Iterator[Servers]:
    with all_served() as found:
        yield found


@pytest.fixture
def program(filled: Stencil, database: Callable[[Stencil], Settings], clock: Shifted,
            servers: Servers) -> Iterator[Program]:
    """A program whose channels lead to the servers."""
    yield from running(database(filled).model_copy(update=servers.settings()), clock)


def variant(program: Program, clock: Clock | None = None, **settings: Any) -> Program:
    """The same program with other settings, or at another clock."""
    changed = program.settings.model_copy(update=settings)
    return replace(program, settings=changed, clock=clock or program.clock)


def note(program: Program, kind: str = "try_channels", trial: str | None = None, **more: Any) -> None:
    """A notice, as an act would leave it in its transaction."""
    def job(transaction: Any) -> None:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR, Relation.SYSTEM)
        if trial:
            act.hold_trial(trial)
        notify(act, kind, **{"dedupe": str(next(numbers)), **more})

    program.door.submit(job)


def rows(program: Program, *columns: Any) -> list[Any]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(*columns).order_by(DELIVERIES.c.id)).all())


def states(program: Program) -> list[str]:
    return [row.state for row in rows(program, DELIVERIES.c.state)]


def set_up(program: Program, who: Actor, **given: Any) -> Any:
    return program.acts.do("set_channels", who, given)


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


def at(hour: int, day: int = 0) -> datetime:
    """That hour in Shanghai, so many days after START (a Monday)."""
    return START.replace(hour=0, minute=0) + day * DAY + (hour - 8) * HOUR


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


# Faults


def failing(servers: Servers, channel: str, answers: list[Any]) -> None:
    """The channel's server fails like this first."""
    getattr(servers, channel).script[:] = answers


ROBOTS_SAY_NO = [
    ("wecom", (200, {}, b'{"errcode": 45009, "errmsg": "api freq out of limit"}'), "code 45009", MINUTE),
    ("dingtalk", (200, {}, b'{"errcode": 130101, "errmsg": "send too fast"}'), "code 130101", MINUTE),
    ("feishu", (200, {}, b'{"code": 11232, "msg": "frequency limited"}'), "code 11232", MINUTE),
    ("feishu", (200, {}, b"<html>a proxy's page</html>"), "answer", MINUTE),
    ("wecom", (500, {}, b""), "http 500", MINUTE),
    ("dingtalk", (429, {"Retry-After": "600"}, b""), "http 429", 10 * MINUTE),
    ("webhook", (503, {"Retry-After": "Mon, 02 Mar 2026 03:00:00 GMT"}, b""), "http 503", 2 * HOUR),
    ("webhook", (429, {"Retry-After": "soon"}, b""), "http 429", MINUTE),
    ("webhook", (500, {}, b""), "http 500", MINUTE),
]


@pytest.mark.parametrize(("channel", "answer", "error", "wait"), ROBOTS_SAY_NO)
def test_what_a_server_does_not_take_comes_again_when_it_asks_and_arrives_once(
        program: Program, cast: Cast, servers: Servers, clock: Shifted, channel: str, answer: Any, error: str,
        wait: timedelta) -> None:
    mine = {name: value for name, value in servers.channels().items() if name.startswith(channel)}
    set_up(program, cast.rui, mail=False, **mine)
    failing(servers, channel, [answer])
    program.acts.do("try_channels", cast.rui, {})
    assert deliver(program).outcomes == {"again": 1}
    assert rows(program, DELIVERIES.c.error, DELIVERIES.c.attempts, DELIVERIES.c.at) == [(error, 1, START + wait)]
    clock.forward(START + wait - timedelta(seconds=1))
    assert deliver(program).outcomes == {}
    clock.forward(START + wait)
    assert deliver(program).outcomes == {"sent": 1}
    assert len(getattr(servers, channel).took) == 1
    assert rows(program, DELIVERIES.c.error, DELIVERIES.c.attempts) == [(None, 2)]


def test_what_mail_refuses_for_now_comes_again_under_the_same_id(program: Program, cast: Cast, servers: Servers,
                                                                clock: Shifted) -> None:
    servers.mail.script[:] = ["451 busy"]
    program.acts.do("try_channels", cast.rui, {})
    assert deliver(program).outcomes == {"again": 1}
    clock.forward(START + MINUTE)
    deliver(program)
    delivery, = rows(program, DELIVERIES.c.id, DELIVERIES.c.state)
    assert servers.mail.took[0]["Message-ID"].startswith(f"<{delivery.id}@") and delivery.state == "sent"


def test_an_address_that_does_not_exist_is_given_up_at_once_and_shown(program: Program, cast: Cast,
                                                                    servers: Servers) -> None:
    servers.mail.unknown.add(RUI)
    program.acts.do("try_channels", cast.rui, {})
    assert deliver(program).outcomes == {"failed": 1}
    with program.reading() as connection:
        assert given_up(connection) == 1
        shown, = deliveries(connection, cast.rui).items
    assert (shown["state"], shown["error"]) == ("failed", "smtp 550")


def test_a_robot_that_is_gone_gives_way_to_mail(program: Program, cast: Cast, servers: Servers) -> None:
    set_up(program, cast.rui, mail=False, wecom="another-key-9999")
    program.acts.do("try_channels", cast.rui, {})
    assert deliver(program).outcomes == {"failed": 1, "sent": 1}
    assert len(servers.mail.to(RUI)) == 1
    assert {row.channel: row.error for row in rows(program, DELIVERIES.c.channel, DELIVERIES.c.error)} == {
        "wecom": "code 93000", "mail": None}


def test_a_channel_removed_meanwhile_gives_way_to_mail(program: Program, cast: Cast, servers: Servers) -> None:
    set_up(program, cast.rui, mail=False, feishu=servers.channels()["feishu"])
    program.acts.do("try_channels", cast.rui, {})
    expand(program)
    set_up(program, cast.rui, remove=["feishu"])
    assert deliver(program).outcomes == {"dropped": 1, "sent": 1}
    assert len(servers.mail.to(RUI)) == 1 and servers.feishu.calls == []


@pytest.mark.parametrize("channel", ("wecom", "dingtalk", "feishu", "webhook", "mail"))
def test_a_server_that_cannot_be_reached_is_tried_again(program: Program, cast: Cast, channel: str) -> None:
    nobody = "http://127.0.0.1:9"
    cut_off = variant(program, mail_url="smtp://127.0.0.1:9", wecom_url=nobody, dingtalk_url=nobody, feishu_url=nobody)
    given = {"wecom": "wecom-key-0001", "dingtalk": "dingtalktoken1", "feishu": "feishu-key-1",
             "webhook": f"{nobody}/hook"}
    if channel != "mail":
        set_up(program, cast.rui, mail=False, **{channel: given[channel]})
    program.acts.do("try_channels", cast.rui, {})
    assert deliver(cut_off).outcomes == {"again": 1}
    assert rows(program, DELIVERIES.c.error) == [("unreachable",)]


@pytest.mark.parametrize("channel", ("wecom", "feishu", "webhook"))
def test_a_server_that_does_not_answer_is_left_after_a_while(program: Program, cast: Cast, servers: Servers,
                                                            channel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (by_mail, by_robot, by_webhook):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.2)
    set_up(program, cast.rui, mail=False, **{channel: servers.channels()[channel]})
    failing(servers, channel, [None])
    program.acts.do("try_channels", cast.rui, {})
    assert deliver(program).outcomes == {"again": 1}
    assert rows(program, DELIVERIES.c.error) == [("timeout",)]


def test_what_fails_for_three_days_is_given_up_and_an_administrator_has_it_tried_again(
        program: Program, cast: Cast, servers: Servers, clock: Shifted) -> None:
    program.acts.do("try_channels", cast.rui, {})
    servers.mail.script[:] = ["451 busy"] * MOST_ATTEMPTS
    waits = []
    while states(program) in ([], ["due"]):
        before = clock()
        deliver(program)
        clock.forward(rows(program, DELIVERIES.c.at)[0].at)
        waits.append((clock() - before) / MINUTE)
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (states(program), len(waits)) == (["failed"], MOST_ATTEMPTS)
    program.acts.do("retry_delivery", cast.ada, {}, on=rows(program, DELIVERIES.c.id)[0].id)
    assert deliver(program).outcomes == {"sent": 1}


def test_one_notice_without_words_keeps_nobody_else_waiting(program: Program, cast: Cast, servers: Servers) -> None:
    note(program, "no_such_kind", account=cast.rui.id)
    program.acts.do("try_channels", cast.mei, {})
    assert deliver(program).outcomes == {"again": 1, "sent": 1}
    assert len(servers.mail.took) == 1


# Once


@pytest.mark.only_on("sqlite", "postgresql")
def test_two_processes_send_each_message_once(program: Program, clock: Shifted, cast: Cast,
                                              servers: Servers) -> None:
    other = open_program(program.settings, clock)
    for person in cast.reviewers:
        for number in range(4):
            note(program, account=person.id, dedupe=str(number))
    done: list[Delivered] = []
    threads = [threading.Thread(target=lambda of=of: done.append(deliver(of))) for of in (program, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    ids = [mail["Message-ID"] for mail in servers.mail.took]
    assert len(ids) == len(set(ids)) == 20
    assert sum(one.outcomes["sent"] for one in done) == 20


@pytest.mark.only_on("sqlite", "postgresql")
def test_a_process_killed_after_sending_sends_again_under_the_same_id_when_its_lease_is_over(
        program: Program, cast: Cast, servers: Servers, clock: Shifted) -> None:
    set_up(program, cast.rui, gathered=True)
    for _ in range(2):
        note(program, account=cast.rui.id)
    clock.forward(at(8, 1))
    expand(program)
    clock.forward(at(8, 2))
    leased, _ = lease(program, ChannelKind.MAIL)
    carried(program, leased)  # and here it is killed: nothing is marked
    note(program, account=cast.rui.id, urgent=True)
    assert deliver(program).outcomes == {"sent": 1}  # what is leased is left in peace
    clock.forward(at(8, 2) + LEASE)
    assert deliver(program).outcomes == {"sent": 2}
    first, _, again = servers.mail.took
    assert first["Message-ID"] == again["Message-ID"]
    assert first.get_content() == again.get_content()



# Secrets


def test_addresses_and_secrets_are_nowhere_but_in_their_own_table(program: Program, cast: Cast,
                                                                 servers: Servers) -> None:
    secret = set_up(program, cast.rui, **servers.channels()).secret
    servers.wecom.script[:] = [(500, {}, b"")]
    program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    kept = [secret, SIGNING, "wecom-key-0001", "dingtalktoken0001", "feishu-key-0001", "tenant=1"]
    with program.reading() as connection:
        for table in {row[0] for row in connection.execute(sa.text(
                "SELECT name FROM sqlite_master WHERE type = 'table'"))} - {CHANNELS.name}:
            text = repr(connection.execute(sa.text(f"SELECT * FROM {table}")).all())
            assert not [one for one in kept if one in text], table


@pytest.mark.parametrize("address", (
    "https://10.0.0.1/hook", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://[::1]/",
    "https://[fd00::1]/", "https://[::ffff:10.0.0.1]/", "https://0.0.0.0/", "https://100.64.0.1/", "https://2130706433/",
    "https://127.1/"))
def test_a_webhook_does_not_lead_into_the_citys_own_network(program: Program, cast: Cast, address: str) -> None:
    set_up(program, cast.rui, mail=False, webhook=address)
    program.acts.do("try_channels", cast.rui, {})
    deliver(variant(program, testing=False))
    assert ("not_allowed",) in rows(program, DELIVERIES.c.error)


def test_a_webhook_on_this_machine_is_for_tests_alone(program: Program, cast: Cast, servers: Servers) -> None:
    set_up(program, cast.rui, mail=False, webhook=servers.channels()["webhook"])
    program.acts.do("try_channels", cast.rui, {})
    deliver(variant(program, testing=False))
    assert servers.webhook.calls == []


def test_a_redirect_is_not_followed(program: Program, cast: Cast, servers: Servers) -> None:
    there = {"Location": f"{servers.feishu.url}/elsewhere"}
    set_up(program, cast.rui, mail=False, webhook=servers.channels()["webhook"], wecom=servers.channels()["wecom"])
    servers.webhook.script[:] = servers.wecom.script[:] = [(307, there, b"")]
    program.acts.do("try_channels", cast.rui, {})
    deliver(program)
    assert servers.feishu.calls == []
    assert [row.error for row in rows(program, DELIVERIES.c.error) if row.error] == ["http 307"] * 2


def test_a_long_letter_is_cut_at_a_line_to_what_a_robot_takes() -> None:
    text = "\n".join("一条通知" * 10 for _ in range(40))
    short = cut(text, 2000)
    assert len(short.encode()) <= 2000 and short.endswith("\n…")
    assert cut("短", 2000) == "短"


@pytest.mark.only_on("sqlite", "postgresql")
def test_every_notice_noted_has_been_made_into_deliveries(program: Program, cast: Cast, adopted: Adopted) -> None:
    adopted(2)
    deliver(program)
    with program.reading() as connection:
        assert connection.execute(sa.select(NOTICES.c.id).where(NOTICES.c.expanded_at.is_(None))).all() == []

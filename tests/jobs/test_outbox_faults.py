"""What goes wrong on the way of a letter: it is tried again, sent once, and gives no secret away."""

import threading
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from loopback import SIGNING, Servers
from sending import (  # noqa: F401 two of them are fixtures
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

from sandbox.jobs.carriers import mail as by_mail
from sandbox.jobs.carriers import robots as by_robot
from sandbox.jobs.carriers import webhook as by_webhook
from sandbox.jobs.carriers.robots import cut
from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import LEASE, MOST_ATTEMPTS, Delivered, carried, deliver, lease
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.recipients import expand
from sandbox.reads.messages import deliveries, given_up
from sandbox.store.channels import CHANNELS, DELIVERIES, ChannelKind
from sandbox.store.dues import NOTICES

pytestmark = pytest.mark.only_on("sqlite")
"""What other servers answer is the same on each database; what is leased and marked is tried on both."""


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

"""Must be seen: every reminder of the ladder, its escalation and its cancellation arrive exactly once, in the language
of each recipient, at servers that speak the channels' own protocols."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from conftest import running
from databases import Stencil
from loopback import Servers, all_served

from sandbox.jobs import tick as ticking
from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import deliver
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.rules.access import Actor
from sandbox.store.dues import DUES, DueKind
from sandbox.store.reviews import REVIEWS
from sandbox.store.settings import Settings

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DUE = START + timedelta(days=30, hours=15)
Adopted = Callable[..., list[str]]


@pytest.fixture
def servers() -> Iterator[Servers]:
    with all_served() as found:
        yield found


@pytest.fixture
def program(filled: Stencil, database: Callable[[Stencil], Settings], clock: Shifted,
            servers: Servers) -> Iterator[Program]:
    """A program whose channels lead to the servers."""
    yield from running(database(filled).model_copy(update=servers.settings()), clock)


@pytest.fixture
def trial(program: Program, cast: Cast, servers: Servers, adopted: Adopted) -> str:
    """A pilot of tier R3: Shen (AI) by DingTalk in traditional characters and Rui (trade) by WeCom in simplified ones
    are on duty, Mei by Feishu in English is not; Lin is told by webhook, Zhou by mail."""
    found, = adopted(1)
    ways = ((cast.shen, "zh_Hant", ("dingtalk", "dingtalk_secret")), (cast.rui, "zh_Hans", ("wecom",)),
            (cast.mei, "en", ("feishu",)), (cast.lin, "en", ("webhook",)), (cast.zhou, "zh_Hant", ()))
    for person, locale, names in ways:
        program.acts.do("change_account", cast.ada, {"account_id": person.id, "locale": locale})
        program.acts.do("set_channels", person, {
            "mail": not names, "quiet_from": 0, "quiet_until": 0,
            **{name: servers.channels()[name] for name in names}})
    for person in (cast.shen, cast.rui, cast.mei):
        seat(program, cast, person, found)
    program.door.submit(lambda transaction: transaction.connection.execute(sa.delete(DUES).where(
        DUES.c.kind.not_in((DueKind.OPEN_REVIEW, DueKind.REMIND_REVIEW)))))
    deliver(program)
    for taken in everything(servers):
        taken.clear()
    return found


def seat(program: Program, cast: Cast, person: Actor, trial: str) -> None:
    offered = program.acts.do("assign_reviewer", cast.lin, {"account_id": person.id, "panel": "running"}, on=trial)
    program.acts.do("answer_assignment", person, {"conflict": False, "accepted": True}, on=offered.id)


def everything(servers: Servers) -> tuple[list[Any], ...]:
    """What each server took: DingTalk, WeCom, Feishu, webhook, mail."""
    return servers.dingtalk.took, servers.wecom.took, servers.feishu.took, servers.webhook.took, servers.mail.took


def arrived(servers: Servers) -> list[list[str]]:
    """The texts since the last look."""
    texts = [list(servers.dingtalk.took), list(servers.wecom.took), list(servers.feishu.took),
             [one["text"] for letter in servers.webhook.took for one in letter["data"]["notices"]],
             [mail.get_content() for mail in servers.mail.took]]
    for taken in everything(servers):
        taken.clear()
    return texts


def stand(program: Program, clock: Shifted, days: int) -> None:
    """A minute before the rung, when nothing may happen, and at it; the outbox twice each time."""
    for at in (DUE + days * DAY - MINUTE, DUE + days * DAY):
        clock.forward(at)
        ticking.beat(program, at)
        tick(program)
        deliver(program)
        deliver(program)


SAID = {
    -14: ("風險評審將於 2026 年 4 月 2 日 00:00 截止，還有 14 天",
          "风险评审将于 2026 年 4 月 2 日 00:00 截止，还有 14 天", "14 days left", None, None),
    -7: ("風險評審已開放", "风险评审已开放", None, None, None),
    -3: ("還有 3 天", "还有 3 天", None, None, None),
    -1: ("還有 1 天", "还有 1 天", None, None, None),
    0: ("風險評審已到截止時間", "风险评审已到截止时间", None, "was due by 2 April 2026", "您作為監管人員"),
    1: ("已逾期 1 天", "已逾期 1 天", None, "1 day overdue", "已逾期 1 天"),
    3: ("已逾期 3 天", "已逾期 3 天", "You are asked as substitute", "3 days overdue", "已逾期 3 天"),
    7: ("已逾期 7 天", "已逾期 7 天", "You are asked as substitute", "7 days overdue", "已逾期 7 天"),
}
"""By rung: what Shen, Rui, Mei, Lin and Zhou read; None where nothing comes."""


def test_every_rung_and_its_escalation_arrives_once_by_each_persons_channel_in_their_language(
        program: Program, clock: Shifted, servers: Servers, trial: str) -> None:
    for days, expected in SAID.items():
        stand(program, clock, days)
        texts = arrived(servers)
        assert [len(mine) for mine in texts] == [int(said is not None) for said in expected], days
        for said, mine in zip(expected, texts, strict=True):
            assert said is None or (said in mine[0] and trial in mine[0]), (days, said, mine)


def test_when_the_review_is_held_nothing_more_arrives(program: Program, clock: Shifted, cast: Cast, servers: Servers,
                                                     trial: str) -> None:
    for days in (-14, -7, -3):
        stand(program, clock, days)
    with program.reading() as connection:
        held = connection.execute(sa.select(REVIEWS.c.id).where(REVIEWS.c.state == "open")).scalar_one()
    program.acts.do("conclude_review", cast.lin, {"recommendation": "continue", "conclusion": "Goes on",
                                                  "stand_in": True}, on=held)
    arrived(servers)
    program.door.submit(lambda transaction: transaction.connection.execute(sa.delete(DUES).where(
        DUES.c.object_id != held)))
    for days in (-1, 0, 1, 3, 7):
        stand(program, clock, days)
    assert arrived(servers) == [[], [], [], [], []]

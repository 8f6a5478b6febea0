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
from sandbox.store.clocks import CLOCKS
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
    -14: ("風險評審將於 2026 年 4 月 1 日 24:00 截止，還有 14 天",
          "风险评审将于 2026 年 4 月 1 日 24:00 截止，还有 14 天", "14 days left", None, None),
    -7: ("風險評審已開放", "风险评审已开放", None, None, None),
    -3: ("還有 3 天", "还有 3 天", None, None, None),
    -1: ("還有 1 天", "还有 1 天", None, None, None),
    0: ("風險評審已到截止時間", "风险评审已到截止时间", None, "was due by 1 April 2026", "您作為監管人員"),
    1: ("已逾期 1 天", "已逾期 1 天", None, "1 day overdue", "已逾期 1 天"),
    3: ("已逾期 3 天", "已逾期 3 天", "You are asked as substitute", "3 days overdue", "已逾期 3 天"),
    7: ("已逾期 7 天", "已逾期 7 天", "You are asked as substitute", "7 days overdue", "已逾期 7 天"),
}
"""By rung: what Shen, Rui, Mei, Lin and Zhou read; None where nothing comes."""


@pytest.mark.only_on("sqlite")
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


# Reports, duties with a clock, corrective items

REPORT = START + timedelta(days=7, hours=15)
"""24:00 in Shanghai of the day on which the first report of tier R3 is due."""
MORNING = timedelta(hours=9)


@pytest.fixture
def pilot(program: Program, cast: Cast, servers: Servers, adopted: Adopted) -> str:
    """A pilot of tier R3 with nobody on its panel: Fang of the firm is told by DingTalk in simplified characters, Lin
    by webhook in English, Zhou by mail in traditional ones."""
    found, = adopted(1)
    for person, locale, names in ((cast.fang, "zh_Hans", ("dingtalk", "dingtalk_secret")),
                                  (cast.lin, "en", ("webhook",)), (cast.zhou, "zh_Hant", ())):
        program.acts.do("change_account", cast.ada, {"account_id": person.id, "locale": locale})
        program.acts.do("set_channels", person, {
            "mail": not names, "quiet_from": 0, "quiet_until": 0,
            **{name: servers.channels()[name] for name in names}})
    deliver(program)
    for taken in everything(servers):
        taken.clear()
    return found


def leave(program: Program, *kinds: DueKind) -> None:
    """Only these are owed from here on."""
    program.door.submit(lambda transaction: transaction.connection.execute(sa.delete(DUES).where(
        DUES.c.kind.not_in(kinds))))


def at(program: Program, clock: Shifted, servers: Servers, when: Any) -> tuple[list[str], list[str], list[str]]:
    """What Fang, Lin and Zhou get at that minute; a minute before it nothing comes."""
    texts: list[list[str]] = []
    for moment in (when - MINUTE, when):
        clock.forward(moment)
        ticking.beat(program, moment)
        tick(program)
        deliver(program)
        deliver(program)
        texts = arrived(servers)
        assert moment == when or texts == [[], [], [], [], []], moment
    return texts[0], texts[3], texts[4]


@pytest.mark.only_on("sqlite")
def test_a_report_is_asked_for_four_times_and_the_fourth_reaches_the_officers_too(
        program: Program, clock: Shifted, servers: Servers, pilot: str) -> None:
    leave(program, DueKind.REMIND_FEEDBACK)
    for days, said in ((-4, "使用反馈将于"), (-1, "使用反馈将于"), (0, "现在可以提交整期报告"),
                       (3, "使用反馈已逾期 3 天")):
        fang, lin, zhou = at(program, clock, servers, REPORT + days * DAY + MORNING)
        assert len(fang) == 1 and said in fang[0] and pilot in fang[0], (days, fang)
        assert (len(lin), len(zhou)) == ((1, 1) if days == 3 else (0, 0))
        assert days != 3 or ("3 days overdue" in lin[0] and "使用反饋已逾期 3 天" in zhou[0])


def test_a_report_that_was_filed_is_not_asked_for_any_more(program: Program, clock: Shifted, cast: Cast,
                                                          servers: Servers, pilot: str) -> None:
    leave(program, DueKind.REMIND_FEEDBACK)
    assert len(at(program, clock, servers, REPORT - 4 * DAY + MORNING)[0]) == 1
    clock.forward(REPORT)
    program.acts.do("file_feedback", cast.fang, {"period_start": START, "period_end": REPORT, "exposures": 10.0}, pilot)
    leave(program, DueKind.REMIND_FEEDBACK)
    for days in (0, 1):
        assert at(program, clock, servers, REPORT + days * DAY + MORNING) == ([], [], [])


@pytest.mark.only_on("sqlite")
def test_a_duty_with_a_clock_is_reminded_of_until_it_is_met_and_told_to_both_sides_when_it_has_run_out(
        program: Program, clock: Shifted, cast: Cast, servers: Servers, pilot: str) -> None:
    for _ in range(2):
        program.acts.do("file_incident", cast.fang, {"kind": "complaint", "occurred_at": START.isoformat()}, pilot)
    with program.reading() as connection:
        answers = connection.execute(sa.select(CLOCKS.c.id, CLOCKS.c.due_at).where(
            CLOCKS.c.key == "C25.answer").order_by(CLOCKS.c.id)).all()
    deliver(program)
    arrived(servers)
    met, due = answers[0].id, answers[0].due_at
    program.door.submit(lambda transaction: transaction.connection.execute(sa.delete(DUES).where(
        DUES.c.object_id.not_in([one.id for one in answers]))))
    for days in (7, 3, 1):
        fang, lin, zhou = at(program, clock, servers, due - days * DAY)
        assert len(fang) == (2 if days == 7 else 1), "one was answered after the first reminder"
        assert all(f"还有 {days} 天" in text for text in fang) and (lin, zhou) == ([], [])
        if days == 7:
            program.acts.do("meet_clock", cast.fang, {}, on=met)
    fang, lin, zhou = at(program, clock, servers, due)
    assert ["时限已届满" in fang[0], "time limit has run out" in lin[0], "時限已屆滿" in zhou[0]] == [True] * 3
    assert (len(fang), len(lin), len(zhou)) == (1, 1, 1)


@pytest.mark.only_on("sqlite")
def test_a_corrective_item_is_reminded_of_and_falls_silent_when_it_is_done(
        program: Program, clock: Shifted, cast: Cast, servers: Servers, pilot: str) -> None:
    item = program.acts.do("add_corrective_item", cast.lin, {
        "what": "Lamps", "owner": "Fitters", "due_on": (START + 19 * DAY).date().isoformat()}, on=pilot).id
    deliver(program)
    arrived(servers)
    leave(program, DueKind.REMIND_ITEM)
    due = START + timedelta(days=19, hours=15)
    for days in (7, 3):
        fang, lin, zhou = at(program, clock, servers, due - days * DAY)
        assert len(fang) == 1 and f"整改事项将于 2026 年 3 月 21 日 24:00 到期，还有 {days} 天" in fang[0], fang
        assert (lin, zhou) == ([], [])
    program.acts.do("finish_corrective_item", cast.fang, {"done": "Lamps fitted"}, on=item)
    deliver(program)
    arrived(servers)
    assert at(program, clock, servers, due - DAY) == ([], [], [])

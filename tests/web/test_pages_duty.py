"""The duty roster and alarms in the browser and by personal link, which no mail program can use up by opening it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from desk import Desks, Page, desks
from visitor import Visitor, text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.papers.letters import Told, letter
from sandbox.papers.links import personal_link
from sandbox.store.duty import ALARMS
from sandbox.words import LOCALES

MINUTE = timedelta(minutes=1)
ALL = ("zh_Hans", "zh_Hant", "en")


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def alarm(program: Program, cast: Cast, adopted: Callable[..., list[str]]) -> str:
    """An incident of the first class, with nobody on duty."""
    trial, = adopted(1)
    program.acts.do("file_incident", cast.fang, {"severity": "S1", "occurred_at": START.isoformat()}, on=trial)
    return str(kept(program).id)


def kept(program: Program) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(ALARMS)).one()


def link(program: Program, alarm: str, account: str) -> str:
    return personal_link(program.settings.secret_key, "", alarm, account)


def test_the_roster_says_who_is_on_duty_and_when_nobody_is(at: Desks, cast: Cast, clock: Shifted) -> None:
    before = text_of(at(cast.lin).get("/duty?lang=en").text)
    assert "Nobody is on duty now" in before and "2 Mar" in before
    sent = at(cast.lin).send("/duty", {"officer_id": cast.lin.id, "deputy_id": cast.zhou.id,
                                       "starts_at": "2026-03-02T08:00", "ends_at": "2026-03-09T08:00"})
    assert sent.status_code == 303
    for language in ALL:
        assert "Zhou" in at(cast.zhou).get(f"/duty?lang={language}").text
    assert "On duty now: Lin, deputy Zhou" in text_of(at(cast.zhou).get("/duty?lang=en").text)
    again = at(cast.lin).send("/duty", {"officer_id": cast.zhou.id, "deputy_id": cast.zhou.id,
                                        "starts_at": "2026-03-09T08:00", "ends_at": "2026-03-10T08:00"})
    assert again.status_code == 422 and "f-deputy_id-e" in Page(again.text).ids
    off, = (one for one in Page(at(cast.lin).get("/duty").text).links if one.endswith("/withdrawal"))
    assert at(cast.lin).send(off, {"reason": "Ill"}).status_code == 303
    assert "Nobody is on duty now" in text_of(at(cast.lin).get("/duty?lang=en").text)
    assert [at(who).get("/duty").status_code for who in (cast.fang, cast.rui, cast.ada)] == [403, 403, 403]


def test_an_alarm_is_acknowledged_on_its_page_and_says_by_whom_and_how_soon(
        program: Program, at: Desks, cast: Cast, clock: Shifted, alarm: str) -> None:
    assert f"/alarms/{alarm}" in Page(at(cast.lin).get("/").text).links
    for language, left in (("zh_Hans", "还剩 30 分钟"), ("zh_Hant", "還剩 30 分鐘"), ("en", "30 minutes left")):
        assert left in text_of(at(cast.lin).get(f"/?lang={language}").text)
    for language in ALL:
        assert at(cast.lin).get(f"/alarms/{alarm}?lang={language}").status_code == 200
    clock.forward(START + 12 * MINUTE)
    assert at(cast.lin).send(f"/alarms/{alarm}", {"doing": "Called the operator"}).status_code == 303
    page = text_of(at(cast.zhou).get(f"/alarms/{alarm}?lang=en").text)
    assert "Called the operator" in page and "Lin · after 12 minutes" in page
    assert f"/alarms/{alarm}" not in Page(at(cast.lin).get("/").text).links
    assert [at(who).get(f"/alarms/{alarm}").status_code for who in (cast.fang, cast.rui)] == [403, 403]


def test_the_link_acknowledges_when_its_button_is_pressed_and_not_when_it_is_opened(
        program: Program, at: Desks, cast: Cast, alarm: str) -> None:
    path, visitor = link(program, alarm, cast.zhou.id), Visitor(at.app)
    for language in LOCALES:
        page = visitor.get(f"{path}?lang={language}")
        assert page.status_code == 200 and Page(page.text).faults() == []
    assert kept(program).acknowledged_at is None
    sent = visitor.post(path, Page(visitor.get(path).text).fields)
    assert sent.status_code == 200 and kept(program).acknowledged_by == cast.zhou.id
    other = Visitor(at.app).get(link(program, alarm, cast.lin.id) + "?lang=en")
    assert other.status_code == 410 and "Zhou acknowledged it" in text_of(other.text)


def test_a_link_to_an_alarm_is_worth_nothing_to_whoever_is_no_regulator(program: Program, at: Desks, cast: Cast,
                                                                      alarm: str) -> None:
    missing = Visitor(at.app).get("/r/nothing")
    for who in (cast.fang, cast.rui, cast.ada):
        assert Visitor(at.app).get(link(program, alarm, who.id)).status_code == missing.status_code == 404
    program.acts.do("change_account", cast.ada, {"account_id": cast.zhou.id, "active": False})
    assert Visitor(at.app).get(link(program, alarm, cast.zhou.id)).status_code == 404
    assert kept(program).acknowledged_at is None


def test_the_letter_of_an_alarm_has_its_readers_own_link_and_disturbs_at_night() -> None:
    content = {"cause": "grave_incident", "capacity": "duty_deputy", "object": "am_1", "urgent": True}
    written = letter([Told("no_1", "alarm", content, "ES-0001", START)], "dv_1", "en", START.tzinfo, "https://s.example",
                     lambda thing: f"https://s.example/r/of-{thing}")
    assert [item.url for item in written.items] == ["https://s.example/r/of-am_1"]
    assert "30 minutes" in written.text and "you are the deputy" in written.text

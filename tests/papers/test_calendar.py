"""Calendars: what each person's feed holds, in their language; how it changes; and that other programs read it so."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import icalendar
import pytest
import recurring_ical_events
import sqlalchemy as sa
import vobject
from cast import START, Cast
from flask import Flask

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.papers.calendar import calendar
from sandbox.rules.access import Actor
from sandbox.store.channels import FEEDS
from sandbox.store.reviews import REVIEWS
from sandbox.web.front import make_app

DAY = timedelta(days=1)
DUE_DAY = date(2026, 4, 1)
"""The day at whose end the first review of a pilot of tier R3 is due."""
Adopted = Callable[..., list[str]]


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture
def trial(program: Program, cast: Cast, adopted: Adopted) -> str:
    """A running trial with Rui on its panel."""
    found, = adopted(1)
    seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=found)
    program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=seat.id)
    return found


def address(app: Flask, program: Program, who: Actor) -> str:
    """A fresh address of this person's calendar, as a path."""
    from sandbox.web.feeds import address_of

    program.acts.do("renew_calendar", who, {})
    with program.reading() as connection:
        serial = connection.execute(sa.select(FEEDS.c.serial).where(FEEDS.c.account_id == who.id)).scalar_one()
    with app.test_request_context("/"):
        return address_of(serial).removeprefix("http://localhost:8000")


def feed(app: Flask, program: Program, who: Actor) -> icalendar.Calendar:
    found = app.test_client().get(address(app, program, who))
    assert found.status_code == 200 and found.content_type == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(found.data)  # type: ignore[return-value]


def events(of: icalendar.Calendar, kind: str = "VEVENT") -> dict[str, Any]:
    """Components by what they say."""
    return {str(one["summary"]): one for one in of.walk(kind)}


def owner_of(program: Program, trial: str) -> Actor:
    """Somebody of the firm whose trial it is."""
    from cast import actor

    from sandbox.store.accounts import ACCOUNTS
    from sandbox.store.trials import TRIALS

    with program.reading() as connection:
        body = connection.execute(sa.select(TRIALS.c.organisation_id).where(TRIALS.c.id == trial)).scalar_one()
        found = connection.execute(sa.select(ACCOUNTS.c.id).where(ACCOUNTS.c.organisation_id == body)).scalar()
    return actor(program, str(found))


# Who sees what


def test_a_reviewer_sees_the_reviews_of_the_trials_they_sit_on_as_dates_and_tasks(
        app: Flask, program: Program, cast: Cast, trial: str, adopted: Adopted) -> None:
    found = feed(app, program, cast.rui)
    assert set(events(found)) == {f"风险评审截止，{trial}"} == set(events(found, "VTODO"))
    assert feed(app, program, cast.mei).walk("VEVENT") == []


def test_a_regulator_sees_every_date_of_every_trial(app: Flask, program: Program, cast: Cast, trial: str,
                                                   adopted: Adopted) -> None:
    program.acts.do("change_account", cast.ada, {"account_id": cast.lin.id, "locale": "en"})
    found = feed(app, program, cast.lin)
    assert set(events(found)) == {f"Risk check due, {trial}", f"Feedback due, {trial}", f"Trial ends, {trial}"}
    assert found.walk("VTODO") == []
    assert str(found["x-wr-calname"]) == "Ethics sandbox"


def test_a_firm_sees_its_own_reports_and_ends_in_its_language(app: Flask, program: Program, cast: Cast,
                                                             trial: str) -> None:
    firm = owner_of(program, trial)
    program.acts.do("change_account", cast.ada, {"account_id": firm.id, "locale": "zh_Hant"})
    found = feed(app, program, firm)
    assert set(events(found)) == {f"使用反饋截止，{trial}", f"試點到期，{trial}"}
    assert set(events(found, "VTODO")) == {f"使用反饋截止，{trial}"}
    assert feed(app, program, cast.gao).walk("VEVENT") == []


def test_no_calendar_names_a_firm(app: Flask, program: Program, cast: Cast, trial: str) -> None:
    assert "海睿" not in app.test_client().get(address(app, program, cast.lin)).text


def test_a_recused_reviewer_sees_the_trials_dates_no_more(app: Flask, program: Program, cast: Cast,
                                                         trial: str) -> None:
    from sandbox.store.trials import SEATS

    path = address(app, program, cast.rui)
    assert "VEVENT" in app.test_client().get(path).text
    with program.reading() as connection:
        seat = connection.execute(sa.select(SEATS.c.id).where(SEATS.c.account_id == cast.rui.id)).scalar_one()
    program.acts.do("recuse_reviewer", cast.lin, {"reason": "Shares"}, on=seat)
    assert "VEVENT" not in app.test_client().get(path).text


# The address


def test_an_address_that_was_renewed_is_the_same_as_one_that_never_was(app: Flask, program: Program,
                                                                      cast: Cast) -> None:
    old, new = (address(app, program, cast.rui) for _ in range(2))
    forged = new[:-6] + ("00" if new[-6:-4] != "00" else "11") + ".ics"
    paths = (old, forged, "/calendar/" + "A" * 48 + ".ics", "/calendar/x.ics")
    answers = [(path, app.test_client().get(path)) for path in paths]
    assert len({(one.status_code, one.text.replace(path, "")) for path, one in answers}) == 1
    assert [answers[0][1].status_code, app.test_client().get(new).status_code] == [404, 200]


def test_the_calendar_of_a_disabled_account_is_not_there(app: Flask, program: Program, cast: Cast) -> None:
    path = address(app, program, cast.rui)
    program.acts.do("change_account", cast.ada, {"account_id": cast.rui.id, "active": False})
    assert app.test_client().get(path).status_code == 404


def test_the_database_alone_makes_no_address(app: Flask, program: Program, cast: Cast) -> None:
    path = address(app, program, cast.rui)
    with program.reading() as connection:
        kept = repr(connection.execute(sa.select(FEEDS)).all())
    assert path.split("/")[2].removesuffix(".ics") not in kept


def test_a_calendar_that_has_not_changed_is_not_sent_again(app: Flask, program: Program, cast: Cast, trial: str,
                                                          clock: Shifted) -> None:
    path, client = address(app, program, cast.lin), app.test_client()
    tag = client.get(path).headers["ETag"]
    clock.forward(START + DAY)
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    program.acts.do("call_review", cast.lin, {"reason": "A second look"}, on=trial)
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 200


# How it changes


def one(app: Flask, program: Program, who: Actor, word: str, kind: str = "VEVENT") -> Any:
    return next(found for said, found in events(feed(app, program, who), kind).items() if word in said)


def test_a_date_that_moves_keeps_its_id_and_raises_its_sequence(app: Flask, program: Program, cast: Cast, trial: str,
                                                               clock: Shifted) -> None:
    before = one(app, program, cast.lin, "使用反馈")
    firm = owner_of(program, trial)
    whole = START + timedelta(days=7, hours=15)
    clock.forward(whole)
    program.acts.do("file_feedback", firm, {"period_start": START.isoformat(), "exposures": 10.0,
                                            "period_end": whole.isoformat()}, on=trial)
    after = one(app, program, cast.lin, "使用反馈")
    assert before["uid"] == after["uid"]
    assert after["sequence"] == before["sequence"] + 1
    assert after["dtstart"].dt > before["dtstart"].dt
    assert after["last-modified"].dt == clock().replace(microsecond=0)


def test_a_pause_cancels_the_dates_and_going_on_enters_them_again(app: Flask, program: Program, cast: Cast,
                                                                 trial: str, clock: Shifted) -> None:
    first = one(app, program, cast.lin, "风险评审")
    clock.forward(START + DAY)
    program.acts.do("make_move", cast.lin, {"move": "suspend", "reason": "A look"}, on=trial)
    found = {str(one["status"]) for one in feed(app, program, cast.lin).walk("VEVENT") if one["uid"] == first["uid"]}
    assert found == {"CANCELLED"}
    again = next(one for one in feed(app, program, cast.lin).walk("VEVENT") if one["uid"] == first["uid"])
    assert again["sequence"] == first["sequence"] + 1 and not again.walk("VALARM")


def test_what_was_cancelled_is_shown_so_for_two_months(app: Flask, program: Program, cast: Cast, trial: str,
                                                      clock: Shifted) -> None:
    program.acts.do("make_move", cast.lin, {"move": "suspend", "reason": "A look"}, on=trial)
    path = address(app, program, cast.lin)
    clock.forward(START + 59 * DAY)
    assert "STATUS:CANCELLED" in app.test_client().get(path).text
    clock.forward(START + 61 * DAY)
    assert "STATUS:CANCELLED" not in app.test_client().get(path).text


def test_a_review_that_was_held_is_a_task_completed(app: Flask, program: Program, cast: Cast, trial: str,
                                                   clock: Shifted) -> None:
    called = program.acts.do("call_review", cast.lin, {"reason": "A second look"}, on=trial).id
    clock.forward(START + DAY)
    with program.reading() as connection:
        assert connection.execute(sa.select(REVIEWS.c.state).where(REVIEWS.c.id == called)).scalar_one() == "open"
    done = {"recommendation": "continue", "conclusion": "Goes on", "stand_in": True}
    program.acts.do("conclude_review", cast.lin, done, on=called)
    task = next(one for one in feed(app, program, cast.rui).walk("VTODO") if one["uid"].startswith(called))
    assert (str(task["status"]), task["completed"].dt) == ("COMPLETED", START + DAY)


# What is in an entry


def test_a_date_is_the_whole_day_that_ends_with_it_and_a_task_the_instant(app: Flask, program: Program, cast: Cast,
                                                                         trial: str) -> None:
    found = feed(app, program, cast.rui)
    event, task = found.walk("VEVENT")[0], found.walk("VTODO")[0]
    assert (event["dtstart"].dt, event["dtend"].dt) == (DUE_DAY, DUE_DAY + DAY)
    assert task["due"].dt.isoformat() == "2026-04-02T00:00:00+08:00"
    assert task["due"].params["TZID"] == "Asia/Shanghai"
    zone, = found.walk("VTIMEZONE")
    assert str(zone["tzid"]) == "Asia/Shanghai"
    assert str(event["url"]).startswith("http://localhost:8000/reviews/rv_")


def test_alarms_ring_at_nine_the_day_before_and_on_the_day(app: Flask, program: Program, cast: Cast,
                                                          trial: str) -> None:
    found = feed(app, program, cast.rui)
    event, task = found.walk("VEVENT")[0], found.walk("VTODO")[0]
    midnight = datetime.combine(DUE_DAY, datetime.min.time())
    wanted = [midnight - timedelta(hours=15), midnight + timedelta(hours=9)]
    assert [midnight + alarm["trigger"].dt for alarm in event.walk("VALARM")] == wanted
    due = task["due"].dt.replace(tzinfo=None)
    assert [due + alarm["trigger"].dt for alarm in task.walk("VALARM")] == wanted
    assert {alarm["trigger"].params["RELATED"] for alarm in task.walk("VALARM")} == {"END"}


def test_two_other_programs_read_the_same_dates(app: Flask, program: Program, cast: Cast, trial: str) -> None:
    text = app.test_client().get(address(app, program, cast.lin)).data
    theirs = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(DUE_DAY, DUE_DAY + DAY)
    assert [str(one["summary"]) for one in theirs] == [f"风险评审截止，{trial}"]
    read = vobject.readOne(text.decode())
    assert sorted(event.summary.value for event in read.vevent_list) == sorted(
        f"{what}，{trial}" for what in ("风险评审截止", "使用反馈截止", "试点到期"))
    assert DUE_DAY in [event.dtstart.value for event in read.vevent_list]
    again = vobject.readOne(read.serialize())
    assert len(again.vevent_list) == 3


def test_every_line_is_folded_and_ends_as_the_standard_asks(app: Flask, program: Program, cast: Cast,
                                                           trial: str) -> None:
    data = app.test_client().get(address(app, program, cast.lin)).data
    assert data.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in data.split(b"\r\n"))


def test_a_place_with_summer_time_has_its_zone_in_it() -> None:
    row = {"id": "rv_1", "kind": "review", "trial_id": "ES-0001", "due_at": START, "state": "owed", "sequence": 0,
           "changed_at": START, "task": True}
    made = icalendar.Calendar.from_ical(calendar([row], "en", "Europe/Berlin", "https://city.example"))
    zone, = made.walk("VTIMEZONE")
    assert {one.name for one in zone.subcomponents} == {"STANDARD", "DAYLIGHT"}
    task, = made.walk("VTODO")
    assert task["due"].dt == START and task["due"].params["TZID"] == "Europe/Berlin"

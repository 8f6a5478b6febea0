"""Live pages: whoever looks hears of what they may see and of nothing else; a stream ends, and never takes the last
thread."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

import pytest
import sqlalchemy as sa
from cast import Cast
from desk import Desk, desks
from visitor import text_of
from werkzeug.exceptions import ServiceUnavailable

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads.live import board_mark, trial_mark
from sandbox.rules.access import Actor
from sandbox.store.accounts import SESSIONS
from sandbox.web.live import Streams, event, look_at_trial

MINUTE = timedelta(minutes=1)


@pytest.fixture
def trial(adopted: Callable[..., list[str]]) -> str:
    return adopted(1)[0]


@pytest.fixture
def lin(program: Program, cast: Cast) -> Desk:
    return desks(program)(cast.lin)


def seat(program: Program, cast: Cast, trial: str) -> str:
    """Rui on the panel of the trial; the seat's id."""
    made = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=trial).id
    program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=made)
    return str(made)


def suspend(program: Program, cast: Cast, trial: str) -> None:
    program.acts.do("make_move", cast.lin, {"move": "suspend"}, on=trial)


def marks(program: Program, trial: str, *people: Actor) -> list[tuple[str | None, str]]:
    """Each one's mark of the trial and of the board."""
    with program.reading() as connection:
        return [(trial_mark(connection, who, trial, program.clock()), board_mark(connection, who, program.clock()))
                for who in people]


# Marks


def test_an_act_moves_the_marks_of_those_who_see_its_trial_and_of_nobody_else(program: Program, cast: Cast, trial: str):
    seat(program, cast, trial)
    people = (cast.lin, cast.fang, cast.rui, cast.gao, cast.mei, cast.di)
    before = marks(program, trial, *people)
    suspend(program, cast, trial)
    after = marks(program, trial, *people)
    assert [old[1] != new[1] for old, new in zip(before, after, strict=True)] == [True, True, True, False, False, False]
    assert [new[0] is not None for new in after] == [True, True, True, False, False, False]
    assert [old[0] != new[0] for old, new in zip(before[:3], after[:3], strict=True)] == [True] * 3


def test_an_act_that_leaves_the_trials_row_alone_moves_its_mark_too(program: Program, cast: Cast, trial: str):
    before = marks(program, trial, cast.fang)
    program.acts.do("call_review", cast.lin, {"reason": "A second look"}, on=trial)
    assert marks(program, trial, cast.fang) != before


def test_time_alone_moves_a_mark_every_ten_minutes(program: Program, cast: Cast, clock: Shifted, trial: str):
    clock.forward(clock().replace(minute=20, second=0, microsecond=0))
    before = marks(program, trial, cast.fang)
    clock.forward(clock() + 9 * MINUTE)
    assert marks(program, trial, cast.fang) == before
    clock.forward(clock() + MINUTE)
    assert marks(program, trial, cast.fang) != before


# Asking


def test_who_asks_gets_the_mark_once_and_then_only_when_it_has_changed(program: Program, cast: Cast, trial: str,
                                                                      lin: Desk):
    for address in (f"/trials/{trial}/live", "/board/live"):
        first = lin.get(address)
        assert first.get_json()["mark"] == first.headers["ETag"].strip('"')
        again = lin.get(address, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.get_data()) == (304, b"")
    suspend(program, cast, trial)
    assert lin.get("/board/live", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_a_page_is_served_with_the_mark_that_it_was_made_at(lin: Desk, trial: str):
    for page, address in ((f"/trials/{trial}", f"/trials/{trial}/live"), ("/", "/board/live")):
        html, mark = lin.get(page).text, lin.get(address).get_json()["mark"]
        assert f'data-source="{address}" data-mark="{mark}" defer></script>' in html


def test_another_firms_trial_is_as_if_it_were_not_there(program: Program, cast: Cast, trial: str):
    gao = desks(program)(cast.gao)
    for headers in ({}, {"Accept": "text/event-stream"}):
        missing, theirs = (gao.get(f"/trials/{one}/live", headers=headers) for one in ("ES-9999", trial))
        assert (missing.status_code, theirs.status_code, text_of(theirs.text)) == (404, 404, text_of(missing.text))


def test_what_a_page_asks_by_itself_keeps_no_session_awake(program: Program, clock: Shifted, lin: Desk, trial: str):
    def seen() -> object:
        with program.reading() as connection:
            return connection.execute(sa.select(SESSIONS.c.seen_at)).scalar_one()

    lin.get("/")
    at, used = clock(), seen()
    for minutes in (10, 20, 29):
        clock.forward(at + minutes * MINUTE)
        assert lin.get(f"/trials/{trial}/live").status_code == 200
        assert lin.get("/", headers={"Sandbox-Live": "1"}).status_code == 200
    assert seen() == used
    clock.forward(at + 31 * MINUTE)
    assert lin.get("/board/live").status_code == 302


# Streams


def told(streams: Streams, look: Callable[[], str | None]) -> Iterator[str]:
    """What a stream says, sign by sign."""
    return iter(streams.open(look).response)  # type: ignore[arg-type]


def test_a_stream_tells_the_mark_at_once_again_when_it_changes_and_lives_in_between():
    found = iter(["a", "a", "b", "b", "b"])
    said = told(Streams(1, lasts_s=60, look_s=0), lambda: next(found))
    assert list(islice(said, 4)) == [event("a"), ":\n\n", event("b"), ":\n\n"]


def test_a_stream_ends_by_itself():
    assert list(told(Streams(1, lasts_s=0.05, look_s=0.02), lambda: "a"))[0] == event("a")
    assert list(told(Streams(1, lasts_s=0, look_s=0), lambda: "a")) == [event("a")]


def test_who_is_recused_hears_nothing_more(program: Program, cast: Cast, trial: str):
    sits = seat(program, cast, trial)
    said = told(Streams(1, look_s=0), lambda: look_at_trial(program, cast.rui, trial))
    assert next(said).startswith("event: mark\n")
    program.acts.do("recuse_reviewer", cast.lin, {"reason": "Shares in the firm"}, on=sits)
    assert list(said) == []


def test_when_no_stream_is_free_the_reader_is_told_to_come_again_and_one_that_ends_makes_room():
    streams = Streams(2)
    first, _second = streams.open(lambda: "a"), streams.open(lambda: "a")
    with pytest.raises(ServiceUnavailable) as refused:
        streams.open(lambda: "a")
    assert dict(refused.value.get_headers())["Retry-After"] == "60"
    first.close()
    streams.open(lambda: "a")


def test_a_stream_comes_as_events_that_no_proxy_holds_back(lin: Desk, trial: str):
    response = lin.client.get(f"/trials/{trial}/live", headers={"Accept": "text/event-stream"}, buffered=False)
    assert response.mimetype == "text/event-stream"
    assert (response.headers["X-Accel-Buffering"], response.headers["Cache-Control"]) == ("no", "no-store")
    assert next(iter(response.response)).startswith(b"event: mark\n")
    response.close()


def test_when_the_server_ends_every_stream_ends():
    streams = Streams(2)
    said = told(streams, lambda: "a")
    assert next(said) == event("a")
    streams.close()
    assert list(said) == []

"""A review by its personal link: one review, one reviewer, one opinion, no password."""

from collections.abc import Callable

import pytest
from cast import Cast
from flask import Flask
from visitor import Visitor, text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.papers.links import opened, personal_link
from sandbox.reads import records
from sandbox.rules.questions import asked
from sandbox.web.front import make_app


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture
def review(program: Program, cast: Cast, adopted: Callable[..., list[str]], clock: Shifted) -> str:
    """An open review of a trial whose running panel is Rui, Shen and Mei."""
    trial, acts = adopted(1)[0], program.acts
    for who in (cast.rui, cast.shen, cast.mei):
        seat = acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, trial).id
        acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, seat)
    return str(acts.do("call_review", cast.lin, {"reason": "A second look"}, trial).id)


def path_of(program: Program, review: str, account: str) -> str:
    return personal_link(program.settings.secret_key, "", review, account)


def opinion(**more: str) -> dict[str, str]:
    return {"recommendation": "continue", "reason": "Fine", **{f"finding_{one}": "fine" for one in asked("R3")},
            **more}


def given(program: Program, cast: Cast, review: str) -> int:
    with program.reading() as connection:
        found = records.review(connection, cast.lin, review)
        assert found is not None
        return int(found["opinions_given"])


def test_the_link_opens_the_one_screen_and_takes_one_opinion(program: Program, cast: Cast, app: Flask, review: str):
    visitor, path = Visitor(app), path_of(program, review, cast.rui.id)
    assert "（需要登录）" in visitor.get(path).text
    assert visitor.post(path, opinion()).status_code == 200
    assert given(program, cast, review) == 1
    assert visitor.post(path, opinion(reason="Again")).status_code == 410
    assert visitor.get(path).status_code == 410
    assert given(program, cast, review) == 1


def test_a_concern_says_which_and_a_question_left_blank_is_named(program: Program, cast: Cast, app: Flask, review: str):
    visitor, path = Visitor(app), path_of(program, review, cast.rui.id)
    assert "What it shows needed for a concern" in text_of(visitor.get(f"{path}?lang=en").text)
    first, second = asked("R3")[:2]
    refused = visitor.post(path, opinion(**{f"finding_{first}": "concern", f"finding_{second}": ""}))
    assert refused.status_code == 422
    assert f'href="#o-note_{first}"' in refused.text or f'href="#o-finding_{second}"' in refused.text
    assert "What it shows is missing: a concern needs it" in visitor.post(
        f"{path}?lang=en", opinion(**{f"finding_{first}": "concern"})).text
    assert given(program, cast, review) == 0


def test_a_draft_by_the_link_is_there_when_it_is_opened_again(program: Program, cast: Cast, app: Flask, review: str):
    visitor, path = Visitor(app), path_of(program, review, cast.rui.id)
    visitor.get(path)
    assert visitor.post(path, {"reason": "Half a thought", "draft": "1"}).status_code == 303
    assert "Half a thought" in visitor.get(path).text
    assert given(program, cast, review) == 0


def test_a_conflict_told_by_the_link_ends_the_seat_and_the_link(program: Program, cast: Cast, app: Flask, review: str):
    visitor, path = Visitor(app), path_of(program, review, cast.rui.id)
    visitor.get(f"{path}/conflict")
    assert visitor.post(f"{path}/conflict", {"reason": "My sister works there"}).status_code == 200
    assert visitor.get(path).status_code == 404


def test_the_link_opens_nothing_else(program: Program, cast: Cast, app: Flask, review: str):
    visitor, path = Visitor(app), path_of(program, review, cast.rui.id)
    visitor.get(path)
    assert visitor.get(f"/reviews/{review}").status_code == 302
    assert visitor.get("/trials").status_code == 302
    stranger = path_of(program, review, cast.reviewers[0].id)
    changed = f"{path[:-2]}{'A' if path[-2] != 'A' else 'B'}{path[-1]}"
    answers = {visitor.get(one).status_code for one in (stranger, changed, "/r/x", path_of(program, "rv_none",
                                                                                          cast.rui.id))}
    assert answers == {404}


def test_a_link_of_another_secret_is_none_of_ours(program: Program, cast: Cast, review: str):
    other = personal_link("another secret altogether", "", review, cast.rui.id).removeprefix("/r/")
    assert opened(program.settings.secret_key, other) is None


def test_the_link_ends_with_the_review(program: Program, cast: Cast, app: Flask, review: str):
    program.acts.do("conclude_review", cast.lin, {"recommendation": "continue", "conclusion": "Looked at it",
                                                  "stand_in": True}, review)
    assert Visitor(app).get(path_of(program, review, cast.rui.id)).status_code == 410

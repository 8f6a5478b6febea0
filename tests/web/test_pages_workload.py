"""What reviewers carry and are paid, in the browser: read, narrowed, exported; and whose turn it is to sit."""

import csv
from collections.abc import Callable
from io import StringIO

import pytest
from cast import Cast
from desk import Desks, Page, desks
from visitor import text_of

from sandbox.jobs.program import Program

Adopted = Callable[..., list[str]]
LANGUAGES = ("zh_Hans", "zh_Hant", "en")


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def trial(program: Program, cast: Cast, adopted: Adopted) -> str:
    """A trial on which Rui judged a review that was held; the form asked how long it took."""
    acts = program.acts
    found, = adopted(1)
    seat = acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=found).id
    acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=seat)
    review = acts.do("call_review", cast.lin, {"reason": "A look"}, on=found).id
    acts.do("give_opinion", cast.rui, {"conflict": False, "recommendation": "continue", "reason": "Fine",
                                       "hours_spent": 2.5}, on=review)
    acts.do("conclude_review", cast.lin, {"recommendation": "continue", "conclusion": "Good", "stand_in": True},
            on=review)
    return found


def test_what_reviewers_carry_is_one_click_from_their_reviews_and_can_be_exported(at: Desks, cast: Cast,
                                                                                trial: str) -> None:
    assert {"/reviewers", "/fees"} <= set(Page(at(cast.lin).get("/reviews").text).links)
    for language in LANGUAGES:
        assert "Rui" in at(cast.lin).get(f"/reviewers?lang={language}").text
    told = next(csv.DictReader(StringIO(at(cast.ada).get("/reviewers?lang=en&q=Rui&export=csv").text.lstrip("\ufeff"))))
    assert (told["Reviewer"], told["Trials"], told["Judged"], told["Waiting"], told["Hours"]) == (
        "Rui", "1", "1", "0", "2.5")
    assert [at(who).get("/reviewers").status_code for who in (cast.rui, cast.fang, cast.di)] == [403] * 3


def test_the_sheet_of_fees_prices_what_was_judged_and_is_exported(at: Desks, cast: Cast, trial: str) -> None:
    assert "1 without a fee" in text_of(at(cast.lin).get("/fees?lang=en").text)
    sent = at(cast.lin).send("/fees/rates", {"review_kind": "called", "fee": "750", "valid_from": "2026-03-01"})
    assert sent.status_code == 303
    again = at(cast.lin).send("/fees/rates", {"review_kind": "called", "fee": "800", "valid_from": "2026-03-01"})
    assert again.status_code == 422 and "f-valid_from-e" in Page(again.text).ids
    for language in LANGUAGES:
        assert "750" in at(cast.lin).get(f"/fees?lang={language}&month=2026-03").text
    line, = csv.DictReader(StringIO(at(cast.lin).get("/fees?lang=en&export=csv").text.lstrip("\ufeff")))
    assert (line["Reviewer"], line["Kind"], line["Judged"], float(line["Fee"])) == ("Rui", "called", "1", 750)
    assert "Reviewer's organisation" in line and "Firm" not in line
    assert "Rui" not in at(cast.lin).get("/fees?month=2026-02").text
    assert "Rui" in at(cast.rui).get("/fees").text and "/fees/rates" not in Page(at(cast.rui).get("/fees").text).links
    assert "Guild" not in at(cast.mei).get("/fees").text
    assert [at(who).get("/fees").status_code for who in (cast.fang, cast.di)] == [403] * 2


def test_seats_are_offered_first_to_whose_turn_it_is(at: Desks, cast: Cast, trial: str) -> None:
    page = at(cast.lin).get(f"/trials/{trial}/panel?lang=en").text
    others = [page.index(f'value="{who.id}"') for who in (cast.shen, cast.mei, *cast.reviewers)]
    assert page.index(f'value="{cast.rui.id}"') > max(others) and "on 1 trial<" in page

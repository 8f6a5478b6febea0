"""What a reviewer may think of beside the five questions: read in as registers, folded under the form, in order."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cast import Cast
from desk import desks
from visitor import text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.registers import read_register
from sandbox.reads import registers
from sandbox.rules.intake import delivered_mapping

DAY = timedelta(days=1)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_lists = pytest.mark.skipif(not DATA.is_dir(), reason="the public lists are not in ../shared/data")
OUTCOMES = """ref_id,depth,assessable,description
GOVERN 1,2,False,A heading
GOVERN 1.10,3,True,The tenth outcome
GOVERN 1.2,3,True,The second outcome
"""


@pytest.fixture
def review(program: Program, cast: Cast, adopted: Callable[..., list[str]]) -> str:
    """An open review that asks Rui."""
    trial, = adopted(1)
    seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=trial).id
    program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=seat)
    return str(program.acts.do("call_review", cast.lin, {"reason": "A look"}, on=trial).id)


def test_a_reviewer_finds_the_outcomes_folded_in_their_order_and_nobody_else_does(program: Program, cast: Cast,
                                                                                 review: str) -> None:
    at, path = desks(program), f"/reviews/{review}?lang=en"
    assert "More to think of" not in at(cast.rui).get(path).text
    read_register(program, cast.lin, delivered_mapping("nist-ai-rmf"), [("outcomes.csv", OUTCOMES.encode())])
    for language in ("zh_Hans", "zh_Hant", "en"):
        page = at(cast.rui).get(f"/reviews/{review}?lang={language}").text
        assert page.index("The second outcome") < page.index("The tenth outcome") and "A heading" not in page
        assert "<details" in page and "<details open" not in page
    assert "(2 points)" in text_of(at(cast.rui).get(path).text)
    assert "The second outcome" not in at(cast.lin).get(path).text


def test_what_a_newer_list_leaves_out_is_no_longer_shown(program: Program, cast: Cast, clock: Shifted,
                                                        review: str) -> None:
    mapping = delivered_mapping("nist-ai-rmf")
    read_register(program, cast.lin, mapping, [("outcomes.csv", OUTCOMES.encode())])
    clock.forward(clock() + 2 * DAY)
    read_register(program, cast.lin, mapping, [("outcomes.csv", OUTCOMES.replace("GOVERN 1.2", "GOVERN 9").encode())])
    with program.reading() as connection:
        guide, = registers.guides(connection)
    assert [one["key"] for one in guide["entries"]] == ["GOVERN 1.10", "GOVERN 9"]


@needs_lists
def test_the_published_lists_come_in_whole(program: Program, cast: Cast) -> None:
    for name, file in (("nist-ai-rmf", "nist_ai_rmf_1_0_outcomes.csv"), ("mit-ai-risks", "mit_domain_taxonomy.csv")):
        read_register(program, cast.lin, delivered_mapping(name), [(file, (DATA / file).read_bytes())], partial=True)
    with program.reading() as connection:
        found = {one["name"]: one["entries"] for one in registers.guides(connection)}
    assert {name: len(entries) for name, entries in found.items()} == {"nist-ai-rmf": 72, "mit-ai-risks": 24}
    assert found["nist-ai-rmf"][0]["key"] == "GOVERN 1.1" and found["mit-ai-risks"][0]["key"] == "1.1"

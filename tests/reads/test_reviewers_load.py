"""What reviewers carry, and the sheet of a month's fees, out of the record and nothing else."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotPermitted
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads import workload
from sandbox.rules.access import Actor
from sandbox.rules.workload import Load

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
Adopted = Callable[..., list[str]]


@pytest.fixture
def held(program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> tuple[str, str]:
    """Two trials with Rui on both and Shen on one. A called review that Rui and Shen judged is held in April by the
    clock of Shanghai while it is March in UTC; another one of Rui's is open."""
    first, second = adopted(2)
    for trial, people in ((first, (cast.rui, cast.shen)), (second, (cast.rui,))):
        for who in people:
            seat = acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, on=trial).id
            acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, on=seat)
    review = acts.do("call_review", cast.lin, {"reason": "A look"}, on=first).id
    for who, hours in ((cast.rui, 1.5), (cast.shen, None)):
        acts.do("give_opinion", who, {"conflict": False, "recommendation": "continue", "reason": "Fine",
                                      "hours_spent": hours}, on=review)
    acts.do("call_review", cast.lin, {"reason": "Another"}, on=second)
    clock.forward(datetime(2026, 3, 31, 17, tzinfo=UTC))
    acts.do("conclude_review", cast.lin, {"recommendation": "continue", "conclusion": "Good", "stand_in": True},
            on=review)
    return first, second


def sheet(program: Program, who: Actor, month: date) -> list[tuple[str | None, str, int, float, float | None]]:
    with program.reading() as connection:
        return [(one["name"], one["kind"], one["reviews"], one["hours"], one["fee"])
                for one in workload.fee_sheet(connection, who, month, SHANGHAI)]


def test_a_load_is_the_trials_reviews_and_hours_of_a_reviewer(program: Program, cast: Cast,
                                                              held: tuple[str, str]) -> None:
    with program.reading() as connection:
        found = {one["name"]: one["load"] for one in workload.reviewers(connection, cast.lin).items}
    assert found["Rui"] == Load(trials=2, held=1, due=1, hours=1.5, since=START)
    assert found["Shen"] == Load(trials=1, held=1, due=0, hours=0.0, since=START)
    assert found["Mei"] == Load()


def test_loads_cost_as_many_queries_for_many_as_for_one(program: Program, cast: Cast, held: tuple[str, str]) -> None:
    with program.reading() as connection:
        asked: list[str] = []
        sa.event.listen(connection.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
        workload.loads(connection, [cast.rui.id])
        one = len(asked)
        workload.loads(connection, [who.id for who in (cast.rui, cast.shen, cast.mei, *cast.reviewers)])
        assert one == len(asked) - one == 3


def test_an_opinion_is_paid_in_the_month_in_which_its_review_was_held(program: Program, acts: Acts, cast: Cast,
                                                                    held: tuple[str, str]) -> None:
    assert sheet(program, cast.lin, date(2026, 3, 1)) == []
    assert sheet(program, cast.lin, date(2026, 4, 1)) == [("Rui", "called", 1, 1.5, None),
                                                          ("Shen", "called", 1, 0.0, None)]
    acts.do("set_fee", cast.lin, {"review_kind": "called", "fee": 640.5, "valid_from": "2026-04-01"})
    assert [line[-1] for line in sheet(program, cast.zhou, date(2026, 4, 1))] == [640.5, 640.5]


def test_a_reviewer_reads_their_own_lines_and_a_firm_none(program: Program, cast: Cast, held: tuple[str, str]) -> None:
    april = date(2026, 4, 1)
    assert [line[0] for line in sheet(program, cast.rui, april)] == ["Rui"]
    assert [sheet(program, who, april) for who in (cast.mei, cast.fang, cast.ada, cast.di)] == [[]] * 4
    with program.reading() as connection:
        for who in (cast.rui, cast.fang, cast.di):
            assert workload.reviewers(connection, who).items == ()


def test_a_month_gone_by_does_not_change(acts: Acts, cast: Cast, clock: Shifted) -> None:
    acts.do("set_fee", cast.lin, {"review_kind": "periodic", "fee": 500, "valid_from": "2026-01-01"})
    with pytest.raises(Invalid):
        acts.do("set_fee", cast.lin, {"review_kind": "periodic", "fee": 600, "valid_from": "2026-03-01"})
    acts.do("set_fee", cast.lin, {"review_kind": "periodic", "fee": 600, "valid_from": "2026-03-02"})
    with pytest.raises(NotPermitted):
        acts.do("set_fee", cast.rui, {"review_kind": "periodic", "fee": 9000, "valid_from": "2026-04-01"})

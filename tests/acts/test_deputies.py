"""Deputies of seats on the running panel: named with the checks of a seat, asked the day after a review was due, and
heard only where the member is silent."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cast import Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotPermitted, Refused
from sandbox.jobs import tick as ticking
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.reads import records
from sandbox.rules.access import Actor
from sandbox.store.dues import DUES, NOTICES, DueKind
from sandbox.store.reviews import REVIEWS
from sandbox.store.scope import seen_trial

DAY = timedelta(days=1)
YES = {"conflict": False, "accepted": True}
Adopted = Callable[..., list[str]]


@pytest.fixture
def trial(program: Program, acts: Acts, cast: Cast, adopted: Adopted) -> str:
    """Rui and Shen sit; Bao is Rui's deputy."""
    found, = adopted(1)
    seats = {}
    for who in (cast.rui, cast.shen):
        seats[who.id] = acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, on=found).id
        acts.do("answer_assignment", who, YES, on=seats[who.id])
    deputy = acts.do("name_deputy", cast.rui, {"account_id": cast.reviewers[0].id}, on=seats[cast.rui.id]).id
    acts.do("answer_assignment", cast.reviewers[0], YES, on=deputy)
    return found


def seat_of(program: Program, who: Actor) -> str:
    with program.reading() as connection:
        return str(connection.execute(sa.text("SELECT id FROM seats WHERE account_id = :a"), {"a": who.id}).scalar())


def opinion(acts: Acts, who: Actor, review: str) -> None:
    acts.do("give_opinion", who, {"conflict": False, "recommendation": "continue", "reason": "Fine"}, on=review)


def test_of_a_member_and_their_deputy_one_is_heard_on_a_review_and_counts_for_both(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    bao = cast.reviewers[0]
    first = acts.do("call_review", cast.lin, {"reason": "A look"}, on=trial).id
    opinion(acts, bao, first)
    with pytest.raises(Refused, match="judged_by_deputy"):
        opinion(acts, cast.rui, first)
    opinion(acts, cast.shen, first)
    with program.reading() as connection:
        seen = records.review(connection, cast.lin, first)
    assert seen is not None and seen["complete"] and len(seen["opinions"]) == 2
    second = acts.do("call_review", cast.lin, {"reason": "Another"}, on=trial).id
    opinion(acts, cast.rui, second)
    with pytest.raises(Refused, match="judged_by_member"):
        opinion(acts, bao, second)


def test_the_deputy_of_who_is_silent_is_asked_the_day_after_the_review_was_due(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    program.door.submit(lambda transaction: transaction.connection.execute(
        sa.delete(DUES).where(DUES.c.kind.not_in((DueKind.REMIND_REVIEW, DueKind.OPEN_REVIEW)))))
    with program.reading() as connection:
        due = connection.execute(sa.select(REVIEWS.c.due_at)).scalar_one()
    for days in (-7, 0, 1, 3):
        clock.forward(due + days * DAY)
        ticking.beat(program, clock())
        tick(program)
    with program.reading() as connection:
        told = connection.execute(sa.select(NOTICES.c.content).where(
            NOTICES.c.account_id == cast.reviewers[0].id, NOTICES.c.kind == "review_due")).scalars().all()
    assert [(one["days"], one["capacity"]) for one in told] == [(1, "deputy"), (3, "deputy")]


def test_a_deputy_is_named_with_the_checks_of_a_seat_and_one_at_a_time(program: Program, acts: Acts, cast: Cast,
                                                                      trial: str) -> None:
    rui, shen = seat_of(program, cast.rui), seat_of(program, cast.shen)
    for who, seat, deputy, why in ((cast.lin, rui, cast.mei, "has_a_deputy"),
                                   (cast.shen, shen, cast.rui, "already_seated"),
                                   (cast.shen, shen, cast.reviewers[0], "already_seated")):
        with pytest.raises(Refused, match=why):
            acts.do("name_deputy", who, {"account_id": deputy.id}, on=seat)
    with pytest.raises(NotPermitted):
        acts.do("name_deputy", cast.rui, {"account_id": cast.mei.id}, on=shen)
    with pytest.raises(Invalid):
        acts.do("name_deputy", cast.shen, {"account_id": cast.fang.id}, on=shen)
    with pytest.raises(Invalid):
        acts.do("assign_reviewer", cast.lin, {"account_id": cast.mei.id, "panel": "deputy"}, on=trial)


def test_a_deputy_has_no_vote_and_leaves_with_the_member(program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    bao = cast.reviewers[0]
    with pytest.raises(Refused):
        acts.do("clear_yellow", bao, {"reason": "Nothing"}, on=trial)
    with pytest.raises(NotPermitted, match="no_seat"):
        acts.do("reschedule_review", bao, {"due_at": "2026-03-20T10:00:00+08:00", "reason": "Earlier"},
                on=next(iter(_reviews(program))))
    acts.do("recuse_reviewer", cast.lin, {"reason": "Shares"}, on=seat_of(program, cast.rui))
    with program.reading() as connection:
        assert seen_trial(connection, bao, trial) is None


def _reviews(program: Program) -> list[str]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(REVIEWS.c.id)).scalars())

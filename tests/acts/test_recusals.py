"""A firm asks that a reviewer step aside: the dossier is shut to them at once, a regulator decides, both are told; and
nobody judges twice of what they judged once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import NotFound, NotPermitted, Refused, Unmet
from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import expand
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.reads import trials
from sandbox.rules.access import Actor
from sandbox.store.channels import DELIVERIES
from sandbox.store.dues import NOTICES
from sandbox.store.scope import seen_trial
from sandbox.store.trials import SUSPENSIONS

DAY = timedelta(days=1)
REASON = {"reason": "Worked for a competitor until last year"}
Adopted = Callable[..., list[str]]


@pytest.fixture
def trial(adopted: Adopted) -> str:
    return adopted(1)[0]


def seat(acts: Acts, cast: Cast, trial: str, who: Actor, *, answered: bool = True) -> str:
    made = str(acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, on=trial).id)
    if answered:
        acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, on=made)
    return made


def sees(program: Program, who: Actor, trial: str) -> bool:
    with program.reading() as connection:
        return seen_trial(connection, who, trial) is not None


def reached(program: Program, kind: str) -> set[str]:
    """Whom a notice of this kind reaches, by whatever channel."""
    expand(program)
    with program.reading() as connection:
        return set(connection.execute(sa.select(DELIVERIES.c.account_id).join(
            NOTICES, NOTICES.c.id == DELIVERIES.c.notice_id).where(NOTICES.c.kind == kind)).scalars())


def standing(program: Program, trial: str, who: Actor) -> Any:
    with program.reading() as connection:
        return next(one for one in trials.panel(connection, trial) if one["account_id"] == who.id)


@pytest.mark.parametrize("ruling", ["granted", "refused"])
@pytest.mark.parametrize("answered", [False, True])
def test_a_request_shuts_the_trial_until_it_is_decided_and_everyone_it_concerns_is_told(
        program: Program, acts: Acts, cast: Cast, trial: str, ruling: str, answered: bool) -> None:
    of = seat(acts, cast, trial, cast.rui, answered=answered)
    asked = acts.do("ask_recusal", cast.fang, REASON, on=of).id
    assert not sees(program, cast.rui, trial)
    with pytest.raises(NotFound):
        acts.do("recuse_reviewer", cast.rui, REASON, on=of)
    assert reached(program, "recusal_asked") == {cast.lin.id, cast.zhou.id}
    assert reached(program, "recusal_asked_of_you") == {cast.rui.id}
    acts.do("decide_recusal", cast.lin, {"ruling": ruling, "reason": "The contract ended last year"}, on=asked)
    assert sees(program, cast.rui, trial) is (ruling == "refused")
    assert (standing(program, trial, cast.rui)["recused_at"] is None) is (ruling == "refused")
    assert reached(program, "recusal_decided") == {cast.fang.id}
    assert reached(program, "recusal_decided_of_you") == {cast.rui.id}
    with pytest.raises(Refused, match="already_decided"):
        acts.do("decide_recusal", cast.zhou, {"ruling": ruling, "reason": "Again"}, on=asked)


def test_a_seat_is_objected_to_once_in_time_and_never_for_what_was_said(
        acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    judged, early, late = (seat(acts, cast, trial, who) for who in (cast.rui, cast.shen, cast.mei))
    review = acts.do("call_review", cast.lin, {"reason": "A look"}, on=trial).id
    acts.do("give_opinion", cast.rui, {"conflict": False, "recommendation": "suspend", "reason": "No"}, on=review)
    with pytest.raises(Refused, match="recusal_too_late"):
        acts.do("ask_recusal", cast.fang, REASON, on=judged)
    clock.forward(START + 3 * DAY)  # Thursday: offered on Monday, until its midnight
    asked = acts.do("ask_recusal", cast.fang, REASON, on=early).id
    acts.do("decide_recusal", cast.lin, {"ruling": "refused", "reason": "No ties"}, on=asked)
    with pytest.raises(Refused, match="recusal_asked"):
        acts.do("ask_recusal", cast.fang, REASON, on=early)
    clock.forward(START + 4 * DAY)
    with pytest.raises(Refused, match="recusal_too_late"):
        acts.do("ask_recusal", cast.fang, REASON, on=late)


def test_an_objection_does_not_outlive_its_seat_and_one_that_waits_is_told_again(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    first, second = seat(acts, cast, trial, cast.rui), seat(acts, cast, trial, cast.shen)
    asked = acts.do("ask_recusal", cast.fang, REASON, on=first).id
    acts.do("ask_recusal", cast.fang, REASON, on=second)
    acts.do("recuse_reviewer", cast.lin, {"reason": "Ended otherwise"}, on=first)
    with pytest.raises(Refused, match="already_decided"):
        acts.do("decide_recusal", cast.lin, {"ruling": "refused", "reason": "Late"}, on=asked)
    clock.forward(START + 3 * DAY + timedelta(hours=15))
    tick(program)
    with program.reading() as connection:
        again = connection.execute(sa.select(NOTICES.c.id).where(NOTICES.c.kind == "recusal_waits")).all()
    assert len(again) == 1


def test_whoever_judged_in_the_review_that_led_to_the_stop_does_not_say_whether_it_goes_on(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    panel = (cast.rui, cast.shen, cast.mei, *cast.reviewers[:3])
    for who in panel:
        seat(acts, cast, trial, who)
    review = acts.do("call_review", cast.lin, {"reason": "A look"}, on=trial).id
    for who in panel[:5]:
        acts.do("give_opinion", who, {"conflict": False, "recommendation": "suspend", "reason": "Stop"}, on=review)
    acts.do("conclude_review", cast.lin, {"recommendation": "suspend", "conclusion": "To be stopped"}, on=review)
    acts.do("make_move", cast.lin, {"move": "suspend", "reason": "As advised"}, on=trial)
    with program.reading() as connection:
        assert connection.execute(sa.select(SUSPENSIONS.c.review_id)).scalar_one() == review
        emergency = next(one["id"] for one in connection.execute(sa.text(
            "SELECT id FROM reviews WHERE kind = 'emergency'")).mappings())
    acts.do("conclude_review", cast.lin, {"recommendation": "suspend", "conclusion": "Looked", "stand_in": True},
            on=emergency)
    acts.do("make_move", cast.lin, {"move": "open_retrospective"}, on=trial)
    with pytest.raises(NotPermitted, match="led_to_the_stop"):
        acts.do("cast_vote", cast.rui, {"matter": "opinion", "value": "for"}, on=trial)
    acts.do("cast_vote", panel[5], {"matter": "opinion", "value": "for"}, on=trial)
    with pytest.raises(Unmet) as refused:
        acts.do("make_move", cast.lin, {"move": "resume_trial"}, on=trial)
    assert "recent_panel_opinion" in refused.value.needs

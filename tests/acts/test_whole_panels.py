"""Panels that are whole: deputies on those of the admission, and a clock where a running trial lacks somebody."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from world import World

from sandbox.acts.act import Acts
from sandbox.acts.refusals import NotFound, Refused
from sandbox.jobs.demo.walks import Walk
from sandbox.jobs.program import Program
from sandbox.reads.board import own_tasks
from sandbox.rules.access import Actor
from sandbox.rules.cadence import end_of_working_days
from sandbox.store.clocks import CLOCKS
from sandbox.store.dues import NOTICES
from sandbox.store.trials import SEATS

YES = {"conflict": False, "accepted": True}


# Deputies on the panels of the admission


def seat(world: World, one: Walk, who: str) -> str:
    with world.program.reading() as connection:
        return str(connection.execute(sa.select(SEATS.c.id).where(
            SEATS.c.trial_id == one.trial, SEATS.c.account_id == world.hand.account(who))).scalar_one())


def stand_in(world: World, one: Walk, member: str, deputy: str) -> None:
    made = one.act("name_deputy", member, seat(world, one, member), account_id=world.hand.account(deputy))["id"]
    one.act("answer_assignment", deputy, made, **YES)


def test_a_deputy_votes_on_an_admission_where_the_member_is_silent_and_of_the_two_one_is_heard(world: World) -> None:
    one = world.walk()
    world.go(one.accepted())
    world.go(one.seated("review", one.members))
    silent, *others = one.members
    stand_in(world, one, silent, "research5")
    with pytest.raises(Refused, match="already_seated"):
        one.act("name_deputy", others[0], seat(world, one, others[0]), account_id=world.hand.account(silent))
    for who in others[:2]:
        one.vote("ethics", who)
    one.vote("ethics", "research5")
    with pytest.raises(Refused, match="voted_by_deputy"):
        one.vote("ethics", silent)
    assert one.move("admit")["outcome"] == "proposed", "two members and a deputy are a quorum of three"
    assert world.trial(one)["state"] == "ethics_review"


def test_a_deputy_leaves_no_vote_behind_when_the_member_goes_and_none_beside_the_members(world: World) -> None:
    one = world.walk()
    world.go(one.accepted())
    world.go(one.seated("review", one.members))
    member = one.members[0]
    stand_in(world, one, member, "research5")
    one.vote("ethics", member)
    with pytest.raises(Refused, match="voted_by_member"):
        one.vote("ethics", "research5")
    one.act("recuse_reviewer", member, seat(world, one, member), reason="Shares in the firm")
    with pytest.raises(NotFound):
        one.vote("ethics", "research5")


def test_who_stands_in_on_the_review_does_not_sit_on_the_re_review(world: World) -> None:
    one = world.walk(tier="R4")
    world.go(one.accepted())
    world.go(one.seated("review", one.members))
    stand_in(world, one, one.members[0], "research5")
    with pytest.raises(Refused, match="double_role"):
        one.act("assign_reviewer", "regulator", one.trial, account_id=world.hand.account("research5"), panel="rereview")


def test_the_deputies_of_who_is_silent_are_asked_on_the_last_day(world: World) -> None:
    one = world.walk()
    world.go(one.accepted())
    world.go(one.seated("review", one.members))
    for member, deputy in zip(one.members, ("research5", "market5"), strict=False):
        stand_in(world, one, member, deputy)
    one.vote("ethics", one.members[1])
    with world.program.reading() as connection:
        due = connection.execute(sa.select(CLOCKS.c.due_at).where(CLOCKS.c.key == "C03")).scalar_one()
    world.wait(due - world.clock())
    with world.program.reading() as connection:
        told = [(row.content["days"], row.account_id) for row in connection.execute(sa.select(NOTICES).where(
            NOTICES.c.kind == "clock_due")) if row.content["capacity"] == "deputy"]
    assert told == [(-1, world.hand.account("research5"))]


# A running trial that lacks somebody


def clock(program: Program) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(CLOCKS).where(CLOCKS.c.key == "D13")).one_or_none()


def tasks(program: Program, who: Actor) -> list[tuple[str, str | None]]:
    with program.reading() as connection:
        return [(one.kind, one.about) for one in own_tasks(connection, who, program.clock())]


def sit(acts: Acts, cast: Cast, trial: str, who: Actor) -> str:
    made = acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, on=trial).id
    acts.do("answer_assignment", who, YES, on=made)
    return str(made)


def test_a_pilot_taken_over_without_a_panel_owes_one_by_a_clock_and_runs_on(
        program: Program, acts: Acts, cast: Cast, adopted: Callable[..., list[str]]) -> None:
    trial, = adopted(1, tier="R2")
    owed = clock(program)
    assert (owed.outcome, owed.due_at) == (None, end_of_working_days(START, 20, program.settings.place))
    assert tasks(program, cast.lin) == [("panel", "panel")] and tasks(program, cast.fang) == []
    with pytest.raises(Refused, match="clock_by_event"):
        acts.do("meet_clock", cast.lin, {}, on=owed.id)
    for who in (cast.rui, cast.shen):
        sit(acts, cast, trial, who)
    assert clock(program).outcome is None
    last = sit(acts, cast, trial, cast.mei)
    assert clock(program).outcome == "done" and tasks(program, cast.lin) == []
    acts.do("recuse_reviewer", cast.mei, {"reason": "Shares in the firm"}, on=last)
    assert clock(program).outcome is None and tasks(program, cast.lin) == [("panel", "panel")]

"""Clocks of the procedure: started by the move or section that is their event, ended by the one that ends them."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, actor
from conftest import Shifted
from world import World, world_in

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Refused
from sandbox.jobs.clock import walk
from sandbox.jobs.demo import stories
from sandbox.jobs.demo.walks import Walk
from sandbox.jobs.program import Program
from sandbox.reads.board import owed, tasks
from sandbox.rules.cadence import end_of_day, local_day
from sandbox.rules.jurisdiction import Profile
from sandbox.store.clocks import CLOCKS
from sandbox.store.dues import DUES, NOTICES, DueKind
from sandbox.store.log import LOG
from sandbox.store.settings import Settings

pytestmark = pytest.mark.only_on("sqlite")
DAY = timedelta(days=1)


def clocks(world: World, one: Walk) -> dict[str, Any]:
    """The last clock of each key."""
    with world.program.reading() as connection:
        return {row.key: row for row in connection.execute(
            sa.select(CLOCKS).where(CLOCKS.c.trial_id == one.trial).order_by(CLOCKS.c.started_at, CLOCKS.c.id))}


def stand(world: World, one: Walk) -> dict[str, str]:
    """How each stands."""
    return {key: row.outcome or "running" for key, row in clocks(world, one).items()}


def notices(world: World, kind: str) -> list[Any]:
    with world.program.reading() as connection:
        return list(connection.execute(sa.select(NOTICES).where(NOTICES.c.kind == kind).order_by(NOTICES.c.id)))


def test_an_application_has_its_clocks_and_a_correction_stops_only_the_outer_one(world: World) -> None:
    one = world.walk()
    world.go(one.submitted())
    assert stand(world, one) == {"D01": "running"}
    world.go(iter_accept(one))
    assert stand(world, one) == {"D01": "done", "C01": "running", "C03": "running"}
    before = clocks(world, one)["C01"].due_at
    one.returned()
    assert stand(world, one) == {"D01": "done", "C01": "paused", "C03": "done"}
    world.wait(10 * DAY)
    one.move("submit", one.firm)
    world.go(iter_accept(one))
    assert stand(world, one) == {"D01": "done", "C01": "running", "C03": "running"}
    assert 10 * DAY <= clocks(world, one)["C01"].due_at - before < 14 * DAY
    one.move("withdraw", one.firm)
    assert stand(world, one) == {"D01": "done", "C01": "void", "C03": "void"}


def iter_accept(one: Walk) -> Any:
    yield one.morning(1)
    one.file("eligibility", "regulator")
    one.file("tier", "regulator")
    one.move("accept")


def test_a_whole_life_starts_and_ends_the_clocks_of_its_moves(world: World) -> None:
    one = world.walk()
    world.go(stories.at_exit_review(one, days=35))
    found = stand(world, one)
    assert found == {"D01": "done", "C01": "done", "C03": "done", "C22": "done", "C23.draft": "running",
                     "D05": "running"}
    world.go(one.scored())
    assert {key: row for key, row in stand(world, one).items() if key not in found} == {"C23.comments": "done"}
    assert stand(world, one)["C23.draft"] == "done"
    one.by_two("standardise")
    after = clocks(world, one)
    assert (after["D05"].outcome, after["D07.half_year"].outcome, after["D07.year"].outcome) == ("done", None, None)
    with world.program.reading() as connection:
        kept = set(connection.execute(sa.select(DUES.c.kind).where(DUES.c.trial_id == one.trial)).scalars())
    assert kept == {DueKind.CLOCK_RUN_OUT, DueKind.REMIND_CLOCK}, "what follows is owed though the trial has ended"


def test_a_grave_stop_has_three_days_for_its_review_and_two_weeks_for_a_decision(world: World) -> None:
    one = world.walk()
    world.go(one.started())
    world.wait(timedelta(hours=1))
    one.incident("S1")
    found = clocks(world, one)
    assert found["C17"].due_at == world.clock() + timedelta(hours=72)
    assert found["C20"].due_at == end_of_day(local_day(world.clock(), world.hand.zone) + 14 * DAY, world.hand.zone)
    world.go(one.mitigated())
    assert stand(world, one)["C17"] == "done"
    one.move("open_retrospective")
    assert (stand(world, one)["C20"], stand(world, one)["C21"]) == ("done", "running")
    one.file("retrospective")
    assert stand(world, one)["C21"] == "done"


def test_a_filing_that_is_due_has_ten_working_days_from_the_start_and_ends_when_it_is_made(world: World) -> None:
    one = world.walk()
    world.go(one.admitted())
    world.go(one.prepared())
    row = {"filing": "算法备案", "status": "due", "due_on": one.today().isoformat()}
    one.file("filings", filings=[row])
    one.start()
    assert stand(world, one)["C05"] == "running"
    one.file("filings", filings=[{**row, "filing": "安全评估"}, row])
    assert stand(world, one)["C05"] == "running"
    one.file("filings", filings=[{"filing": "算法备案", "status": "done", "number": "7"}])
    assert stand(world, one)["C05"] == "done"
    way_out = one.wound_down()
    next(way_out)
    assert (stand(world, one)["C07"], stand(world, one)["C22"]) == ("running", "void")
    world.go(way_out)
    assert stand(world, one)["C07"] == "done"


def test_an_appeal_is_a_right_that_passes_without_a_reproach(world: World) -> None:
    one = world.walk()
    world.go(one.accepted())
    one.declined()
    assert stand(world, one)["C27"] == "running"
    world.wait(32 * DAY)
    assert stand(world, one)["C27"] == "void"
    assert notices(world, "clock_missed") == []
    reminded = [row for row in notices(world, "clock_due") if row.content["clock"] == "C27"]
    assert [(row.content["days"], row.role) for row in reminded] == [(-7, "firm"), (-3, "firm"), (-1, "firm")]


def test_a_chairs_hold_is_decided_within_three_days(program: Program, cast: Cast, acts: Acts, adopted: Any) -> None:
    trial, = adopted(1)
    seat = acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running", "chair": True}, trial)
    acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, seat.id)
    acts.do("make_move", cast.rui, {"move": "suspend", "reason": "A child was on the pavement"}, on=trial)
    with program.reading() as connection:
        found = {row.key: row for row in connection.execute(sa.select(CLOCKS).where(CLOCKS.c.trial_id == trial))}
    assert found["D06"].due_at == START + timedelta(hours=72)
    assert found.keys() == {"C17", "C20", "C22", "D06", "D13"}


def test_the_exit_is_due_thirty_days_before_the_end_and_is_shown_among_what_is_owed(
        program: Program, cast: Cast, adopted: Any) -> None:
    trial, = adopted(1)
    with program.reading() as connection:
        found = [(one.kind, one.about, one.at) for one in owed(connection, cast.fang, trial) if one.about == "C22"]
    assert found == [("clock", "C22", end_of_day(local_day(START, program.settings.zone) + 150 * DAY,
                                                 program.settings.zone))]


def test_a_trial_shorter_than_that_has_no_such_clock(program: Program, cast: Cast, adopted: Any) -> None:
    adopted(1, days=30)
    with program.reading() as connection:
        assert connection.execute(sa.select(CLOCKS.c.key)).scalars().all() == ["D13"]


# Reminders


def test_who_owes_a_duty_is_reminded_while_there_is_time_and_both_sides_are_told_when_it_has_run_out(
        program: Program, clock: Shifted, cast: Cast, acts: Acts, adopted: Any) -> None:
    trial, = adopted(1)
    forget(program)
    acts.do("file_incident", cast.fang, {"kind": "complaint", "occurred_at": START.isoformat()}, on=trial)
    walk(program, clock, START + 30 * DAY)
    with program.reading() as connection:
        told = [row for row in connection.execute(sa.select(NOTICES).where(NOTICES.c.kind.in_((
            "clock_due", "clock_missed"))).order_by(NOTICES.c.at, NOTICES.c.role)) if row.content["clock"] != "D13"]
    assert [(row.kind, row.content["clock"], row.content.get("days"), row.role) for row in told] == [
        ("clock_due", "C25.acknowledge", -1, "firm"),
        ("clock_missed", "C25.acknowledge", None, "firm"), ("clock_missed", "C25.acknowledge", None, "regulator"),
        ("clock_due", "C25.answer", -7, "firm"), ("clock_due", "C25.answer", -3, "firm"),
        ("clock_due", "C25.answer", -1, "firm"),
        ("clock_missed", "C25.answer", None, "firm"), ("clock_missed", "C25.answer", None, "regulator")]


def test_a_corrective_item_is_reminded_of_until_it_is_done(program: Program, clock: Shifted, cast: Cast, acts: Acts,
                                                           adopted: Any) -> None:
    trial, = adopted(1)
    forget(program)
    due = (START + 20 * DAY).date().isoformat()
    item = acts.do("add_corrective_item", cast.lin, {"what": "Lamps", "owner": "Fitters", "due_on": due}, on=trial).id
    walk(program, clock, START + 18 * DAY + timedelta(hours=16))
    acts.do("finish_corrective_item", cast.fang, {"done": "Lamps fitted"}, on=item)
    walk(program, clock, START + 22 * DAY)
    with program.reading() as connection:
        told = connection.execute(sa.select(NOTICES.c.content, NOTICES.c.role).where(
            NOTICES.c.kind == "item_due").order_by(NOTICES.c.at)).all()
    assert [(row.content["days"], row.role) for row in told] == [(-7, "firm"), (-3, "firm")]


def forget(program: Program) -> None:
    """Leave only what clocks and items owe."""
    program.door.submit(lambda transaction: transaction.connection.execute(sa.delete(DUES).where(
        DUES.c.kind.not_in((DueKind.CLOCK_RUN_OUT, DueKind.REMIND_CLOCK, DueKind.ITEM_OVERDUE, DueKind.REMIND_ITEM)))))


def test_what_a_step_ends_is_not_met_by_saying_so_and_the_step_is_due_when_it_runs_out(world: World) -> None:
    one = world.walk()
    world.go(one.submitted())
    clock = clocks(world, one)["D01"]
    with pytest.raises(Refused, match="clock_by_event"):
        one.act("meet_clock", "regulator", clock.id)
    with world.program.reading() as connection:
        officer = actor(world.program, world.hand.account("regulator"))
        waiting = tasks(connection, officer, world.clock(), world.program.settings.place)
    assert [(task.trial_id, task.due_at) for task in waiting] == [(one.trial, clock.due_at)]
    assert waiting[0].kind != "clock"


# Tacit approval


@pytest.fixture
def office(empty_program: Program, clock: Shifted, request: pytest.FixtureRequest) -> Iterator[World]:
    """A European authority that has it so, or not: `tacit` by the mark of the test."""
    settings = Settings.model_validate({**empty_program.settings.model_dump(), "profile": Profile.EU_AUTHORITY,
                                        "country": "DE", "tacit_approval": request.param})
    with world_in(dataclasses.replace(empty_program, settings=settings, acts=Acts(
            empty_program.door, clock, settings.place)), clock) as world:
        yield world


@pytest.mark.parametrize(("office", "accepted", "tier", "state"), [
    (True, True, "R2", "admitted"), (False, True, "R2", "ethics_review"), (True, False, "R2", "submitted"),
    (True, True, "R3", "ethics_review"), (True, True, "R4", "ethics_review")], indirect=["office"])
def test_a_plan_that_nobody_decided_in_30_days_is_approved_where_it_may_be_and_never_a_high_or_listed_one(
        office: World, accepted: bool, tier: str, state: str) -> None:
    one = office.walk(tier=tier)
    office.go(one.submitted())
    if accepted:
        office.go(iter_accept(one))
    office.wait(33 * DAY)
    assert one.state == state
    with office.program.reading() as connection:
        entries = set(connection.execute(sa.select(LOG.c.act).where(LOG.c.trial_id == one.trial)).scalars())
    told = [row.role for row in notices(office, "tacitly_approved")]
    if state == "admitted":
        assert office.moves(one)[-1]["cause"] == "tacit" and office.moves(one)[-1]["role"] == "system"
        assert "admit_tacitly" in entries and sorted(told) == ["firm", "regulator"]
        assert stand(office, one)["C02"] == "done"
    else:
        assert "admit_tacitly" not in entries and told == []
        assert stand(office, one)["C02"] == "running" and notices(office, "clock_missed")

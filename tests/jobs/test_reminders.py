"""Reminders of reviews: every rung once, to whom it names, late but once after an outage, and none for what is done."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt

from sandbox.acts.act import Act
from sandbox.acts.effects import ended
from sandbox.acts.moves import trip
from sandbox.acts.schedule import arm_review, release_review
from sandbox.jobs import tick as ticking
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.tick import tick
from sandbox.rules.access import SYSTEM_ACTOR, Relation
from sandbox.rules.lifecycle import ROWS, Cause
from sandbox.rules.notices import sentence
from sandbox.store.channels import ENTRIES, EntryState
from sandbox.store.dues import DUES, NOTICES, DueKind
from sandbox.store.reviews import REVIEWS
from sandbox.words import say

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
DUE = START + timedelta(days=30, hours=15)
"""24:00 in Shanghai, thirty days after the pilot of tier R3 was taken over."""
RUNGS = (-14, -3, -1, 0, 1, 3, 7)
"""At the rung of seven days before, the review opens, and who sits on it is told so."""
Adopted = Callable[..., list[str]]


@pytest.fixture
def trial(program: Program, cast: Cast, adopted: Adopted) -> str:
    """A running trial of tier R3 with Rui and Shen on its panel, whose feedback is not owed here."""
    found, = adopted(1)
    for person in (cast.rui, cast.shen):
        seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": person.id, "panel": "running"}, on=found)
        program.acts.do("answer_assignment", person, {"conflict": False, "accepted": True}, on=seat.id)
    forget(program, *(kind for kind in DueKind if kind not in (DueKind.OPEN_REVIEW, DueKind.REMIND_REVIEW)))
    return found


def forget(program: Program, *kinds: DueKind) -> None:
    program.door.submit(lambda transaction: transaction.connection.execute(
        sa.delete(DUES).where(DUES.c.kind.in_(kinds))))


def within(program: Program, trial: str, do: Callable[[Act], Any]) -> Any:
    """Something that an act does to the trial."""
    def job(transaction: Any) -> Any:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR, Relation.SYSTEM)
        act.hold_trial(trial)
        return do(act)

    return program.door.submit(job)


def jump(program: Program, clock: Shifted, to: datetime) -> None:
    """As if the program had ticked all along, idly, until just before."""
    clock.forward(to)
    ticking.beat(program, to)
    tick(program)


def climb(program: Program, clock: Shifted, due: datetime) -> None:
    """A minute before every rung, and at it; then a day on."""
    for at in sorted(due + days * DAY for days in (*RUNGS, 8)):
        if at - MINUTE > clock():
            jump(program, clock, at - MINUTE)
            jump(program, clock, at)


def told(program: Program) -> list[tuple[int, str, datetime, bool]]:
    """Every reminder: rung, to whom, when, whether late."""
    with program.reading() as connection:
        rows = connection.execute(sa.select(NOTICES).where(NOTICES.c.kind == "review_due").order_by(
            NOTICES.c.at, NOTICES.c.id)).all()
    return [(row.content["days"], row.account_id or row.role, row.at, row.content["late"]) for row in rows]


def rungs(program: Program) -> list[int]:
    return list(dict.fromkeys(days for days, *_ in told(program)))


def review(program: Program) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(REVIEWS).where(REVIEWS.c.kind == "periodic")).one()


def owed(program: Program) -> list[datetime]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(DUES.c.at).where(DUES.c.kind == DueKind.REMIND_REVIEW)).scalars())


@pytest.mark.only_on("sqlite")
def test_every_rung_is_told_once_in_time_to_whom_it_names(program: Program, clock: Shifted, cast: Cast,
                                                         trial: str) -> None:
    climb(program, clock, DUE)
    found = told(program)
    assert rungs(program) == list(RUNGS)
    for days in RUNGS:
        at = DUE + days * DAY
        mine = [one for one in found if one[0] == days]
        assert {who for _, who, _, _ in mine} == {cast.rui.id, cast.shen.id, *(["regulator"] if days >= 0 else [])}
        assert len(mine) == len({who for _, who, _, _ in mine})
        assert all(when == at and not late for _, _, when, late in mine)
    assert owed(program) == []


@pytest.mark.only_on("sqlite")
def test_seven_days_before_the_review_opens_and_those_on_duty_are_told_once(program: Program, clock: Shifted,
                                                                         cast: Cast, trial: str) -> None:
    jump(program, clock, DUE - 14 * DAY)
    jump(program, clock, DUE - 7 * DAY)
    with program.reading() as connection:
        found = connection.execute(sa.select(NOTICES.c.kind, NOTICES.c.account_id).where(NOTICES.c.at == clock())).all()
    assert review(program).state == "open"
    assert sorted(found) == sorted(("review_open", person.id) for person in (cast.rui, cast.shen))


def test_a_review_that_was_held_is_not_reminded_of(program: Program, clock: Shifted, cast: Cast, trial: str) -> None:
    jump(program, clock, DUE - 3 * DAY)
    held = review(program).id
    program.acts.do("conclude_review", cast.lin, {"recommendation": "continue", "conclusion": "Goes on",
                                                  "stand_in": True}, on=held)
    forget(program, DueKind.FEEDBACK_MISSING, DueKind.FEEDBACK_LATE)
    with program.reading() as connection:
        about = connection.execute(sa.select(DUES.c.object_id).where(DUES.c.kind == DueKind.REMIND_REVIEW)).scalars()
        assert held not in set(about)
    before = told(program)
    jump(program, clock, DUE + DAY)
    assert told(program) == before


@pytest.mark.only_on("sqlite")
def test_a_trial_that_was_paused_reminds_of_nothing_until_it_goes_on(program: Program, clock: Shifted, cast: Cast,
                                                                   trial: str) -> None:
    program.acts.do("make_move", cast.lin, {"move": "suspend", "reason": "A look inside"}, on=trial)
    with program.reading() as connection:
        about = set(connection.execute(sa.select(DUES.c.object_id).where(
            DUES.c.kind == DueKind.REMIND_REVIEW)).scalars())
    assert review(program).id not in about


def test_while_a_trial_is_paused_nobody_is_told_that_it_will_be_and_nothing_is_told_twice(
        program: Program, clock: Shifted, cast: Cast, trial: str) -> None:
    clock.forward(DUE - 5 * DAY)
    tick(program)
    periodic = review(program)
    assert periodic.state == "open" and states(program)[periodic.id] == "owed"
    within(program, trial, lambda act: trip(act, Cause.RISK_RED))
    called, = set(states(program)) - {periodic.id, f"{trial}-end", f"{trial}-report"}
    assert states(program) == {periodic.id: "owed", called: "owed", f"{trial}-end": "cancelled",
                               f"{trial}-report": "cancelled"}, "an open review still takes opinions"
    for days in (2, 3, 4, 6):
        jump(program, clock, DUE + (days - 5) * DAY + MINUTE)
    with program.reading() as connection:
        found = connection.execute(sa.select(NOTICES).where(
            NOTICES.c.account_id == cast.rui.id, NOTICES.c.at > DUE - 4 * DAY).order_by(NOTICES.c.at)).mappings().all()
    said = [say(sentence(one["kind"], one["content"]), "en") for one in found]
    assert len({one["at"] for one in found}) == len(found) > 2, said
    assert all("paused automatically" not in one for one in said) and "cannot go on before it is held" in said[-1]
    within(program, trial, lambda act: ended(act, ROWS["terminate", "winding_down"]))
    assert set(states(program).values()) == {"cancelled"}


def states(program: Program) -> dict[str, str]:
    """How each date stands in the calendars."""
    with program.reading() as connection:
        return {row.id: str(row.state) for row in connection.execute(sa.select(ENTRIES))}


@pytest.mark.only_on("sqlite")
def test_a_review_put_off_is_reminded_of_by_its_new_date(program: Program, clock: Shifted, trial: str) -> None:
    for days in (14, 7):
        jump(program, clock, DUE - days * DAY)
    later = {**review(program)._mapping, "due_at": DUE + 4 * DAY}

    def put_off(act: Act) -> None:
        act.update(REVIEWS, later["id"], due_at=later["due_at"])
        arm_review(act, later)

    within(program, trial, put_off)
    assert owed(program) == [DUE + DAY]
    jump(program, clock, DUE)
    jump(program, clock, DUE + DAY)
    assert [(days, at) for days, _, at, _ in told(program)][::2] == [(-14, DUE - 14 * DAY), (-3, DUE + DAY)]


@pytest.mark.only_on("sqlite")
def test_arming_again_while_a_rung_waits_for_its_tick_loses_nothing(program: Program, clock: Shifted,
                                                                   trial: str) -> None:
    clock.forward(DUE - 14 * DAY)
    within(program, trial, lambda act: arm_review(act, dict(review(program)._mapping)))
    ticking.beat(program, clock())
    tick(program)
    assert rungs(program) == [-14]


def test_after_a_week_without_a_server_one_reminder_is_told_and_says_that_it_is_late(
        program: Program, clock: Shifted, trial: str) -> None:
    jump(program, clock, DUE - 8 * DAY)
    before = len(told(program))
    clock.forward(DUE - 12 * HOUR)  # down over the rungs of seven days, three days and one day
    tick(program)
    late = told(program)[before:]
    assert [(days, late) for days, _, _, late in late] == [(-1, True)] * 2
    tick(program)
    assert len(told(program)) == before + 2
    jump(program, clock, DUE)
    assert rungs(program)[-1] == 0


@pytest.mark.only_on("sqlite")
def test_a_dropped_review_is_cancelled(program: Program, clock: Shifted, trial: str) -> None:
    within(program, trial, lambda act: release_review(act, review(program).id, DUE, EntryState.CANCELLED))
    assert owed(program) == []


def test_two_processes_climb_one_rung_once(program: Program, clock: Shifted, cast: Cast, trial: str) -> None:
    other = open_program(program.settings, clock)
    clock.forward(DUE + DAY)
    ticking.beat(program, clock())
    threads = [threading.Thread(target=tick, args=(of,)) for of in (program, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(who for _, who, _, _ in told(program)) == sorted([cast.rui.id, cast.shen.id, "regulator"])


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(("tier", "expected"), (("R1", RUNGS), ("R2", RUNGS), ("R3", RUNGS), ("R4", RUNGS[1:])))
def test_each_tier_has_the_rungs_of_its_interval(program: Program, clock: Shifted, cast: Cast, tier: str,
                                                expected: tuple[int, ...]) -> None:
    adopt(program, cast, 1, tier)
    forget(program, *(kind for kind in DueKind if kind is not DueKind.REMIND_REVIEW))
    due = review(program).due_at
    climb(program, clock, due)
    found = [days for days, who, _, _ in told(program) if who == "regulator"]
    assert found == [days for days in expected if days >= 0]
    assert owed(program) == []

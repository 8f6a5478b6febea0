"""The movable clock goes forward only, and a program that is walked through a year meets every hour of it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cast import START
from pydantic import ValidationError

from sandbox.acts.refusals import Refused
from sandbox.jobs.clock import Shifted, walk, walk_to
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.store.dues import HOLDS
from sandbox.store.log import LOG

DAY = timedelta(days=1)


def test_a_shifted_clock_follows_its_source_and_goes_forward_only() -> None:
    source = Shifted(lambda: START)
    clock = Shifted(source, START + DAY)
    source.forward(START + DAY)
    clock.forward(START)
    assert clock() == START + 2 * DAY
    clock.forward(START + 3 * DAY)
    assert clock() == START + 3 * DAY


def test_a_walk_meets_what_is_due_within_the_hour_and_leaves_no_gap(
        program: Program, clock: Shifted, adopted: Callable[..., list[str]]) -> None:
    adopted(1)
    tick(program)
    report_late = START + timedelta(days=8, hours=15)
    walk(program, clock, START + 9 * DAY)
    with program.reading() as connection:
        noticed = connection.execute(sa.select(LOG.c.at).where(LOG.c.act == "feedback_late")).scalar_one()
        gaps = connection.execute(sa.select(HOLDS.c.id)).all()
    assert timedelta(0) <= noticed - report_late < timedelta(hours=1)
    assert gaps == []


def test_a_walk_ends_exactly_where_it_was_told_to(program: Program, clock: Shifted) -> None:
    walk(program, clock, START + timedelta(hours=5, seconds=1))
    assert clock() == START + timedelta(hours=5, seconds=1)


def test_a_restarted_clock_goes_on_from_the_last_beat(program: Program, clock: Shifted) -> None:
    walk(program, clock, START + DAY)
    restarted = Shifted(lambda: START)
    restarted.resume(program)
    assert START + DAY - timedelta(hours=1) < restarted() <= START + DAY


@pytest.mark.parametrize("body", (None, {}, {"now": "soon"}, {"now": "2026-04-01T00:00:00"}, {"now": 5},
                                  {"now": "2026-04-01T00:00:00Z", "then": 1}))
def test_a_walk_to_no_time_is_refused(program: Program, clock: Shifted, body: object) -> None:
    with pytest.raises(ValidationError):
        walk_to(program, clock, body)


def test_a_walk_backwards_is_refused(program: Program, clock: Shifted) -> None:
    with pytest.raises(Refused, match="clock_back"):
        walk_to(program, clock, {"now": "2026-03-01T00:00:00Z"})

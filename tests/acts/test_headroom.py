"""The headroom that people are told is where the light really turns, allegations, untold use and budget included."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads.risk import risk
from sandbox.rules.risk import Headroom
from sandbox.store.trials import TRIALS

DAY = timedelta(days=1)


def row(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()


def room(program: Program, trial: str) -> Headroom:
    with program.reading() as connection:
        return risk(connection, row(program, trial), program.clock(), program.settings.zone, officer=True).headroom


def happens(program: Program, cast: Cast, trial: str, times: int, **what: Any) -> str:
    """So many of a thing now, one after the other; returns the light."""
    for _ in range(times):
        program.acts.do("file_incident", cast.fang, {"occurred_at": program.clock().isoformat(), **what}, trial)
    return str(row(program, trial)["light"])


def week(program: Program, cast: Cast, trial: str) -> None:
    program.acts.do("file_feedback", cast.fang, {
        "period_start": START.isoformat(), "period_end": (START.replace(hour=16) + 7 * DAY).isoformat(),
        "exposures": 500.0, "events": {"complaint": 1}}, trial)


@pytest.mark.parametrize("alleged", [0, 2])
@pytest.mark.parametrize("days_untold", [1, 9])
def test_so_many_more_and_not_one_fewer_turn_the_light(
        program: Program, cast: Cast, clock: Shifted, alleged: int, days_untold: int) -> None:
    trial, = adopt(program, cast, 1, limits=[{"indicator": "complaint", "per_exposure": 0.01, "weight": 0.7},
                                             {"indicator": "override", "per_exposure": 0.1, "weight": 0.3}])
    clock.forward(START + 8 * DAY)
    week(program, cast, trial)
    for _ in range(alleged):
        program.acts.do("enter_allegation", cast.lin, {
            "source": "press", "kind": "complaint", "occurred_at": (START + 2 * DAY).isoformat(), "text": "It hit me"},
            trial)
    clock.forward(START + (8 + days_untold) * DAY)
    before = room(program, trial)
    assert before.yellow is not None and before.red is not None and 0 < before.yellow <= before.red
    assert happens(program, cast, trial, before.yellow - 1, kind="complaint") not in ("yellow", "red")
    assert happens(program, cast, trial, 1, kind="complaint") == "yellow"
    left = before.red - before.yellow
    assert room(program, trial).red == left
    assert happens(program, cast, trial, left - 1, kind="complaint") == "yellow"
    assert happens(program, cast, trial, 1, kind="complaint") == "red"


def test_allegations_bring_yellow_nearer_and_leave_red_where_it_was(
        program: Program, cast: Cast, clock: Shifted) -> None:
    trial, = adopt(program, cast, 1, limits=[{"indicator": "complaint", "per_exposure": 0.01}])
    clock.forward(START + 8 * DAY)
    week(program, cast, trial)
    before = room(program, trial)
    for _ in range(2):
        program.acts.do("enter_allegation", cast.lin, {
            "source": "press", "kind": "complaint", "occurred_at": program.clock().isoformat(), "text": "It hit me"},
            trial)
    after = room(program, trial)
    assert before.yellow is not None and after.yellow is not None
    assert (after.yellow < before.yellow, after.red) == (True, before.red)


def test_the_budget_of_s2_incidents_is_part_of_it(program: Program, cast: Cast, clock: Shifted) -> None:
    trial, = adopt(program, cast, 1, limits=[{"indicator": "harm_S2", "per_exposure": 0.01}], budget_limit=1e-5)
    clock.forward(START + DAY)
    assert room(program, trial).red == 3
    assert happens(program, cast, trial, 1, severity="S2") != "red"
    assert room(program, trial).red == 2
    assert happens(program, cast, trial, 2, severity="S2") == "red"

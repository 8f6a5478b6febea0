"""Where the reporting of each period stands, against a plain recount of every report; as few rows read as there are
stretches of time told."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from cast import START
from made import kept, report
from plans import asked_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads import reporting
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.rules.reporting import Schedule, Told, came_late, periods
from sandbox.store.coverage import runs_of
from sandbox.store.scope import seen_trial

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("seed", range(4))
def test_periods_stand_where_every_report_by_itself_puts_them(
        program: Program, adopted: Callable[[int], list[str]], clock: Shifted, seed: int):
    trial, chance = adopted(1)[0], Random(seed)
    clock.forward(START + 50 * timedelta(days=1))
    with program.reading() as connection:
        row = seen_trial(connection, SYSTEM_ACTOR, trial) or {}
        runs = tuple(runs_of(connection, row, clock()))
    schedule = Schedule(row["starts_at"], row["feedback_days"], program.settings.zone)
    reports, at = [], row["starts_at"]
    for place in range(60):
        start = at + chance.choice((0, 0, 0, 0, 0, 1, 30)) * HOUR
        number = schedule.number(start)
        end = min(start + chance.randrange(2, 40) * HOUR, schedule.deadline(number))
        filed = schedule.deadline(number) + chance.choice((-20, -1, 0, 24, 24, 25, 200)) * HOUR
        reports.append(report(trial, place, start, period_end=end, at=filed, retracted=chance.random() < 0.05,
                              due_at=schedule.deadline(number), late=came_late(filed, schedule.deadline(number))))
        at = end if chance.random() < 0.8 else start
    kept(program, reports, [])
    told = tuple(Told((one["period_start"], one["period_end"]), one["at"]) for one in reports if not one["retracted"])
    plain = list(periods(schedule, runs, told, clock()))[-reporting.SHOWN:]
    with program.reading() as connection:
        found = reporting.standing(connection, row, program.settings.zone, clock())
    assert found == tuple(reversed(plain))
    assert len({one.standing for one in found}) > 2


def test_what_is_read_grows_with_the_gaps_and_not_with_the_reports(
        program: Program, adopted: Callable[[int], list[str]], clock: Shifted, monkeypatch: pytest.MonkeyPatch):
    trial, seen = adopted(1)[0], list[Any]()
    clock.forward(START + 20 * timedelta(days=1))
    kept(program, [report(trial, place, START + place * HOUR) for place in range(300) if place != 100], [])
    monkeypatch.setattr(reporting, "Told", lambda *told, **more: seen.append(told) or Told(*told, **more))
    with program.reading() as connection, asked_of(program.readers) as said:
        row = seen_trial(connection, SYSTEM_ACTOR, trial) or {}
        said.clear()
        reporting.standing(connection, row, program.settings.zone, clock())
    assert (len(seen), len(said)) == (2, 3)

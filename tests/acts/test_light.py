"""The light follows the facts: counted in the period in which they occurred, assessed before they are acknowledged."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START

from sandbox.acts.act import Act
from sandbox.acts.light import add, assess
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.store.trials import COUNTERS, TRIALS

DAY = timedelta(days=1)


@pytest.fixture
def trial(adopted: Callable[..., list[str]], clock: Shifted) -> str:
    one = adopted(1)[0]
    clock.forward(START + 20 * DAY)
    return one


def within(program: Program, trial: str, do: Callable[[Act], Any]) -> Any:
    """Something done to a trial inside the door, as acts of other nouns do it."""
    def job(transaction: Any) -> Any:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR)
        act.hold_trial(trial)
        return act.caused("assess", do, trial=act.trial)

    return program.door.submit(job)


def counted(program: Program, trial: str, *names: str) -> list[Any]:
    with program.reading() as connection:
        columns = [COUNTERS.c[name] for name in ("period", *names)]
        return [tuple(row) for row in connection.execute(
            sa.select(*columns).where(COUNTERS.c.trial_id == trial).order_by(COUNTERS.c.period))]


def light(program: Program, trial: str) -> str:
    with program.reading() as connection:
        return str(connection.execute(sa.select(TRIALS.c.light).where(TRIALS.c.id == trial)).scalar_one())


def test_what_is_told_late_counts_in_the_period_in_which_it_occurred(program: Program, trial: str) -> None:
    for day, more in ((1, {"exposures": 70.0}), (9, {"exposures": 30.0, "events": 1}), (1.5, {"itemised": 2})):
        within(program, trial,
               lambda act, day=day, more=more: add(act, 1, "harm_serious", at=START + day * DAY, **more))
    assert counted(program, trial, "events", "itemised", "exposures") == [(1, 0, 2, 70.0), (2, 1, 0, 30.0)]


def test_allegations_turn_the_light_yellow_and_never_red(program: Program, trial: str) -> None:
    def told(act: Act) -> None:
        add(act, 1, "harm_S3", at=START + DAY, alleged=400, exposures=100.0)
        assess(act)

    within(program, trial, told)
    assert light(program, trial) == "yellow"

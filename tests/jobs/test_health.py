"""Ready means that writes are kept and the clock ticks; the numbers say what was done."""

from datetime import timedelta

import pytest
from cast import START, Cast

from sandbox.acts.refusals import NotFound, NotPermitted
from sandbox.jobs.clock import Shifted
from sandbox.jobs.counted import CountedActs
from sandbox.jobs.health import TICK_LATE_S, Readiness, count_request, metrics, readiness
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick


def test_a_program_is_ready_once_it_ticked_and_until_the_tick_is_late(program: Program, clock: Shifted) -> None:
    assert readiness(program) == Readiness(ready=False, writable=True, tick_age_s=None)
    tick(program)
    clock.forward(START + timedelta(seconds=TICK_LATE_S))
    assert readiness(program) == Readiness(ready=True, writable=True, tick_age_s=TICK_LATE_S)
    clock.forward(START + timedelta(seconds=TICK_LATE_S + 1))
    assert not readiness(program).ready


def test_a_program_that_cannot_write_is_not_ready(program: Program) -> None:
    tick(program)
    program.door.close()
    assert readiness(program) == Readiness(ready=False, writable=False, tick_age_s=0.0)


def test_acts_are_counted_by_outcome(program: Program, cast: Cast) -> None:
    acts = CountedActs(program.door, program.clock, program.settings.place)
    acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"})
    with pytest.raises(NotPermitted):
        acts.do("publish_scenario", cast.fang, {"title": "Streets", "description": "By night"})
    with pytest.raises(ValueError, match="title"):
        acts.do("publish_scenario", cast.lin, {"description": "By night"})
    with pytest.raises(NotFound):
        acts.do("call_review", cast.lin, {"reason": "A look"}, on="nothing")
    said = metrics(program).decode()
    for act, outcome in (("publish_scenario", "done"), ("publish_scenario", "refused"), ("publish_scenario", "invalid"),
                         ("call_review", "not_found")):
        assert f'sandbox_acts_total{{act="{act}",outcome="{outcome}"}}' in said


def test_requests_are_counted_by_what_the_program_knows_not_by_what_strangers_send(program: Program) -> None:
    count_request(None, "BREW", 404, 0.01)
    assert 'sandbox_requests_total{endpoint="unknown",method="other",status="404"} ' in metrics(program).decode()
    assert "BREW" not in metrics(program).decode()

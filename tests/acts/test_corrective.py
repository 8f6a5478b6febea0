"""Corrective items: of one trial, done by one person, verified by another, and overdue when they are not done."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Act, Acts
from sandbox.acts.moves import carry_out
from sandbox.acts.refusals import Invalid, NotPermitted, Refused, Unmet
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.tick import beat, tick
from sandbox.reads.corrective import items
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.rules.lifecycle import ROWS
from sandbox.store.corrective import ITEMS, overdue_items
from sandbox.store.dues import DUES
from sandbox.store.facts import suspension
from sandbox.store.trials import TRIALS

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
DUE = {"what": "Move the line", "owner": "Fitters", "due_on": "2026-03-05"}
"""Due at 24:00 of the third day after the start, in Shanghai."""
DUE_AT = START.replace(hour=16, day=5)


@pytest.fixture
def trials(adopted: Callable[[int], list[str]]) -> list[str]:
    return adopted(2)


@pytest.fixture
def item(acts: Acts, cast: Cast, trials: list[str]) -> str:
    return str(acts.do("add_corrective_item", cast.fang, DUE, on=trials[0]).id)


def light(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS.c.light).where(TRIALS.c.id == trial)).scalar()


def state(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS.c.state).where(TRIALS.c.id == trial)).scalar()


def overdue(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return tuple((one.due_at, one.critical) for one in overdue_items(connection, [trial], program.clock()))


def states(program: Program, cast: Cast, **where: Any) -> list[str]:
    with program.reading() as connection:
        return [one["state"] for one in items(connection, cast.lin, program.clock(), **where).items]


def arrive(program: Program, clock: Shifted, at: datetime) -> None:
    """The clock has run to there without a gap, and ticks."""
    clock.forward(at)
    beat(program, at)
    tick(program)


def keep_reporting(program: Program, cast: Cast, trial: str, until: Any) -> None:
    """Reports up to a day, so that silence does not turn the light."""
    program.acts.do("file_feedback", cast.fang, {"period_start": START.isoformat(), "period_end": until.isoformat(),
                                                 "exposures": 1.0}, on=trial)


def test_an_overdue_item_turns_the_light_yellow_when_it_becomes_so(program: Program, cast: Cast, clock: Shifted,
                                                                 trials: list[str], item: str):
    clock.forward(DUE_AT - SECOND)
    tick(program)
    assert (overdue(program, trials[0]), light(program, trials[0])) == ((), "grey")
    clock.forward(DUE_AT + SECOND)
    tick(program)
    assert overdue(program, trials[0]) == ((DUE_AT, False),)
    assert (light(program, trials[0]), light(program, trials[1])) == ("yellow", "grey")


def test_a_critical_item_overdue_for_more_than_a_week_stops_the_trial(program: Program, cast: Cast, acts: Acts,
                                                                 clock: Shifted, trials: list[str]):
    acts.do("add_corrective_item", cast.lin, {**DUE, "critical": True}, on=trials[0])
    arrive(program, clock, START + 7 * DAY)
    keep_reporting(program, cast, trials[0], START + 7 * DAY)
    arrive(program, clock, DUE_AT + 7 * DAY)
    assert (light(program, trials[0]), state(program, trials[0])) == ("yellow", "trial")
    arrive(program, clock, DUE_AT + 7 * DAY + SECOND)
    assert (light(program, trials[0]), state(program, trials[0])) == ("red", "suspended")


def test_after_a_gap_of_the_clock_no_critical_item_stops_a_trial_before_a_person_looked(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, trials: list[str]):
    acts.do("add_corrective_item", cast.lin, {**DUE, "critical": True}, on=trials[0])
    arrive(program, clock, START + DAY)
    clock.forward(DUE_AT + 8 * DAY)
    tick(program)
    assert state(program, trials[0]) == "trial"


def test_an_item_that_is_done_is_owed_no_more(program: Program, cast: Cast, acts: Acts, clock: Shifted,
                                             trials: list[str], item: str):
    acts.do("finish_corrective_item", cast.fang, {"done": "Moved"}, on=item)
    clock.forward(DUE_AT + DAY)
    tick(program)
    assert (overdue(program, trials[0]), states(program, cast)) == ((), ["done"])


def test_whoever_did_it_cannot_verify_it_nor_can_the_firm(program: Program, cast: Cast, acts: Acts, item: str):
    acts.do("finish_corrective_item", cast.lin, {"done": "Moved"}, on=item)
    verdict = {"accept": True, "verdict": "Seen"}
    with pytest.raises(Refused, match="own_work"):
        acts.do("verify_corrective_item", cast.lin, verdict, on=item)
    with pytest.raises(NotPermitted):
        acts.do("verify_corrective_item", cast.fang, verdict, on=item)
    acts.do("verify_corrective_item", cast.zhou, verdict, on=item)
    assert states(program, cast) == ["verified"]
    with pytest.raises(Refused, match="item_not_waiting"):
        acts.do("verify_corrective_item", cast.zhou, verdict, on=item)


def test_the_database_itself_refuses_a_verifier_who_is_the_doer(program: Program, cast: Cast, acts: Acts, item: str):
    acts.do("finish_corrective_item", cast.fang, {"done": "Moved"}, on=item)
    with pytest.raises(sa.exc.IntegrityError):
        program.door.submit(lambda transaction: transaction.connection.execute(sa.update(ITEMS).values(
            verified_by=cast.fang.id, verified_at=program.clock())))


def test_what_is_not_accepted_is_open_again_and_overdue_as_before(program: Program, cast: Cast, acts: Acts,
                                                                clock: Shifted, trials: list[str], item: str):
    acts.do("finish_corrective_item", cast.fang, {"done": "Moved"}, on=item)
    clock.forward(DUE_AT + DAY)
    acts.do("verify_corrective_item", cast.lin, {"accept": False, "verdict": "It was not"}, on=item)
    tick(program)
    assert (states(program, cast), light(program, trials[0])) == (["overdue"], "yellow")


def test_another_date_moves_what_the_clock_owes_and_is_an_officer_s_to_give(program: Program, cast: Cast, acts: Acts,
                                                                          clock: Shifted, trials: list[str],
                                                                          item: str):
    given = {"due_on": "2026-03-20", "critical": True, "reason": "Dry weather"}
    with pytest.raises(NotPermitted):
        acts.do("change_corrective_item", cast.fang, given, on=item)
    acts.do("change_corrective_item", cast.lin, given, on=item)
    with program.reading() as connection:
        dues = dict(connection.execute(sa.select(DUES.c.kind, DUES.c.at).where(DUES.c.object_id == item)).all())
    assert dues == {"item_overdue": DUE_AT + 15 * DAY, "item_long_overdue": DUE_AT + 22 * DAY + SECOND,
                    "remind_item": DUE_AT + 8 * DAY}


def test_an_item_names_an_incident_or_a_review_of_its_own_trial(acts: Acts, cast: Cast, trials: list[str]):
    incident = acts.do("file_incident", cast.fang, {"severity": "S4", "occurred_at": START.isoformat()},
                       on=trials[1]).id
    for name, value in (("incident_id", incident), ("incident_id", "in_0"), ("review_id", "rv_0")):
        with pytest.raises(Invalid, match=name):
            acts.do("add_corrective_item", cast.fang, {**DUE, name: value}, on=trials[0])
    assert acts.do("add_corrective_item", cast.fang, {**DUE, "incident_id": incident}, on=trials[1]).id


def test_an_item_is_not_due_before_it_is_added(acts: Acts, cast: Cast, trials: list[str]):
    with pytest.raises(Invalid, match="due_on"):
        acts.do("add_corrective_item", cast.fang, {**DUE, "due_on": "2026-03-01"}, on=trials[0])


def test_each_state_lists_its_own(program: Program, cast: Cast, acts: Acts, clock: Shifted, trials: list[str],
                                 item: str):
    acts.do("add_corrective_item", cast.fang, {**DUE, "due_on": "2026-04-01"}, on=trials[0])
    done = acts.do("add_corrective_item", cast.fang, DUE, on=trials[0]).id
    acts.do("finish_corrective_item", cast.fang, {"done": "Moved"}, on=done)
    clock.forward(DUE_AT + DAY)
    found = {state: len(states(program, cast, state=state)) for state in ("open", "overdue", "done", "verified")}
    assert found == {"open": 2, "overdue": 1, "done": 1, "verified": 0}


# Going on again


def stopped_with_a_late_item(program: Program, cast: Cast, acts: Acts, clock: Shifted, trial: str) -> str:
    """Stopped by hand; meanwhile a critical item comes to be more than a week late. Returns the item's id."""
    item = acts.do("add_corrective_item", cast.lin, {**DUE, "critical": True}, on=trial).id
    acts.do("make_move", cast.fang, {"move": "suspend", "reason": "A holiday"}, on=trial)
    arrive(program, clock, DUE_AT + 8 * DAY)
    return str(item)


def test_a_stop_is_not_lifted_while_a_critical_item_is_more_than_a_week_late(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, trials: list[str]) -> None:
    item = stopped_with_a_late_item(program, cast, acts, clock, trials[0])
    with pytest.raises(Unmet) as refused:
        acts.do("make_move", cast.lin, {"move": "lift_suspension", "reason": "It is over"}, on=trials[0])
    assert "cause_mitigated" in refused.value.needs

    def late() -> int:
        with program.reading() as connection:
            row = connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trials[0])).mappings().one()
            found = suspension(connection, [row], program.clock())[trials[0]]
        assert found is not None
        return found.critical_late

    assert late() == 1
    acts.do("finish_corrective_item", cast.fang, {"done": "Moved"}, on=item)
    assert late() == 0


def test_what_goes_on_by_another_way_is_looked_at_again_and_stops_for_the_item(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, trials: list[str]) -> None:
    stopped_with_a_late_item(program, cast, acts, clock, trials[0])

    def goes_on(transaction: Any) -> None:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR)
        act.hold_trial(trials[0])
        row = ROWS["void_suspension", "suspended"]
        act.caused("void_suspension", lambda sub: carry_out(sub, row), trial=act.trial)

    program.door.submit(goes_on)
    assert state(program, trials[0]) == "trial"
    tick(program)
    assert (light(program, trials[0]), state(program, trials[0])) == ("red", "suspended")

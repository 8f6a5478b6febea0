"""What a replay finds: late reds (迟到的红灯), which an officer decides on; and states that differ."""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, act
from sandbox.acts.moves import trip
from sandbox.acts.refusals import Refused
from sandbox.acts.schedule import notify
from sandbox.rules.lifecycle import Cause
from sandbox.rules.risk import Light
from sandbox.store.evidence import LATE_REDS, LateRedState
from sandbox.store.fields import Fields
from sandbox.store.types import Answer, Code, Long, Short


class LateRedGiven(Fields):
    """The officer's word on one late red: stop the trial, or let it run on, and why."""

    late_red: Short
    stop: Answer
    reason: Long


class LateRedDecided(Done):
    """The late red, and the trial's state after it."""

    id: str
    state: str


@act(on="trial")
def decide_late_red(act: Act, given: LateRedGiven) -> LateRedDecided:
    """Stop the trial as a red light would have, or leave it running with the reason; the finding itself stays."""
    found = act.connection.execute(sa.select(LATE_REDS).where(
        LATE_REDS.c.id == given.late_red, LATE_REDS.c.trial_id == act.trial["id"])).mappings().first()
    if found is None:
        raise Refused("no_late_red")
    if found["state"] != LateRedState.WAITING:
        raise Refused("already_decided")
    state = LateRedState.STOPPED if given.stop else LateRedState.LEFT
    act.update(LATE_REDS, found["id"], state=state.value, decided_at=act.now, decided_by=act.actor.id,
               reason=given.reason)
    act.reason = "late_red"
    if given.stop:
        act.change_trial(light=Light.RED.value)
        trip(act, Cause.RISK_RED)
    else:
        act.change_trial()
    notify(act, "late_red_decided", role="firm", dedupe=found["id"], stopped=given.stop)
    return LateRedDecided(id=found["id"], state=act.trial["state"])


class ForgetGiven(Fields):
    """The indicators whose kept states a replay contradicted."""

    indicators: Annotated[list[Code], PydanticField(min_length=1, max_length=30)]


@act(on="trial")
def forget_states(act: Act, given: ForgetGiven) -> Done:
    """Trust the ledger: the states are made anew at the next assessment. Regulators are told."""
    act.change_trial(settled=0)
    act.reason = "states_differ"
    notify(act, "states_differ", role="regulator", n=len(given.indicators))
    return Done()

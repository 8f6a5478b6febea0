"""New law and guidance: recorded once, and every trial that it concerns is reviewed beside the schedule."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.extra_reviews import REVIEWABLE, call_extra
from sandbox.acts.schedule import put_due
from sandbox.store.dues import DueKind
from sandbox.store.guidance import GUIDANCE, GuidanceFields
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.trials import TRIALS


class GuidanceRecorded(Done):
    """The record's id, and how many trials are reviewed because of it."""

    id: str
    trials: int


@act()
def record_guidance(act: Act, given: GuidanceFields) -> GuidanceRecorded:
    """Record new law or guidance. The next tick opens a review on each trial at work of the kinds of use that it names,
    each in an act of its own, so that nobody waits for hundreds."""
    named = [one.value for one in given.templates]
    concerned = sa.select(TRIALS.c.id).join(SCENARIOS, SCENARIOS.c.id == TRIALS.c.scenario_id).where(
        TRIALS.c.state.in_(REVIEWABLE), *([SCENARIOS.c.template.in_(named)] if named else []))
    trials = act.connection.execute(concerned.order_by(TRIALS.c.id)).scalars().all()
    guidance = act.id("gu")
    act.insert(GUIDANCE, {**given.model_dump(mode="json"), "in_force_on": given.in_force_on, "id": guidance,
                          "trials": len(trials), "author_id": act.actor.id, "at": act.now})
    for trial in trials:
        put_due(act, DueKind.GUIDANCE_CAME, f"{guidance}:{trial}", act.now, trial)
    return GuidanceRecorded(id=guidance, trials=len(trials))


def guidance_came(act: Act, due: Mapping[str, Any]) -> None:
    """A trial is reviewed because of new law or guidance, unless it has ended meanwhile."""
    if act.trial["state"] in REVIEWABLE:
        call_extra(act, ["guidance"])

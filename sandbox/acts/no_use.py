"""No use planned (无使用计划): a span ruled out ahead counts as told; it stands until use or the firm ends it."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.coverage import next_report_due, recount, tell
from sandbox.acts.feedback import overlaps
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import arm_feedback
from sandbox.rules.lifecycle import RUNNING
from sandbox.store.coverage import NO_USE, NoUseFields, NoUseState
from sandbox.store.fields import Fields


class NoUsePlanned(Done):
    """The plan's id, and when the next report is due with it."""

    id: str
    next_due_at: datetime | None = None


@act(on="trial")
def plan_no_use(act: Act, given: NoUseFields) -> NoUsePlanned:
    """Rule out any use in a span to come: it counts as a nil report, and moves deadlines as one. A later report of use
    ends the plan where the use began."""
    if act.trial["state"] not in RUNNING:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    _check_span(act, given)
    plan = {**given.plain(), "period_start": given.period_start, "period_end": given.period_end, "id": act.id("nu"),
            "trial_id": act.trial["id"], "holds_until": given.period_end, "state": NoUseState.STANDS.value,
            "replaced_by": None, "author_id": act.actor.id, "at": act.now}
    act.insert(NO_USE, plan)
    last = act.trial["no_use_until"]
    act.change_trial(no_use_until=given.period_end if last is None else max(last, given.period_end))
    tell(act, (given.period_start, given.period_end))
    arm_feedback(act)
    return NoUsePlanned(id=plan["id"], next_due_at=next_report_due(act))


def _check_span(act: Act, given: NoUseFields) -> None:
    today = act.now.astimezone(act.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if given.period_start < today or given.period_end <= act.now:
        raise invalid("period_start", "not_ahead")
    if given.period_end > act.trial["ends_at"]:
        raise invalid("period_end", "after_end")
    plans = sa.select(NO_USE.c.id).where(
        NO_USE.c.trial_id == act.trial["id"], NO_USE.c.holds_until > given.period_start,
        NO_USE.c.period_start < given.period_end, NO_USE.c.holds_until > NO_USE.c.period_start)
    if overlaps(act, (given.period_start, given.period_end)):
        raise invalid("period_start", "overlaps")
    if act.connection.execute(plans.limit(1)).first():
        raise invalid("period_start", "overlaps_plan")


class NoUseEnd(Fields):
    """Nothing needs to be said to take a plan back."""


@act(on="no_use")
def withdraw_no_use(act: Act, given: NoUseEnd) -> NoUsePlanned:
    """There will be use after all: the plan ends now, and reports are due from now on as always."""
    plan = act.row(NO_USE, act.object_id or "")
    if plan["state"] != NoUseState.STANDS or plan["holds_until"] <= act.now:
        raise Refused("plan_is_over")
    act.update(NO_USE, plan["id"], state=NoUseState.WITHDRAWN.value,
               holds_until=max(plan["period_start"], act.now))
    recount(act)
    running = act.trial["state"] in RUNNING
    if running:
        arm_feedback(act)
    return NoUsePlanned(id=plan["id"], next_due_at=next_report_due(act) if running else None)

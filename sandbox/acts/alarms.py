"""Alarms: raised in the act of the incident or the red light, acknowledged by a regulator; the ladder does the rest."""

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import Refused
from sandbox.acts.schedule import drop_due, put_due
from sandbox.rules.alarms import ANSWER_WITHIN, AlarmCause
from sandbox.store.dues import DueKind
from sandbox.store.duty import ALARMS, DUTIES, STANDING, AcknowledgementFields


def raise_alarm(act: Act, cause: AlarmCause, object_id: str) -> None:
    """Owe whoever is on duty the news, at once; for one incident or stop it is raised once."""
    known = sa.select(ALARMS.c.id).where(ALARMS.c.cause == cause, ALARMS.c.object_id == object_id)
    if act.connection.execute(known).first():
        return
    alarm = act.id("am")
    on_duty = act.connection.execute(sa.select(DUTIES.c.id).where(
        STANDING, DUTIES.c.starts_at <= act.now, DUTIES.c.ends_at > act.now)).scalar()
    act.insert(ALARMS, {"id": alarm, "trial_id": act.trial["id"], "cause": cause.value, "object_id": object_id,
                        "duty_id": on_duty, "at": act.now, "answer_by": act.now + ANSWER_WITHIN})
    put_due(act, DueKind.ALARM, alarm, act.now, act.trial["id"])


@act(on="alarm")
def acknowledge_alarm(act: Act, given: AcknowledgementFields) -> Made:
    """Say that one has seen it and acts: nobody else is woken. Any regulator may, not only the one on duty."""
    alarm = act.row(ALARMS, act.object_id or "")
    if alarm["acknowledged_at"] is not None:
        raise Refused("already_acknowledged")
    act.update(ALARMS, alarm["id"], acknowledged_at=act.now, acknowledged_by=act.actor.id, doing=given.doing)
    drop_due(act, DueKind.ALARM, alarm["id"])
    return Made(id=alarm["id"])

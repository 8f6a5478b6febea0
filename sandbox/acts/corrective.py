"""Corrective items (整改事项): added, changed by an officer alone, done by one person and verified by another."""

from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.items import arm_item, enter_item
from sandbox.acts.light import assess
from sandbox.acts.moves import trip
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import drop_due, notify
from sandbox.acts.trials import own_seat
from sandbox.rules.access import Relation
from sandbox.rules.cadence import end_of_day, local_day
from sandbox.rules.facts import DAY
from sandbox.rules.lifecycle import Cause
from sandbox.rules.risk import Light, mitigation_light
from sandbox.store.corrective import (
    ITEMS,
    CorrectiveChange,
    CorrectiveDone,
    CorrectiveFields,
    CorrectiveVerdict,
    overdue_items,
)
from sandbox.store.dues import DueKind
from sandbox.store.incidents import INCIDENTS
from sandbox.store.reviews import REVIEWS

ORIGINS = (("incident_id", INCIDENTS), ("review_id", REVIEWS))
TAKES_ITEMS = ("trial", "tune", "suspended", "retrospective", "exit_review", "winding_down")


@act(on="trial")
def add_corrective_item(act: Act, given: CorrectiveFields) -> Made:
    """Add one thing to put right on a trial, out of an incident or a review or of itself."""
    if act.trial["state"] not in TAKES_ITEMS:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    for name, table in ORIGINS:
        _of_this_trial(act, name, table, getattr(given, name))
    if given.due_on < local_day(act.now, act.zone):
        raise invalid("due_on", "in_past")
    values = {name: getattr(given, name) for name in CorrectiveFields.model_fields if name != "due_on"}
    return Made(id=enter_item(act, **values, due_at=end_of_day(given.due_on, act.zone)))


def _of_this_trial(act: Act, name: str, table: sa.Table, object_id: str | None) -> None:
    """What an item names belongs to the same trial; what does not is told like what does not exist."""
    found = object_id is None or act.connection.execute(sa.select(table.c.id).where(
        table.c.id == object_id, table.c.trial_id == act.trial["id"])).first()
    if not found:
        raise invalid(name, "not_of_this_trial")


def look_at_overdue(act: Act, *, may_stop: bool = True) -> None:
    """Assess the light by what is overdue on the act's trial now; where that turns it red, the trial stops. What only
    the calendar brings about may stop it by its own due alone, which waits for a person after a gap of the clock."""
    late = overdue_items(act.connection, [act.trial["id"]], act.now)
    worst = max(((act.now - one.due_at) / DAY for one in late if one.critical and may_stop), default=0.0)
    by_rule = mitigation_light(len(late), worst)
    assess(act, by_rule)
    if by_rule is Light.RED:
        trip(act, Cause.RISK_RED)


def _disarm(act: Act, item_id: str) -> None:
    for kind in (DueKind.ITEM_OVERDUE, DueKind.ITEM_LONG_OVERDUE, DueKind.REMIND_ITEM):
        drop_due(act, kind, item_id)


@act(on="corrective_item")
def change_corrective_item(act: Act, given: CorrectiveChange) -> Made:
    """Give an item that is not yet done another date, owner or weight, and say why."""
    item = act.row(ITEMS, act.object_id or "")
    if item["done_at"] is not None:
        raise Refused("item_done")
    changed: dict[str, Any] = {name: getattr(given, name) for name in ("owner", "critical", "mandatory")
                               if getattr(given, name) is not None}
    if given.due_on is not None:
        changed["due_at"] = end_of_day(given.due_on, act.zone)
    act.update(ITEMS, item["id"], **changed, verdict=given.reason)
    arm_item(act, {**item, **changed})
    return Made(id=item["id"])


@act(on="corrective_item")
def finish_corrective_item(act: Act, given: CorrectiveDone) -> Made:
    """Say that an item is done, and what was done. It counts as closed once another person has verified it."""
    item = act.row(ITEMS, act.object_id or "")
    if item["done_at"] is not None:
        raise Refused("item_done")
    act.update(ITEMS, item["id"], done=given.done, done_by=act.actor.id, done_at=act.now)
    _disarm(act, item["id"])
    notify(act, "item_to_verify", role="regulator", dedupe=f"{item['id']}:{act.seq}")
    return Made(id=item["id"])


@act(on="corrective_item")
def verify_corrective_item(act: Act, given: CorrectiveVerdict) -> Made:
    """Another person than the doer looked, an officer or a member of the running panel: the item is closed, or is open
    again with what they found."""
    if act.relation is not Relation.OFFICER:
        own_seat(act, "running")
    item = act.row(ITEMS, act.object_id or "")
    if item["done_at"] is None or item["verified_at"] is not None:
        raise Refused("item_not_waiting")
    if item["done_by"] == act.actor.id:
        raise Refused("own_work")
    if given.accept:
        act.update(ITEMS, item["id"], verdict=given.verdict, verified_by=act.actor.id, verified_at=act.now)
    else:
        act.update(ITEMS, item["id"], verdict=given.verdict, done_by=None, done_at=None)
        arm_item(act, item)
        look_at_overdue(act)
        notify(act, "item_sent_back", role="firm", dedupe=f"{item['id']}:{act.seq}")
    return Made(id=item["id"])

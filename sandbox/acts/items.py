"""How corrective items (整改事项) enter: one by one, or all of a corrective plan when tuning begins."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.schedule import arm_reminders, drop_due, put_due
from sandbox.rules.cadence import end_of_day
from sandbox.rules.clocks import owner_reminders
from sandbox.rules.facts import parse_day
from sandbox.rules.risk import CRITICAL_DAYS_LATE
from sandbox.store.corrective import ITEMS
from sandbox.store.dues import DueKind
from sandbox.store.facts import sections

LONG_OVERDUE = timedelta(days=CRITICAL_DAYS_LATE, seconds=1)
"""After this a critical item is late for longer than the rule of the light bears."""


def enter_item(act: Act, **values: Any) -> str:
    """Add one thing to put right on the act's trial; its id."""
    item = {"id": act.id("it"), "trial_id": act.trial["id"], "author_id": act.actor.id, "at": act.now, **values}
    act.insert(ITEMS, item)
    arm_item(act, item)
    return str(item["id"])


def enter_planned(act: Act) -> None:
    """The rows of the corrective plan become items, once for each version of it."""
    filed = sections(act.connection, act.trial, act.now).get("corrective_plan")
    if not filed or _entered(act, filed[-1].version):
        return
    for row in filed[-1].body["items"]:
        day = parse_day(row["due_on"])
        assert day is not None
        enter_item(act, what=row["item"], owner=row["owner"], acceptance_test=row["acceptance_test"],
                   mandatory=row.get("mandatory", True), critical=False, due_at=end_of_day(day, act.zone),
                   plan_version=filed[-1].version)


def _entered(act: Act, version: int) -> bool:
    known = sa.select(ITEMS.c.id).where(ITEMS.c.trial_id == act.trial["id"], ITEMS.c.plan_version == version)
    return act.connection.execute(known.limit(1)).first() is not None


def arm_item(act: Act, item: Mapping[str, Any]) -> None:
    """The firm is reminded; the light is looked at when the item becomes overdue, and again when a critical one is so
    for long."""
    put_due(act, DueKind.ITEM_OVERDUE, item["id"], item["due_at"], act.trial["id"])
    arm_reminders(act, DueKind.REMIND_ITEM, item["id"],
                  owner_reminders(item["due_at"], (item["due_at"] - item["at"]).days, act.zone))
    if item["critical"]:
        put_due(act, DueKind.ITEM_LONG_OVERDUE, item["id"], item["due_at"] + LONG_OVERDUE, act.trial["id"])
    else:
        drop_due(act, DueKind.ITEM_LONG_OVERDUE, item["id"])

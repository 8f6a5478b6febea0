"""What reports use of the caps: added up on the trial, and by reporting period, which is the caps' course over time."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.light import period_of
from sandbox.acts.places import use_places
from sandbox.store.engine import Statement
from sandbox.store.feedback import USES
from sandbox.store.types import MILLION

_COUNTED = ("people",)
"""Kept as they are; the others are kept as millionths."""

_add = Statement(sa.text(
    "INSERT INTO used (trial_id, period, volume, people, hours, money) "
    "VALUES (:trial_id, :period, :volume, :people, :hours, :money) ON CONFLICT (trial_id, period) DO UPDATE SET "
    "volume = used.volume + excluded.volume, people = used.people + excluded.people, "
    "hours = used.hours + excluded.hours, money = used.money + excluded.money"))


def use(act: Act, report: Mapping[str, Any], sign: int = 1) -> None:
    """What a report used of the caps, or no longer does. Places are counted anew where one is taken off."""
    used = {name: sign * report[field] for name, field in USES.items() if report.get(field)}
    if used:  # sums of fractions taken off again may come out a hair below nothing
        act.change_trial(**{f"used_{name}": max(0, act.trial[f"used_{name}"] + more) for name, more in used.items()})
        _add.run(act.connection, {
            "trial_id": act.trial["id"], "period": period_of(act, report["period_start"]),
            **{name: used.get(name, 0) if name in _COUNTED else round(used.get(name, 0) * MILLION) for name in USES}})
    if sign > 0:
        use_places(act, report)

"""Drift (模型漂移): what reports say of a distribution, against the reference that was fixed before the start.

Each closed period is looked at once, and again when its counts change. Drift is yellow and never red: its bound is an
approximation.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.refusals import Invalid
from sandbox.acts.schedule import notify
from sandbox.rules.cadence import period_number
from sandbox.rules.drift import look
from sandbox.store.distributions import BASELINES, DISTRIBUTIONS, IN_BINS
from sandbox.store.engine import Statement
from sandbox.words import word

_BINS = tuple(column.name for column in IN_BINS)
_add = Statement(sa.text(
    f"INSERT INTO distributions (trial_id, epoch, name, period, {', '.join(_BINS)}) "
    f"VALUES (:trial_id, :epoch, :name, :period, {', '.join(f':{name}' for name in _BINS)}) "
    "ON CONFLICT (trial_id, epoch, name, period) DO UPDATE SET looked_at = NULL, psi = NULL, bound = NULL, "
    + ", ".join(f"{name} = distributions.{name} + excluded.{name}" for name in _BINS)))
_names = Statement(sa.select(BASELINES.c.name).where(BASELINES.c.trial_id == sa.bindparam("trial_id")))
_waiting = Statement(
    sa.select(DISTRIBUTIONS.c.name, DISTRIBUTIONS.c.period, *IN_BINS)
    .where(DISTRIBUTIONS.c.trial_id == sa.bindparam("trial_id"), DISTRIBUTIONS.c.epoch == sa.bindparam("epoch"),
           DISTRIBUTIONS.c.period <= sa.bindparam("last"), DISTRIBUTIONS.c.looked_at.is_(None))
    .order_by(DISTRIBUTIONS.c.period, DISTRIBUTIONS.c.name))


def freeze_baselines(act: Act, rows: Sequence[Mapping[str, Any]]) -> None:
    """The reference distributions, kept for good."""
    for row in rows:
        act.insert(BASELINES, {"trial_id": act.trial["id"], **row})


def names_of(act: Act) -> frozenset[str]:
    """The distributions that are watched."""
    return frozenset(row[0] for row in _names.run(act.connection, {"trial_id": act.trial["id"]}).fetchall())


def check_distributions(act: Act, rows: Sequence[Any]) -> None:
    """Only distributions with a reference are taken: there is nothing to set another against."""
    known = names_of(act) if rows else frozenset()
    unknown = [place for place, row in enumerate(rows) if row.name not in known]
    if unknown:
        raise Invalid(*((("distributions", place, "name"), word("error.unknown_distribution")) for place in unknown))


def take_distributions(act: Act, report: Mapping[str, Any], epoch: int, sign: int) -> None:
    """Add a report's counts to those of its period, or take them off; the period is looked at anew."""
    period = period_number(act.trial["starts_at"], act.trial["feedback_days"], report["period_start"], act.zone)
    for row in report["distributions"]:
        counts = {name: sign * count for name, count in zip(_BINS, row["counts"], strict=True)}
        _add.run(act.connection, {"trial_id": act.trial["id"], "epoch": epoch, "name": row["name"], "period": period,
                                  **counts})


def look_at_drift(act: Act, first: int, last: int) -> bool:
    """Look at closed periods of the epoch, whose first is this one of the trial's: whether any has drifted."""
    of = {"trial_id": act.trial["id"], "epoch": act.trial["epoch"]}
    rows = _waiting.run(act.connection, {**of, "last": last}).fetchall()
    if not rows:
        return False
    known = {row.name: row.counts for row in act.connection.execute(
        sa.select(BASELINES).where(BASELINES.c.trial_id == act.trial["id"]))}
    drifted = False
    for name, period, *counts in rows:
        found = look(known[name], counts, max(1, period - first + 1), len(known))
        bound = found.bound if found.cases else None
        act.connection.execute(sa.update(DISTRIBUTIONS).where(
            *(DISTRIBUTIONS.c[column] == value for column, value in of.items()), DISTRIBUTIONS.c.name == name,
            DISTRIBUTIONS.c.period == period).values(looked_at=act.now, psi=found.index, bound=bound))
        if found.drifted:
            drifted = True
            notify(act, "drifted", role="regulator", name=name, index=round(found.index, 3),
                   bound=round(found.bound, 3))
    return drifted

"""Agreed limits (约定限度): what a plan, or the taking over of a running pilot, agrees of the light is frozen here."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.drift import freeze_baselines
from sandbox.rules.measures import alarm_lines
from sandbox.rules.risk import ALPHA, ALPHA_YELLOW, agreed_budget, silent_days
from sandbox.store.evidence import COMPARES
from sandbox.store.trials import LIMITS


def freeze_agreed(act: Act, agreed: Mapping[str, Any], size: float) -> None:
    """What is agreed (`AgreedFields` as plain values), kept for good: limits with their weights, groups, chances, the
    hard budget of a trial of this size, the background rate, baselines, alarm lines; and how long a silence the limits
    bear."""
    _freeze_limits(act, agreed)
    freeze_baselines(act, agreed.get("baselines") or ())
    alpha = agreed.get("alpha") or ALPHA
    act.change_trial(alpha=alpha, alpha_yellow=agreed.get("alpha_yellow") or ALPHA_YELLOW,
                     budget=agreed_budget(agreed.get("budget_limit"), size, alpha),
                     background_rate=agreed.get("background_rate"),
                     alarm_lines=alarm_lines(agreed.get("metrics") or ()))


def _freeze_limits(act: Act, agreed: Mapping[str, Any]) -> None:
    """Weights are normalised over the limits; groups are the terms of the indicator that compares them."""
    limits = agreed["limits"]
    whole = sum(limit["weight"] for limit in limits)
    terms = {COMPARES: {"attributes": {row["attribute"]: {"reference": row["reference"]}
                                       for row in agreed.get("compared") or ()}}}
    for limit in limits:
        act.insert(LIMITS, {"trial_id": act.trial["id"], "indicator": limit["indicator"],
                            "per_exposure": limit["per_exposure"], "weight": limit["weight"] / whole,
                            "terms": terms.get(limit["indicator"])})
    expect_rate(act, act.trial["rate_per_day"])


def expect_rate(act: Act, rate_per_day: float | None) -> None:
    """So many uses a day are expected; how long a silence the limits bear follows from that."""
    at_most = {row.indicator: row.per_exposure for row in act.connection.execute(sa.select(
        LIMITS.c.indicator, LIMITS.c.per_exposure).where(LIMITS.c.trial_id == act.trial["id"]))}
    act.change_trial(rate_per_day=rate_per_day, silent_days=silent_days(at_most, rate_per_day))

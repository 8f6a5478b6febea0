"""Versions of a plan's terms: kept as a trial starts, goes on again or is adjusted, and never changed.

What happened is judged by the terms of its own time: a report of last week by last week's pin and places.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.places import outside
from sandbox.rules.cadence import local_day
from sandbox.rules.reporting import same_version
from sandbox.rules.terms import pinned, placed
from sandbox.store.changes import PLAN_VERSIONS, adjusted_versions

KEPT_IN: Mapping[str, tuple[tuple[str, str], ...]] = {
    **{name: (("exposure", name),) for name in (
        "people", "volume", "hours", "money", "rate_per_day", "regions", "sites", "data_classes", "vulnerable_groups",
        "autonomy", "starts_on", "days", "not_applicable")},
    "model_version": (("exposure", "model_version"), ("system", "model_version")),
    **{name: (("plan", name),) for name in ("objectives", "methods", "metrics")}, "risks": (("risks", "risks"),),
    "sponsor_name": (("parties", "sponsor_name"),), "contact": (("parties", "contact"),),
    "complaint_contact": (("protection", "complaint_contact"),), "redress_contact": (("redress", "contact"),),
}
"""The section and the field in which a term was filed; the first is the one it is read from."""


def filed_terms(act: Act, bodies: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The terms as the sections of an application say them, and the trial's own columns."""
    found = {name: bodies.get(kind, {}).get(field) for name, ((kind, field), *_) in KEPT_IN.items()}
    found["autonomy"] = found["autonomy"] or bodies.get("system", {}).get("autonomy")
    return {**found, **_columns(act)}


def adopted_terms(act: Act, given: Mapping[str, Any]) -> dict[str, Any]:
    """The terms of a pilot that is taken over: of many nobody has said anything."""
    return {**{name: given.get(name) for name in KEPT_IN}, **_columns(act)}


def _columns(act: Act) -> dict[str, Any]:
    trial = act.trial
    return {"environment": trial["environment"], "model_version": trial["model_version"],
            "ends_at": trial["ends_at"].isoformat(),
            "starts_on": local_day(trial["starts_at"], act.zone).isoformat()}


def keep_version(act: Act, terms: Mapping[str, Any], *, move: str | None = None, change: str | None = None) -> int:
    """The next version of the plan's terms, in force from now on; its number."""
    number = int(act.trial["plan_version"]) + 1
    act.insert(PLAN_VERSIONS, {"trial_id": act.trial["id"], "number": number, "terms": dict(terms), "move": move,
                               "change_id": change, "at": act.now})
    act.change_trial(plan_version=number)
    return number


def terms_in_force(act: Act) -> dict[str, Any]:
    """The terms of the version that is in force."""
    found = act.connection.execute(sa.select(PLAN_VERSIONS.c.terms).where(
        PLAN_VERSIONS.c.trial_id == act.trial["id"],
        PLAN_VERSIONS.c.number == act.trial["plan_version"])).scalar_one()
    return dict(found)


def is_pinned(act: Act, version: str | None, start: datetime, end: datetime) -> bool:
    """Whether a model version is one that was pinned while that time ran, or shortly before."""
    return same_version(version, act.trial["model_version"]) \
        or pinned(version, adjusted_versions(act.connection, act.trial), start, end)


def is_agreed(act: Act, region: str | None, site: str | None, start: datetime, end: datetime) -> bool:
    """Whether both places were agreed on at some instant of that time."""
    if act.trial["plan_version"] <= 1 or not (region or site):
        return not outside(act.trial, region, site)
    return placed(region, site, adjusted_versions(act.connection, act.trial), start, end)

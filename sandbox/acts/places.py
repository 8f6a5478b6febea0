"""Regions and sites that reports name, against those that the plan agreed on."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.rules.places import Agreed, key_of
from sandbox.store.batches import COUNTS
from sandbox.store.coverage import PLACES, PlaceKind
from sandbox.store.engine import Statement
from sandbox.store.feedback import FEEDBACK

_use = Statement(sa.text("INSERT INTO places (trial_id, kind, key) VALUES (:trial_id, :kind, :key) "
                         "ON CONFLICT (trial_id, kind, key) DO NOTHING"))
_sites = Statement(sa.select(PLACES.c.key).where(
    PLACES.c.trial_id == sa.bindparam("trial_id"), PLACES.c.kind == PlaceKind.SITE.value).order_by(PLACES.c.key))


def outside(trial: Mapping[str, Any], region: str | None, site: str | None) -> bool:
    """Whether a report names a region or site that the plan's list does not have."""
    named = ((region, trial["agreed_regions"]), (site, trial["agreed_sites"]))
    return any(place and not Agreed(names=tuple(names)).allows(place) for place, names in named)


def use_places(act: Act, report: Mapping[str, Any]) -> None:
    """A report's region and site are among those used."""
    for kind in PlaceKind:
        name = report.get(kind.value)
        if name and _use.run(act.connection, {"trial_id": act.trial["id"], "kind": kind.value,
                                              "key": key_of(name)}).rowcount == 1:
            act.change_trial(**{f"used_{kind.value}s": act.trial[f"used_{kind.value}s"] + 1})


def known_sites(act: Act) -> tuple[str, ...]:
    """The sites that reports have named, by their one spelling."""
    if not act.trial["used_sites"]:
        return ()
    return tuple(row[0] for row in _sites.run(act.connection, {"trial_id": act.trial["id"]}).fetchall())


def used_places(act: Act) -> dict[str, frozenset[str]]:
    """The keys of the places that reports have named, by the term that limits them."""
    rows = act.connection.execute(sa.select(PLACES.c.kind, PLACES.c.key).where(
        PLACES.c.trial_id == act.trial["id"])).all()
    return {f"{kind.value}s": frozenset(row.key for row in rows if row.kind == kind) for kind in PlaceKind}


def recount_places(act: Act) -> None:
    """The places used, anew from the reports that count, after one of them named another or was taken back."""
    act.connection.execute(sa.delete(PLACES).where(PLACES.c.trial_id == act.trial["id"]))
    act.change_trial(used_regions=0, used_sites=0)
    named = sa.select(FEEDBACK.c.region, FEEDBACK.c.site).distinct().where(
        FEEDBACK.c.trial_id == act.trial["id"], FEEDBACK.c.epoch > 0, COUNTS)
    for row in act.connection.execute(named).mappings().all():
        use_places(act, dict(row))

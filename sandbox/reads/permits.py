"""What a permit is made of: the trial's standing, its pinned version, what is left of its caps, how it stops."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.reads.risk import caps
from sandbox.reads.trials import suspension
from sandbox.rules.cadence import local_day
from sandbox.rules.facts import parse_day
from sandbox.rules.permit import Standing, fallback_tested, standing
from sandbox.rules.terms import rolling_out
from sandbox.store.changes import adjusted_versions
from sandbox.store.keys import SIGNING_KEYS, KeyUse
from sandbox.store.sections import SECTION_ROWS, in_force


@dataclass(frozen=True, slots=True)
class Stop:
    """How the trial stops (停用方式): what happens to open cases and for how long, what replaces the system, when that
    was last tested, and whether the test is recent enough to be relied on."""

    behaviour: str
    drain_hours: int | None
    fallback: str | None
    tested_on: date | None
    tested: bool


@dataclass(frozen=True, slots=True)
class PermitFacts:
    """Everything about one trial that a permit says. `former` are model versions that were pinned, each with the end
    of its time of rolling out, which may be past."""

    standing: Standing
    stopped_at: datetime | None
    caps_left: dict[str, float]
    regions: str | None
    stop: Stop
    former: tuple[tuple[str, datetime], ...]


def permit_facts(connection: sa.Connection, row: Mapping[Any, Any], now: datetime, zone: tzinfo) -> PermitFacts:
    """The facts of a trial; the caller has narrowed to it."""
    stopped = suspension(connection, row)
    bodies = _bodies(connection, row)
    return PermitFacts(
        standing(row["state"], row["state_since"], row["ends_at"], stopped["cause"] if stopped else None, now),
        stopped["at"] if stopped else None, {cap["dimension"]: max(0, cap["cap"] - cap["used"]) for cap in caps(row)},
        bodies.get("exposure", {}).get("regions"), _stop(bodies, local_day(now, zone)),
        rolling_out(adjusted_versions(connection, row)))


def _bodies(connection: sa.Connection, row: Mapping[Any, Any]) -> dict[str, dict[str, Any]]:
    """The last version of each section that a permit speaks of. A pilot that was taken over may have none."""
    query = sa.select(SECTION_ROWS.c.kind, SECTION_ROWS.c.body).where(
        SECTION_ROWS.c.trial_id == row["id"], SECTION_ROWS.c.kind.in_(("plan", "exposure", "kill_switch")),
        in_force(row))
    return {one.kind: one.body for one in connection.execute(query.order_by(SECTION_ROWS.c.version))}


def _stop(bodies: Mapping[str, Mapping[str, Any]], today: date) -> Stop:
    plan, tested_on = bodies.get("plan", {}), parse_day(bodies.get("kill_switch", {}).get("tested_on"))
    fallback = plan.get("fallback")
    return Stop(plan.get("stop_behaviour") or "immediate", plan.get("drain_hours"), fallback, tested_on,
                fallback_tested(fallback, tested_on, today))


def signing_key(connection: sa.Connection, use: KeyUse) -> str | None:
    """The id of the key that signs now; None before the first signature and after a rotation."""
    found: str | None = connection.execute(sa.select(SIGNING_KEYS.c.id).where(
        SIGNING_KEYS.c.use == use, SIGNING_KEYS.c.retired_at.is_(None))).scalar()
    return found


def published_keys(connection: sa.Connection) -> tuple[dict[str, Any], ...]:
    """Every key's public half, oldest first, retired ones among them."""
    rows = connection.execute(sa.select(SIGNING_KEYS).order_by(SIGNING_KEYS.c.made_at, SIGNING_KEYS.c.id)).mappings()
    return tuple(dict(row) for row in rows)

"""The permit (运行凭证): a short-lived signed statement that a gateway asks for, and that says no as well as yes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Acts
from sandbox.papers.signing import key_of, sign
from sandbox.reads.permits import PermitFacts, permit_facts
from sandbox.rules.permit import issue_times, new_people, validity
from sandbox.store.keys import KeyUse

TYPE = "permit+jwt"
"""The `typ` of a permit: a gateway takes nothing else that we ever sign for one."""


@dataclass(frozen=True, slots=True)
class Permit:
    """A signed statement, and what it says."""

    signed: str
    key_id: str
    issued: datetime
    expires: datetime
    claims: Mapping[str, Any]
    facts: PermitFacts


def issue(connection: sa.Connection, acts: Acts, folder: Path, issuer: str, row: Mapping[Any, Any]) -> Permit:
    """The permit of a trial as it stands now; the caller has narrowed to it. Whoever asks within one step gets the same
    bytes. A trial that may not be used gets a statement that says so. Raises KeyMissing."""
    now = acts.clock()
    facts = permit_facts(connection, row, now, acts.place.zone)
    lasts = validity(row["tier"], facts.stop.tested)
    issued, expires = issue_times(now, row["state_since"], lasts, facts.standing.until)
    said = {"iss": issuer, "sub": row["id"], "iat": int(issued.timestamp()), "exp": int(expires.timestamp()),
            **claims(row, facts, issued)}
    key = key_of(connection, acts, folder, KeyUse.PERMIT)
    return Permit(sign(key, TYPE, said), str(key.kid), issued, expires, said, facts)


def claims(row: Mapping[Any, Any], facts: PermitFacts, issued: datetime) -> dict[str, Any]:
    """What a permit says beside its times. `serial` never falls: of two permits of one trial the higher is newer.
    A former model version is told of while it may still be used when the permit is issued."""
    return {
        "trial": row["id"], "serial": row["version"], "state": row["state"], "active": facts.standing.active,
        "cause": facts.standing.cause, "scenario": row["scenario_id"], "scenario_title": row["scenario"],
        "tier": row["tier"], "environment": row["environment"], "plan_version": row["plan_version"],
        "model_version": row["model_version"], "former_versions": [
            {"version": version, "until": int(until.timestamp())} for version, until in facts.former
            if until > issued], "caps_left": facts.caps_left, "new_people": new_people(row["state"]),
        "stop": stop_claim(facts),
    }


def stop_claim(facts: PermitFacts) -> dict[str, Any]:
    """How the trial stops. Once it has, `until` says how long cases that were open may still be finished."""
    stop, until = facts.stop, None
    if facts.stopped_at and stop.drain_hours:
        until = int((facts.stopped_at + timedelta(hours=stop.drain_hours)).timestamp())
    return {"behaviour": stop.behaviour, "drain_hours": stop.drain_hours, "until": until,
            "fallback_tested": stop.tested}

"""The facts by which a request for a change is decided: for the act that decides it and the page that tells of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.rules.changes import ChangeKind
from sandbox.rules.facts import ChangeAsked, Decision, Facts, Section
from sandbox.rules.guards import asked_of, groups_of
from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.store.facts import load_facts


def change_facts(connection: sa.Connection, trial: Mapping[Any, Any], change: Mapping[str, Any],
                 terms: Mapping[str, Any], now: datetime, place: Jurisdiction,
                 decision: Decision | None = None) -> tuple[tuple[str, ...], Facts]:
    """What must hold for the request to be accepted, and the facts that say whether it does. `terms` are those that the
    plan would have."""
    names = asked_of(ChangeKind(change["kind"]), trial["state"],
                     behaves_otherwise=bool(change["asked"].get("behaves_otherwise")))
    facts = load_facts(connection, trial, groups_of(names), now, place, decision)
    groups = facts.groups
    if terms.get("risks") and "sections" in groups:  # safeguards are judged by the risks as they would be
        register = Section("risks", 0, {"risks": terms["risks"]}, change["author_id"], change["at"], "firm")
        groups = {**groups, "sections": {**groups["sections"], "risks": (register,)}}
    asked = ChangeAsked(change["kind"], terms, trial["light"], change["review_id"])
    return names, Facts(facts.now, facts.trial, {**groups, "change": asked}, facts.place)

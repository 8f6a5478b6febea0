"""What an actor may see, said once: kernel and reads both start every query here. What is outside does not exist."""

from typing import Any

import sqlalchemy as sa

from sandbox.rules.access import Actor, Relation, Role
from sandbox.store.allegations import ALLEGATIONS
from sandbox.store.changes import CHANGES
from sandbox.store.clocks import CLOCKS
from sandbox.store.corrective import ITEMS
from sandbox.store.coverage import NO_USE
from sandbox.store.duty import ALARMS
from sandbox.store.engine import Statement
from sandbox.store.feedback import CORRECTIONS, FEEDBACK
from sandbox.store.held import HELD
from sandbox.store.incidents import INCIDENTS
from sandbox.store.log import LOG
from sandbox.store.recusals import RECUSALS
from sandbox.store.registers import CITATIONS
from sandbox.store.retractions import RETRACTIONS
from sandbox.store.reviews import REVIEWS
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.trials import SEATS, TRIALS
from sandbox.store.withdrawals import WITHDRAWALS

EVERYTHING = (Role.REGULATOR, Role.SYSTEM)


def seats_of(actor: Actor) -> sa.ColumnElement[bool]:
    """Seats that open a trial: not recused, not objected to, not declined, no conflict declared."""
    return _open_seats(actor.id)


def _open_seats(account_id: Any) -> sa.ColumnElement[bool]:
    return sa.and_(SEATS.c.account_id == account_id, SEATS.c.recused_at.is_(None), SEATS.c.objected.is_(False),
                   SEATS.c.accepted.is_not(False), SEATS.c.conflict.is_not(True))


def trials_seen_by(actor: Actor) -> sa.ColumnElement[bool]:
    """Regulators see all; a firm its own; a reviewer by seat; a department those of scenarios it leads; others none."""
    return _seen(actor.role, actor.id, actor.organisation_id)


def _seen(role: Role, account_id: Any, organisation_id: Any) -> sa.ColumnElement[bool]:
    if role in EVERYTHING:
        return sa.true()
    if role is Role.FIRM:
        return TRIALS.c.organisation_id == organisation_id
    if role is Role.REVIEWER:
        return TRIALS.c.id.in_(sa.select(SEATS.c.trial_id).where(_open_seats(account_id)))
    if role is Role.DEPARTMENT:
        led = sa.select(SCENARIOS.c.id).where(SCENARIOS.c.lead_id == organisation_id, SCENARIOS.c.lead_id.is_not(None))
        return sa.and_(TRIALS.c.scenario_id.in_(led), TRIALS.c.state != "draft")
    return sa.false()


def of_seen_trials(column: sa.ColumnElement[str], actor: Actor) -> sa.ColumnElement[bool]:
    """Rows of another table that belong to a trial the actor sees."""
    if actor.role in EVERYTHING:
        return sa.true()
    return column.in_(sa.select(TRIALS.c.id).where(trials_seen_by(actor)))


_BY_ID = {role: sa.select(TRIALS).where(TRIALS.c.id == sa.bindparam("trial_id"), _seen(
    role, sa.bindparam("account_id"), sa.bindparam("organisation_id"))) for role in Role}
_SEEN = {role: Statement(query) for role, query in _BY_ID.items()}
_HELD = {role: Statement(query.with_for_update(key_share=True, of=TRIALS)) for role, query in _BY_ID.items()}


def seen_trial(connection: sa.Connection, actor: Actor, trial_id: str) -> dict[str, Any] | None:
    """The trial's row; None when it is missing or not the actor's, which is the same."""
    return _SEEN[actor.role].first(connection, {"trial_id": trial_id, "account_id": actor.id,
                                                "organisation_id": actor.organisation_id})


def held_trial(connection: sa.Connection, actor: Actor, trial_id: str) -> dict[str, Any] | None:
    """The trial's row, locked until the act ends where the database locks rows; None when it is missing or not the
    actor's, which is the same."""
    return _HELD[actor.role].first(connection, {"trial_id": trial_id, "account_id": actor.id,
                                                "organisation_id": actor.organisation_id})


def relation_to(connection: sa.Connection, actor: Actor, trial_id: str) -> Relation:
    """How the actor stands to a trial that they see."""
    if actor.role is Role.REVIEWER:
        chair = sa.select(SEATS.c.id).where(SEATS.c.trial_id == trial_id, seats_of(actor), SEATS.c.chair,
                                            SEATS.c.accepted.is_(True), SEATS.c.panel == "running")
        return Relation.CHAIR if connection.execute(chair).first() else Relation.SEATED
    return BY_ROLE[actor.role]


BY_ROLE = {Role.REGULATOR: Relation.OFFICER, Role.FIRM: Relation.OWNER, Role.DEPARTMENT: Relation.LEAD,
           Role.SYSTEM: Relation.SYSTEM}


def trial_of(connection: sa.Connection, actor: Actor, kind: str, row_id: str) -> str | None:
    """The trial that an object of this kind belongs to; None when it is missing, or of a kind that this actor never
    sees, which is the same."""
    if kind in OFFICERS_ALONE and actor.role not in EVERYTHING:
        return None
    table = OWNED[kind]
    return connection.execute(sa.select(table.c.trial_id).where(table.c.id == row_id)).scalar()


OWNED = {"trial": TRIALS, "feedback": FEEDBACK, "correction": CORRECTIONS, "incident": INCIDENTS, "review": REVIEWS,
         "seat": SEATS, "clock": CLOCKS, "corrective_item": ITEMS, "allegation": ALLEGATIONS, "citation": CITATIONS,
         "held_filing": HELD, "no_use": NO_USE, "retraction": RETRACTIONS, "alarm": ALARMS,
         "recusal": RECUSALS, "change": CHANGES, "withdrawal": WITHDRAWALS}
"""Objects that are reached through a trial: the table in which an id of that kind lives."""
OFFICERS_ALONE = ("allegation", "alarm")
"""Kinds that nobody but regulators may know of: a report of wrongdoing never reaches the firm, and who of them sleeps
is their own affair."""


def log_seen_by(actor: Actor) -> sa.ColumnElement[bool]:
    """Entries of a trial's log that the actor may open: what officers do about an allegation is theirs alone."""
    return sa.true() if actor.role in EVERYTHING else LOG.c.act.not_in(OF_ALLEGATIONS)


OF_ALLEGATIONS = ("enter_allegation", "dismiss_allegation", "allegation_waits")
"""Entries of the log about allegations; the confirmation of one reads as the filing of an incident by an officer."""

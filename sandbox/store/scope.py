"""What an actor may see, said once: kernel and reads both start every query here. What is outside does not exist."""

import sqlalchemy as sa

from sandbox.rules.access import Actor, Relation, Role
from sandbox.store.feedback import CORRECTIONS, FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.reviews import REVIEWS
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.trials import SEATS, TRIALS

EVERYTHING = (Role.REGULATOR, Role.SYSTEM)


def seats_of(actor: Actor) -> sa.ColumnElement[bool]:
    """Seats that open a trial: not recused, not declined, no conflict declared."""
    return sa.and_(SEATS.c.account_id == actor.id, SEATS.c.recused_at.is_(None),
                   SEATS.c.accepted.is_not(False), SEATS.c.conflict.is_not(True))


def trials_seen_by(actor: Actor) -> sa.ColumnElement[bool]:
    """Regulators see all; a firm its own; a reviewer by seat; a department those of scenarios it leads; others none."""
    if actor.role in EVERYTHING:
        return sa.true()
    if actor.role is Role.FIRM:
        return TRIALS.c.organisation_id == actor.organisation_id
    if actor.role is Role.REVIEWER:
        return TRIALS.c.id.in_(sa.select(SEATS.c.trial_id).where(seats_of(actor)))
    if actor.role is Role.DEPARTMENT:
        led = sa.select(SCENARIOS.c.id).where(SCENARIOS.c.lead_id == actor.organisation_id)
        return sa.and_(TRIALS.c.scenario_id.in_(led), TRIALS.c.state != "draft")
    return sa.false()


def of_seen_trials(column: sa.ColumnElement[str], actor: Actor) -> sa.ColumnElement[bool]:
    """Rows of another table that belong to a trial the actor sees."""
    if actor.role in EVERYTHING:
        return sa.true()
    return column.in_(sa.select(TRIALS.c.id).where(trials_seen_by(actor)))


def relation_to(connection: sa.Connection, actor: Actor, trial_id: str) -> Relation:
    """How the actor stands to the trial; NONE when it is missing or not theirs, which is the same."""
    seen = connection.execute(sa.select(TRIALS.c.id).where(TRIALS.c.id == trial_id, trials_seen_by(actor))).first()
    if seen is None:
        return Relation.NONE
    if actor.role is Role.REVIEWER:
        chair = sa.select(SEATS.c.id).where(SEATS.c.trial_id == trial_id, seats_of(actor), SEATS.c.chair,
                                            SEATS.c.accepted.is_(True), SEATS.c.panel == "running")
        return Relation.CHAIR if connection.execute(chair).first() else Relation.SEATED
    return BY_ROLE[actor.role]


BY_ROLE = {Role.REGULATOR: Relation.OFFICER, Role.FIRM: Relation.OWNER, Role.DEPARTMENT: Relation.LEAD,
           Role.SYSTEM: Relation.SYSTEM}


def trial_of(connection: sa.Connection, table: sa.Table, row_id: str) -> str | None:
    """The trial that an incident, a review or a seat belongs to."""
    return connection.execute(sa.select(table.c.trial_id).where(table.c.id == row_id)).scalar()


OWNED = {"trial": TRIALS, "feedback": FEEDBACK, "correction": CORRECTIONS, "incident": INCIDENTS, "review": REVIEWS,
         "seat": SEATS}
"""Objects that are reached through a trial: the table in which an id of that kind lives."""

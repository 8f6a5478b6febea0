"""The landing page of each role: what waits for this person today, soonest first; and the trials at work."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.reads.trials import LIGHT_ORDER, TrialLine, line_of, lines
from sandbox.rules.access import Actor, Role
from sandbox.rules.lifecycle import RUNNING
from sandbox.store.dues import DUES, HOLDS
from sandbox.store.feedback import CORRECTIONS
from sandbox.store.incidents import INCIDENTS
from sandbox.store.reviews import OPINIONS, REVIEWS
from sandbox.store.scope import of_seen_trials, seats_of, trials_seen_by
from sandbox.store.trials import SEATS, TRIALS
from sandbox.store.votes import DECISIONS

AT_WORK = (*RUNNING, "suspended", "retrospective", "exit_review", "winding_down")
SHOWN = 50
REGULATORS_TURN = ("submitted", "ethics_review", "expert_rereview", "retrospective", "exit_review", "winding_down")
FIRMS_TURN = ("draft", "correction")


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that waits for a person: what (a word key's tail), on which trial, until when."""

    kind: str
    trial_id: str | None
    title: str | None
    object_id: str
    due_at: datetime | None
    state: str | None = None


def tasks(connection: sa.Connection, actor: Actor, now: datetime) -> tuple[Task, ...]:
    """What this actor has to do, soonest due first; what has no date last."""
    makers = {Role.REGULATOR: _regulators, Role.FIRM: _firms, Role.REVIEWER: _reviewers}
    found = makers[actor.role](connection, actor, now) if actor.role in makers else []
    return tuple(sorted(found, key=lambda task: (task.due_at is None, task.due_at or now, task.object_id)))


def _of(table: sa.Table, kind: str, due: Any, actor: Actor, *where: Any) -> sa.Select[Any]:
    return sa.select(sa.literal(kind).label("kind"), TRIALS.c.id.label("trial_id"), TRIALS.c.title,
                     table.c.id.label("object_id"), due.label("due_at"), TRIALS.c.state).select_from(
        table.outerjoin(TRIALS, TRIALS.c.id == table.c.trial_id)).where(*where).limit(SHOWN)


def _run(connection: sa.Connection, *queries: sa.Select[Any]) -> list[Task]:
    return [Task(**row) for query in queries for row in connection.execute(query).mappings()]


def _regulators(connection: sa.Connection, actor: Actor, now: datetime) -> list[Task]:
    waiting = _of(DECISIONS, "decide", DECISIONS.c.expires_at, actor, DECISIONS.c.outcome == "waiting",
                  DECISIONS.c.proposed_by != actor.id, DECISIONS.c.expires_at > now)
    reviews = _of(REVIEWS, "conclude", REVIEWS.c.due_at, actor, REVIEWS.c.state == "open")
    corrections = _of(CORRECTIONS, "correction", CORRECTIONS.c.at, actor, CORRECTIONS.c.state == "waiting")
    grave = _of(INCIDENTS, "incident", INCIDENTS.c.aware_at, actor, INCIDENTS.c.state == "open",
                INCIDENTS.c.severity.in_(("S1", "S2")))
    held = [Task("hold", None, None, row.id, row.at) for row in connection.execute(
        sa.select(HOLDS.c.id, HOLDS.c.at).where(HOLDS.c.released_at.is_(None)))]
    return [*_run(connection, waiting, reviews, corrections, grave), *held,
            *_turns(connection, actor, (*REGULATORS_TURN, "suspended"))]


def _turns(connection: sa.Connection, actor: Actor, states: tuple[str, ...]) -> list[Task]:
    query = sa.select(TRIALS.c.id, TRIALS.c.title, TRIALS.c.state).where(
        trials_seen_by(actor), TRIALS.c.state.in_(states)).order_by(TRIALS.c.state_since).limit(SHOWN)
    return [Task(f"turn_{row.state}", row.id, row.title, row.id, None, row.state) for row in connection.execute(query)]


def _firms(connection: sa.Connection, actor: Actor, now: datetime) -> list[Task]:
    late = sa.select(DUES.c.at, TRIALS.c.id, TRIALS.c.title, TRIALS.c.state).join(
        TRIALS, TRIALS.c.id == DUES.c.trial_id).where(DUES.c.kind == "feedback_late", trials_seen_by(actor))
    reports = [Task("report", row.id, row.title, row.id, row.at - timedelta(days=1), row.state)
               for row in connection.execute(late.limit(SHOWN))]
    incidents = _of(INCIDENTS, "incident", INCIDENTS.c.aware_at, actor, INCIDENTS.c.state == "open",
                    INCIDENTS.c.kind != "event", of_seen_trials(INCIDENTS.c.trial_id, actor))
    return [*reports, *_run(connection, incidents),
            *_turns(connection, actor, (*FIRMS_TURN, "admitted", "suspended", "winding_down"))]


def _reviewers(connection: sa.Connection, actor: Actor, now: datetime) -> list[Task]:
    offered = sa.and_(SEATS.c.account_id == actor.id, SEATS.c.accepted.is_(None), SEATS.c.recused_at.is_(None))
    seats = _of(SEATS, "seat", SEATS.c.at, actor, offered)
    mine = sa.select(SEATS.c.trial_id).where(seats_of(actor), SEATS.c.panel == "running", SEATS.c.accepted)
    done = sa.select(OPINIONS.c.review_id).where(OPINIONS.c.account_id == actor.id)
    reviews = _of(REVIEWS, "review", REVIEWS.c.due_at, actor, REVIEWS.c.state == "open",
                  REVIEWS.c.trial_id.in_(mine), REVIEWS.c.id.not_in(done))
    return [*_run(connection, seats, reviews), *_turns(connection, actor, (
        "ethics_review", "expert_rereview", "tune", "retrospective", "exit_review", "winding_down"))]


def at_work(connection: sa.Connection, actor: Actor) -> tuple[TrialLine, ...]:
    """Trials that run or are stopped, those that most need a look first."""
    rank = sa.case({light: place for place, light in enumerate(LIGHT_ORDER)}, value=TRIALS.c.light)
    query = lines(actor).where(TRIALS.c.state.in_(AT_WORK)).order_by(rank, TRIALS.c.id).limit(SHOWN)
    return tuple(line_of(row) for row in connection.execute(query).mappings())


def dues(connection: sa.Connection, actor: Actor, trial_id: str | None, until: datetime) -> tuple[dict[str, Any], ...]:
    """What the clock owes the actor's trials until then, soonest first."""
    query = sa.select(DUES).where(DUES.c.at <= until, of_seen_trials(DUES.c.trial_id, actor))
    query = query.where(DUES.c.trial_id == trial_id) if trial_id else query
    return tuple(dict(row) for row in connection.execute(query.order_by(DUES.c.at, DUES.c.id).limit(500)).mappings())


def decisions(connection: sa.Connection, actor: Actor, *, outcome: str | None = "waiting",
              cursor: str | None = None, limit: int = 50) -> Page[dict[str, Any]]:
    """Decisions for regulators, newest first; for others none."""
    seen = sa.true() if actor.role is Role.REGULATOR else sa.false()
    query = sa.select(DECISIONS, TRIALS.c.title.label("trial_title")).outerjoin(
        TRIALS, TRIALS.c.id == DECISIONS.c.trial_id).where(seen)
    query = query.where(DECISIONS.c.outcome == outcome) if outcome else query
    return keyset(connection, query, DECISIONS.c.id, cursor,
                  lambda row: {name: value for name, value in row.items() if name != "_key"}, limit)


def holds(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """Open holds of lateness, for regulators."""
    if actor.role is not Role.REGULATOR:
        return ()
    query = sa.select(HOLDS).where(HOLDS.c.released_at.is_(None)).order_by(HOLDS.c.id)
    return tuple(dict(row) for row in connection.execute(query).mappings())

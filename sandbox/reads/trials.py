"""Trials as people may know them: lists, one trial, what can happen next and what is unmet, sections, timeline, log."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, keyset
from sandbox.rules.access import Actor, Relation, may_move
from sandbox.rules.basis import basis_of
from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.rules.lifecycle import STATES, Move, Stage, moves_from, stage_of
from sandbox.rules.needs import groups_for, unmet
from sandbox.store.accounts import ACCOUNTS, CONTACTS
from sandbox.store.changes import CHANGES
from sandbox.store.facts import load_facts, trial_facts
from sandbox.store.incidents import INCIDENTS
from sandbox.store.log import LOG, current_tree, inclusion_proof
from sandbox.store.organisations import ORGANISATIONS
from sandbox.store.retractions import RETRACTIONS, RetractionState
from sandbox.store.reviews import REVIEWS
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.scope import log_seen_by, of_seen_trials, relation_to, trials_seen_by
from sandbox.store.sections import DRAFTS, SECTION_ROWS, SECTIONS, SectionKind
from sandbox.store.trials import MOVES_MADE, SEATS, SUSPENSIONS, TRIALS
from sandbox.store.votes import DECISIONS, VOTES
from sandbox.words import Word

LIGHT_ORDER = ("red", "yellow", "grey", "green")


@dataclass(frozen=True, slots=True)
class TrialLine:
    """One trial in a list."""

    id: str
    title: str
    title_hant: str | None
    title_en: str | None
    organisation_id: str
    organisation: str
    scenario_id: str
    scenario: str
    state: str
    state_since: datetime
    stage: str
    light: str
    tier: str | None
    adopted: bool
    starts_at: datetime | None
    ends_at: datetime | None
    used_volume: float
    cap_volume: float | None
    unit: str
    reports: int
    incidents: int
    version: int


LINE = (TRIALS, ORGANISATIONS.c.name.label("organisation"), SCENARIOS.c.title.label("scenario"),
        SCENARIOS.c.title_hant.label("scenario_hant"), SCENARIOS.c.title_en.label("scenario_en"),
        SCENARIOS.c.template.label("template"))


def lines(actor: Actor) -> sa.Select[Any]:
    """The query every list of trials starts from: narrowed, with the firm's and scenario's names."""
    return sa.select(*LINE).join(ORGANISATIONS, ORGANISATIONS.c.id == TRIALS.c.organisation_id).join(
        SCENARIOS, SCENARIOS.c.id == TRIALS.c.scenario_id).where(trials_seen_by(actor))


def line_of(row: Mapping[Any, Any]) -> TrialLine:
    """A row of `lines` as a line."""
    named = {name: row[name] for name in TrialLine.__dataclass_fields__ if name != "stage"}
    return TrialLine(**named, stage=stage_of(row["state"], row["left"]).value)


@dataclass(frozen=True, slots=True)
class TrialFilter:
    """What a list is narrowed by; None does not narrow. `q` looks into number, titles and the firm's name."""

    state: str | None = None
    stage: str | None = None
    firm: str | None = None
    scenario: str | None = None
    light: str | None = None
    q: str | None = None

    def where(self) -> list[sa.ColumnElement[bool]]:
        """The conditions, all of which hold."""
        exact = ((TRIALS.c.state, self.state), (TRIALS.c.organisation_id, self.firm),
                 (TRIALS.c.scenario_id, self.scenario), (TRIALS.c.light, self.light))
        conditions = [column == value for column, value in exact if value]
        if self.stage:
            conditions.append(_in_stage(self.stage))
        if self.q:
            columns = (TRIALS.c.id, TRIALS.c.title, TRIALS.c.title_hant, TRIALS.c.title_en, ORGANISATIONS.c.name)
            conditions.append(sa.or_(*(column.icontains(self.q, autoescape=True) for column in columns)))
        return conditions


def _in_stage(stage: str) -> sa.ColumnElement[bool]:
    own = [code for code, state in STATES.items() if state.stage == stage]
    side = [code for code, state in STATES.items() if state.stage is Stage.SIDE]
    left = TRIALS.c.left.in_(own)
    never = TRIALS.c.left.is_(None) if stage == Stage.ENCOURAGE else sa.false()
    return sa.or_(TRIALS.c.state.in_(own), sa.and_(TRIALS.c.state.in_(side), sa.or_(left, never)))


def trials(connection: sa.Connection, actor: Actor, chosen: TrialFilter = TrialFilter(),
           cursor: str | None = None, limit: int = 50) -> Page[TrialLine]:
    """Trials the actor sees, newest number first."""
    return keyset(connection, lines(actor).where(*chosen.where()), TRIALS.c.id, cursor, line_of, limit)


def count(connection: sa.Connection, actor: Actor, chosen: TrialFilter = TrialFilter()) -> int:
    """How many of the actor's trials the filter leaves."""
    found = lines(actor).where(*chosen.where()).with_only_columns(TRIALS.c.id).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def firms(connection: sa.Connection, actor: Actor) -> dict[str, str]:
    """Firms that have a trial the actor sees, by id, in the order of their names."""
    query = lines(actor).with_only_columns(ORGANISATIONS.c.id, ORGANISATIONS.c.name).distinct()
    return {row.id: row.name for row in connection.execute(query.order_by(ORGANISATIONS.c.name))}


def trial(connection: sa.Connection, actor: Actor, trial_id: str) -> dict[str, Any] | None:
    """One trial with its firm's and scenario's names and the actor's relation; None when missing or not theirs."""
    row = connection.execute(lines(actor).where(TRIALS.c.id == trial_id)).mappings().first()
    if row is None:
        return None
    return {**row, "stage": stage_of(row["state"], row["left"]).value,
            "relation": relation_to(connection, actor, trial_id)}


@dataclass(frozen=True, slots=True)
class NextMove:
    """A move that leaves the present state: whether this actor may make it, and every need with its answer."""

    move: Move
    permitted: bool
    unmet: Mapping[str, Word]
    decision: str | None

    @property
    def only_second_missing(self) -> bool:
        return list(self.unmet) == ["two_regulators"]


def next_moves(connection: sa.Connection, row: Mapping[Any, Any], relation: Relation,
               now: datetime, place: Jurisdiction) -> tuple[NextMove, ...]:
    """Every move from the trial's state, in the table's order; `row` and `relation` come from `trial`."""
    moves = moves_from(row["state"])
    facts = load_facts(connection, row, groups_for(moves), now, place)
    waiting = {d.move: d.id for d in connection.execute(sa.select(DECISIONS.c.move, DECISIONS.c.id).where(
        DECISIONS.c.trial_id == row["id"], DECISIONS.c.outcome == "waiting", DECISIONS.c.expires_at > now))}
    return tuple(NextMove(move, may_move(move, relation), unmet(move, facts), waiting.get(move.name))
                 for move in moves)


def basis(connection: sa.Connection, row: Mapping[Any, Any], move: Move, now: datetime,
          place: Jurisdiction) -> dict[str, Any]:
    """What a move from the trial's state rests on now."""
    return basis_of(move, load_facts(connection, row, groups_for([move]), now, place))


def days_used(row: Mapping[Any, Any], now: datetime) -> float:
    """Days of exposure so far; days stopped do not count."""
    return trial_facts(row).days_used(now)


def seat(connection: sa.Connection, actor: Actor, seat_id: str) -> dict[str, Any] | None:
    """One seat on a panel of a trial the actor sees, or None."""
    row = connection.execute(sa.select(SEATS).where(
        SEATS.c.id == seat_id, of_seen_trials(SEATS.c.trial_id, actor))).mappings().first()
    return dict(row) if row else None


@dataclass(frozen=True, slots=True)
class SectionState:
    """One kind of section: what is filed, whether this actor may file it now, and whether a draft waits."""

    kind: SectionKind
    version: int
    body: dict[str, Any]
    at: datetime | None
    author: str | None
    writable: bool
    draft: dict[str, Any] | None


def sections(connection: sa.Connection, actor: Actor, row: Mapping[Any, Any]) -> dict[str, SectionState]:
    """Every section kind with its current version; a personal kind (a score sheet) shows the actor's own only."""
    found: dict[str, Any] = {}
    for one in connection.execute(sa.select(SECTION_ROWS).where(SECTION_ROWS.c.trial_id == row["id"])
                                  .order_by(SECTION_ROWS.c.version)):
        if not SECTIONS[one.kind].personal or one.author_id == actor.id:
            found[one.kind] = one
    drafts = {d.kind: d.raw for d in connection.execute(sa.select(DRAFTS).where(
        DRAFTS.c.trial_id == row["id"], DRAFTS.c.account_id == actor.id))}
    return {name: _section(kind, found.get(name), row, drafts.get(name)) for name, kind in SECTIONS.items()}


def _section(kind: SectionKind, filed: Any, row: Mapping[Any, Any], draft: dict[str, Any] | None) -> SectionState:
    writable = row["relation"] in kind.by and row["state"] in kind.states
    if filed is None:
        return SectionState(kind, 0, {}, None, None, writable, draft)
    return SectionState(kind, filed.version, filed.body, filed.at, filed.author_id, writable, draft)


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a trial, newest first in a timeline. `name` is the log action."""

    seq: int
    at: datetime
    name: str
    actor_id: str
    role: str
    object_id: str | None
    reason: str | None


def timeline(connection: sa.Connection, actor: Actor, trial_id: str, before: int | None = None,
             limit: int = 50) -> Page[Event]:
    """What happened, newest first; the caller has narrowed to the trial. The cursor is a sequence number."""
    query = sa.select(LOG).where(LOG.c.trial_id == trial_id, log_seen_by(actor)).order_by(LOG.c.seq.desc())
    rows = connection.execute((query.where(LOG.c.seq < before) if before is not None else query).limit(limit + 1)).all()
    events = []
    for row in rows[:limit]:
        leaf = json.loads(row.leaf)
        events.append(Event(row.seq, row.at, row.act, row.actor_id, leaf["role"], leaf["object"], leaf["reason"]))
    return Page(tuple(events), str(rows[limit - 1].seq) if len(rows) > limit else None)


def log_entries(connection: sa.Connection, actor: Actor, trial_id: str, before: int | None = None,
                limit: int = 50) -> tuple[dict[str, Any], Page[dict[str, Any]]]:
    """The log's head (size, root) and the trial's entries with leaf, hash and inclusion proof against that head."""
    tree = current_tree(connection)
    query = sa.select(LOG).where(LOG.c.trial_id == trial_id, log_seen_by(actor)).order_by(LOG.c.seq.desc())
    rows = connection.execute((query.where(LOG.c.seq < before) if before is not None else query).limit(limit + 1)).all()
    entries = tuple({"seq": row.seq, "leaf": row.leaf, "hash": bytes(row.hash).hex(),
                     "proof": inclusion_proof(connection, row.seq, tree.size)} for row in rows[:limit])
    head = {"size": tree.size, "root": tree.root().hex()}
    return head, Page(entries, str(rows[limit - 1].seq) if len(rows) > limit else None)


def panel(connection: sa.Connection, trial_id: str) -> tuple[dict[str, Any], ...]:
    """Seats with the reviewer's name and body, oldest first; the caller has narrowed to the trial."""
    query = sa.select(SEATS, CONTACTS.c.name, ORGANISATIONS.c.name.label("organisation"), ACCOUNTS.c.expertise).join(
        ACCOUNTS, ACCOUNTS.c.id == SEATS.c.account_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == SEATS.c.account_id).outerjoin(
        ORGANISATIONS, ORGANISATIONS.c.id == SEATS.c.organisation_id)
    rows = connection.execute(query.where(SEATS.c.trial_id == trial_id).order_by(SEATS.c.id)).mappings()
    return tuple(dict(row) for row in rows)


def votes(connection: sa.Connection, trial_id: str) -> tuple[dict[str, Any], ...]:
    """Votes with the voter's name, oldest first; the caller has narrowed to the trial."""
    query = sa.select(VOTES, CONTACTS.c.name).outerjoin(CONTACTS, CONTACTS.c.account_id == VOTES.c.account_id)
    rows = connection.execute(query.where(VOTES.c.trial_id == trial_id).order_by(VOTES.c.at, VOTES.c.id)).mappings()
    return tuple(dict(row) for row in rows)


def moves_made(connection: sa.Connection, trial_id: str) -> tuple[dict[str, Any], ...]:
    """The trial's way, oldest first, with reasons; the caller has narrowed to the trial."""
    query = sa.select(MOVES_MADE).where(MOVES_MADE.c.trial_id == trial_id).order_by(MOVES_MADE.c.seq)
    return tuple(dict(row) for row in connection.execute(query).mappings())


def suspension(connection: sa.Connection, row: Mapping[Any, Any]) -> dict[str, Any] | None:
    """The suspension a stopped trial is in."""
    found = connection.execute(sa.select(SUSPENSIONS).where(
        SUSPENSIONS.c.id == row["suspension_id"], SUSPENSIONS.c.ended_at.is_(None))).mappings().first()
    return dict(found) if found else None


def causes(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> dict[str, str]:
    """Why those of these trials that are stopped are, by id of the trial; the caller has narrowed to them."""
    asked = [row["suspension_id"] for row in rows if row["suspension_id"]]
    query = sa.select(SUSPENSIONS.c.trial_id, SUSPENSIONS.c.cause).where(
        SUSPENSIONS.c.id.in_(asked), SUSPENSIONS.c.ended_at.is_(None))
    return {one.trial_id: one.cause for one in connection.execute(query)} if asked else {}


def tallies(connection: sa.Connection, row: Mapping[str, Any]) -> dict[str, int]:
    """How many reports, incidents, reviews and requests for a change a trial has, for the tabs; reports are counted
    already, but for those taken back."""
    taken_back = sa.and_(RETRACTIONS.c.feedback_id.is_not(None), RETRACTIONS.c.state == RetractionState.ACCEPTED)
    found = {name: connection.execute(sa.select(sa.func.count()).where(
        table.c.trial_id == row["id"], *more)).scalar_one() for name, table, *more in (
            ("feedback", RETRACTIONS, taken_back), ("incidents", INCIDENTS), ("reviews", REVIEWS),
            ("changes", CHANGES))}
    return {**found, "feedback": found["feedback"] + row["reports"]}

"""The landing page of each role: what waits for this person today, soonest first; and the trials at work."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.reads.annual import owed_until
from sandbox.reads.pages import Page, keyset
from sandbox.reads.reporting import retractions_to_decide
from sandbox.reads.steps import Step, next_steps
from sandbox.reads.trials import LIGHT_ORDER, lines
from sandbox.rules.access import Actor, Relation, Role
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.clocks import ended_by, is_step
from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.rules.lifecycle import RUNNING, stage_of
from sandbox.rules.reviewing import COURSES, Sitting, quorum
from sandbox.rules.risk import CAP_WARNING
from sandbox.store.accounts import ACCOUNTS, INVITATIONS
from sandbox.store.allegations import ALLEGATIONS
from sandbox.store.changes import CHANGES
from sandbox.store.clocks import CLOCKS
from sandbox.store.corrective import ITEMS
from sandbox.store.dues import DUES, HOLDS, DueKind
from sandbox.store.duty import ALARMS
from sandbox.store.evidence import LATE_REDS
from sandbox.store.feedback import CORRECTIONS
from sandbox.store.held import HELD
from sandbox.store.incidents import INCIDENTS
from sandbox.store.recusals import RECUSALS
from sandbox.store.retractions import RETRACTIONS
from sandbox.store.reviews import OPINIONS, REVIEWS, SITTERS
from sandbox.store.scope import of_seen_trials, seats_of, trials_seen_by
from sandbox.store.trials import SEATS, TRIALS
from sandbox.store.votes import DECISIONS

AT_WORK = (*RUNNING, "suspended", "retrospective", "exit_review", "winding_down")
SHOWN = 50
SOON, MITIGATE, GRACE = timedelta(days=2), timedelta(hours=24), timedelta(hours=24)
REPORT_AHEAD, CLOCK_NEAR = timedelta(days=7), timedelta(days=14)
BY_A_TASK = ("change_decided", "panel_whole")
"""What ends clocks that a task of its own stands for."""
PANEL_LACKS = "D13"
"""The clock of a running trial whose panel is not whole: a task of its own, which leads to the panel."""
YEARLY_AHEAD = timedelta(days=60)
STEPPING = {
    Role.REGULATOR: ("submitted", "ethics_review", "expert_rereview", "admitted", "tune", "suspended", "retrospective",
                     "exit_review", "winding_down"),
    Role.FIRM: ("draft", "correction", "admitted", "tune", "suspended", "retrospective", "exit_review", "winding_down"),
    Role.REVIEWER: ("ethics_review", "expert_rereview", "tune", "retrospective", "exit_review", "winding_down"),
}
"""States in which a step of this role can lead on."""
RELATIONS = {Role.REGULATOR: Relation.OFFICER, Role.FIRM: Relation.OWNER, Role.REVIEWER: Relation.SEATED}
"""How each of them stands to a trial they see; a chair's own steps are those of a seat."""


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that waits for a person: what, on which trial, until when.

    `kind` is alarm, decide, conclude, await (a conclusion that lacks opinions), correction, incident, clock, item,
    verify, allegation, recusal, change, late_red, hold, held,
    report, seat, review, retraction, annual, or a step's (move, section, vote, panel, ending); `about` says which move,
    section, matter, panel, severity, cause, ground, class of change or sort of review."""

    kind: str
    trial_id: str | None
    title: str | None
    object_id: str
    due_at: datetime | None
    state: str | None = None
    about: str | None = None
    title_hant: str | None = None
    title_en: str | None = None
    have: int = 0
    needed: int = 0
    """Of a conclusion: how many have judged, of how many."""


def tasks(connection: sa.Connection, actor: Actor, now: datetime, place: Jurisdiction) -> tuple[Task, ...]:
    """What this actor has to do, soonest due first; what has no date after that, and last what waits for others."""
    steps = _steps(connection, actor, now, place) if actor.role in STEPPING else ()
    return _soonest((*own_tasks(connection, actor, now), *steps))


def own_tasks(connection: sa.Connection, actor: Actor, now: datetime, trial_id: str | None = None) -> tuple[Task, ...]:
    """Tasks about objects of their own (decisions, reviews, reports, seats), of one trial or all; steps are apart."""
    makers = {Role.REGULATOR: _regulators, Role.FIRM: _firms, Role.REVIEWER: _reviewers}
    found = makers[actor.role](connection, actor, now, trial_id) if actor.role in makers else []
    return _soonest(tuple(found))


def _soonest(found: tuple[Task, ...]) -> tuple[Task, ...]:
    return tuple(sorted(found, key=lambda task: (
        task.kind == "await", task.due_at is None, task.due_at.isoformat() if task.due_at else "", task.object_id)))


def _of(table: sa.Table, kind: str, trial_id: str | None, due: Any, about: Any, *where: Any) -> sa.Select[Any]:
    where = (*where, table.c.trial_id == trial_id) if trial_id else where
    return sa.select(sa.literal(kind).label("kind"), TRIALS.c.id.label("trial_id"), TRIALS.c.title, TRIALS.c.title_hant,
                     TRIALS.c.title_en, table.c.id.label("object_id"), due.label("due_at"), TRIALS.c.state,
                     about.label("about")).select_from(
        table.outerjoin(TRIALS, TRIALS.c.id == table.c.trial_id)).where(*where).limit(SHOWN)


def _run(connection: sa.Connection, *queries: sa.Select[Any]) -> list[Task]:
    return [Task(**row) for query in queries for row in connection.execute(query).mappings()]


def _regulators(connection: sa.Connection, actor: Actor, now: datetime, trial_id: str | None) -> list[Task]:
    named = sa.func.coalesce(DECISIONS.c.move, DECISIONS.c.act)
    waiting = _of(DECISIONS, "decide", trial_id, DECISIONS.c.expires_at, named,
                  DECISIONS.c.outcome == "waiting", DECISIONS.c.proposed_by != actor.id, DECISIONS.c.expires_at > now)
    corrections = _of(CORRECTIONS, "correction", trial_id, sa.null(), sa.null(), CORRECTIONS.c.state == "waiting")
    allegations = _of(ALLEGATIONS, "allegation", trial_id, ALLEGATIONS.c.decide_by, sa.null(),
                      ALLEGATIONS.c.state == "waiting")
    done = _of(ITEMS, "verify", trial_id, sa.null(), sa.null(), ITEMS.c.done_at.is_not(None),
               ITEMS.c.verified_at.is_(None), ITEMS.c.done_by != actor.id)
    alarms = _of(ALARMS, "alarm", trial_id, ALARMS.c.answer_by, ALARMS.c.cause, ALARMS.c.acknowledged_at.is_(None))
    changes = _of(CHANGES, "change", trial_id, CHANGES.c.decide_by, CHANGES.c.kind, CHANGES.c.state == "filed")
    asked = _of(RECUSALS, "recusal", trial_id, RECUSALS.c.decide_by, sa.null(), RECUSALS.c.state == "waiting")
    late = _of(LATE_REDS, "late_red", trial_id, LATE_REDS.c.due_at, sa.null(), LATE_REDS.c.state == "waiting")
    held = [Task("hold", None, None, row.id, row.at, about=row.kind) for row in connection.execute(
        sa.select(HOLDS.c.id, HOLDS.c.at, HOLDS.c.kind).where(HOLDS.c.released_at.is_(None)))]
    yearly = [Task("annual", None, None, row.id, row.due_at, about=row.key)
              for row in owed_until(connection, actor, now + YEARLY_AHEAD)]
    panels = _of(CLOCKS, "panel", trial_id, CLOCKS.c.due_at, sa.literal("panel"), CLOCKS.c.key == PANEL_LACKS,
                 CLOCKS.c.ended_at.is_(None))
    queries = (alarms, panels, waiting, corrections, allegations, asked, changes, done, late,
               _held(actor, trial_id))
    return [*_run(connection, *queries), *_conclusions(connection, now, trial_id), *_grave(connection, actor, trial_id),
            *_clocks(connection, actor, now, trial_id), *([] if trial_id else (*held, *yearly))]


def _conclusions(connection: sa.Connection, now: datetime, trial_id: str | None) -> list[Task]:
    """Open reviews that somebody has judged or whose time is short: to be concluded once the quorum has judged."""
    ready = sa.or_(REVIEWS.c.id.in_(sa.select(OPINIONS.c.review_id)), REVIEWS.c.due_at <= now + SOON,
                   REVIEWS.c.kind == "emergency")
    judged = sa.select(sa.func.count()).where(OPINIONS.c.review_id == REVIEWS.c.id,
                                              OPINIONS.c.recommendation.in_(COURSES)).scalar_subquery()
    query = _of(REVIEWS, "conclude", trial_id, REVIEWS.c.due_at, REVIEWS.c.kind, REVIEWS.c.state == "open", ready)
    query = query.add_columns(judged.label("have"), REVIEWS.c.sitting, TRIALS.c.tier)
    found = []
    for row in connection.execute(query).mappings():
        needed = quorum(Sitting(row["sitting"]), row["tier"])
        told = {name: value for name, value in row.items() if name not in ("sitting", "tier", "kind")}
        found.append(Task(**told, kind="conclude" if row["have"] >= needed else "await", needed=needed))
    return found


def _held(actor: Actor, trial_id: str | None) -> sa.Select[Any]:
    """Filings that wait to be checked, until they count of themselves."""
    return _of(HELD, "held", trial_id, HELD.c.applies_at, sa.null(), HELD.c.state == sa.literal_column("'waiting'"),
               of_seen_trials(HELD.c.trial_id, actor))


def _grave(connection: sa.Connection, actor: Actor, trial_id: str | None) -> list[Task]:
    """Grave incidents still open: to be mitigated within a day of the firm's knowing."""
    found = _run(connection, _of(
        INCIDENTS, "incident", trial_id, INCIDENTS.c.aware_at, INCIDENTS.c.severity, INCIDENTS.c.state == "open",
        INCIDENTS.c.state != "closed", INCIDENTS.c.severity.in_(("S1", "S2")),
        of_seen_trials(INCIDENTS.c.trial_id, actor)))
    return [replace(task, due_at=task.due_at and task.due_at + MITIGATE) for task in found]


def _steps(connection: sa.Connection, actor: Actor, now: datetime, place: Jurisdiction) -> list[Task]:
    """Steps that are this person's own, on the trials that have stood still longest."""
    query = lines(actor).where(TRIALS.c.state.in_(STEPPING[actor.role])).order_by(TRIALS.c.state_since).limit(SHOWN)
    rows = connection.execute(query).mappings().all()
    found = next_steps(connection, actor, rows, RELATIONS[actor.role], now, place)
    limits = _limits(connection, [row["id"] for row in rows])
    return [Task(step.kind, row["id"], row["title"], row["id"], _until(step, limits.get(row["id"], {})), row["state"],
                 step.name, row["title_hant"], row["title_en"])
            for row in rows if (step := found[row["id"]]) and step.own]


def _limits(connection: sa.Connection, trials: list[str]) -> dict[str, dict[str, datetime]]:
    """When the running clocks of these trials run out, by trial and key."""
    found: dict[str, dict[str, datetime]] = {}
    for row in connection.execute(sa.select(CLOCKS.c.trial_id, CLOCKS.c.key, CLOCKS.c.due_at).where(
            CLOCKS.c.trial_id.in_(trials), CLOCKS.c.ended_at.is_(None), CLOCKS.c.first_at.is_(None))):
        found.setdefault(row.trial_id, {})[row.key] = row.due_at
    return found


def _until(step: Step, limits: Mapping[str, datetime]) -> datetime | None:
    """The first clock of the trial that the step, or the move it serves, ends."""
    keys = ended_by(move=step.name if step.kind == "move" else step.toward or "",
                    section=step.name if step.kind == "section" else "")
    return min((limits[key] for key in keys if key in limits), default=None)


def _firms(connection: sa.Connection, actor: Actor, now: datetime, trial_id: str | None) -> list[Task]:
    soon = (row for row in reports_due(connection, actor, trial_id) if row["due_at"] <= now + REPORT_AHEAD)
    reports = [Task("report", row["id"], row["title"], row["id"], row["due_at"], row["state"], None, row["title_hant"],
                    row["title_en"]) for row in soon]
    items = _of(ITEMS, "item", trial_id, ITEMS.c.due_at, sa.null(), ITEMS.c.done_at.is_(None),
                ITEMS.c.verified_at.is_(None), of_seen_trials(ITEMS.c.trial_id, actor))
    return [*reports, *_grave(connection, actor, trial_id), *_clocks(connection, actor, now, trial_id),
            *_run(connection, items, _held(actor, trial_id))]


def _clocks(connection: sa.Connection, actor: Actor, now: datetime, trial_id: str | None) -> list[Task]:
    """Clocks that this side has to meet and to say so, of each incident the one that runs out first; those of the
    procedure once they are near, each by itself. What a step ends is told by the step."""
    owed = [clock.key for clock in KNOWN.values() if actor.role.value in clock.owners and not is_step(clock)
            and clock.ends_on not in BY_A_TASK]
    near = sa.or_(CLOCKS.c.object_id.startswith("in_", autoescape=True), CLOCKS.c.due_at <= now + CLOCK_NEAR)
    query = _of(CLOCKS, "clock", trial_id, CLOCKS.c.due_at, CLOCKS.c.key, CLOCKS.c.ended_at.is_(None), near,
                CLOCKS.c.first_at.is_(None), CLOCKS.c.key.in_(owed), of_seen_trials(CLOCKS.c.trial_id, actor))
    first: dict[str, Task] = {}
    for row in connection.execute(query.add_columns(CLOCKS.c.object_id.label("of")).order_by(
            CLOCKS.c.due_at, CLOCKS.c.id)).mappings():
        about = row["of"] if row["of"].startswith("in_") else row["object_id"]
        first.setdefault(about, Task(**{**{n: v for n, v in row.items() if n != "of"}, "object_id": about}))
    return list(first.values())


def _reviewers(connection: sa.Connection, actor: Actor, now: datetime, trial_id: str | None) -> list[Task]:
    offered = sa.and_(SEATS.c.account_id == actor.id, SEATS.c.accepted.is_(None), SEATS.c.recused_at.is_(None),
                      SEATS.c.objected.is_(False))
    seats = _of(SEATS, "seat", trial_id, sa.null(), SEATS.c.panel, offered)
    mine = sa.select(SEATS.c.trial_id).where(seats_of(actor), SEATS.c.panel == "running", SEATS.c.accepted)
    on_duty = sa.select(SITTERS.c.review_id).where(SITTERS.c.account_id == actor.id)
    done = sa.select(OPINIONS.c.review_id).where(OPINIONS.c.account_id == actor.id)
    reviews = _of(REVIEWS, "review", trial_id, REVIEWS.c.due_at, REVIEWS.c.kind, REVIEWS.c.state == "open",
                  REVIEWS.c.trial_id.in_(mine), REVIEWS.c.id.not_in(done), sa.or_(
                      REVIEWS.c.sitting == "full", REVIEWS.c.id.in_(on_duty)))
    taken_back = _of(RETRACTIONS, "retraction", trial_id, sa.null(), RETRACTIONS.c.why, retractions_to_decide(actor))
    return _run(connection, seats, reviews, taken_back)


def reports_due(connection: sa.Connection, actor: Actor, trial_id: str | None = None) -> tuple[dict[str, Any], ...]:
    """Running trials with when their next report is due (`due_at`), whether it is late enough to have turned the light
    (`missing`), and when a further missing one stops them (`stops_at`); soonest due first."""
    query = sa.select(DUES.c.kind, DUES.c.at, TRIALS.c.id, TRIALS.c.title, TRIALS.c.title_hant, TRIALS.c.title_en,
                      TRIALS.c.state, TRIALS.c.feedback_days).join(TRIALS, TRIALS.c.id == DUES.c.trial_id).where(
        DUES.c.kind.in_((DueKind.FEEDBACK_LATE, DueKind.FEEDBACK_MISSING, DueKind.FEEDBACK_SILENT)),
        trials_seen_by(actor))
    query = query.where(TRIALS.c.id == trial_id) if trial_id else query
    found: dict[str, dict[str, Any]] = {}
    for row in connection.execute(query.order_by(DUES.c.at, DUES.c.id)).mappings():
        one = found.setdefault(row["id"], {**row, "missing": True, "stops_at": None})
        if row["kind"] == DueKind.FEEDBACK_LATE:
            one.update(due_at=row["at"] - GRACE, missing=False)
            continue
        one["stops_at"] = one["stops_at"] or row["at"]  # the first of the two
        if row["kind"] == DueKind.FEEDBACK_MISSING:
            one.setdefault("due_at", row["at"] - timedelta(days=row["feedback_days"]))
    return tuple(sorted(found.values(), key=lambda one: (one["due_at"], one["id"])))


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed next on a trial: report, review, clock, end_date, lapse, decision; `stop_...` is what its lack
    causes."""

    kind: str
    at: datetime
    trial_id: str
    about: str | None = None
    """Of a review: its kind; of a clock: its key."""


OWED_AS = {
    DueKind.FEEDBACK_MISSING: "stop_feedback_missing", DueKind.FEEDBACK_SILENT: "stop_feedback_silent",
    DueKind.REVIEW_OVERDUE: "stop_review_overdue",
    DueKind.END_DATE: "end_date", DueKind.KILL_SWITCH: "stop_kill_switch", DueKind.GRAVE_UNMITIGATED: "stop_grave",
    DueKind.LAPSE: "lapse", DueKind.EXPIRE_DECISION: "decision",
}
"""Dues that a person should know of; reports and reviews are told by their own dates."""


def owed(connection: sa.Connection, actor: Actor, trial_id: str | None = None) -> tuple[Owed, ...]:
    """What is owed on the actor's trials, soonest first."""
    query = sa.select(DUES.c.kind, DUES.c.at, DUES.c.trial_id).where(
        DUES.c.kind.in_(OWED_AS), of_seen_trials(DUES.c.trial_id, actor))
    reviews = sa.select(REVIEWS.c.due_at, REVIEWS.c.trial_id, REVIEWS.c.kind).where(
        REVIEWS.c.state.in_(("planned", "open")), of_seen_trials(REVIEWS.c.trial_id, actor))
    clocks = sa.select(CLOCKS.c.due_at, CLOCKS.c.trial_id, CLOCKS.c.key).where(
        CLOCKS.c.ended_at.is_(None), CLOCKS.c.first_at.is_(None), of_seen_trials(CLOCKS.c.trial_id, actor))
    if trial_id:
        query, reviews = query.where(DUES.c.trial_id == trial_id), reviews.where(REVIEWS.c.trial_id == trial_id)
        clocks = clocks.where(CLOCKS.c.trial_id == trial_id)
    found = [Owed(OWED_AS[row.kind], row.at, row.trial_id) for row in connection.execute(query)]
    found += [Owed("review", row.due_at, row.trial_id, row.kind) for row in connection.execute(reviews)]
    found += [Owed("clock", row.due_at, row.trial_id, row.key) for row in connection.execute(clocks)]
    found += [Owed("report", row["due_at"], row["id"]) for row in reports_due(connection, actor, trial_id)]
    return tuple(sorted(found, key=lambda one: (one.at, one.kind, one.trial_id)))


def at_work(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """Trials that run or are stopped, those that most need a look first, as rows of `trials.lines` with their stage."""
    rank = sa.case({light: place for place, light in enumerate(LIGHT_ORDER)}, value=TRIALS.c.light)
    stopped = sa.case((TRIALS.c.state.in_(("suspended", "retrospective")), 0), else_=1)
    query = lines(actor).where(TRIALS.c.state.in_(AT_WORK)).order_by(
        stopped, rank, TRIALS.c.log_e.desc(), TRIALS.c.id).limit(SHOWN)
    return tuple({**row, "stage": stage_of(row["state"], row["left"]).value}
                 for row in connection.execute(query).mappings())


def counts_at_work(connection: sa.Connection, actor: Actor) -> Mapping[str, int]:
    """How many trials are at work: `stopped`, and the others by light."""
    stopped = TRIALS.c.state.in_(("suspended", "retrospective"))
    key = sa.case((stopped, "stopped"), else_=TRIALS.c.light)
    query = sa.select(key, sa.func.count()).where(trials_seen_by(actor), TRIALS.c.state.in_(AT_WORK)).group_by(key)
    return {row[0]: row[1] for row in connection.execute(query)}


def near_cap(row: Mapping[Any, Any], caps: tuple[dict[str, Any], ...]) -> dict[str, Any] | None:
    """The fullest cap of a trial from the warning line up, or None."""
    fullest = max(caps, key=lambda cap: cap["share"], default=None)
    return fullest if fullest and fullest["share"] >= CAP_WARNING else None


def dues(connection: sa.Connection, actor: Actor, trial_id: str | None, until: datetime) -> tuple[dict[str, Any], ...]:
    """What the clock owes the actor's trials until then, soonest first."""
    query = sa.select(DUES).where(DUES.c.at <= until, of_seen_trials(DUES.c.trial_id, actor))
    query = query.where(DUES.c.trial_id == trial_id) if trial_id else query
    return tuple(dict(row) for row in connection.execute(query.order_by(DUES.c.at, DUES.c.id).limit(500)).mappings())


DECISION = (DECISIONS, TRIALS.c.title.label("trial_title"), TRIALS.c.title_hant.label("trial_title_hant"),
            TRIALS.c.title_en.label("trial_title_en"))


def _decisions(actor: Actor) -> sa.Select[Any]:
    seen = sa.true() if actor.role is Role.REGULATOR else sa.false()
    return sa.select(*DECISION).outerjoin(TRIALS, TRIALS.c.id == DECISIONS.c.trial_id).where(seen)


def decisions(connection: sa.Connection, actor: Actor, *, outcome: str | None = "waiting", q: str | None = None,
              cursor: str | None = None, limit: int = 50, waiting_first: bool = False) -> Page[dict[str, Any]]:
    """Decisions for regulators, newest first, those that wait before all others where asked so; for others none."""
    waiting = sa.case((DECISIONS.c.outcome == "waiting", "1"), else_="0")
    key = waiting + DECISIONS.c.id if waiting_first else DECISIONS.c.id
    return keyset(connection, _matching(actor, outcome, q), key, cursor,
                  lambda row: {name: value for name, value in row.items() if name != "_key"}, limit)


def count_decisions(connection: sa.Connection, actor: Actor, *, outcome: str | None = None,
                    q: str | None = None) -> int:
    """How many decisions the filter leaves; for others than regulators none."""
    found = _matching(actor, outcome, q).with_only_columns(DECISIONS.c.id).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def _matching(actor: Actor, outcome: str | None, q: str | None) -> sa.Select[Any]:
    query = _decisions(actor)
    query = query.where(DECISIONS.c.outcome == outcome) if outcome else query
    if q:
        columns = (TRIALS.c.id, TRIALS.c.title, TRIALS.c.title_hant, TRIALS.c.title_en)
        query = query.where(sa.or_(*(column.icontains(q, autoescape=True) for column in columns)))
    return query


def decision(connection: sa.Connection, actor: Actor, decision_id: str) -> dict[str, Any] | None:
    """One decision, for regulators; None for others and when it is missing."""
    row = connection.execute(_decisions(actor).where(DECISIONS.c.id == decision_id)).mappings().first()
    return dict(row) if row else None


def hold(connection: sa.Connection, actor: Actor, hold_id: str) -> dict[str, Any] | None:
    """One hold, released or not, for regulators; None for others and when it is missing."""
    seen = sa.true() if actor.role is Role.REGULATOR else sa.false()
    row = connection.execute(sa.select(HOLDS).where(seen, HOLDS.c.id == hold_id)).mappings().first()
    return dict(row) if row else None


def holds(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """Open holds of lateness, for regulators."""
    if actor.role is not Role.REGULATOR:
        return ()
    query = sa.select(HOLDS).where(HOLDS.c.released_at.is_(None)).order_by(HOLDS.c.id)
    return tuple(dict(row) for row in connection.execute(query).mappings())


def people_by_role(connection: sa.Connection, actor: Actor, now: datetime) -> dict[str, int]:
    """How many people of each role have an account or an open invitation, for administrators; others see none."""
    if actor.role is not Role.ADMINISTRATOR:
        return {}
    found: Counter[str] = Counter()
    invited = (INVITATIONS.c.used_at.is_(None), INVITATIONS.c.expires_at > now)
    for table, where in ((ACCOUNTS, (ACCOUNTS.c.active,)), (INVITATIONS, invited)):
        counted = connection.execute(sa.select(table.c.role, sa.func.count()).where(*where).group_by(table.c.role))
        found.update({row[0]: row[1] for row in counted})
    return dict(found)

"""Facts of trials, loaded by group: what the needs of a move read, and nothing else."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.rules import facts as f
from sandbox.rules.cadence import TIERS
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.incident_clocks import GRAVE, NEAR_MISS
from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.rules.risk import GRAVE_EVENTS
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.batches import COUNTS
from sandbox.store.changes import PLAN_VERSIONS
from sandbox.store.clocks import CLOCKS, ClockOutcome, missed
from sandbox.store.corrective import ITEMS, long_overdue, overdue_items
from sandbox.store.dues import DUES, NOTICES, DueKind
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.reviews import OPINIONS, REVIEWS
from sandbox.store.sections import SECTION_ROWS, SECTIONS
from sandbox.store.trials import COUNTERS, SEATS, SUSPENSIONS, TRIALS
from sandbox.store.votes import VOTES


def trial_facts(row: Mapping[Any, Any]) -> f.TrialFacts:
    """The trial's own columns as facts."""
    named = {name: row[name] for name in (
        "id", "state", "state_since", "left", "listed", "simplified", "round", "panel_no", "dossier_version", "ends_at",
        "starts_at", "running_since", "tune_since", "days_before", "extension_count", "day_limit", "appeals",
    )}
    return f.TrialFacts(**named, tier=row["tier"], environment=row["environment"], organisation=row["organisation_id"])


UNCLOCKED = timedelta(days=30)
Rows = Sequence[Mapping[Any, Any]]


def load_facts(connection: sa.Connection, row: Mapping[Any, Any], groups: Iterable[str], now: datetime,
               place: Jurisdiction, decision: f.Decision | None = None) -> f.Facts:
    """The trial's facts with these groups. `decision` is the one being confirmed, if any."""
    groups = set(groups)
    loaded = facts_of_many(connection, [(row, groups - {"decision"})], now, place)[row["id"]].groups
    return f.Facts(now, trial_facts(row), {**loaded, "decision": decision} if "decision" in groups else loaded, place)


def facts_of_many(connection: sa.Connection, asked: Sequence[tuple[Mapping[Any, Any], Collection[str]]], now: datetime,
                  place: Jurisdiction) -> dict[str, f.Facts]:
    """The facts of several trials by id, of each the groups asked for: every group in as many queries as for one, which
    read nothing of the trials that do without it. No decision is being confirmed."""
    groups: dict[str, dict[str, Any]] = {}
    wanting: dict[str, list[Mapping[Any, Any]]] = {}
    for row, names in asked:
        groups[row["id"]] = {"decision": None} if "decision" in names else {}
        for name in names:
            wanting.setdefault(name, []).append(row)
    for name in wanting.keys() - {"decision"}:
        found = LOADERS[name](connection, wanting[name], now)
        for row in wanting[name]:
            groups[row["id"]][name] = found[row["id"]]
    return {row["id"]: f.Facts(now, trial_facts(row), groups[row["id"]], place) for row, _ in asked}


def _by_trial(connection: sa.Connection, rows: Rows, table: sa.Table, *order: Any, where: tuple[Any, ...] = (),
              columns: tuple[Any, ...] = ()) -> dict[str, list[Any]]:
    """Rows of another table by trial, in this order within each; every trial has a list."""
    found: dict[str, list[Any]] = {row["id"]: [] for row in rows}
    query = sa.select(table.c.trial_id, *columns) if columns else sa.select(table)
    for one in connection.execute(query.where(table.c.trial_id.in_(list(found)), *where).order_by(*order)):
        found[one.trial_id].append(one)
    return found


def sections(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> dict[str, tuple[f.Section, ...]]:
    """The last version of each section of one trial; of a personal kind, the last of each person."""
    return _sections(connection, [row], now)[row["id"]]


def _sections(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, dict[str, tuple[f.Section, ...]]]:
    filed = _by_trial(connection, rows, SECTION_ROWS, SECTION_ROWS.c.version)
    return {trial_id: _last_versions(found) for trial_id, found in filed.items()}


def _last_versions(filed: Iterable[Any]) -> dict[str, tuple[f.Section, ...]]:
    last = {(r.kind, r.author_id if SECTIONS[r.kind].personal else ""): r for r in filed}
    found: dict[str, tuple[f.Section, ...]] = {}
    for (kind, _), r in last.items():
        found[kind] = (*found.get(kind, ()), f.Section(kind, r.version, r.body, r.author_id, r.at, r.role))
    return found


def votes(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, tuple[f.Vote, ...]]:
    """Every vote, oldest first."""
    cast = _by_trial(connection, rows, VOTES, VOTES.c.at, VOTES.c.id)
    return {trial_id: tuple(
        f.Vote(r.matter, r.round, r.version, r.account_id, r.organisation_id or "", r.role, r.constituency, r.value,
               r.at, r.external, r.subject or "") for r in found) for trial_id, found in cast.items()}


def panel(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, tuple[f.Seat, ...]]:
    """Every seat, answered or not; what its holder knows is as their account says now."""
    seated = _by_trial(connection, rows, SEATS, SEATS.c.id)
    holders = {one.account_id for found in seated.values() for one in found}
    known = {one.id: tuple(one.expertise) for one in connection.execute(
        sa.select(ACCOUNTS.c.id, ACCOUNTS.c.expertise).where(ACCOUNTS.c.id.in_(holders)))} if holders else {}
    return {trial_id: tuple(
        f.Seat(r.account_id, r.organisation_id or "", r.constituency, r.panel, r.panel_no, r.accepted is True,
               r.conflict is True, r.recused_at is not None or r.objected, r.external, r.chair,
               known.get(r.account_id, ()), r.id, r.deputy_of) for r in found) for trial_id, found in seated.items()}


def reviews(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, tuple[f.ReviewFacts, ...]]:
    """Reviews that were not dropped, soonest due first."""
    kept = _by_trial(connection, rows, REVIEWS, REVIEWS.c.due_at, where=(REVIEWS.c.state != "dropped",))
    return {trial_id: tuple(
        f.ReviewFacts(r.kind, r.due_at, r.held_at, r.suspension_id, r.id, r.recommendation, r.advised)
        for r in found) for trial_id, found in kept.items()}


def suspension(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, f.Suspension | None]:
    """The suspension each trial is in, or was last in while its retrospective runs."""
    asked = [row["suspension_id"] for row in rows if row["suspension_id"]]
    if not asked:
        return {row["id"]: None for row in rows}
    late = Counter(one.trial_id for one in overdue_items(connection, [row["id"] for row in rows], now)
                   if long_overdue(one, now))
    found = connection.execute(sa.select(SUSPENSIONS).where(
        SUSPENSIONS.c.id.in_(asked), SUSPENSIONS.c.ended_at.is_(None))).all()
    judged = _judged(connection, [stop.review_id for stop in found if stop.review_id])
    stops = {r.trial_id: f.Suspension(r.id, r.cause, r.left, r.at, tuple(r.other_causes.split()), late[r.trial_id],
                                      judged.get(r.review_id, ())) for r in found}
    return {row["id"]: stops.get(row["id"]) for row in rows}


def _judged(connection: sa.Connection, reviews: list[str]) -> dict[str | None, tuple[str, ...]]:
    """Who gave an opinion, by review."""
    found: dict[str | None, tuple[str, ...]] = {}
    query = sa.select(OPINIONS.c.review_id, OPINIONS.c.account_id).where(OPINIONS.c.review_id.in_(reviews))
    for one in connection.execute(query.order_by(OPINIONS.c.account_id)) if reviews else ():
        found[one.review_id] = (*found.get(one.review_id, ()), one.account_id)
    return found


def proof(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, f.Proof]:
    """Counts of what was due and filed, and of what is still open."""
    filed = _filed(connection, rows)
    clocks = _by_trial(connection, rows, CLOCKS, where=(CLOCKS.c.outcome.is_distinct_from(ClockOutcome.VOID),))
    grave, told = _open_grave(connection, rows), _told(connection, rows, clocks, now)
    overdue, beyond = _overdue_reports(connection, rows, now), unitemised(connection, [row["id"] for row in rows])
    return {row["id"]: _proof(row, filed.get(row["id"], (0, 0)), told[row["id"]],
                              (grave.get(row["id"], 0), beyond.get(row["id"], 0)),
                              clocks[row["id"]], overdue, now) for row in rows}


def _filed(connection: sa.Connection, rows: Rows) -> dict[str, tuple[int, int]]:
    """Reports that were in time, and all of them, by trial: what is counted already, without the record before an
    adoption. Only late ones and that record are looked at, each by its index."""
    ids = [row["id"] for row in rows]
    late = sa.select(FEEDBACK.c.trial_id, sa.func.count()).where(
        FEEDBACK.c.trial_id.in_(ids), FEEDBACK.c.late, FEEDBACK.c.epoch >= 1, COUNTS)
    before = sa.select(FEEDBACK.c.trial_id, sa.func.count()).join(TRIALS, TRIALS.c.id == FEEDBACK.c.trial_id).where(
        TRIALS.c.id.in_([row["id"] for row in rows if row["adopted"]]), FEEDBACK.c.epoch == 0, COUNTS,
        FEEDBACK.c.period_start < TRIALS.c.starts_at)
    late_of, before_of = ({one[0]: one[1] for one in connection.execute(query.group_by(FEEDBACK.c.trial_id))}
                          for query in (late, before))
    told = {row["id"]: row["reports"] - before_of.get(row["id"], 0) for row in rows}
    return {trial: (number - late_of.get(trial, 0), number) for trial, number in told.items()}


def _proof(row: Mapping[Any, Any], filed: tuple[int, int], told: tuple[int, int], grave: tuple[int, int],
           clocks: Sequence[Any], overdue: set[str], now: datetime) -> f.Proof:
    late = [one.key for one in clocks if one.ended_at is None and missed(one._mapping, now) and one.first_at is None
            and "firm" in KNOWN[one.key].owners]
    complaints = late.count("C25.answer")
    return f.Proof(reports_due(row, now), filed[1], filed, told, *grave, complaints,
                   (row["id"] in overdue) + len(late) - complaints)


def _open_grave(connection: sa.Connection, rows: Rows) -> dict[str, int]:
    """Grave incidents that are not closed."""
    query = sa.select(INCIDENTS.c.trial_id, sa.func.count()).where(
        INCIDENTS.c.trial_id.in_([row["id"] for row in rows]), INCIDENTS.c.state != "closed",
        INCIDENTS.c.severity.in_(GRAVE))
    return {one[0]: one[1] for one in connection.execute(query.group_by(INCIDENTS.c.trial_id))}


def unitemised(connection: sa.Connection, trials: Sequence[str]) -> dict[str, int]:
    """S1 and S2 that reports count in a period beyond those itemised in it, by trial."""
    beyond = sa.func.sum(COUNTERS.c.events) - sa.func.sum(COUNTERS.c.itemised)
    of_period = sa.select(COUNTERS.c.trial_id, beyond.label("beyond")).where(
        COUNTERS.c.trial_id.in_(trials), COUNTERS.c.epoch > 0, COUNTERS.c.indicator.in_(GRAVE_EVENTS)).group_by(
        COUNTERS.c.trial_id, COUNTERS.c.indicator, COUNTERS.c.period).having(beyond > 0).subquery()
    query = sa.select(of_period.c.trial_id, sa.func.sum(of_period.c.beyond)).group_by(of_period.c.trial_id)
    return {trial: int(number) for trial, number in connection.execute(query)}


def _told(connection: sa.Connection, rows: Rows, clocks: Mapping[str, Sequence[Any]],
          now: datetime) -> dict[str, tuple[int, int]]:
    """Incidents of this program's time told inside every clock that the firm owed, of all; an incident without a clock
    is told within a month."""
    filed = _by_trial(connection, rows, INCIDENTS, where=(
        sa.or_(INCIDENTS.c.kind == "incident", sa.and_(INCIDENTS.c.kind != NEAR_MISS, INCIDENTS.c.severity.in_(GRAVE))),
        ~INCIDENTS.c.retracted, INCIDENTS.c.source_key.is_(None)),
                      columns=(INCIDENTS.c.id, INCIDENTS.c.at, INCIDENTS.c.aware_at))
    found = {}
    for trial_id, incidents in filed.items():
        owed = [one for one in clocks[trial_id] if "firm" in KNOWN[one.key].owners]
        late = {one.object_id for one in owed if missed(one._mapping, now)}
        clocked = {one.object_id for one in owed}
        told = [one.id not in late if one.id in clocked else one.at - one.aware_at <= UNCLOCKED for one in incidents]
        found[trial_id] = (sum(told), len(told))
    return found


def reports_due(row: Mapping[Any, Any], now: datetime) -> int:
    """Full feedback periods of exposure: while a trial is stopped no report falls due."""
    if row["starts_at"] is None or row["tier"] is None:
        return 0
    days = row["feedback_days"] or TIERS[row["tier"]].feedback_days
    until = min(now, row["ends_at"]) if row["ends_at"] else now
    return max(0, int(trial_facts(row).days_used(until) / days))


def _overdue_reports(connection: sa.Connection, rows: Rows, now: datetime) -> set[str]:
    """Running trials whose next report is past its day of grace: the due time of its lateness is gone or over."""
    running = {row["id"] for row in rows if row["state"] in ("trial", "tune")}
    ahead = sa.select(DUES.c.object_id).where(DUES.c.kind == DueKind.FEEDBACK_LATE, DUES.c.object_id.in_(running),
                                              DUES.c.at >= now)
    return running - set(connection.execute(ahead).scalars()) if running else set()


def items(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, tuple[f.Item, ...]]:
    """Every corrective item, soonest due first."""
    kept = _by_trial(connection, rows, ITEMS, ITEMS.c.due_at, ITEMS.c.id, columns=(
        ITEMS.c.mandatory, ITEMS.c.due_at, ITEMS.c.done_at, ITEMS.c.verified_at))
    return {trial_id: tuple(f.Item(r.mandatory, r.due_at, r.done_at, r.verified_at) for r in found)
            for trial_id, found in kept.items()}


def reminders(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, f.Reminders]:
    """Reminders of idleness sent in the present state."""
    query = sa.select(NOTICES.c.trial_id, sa.func.count()).join(TRIALS, TRIALS.c.id == NOTICES.c.trial_id).where(
        NOTICES.c.trial_id.in_([row["id"] for row in rows]), NOTICES.c.kind == "remind_idle",
        NOTICES.c.at >= TRIALS.c.state_since).group_by(NOTICES.c.trial_id)
    sent = {one[0]: one[1] for one in connection.execute(query)}
    return {row["id"]: f.Reminders(sent.get(row["id"], 0)) for row in rows}


def terms(connection: sa.Connection, rows: Rows, now: datetime) -> dict[str, Mapping[str, Any] | None]:
    """The terms of the plan in force; of a trial that never started none."""
    query = sa.select(PLAN_VERSIONS.c.trial_id, PLAN_VERSIONS.c.terms).join(TRIALS, sa.and_(
        TRIALS.c.id == PLAN_VERSIONS.c.trial_id, TRIALS.c.plan_version == PLAN_VERSIONS.c.number))
    found = {one.trial_id: one.terms for one in connection.execute(
        query.where(PLAN_VERSIONS.c.trial_id.in_([row["id"] for row in rows])))}
    return {row["id"]: found.get(row["id"]) for row in rows}


LOADERS: dict[str, Callable[[sa.Connection, Rows, datetime], Mapping[str, Any]]] = {
    "sections": _sections, "votes": votes, "panel": panel, "reviews": reviews, "suspension": suspension,
    "proof": proof, "items": items, "reminders": reminders, "terms": terms,
}
"""Each answers for every trial asked about."""

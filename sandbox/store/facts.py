"""Facts of one trial, loaded by group: what the needs of a move read, and nothing else."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.rules import facts as f
from sandbox.rules.cadence import TIERS, YELLOW_AFTER
from sandbox.store.dues import DUES, NOTICES, DueKind
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.reviews import REVIEWS
from sandbox.store.sections import SECTION_ROWS, SECTIONS
from sandbox.store.trials import SEATS, SUSPENSIONS
from sandbox.store.votes import VOTES


def trial_facts(row: Mapping[Any, Any]) -> f.TrialFacts:
    """The trial's own columns as facts."""
    named = {name: row[name] for name in (
        "id", "state", "state_since", "left", "listed", "simplified", "round", "panel_no", "dossier_version", "ends_at",
        "starts_at", "running_since", "tune_since", "days_before", "extension_count", "day_limit", "appeals",
    )}
    return f.TrialFacts(**named, tier=row["tier"], environment=row["environment"], organisation=row["organisation_id"])


def load_facts(connection: sa.Connection, row: Mapping[Any, Any], groups: Iterable[str], now: datetime,
               decision: f.Decision | None = None) -> f.Facts:
    """The trial's facts with these groups. `decision` is the one being confirmed, if any."""
    loaded = {name: decision if name == "decision" else LOADERS[name](connection, row, now) for name in groups}
    return f.Facts(now, trial_facts(row), loaded)


def sections(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> dict[str, tuple[f.Section, ...]]:
    """The last version of each section; of a personal kind, the last of each person."""
    last: dict[tuple[str, str], f.Section] = {}
    query = sa.select(SECTION_ROWS).where(SECTION_ROWS.c.trial_id == row["id"]).order_by(SECTION_ROWS.c.version)
    for r in connection.execute(query):
        whose = r.author_id if SECTIONS[r.kind].personal else ""
        last[r.kind, whose] = f.Section(r.kind, r.version, r.body, r.author_id, r.at, r.role)
    found: dict[str, tuple[f.Section, ...]] = {}
    for (kind, _), section in last.items():
        found[kind] = (*found.get(kind, ()), section)
    return found


def votes(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> tuple[f.Vote, ...]:
    """Every vote, oldest first."""
    query = sa.select(VOTES).where(VOTES.c.trial_id == row["id"]).order_by(VOTES.c.at, VOTES.c.id)
    return tuple(
        f.Vote(r.matter, r.round, r.version, r.account_id, r.organisation_id or "", r.role, r.constituency, r.value,
               r.at, r.external, r.subject or "")
        for r in connection.execute(query)
    )


def panel(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> tuple[f.Seat, ...]:
    """Every seat, answered or not."""
    query = sa.select(SEATS).where(SEATS.c.trial_id == row["id"]).order_by(SEATS.c.id)
    return tuple(
        f.Seat(r.account_id, r.organisation_id or "", r.constituency, r.panel, r.panel_no, r.accepted is True,
               r.conflict is True, r.recused_at is not None, r.external, r.chair)
        for r in connection.execute(query)
    )


def reviews(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> tuple[f.ReviewFacts, ...]:
    """Reviews that were not dropped, soonest due first."""
    query = sa.select(REVIEWS).where(REVIEWS.c.trial_id == row["id"], REVIEWS.c.state != "dropped")
    return tuple(f.ReviewFacts(r.kind, r.due_at, r.held_at, r.suspension_id)
                 for r in connection.execute(query.order_by(REVIEWS.c.due_at)))


def suspension(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> f.Suspension | None:
    """The suspension the trial is in, or was last in while its retrospective runs."""
    found = connection.execute(sa.select(SUSPENSIONS).where(SUSPENSIONS.c.id == row["suspension_id"])).first()
    if found is None or found.ended_at is not None:
        return None
    return f.Suspension(found.id, found.cause, found.left, found.at, tuple(found.other_causes.split()))


def proof(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> f.Proof:
    """Counts of what was due and filed, and of what is still open."""
    open_rows = sa.and_(INCIDENTS.c.trial_id == row["id"], INCIDENTS.c.state != "closed")
    grave = sa.func.count().filter(INCIDENTS.c.severity.in_(("S1", "S2")))
    late = sa.func.count().filter(INCIDENTS.c.answer_due_at < now)
    open_grave, late_complaints = connection.execute(sa.select(grave, late).where(open_rows)).one()
    filed = [at - due for at, due in connection.execute(sa.select(FEEDBACK.c.at, FEEDBACK.c.due_at).where(
        FEEDBACK.c.trial_id == row["id"], FEEDBACK.c.epoch >= 1, ~FEEDBACK.c.retracted))]
    on_time = sum(delay <= YELLOW_AFTER for delay in filed)
    return f.Proof(reports_due(row, now), len(filed), (on_time, len(filed)), incidents_told(connection, row),
                   open_grave, late_complaints, overdue_reports(connection, row, now))


def incidents_told(connection: sa.Connection, row: Mapping[Any, Any]) -> tuple[int, int]:
    """Incidents of this program's time told inside their clock (a day for S1 and S2, otherwise a month), of all."""
    query = sa.select(INCIDENTS.c.severity, INCIDENTS.c.at, INCIDENTS.c.aware_at).where(
        INCIDENTS.c.trial_id == row["id"], INCIDENTS.c.kind == "incident", INCIDENTS.c.epoch >= 1)
    told = [at - aware <= (timedelta(days=1) if severity in ("S1", "S2") else timedelta(days=30))
            for severity, at, aware in connection.execute(query)]
    return sum(told), len(told)


def reports_due(row: Mapping[Any, Any], now: datetime) -> int:
    """Full feedback periods of exposure: while a trial is stopped no report falls due."""
    if row["starts_at"] is None or row["tier"] is None:
        return 0
    days = row["feedback_days"] or TIERS[row["tier"]].feedback_days
    until = min(now, row["ends_at"]) if row["ends_at"] else now
    return max(0, int(trial_facts(row).days_used(until) / days))


def overdue_reports(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> int:
    """1 while the running trial's next report is past its day of grace: then its due time is gone or over."""
    if row["state"] not in ("trial", "tune"):
        return 0
    ahead = sa.select(sa.func.count()).where(DUES.c.kind == DueKind.FEEDBACK_LATE, DUES.c.object_id == row["id"],
                                             DUES.c.at >= now)
    return 1 - int(connection.execute(ahead).scalar_one())


def reminders(connection: sa.Connection, row: Mapping[Any, Any], now: datetime) -> f.Reminders:
    """Reminders of idleness sent in the present state."""
    sent = sa.select(sa.func.count()).where(NOTICES.c.trial_id == row["id"], NOTICES.c.kind == "remind_idle",
                                            NOTICES.c.at >= row["state_since"])
    return f.Reminders(connection.execute(sent).scalar_one())


LOADERS: dict[str, Callable[[sa.Connection, Mapping[Any, Any], datetime], Any]] = {
    "sections": sections, "votes": votes, "panel": panel, "reviews": reviews, "suspension": suspension,
    "proof": proof, "reminders": reminders,
}

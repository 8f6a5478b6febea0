"""Feedback, incidents and reviews as people may know them: lists over trials, and single records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads import walks
from sandbox.reads.pages import Page, soonest_due
from sandbox.reads.walks import Wanted
from sandbox.rules.access import Actor, Role
from sandbox.rules.reporting import Span
from sandbox.rules.reviewing import COURSES
from sandbox.store.accounts import ACCOUNTS, CONTACTS
from sandbox.store.batches import COUNTS, KEPT
from sandbox.store.feedback import CORRECTIONS, FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.reviews import OPINIONS, REVIEW_DATES, REVIEWS, SITTERS
from sandbox.store.scope import EVERYTHING, of_seen_trials, seats_of
from sandbox.store.sections import DRAFTS
from sandbox.store.trials import SEATS, TRIALS

TITLE = (TRIALS.c.title.label("trial_title"), TRIALS.c.title_hant.label("trial_title_hant"),
         TRIALS.c.title_en.label("trial_title_en"))


def of_trials(table: sa.Table, actor: Actor, trial_id: str | None) -> sa.Select[Any]:
    """Rows of a table with their trial's names, of the trials that the actor sees, or of one of them."""
    query = sa.select(table, *TITLE).join(TRIALS, TRIALS.c.id == table.c.trial_id)
    query = query.where(of_seen_trials(table.c.trial_id, actor))
    return query.where(table.c.trial_id == trial_id) if trial_id else query


def matching(query: sa.Select[Any], q: str | None, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Narrowed to rows whose trial, or one of the further columns, contains the words."""
    return query.where(_titled(q, *more)) if q else query


def _titled(q: str, *more: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The trial, or one of the further columns, contains the words."""
    columns = (TRIALS.c.id, TRIALS.c.title, TRIALS.c.title_hant, TRIALS.c.title_en, *more)
    return sa.or_(*(column.icontains(q, autoescape=True) for column in columns))


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "_key"}


def feedback(connection: sa.Connection, actor: Actor, trial_id: str | None = None, cursor: str | None = None,
             limit: int = 50, *, q: str | None = None, late: bool = False, within: Sequence[Span] | None = None,
             only: Sequence[str] = ()) -> Page[Any]:
    """Reports, newest filed first; `q` is a report's number, or looks into the trial's number and titles; `late` leaves
    those that came too late, `within` those of these spans of time. With `only` they are tuples of these columns."""
    return _walked(connection, _reports_wanted(actor, trial_id, q, late, within), cursor, limit, only)


def _walked(connection: sa.Connection, wanted: Wanted, cursor: str | None, limit: int,
            only: Sequence[str]) -> Page[Any]:
    columns = [wanted.table.c[name] for name in only] or (*wanted.table.c, *TITLE)
    return walks.page(connection, wanted, columns, cursor, limit, bare=bool(only))


def _reports_wanted(actor: Actor, trial_id: str | None, q: str | None, late: bool,
                    within: Sequence[Span] | None) -> Wanted:
    """The reports of a list."""
    only = (FEEDBACK.c.late,) if late else ()
    fits = () if within is None else (sa.or_(sa.false(), *(sa.and_(
        FEEDBACK.c.period_start >= start, FEEDBACK.c.period_start < end) for start, end in within)),)
    if q and q.startswith("fb_"):
        return _numbered(FEEDBACK, actor, trial_id, q, KEPT, *only, *fits)
    return Wanted(FEEDBACK, actor, trial_id, _titled(q) if q else None, only=only, sure=(KEPT,), fits=fits)


def report(connection: sa.Connection, actor: Actor, feedback_id: str) -> dict[str, Any] | None:
    """One report with its corrections."""
    query = of_trials(FEEDBACK, actor, None).where(FEEDBACK.c.id == feedback_id, KEPT)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    history = connection.execute(sa.select(CORRECTIONS).where(
        CORRECTIONS.c.feedback_id == feedback_id).order_by(CORRECTIONS.c.at)).mappings()
    return {**row, "corrections": [dict(one) for one in history]}


def source_keys(connection: sa.Connection, actor: Actor, trial_id: str) -> set[str]:
    """Keys of the imported reports and events that a trial already has."""
    return {key for table in (FEEDBACK, INCIDENTS) for key in connection.execute(sa.select(table.c.source_key).where(
        table.c.trial_id == trial_id, of_seen_trials(table.c.trial_id, actor),
        table.c.source_key.is_not(None))).scalars()}


def corrections_waiting(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """Softening corrections that wait for an officer, oldest first."""
    query = of_trials(CORRECTIONS, actor, None).where(CORRECTIONS.c.state == "waiting").order_by(CORRECTIONS.c.at)
    return tuple(dict(row) for row in connection.execute(query.limit(200)).mappings())


def correction(connection: sa.Connection, actor: Actor, correction_id: str) -> dict[str, Any] | None:
    """One correction, or None when missing or not theirs to see."""
    row = connection.execute(of_trials(CORRECTIONS, actor, None).where(
        CORRECTIONS.c.id == correction_id)).mappings().first()
    return dict(row) if row else None


def incidents(connection: sa.Connection, actor: Actor, trial_id: str | None = None, *, state: str | None = None,
              severity: str | None = None, kind: str | None = None, q: str | None = None, cursor: str | None = None,
              limit: int = 50, only: Sequence[str] = ()) -> Page[Any]:
    """Incidents, newest filed first; `q` is an incident's number, or looks into its description and the trial's number
    and titles. With `only` they are tuples of these columns."""
    chosen = {name: value for name, value in (("severity", severity), ("state", state), ("kind", kind)) if value}
    return _walked(connection, _incidents_wanted(actor, trial_id, chosen, q), cursor, limit, only)


def _numbered(table: sa.Table, actor: Actor, trial_id: str | None, number: str,
              *fits: sa.ColumnElement[bool]) -> Wanted:
    return Wanted(table, actor, trial_id, exact={"id": number}, fits=(*fits, of_seen_trials(TRIALS.c.id, actor)))


def _incidents_wanted(actor: Actor, trial_id: str | None, chosen: Mapping[str, str], q: str | None) -> Wanted:
    """The incidents of a list. Of what is chosen, one follows an index where the list is of all trials."""
    if q and q.startswith("in_"):
        return _numbered(INCIDENTS, actor, trial_id, q, *(INCIDENTS.c[name] == one for name, one in chosen.items()))
    of_all = trial_id is None and actor.role in EVERYTHING
    exact = dict(list(chosen.items())[:1]) if of_all else {}
    fits = [INCIDENTS.c[name] == value for name, value in chosen.items() if name not in exact]
    if q:
        fits.append(_titled(q, INCIDENTS.c.description))
    return Wanted(INCIDENTS, actor, trial_id, exact=exact, fits=tuple(fits))


AHEAD = "ahead"
"""Asks for the reviews that are still to be held, whether open or only planned."""


def reviews(connection: sa.Connection, actor: Actor, trial_id: str | None = None, *, state: str | None = None,
            kind: str | None = None, q: str | None = None, cursor: str | None = None,
            limit: int = 50) -> Page[dict[str, Any]]:
    """Reviews, soonest due first. A reviewer's list is of trials where they sit on the running panel."""
    query = matching(of_trials(REVIEWS, actor, trial_id), q)
    if actor.role is Role.REVIEWER:
        mine = sa.select(SEATS.c.trial_id).where(seats_of(actor), SEATS.c.panel == "running",
                                                 SEATS.c.accepted.is_(True))
        query = query.where(REVIEWS.c.trial_id.in_(mine))
    query = query.where(REVIEWS.c.state.in_(("planned", "open") if state == AHEAD else (state,))) if state else query
    query = query.where(REVIEWS.c.kind == kind) if kind else query
    return soonest_due(connection, query, REVIEWS, cursor, _plain, limit)


def next_review(connection: sa.Connection, trial_id: str, kind: str | None = None) -> dict[str, Any] | None:
    """The trial's soonest review (of a kind) that is open or planned; the caller has narrowed to the trial."""
    query = sa.select(REVIEWS).where(REVIEWS.c.trial_id == trial_id, REVIEWS.c.state.in_(("planned", "open")))
    query = query.where(REVIEWS.c.kind == kind) if kind else query
    row = connection.execute(query.order_by(REVIEWS.c.due_at, REVIEWS.c.id).limit(1)).mappings().first()
    return dict(row) if row else None


def yellow_reasons(connection: sa.Connection, trial_ids: Sequence[str]) -> dict[str, str]:
    """What the open checks of yellow lights are for, by trial; the caller has narrowed to these."""
    query = sa.select(REVIEWS.c.trial_id, REVIEWS.c.reason).where(
        REVIEWS.c.trial_id.in_(trial_ids), REVIEWS.c.kind == "yellow", REVIEWS.c.state == "open")
    return {one.trial_id: one.reason or "" for one in connection.execute(query)}


def last_held(connection: sa.Connection, trial_id: str, before: str) -> dict[str, Any] | None:
    """The trial's review held last, other than the one named; the caller has narrowed to the trial."""
    row = connection.execute(sa.select(REVIEWS).where(
        REVIEWS.c.trial_id == trial_id, REVIEWS.c.state == "held", REVIEWS.c.id != before).order_by(
        REVIEWS.c.held_at.desc(), REVIEWS.c.id.desc()).limit(1)).mappings().first()
    return dict(row) if row else None


def review(connection: sa.Connection, actor: Actor, review_id: str) -> dict[str, Any] | None:
    """One review with who is asked and when it was moved. Opinions are sealed until all who are asked have given theirs
    or it is held: until then a reviewer sees their own, the regulator how many there are."""
    row = connection.execute(of_trials(REVIEWS, actor, None).where(REVIEWS.c.id == review_id)).mappings().first()
    if row is None:
        return None
    given = connection.execute(sa.select(OPINIONS, CONTACTS.c.name).outerjoin(
        CONTACTS, CONTACTS.c.account_id == OPINIONS.c.account_id).where(
        OPINIONS.c.review_id == review_id).order_by(OPINIONS.c.at)).mappings().all()
    asked = sitting_on(connection, row)
    judged = _judged_for(connection, row, {one["account_id"] for one in given})
    complete = bool(asked) and {one["account_id"] for one in asked} <= judged
    open_to = given if row["state"] == "held" or complete else [
        one for one in given if one["account_id"] == actor.id]
    moved = connection.execute(sa.select(REVIEW_DATES).where(
        REVIEW_DATES.c.review_id == review_id).order_by(REVIEW_DATES.c.id)).mappings().all()
    return {**row, "opinions": [dict(one) for one in open_to], "opinions_given": len(given),
            "judged": sum(one["recommendation"] in COURSES for one in given), "asked": asked,
            "complete": complete, "moved": [dict(one) for one in moved], "draft": connection.execute(sa.select(
                DRAFTS.c.raw).where(DRAFTS.c.trial_id == row["trial_id"], DRAFTS.c.kind == review_id,
                                    DRAFTS.c.account_id == actor.id)).scalar()}


@dataclass(frozen=True, slots=True)
class AnsweredBefore:
    """How a question was answered when it was asked last: in the review held when, each finding how often."""

    held_at: datetime
    findings: dict[str, int]


def answers_before(connection: sa.Connection, trial_id: str, before: str) -> dict[str, AnsweredBefore]:
    """Each question with how it was answered in the review held last that asked it: the five may be others from one
    review to the next. The caller has narrowed to the trial."""
    given = sa.select(REVIEWS.c.id, REVIEWS.c.held_at, OPINIONS.c.answers).join(
        OPINIONS, OPINIONS.c.review_id == REVIEWS.c.id).where(
        REVIEWS.c.trial_id == trial_id, REVIEWS.c.state == "held", REVIEWS.c.id != before)
    found: dict[str, AnsweredBefore] = {}
    asked_in: dict[str, str] = {}
    for row in connection.execute(given.order_by(REVIEWS.c.held_at.desc(), REVIEWS.c.id.desc())):
        for one in row.answers:
            if asked_in.setdefault(one["question"], row.id) == row.id:
                by = found.setdefault(one["question"], AnsweredBefore(row.held_at, {})).findings
                by[one["finding"]] = by.get(one["finding"], 0) + 1
    return found


def _judged_for(connection: sa.Connection, review: Mapping[Any, Any], given: set[str]) -> set[str]:
    """Who has judged, with those for whom their deputy has."""
    member = SEATS.alias("members")
    query = sa.select(member.c.account_id).join(SEATS, SEATS.c.deputy_of == member.c.id).where(
        member.c.trial_id == review["trial_id"], SEATS.c.account_id.in_(given))
    return given | set(connection.execute(query).scalars()) if given else given


def sitting_on(connection: sa.Connection, review: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """Who is asked for an opinion, with name and competence: those on duty, otherwise the whole running panel. The
    caller has narrowed to the review."""
    query = sa.select(SEATS.c.account_id, SEATS.c.constituency, CONTACTS.c.name, ACCOUNTS.c.expertise).join(
        ACCOUNTS, ACCOUNTS.c.id == SEATS.c.account_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == SEATS.c.account_id).join(TRIALS, TRIALS.c.id == SEATS.c.trial_id).where(
        SEATS.c.trial_id == review["trial_id"], SEATS.c.panel == "running", SEATS.c.accepted.is_(True),
        SEATS.c.recused_at.is_(None), SEATS.c.objected.is_(False), SEATS.c.panel_no == TRIALS.c.panel_no)
    if review["sitting"] != "full":
        query = query.where(SEATS.c.account_id.in_(sa.select(SITTERS.c.account_id).where(
            SITTERS.c.review_id == review["id"])))
    return [dict(one) for one in connection.execute(query.order_by(SEATS.c.id)).mappings()]


def silent_on(connection: sa.Connection, review_ids: Sequence[str]) -> dict[str, list[str]]:
    """Names of those who are asked and have not judged, nor has their deputy, by review. The caller has narrowed to
    the reviews."""
    deputy = SEATS.alias("deputies")
    stand_in = sa.select(deputy.c.account_id).where(deputy.c.deputy_of == SEATS.c.id)
    judged = sa.exists().where(OPINIONS.c.review_id == REVIEWS.c.id, sa.or_(
        OPINIONS.c.account_id == SEATS.c.account_id, OPINIONS.c.account_id.in_(stand_in)))
    on_duty = sa.exists().where(SITTERS.c.review_id == REVIEWS.c.id, SITTERS.c.account_id == SEATS.c.account_id)
    query = sa.select(REVIEWS.c.id, CONTACTS.c.name).select_from(REVIEWS).join(
        TRIALS, TRIALS.c.id == REVIEWS.c.trial_id).join(SEATS, SEATS.c.trial_id == TRIALS.c.id).join(
        CONTACTS, CONTACTS.c.account_id == SEATS.c.account_id).where(
        REVIEWS.c.id.in_(review_ids), SEATS.c.panel == "running", SEATS.c.accepted.is_(True),
        SEATS.c.recused_at.is_(None), SEATS.c.objected.is_(False), SEATS.c.panel_no == TRIALS.c.panel_no,
        sa.or_(REVIEWS.c.sitting == "full", on_duty), ~judged)
    found: dict[str, list[str]] = {}
    for one in connection.execute(query.order_by(REVIEWS.c.id, SEATS.c.id)):
        found.setdefault(one.id, []).append(one.name)
    return found


def since(connection: sa.Connection, actor: Actor, trial_id: str, after: datetime | None) -> dict[str, Any]:
    """What changed since an instant (None: ever): reports, exposures, incidents. For a review's first screen."""
    def fresh(table: sa.Table, here: sa.ColumnElement[bool]) -> list[sa.ColumnElement[bool]]:
        return [table.c.trial_id == trial_id, of_seen_trials(table.c.trial_id, actor), here,
                *([table.c.at > after] if after else [])]

    counted = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(FEEDBACK.c.exposures), 0.0))
    reports, exposures = connection.execute(counted.where(*fresh(FEEDBACK, FEEDBACK.c.epoch > 0), COUNTS)).one()
    happened = connection.execute(sa.select(sa.func.count()).where(
        *fresh(INCIDENTS, INCIDENTS.c.source_key.is_(None)))).scalar_one()
    return {"reports": reports, "exposures": exposures, "incidents": happened}

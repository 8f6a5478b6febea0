"""Reviewers with what they carry, for those who seat them; and the sheet of fees of a month."""

from collections import defaultdict
from collections.abc import Collection
from datetime import date, datetime, time, tzinfo
from typing import Any

import sqlalchemy as sa
from dateutil.relativedelta import relativedelta

from sandbox.reads import accounts
from sandbox.reads.pages import Page
from sandbox.rules.access import Actor, Role
from sandbox.rules.lifecycle import STATES
from sandbox.rules.workload import Load, Rate, fee_of
from sandbox.store.accounts import ACCOUNTS, CONTACTS
from sandbox.store.fees import FEES
from sandbox.store.organisations import ORGANISATIONS
from sandbox.store.reviews import OPINIONS, REVIEWS, SITTERS, ReviewState
from sandbox.store.scope import EVERYTHING
from sandbox.store.trials import SEATS, TRIALS

OVER = tuple(code for code, state in STATES.items() if state.final)


def reviewers(connection: sa.Connection, actor: Actor, cursor: str | None = None, limit: int = 50, *,
              q: str | None = None) -> Page[dict[str, Any]]:
    """Reviewers who can be seated, each with a `load`; for administrators and regulators, none for anyone else."""
    found = accounts.accounts(connection, actor, cursor, limit, q=q, role=Role.REVIEWER, active=True)
    carried = loads(connection, [one["id"] for one in found.items])
    return Page(tuple({**one, "load": carried[one["id"]]} for one in found.items), found.next, found.looked)


def candidates(connection: sa.Connection, actor: Actor) -> tuple[dict[str, Any], ...]:
    """Active reviewers by name, with body and side alone: for reviewers, who name a deputy, and for regulators."""
    if actor.role not in (Role.REVIEWER, *EVERYTHING):
        return ()
    query = sa.select(ACCOUNTS.c.id, ACCOUNTS.c.constituency, CONTACTS.c.name,
                      ORGANISATIONS.c.name.label("organisation")).outerjoin(
        CONTACTS, CONTACTS.c.account_id == ACCOUNTS.c.id).outerjoin(
        ORGANISATIONS, ORGANISATIONS.c.id == ACCOUNTS.c.organisation_id)
    rows = connection.execute(query.where(ACCOUNTS.c.role == Role.REVIEWER, ACCOUNTS.c.active).order_by(
        CONTACTS.c.name, ACCOUNTS.c.id)).mappings()
    return tuple(dict(row) for row in rows)


def loads(connection: sa.Connection, account_ids: Collection[str]) -> dict[str, Load]:
    """What each of these reviewers carries, in as many queries as for one; the caller has narrowed to them."""
    seats = {row.account_id: row for row in connection.execute(_seats(account_ids))}
    held = {row.account_id: row for row in connection.execute(_held(account_ids))}
    due = {row.account_id: row.n for row in connection.execute(_due(account_ids))}
    return {one: Load(
        trials=seats[one].now or 0 if one in seats else 0, since=seats[one].since if one in seats else None,
        held=held[one].n if one in held else 0, hours=float(held[one].hours or 0) if one in held else 0.0,
        due=due.get(one, 0)) for one in account_ids}


def _sits() -> sa.ColumnElement[bool]:
    return sa.and_(SEATS.c.accepted.is_(True), SEATS.c.recused_at.is_(None), SEATS.c.objected.is_(False))


def _seats(account_ids: Collection[str]) -> sa.Select[Any]:
    """Trials that go on, and the first seat ever accepted."""
    here = sa.case((sa.and_(_sits(), TRIALS.c.state.not_in(OVER)), SEATS.c.trial_id))
    return sa.select(SEATS.c.account_id, sa.func.count(sa.distinct(here)).label("now"),
                     sa.func.min(SEATS.c.at).label("since")).join(TRIALS, TRIALS.c.id == SEATS.c.trial_id).where(
        SEATS.c.account_id.in_(account_ids), SEATS.c.accepted.is_(True)).group_by(SEATS.c.account_id)


def _held(account_ids: Collection[str]) -> sa.Select[Any]:
    return sa.select(OPINIONS.c.account_id, sa.func.count().label("n"),
                     sa.func.sum(OPINIONS.c.hours_spent).label("hours")).join(
        REVIEWS, REVIEWS.c.id == OPINIONS.c.review_id).where(
        OPINIONS.c.account_id.in_(account_ids), REVIEWS.c.state == ReviewState.HELD).group_by(OPINIONS.c.account_id)


def _due(account_ids: Collection[str]) -> sa.Select[Any]:
    """Open reviews that ask them and that they have not judged."""
    asked = sa.or_(REVIEWS.c.sitting == "full", sa.exists().where(
        SITTERS.c.review_id == REVIEWS.c.id, SITTERS.c.account_id == SEATS.c.account_id))
    judged = sa.exists().where(OPINIONS.c.review_id == REVIEWS.c.id, OPINIONS.c.account_id == SEATS.c.account_id)
    return sa.select(SEATS.c.account_id, sa.func.count().label("n")).join(
        REVIEWS, REVIEWS.c.trial_id == SEATS.c.trial_id).join(TRIALS, sa.and_(
            TRIALS.c.id == SEATS.c.trial_id, TRIALS.c.panel_no == SEATS.c.panel_no)).where(
        SEATS.c.account_id.in_(account_ids), SEATS.c.panel == "running", _sits(),
        REVIEWS.c.state == ReviewState.OPEN, asked, ~judged).group_by(SEATS.c.account_id)


# Fees


def rates(connection: sa.Connection) -> tuple[Rate, ...]:
    """Every fee that was set, oldest first."""
    return tuple(Rate(row.review_kind, row.fee, row.valid_from, row.at) for row in connection.execute(
        sa.select(FEES).order_by(FEES.c.valid_from, FEES.c.at)))


def fee_sheet(connection: sa.Connection, actor: Actor, month: date, zone: tzinfo) -> tuple[dict[str, Any], ...]:
    """Of each reviewer and kind of review: how many were judged and held in the month, hours, fee and sum, by name.
    For regulators; a reviewer reads their own lines, and nobody else any."""
    start, end = (datetime.combine(day, time(), zone) for day in (month, month + relativedelta(months=1)))
    query = sa.select(
        OPINIONS.c.account_id, OPINIONS.c.hours_spent, REVIEWS.c.kind, REVIEWS.c.held_at, CONTACTS.c.name,
        ORGANISATIONS.c.name.label("organisation")).join(REVIEWS, REVIEWS.c.id == OPINIONS.c.review_id).join(
        ACCOUNTS, ACCOUNTS.c.id == OPINIONS.c.account_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == OPINIONS.c.account_id).outerjoin(
        ORGANISATIONS, ORGANISATIONS.c.id == ACCOUNTS.c.organisation_id).where(
        REVIEWS.c.held_at >= start, REVIEWS.c.held_at < end, _whose(actor))
    lines: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in connection.execute(query.order_by(REVIEWS.c.held_at)):
        lines[row.account_id, row.kind].append(row)
    known = rates(connection)
    found = (_line(rows, known, zone) for rows in lines.values())
    return tuple(sorted(found, key=lambda one: (one["name"] or "", one["account_id"], one["kind"])))


def _whose(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.role in EVERYTHING:
        return sa.true()
    return OPINIONS.c.account_id == actor.id if actor.role is Role.REVIEWER else sa.false()


def _line(rows: list[Any], known: tuple[Rate, ...], zone: tzinfo) -> dict[str, Any]:
    first = rows[0]
    paid = [fee_of(known, first.kind, row.held_at.astimezone(zone).date()) for row in rows]
    whole = [fee for fee in paid if fee is not None]
    return {"account_id": first.account_id, "name": first.name, "organisation": first.organisation, "kind": first.kind,
            "reviews": len(rows), "hours": sum(row.hours_spent or 0.0 for row in rows), "unpriced": paid.count(None),
            "fee": round(sum(whole), 2) if whole else None}

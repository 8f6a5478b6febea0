"""Whom a notice reaches, and by which channels: one delivery for each. Who may not see the trial is not told of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.jobs.program import Program
from sandbox.reads.accounts import actor_of
from sandbox.rules.access import Role
from sandbox.rules.notices import urgent
from sandbox.rules.quiet import next_digest
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.channels import CHANNELS, DELIVERIES, PREFERENCES, ChannelKind, DeliveryState
from sandbox.store.door import Transaction
from sandbox.store.dues import NOTICES
from sandbox.store.ids import new_id
from sandbox.store.scope import seen_trial
from sandbox.store.trials import SEATS, TRIALS

BATCH = 200


def expand(program: Program) -> int:
    """Make the deliveries of notices that are new; returns how many notices. Two processes do not do one twice: it is
    looked up and marked in one transaction."""
    now = program.clock()

    def job(transaction: Transaction) -> int:
        connection = transaction.connection
        fresh = connection.execute(sa.select(NOTICES).where(NOTICES.c.expanded_at.is_(None)).order_by(
            NOTICES.c.id).limit(BATCH)).mappings().all()
        wanted = [(notice, account) for notice in fresh for account in recipients(connection, notice)]
        ways = ways_of(connection, {account for _, account in wanted})
        rows = [delivery for notice, account in wanted
                for delivery in _deliveries(notice, account, *ways[account], now, program)]
        if rows:
            connection.execute(sa.insert(DELIVERIES), rows)
        if fresh:
            connection.execute(sa.update(NOTICES).where(NOTICES.c.id.in_([one["id"] for one in fresh])).values(
                expanded_at=now))
        return len(fresh)

    return int(program.door.submit(job))


def recipients(connection: sa.Connection, notice: Mapping[Any, Any]) -> list[str]:
    """Active accounts that the notice is for and that see its trial."""
    accounts = sa.select(ACCOUNTS).where(ACCOUNTS.c.active).order_by(ACCOUNTS.c.id)
    found = connection.execute(accounts.where(_named(notice))).mappings().all()
    return [row["id"] for row in found if may_see(connection, row, notice["trial_id"])]


def _named(notice: Mapping[Any, Any]) -> sa.ColumnElement[bool]:
    """Accounts that may be meant, cheaply; who of them sees the trial is asked one by one."""
    if notice["account_id"]:
        return ACCOUNTS.c.id == notice["account_id"]
    of_role = ACCOUNTS.c.role == notice["role"]
    if notice["trial_id"] and notice["role"] == Role.FIRM:
        owner = sa.select(TRIALS.c.organisation_id).where(TRIALS.c.id == notice["trial_id"])
        return sa.and_(of_role, ACCOUNTS.c.organisation_id == owner.scalar_subquery())
    if notice["trial_id"] and notice["role"] == Role.REVIEWER:
        seated = sa.select(SEATS.c.account_id).where(SEATS.c.trial_id == notice["trial_id"])
        return sa.and_(of_role, ACCOUNTS.c.id.in_(seated))
    return of_role


def may_see(connection: sa.Connection, account: Mapping[Any, Any], trial_id: str | None) -> bool:
    """Whether the account sees the trial that the notice is about, now."""
    return trial_id is None or seen_trial(connection, actor_of(account), trial_id) is not None


Ways = tuple[Sequence[ChannelKind], bool]


def ways_of(connection: sa.Connection, accounts: Iterable[str]) -> dict[str, Ways]:
    """Channels of each account, and whether it gathers. Mail is used by default, and where nothing else is set up."""
    wanted = list(accounts)
    kinds: dict[str, list[ChannelKind]] = {account: [] for account in wanted}
    for row in connection.execute(sa.select(CHANNELS.c.account_id, CHANNELS.c.kind).where(
            CHANNELS.c.account_id.in_(wanted)).order_by(CHANNELS.c.kind)):
        kinds[row.account_id].append(ChannelKind(row.kind))
    preferred = {row.account_id: row for row in connection.execute(sa.select(PREFERENCES).where(
        PREFERENCES.c.account_id.in_(wanted)))}
    found: dict[str, Ways] = {}
    for account in wanted:
        mine = preferred.get(account)
        mail = [ChannelKind.MAIL] if mine is None or mine.mail or not kinds[account] else []
        found[account] = (*mail, *kinds[account]), bool(mine and mine.gathered)
    return found


def _deliveries(notice: Mapping[Any, Any], account: str, kinds: Sequence[ChannelKind], gathers: bool, now: datetime,
                program: Program) -> list[dict[str, Any]]:
    """One by each channel; their ids are of the notice's instant, so that lists by id are in the order of what was
    told, whenever the deliveries were made."""
    wait = gathers and not urgent(notice["content"])
    at = next_digest(now, program.settings.zone) if wait else now
    return [{"id": new_id("dv", notice["at"]), "notice_id": notice["id"], "account_id": account, "channel": kind,
             "state": DeliveryState.DUE, "at": at, "attempts": 0} for kind in kinds]

"""The outbox: what was noted in the transaction of an act reaches people, by each channel they set up.

Nothing is sent inside the door's transaction. A delivery is leased to one process, sent, and marked. A process killed
between sending and marking leaves a lease that runs out: the letter is then sent again under the same reference
(Message-ID of a mail, webhook-id, the last line of a text), so each channel tells at least once, and a repeat can be
known. What fails comes back after a minute, then after twice as long, up to an hour, for about three days; what is then
given up stays visible, and mail is tried in its place. What has no channel yet waits, however long.
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import prometheus_client
import sqlalchemy as sa
import structlog

from sandbox.jobs.carriers import CARRIERS, Again, Carried, Never, Parcel, Sent
from sandbox.jobs.program import Program
from sandbox.jobs.recipients import expand, may_see
from sandbox.papers.letters import Told, letter
from sandbox.papers.links import personal_link
from sandbox.rules.notices import urgent
from sandbox.rules.quiet import Quiet, may_arrive
from sandbox.rules.working_days import Calendar
from sandbox.store.accounts import ACCOUNTS, CONTACTS
from sandbox.store.channels import CHANNELS, DELIVERIES, PREFERENCES, ChannelKind, DeliveryState, PreferenceFields
from sandbox.store.door import Transaction
from sandbox.store.dues import NOTICES
from sandbox.store.ids import new_id

LEASE = timedelta(minutes=10)
"""Longer than a batch takes when every channel answers as slowly as it may."""
PEOPLE, MOST_OF_ONE, ROUNDS, AT_ONCE = 8, 500, 50, 8
"""Recipients that one lease is for, deliveries that it takes for all of them, leases in a pass, letters at once."""
EVERY = tuple(reversed(ChannelKind))
"""Mail last: it takes what another channel gave up."""
BURST = 5
"""More than so many for one person and channel at a time come as one letter."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
MOST_ATTEMPTS = 77
"""Three days of attempts."""
WORKING = Calendar("CN")
DELIVERED = prometheus_client.Counter("sandbox_deliveries", "Deliveries, by channel and outcome: sent, again, failed, "
                                      "dropped.", ["channel", "outcome"])
log = structlog.get_logger()


@dataclass
class Delivered:
    """What one pass did, in notices made into deliveries and deliveries by outcome."""

    expanded: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Leased:
    """Deliveries of one letter that this process may send now, and what it needs to write and address it."""

    channel: ChannelKind
    address: str
    secret: str | None
    told: tuple[Told, ...]
    reference: str
    locale: str
    ids: tuple[str, ...]
    attempts: int
    account: str


def deliver(program: Program, kinds: Iterable[ChannelKind] = EVERY) -> Delivered:
    """Send everything that may be sent by these channels at the program's clock. Safe to run in any number of threads
    and processes at once. Mail that is not configured waits.

    Raises Busy or Unknown when the storage fails: what was sent and not marked is sent again under its reference."""
    done = Delivered()
    usable = [kind for kind in kinds if kind is not ChannelKind.MAIL or can_mail(program)]
    if not _anything(program, usable):
        return done
    while expanded := expand(program):
        done.expanded += expanded
    for kind in usable:
        done.outcomes += _empty(program, kind)
    return done


def _empty(program: Program, kind: ChannelKind) -> Counter[str]:
    """Lease and send by one channel until nothing is due, or the pass is long enough."""
    outcomes = Counter[str]()
    for _ in range(ROUNDS):
        leased, others = lease(program, kind)
        if not leased and not others:
            break
        outcomes += others + settle(program, carried(program, leased))
    return outcomes


def can_mail(program: Program) -> bool:
    """Whether mail is configured; a demonstration, whose people are invented, writes to nobody."""
    return bool(program.settings.mail_url) and not program.settings.demo


def _due(kind: ChannelKind, now: datetime) -> sa.ColumnElement[bool]:
    """What may be leased. The state is written out, so that the index of what is due is known to fit."""
    free = sa.or_(DELIVERIES.c.leased_until.is_(None), DELIVERIES.c.leased_until <= now)
    return sa.and_(sa.literal_column("deliveries.state = 'due'"), DELIVERIES.c.channel == kind, DELIVERIES.c.at <= now,
                   free)


def _anything(program: Program, kinds: Iterable[ChannelKind]) -> bool:
    """All that an idle pass does."""
    now = program.clock()
    query = sa.select(sa.or_(sa.exists().where(NOTICES.c.expanded_at.is_(None)),
                             *(sa.exists().where(_due(kind, now)) for kind in kinds)))
    with program.reading() as connection:
        return bool(connection.execute(query).scalar())


# Leasing


def lease(program: Program, kind: ChannelKind) -> tuple[list[Leased], Counter[str]]:
    """Take what is due to some people by one channel for this process, as letters; and what became of the rest:
    dropped, since it is nobody's any more, or put off to the end of quiet hours."""
    now = program.clock()
    due = _due(kind, now)

    def job(transaction: Transaction) -> tuple[list[Leased], Counter[str]]:
        first = transaction.connection.execute(sa.select(DELIVERIES.c.account_id).where(due).order_by(
            DELIVERIES.c.at).limit(PEOPLE)).scalars().all()
        whole = sa.and_(due, DELIVERIES.c.account_id.in_(set(first)))
        rows = transaction.connection.execute(_everything_about(whole)).mappings().all() if first else ()
        mine, outcomes = _sorted_out(transaction.connection, rows, now, program)
        return [_leased(transaction.connection, batch, now, program) for batch in _batches(mine)], outcomes

    found: tuple[list[Leased], Counter[str]] = program.door.submit(job)
    return found


def _everything_about(due: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Due deliveries with notice, person, preferences and channel, oldest first."""
    preferences = [PREFERENCES.c[name] for name in PreferenceFields.model_fields]
    return sa.select(
        DELIVERIES.c.id.label("delivery_id"), DELIVERIES.c.channel, DELIVERIES.c.attempts, DELIVERIES.c.batch,
        DELIVERIES.c.account_id, NOTICES.c.id.label("notice_id"), NOTICES.c.kind, NOTICES.c.content,
        NOTICES.c.trial_id, NOTICES.c.at, ACCOUNTS, CONTACTS.c.email, CONTACTS.c.locale, CHANNELS.c.address,
        CHANNELS.c.secret, *preferences,
    ).join(NOTICES, NOTICES.c.id == DELIVERIES.c.notice_id).join(
        ACCOUNTS, ACCOUNTS.c.id == DELIVERIES.c.account_id).outerjoin(
        CONTACTS, CONTACTS.c.account_id == DELIVERIES.c.account_id).outerjoin(
        PREFERENCES, PREFERENCES.c.account_id == DELIVERIES.c.account_id).outerjoin(
        CHANNELS, sa.and_(CHANNELS.c.account_id == DELIVERIES.c.account_id, CHANNELS.c.kind == DELIVERIES.c.channel),
    ).where(due).order_by(DELIVERIES.c.at, DELIVERIES.c.id).limit(MOST_OF_ONE)


def _sorted_out(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]], now: datetime,
                program: Program) -> tuple[list[Mapping[Any, Any]], Counter[str]]:
    """Those that go out now; the others are dropped or put off here."""
    mine, outcomes = [], Counter[str]()
    for row in rows:
        at = now if urgent(row["content"]) else may_arrive(now, quiet_of(row), program.settings.zone, WORKING)
        theirs = row["active"] and may_see(connection, row, row["trial_id"])
        if not theirs or _without_address(row):
            _change(connection, [row["delivery_id"]], state=DeliveryState.DROPPED, leased_until=None)
            if theirs:
                _fall_back(connection, row["notice_id"], row["account_id"], row["channel"], now)
            outcomes["dropped"] += 1
        elif at > now:
            _change(connection, [row["delivery_id"]], at=at, leased_until=None)
            outcomes["quiet"] += 1
        else:
            mine.append(row)
    return mine, outcomes


def quiet_of(row: Mapping[Any, Any]) -> Quiet:
    """The person's hours; the defaults where none were chosen."""
    if row["quiet_from"] is None:
        return Quiet()
    return Quiet(row["quiet_from"], row["quiet_until"], row["working_days"])


def _without_address(row: Mapping[Any, Any]) -> bool:
    """A channel removed since, or a person whose contact was erased."""
    return not (row["email"] if row["channel"] == ChannelKind.MAIL else row["address"])


def _batches(rows: Iterable[Mapping[Any, Any]]) -> list[list[Mapping[Any, Any]]]:
    """Letters: those leased before as they were, one a notice, or one for all of a person who gathers or gets many."""
    people: dict[Any, list[Mapping[Any, Any]]] = defaultdict(list)
    for row in rows:
        people[row["account_id"], row["channel"], row["batch"]].append(row)
    found = []
    for (_, _, batch), mine in people.items():
        together = batch or mine[0]["gathered"] or len(mine) > BURST
        found += [mine] if together else [[row] for row in mine]
    return found


def _leased(connection: sa.Connection, rows: list[Mapping[Any, Any]], now: datetime, program: Program) -> Leased:
    """Write the lease, and the reference that the letter keeps until it is marked."""
    first, ids = rows[0], tuple(row["delivery_id"] for row in rows)
    reference = first["batch"] or first["delivery_id"]
    _change(connection, ids, leased_until=now + LEASE, batch=reference)
    channel = ChannelKind(first["channel"])
    told = tuple(Told(row["notice_id"], row["kind"], row["content"], row["trial_id"], row["at"]) for row in rows)
    return Leased(channel, first["email"] if channel is ChannelKind.MAIL else first["address"], first["secret"], told,
                  reference, first["locale"] or program.settings.locale, ids, max(row["attempts"] for row in rows),
                  first["account_id"])


def _change(connection: sa.Connection, ids: Iterable[str], **values: Any) -> None:
    connection.execute(sa.update(DELIVERIES).where(
        DELIVERIES.c.id.in_(list(ids)), DELIVERIES.c.state == DeliveryState.DUE).values(**values))


def _fall_back(connection: sa.Connection, notice: str, account: str, channel: str, now: datetime) -> None:
    """What another channel did not carry goes by mail, unless it does already."""
    there = sa.select(DELIVERIES.c.id).where(DELIVERIES.c.notice_id == notice, DELIVERIES.c.account_id == account,
                                             DELIVERIES.c.channel == ChannelKind.MAIL)
    if channel != ChannelKind.MAIL and connection.execute(there).first() is None:
        noted = connection.execute(sa.select(NOTICES.c.at).where(NOTICES.c.id == notice)).scalar_one()
        connection.execute(sa.insert(DELIVERIES).values(
            id=new_id("dv", noted), notice_id=notice, account_id=account, channel=ChannelKind.MAIL,
            state=DeliveryState.DUE, at=now, attempts=0))


# Sending and marking


def carried(program: Program, leased: Sequence[Leased]) -> list[tuple[Leased, Carried]]:
    """Send every letter, some at once, and say how each went. The threads are daemons: a process that is told to end
    does not wait for a server that does not answer."""
    left, results = list(reversed(leased)), list[tuple[Leased, Carried]]()

    def work() -> None:
        while True:
            try:
                one = left.pop()
            except IndexError:
                return
            results.append((one, _carried(program, one)))

    threads = [threading.Thread(target=work, name="carrier", daemon=True) for _ in range(min(AT_ONCE, len(leased)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _carried(program: Program, one: Leased) -> Carried:
    settings = program.settings
    try:
        written = letter(one.told, one.reference, one.locale, settings.zone, settings.public_url,
                         lambda thing: personal_link(settings.secret_key, settings.public_url, thing, one.account))
        parcel = Parcel(one.channel, one.address, one.secret, written)
        return CARRIERS[one.channel](parcel, settings, program.clock())
    except Exception:  # one letter that cannot be written or carried must not keep the others
        log.exception("delivery_failed", channel=one.channel.value, reference=one.reference)
        return Again("bug")


def settle(program: Program, results: Sequence[tuple[Leased, Carried]]) -> Counter[str]:
    """Mark how each letter went. What was sent is marked even when the lease ran out meanwhile."""
    now = program.clock()
    if not results:
        return Counter()

    def job(transaction: Transaction) -> list[str]:
        return [_marked(transaction.connection, one, went, now) for one, went in results]

    said = program.door.submit(job)
    outcomes = Counter[str]()
    for (one, _), outcome in zip(results, said, strict=True):
        outcomes[outcome] += len(one.ids)
        DELIVERED.labels(one.channel.value, outcome).inc(len(one.ids))
    return outcomes


def _marked(connection: sa.Connection, one: Leased, went: Carried, now: datetime) -> str:
    """Sent, due again, or given up; returns which."""
    if isinstance(went, Sent):
        _change(connection, one.ids, state=DeliveryState.SENT, sent_at=now, leased_until=None, error=None,
                attempts=one.attempts + 1)
        return "sent"
    if isinstance(went, Never) or one.attempts + 1 >= MOST_ATTEMPTS:
        return _given_up(connection, one, went.error, now)
    wait = max(min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(one.attempts, 10)), timedelta(seconds=went.after_s))
    _change(connection, one.ids, at=now + wait, attempts=one.attempts + 1, error=went.error, leased_until=None)
    return "again"


def _given_up(connection: sa.Connection, one: Leased, error: str, now: datetime) -> str:
    left = connection.execute(sa.select(DELIVERIES.c.notice_id, DELIVERIES.c.account_id).where(
        DELIVERIES.c.id.in_(one.ids), DELIVERIES.c.state == DeliveryState.DUE)).all()
    _change(connection, one.ids, state=DeliveryState.FAILED, error=error, leased_until=None, attempts=one.attempts + 1)
    for row in left:
        _fall_back(connection, row.notice_id, row.account_id, one.channel, now)
    return "failed"

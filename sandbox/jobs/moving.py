"""Moving house: every row of one database into an empty one of the other kind, in one transaction, proved before it
is kept. Ids, receipts and the log's root stay what they were."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sandbox.jobs.presence import alone, others_on
from sandbox.jobs.schema import end_moved, hold_schema, leave_moved, left_for, prepare
from sandbox.store.bulk import add_rows
from sandbox.store.engine import database_url, make_engine
from sandbox.store.fields import Row, canonical
from sandbox.store.log import LOG
from sandbox.store.settings import Settings
from sandbox.store.stops import Stop
from sandbox.store.verification import Verified, verify
from sandbox.words import word

CHUNK = 2_000


class CannotMove(Stop):
    """Why not, and what to do; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Rows by table, and the log as it is on both sides."""

    rows: dict[str, int]
    log: Verified


@dataclass
class Tally:
    """How many rows, and a sum over their digests that does not depend on their order."""

    rows: int = 0
    digest: int = 0

    def passing(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The same rows, counted on their way."""
        for row in rows:
            self.rows += 1
            self.digest = (self.digest + int.from_bytes(hashlib.sha256(canonical(_hashable(row))).digest())) % 2 ** 256
            yield row


def move(settings: Settings, target_url: str) -> Moved:
    """Copy everything to the database at the address. Raises CannotMove, and what `prepare` raises.

    One transaction on the target, kept when its rows and its log are proved equal; the source is read in one snapshot,
    locked, and shut before the target is kept, so that at no moment both are open. All that changes in the source is a
    table that says where everything went. Killed at any moment it can be run again: with the target still empty it does
    everything anew, and what arrived already it finds there."""
    source_url = database_url(settings.data, settings.database_url)
    source, target = make_engine(source_url, writing=True), make_engine(target_url, writing=True)
    if source.url == target.url:
        raise CannotMove(word("command.same_database"))
    try:
        with alone(settings) as free:
            if not free:
                raise CannotMove(word("command.still_runs"))
            address = target.url.render_as_string(hide_password=True)
            prepare(settings, moving_to=address)
            prepare(settings.model_copy(update={"database_url": target_url}))
            with source.connect() as old, target.connect() as new:
                with new.begin(), old.begin():  # left from the right: the source is shut before the target is kept
                    moved = _found_there(old, new) or _moved(old, new)
                    leave_moved(old, address)
                with old.begin():
                    end_moved(old)
        return moved
    finally:
        source.dispose()
        target.dispose()


def _found_there(old: sa.Connection, new: sa.Connection) -> Moved | None:
    """What arrived with an earlier run of this move that ended before it could say so: the log there begins with every
    entry of the one here. It may have gone on there since."""
    _refuse_others(old)
    if left_for(old) is None or not _filled(new):
        return None
    here, there = verify(old), verify(new)
    entries = (connection.execute(sa.select(LOG.c.hash).order_by(LOG.c.seq)).scalars() for connection in (old, new))
    if here.size > there.size or there.problems or any(one != other for one, other in zip(*entries, strict=False)):
        _refuse_rows(new)
    return Moved({table.name: _tally_of(new, table).rows for table in Row.metadata.sorted_tables}, there)


def _moved(old: sa.Connection, new: sa.Connection) -> Moved:
    hold_schema(old)
    _refuse_others(old)
    _refuse_rows(new)
    before = verify(old)
    if before.problems:
        raise CannotMove(word("command.log_broken"))
    tallies = {table.name: _copied(old, new, table) for table in Row.metadata.sorted_tables}
    for table in Row.metadata.sorted_tables:
        if _tally_of(new, table) != tallies[table.name]:
            raise CannotMove(word("command.rows_differ", table=table.name))
    after = verify(new)
    if after != before:
        raise CannotMove(word("command.root_differs", there=after.root, here=before.root))
    return Moved({name: tally.rows for name, tally in tallies.items()}, after)


def _refuse_others(old: sa.Connection) -> None:
    if names := others_on(old):
        raise CannotMove(word("command.others_connected", names=", ".join(names)))


def _filled(connection: sa.Connection) -> list[str]:
    return [table.name for table in Row.metadata.sorted_tables
            if connection.execute(sa.select(sa.literal_column("1")).select_from(table).limit(1)).first()]


def _refuse_rows(new: sa.Connection) -> None:
    if held := _filled(new):
        raise CannotMove(word("command.not_empty", tables=", ".join(held)))


def _copied(old: sa.Connection, new: sa.Connection, table: sa.Table) -> Tally:
    tally = Tally()
    rows = tally.passing(_rows(old, table))
    while chunk := list(islice(rows, CHUNK)):
        add_rows(new, table, chunk)
    return tally


def _tally_of(connection: sa.Connection, table: sa.Table) -> Tally:
    tally = Tally()
    for _ in tally.passing(_rows(connection, table)):
        pass
    return tally


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[dict[str, Any]]:
    found = connection.execute(sa.select(table), execution_options={"yield_per": CHUNK})
    return (dict(row) for row in found.mappings())


def _hashable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}

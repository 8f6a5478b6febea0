"""Long lists: rows that belong to trials, newest first, a page at a time, at the same cost however many there are.

A page follows an index from where the last one ended. Who sees only some trials gets the newest of each of these,
merged; what no index covers is looked for in so many rows, and then the page ends there and says so.
"""

from bisect import insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sandbox.reads.pages import Page, decode, encode
from sandbox.rules.access import Actor
from sandbox.store.engine import tuples
from sandbox.store.scope import EVERYTHING, trials_seen_by
from sandbox.store.trials import TRIALS

LOOKED = 10_000
"""Rows that one page looks at, at most."""
CHUNK = 5_000
"""Rows of one page, at most: what an export reads at once."""
AT_ONCE = 64
"""Ids read at once of each of several trials."""
NEWER_THAN_ALL = "~"
"""Ids are ASCII letters, digits, hyphens and underscores: all sort before it."""


@dataclass(frozen=True)
class Wanted:
    """What of a table is asked for: of one trial or of all the actor sees; `trials` narrows by the trial's own columns;
    `exact` by a column that an index has before the id; `only` by what an index holds nothing else of; `sure` by what
    nearly every row meets; `fits` by the rest."""

    table: sa.Table
    actor: Actor
    trial_id: str | None = None
    trials: sa.ColumnElement[bool] | None = None
    exact: Mapping[str, str] = field(default_factory=dict)
    only: tuple[sa.ColumnElement[bool], ...] = ()
    sure: tuple[sa.ColumnElement[bool], ...] = ()
    fits: tuple[sa.ColumnElement[bool], ...] = ()

    @property
    def merged(self) -> bool:
        """Whether the rows are those of several trials that have to be found first."""
        return (self.trial_id is None and "id" not in self.exact
                and (self.trials is not None or self.actor.role not in EVERYTHING))

    @property
    def along(self) -> dict[str, str]:
        """The columns that an index has before the id, with their values."""
        return {**self.exact, **({"trial_id": self.trial_id} if self.trial_id else {})}


def page(connection: sa.Connection, wanted: Wanted, columns: Sequence[sa.ColumnElement[Any]], cursor: str | None,
         limit: int, *, bare: bool = False) -> Page[Any]:
    """A page of rows, newest first, each these columns by name, or their values alone (`bare`). Short with a `next`
    when LOOKED rows were looked at before it was full."""
    limit, before = max(1, min(limit, CHUNK)), decode(cursor) if cursor else NEWER_THAN_ALL
    if not wanted.merged and not wanted.fits:
        return _straight(connection, wanted, columns, before, limit, bare)
    ids = _ids(connection, wanted, before, limit + 1)
    hits: list[Any] = []
    looked, size = 0, limit + 1
    while batch := list(islice(ids, size)):
        hits += _rows(connection, wanted, columns, batch, bare)
        looked += len(batch)
        size = max(1, min(1_000, LOOKED - looked))
        if len(hits) > limit:
            return Page(tuple(map(_shown, hits[:limit])), encode(_key(hits[limit - 1])))
        if looked >= max(LOOKED, limit):
            return Page(tuple(map(_shown, hits)), encode(batch[-1]), looked)
    return Page(tuple(map(_shown, hits)), None)


def _straight(connection: sa.Connection, wanted: Wanted, columns: Sequence[sa.ColumnElement[Any]], before: str,
              limit: int, bare: bool) -> Page[Any]:
    """Nothing to look for: the rows themselves along an index, in one query."""
    table = wanted.table
    if wanted.trial_id and not _sees(connection, wanted):
        return Page((), None)
    query = sa.select(table.c.id.label("_key"), *columns)
    if len(query.get_final_froms()) > 1:  # a title of the trial is asked for
        query = query.join_from(table, TRIALS, TRIALS.c.id == table.c.trial_id)
    query = query.where(*(table.c[name] == value for name, value in wanted.along.items()), table.c.id < before,
                        *wanted.only, *wanted.sure)
    rows = _read(connection, query.order_by(table.c.id.desc()).limit(limit + 1), bare)
    following = encode(_key(rows[limit - 1])) if len(rows) > limit else None
    return Page(tuple(map(_shown, rows[:limit])), following)


def _read(connection: sa.Connection, query: sa.Select[Any], bare: bool) -> list[Any]:
    """Rows whose first value is their id."""
    return tuples(connection, query) if bare else list(connection.execute(query))


def _key(row: Any) -> str:
    return str(row[0])


def _shown(row: Any) -> Any:
    """A row without the key it was read by: by the names of its columns, or its values alone."""
    if isinstance(row, sa.Row):
        return {name: value for name, value in row._mapping.items() if name != "_key"}
    return row[1:]


def _rows(connection: sa.Connection, wanted: Wanted, columns: Sequence[sa.ColumnElement[Any]], ids: list[str],
          bare: bool) -> list[Any]:
    """Those of the rows that fit, newest first."""
    table = wanted.table
    query = sa.select(table.c.id.label("_key"), *columns).join_from(table, TRIALS, TRIALS.c.id == table.c.trial_id)
    query = query.where(table.c.id.in_(ids), *wanted.sure, *wanted.fits)
    return sorted(_read(connection, query, bare), key=_key, reverse=True)


def _ids(connection: sa.Connection, wanted: Wanted, before: str, size: int) -> Iterator[str]:
    if wanted.merged:
        return _merged(connection, wanted, before)
    if wanted.trial_id and not _sees(connection, wanted):
        return iter(())
    return _along(connection, wanted, wanted.along, before, size)


def _sees(connection: sa.Connection, wanted: Wanted) -> bool:
    return connection.execute(sa.select(sa.literal_column("1")).where(
        TRIALS.c.id == wanted.trial_id, trials_seen_by(wanted.actor))).first() is not None


def _along(connection: sa.Connection, wanted: Wanted, exact: Mapping[str, str], before: str,
           size: int) -> Iterator[str]:
    """Ids older than one, along an index; read as they are asked for."""
    table = wanted.table
    query = sa.select(table.c.id).where(*(table.c[name] == value for name, value in exact.items()), *wanted.only,
                                        table.c.id < sa.bindparam("before"))
    query = query.order_by(table.c.id.desc()).limit(sa.bindparam("size"))
    while found := connection.execute(query, {"before": before, "size": size}).scalars().all():
        yield from found
        before, size = found[-1], 1_000


def _merged(connection: sa.Connection, wanted: Wanted, before: str) -> Iterator[str]:
    """Ids of all the trials, newest first: the newest of each wait in a queue, and its trial's next takes its place."""
    table = wanted.table
    newest = sa.select(table.c.id).where(table.c.trial_id == TRIALS.c.id, table.c.id < before, *wanted.only).order_by(
        table.c.id.desc()).limit(1).correlate(TRIALS).scalar_subquery()
    seen = sa.select(newest, TRIALS.c.id).where(trials_seen_by(wanted.actor))
    if wanted.trials is not None:
        seen = seen.where(wanted.trials)
    queue = sorted((first, trial) for first, trial in connection.execute(seen) if first is not None)
    following: dict[str, Iterator[str]] = {}
    while queue:
        one, trial = queue.pop()
        yield one
        if trial not in following:
            following[trial] = _along(connection, wanted, {"trial_id": trial}, one, AT_ONCE)
        if (older := next(following[trial], None)) is not None:
            insort(queue, (older, trial))

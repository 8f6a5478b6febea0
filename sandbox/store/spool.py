"""The spool of a batch: what its lines say, on disk beside nobody else's data, until it is known what can be kept.

A private SQLite file that is gone when it is closed, or when the process dies. Memory stays the same whatever the
length; sorting spills to disk.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

import orjson

from sandbox.store.faults import Fault

CHUNK = 1000
Row = tuple[Any, ...]

_SCHEMA = """
CREATE TABLE lines (line INTEGER PRIMARY KEY, site TEXT NOT NULL, starts TEXT NOT NULL, ends TEXT NOT NULL, key TEXT,
                    body BLOB NOT NULL, fit INTEGER NOT NULL DEFAULT 1);
CREATE TABLE faults (number INTEGER PRIMARY KEY, line INTEGER NOT NULL, field TEXT NOT NULL, code TEXT NOT NULL,
                     given BLOB NOT NULL);
CREATE TABLE repeated (line INTEGER PRIMARY KEY, report_id TEXT NOT NULL);
CREATE TABLE held (line INTEGER PRIMARY KEY, doubts TEXT NOT NULL);
"""


class Spool:
    """One batch on its way. Times are given as text that sorts as instants do. Not for two threads at once."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.executescript(f"PRAGMA cache_size=-4096; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_SCHEMA}")
        self._file.execute("BEGIN")
        self._lines: list[Row] = []
        self._faults: list[Row] = []

    def close(self) -> None:
        """Let go of the file, and with it of everything."""
        self._file.close()

    def __enter__(self) -> "Spool":
        return self

    def __exit__(self, *_of: object) -> None:
        self.close()

    def add(self, line: int, site: str, starts: str, ends: str, key: str | None, body: bytes) -> None:
        """A line that fits so far."""
        self._lines.append((line, site, starts, ends, key, body))
        if len(self._lines) >= CHUNK:
            self.flush()

    def fault(self, line: int, faults: Iterable[Fault]) -> None:
        """What is wrong with a line."""
        self._faults += ((line, one.field, one.code, orjson.dumps(one.given)) for one in faults)
        if len(self._faults) >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._file.executemany("INSERT INTO lines (line, site, starts, ends, key, body) VALUES (?, ?, ?, ?, ?, ?)",
                               self._lines)
        self._file.executemany("INSERT INTO faults (line, field, code, given) VALUES (?, ?, ?, ?)", self._faults)
        self._lines, self._faults = [], []

    def refuse(self, lines: Iterable[int], fault: Fault) -> None:
        """Lines that fitted by themselves, and do not beside others."""
        told = list(lines)
        self.fault_each((line, fault) for line in told)
        self._file.executemany("UPDATE lines SET fit = 0 WHERE line = ?", ((line,) for line in told))

    def fault_each(self, pairs: Iterable[tuple[int, Fault]]) -> None:
        """A fault each for several lines."""
        for line, fault in pairs:
            self.fault(line, (fault,))
        self.flush()

    def repeat(self, line: int, report_id: str) -> None:
        """A line whose key was kept before, as the very same report."""
        self._file.execute("INSERT INTO repeated VALUES (?, ?)", (line, report_id))
        self._file.execute("UPDATE lines SET fit = 0 WHERE line = ?", (line,))

    def hold(self, line: int, doubts: Iterable[str]) -> None:
        """A line that will be held back: it would stop the trial, and is implausible."""
        self._file.execute("INSERT INTO held VALUES (?, ?)", (line, " ".join(doubts)))
        self._file.execute("UPDATE lines SET fit = 0 WHERE line = ?", (line,))

    def let_go(self) -> None:
        """What was to be held fits again, to be looked at anew."""
        self._file.execute("UPDATE lines SET fit = 1 WHERE line IN (SELECT line FROM held)")
        self._file.execute("DELETE FROM held")

    # What stands in it

    def rows(self, sql: str, *values: Any) -> Iterator[Row]:
        """The rows of a query, in chunks."""
        with closing(self._file.execute(sql, values)) as cursor:
            while found := cursor.fetchmany(CHUNK):
                yield from found

    def number(self, sql: str) -> int:
        """One number."""
        return int(self._file.execute(sql).fetchone()[0] or 0)

    @property
    def fit(self) -> int:
        """Lines that can be kept."""
        return self.number("SELECT count(*) FROM lines WHERE fit")

    @property
    def refused(self) -> int:
        """Lines with a fault."""
        return self.number("SELECT count(DISTINCT line) FROM faults")

    @property
    def repeats(self) -> int:
        """Lines kept before."""
        return self.number("SELECT count(*) FROM repeated")

    def keys_given_twice(self) -> list[int]:
        """Lines whose key an earlier line has."""
        return [line for line, in self.rows(
            "SELECT line FROM (SELECT line, row_number() OVER (PARTITION BY key ORDER BY line) AS nth FROM lines "
            "WHERE fit AND key IS NOT NULL) WHERE nth > 1 ORDER BY line")]

    def keyed(self, size: int) -> Iterator[list[Row]]:
        """Line, key and body of every line with a key, so many at a time; what was given may change in between."""
        last = 0
        while found := list(self.rows("SELECT line, key, body FROM lines WHERE fit AND key IS NOT NULL AND line > ? "
                                      "ORDER BY line LIMIT ?", last, size)):
            yield found
            last = found[-1][0]

    def overlapping(self) -> Iterator[int]:
        """Lines whose period overlaps that of another line of the site which is kept: of two, the one that begins
        first, and of equal ones the upper, is."""
        site, until = None, ""
        for line, at, starts, ends in self.rows(
                "SELECT line, site, starts, ends FROM lines WHERE fit ORDER BY site, starts, line"):
            if at != site:
                site, until = at, ""
            if starts < until:
                yield line
            else:
                until = ends

    def across(self) -> Iterator[int]:
        """Lines of a site that overlap one of the whole trial (without a site), or the other way about."""
        if self.number("SELECT count(DISTINCT site = '') FROM lines WHERE fit") < 2:
            return
        until = {True: "", False: ""}
        for line, whole, starts, ends in self.rows(
                "SELECT line, site = '', starts, ends FROM lines WHERE fit ORDER BY starts, line"):
            if starts < until[not whole]:
                yield line
            else:
                until[bool(whole)] = max(until[bool(whole)], ends)

    def sites(self) -> Iterator[Row]:
        """Each site with its first start and its last end."""
        return self.rows("SELECT site, min(starts), max(ends) FROM lines WHERE fit GROUP BY site")

    def of_site(self, site: str) -> Iterator[Row]:
        """Line, start and end of every line of a site."""
        return self.rows("SELECT line, starts, ends FROM lines WHERE fit AND site = ? ORDER BY starts", site)

    def kept(self) -> Iterator[Row]:
        """What is to be kept, whole, in the order in which it was sent."""
        return self.rows("SELECT line, site, starts, ends, key, body FROM lines WHERE fit ORDER BY line")

    def in_time(self) -> Iterator[Row]:
        """The same in the order of what it tells of."""
        return self.rows("SELECT line, site, starts, ends, key, body FROM lines WHERE fit ORDER BY starts, line")

    def held(self) -> Iterator[Row]:
        """Lines to be held back: line, key, body, and why."""
        return self.rows("SELECT line, key, body, doubts FROM held JOIN lines USING (line) ORDER BY line")

    def faults(self) -> Iterator[tuple[int, Fault]]:
        """Every fault by line."""
        for line, field, code, given in self.rows("SELECT line, field, code, given FROM faults ORDER BY line, number"):
            yield line, Fault(field, code, orjson.loads(given))

    def repetitions(self) -> Iterator[Row]:
        """Lines that were kept before, with the report's id."""
        return self.rows("SELECT line, report_id FROM repeated ORDER BY line")

"""The log: checking all of it against a bare scan of its rows, appending to it, and the time for a million entries."""

import time
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from bench.city import FOUNDED, City, city
from bench.claim import Claim, Run, median_ratio, scratch
from sandbox.store.door import Transaction
from sandbox.store.log import LOG
from sandbox.store.verification import verify

SLICE = 5_000
MILLION = 1_000_000


def claims(run: Run) -> list[Claim]:
    """A log of as many entries as there are reports, at most a million; fewer are reckoned up to a million."""
    entries = min(run.rows, MILLION)
    with scratch() as folder, city(Path(folder), 1) as of:
        append = _appended_us(of, entries)
        pairs = [(entries / _verified_s(of, entries), entries / _scanned_s(of)) for _ in range(run.rounds)]
        check(of, entries)
    rate, scan = (median(column) for column in zip(*pairs, strict=True))
    return [Claim(f"checking a log of {entries:,}, entries a second of CPU, against a bare scan", rate, scan,
                  median_ratio(pairs), 0.5, "/s"),
            Claim(f"checking a million entries, reckoned from {entries:,}", MILLION / rate, None, MILLION / rate, 4.0,
                  "s", at_most=True),
            Claim("one entry appended in a slice, CPU", append, None, append, 1e6 / 100_000, "us", at_most=True)]


def _appended_us(of: City, entries: int) -> float:
    def some(transaction: Transaction) -> None:
        for _ in range(SLICE):
            transaction.log.fill(transaction.log.reserve(), at=FOUNDED, actor=of.firm.id, role="firm",
                                 act="file_feedback", subject="fb_000000000000000000000", trial=of.trials[0],
                                 reason=None, old=None, new={"exposures": 250.0}, cause=None, request=None)

    start = time.process_time()
    for _ in range(entries // SLICE):
        of.program.door.submit(some)
    return (time.process_time() - start) / (entries // SLICE * SLICE) * 1e6


def _verified_s(of: City, entries: int) -> float:
    with of.program.reading() as connection:
        start = time.process_time()
        found = verify(connection)
        spent = time.process_time() - start
    assert found.problems == () and found.size >= entries // SLICE * SLICE, found
    return spent


def _scanned_s(of: City) -> float:
    """Every byte of every entry, and nothing done with it."""
    with of.program.reading() as connection:
        start, read = time.process_time(), 0
        for row in connection.exec_driver_sql(f"SELECT * FROM {LOG.name} ORDER BY seq"):
            read += len(row.leaf)
        assert read
        return time.process_time() - start


def check(of: City, entries: int) -> None:
    """An entry that is changed is seen: the figure is of a check that checks."""
    with of.program.writer.begin() as connection:
        for name in connection.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (LOG.name,)).scalars().all():
            connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
        connection.execute(sa.update(LOG).where(LOG.c.seq == entries // 2).values(actor_id="ac_somebody"))
    with of.program.reading() as connection:
        assert len(verify(connection).problems) == 1

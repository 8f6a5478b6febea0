"""A city with very many reports, made by the database out of a few that were filed, and kept for the next run."""

import shutil
from pathlib import Path

import sqlalchemy as sa

from bench.city import FOUNDED, City, city, report
from sandbox.jobs.schema import newest
from sandbox.store.engine import make_engine
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.trials import COUNTERS, LIMITS, TRIALS

TRIALS_MADE = 1_000
AT_ONCE = 250_000
EVERY_INCIDENT = 100
"""One incident for so many reports."""


def grown(cache: Path, reports: int) -> Path:
    """The folder of a city with so many reports of a thousand trials, and a hundredth as many incidents; made when it
    is not in the cache, or is of another schema."""
    folder = cache / f"sqlite-{reports}-{newest()}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with city(folder, 1) as of:
            _sow(of)
            _grow(of, reports)
        (folder / "complete").touch()
    return folder


def _sow(of: City) -> None:
    acts, trial = of.program.acts, of.trials[0]
    for place in range(3):
        acts.do("file_feedback", of.firm, report(place), on=trial)
    acts.do("file_incident", of.firm, {"severity": "S4", "occurred_at": FOUNDED.isoformat(), "aware_at": None,
                                       "description": "A scratch"}, on=trial)


def _grow(of: City, reports: int) -> None:
    engine = make_engine(str(of.program.writer.url), writing=True)
    for table, values in ((TRIALS, {"id": "printf('ES-%07d', n.i)", "source_key": "printf('grown-%07d', n.i)",
                                    "verify_code": "printf('grown-%07d', n.i)"}),
                          (LIMITS, {"trial_id": "printf('ES-%07d', n.i)"}),
                          (COUNTERS, {"trial_id": "printf('ES-%07d', n.i)"})):
        with engine.begin() as connection:
            copy_rows(connection, table, values, 1, TRIALS_MADE)
    seconds = "strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', '+' || ({}) || ' seconds') || '.000000'"
    of_trial = f"printf('ES-%07d', 1 + n.i % {TRIALS_MADE})"
    for table, number, values in (
        (FEEDBACK, reports, {"id": "printf('fb_%012d', n.i)", "trial_id": of_trial,
                             "at": seconds.format("n.i / 10"), "period_start": seconds.format("n.i / 1000"),
                             "period_end": seconds.format("n.i / 1000 + 1")}),
        (INCIDENTS, reports // EVERY_INCIDENT, {
            "id": "printf('in_%012d', n.i)", "trial_id": of_trial, "at": seconds.format("n.i"),
            "severity": "CASE WHEN n.i % 10 = 0 THEN 'S1' ELSE 'S4' END",
            "state": "CASE WHEN n.i % 1000 = 0 THEN 'open' ELSE 'closed' END"})):
        for first in range(1, number + 1, AT_ONCE):
            with engine.begin() as connection:
                copy_rows(connection, table, values, first, min(number, first + AT_ONCE - 1))
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def copy_rows(connection: sa.Connection, table: sa.Table, values: dict[str, str], first: int, last: int) -> None:
    """Rows numbered from `first` to `last`, each the first sown row but for these values."""
    names = [column.name for column in table.c]
    sown = "rowid = (SELECT min(rowid) FROM " + table.name + ")" if table in (TRIALS, FEEDBACK, INCIDENTS) else \
        f"trial_id = (SELECT min(trial_id) FROM {table.name})"
    told = ", ".join(values.get(name, f't."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    connection.exec_driver_sql(
        f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
        f"INSERT INTO {table.name} ({quoted}) SELECT {told} FROM n, (SELECT * FROM {table.name} WHERE {sown}) t")

"""Many callers at once: one key is one filing, whoever comes first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import sqlalchemy as sa
from cast import START, Cast

from sandbox.jobs.program import Program
from sandbox.store.answers import ANSWERS
from sandbox.store.feedback import FEEDBACK
from sandbox.store.log import LOG

CALLERS = 50
REPORT = {"period_start": "2026-03-02T00:00:00+08:00", "period_end": "2026-03-02T08:00:00+08:00", "exposures": 250,
          "events": {"complaint": 1}}


def together(do: Callable[[], Any]) -> list[Any]:
    """The same from all callers at one moment."""
    ready = Barrier(CALLERS)

    def call(_place: int) -> Any:
        ready.wait()
        return do()

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(call, range(CALLERS)))


def test_fifty_callers_with_one_key_store_one_report_and_are_answered_alike(
        program: Program, cast: Cast, adopted: Callable[[int], list[str]]):
    trial = adopted(1)[0]
    answers = together(lambda: program.acts.do("file_feedback", cast.fang, REPORT, on=trial, key="the key"))
    assert len({answer.model_dump_json() for answer in answers}) == 1
    with program.reading() as connection:
        stored = [connection.execute(sa.select(sa.func.count()).select_from(table).where(*which)).scalar_one()
                  for table, *which in ((FEEDBACK,), (ANSWERS, ANSWERS.c.key == "the key"),
                                        (LOG, LOG.c.act == "file_feedback"))]
        kept = connection.execute(sa.select(FEEDBACK.c.id, FEEDBACK.c.at)).one()
    assert stored == [1, 1, 1]
    assert (kept.id, kept.at) == (answers[0].id, START)

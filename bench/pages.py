"""Whole pages at many reports against the same at few: lists, one report, one trial, the board; the deepest page of a
list against its first. What is read is looked at: rows on the page, in order, and no page says less at more."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from bench.city import NOW, settings_in
from bench.claim import Claim, Run, median_ratio
from bench.mass import grown
from sandbox.jobs.program import Program, open_program
from sandbox.rules.access import Actor, Role
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.feedback import FEEDBACK
from sandbox.web.front import make_app

FEW = 100
"""So many times fewer reports in the small city."""
WITHIN = 1.2
AT_ONCE = 5


@dataclass
class Reader:
    """An officer's browser without a browser: pages by a token."""

    program: Program
    get: Callable[[str], bytes]
    deepest: str
    report: str
    trial: str


PAGES = {"list of reports": "/feedback", "list of incidents": "/incidents", "grave incidents": "/incidents?severity=S1",
         "one report": "/feedback/{report}", "one trial": "/trials/{trial}", "board": "/",
         "list by API": "/api/v1/trials/{trial}/feedback"}


def claims(run: Run) -> list[Claim]:
    """Each page in turn, in the large city and in the small one."""
    with ExitStack() as stack:
        many, few = (stack.enter_context(_reader(run.cache, rows)) for rows in (run.rows, run.rows // FEW))
        found = [_against(f"{name}, {run.rows:,} reports against {run.rows // FEW:,}", run, _ways(many, path),
                          _ways(few, path)) for name, path in PAGES.items()]
        found.append(_against(f"deepest page of reports against the first, {run.rows:,}", run,
                              lambda: many.get(f"/feedback?cursor={many.deepest}"), lambda: many.get("/feedback")))
        return found


def _ways(reader: Reader, path: str) -> Callable[[], bytes]:
    address = path.format(report=reader.report, trial=reader.trial)
    return lambda: reader.get(address)


def _against(name: str, run: Run, ours: Callable[[], bytes], theirs: Callable[[], bytes]) -> Claim:
    pairs = [(_cpu_us(ours), _cpu_us(theirs)) for _ in range(run.rounds)]
    return Claim(name, median(one for one, _ in pairs), median(other for _, other in pairs), median_ratio(pairs),
                 WITHIN, "us", at_most=True)


def _cpu_us(get: Callable[[], bytes]) -> float:
    get()
    start = time.process_time()
    for _ in range(AT_ONCE):
        get()
    return (time.process_time() - start) / AT_ONCE * 1e6


@contextmanager
def _reader(cache: Path, reports: int) -> Iterator[Reader]:
    program = open_program(settings_in(grown(cache, reports)), lambda: NOW)
    try:
        client = make_app(program).test_client(use_cookies=False)
        token = program.acts.do("issue_token", _officer(program), {
            "name": "bench", "scopes": ["read"], "days": 90}).secret

        def get(path: str) -> bytes:
            answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, (path, answer.status_code)
            return answer.data

        with program.reading() as connection:
            oldest, newest = connection.execute(sa.select(sa.func.min(FEEDBACK.c.id), sa.func.max(FEEDBACK.c.id)).where(
                FEEDBACK.c.id.like("fb_0%"))).one()
        reader = Reader(program, get, _cursor(oldest), newest, "ES-0000500")
        check(reader, reports)
        yield reader
    finally:
        program.close()


def _officer(program: Program) -> Actor:
    with program.reading() as connection:
        row = connection.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.role == Role.REGULATOR.value).limit(1)).one()
    return Actor(row.id, Role.REGULATOR, row.organisation_id)


def _cursor(oldest: str) -> str:
    from sandbox.reads.pages import encode

    return encode(f"{oldest[:-2]}99")


def check(reader: Reader, reports: int) -> None:
    """The first page shows the newest, the deepest the oldest."""
    first, last = (re.findall(r'href="/feedback/(fb_\d+)"', reader.get(path).decode())
                   for path in ("/feedback", f"/feedback?cursor={reader.deepest}"))
    assert first == sorted(first, reverse=True) and len(first) >= 40, first[:3]
    assert last == sorted(last, reverse=True) and len(last) >= 40, last[:3]
    assert int(last[0].removeprefix("fb_")) < 100 <= reports


"""What it costs to find and open the reviews that are due, among very many trials and among few; and a tick that finds
nothing. Dues of every other trial lie ahead. What was opened is looked at: so many reviews, each with its log entry."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from bench.city import NOW, City, Hands, city, person, settings_in
from bench.claim import Claim, Run, median_ratio, scratch
from bench.mass import copy_rows
from sandbox.jobs import tick as ticking
from sandbox.jobs.program import Program, open_program
from sandbox.store.dues import DUES, DueKind
from sandbox.store.engine import make_engine
from sandbox.store.log import LOG
from sandbox.store.reviews import REVIEWS
from sandbox.store.trials import LIMITS, SEATS, TRIALS

FEW, MOST = 1_000, 1_000_000
AT_ONCE = 100_000
DUE = 100
"""Reviews that come due together."""
WITHIN, CPU_US, IDLE_US = 1.5, 40.0, 50.0
IDLE_TICKS = 500
REVIEW, TRIAL = "printf('rv_%07d', n.i)", "printf('ES-%07d', n.i)"
OF_REVIEWS = ", ".join(f"'{kind}'" for kind in (DueKind.OPEN_REVIEW, DueKind.REVIEW_OVERDUE, DueKind.REMIND_REVIEW))
GROWN: tuple[tuple[sa.Table, dict[str, str]], ...] = (
    (TRIALS, {"id": TRIAL, "source_key": "printf('grown-%07d', n.i)", "verify_code": "printf('grown-%07d', n.i)"}),
    (LIMITS, {"trial_id": TRIAL}),
    (SEATS, {"id": "printf('se_%07d', n.i) || t.account_id", "trial_id": TRIAL}),
    (REVIEWS, {"id": REVIEW, "trial_id": TRIAL}),
    (DUES, {"id": "printf('du_%07d', n.i) || t.kind", "trial_id": TRIAL,
            "object_id": f"CASE WHEN t.kind IN ({OF_REVIEWS}) THEN {REVIEW} ELSE {TRIAL} END",
            "at": "strftime('%Y-%m-%d %H:%M:%S', '2027-01-01', '+' || n.i || ' seconds') || '.000000'"}),
)


def claims(run: Run) -> list[Claim]:
    """As many due reviews in turn in the large city and in the small one; then nothing due in the large one."""
    trials = min(run.rows, MOST)
    with ExitStack() as stack:
        many = stack.enter_context(_opener(grown(run.cache / f"sweep-{trials}", trials), trials))
        few = stack.enter_context(_opener(grown(Path(stack.enter_context(scratch())) / "few", FEW), FEW))
        for opener in (many, few):
            opener()  # statements are compiled, pages are read
        pairs = [(many(), few()) for _ in range(run.rounds)]
        idle = _idle_us(many.program)
    ours, theirs = (median(one) for one in zip(*pairs, strict=True))
    return [
        Claim(f"CPU for each of {DUE} reviews that open, {trials:,} trials against {FEW:,}", ours, theirs,
              median_ratio(pairs), WITHIN, "us", at_most=True),
        Claim("the same by itself", ours, None, ours, CPU_US, "us", at_most=True),
        Claim(f"a tick that finds nothing among {trials:,} trials, CPU", idle, None, idle, IDLE_US, "us", at_most=True)]


def grown(folder: Path, trials: int) -> Path:
    """The folder of a city with so many running trials, each with two reviewers and a review ahead; made when it is not
    there."""
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with city(folder, 1) as of:
            _seat(of)
            _grow(of, trials)
        (folder / "complete").touch()
    return folder


def _seat(of: City) -> None:
    body = of.program.acts.do("register_organisation", of.ada, {"name": "Institute", "kind": "institute"}).id
    for name, side in (("Rui", "industry"), ("Shen", "research")):
        who = person(of.program, of.ada, name, "reviewer", body, constituency=side, expertise=["ai"])
        seat = of.program.acts.do("assign_reviewer", of.officer, {"account_id": who.id, "panel": "running"},
                                  on=of.trials[0])
        of.program.acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, on=seat.id)


def _grow(of: City, trials: int) -> None:
    engine = make_engine(str(of.program.writer.url), writing=True)
    with engine.begin() as connection:  # of clocks, and of the sandbox's own years, no rows are copied
        connection.execute(sa.delete(DUES).where(sa.or_(DUES.c.trial_id.is_(None), DUES.c.object_id.startswith("ck"))))
    for table, values in GROWN:
        for first in range(1, trials + 1, AT_ONCE):
            with engine.begin() as connection:
                copy_rows(connection, table, values, first, min(trials, first + AT_ONCE - 1))
    with engine.begin() as connection:
        connection.execute(sa.delete(DUES).where(DUES.c.trial_id == of.trials[0]))
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


class Opener:
    """Makes reviews due that are spread over the whole city, and lets one tick open them."""

    def __init__(self, program: Program, clock: Hands, trials: int) -> None:
        self.program, self._clock, self._trials = program, clock, trials

    def __call__(self) -> float:
        """Microseconds of CPU for each."""
        due, before = self._owe(), self._entries()
        start = time.process_time()
        ticked = ticking.tick(self.program)
        spent = time.process_time() - start
        assert (ticked.done, ticked.failed, ticked.taken) == (DUE, 0, 0), ticked
        with self.program.reading() as connection:
            opened = connection.execute(sa.select(sa.func.count()).where(
                REVIEWS.c.id.in_(due), REVIEWS.c.state == "open")).scalar_one()
        assert (opened, self._entries() - before) == (DUE, DUE)
        return spent / DUE * 1e6

    def _owe(self) -> list[str]:
        """Reviews that are planned become due now; nothing else is."""
        self._clock.now += timedelta(minutes=1)
        places = random.Random(self._entries()).sample(range(1, self._trials + 1), min(self._trials, 10 * DUE))
        with self.program.reading() as connection:
            planned = list(connection.execute(sa.select(REVIEWS.c.id).where(
                REVIEWS.c.id.in_([f"rv_{place:07d}" for place in places]), REVIEWS.c.state == "planned").limit(DUE)
            ).scalars())
        self.program.door.submit(lambda transaction: transaction.connection.execute(sa.update(DUES).where(
            DUES.c.kind == DueKind.OPEN_REVIEW, DUES.c.object_id.in_(planned)).values(at=self._clock.now)))
        ticking.beat(self.program, self._clock.now)
        return planned

    def _entries(self) -> int:
        with self.program.reading() as connection:
            return int(connection.execute(sa.select(sa.func.max(LOG.c.seq))).scalar_one())


@contextmanager
def _opener(folder: Path, trials: int) -> Iterator[Opener]:
    clock = Hands(NOW)
    program = open_program(settings_in(folder), clock)
    try:
        yield Opener(program, clock, trials)
    finally:
        program.close()


def _idle_us(program: Program) -> float:
    return _cpu_us(lambda: ticking.tick(program), IDLE_TICKS)


def _cpu_us(do: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        do()
    return (time.process_time() - start) / times * 1e6

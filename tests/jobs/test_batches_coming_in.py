"""A batch on its way in: unseen until it counts, compared again when it is overtaken, taken back when nobody goes on
with it; and a file of 100,000 lines. The long proof, whose figures `-s` prints:
`.venv/bin/python -m pytest -n 0 -s -m long tests/jobs/test_batches_coming_in.py`.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from conftest import running

from sandbox.jobs.arrivals import from_json
from sandbox.jobs.batches import TOLD, BatchRefused, Intake, Progress, Sending, Taken
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.slices import LIFE
from sandbox.jobs.tick import tick
from sandbox.reads import months
from sandbox.reads.batches import results
from sandbox.store.batches import BATCHES
from sandbox.store.door import Busy
from sandbox.store.feedback import FEEDBACK
from sandbox.store.lines import SLICE
from sandbox.store.trials import COUNTERS, TRIALS
from sandbox.words import LOCALES, say

MINUTE = timedelta(minutes=1)
SITES = 50
WEEK = timedelta(days=7)


@pytest.fixture(name="trials")
def pilots(program: Program, cast: Cast, clock: Shifted) -> list[str]:
    """Two trials of Hai Rui, each with an agreed limit, some weeks later."""
    acts = program.acts
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "Delivery by night"}).id
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 1e6,
        "limits": [{"indicator": "override", "per_exposure": 0.5}], "unverified": "Everything", "source_key": name}
        for name in ("one", "two")]})
    decided = acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    clock.forward(START + 3 * WEEK)
    return [decided.trials[name] for name in ("one", "two")]


def line(place: int, **more: Any) -> dict[str, Any]:
    """Five minutes at one of fifty sites, within one reporting period."""
    start = START + (place // SITES) * 5 * MINUTE
    return {"period_start": start.isoformat(), "period_end": (start + 5 * MINUTE).isoformat(), "exposures": 2.5,
            "site": f"Gate {place % SITES}", "reviewed": 4, "events": {"override": 1}, **more}


def lines(number: int, spoilt: dict[int, dict[str, Any]] | None = None) -> Iterator[bytes]:
    changed = spoilt or {}
    return (json.dumps({**line(place), **changed.get(place + 1, {})}).encode() for place in range(number))


def take(program: Program, actor: Any, trial: str, sent: Iterator[bytes], told: Progress | None = None,
         intake: Intake | None = None, **more: Any) -> Taken:
    arrivals = from_json(sent, lambda raw: json.loads(raw))
    return (intake or Intake(program)).take(actor, trial, arrivals, Sending("sent", "api", **more), told)


def rows(program: Program, trial: str) -> int:
    """Reports of the trial in the table, whether they count or not."""
    with program.reading() as connection:
        return connection.execute(sa.select(sa.func.count()).where(FEEDBACK.c.trial_id == trial)).scalar_one()


def seen(program: Program, trial: str) -> int:
    """Reports that people see."""
    with program.reading() as connection:
        return sum(one.reports for one in months.months(connection, {"id": trial}, UTC, START))


def counted(program: Program, trial: str) -> tuple[Any, ...]:
    """Reports, events and exposures as trial and counters have them."""
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS.c.reports, TRIALS.c.used_volume).where(TRIALS.c.id == trial)).one()
        sums = connection.execute(sa.select(sa.func.sum(COUNTERS.c.events), sa.func.sum(COUNTERS.c.exposures)).where(
            COUNTERS.c.trial_id == trial, COUNTERS.c.indicator == "override")).one()
    return (*row, *sums)


class Between(Progress):
    """Does something when the first slice is in."""

    def __init__(self, do: Callable[[], Any]) -> None:
        self.do, self.times = do, 0

    def kept(self, lines: int) -> None:
        self.times += 1
        if self.times == 1:
            self.do()


def test_nothing_of_a_batch_is_seen_before_all_of_it_counts(program: Program, cast: Cast, trials: list[str]):
    found: list[tuple[int, int]] = []
    told = Between(lambda: found.append((rows(program, trials[0]), seen(program, trials[0]))))
    take(program, cast.fang, trials[0], lines(SLICE + 10), told)
    assert found == [(SLICE, 0)]
    assert seen(program, trials[0]) == SLICE + 10
    assert counted(program, trials[0])[:3] == (SLICE + 10, (SLICE + 10) * 2.5, SLICE + 10)


def test_counters_of_a_batch_are_those_of_its_lines_one_by_one(program: Program, cast: Cast, trials: list[str]):
    odd = {place + 1: {"exposures": 0.1 + place / 3, "people_new": place} for place in range(40)}
    take(program, cast.fang, trials[0], lines(40, odd))
    for place in range(40):
        program.acts.do("file_feedback", cast.fang, {**line(place), **odd[place + 1]}, on=trials[1])
    with program.reading() as connection:
        found = [connection.execute(sa.select(COUNTERS.c.indicator, COUNTERS.c.period, COUNTERS.c.events,
                                              COUNTERS.c.exposures).where(COUNTERS.c.trial_id == trial).order_by(
            COUNTERS.c.indicator, COUNTERS.c.period)).all() for trial in trials]
    assert found[0] == found[1] != []


@pytest.mark.parametrize("partial", [False, True])
def test_a_report_filed_meanwhile_takes_its_period_from_the_batch(program: Program, cast: Cast, trials: list[str],
                                                                  partial: bool):
    def single() -> None:
        program.acts.do("file_feedback", cast.fang, line(7), on=trials[0])

    def taken() -> Taken:
        return take(program, cast.fang, trials[0], lines(SLICE + 5), Between(single), partial=partial)

    if partial:
        assert (taken().done.kept, taken) and seen(program, trials[0]) == SLICE + 5
    else:
        with pytest.raises(BatchRefused) as refused:
            taken()
        assert [(at, fault.code) for at, fault in refused.value.faults] == [(8, "overlaps")]
        assert rows(program, trials[0]) == 1


def test_a_report_of_another_time_does_not_hold_a_batch_up(program: Program, cast: Cast, trials: list[str]):
    later = line(0, period_start=(START + WEEK).isoformat(), period_end=(START + WEEK + MINUTE).isoformat())
    told = Between(lambda: program.acts.do("file_feedback", cast.fang, later, on=trials[0]))
    assert take(program, cast.fang, trials[0], lines(SLICE + 5), told).done.kept == SLICE + 5
    assert told.times == 2


def test_a_batch_that_a_dying_process_left_is_taken_back_by_the_clock(program: Program, cast: Cast,
                                                                      clock: Shifted, trials: list[str]):
    with pytest.raises(Busy):
        take(program, cast.fang, trials[0], lines(SLICE * 2), Between(program.door.close))
    for other in running(program.settings, clock):
        assert (rows(other, trials[0]), seen(other, trials[0])) == (SLICE, 0)
        clock.forward(clock() + LIFE)
        while tick(other).done:
            pass
        assert rows(other, trials[0]) == 0
        with other.reading() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(BATCHES)).scalar_one() == 0
        assert take(other, cast.fang, trials[0], lines(SLICE * 2)).done.kept == SLICE * 2


def test_a_batch_taken_back_while_it_comes_in_comes_in_again(program: Program, cast: Cast, clock: Shifted,
                                                             trials: list[str]):
    def overslept() -> None:
        clock.forward(clock() + LIFE)
        while tick(program).done:
            pass

    assert take(program, cast.fang, trials[0], lines(SLICE + 5), Between(overslept)).done.kept == SLICE + 5
    assert counted(program, trials[0])[0] == rows(program, trials[0]) == SLICE + 5


def test_one_batch_too_many_at_a_time_is_told_to_come_back(program: Program, cast: Cast, trials: list[str]):
    intake, refused = Intake(program), list[Exception]()

    def another(depth: int) -> None:
        try:
            told = Between(lambda: another(depth + 1))
            take(program, cast.fang, trials[1], lines(1), told, intake, dry_run=True)
        except Busy as busy:
            refused.append(busy)

    take(program, cast.fang, trials[0], lines(1), Between(lambda: another(1)), intake, dry_run=True)
    assert len(refused) == 1


# Many lines, a few of them bad

BAD: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({"exposures": -1}, "exposures", "greater_than_equal"), ({"exposures": "many"}, "exposures", "float_type"),
    ({"people": 1.5}, "people", "int_type"),
    ({"events": {"override": -2}}, "events.override", "greater_than_equal"),
    ({"events": {"overide": 1}}, "events.overide", "unknown_event"),
    ({"period_end": START.isoformat()}, "period_end", "period_backwards"),
    ({"period_start": "2026-03-02 09:00"}, "period_start", "timezone_aware"),
    ({"period_start": "2026-01-02T09:00:00+08:00"}, "period_start", "before_start"),
    ({"period_end": "2027-03-02T09:00:00+08:00"}, "period_end", "in_future"),
    ({"nil": True}, "nil", "nil_with_numbers"), ({"milage": 3}, "milage", "extra_forbidden"),
    ({"site": "x" * 201}, "site", "string_too_long"),
)


def bad_lines(number: int, of: int) -> dict[int, tuple[dict[str, Any], str, str]]:
    """So many bad lines of the kinds in turn, spread over the file."""
    return {1 + place * (of // number) + place % 7: BAD[place % len(BAD)] for place in range(number)}


def check_bad_lines(program: Program, cast: Cast, trial: str, number: int, bad: int) -> None:
    """Atomic keeps nothing and names each; partial keeps the rest, and says each in three languages."""
    kinds = bad_lines(bad, number)
    spoilt = {at: change for at, (change, _, _) in kinds.items()}
    with pytest.raises(BatchRefused) as refused:
        take(program, cast.fang, trial, lines(number, spoilt))
    named = {at: (fault.field, fault.code) for at, fault in refused.value.faults}
    assert (refused.value.lines, refused.value.refused, rows(program, trial)) == (number, bad, 0)
    assert {at: (field, code) for at, (_, field, code) in kinds.items()}.items() <= named.items()
    done = take(program, cast.fang, trial, lines(number, spoilt), partial=True).done
    assert (done.kept, done.refused) == (number - bad, bad)
    assert counted(program, trial)[:1] == (number - bad,) and seen(program, trial) == number - bad
    with program.reading() as connection:
        after, outcomes, told = 0, Counter[str](), list[Any]()
        while after is not None:
            found, after = results(connection, done.id or "", after, 5000)
            outcomes.update(one.outcome for one in found)
            told += [one for one in found if one.outcome == "refused"]
    assert outcomes == {"kept": number - bad, "refused": bad} and [one.line for one in told] == sorted(kinds)
    for one in told[:len(BAD)]:
        assert len({say(one.faults[0].word, locale) for locale in LOCALES}) >= 2


def test_bad_lines_of_twelve_kinds_are_each_named_by_line_and_field(program: Program, cast: Cast, trials: list[str]):
    check_bad_lines(program, cast, trials[0], 3000, 24)


@pytest.mark.long
def test_of_100_000_lines_137_are_bad(program: Program, cast: Cast, trials: list[str]):
    assert TOLD >= 137
    check_bad_lines(program, cast, trials[0], 100_000, 137)


def grown_kb(do: Callable[[], Any]) -> int:
    """By how much the memory of this process, files of the database aside, grew at most while it was done."""
    def anonymous() -> int:
        with open("/proc/self/status") as status:
            return next(int(row.split()[1]) for row in status if row.startswith("RssAnon"))

    most, done = [start := anonymous()], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most.append(anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    do()
    done.set()
    watcher.join()
    return max(most) - start


@pytest.mark.long
def test_memory_is_flat_in_the_length_of_a_batch(program: Program, cast: Cast, trials: list[str]):
    take(program, cast.fang, trials[1], lines(20_000), dry_run=True)
    small = grown_kb(lambda: take(program, cast.fang, trials[1], lines(10_000)))
    large = grown_kb(lambda: take(program, cast.fang, trials[0], lines(100_000)))
    print(f"peak growth: 10,000 lines {small:,} KB, 100,000 lines {large:,} KB")
    assert large < small + 80 * 1024


@pytest.mark.long
def test_single_filings_beside_100_000_lines_keep_answering(program: Program, cast: Cast, trials: list[str]):
    waits: list[float] = []
    batch = threading.Thread(target=take, args=(program, cast.fang, trials[0], lines(100_000)))
    batch.start()
    place = 0
    while batch.is_alive():
        start = time.perf_counter()
        program.acts.do("file_feedback", cast.fang, line(place), on=trials[1])
        waits.append(time.perf_counter() - start)
        place += 1
    p99 = sorted(waits)[int(len(waits) * 0.99)] * 1000
    print(f"{len(waits)} single filings beside it: p99 {p99:.0f} ms, worst {max(waits) * 1000:.0f} ms")
    assert counted(program, trials[0])[0] == 100_000 and p99 <= 250



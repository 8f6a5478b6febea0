"""Filing through the one door against a SQLModel session for each request that writes the very same rows.

Both validate the report, narrow the trial to its firm, look for the key and for an overlap, keep the report, counters,
trial, dues, log entry with its hashes and the answer, and are durable before they answer.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from bench.city import NOW, City, city, report
from bench.claim import Claim, median_ratio, percentile, scratch
from sandbox.acts.light import denominator
from sandbox.rules.cadence import YELLOW_AFTER, days_after, end_of_day, local_day, period_number
from sandbox.rules.epoch import Watch, finding, together
from sandbox.rules.evidence import ChangeAware, Counted, bets
from sandbox.rules.facts import DAY
from sandbox.rules.risk import ENGINE, events_of, light, single, thresholds, too_early
from sandbox.store.answers import ANSWERS, Answer
from sandbox.store.dues import Due, DueKind
from sandbox.store.engine import JSON_BY, PRAGMAS
from sandbox.store.evidence import Assessment, epoch_of
from sandbox.store.feedback import FEEDBACK, Feedback, FeedbackFields
from sandbox.store.fields import canonical
from sandbox.store.ids import new_id
from sandbox.store.log import LOG, LogEntry, LogNode, current_tree, digest, leaf_hash
from sandbox.store.trials import COUNTERS, TRIALS, USED, Counter, Limit, Trial, Used
from sandbox.store.verification import verify

CALLERS = (1, 8, 64)
ROUNDS = 5
File = Callable[[str, int], None]
"""File the place-th report of a trial; raises when it was not kept."""


@dataclass
class Load:
    """What one way of filing did: accepted reports by trial, and rates and waiting times by round."""

    file: File
    next_of: dict[str, int] = field(default_factory=dict)
    rates: dict[int, list[float]] = field(default_factory=dict)
    p99_ms: dict[int, list[float]] = field(default_factory=dict)
    cpu_us: dict[int, list[float]] = field(default_factory=dict)

    def run(self, callers: int, trials: tuple[str, ...], seconds: float) -> None:
        """So many callers, each filing for its own trial, for this long."""
        waits: list[list[float]] = [[] for _ in range(callers)]
        start, cpu = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(callers) as pool:
            together = threading.Barrier(callers)
            list(pool.map(lambda one: self._caller(trials[one], waits[one], together, seconds), range(callers)))
        took, spent = time.perf_counter() - start, time.process_time() - cpu
        done = [wait for each in waits for wait in each]
        self.rates.setdefault(callers, []).append(len(done) / took)
        self.p99_ms.setdefault(callers, []).append(percentile(done, 0.99) * 1000)
        self.cpu_us.setdefault(callers, []).append(spent / len(done) * 1e6)

    def _caller(self, trial: str, waits: list[float], together: threading.Barrier, seconds: float) -> None:
        together.wait()
        until = time.perf_counter() + seconds
        while (start := time.perf_counter()) < until:
            self.file(trial, self.next_of.get(trial, 0))
            self.next_of[trial] = self.next_of.get(trial, 0) + 1
            waits.append(time.perf_counter() - start)


def claims(seconds: float) -> list[Claim]:
    """Measure both, round by round, and check that each kept exactly what it accepted."""
    with scratch() as ours_at, scratch() as theirs_at, city(Path(ours_at), max(CALLERS)) as ours, \
            city(Path(theirs_at), max(CALLERS)) as theirs, sessions(theirs) as session_each:
        door, sessions_load = Load(through_the_door(ours)), Load(session_each)
        for _ in range(ROUNDS):
            for callers in CALLERS:
                door.run(callers, ours.trials, seconds)
                sessions_load.run(callers, theirs.trials, seconds)
        check(ours, door.next_of)
        check(theirs, sessions_load.next_of)
        repeated(ours)
    return [claim for callers in CALLERS for claim in figures(callers, door, sessions_load)]


def figures(callers: int, ours: Load, theirs: Load) -> Iterator[Claim]:
    """The claims for one number of callers."""
    pairs = list(zip(ours.rates[callers], theirs.rates[callers], strict=True))
    yield Claim(f"{callers} callers filing, against a session each", median(ours.rates[callers]),
                median(theirs.rates[callers]), median_ratio(pairs), 8.0 if callers > 1 else 5.0, "/s")
    yield Claim(f"{callers} callers filing, p99", median(ours.p99_ms[callers]), median(theirs.p99_ms[callers]),
                median(ours.p99_ms[callers]), 100.0, "ms", at_most=True)
    yield Claim(f"{callers} callers filing, CPU", median(ours.cpu_us[callers]), median(theirs.cpu_us[callers]),
                median(ours.cpu_us[callers]) / median(theirs.cpu_us[callers]), 1.0, "us", at_most=True)


def through_the_door(of: City) -> File:
    """The program's own way: one act through the door."""
    acts, firm = of.program.acts, of.firm

    def file(trial: str, place: int) -> None:
        acts.do("file_feedback", firm, report(place), on=trial, key=f"{trial}:{place}")

    return file


# A session for each request


@contextmanager
def sessions(of: City) -> Iterator[File]:
    """The usual way: every request opens a session, reads and writes objects, commits. As durable as ours."""
    engine = sa.create_engine(of.program.writer.url, paramstyle="named", pool_size=max(CALLERS) + 1, **JSON_BY,
                              connect_args={"check_same_thread": False, "timeout": 120})

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (*(one for one in PRAGMAS if "busy" not in one), "busy_timeout=120000"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begun(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    for table in (Feedback, Trial):  # our fields are frozen; a session changes its objects
        table.model_config["frozen"] = False

    def file(trial: str, place: int) -> None:
        given = FeedbackFields.model_validate(report(place))
        with Session(engine) as session:
            _file(session, of, trial, given, f"{trial}:{place}")
            session.commit()

    yield file
    engine.dispose()


def _file(session: Session, of: City, trial_id: str, given: FeedbackFields, key: str) -> None:
    trial = session.exec(select(Trial).where(Trial.id == trial_id,
                                             Trial.organisation_id == of.firm.organisation_id)).one()
    if session.get(Answer, (of.firm.id, key)) is not None:
        raise AssertionError("the key came before")
    overlap = select(Feedback.id).where(Feedback.trial_id == trial_id, Feedback.period_start < given.period_end,
                                        Feedback.period_end > given.period_start)
    if session.exec(overlap.limit(1)).first():
        raise AssertionError("an overlap")
    kept = Feedback(**given.model_dump(), id=new_id("fb", NOW), trial_id=trial_id, epoch=trial.epoch,
                    author_id=of.firm.id, at=NOW)
    session.add(kept)
    _count(session, of, trial, given)
    trial.used_volume += given.exposures or 0
    trial.used_people += given.people_new or 0
    trial.reports, trial.version, trial.covered_until = trial.reports + 1, trial.version + 1, given.period_end
    _assess(session, of, trial)
    _arm(session, of, trial)
    seq, hashed = _enter(session, of, trial_id, given.plain())
    answer = {"id": kept.id, "light": trial.light, "state": trial.state, "receipt": {"seq": seq, "leaf": hashed}}
    mark = hashlib.sha256(canonical(["file_feedback", trial_id, given.plain()])).hexdigest()
    session.add(Answer(actor_id=of.firm.id, key=key, act="file_feedback", digest=mark, answer=answer, at=NOW))


def _count(session: Session, of: City, trial: Trial, given: FeedbackFields) -> None:
    number = period_number(trial.starts_at, trial.feedback_days, given.period_start, of.program.settings.zone)
    for indicator in session.exec(select(Limit.indicator).where(Limit.trial_id == trial.id)).all():
        counter = session.get(Counter, (trial.id, trial.epoch, indicator, number))
        if counter is None:
            counter = Counter(trial_id=trial.id, epoch=trial.epoch, indicator=indicator, period=number)
            session.add(counter)
        counter.events += sum(given.events.get(name, 0) for name in events_of(indicator))
        counter.exposures += denominator(indicator, given.model_dump())
    used = session.get(Used, (trial.id, number))
    if used is None:
        used = Used(trial_id=trial.id, period=number)
        session.add(used)
    used.volume += given.exposures or 0
    used.people += given.people_new or 0


def _assess(session: Session, of: City, trial: Trial) -> None:
    epoch = epoch_of(trial.model_dump(), of.program.settings.zone)
    counters: dict[str, list[Counted]] = {}
    for one in session.exec(select(Counter).where(Counter.trial_id == trial.id, Counter.epoch == trial.epoch).order_by(
            Counter.indicator, Counter.period)):
        counters.setdefault(one.indicator, []).append((one.period - epoch.first + 1, one.events, one.exposures))
    found = [finding(Watch(limit.indicator, limit.per_exposure, limit.weight, ChangeAware(
        epoch.planned, bets(limit.per_exposure, single(limit.indicator)))), counters.get(limit.indicator, []))
        for limit in session.exec(select(Limit).where(Limit.trial_id == trial.id))]
    at, total = thresholds(), together(found)
    early = all(too_early(one.limit * one.exposures, one.weight, at) for one in found)
    trial.light, trial.log_e, trial.log_e_told = light(total, at, early=early, rules=[]), total, total
    trial.assessments += 1
    inputs = {one.indicator: [one.events, one.exposures, one.log_e, one.chain, one.open] for one in found}
    session.add(Assessment(
        trial_id=trial.id, number=trial.assessments, at=NOW, seq=0, epoch=trial.epoch, engine=ENGINE, light=trial.light,
        log_e=total, log_e_told=total, yellow=at.yellow, red=at.red, inputs=inputs,
        digest=hashlib.sha256(canonical(inputs)).hexdigest()))


def _arm(session: Session, of: City, trial: Trial) -> None:
    zone, days = of.program.settings.zone, trial.feedback_days or 14
    due = end_of_day(local_day(trial.covered_until or NOW, zone) + days * DAY, zone)
    late, missing = due + YELLOW_AFTER, days_after(due, days, zone)
    for kind, at in ((DueKind.FEEDBACK_LATE, late), (DueKind.FEEDBACK_MISSING, missing)):
        row = session.exec(select(Due).where(Due.kind == kind, Due.object_id == trial.id)).first()
        if row is None:
            row = Due(id=new_id("du", NOW), kind=kind, object_id=trial.id, trial_id=trial.id, at=at)
            session.add(row)
        row.at = at


def _enter(session: Session, of: City, trial_id: str, given: dict[str, Any]) -> tuple[int, str]:
    """The log entry and the subtrees it closes; the edge is read anew, since any process may have written."""
    tree, salt = current_tree(session.connection()), new_id("sa", NOW)
    leaf = canonical({
        "seq": tree.size, "at": NOW.isoformat(timespec="microseconds"), "actor": of.firm.id, "role": "firm",
        "act": "file_feedback", "object": trial_id, "trial": trial_id, "reason": None, "old": None,
        "new": digest(salt, given), "cause": None, "request": None, "salt": salt})
    hashed, seq = leaf_hash(leaf), tree.size
    session.add(LogEntry(seq=seq, trial_id=trial_id, act="file_feedback", actor_id=of.firm.id, at=NOW,
                         leaf=leaf.decode(), hash=hashed))
    for level, index, node in tree.append(hashed):
        session.add(LogNode(level=level, index=index, hash=node))
    return seq, hashed.hex()


# The truth of it


def check(of: City, next_of: dict[str, int]) -> None:
    """Accepted = rows = counters = entries = answers, trial by trial where it can be; the log verifies."""
    accepted = sum(next_of.values())
    with of.program.reading() as connection:
        def one(query: Any) -> Any:
            return connection.execute(query).scalar_one()

        counted = [one(sa.select(sa.func.count()).select_from(FEEDBACK)), one(sa.select(sa.func.sum(TRIALS.c.reports))),
                   one(sa.select(sa.func.count()).where(LOG.c.act == "file_feedback")),
                   one(sa.select(sa.func.count()).select_from(ANSWERS))]
        assert counted == [accepted] * 4, (accepted, counted)
        assert dict(connection.execute(sa.select(TRIALS.c.id, TRIALS.c.reports)).all()).items() >= next_of.items()
        exposed = one(sa.select(sa.func.sum(COUNTERS.c.exposures)).where(COUNTERS.c.indicator == "harm_any"))
        events = one(sa.select(sa.func.sum(COUNTERS.c.events)).where(COUNTERS.c.indicator == "harm_any"))
        assert exposed == one(sa.select(sa.func.sum(TRIALS.c.used_volume))) == 250 * accepted
        assert exposed == one(sa.select(sa.func.sum(USED.c.volume)))
        assert events == sum(1 + (number - 1) // 50 for number in next_of.values() if number)
        assert verify(connection).problems == ()


def repeated(of: City) -> None:
    """The same key again gets the same answer and adds nothing."""
    trial = of.trials[0]
    with of.program.reading() as connection:
        stored = connection.execute(sa.select(ANSWERS.c.answer).where(ANSWERS.c.key == f"{trial}:0")).scalar_one()
    again = of.program.acts.do("file_feedback", of.firm, report(0), on=trial, key=f"{trial}:0")
    assert json.loads(again.model_dump_json()) == stored

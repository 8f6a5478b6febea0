"""The tick: what has come due is done by the SYSTEM, once, whichever process comes first. Safe to run twice, in two
processes, after a crash: a due is claimed by deleting its row in the act that does its work.

Lateness (LATENESS in `store/dues.py`) waits for a person while a hold is open. A hold opens when the clock stood still
or stepped, and when one tick would stop many trials at once.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import prometheus_client
import sqlalchemy as sa
import structlog

from sandbox.acts.refusals import KeyReused, NotFound
from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.rules.lifecycle import RUNNING
from sandbox.store.door import Busy, Transaction, Unknown
from sandbox.store.dues import DUES, HOLDS, LATENESS, PULSE, HoldKind
from sandbox.store.engine import Statement
from sandbox.store.fields import canonical
from sandbox.store.trials import TRIALS
from sandbox.store.types import Instant

BEAT = timedelta(minutes=5)
"""The pulse is written no more often than this."""
GAP, BACK = timedelta(hours=1), timedelta(minutes=1)
"""How far the clock may run on without a beat, and how far it may be behind the last one, before a person is asked."""
BATCH = 500
MOST_AT_ONCE, MOST_SHARE = 3, 0.2
"""Trials that one tick may stop for lateness, and their share of those running."""
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
"""A due that fails comes back after a minute, then after twice as long, up to an hour."""

DUES_RUN = prometheus_client.Counter("sandbox_dues", "Dues met, by kind: done, taken (by another process), failed.",
                                     ["kind", "outcome"])
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did. `waiting` counts lateness left for a person; `held` is the hold that this tick opened."""

    at: datetime
    done: int = 0
    taken: int = 0
    failed: int = 0
    waiting: int = 0
    held: HoldKind | None = None

    @property
    def eventful(self) -> bool:
        """Whether anything was done, tried or held."""
        return bool(self.done or self.taken or self.failed or self.held)


def tick(program: Program) -> Ticked:
    """Do everything that is due at the program's clock, at most BATCH. Raises Busy or Unknown when the storage fails:
    what is left stays due."""
    now = program.clock()
    jumped, stale, due = _glance(program, now)
    if jumped:
        _note_gap(program, now)
    elif stale is None or stale:
        beat(program, now)
    if due:
        return _work(program, now, HoldKind.GAP if jumped else None)
    return Ticked(now, held=HoldKind.GAP if jumped else None)


def _instant(name: str) -> sa.BindParameter[datetime]:
    return sa.bindparam(name, type_=Instant())


_seen = Statement(sa.select(
    sa.select(sa.or_(PULSE.c.at < _instant("gap"), PULSE.c.at > _instant("back"))).scalar_subquery(),
    sa.select(PULSE.c.at <= _instant("beat")).scalar_subquery(),
    sa.exists().where(DUES.c.at <= _instant("now")),
))


def _glance(program: Program, now: datetime) -> Sequence[Any]:
    """Whether the clock jumped, whether the pulse is to be written (None: there is none yet), whether anything is due.
    All that an idle tick does."""
    with program.reading() as connection:
        found: Sequence[Any] = _seen.run(connection, {"gap": now - GAP, "back": now + BACK, "beat": now - BEAT,
                                                      "now": now}).fetchone()
        return found


_pulse = Statement(sa.update(PULSE).values(at=_instant("at")))
_first_pulse = Statement(sa.insert(PULSE).values(id=1, at=_instant("at")))


def beat(program: Program, now: datetime) -> None:
    """Write the pulse: the clock has run to here without a gap."""
    def job(transaction: Transaction) -> None:
        if transaction.run(_pulse, at=now).rowcount == 0:
            transaction.run(_first_pulse, at=now)

    program.door.submit(job)


def _note_gap(program: Program, now: datetime) -> None:
    with program.reading() as connection:
        last = connection.execute(sa.select(PULSE.c.at)).scalar_one()
    _hold(program, HoldKind.GAP, last, now, [], f"gap {last.isoformat()}")


def _hold(program: Program, kind: HoldKind, since: datetime, until: datetime, trials: list[str], key: str) -> None:
    """Open a hold; of two processes that see the same, one does."""
    with suppress(KeyReused):
        program.acts.do("note_clock", SYSTEM_ACTOR, {"kind": kind.value, "since": since, "until": until,
                                                     "trials": trials}, key=key)


_due = sa.select(DUES.c.id, DUES.c.kind, DUES.c.trial_id, DUES.c.at, DUES.c.attempts).where(
    DUES.c.at <= sa.bindparam("now", type_=Instant())).order_by(DUES.c.at, DUES.c.id)
_punctual = _due.where(DUES.c.kind.not_in(LATENESS)).limit(BATCH)
_late = _due.where(DUES.c.kind.in_(LATENESS))


def _work(program: Program, now: datetime, held: HoldKind | None) -> Ticked:
    with program.reading() as connection:
        punctual = connection.execute(_punctual, {"now": now}).all()
        late = connection.execute(_late, {"now": now}).all()
        allowed, mass = _allowed(connection, late) if late else ([], [])
    if mass:
        held = HoldKind.MASS
        _hold(program, held, now, now, mass, f"mass {_mark(late)}")
    batch = sorted([*punctual, *allowed], key=lambda due: (due.at, due.id))[:BATCH]
    outcomes = Counter(_run(program, due) for due in batch)
    return Ticked(now, waiting=len(late) - len(allowed), held=held, **outcomes)


def _mark(late: Sequence[Any]) -> str:
    """The same for two processes that see the same lateness; another once a person moved it."""
    return hashlib.sha256(canonical([[due.id, due.at] for due in late])).hexdigest()


def _allowed(connection: sa.Connection, late: Sequence[Any]) -> tuple[Sequence[Any], list[str]]:
    """The lateness that may run now; and the trials to ask about when it would stop too many at once. A person who
    let a mass hold proceed has answered for what its trials owed by then."""
    if connection.execute(sa.select(HOLDS.c.id).where(HOLDS.c.released_at.is_(None)).limit(1)).first():
        return [], []
    answered = connection.execute(sa.select(HOLDS.c.trials, HOLDS.c.released_at).where(
        HOLDS.c.kind == HoldKind.MASS, HOLDS.c.proceed, HOLDS.c.released_at >= late[0].at)).all()
    asked = {due.trial_id for due in late
             if not any(due.trial_id in hold.trials and due.at <= hold.released_at for hold in answered)}
    running = connection.execute(sa.select(sa.func.count()).where(TRIALS.c.state.in_(RUNNING))).scalar_one()
    if len(asked) > MOST_AT_ONCE or (len(asked) > 1 and len(asked) > MOST_SHARE * running):
        return [due for due in late if due.trial_id not in asked], sorted(asked)
    return late, []


def _run(program: Program, due: Any) -> str:
    try:
        program.acts.do("run_due", SYSTEM_ACTOR, {"due_id": due.id})
        outcome = "done"
    except (Busy, Unknown):
        raise
    except NotFound as error:
        outcome = _put_back(program, due, error) if _still_due(program, due) else "taken"
    except Exception as error:  # noqa: BLE001 one that fails must not starve the rest; it is logged whole and tried again
        outcome = _put_back(program, due, error)
    DUES_RUN.labels(due.kind, outcome).inc()
    return outcome


def _still_due(program: Program, due: Any) -> bool:
    """Whether it was the due's own object that was not found: then nobody else took it."""
    with program.reading() as connection:
        return connection.execute(sa.select(DUES.c.id).where(DUES.c.id == due.id)).first() is not None


def _put_back(program: Program, due: Any, error: Exception) -> str:
    """Later than now, and never before its own time: the clock may have been set back since the due was found."""
    again = max(due.at, program.clock() + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(due.attempts, 10)))
    program.door.submit(lambda transaction: transaction.connection.execute(
        sa.update(DUES).where(DUES.c.id == due.id, DUES.c.attempts == due.attempts)
        .values(attempts=due.attempts + 1, at=again)))
    log.error("due_failed", due=due.id, kind=due.kind, trial=due.trial_id, attempts=due.attempts + 1,
              again=again.isoformat(), exc_info=error)
    return "failed"

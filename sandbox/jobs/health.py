"""How the program is: ready or not, and its numbers for Prometheus."""

from dataclasses import dataclass

import prometheus_client
import sqlalchemy as sa

from sandbox.jobs.program import Program
from sandbox.jobs.tick import BEAT
from sandbox.store.door import Busy, Transaction, Unknown
from sandbox.store.dues import PULSE

TICK_LATE_S = BEAT.total_seconds() + 60
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
REQUESTS = prometheus_client.Counter("sandbox_requests", "Requests answered.", ["endpoint", "method", "status"])
REQUEST_SECONDS = prometheus_client.Histogram(
    "sandbox_request_seconds", "Time to answer a request.", ["endpoint"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5))
TICK_AGE = prometheus_client.Gauge("sandbox_tick_age_seconds",
                                   "Since the last beat, of which one is kept every five minutes.")
WAITING = prometheus_client.Gauge("sandbox_door_waiting", "Writes waiting at the door.")


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests can be served in full: writes reach the disk and the clock ticks. `tick_age_s` is since the last
    recorded beat (one every five minutes), None before the first."""

    ready: bool
    writable: bool
    tick_age_s: float | None


def readiness(program: Program) -> Readiness:
    """Try a write that leaves nothing behind, and look at the pulse."""
    writable = _writable(program)
    age = tick_age_s(program)
    return Readiness(writable and age is not None and age <= TICK_LATE_S, writable, age)


def _writable(program: Program) -> bool:
    def job(transaction: Transaction) -> None:
        # An update to the same value would not do: SQLite sees that nothing changes and writes nothing.
        transaction.connection.execute(sa.insert(PULSE).values(id=0, at=program.clock()))
        transaction.connection.execute(sa.delete(PULSE).where(PULSE.c.id == 0))

    try:
        program.door.submit(job)
    except (Busy, Unknown, sa.exc.DBAPIError):
        return False
    return True


def tick_age_s(program: Program) -> float | None:
    """Seconds since the last recorded beat."""
    with program.reading() as connection:
        last = connection.execute(sa.select(PULSE.c.at)).scalar()
    return None if last is None else max(0.0, (program.clock() - last).total_seconds())


def metrics(program: Program) -> bytes:
    """Everything counted in this process, as Prometheus reads it."""
    TICK_AGE.set(tick_age_s(program) or 0.0)
    WAITING.set(program.door.waiting)
    return prometheus_client.generate_latest()


def count_request(endpoint: str | None, method: str, status: int, seconds: float) -> None:
    """One request answered. Only known endpoints and methods are named: a label for each that strangers try would grow
    without end."""
    REQUESTS.labels(endpoint or "unknown", method if method in METHODS else "other", str(status)).inc()
    REQUEST_SECONDS.labels(endpoint or "unknown").observe(seconds)

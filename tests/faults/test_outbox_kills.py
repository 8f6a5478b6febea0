"""Two processes empty one outbox and are killed again and again in the middle of it: every letter arrives, and what
arrives twice carries the id that it had the first time. `.venv/bin/python -m pytest -m long tests/faults`."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa
from cast import Cast, enter_cast
from loopback import Mailbox, mail_served
from processes import kill_group, pause, started

from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import BURST, LEASE, PEOPLE, deliver
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.store.channels import DELIVERIES
from sandbox.store.dues import NOTICES
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

LONGEST_S = 240
KILLS = 8


def indebted(settings: Settings) -> tuple[Program, Cast]:
    """A city with as many notices for each person as still come one by one."""
    prepare(settings)
    program = open_program(settings, Shifted(lambda: datetime.now(UTC)))
    return program, enter_cast(program)


def note(program: Program, people: list[str], round_: int) -> None:
    """BURST notices for each person, urgent, so that the hour of the test does not count."""
    rows = [{"id": f"no_{round_}_{person}_{n}", "dedupe": f"{round_}:{person}:{n}", "kind": "try_channels",
             "account_id": person, "role": None, "trial_id": None, "content": {"urgent": True},
             "at": program.clock(), "expanded_at": None} for person in people for n in range(BURST)]
    program.door.submit(lambda transaction: transaction.connection.execute(sa.insert(NOTICES), rows))


def wait_for(box: Mailbox, goal: int) -> None:
    """Until so many mails were taken."""
    since = monotonic()
    while len(box.took) < goal:
        assert monotonic() - since < LONGEST_S, f"{len(box.took)} of {goal} arrived"
        pause(0.001)


@pytest.mark.long
@pytest.mark.parametrize("kept", ("sqlite", "postgresql"))
def test_every_letter_arrives_though_two_workers_are_killed_while_they_send(
        tmp_path: Path, request: pytest.FixtureRequest, kept: str) -> None:
    fresh: Callable[[], str] | None = request.getfixturevalue("postgres") if kept == "postgresql" else None
    with mail_served() as box, ExitStack() as finally_:
        url = fresh() if fresh else None
        settings = Settings(data=tmp_path, database_url=url, mail_url=box.url, mail_from="sandbox@city.example")
        program, cast = indebted(settings)
        finally_.callback(program.close)
        people = [cast.lin.id, cast.zhou.id, cast.fang.id, cast.gao.id, cast.rui.id, cast.shen.id, cast.mei.id,
                  *(one.id for one in cast.reviewers)]
        more = {"SANDBOX_MAIL_URL": box.url, "SANDBOX_MAIL_FROM": "sandbox@city.example", "SANDBOX_TICK_SECONDS": "1",
                **({"SANDBOX_DATABASE_URL": url} if url else {})}
        interrupted = 0
        for round_ in range(KILLS):
            note(program, people, round_)
            with ExitStack() as stack:
                workers = [stack.enter_context(started(tmp_path, "worker", **more)) for _ in range(2)]
                wait_for(box, len(box.took) + 15)
                for worker in workers:
                    kill_group(worker)
            interrupted += leased(program) > 0
        later = datetime.now(UTC) + LEASE + timedelta(hours=2)
        after = open_program(settings, Shifted(lambda: datetime.now(UTC), later))
        finally_.callback(after.close)
        deliver(after)
        check(after, box, KILLS * len(people) * BURST)
        assert interrupted > 0


def leased(program: Program) -> int:
    with program.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(
            DELIVERIES.c.state == "due", DELIVERIES.c.leased_until.is_not(None))).scalar_one())


def check(program: Program, box: Mailbox, letters: int) -> None:
    """Each delivery is marked as sent, and its id (or that of the letter that carried it) has arrived; what came twice
    was in the hands of a process that was killed."""
    arrived = Counter(str(mail["Message-ID"])[1:].partition("@")[0] for mail in box.took)
    with program.reading() as connection:
        rows = connection.execute(sa.select(DELIVERIES.c.state, DELIVERIES.c.batch)).all()
        assert verify(connection).problems == ()
    assert len(rows) == letters
    assert {row.state for row in rows} == {"sent"}
    assert {row.batch for row in rows} == set(arrived)
    assert sum(arrived.values()) - len(arrived) <= KILLS * 2 * PEOPLE * BURST and max(arrived.values()) <= 3

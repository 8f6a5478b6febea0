"""A small city to measure in: its accounts, one scenario, and running trials of one firm, all made by acts."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Role
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.settings import Settings

FOUNDED = datetime(2026, 1, 1, tzinfo=UTC)
NOW = FOUNDED + timedelta(days=4)
LIMITS = [{"indicator": "harm_serious", "per_exposure": 0.0001}, {"indicator": "harm_any", "per_exposure": 0.01},
          {"indicator": "override", "per_exposure": 0.1}]


@dataclass(frozen=True)
class City:
    """An administrator, an officer, the firm that files, and the trials it files for."""

    program: Program
    ada: Actor
    officer: Actor
    firm: Actor
    trials: tuple[str, ...]


class Hands:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def settings_in(folder: Path, url: str | None = None) -> Settings:
    return Settings(data=folder, database_url=url, secret_key="only for measuring, nobody signs in here")


@contextmanager
def city(folder: Path, trials: int, url: str | None = None, founded: datetime = FOUNDED,
         now: datetime = NOW) -> Iterator[City]:
    """A city of so many running trials, at a moment when each may file 340,000 reports."""
    settings, clock = settings_in(folder, url), Hands(founded)
    prepare(settings)
    program = open_program(settings, clock)
    try:
        ada, officer, firm, running = _found(program, trials)
        clock.now = now
        yield City(program, ada, officer, firm, running)
    finally:
        program.close()


def _found(program: Program, trials: int) -> tuple[Actor, Actor, Actor, tuple[str, ...]]:
    acts = program.acts
    ada = _actor(program, acts.do("make_first_administrator", SYSTEM_ACTOR, {
        "email": "ada@city.example", "name": "Ada", "password": "!", "authority": "Office"}).id)
    lin, zhou = (person(program, ada, name, "regulator", str(ada.organisation_id)) for name in ("Lin", "Zhou"))
    body = acts.do("register_organisation", ada, {"name": "Firm", "kind": "firm"}).id
    firm = person(program, ada, "Fang", "firm", body)
    scenario = acts.do("publish_scenario", lin, {"title": "Streets", "description": "Delivery by night"}).id
    pilots = [{"title": f"Pilot {place}", "scenario_id": scenario, "organisation": "Firm", "tier": "R2",
               "rate_per_day": 1e6, "volume": 1e11, "people": 1_000_000_000, "limits": LIMITS, "unverified": "Nothing",
               "source_key": f"pilot-{place}"} for place in range(trials)]
    proposed = acts.do("adopt_trial", lin, {"trials": pilots})
    decided = acts.do("vote_on_decision", zhou, {"value": "for"}, on=proposed.decision)
    return ada, lin, firm, tuple(sorted(decided.trials.values()))


def person(program: Program, by: Actor, name: str, role: str, body: str, **more: Any) -> Actor:
    """Someone of a body, invited and signed up."""
    invited = program.acts.do("invite", by, {"email": f"{name.lower()}@city.example", "name": name, "role": role,
                                             "organisation_id": body, **more})
    accepted = program.acts.do("accept_invitation", SYSTEM_ACTOR, {"secret": invited.secret, "password": "!"})
    return _actor(program, accepted.id)


def _actor(program: Program, account: str) -> Actor:
    with program.reading() as connection:
        row = connection.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.id == account)).one()
    return Actor(row.id, Role(row.role), row.organisation_id, row.constituency)


def report(place: int) -> dict[str, Any]:
    """The place-th report of a trial of a city founded in time."""
    return report_of(FOUNDED, place)


def report_of(since: datetime, place: int) -> dict[str, Any]:
    """The place-th report of a trial that began then, a second of use: as a machine would send it."""
    start = since + timedelta(seconds=place)
    return {
        "period_start": start.isoformat(), "period_end": (start + timedelta(seconds=1)).isoformat(), "exposures": 250,
        "people_new": 3, "region": "Nanshan", "events": {"harm_S4": 1, "complaint": 1} if place % 50 == 0 else {},
        "reviewed": 40, "model_version": "2.1", "narrative": "Ordinary service",
    }

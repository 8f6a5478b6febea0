"""Who sees which trial: the database's answer equals the rule in plain words, over every kind of actor and seat."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

import sandbox.jobs.program  # noqa: F401 every table is declared once the program is imported
from sandbox.rules.access import Actor, Relation, Role
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.engine import make_engine
from sandbox.store.fields import defaults_of
from sandbox.store.organisations import ORGANISATIONS
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.scope import OWNED, held_trial, of_seen_trials, relation_to, seats_of, trial_of, trials_seen_by
from sandbox.store.trials import SEATS, TRIALS

NOW = datetime(2026, 9, 1, 9, tzinfo=UTC)
FIRMS, LEADS = ("or_hairui", "or_other"), (None, "or_science", "or_industry")


@dataclass(frozen=True)
class Trial:
    """What of a trial decides who sees it."""

    id: str
    firm: str
    lead: str | None
    state: str


@dataclass(frozen=True)
class Seat:
    """What of a seat decides whether it opens its trial."""

    id: str
    reviewer: str
    trial: str
    accepted: bool | None
    conflict: bool | None
    recused: bool
    chair: bool
    panel: str

    @property
    def opens(self) -> bool:
        return not self.recused and self.accepted is not False and self.conflict is not True


TRIALS_HERE = [
    Trial(f"ES-{number:04}", firm, lead, state)
    for number, (firm, lead, state) in enumerate(product(FIRMS, LEADS, ("draft", "submitted", "declined")))]
SEATS_HERE = [
    Seat(f"st_{number}", f"ac_reviewer{number}", TRIALS_HERE[number % len(TRIALS_HERE)].id, *answer)
    for number, answer in enumerate(product(
        (None, True, False), (None, True, False), (False, True), (False, True), ("review", "running")))]
SEATS_HERE += [Seat("st_again", "ac_reviewer0", "ES-0001", True, False, False, False, "running"),
               Seat("st_left", "ac_reviewer0", "ES-0001", True, False, True, True, "running")]
REVIEWERS = sorted({seat.reviewer for seat in SEATS_HERE})

ACTORS = {
    "regulator": Actor("ac_lin", Role.REGULATOR, "or_office"), "system": Actor("system", Role.SYSTEM),
    "administrator": Actor("ac_ada", Role.ADMINISTRATOR, "or_office"),
    "firm": Actor("ac_fang", Role.FIRM, "or_hairui"), "other firm": Actor("ac_gao", Role.FIRM, "or_other"),
    "firm without trials": Actor("ac_new", Role.FIRM, "or_new"), "firm of no body": Actor("ac_lone", Role.FIRM),
    "science": Actor("ac_di", Role.DEPARTMENT, "or_science"),
    "industry": Actor("ac_du", Role.DEPARTMENT, "or_industry"),
    "department of no body": Actor("ac_dan", Role.DEPARTMENT),
    "reviewer without seats": Actor("ac_nobody", Role.REVIEWER, "or_guild"),
    **{name: Actor(name, Role.REVIEWER, "or_guild") for name in REVIEWERS},
}


def sees(actor: Actor, trial: Trial) -> bool:
    """The rule in plain words."""
    match actor.role:
        case Role.REGULATOR | Role.SYSTEM:
            return True
        case Role.FIRM:
            return trial.firm == actor.organisation_id
        case Role.REVIEWER:
            return any(seat.opens for seat in SEATS_HERE if (seat.reviewer, seat.trial) == (actor.id, trial.id))
        case Role.DEPARTMENT:
            return trial.lead is not None and trial.lead == actor.organisation_id and trial.state != "draft"
    return False


def stands(actor: Actor, trial: Trial) -> Relation:
    """The relation in plain words, for someone who sees the trial."""
    if actor.role is not Role.REVIEWER:
        return {Role.REGULATOR: Relation.OFFICER, Role.SYSTEM: Relation.SYSTEM, Role.FIRM: Relation.OWNER,
                Role.DEPARTMENT: Relation.LEAD}[actor.role]
    chairs = any(seat.opens and seat.accepted and seat.chair and seat.panel == "running"
                 for seat in SEATS_HERE if (seat.reviewer, seat.trial) == (actor.id, trial.id))
    return Relation.CHAIR if chairs else Relation.SEATED


def enter(connection: sa.Connection, table: sa.Table, *rows: dict[str, Any]) -> None:
    for row in rows:
        connection.execute(sa.insert(table).values({**defaults_of(table), **row}))


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Connection]:
    folder: Path = tmp_path_factory.mktemp("scope")
    engine = make_engine(f"sqlite:///{folder / 'sandbox.db'}", writing=True)
    SQLModel.metadata.create_all(engine)
    with engine.begin() as opened:
        enter(opened, ORGANISATIONS, *({"id": body, "name": body, "kind": "firm", "created_at": NOW}
                                       for body in (*FIRMS, *LEADS[1:], "or_guild")))
        enter(opened, SCENARIOS, *({"id": f"sc_{lead}", "title": "s", "description": "d", "lead_id": lead,
                                    "created_at": NOW} for lead in LEADS))
        enter(opened, TRIALS, *({"id": trial.id, "title": "t", "scenario_id": f"sc_{trial.lead}", "state": trial.state,
                                 "organisation_id": trial.firm, "state_since": NOW, "created_at": NOW}
                                for trial in TRIALS_HERE))
        enter(opened, ACCOUNTS, *({"id": name, "role": "reviewer", "constituency": "market", "fs_uniquifier": name,
                                   "created_at": NOW} for name in REVIEWERS))
        enter(opened, SEATS, *({"id": seat.id, "account_id": seat.reviewer, "trial_id": seat.trial, "panel": seat.panel,
                                "panel_no": 1 + (seat.id == "st_left"), "accepted": seat.accepted,
                                "conflict": seat.conflict, "chair": seat.chair, "constituency": "market", "at": NOW,
                                "recused_at": NOW if seat.recused else None} for seat in SEATS_HERE))
        yield opened
    engine.dispose()


@pytest.mark.parametrize("who", ACTORS)
def test_the_database_shows_each_actor_what_the_rule_says(connection: sa.Connection, who: str):
    expected = {trial.id for trial in TRIALS_HERE if sees(ACTORS[who], trial)}
    assert set(connection.execute(sa.select(TRIALS.c.id).where(trials_seen_by(ACTORS[who]))).scalars()) == expected


@pytest.mark.parametrize("who", ACTORS)
def test_one_trial_is_found_exactly_by_those_who_see_it(connection: sa.Connection, who: str):
    found = {trial.id for trial in TRIALS_HERE if held_trial(connection, ACTORS[who], trial.id) is not None}
    assert found == {trial.id for trial in TRIALS_HERE if sees(ACTORS[who], trial)}
    assert held_trial(connection, ACTORS[who], "ES-9999") is held_trial(connection, ACTORS[who], "") is None


@pytest.mark.parametrize("who", ACTORS)
def test_what_belongs_to_a_trial_is_seen_by_those_who_see_the_trial(connection: sa.Connection, who: str):
    seen = {trial.id for trial in TRIALS_HERE if sees(ACTORS[who], trial)}
    rows = connection.execute(sa.select(SEATS.c.id).where(of_seen_trials(SEATS.c.trial_id, ACTORS[who]))).scalars()
    assert set(rows) == {seat.id for seat in SEATS_HERE if seat.trial in seen}


@pytest.mark.parametrize("who", ACTORS)
def test_an_actor_stands_to_each_trial_they_see_as_the_rule_says(connection: sa.Connection, who: str):
    seen = [trial for trial in TRIALS_HERE if sees(ACTORS[who], trial)]
    assert [relation_to(connection, ACTORS[who], trial.id) for trial in seen] == [
        stands(ACTORS[who], trial) for trial in seen]


@pytest.mark.parametrize("who", REVIEWERS)
def test_a_seat_opens_its_trial_until_it_is_declined_conflicted_or_ended(connection: sa.Connection, who: str):
    rows = connection.execute(sa.select(SEATS.c.id).where(seats_of(ACTORS[who]))).scalars()
    assert set(rows) == {seat.id for seat in SEATS_HERE if seat.reviewer == who and seat.opens}


def test_a_row_read_for_an_act_is_the_whole_trial_with_its_times_in_utc(connection: sa.Connection):
    row = held_trial(connection, ACTORS["regulator"], "ES-0000")
    assert row == dict(connection.execute(sa.select(TRIALS).where(TRIALS.c.id == "ES-0000")).mappings().one())


def test_every_kind_of_object_is_reached_through_its_trial(connection: sa.Connection):
    assert all("trial_id" in table.c for kind, table in OWNED.items() if kind != "trial")
    assert trial_of(connection, ACTORS["regulator"], "seat", "st_again") == "ES-0001"
    assert trial_of(connection, ACTORS["regulator"], "seat", "st_missing") is None

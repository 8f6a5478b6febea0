"""The named cast of the tests, entered by acts, and pilots for them to work on."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.alarms import raise_alarm
from sandbox.acts.annual import ETHICS, owe_report
from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Role
from sandbox.rules.alarms import AlarmCause
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.annual import ANNUAL_REPORTS
from sandbox.store.duty import ALARMS
from sandbox.store.passwords import hash_password

START = datetime(2026, 3, 2, 1, tzinfo=UTC)
"""Monday, nine in the morning in Shanghai."""
PASSWORD = "the password of every test"


@dataclass(frozen=True, slots=True)
class Cast:
    """Ada administers; Lin and Zhou regulate; Fang is of Hai Rui, Gao of another firm; Rui, Shen and Mei review for
    industry, research and the market, `reviewers` are five more; Di is of a department."""

    ada: Actor
    lin: Actor
    zhou: Actor
    fang: Actor
    gao: Actor
    rui: Actor
    shen: Actor
    mei: Actor
    di: Actor
    reviewers: tuple[Actor, ...]


def enter_cast(program: Program) -> Cast:
    """Make every account as it is made in life: the first administrator, then invitations. Lin's address is
    lin@people.example, and so on."""
    acts, password = program.acts, hash_password(PASSWORD)
    first = acts.do("make_first_administrator", SYSTEM_ACTOR, {
        "email": "ada@people.example", "name": "Ada", "password": password, "authority": "Sandbox Office"})
    ada = actor(program, first.id)

    def body(name: str, kind: str) -> str:
        return str(acts.do("register_organisation", ada, {"name": name, "kind": kind}).id)

    def person(name: str, role: Role, of: str, **more: Any) -> Actor:
        invited = acts.do("invite", ada, {"email": f"{name.lower()}@people.example", "name": name, "role": role.value,
                                          "organisation_id": of, **more})
        accepted = acts.do("accept_invitation", SYSTEM_ACTOR, {"secret": invited.secret, "password": password})
        return actor(program, accepted.id)

    def reviewer(name: str, side: str, of: str, expertise: str) -> Actor:
        return person(name, Role.REVIEWER, of, constituency=side, expertise=[expertise])

    office = str(ada.organisation_id)
    guild, institute, users = body("Guild", "body"), body("Institute", "institute"), body("Users", "body")
    return Cast(
        ada=ada, lin=person("Lin", Role.REGULATOR, office), zhou=person("Zhou", Role.REGULATOR, office),
        fang=person("Fang", Role.FIRM, body("海睿", "firm")), gao=person("Gao", Role.FIRM, body("Other Firm", "firm")),
        rui=reviewer("Rui", "industry", guild, "trade"), shen=reviewer("Shen", "research", institute, "ai"),
        mei=reviewer("Mei", "market", users, "ethics"),
        di=person("Di", Role.DEPARTMENT, body("Science Department", "department")),
        reviewers=tuple(reviewer(name, side, of, expertise) for name, side, of, expertise in (
            ("Bao", "industry", guild, "ai"), ("Chu", "research", institute, "law"), ("Dai", "market", users, "trade"),
            ("Fei", "research", institute, "ethics"), ("Han", "market", users, "law"))))


def actor(program: Program, account: str) -> Actor:
    """The actor that an account acts as in a browser."""
    with program.reading() as connection:
        row = connection.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.id == account)).one()
    return Actor(row.id, Role(row.role), row.organisation_id, row.constituency)


def adopt(program: Program, cast: Cast, number: int, tier: str = "R3", **more: Any) -> list[str]:
    """So many running trials of Hai Rui, by the short way: pilots that the two regulators take over."""
    acts = program.acts
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "Delivery by night"}).id
    pilots = [{"title": f"Pilot {place}", "scenario_id": scenario, "organisation": "海睿", "tier": tier,
               "rate_per_day": 100.0, "limits": [{"indicator": "harm_S3", "per_exposure": 0.001}],
               "unverified": "What happened before", "source_key": f"{scenario}-{place}", **more}
              for place in range(number)]
    proposed = acts.do("adopt_trial", cast.lin, {"trials": pilots})
    decided = acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    return sorted(decided.trials.values())


def accompany(program: Program, cast: Cast, trial: str) -> None:
    """A whole running panel of R1 or R2: Rui, Shen and Mei."""
    for who in (cast.rui, cast.shen, cast.mei):
        seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, on=trial).id
        program.acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, on=seat)


def alarmed(program: Program, trial: str, incident: str) -> str:
    """An alarm about an incident; one of the first class would stop the trial."""
    def raised(transaction: Any) -> str:
        act = Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR)
        act.hold_trial(trial)
        raise_alarm(act, AlarmCause.GRAVE_INCIDENT, incident)
        return str(act.connection.execute(sa.select(ALARMS.c.id).where(ALARMS.c.object_id == incident)).scalar_one())

    return str(program.door.submit(raised))


def report_owed(program: Program) -> str:
    """A yearly report of the sandbox; otherwise one is owed when a year has turned."""
    def turned(transaction: Any) -> str:
        owe_report(Act(transaction, program.clock(), program.settings.place, SYSTEM_ACTOR), ETHICS)
        return str(transaction.connection.execute(sa.select(ANNUAL_REPORTS.c.id)).scalar_one())

    return str(program.door.submit(turned))

"""A small city for the API's tests: two firms with a draft and a running trial each, and everything that hangs on them.

Whatever is sent with `dry_run` leaves it as it is, so one city serves a whole file of tests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from api_answers import Checked
from cast import START, Cast, alarmed, enter_cast, report_owed
from conftest import still
from databases import Stencil, settings_in
from flask import Flask
from sqlmodel import SQLModel

from sandbox.acts.act import Acts
from sandbox.jobs.arrivals import from_json
from sandbox.jobs.batches import Intake, Sending
from sandbox.jobs.clock import Shifted
from sandbox.jobs.evidence import keep_file
from sandbox.jobs.outbox import deliver
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.rules.access import SYSTEM_ACTOR, Actor
from sandbox.store.channels import DELIVERIES
from sandbox.store.clocks import CLOCKS
from sandbox.store.files import FileOf
from sandbox.store.organisations import ORGANISATIONS
from sandbox.store.registers import PROPOSALS
from sandbox.store.settings import Settings
from sandbox.store.verification import verify
from sandbox.web.front import make_app

ALL = ["read", "file", "decide"]
DAY = timedelta(days=1)
MISSING = {"trials": "ES-9999", "feedback": "fb_00000000000aaaaaaaaaa", "corrections": "co_00000000000aaaaaaaaaa",
           "receipts": "fb_00000000000aaaaaaaaaa", "batches": "ba_00000000000aaaaaaaaaa",
           "incidents": "in_00000000000aaaaaaaaaa", "reviews": "rv_00000000000aaaaaaaaaa",
           "panel": "st_00000000000aaaaaaaaaa", "scenarios": "sc_00000000000aaaaaaaaaa",
           "decisions": "de_00000000000aaaaaaaaaa", "holds": "ho_00000000000aaaaaaaaaa",
           "accounts": "ac_00000000000aaaaaaaaaa", "organisations": "or_00000000000aaaaaaaaaa",
           "tokens": "tk_00000000000aaaaaaaaaa", "held": "hf_00000000000aaaaaaaaaa",
           "no-use": "nu_00000000000aaaaaaaaaa", "retractions": "rt_00000000000aaaaaaaaaa",
           "clocks": "ck_00000000000aaaaaaaaaa", "withdrawals": "wd_00000000000aaaaaaaaaa",
           "annual-reports": "ar_00000000000aaaaaaaaaa", "guidance": "gu_00000000000aaaaaaaaaa",
           "corrective-items": "it_00000000000aaaaaaaaaa", "allegations": "al_00000000000aaaaaaaaaa",
           "files": "fi_00000000000aaaaaaaaaa", "registers": "none", "entries": "re_00000000000aaaaaaaaaa",
           "aliases": "ap_00000000000aaaaaaaaaa", "citations": "ci_00000000000aaaaaaaaaa",
           "deliveries": "dv_00000000000aaaaaaaaaa", "duties": "dt_00000000000aaaaaaaaaa",
           "alarms": "am_00000000000aaaaaaaaaa", "changes": "cr_00000000000aaaaaaaaaa",
           "recusals": "rc_00000000000aaaaaaaaaa"}
"""An id that looks right and was never given, by the noun that the path begins with."""


@dataclass
class World:
    """The running program, everyone's token by name, and ids by noun: `hers` of Fang's firm, `theirs` of Gao's."""

    program: Program
    app: Flask
    clock: Shifted
    cast: Cast
    tokens: dict[str, str]
    hers: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)

    @property
    def acts(self) -> Acts:
        return self.program.acts

    def client(self, name: str | None, language: str = "en") -> Checked:
        """A caller with this token, whose every answer is held against the OpenAPI document."""
        return Checked(self.app, self.tokens.get(name or ""), language)

    def body(self, who: Actor) -> str:
        """The name of this person's body."""
        with self.program.reading() as connection:
            return str(connection.execute(sa.select(ORGANISATIONS.c.name).where(
                ORGANISATIONS.c.id == who.organisation_id)).scalar_one())

    def kept(self) -> dict[str, int]:
        """How many rows each table has: what a refused request must leave as it was."""
        with self.program.reading() as connection:
            return {name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                    for name, table in SQLModel.metadata.tables.items()}


def make_world(settings: Settings) -> World:
    """Enter the cast, then both firms' trials with a report, a correction, an incident, a review and a panel each. The
    database has every table and no row."""
    clock = still()
    program = open_program(settings, clock)
    cast = enter_cast(program)
    world = World(program, make_app(program), clock, cast, {})
    lead(world)
    register(world)
    for firm, own in ((cast.fang, world.hers), (cast.gao, world.theirs)):
        own["running"] = adopted(world, firm)
    clock.forward(START + 8 * DAY)
    for firm, own in ((cast.fang, world.hers), (cast.gao, world.theirs)):
        furnish(world, firm, own)
    hand_out(world)
    for firm, own in ((cast.fang, world.hers), (cast.gao, world.theirs)):
        own["deliveries"] = undelivered(world, firm)
    return world


def lead(world: World) -> None:
    """The department's open scenario, in which the trials are, and a draft of its own."""
    acts, cast = world.acts, world.cast
    text = {"title": "夜间道路", "description": "Delivery by night", "max_people": 5000}
    world.hers["scenarios"] = acts.do("publish_scenario", cast.di, {**text, "status": "draft"}).id
    world.theirs["scenarios"] = acts.do("publish_scenario", cast.lin, {**text, "status": "draft"}).id
    world.hers["open"] = acts.do("publish_scenario", cast.di, text).id


REGISTER = "filings"


def register(world: World) -> None:
    """A register with an entry whose body is named like a firm, which proposes that they are one."""
    acts, cast = world.acts, world.cast
    world.hers["registers"] = acts.do("open_register", cast.lin, {"name": REGISTER, "title": "算法备案清单"}).id
    world.hers["entries"] = acts.do("enter_entry", cast.lin, {
        "register_name": REGISTER, "key": "2026-001", "title": "Street sweeping", "body": world.body(cast.fang)}).id
    with world.program.reading() as connection:
        world.hers["aliases"] = connection.execute(sa.select(PROPOSALS.c.id)).scalar_one()


def adopted(world: World, firm: Actor) -> str:
    """A running trial of the firm."""
    name = world.body(firm)
    proposed = world.acts.do("adopt_trial", world.cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": world.hers["open"], "organisation": name, "tier": "R3", "rate_per_day": 500.0,
        "limits": [{"indicator": "harm_any", "per_exposure": 0.01}], "unverified": "Everything before", "volume": 1e6,
        "source_key": name, "model_version": "2.4.1"}]})
    decided = world.acts.do("vote_on_decision", world.cast.zhou, {"value": "for"}, on=proposed.decision)
    return str(decided.trials[name])


def furnish(world: World, firm: Actor, own: dict[str, str]) -> None:
    """Everything that hangs on the firm's running trial, and a draft beside it."""
    acts, cast, trial = world.acts, world.cast, own["running"]
    own["trials"] = trial
    own["draft"] = acts.do("apply", firm, {"title": "Next", "scenario_id": world.hers["open"]}).id
    report = {"period_start": START.isoformat(), "period_end": (START + 7 * DAY).isoformat(), "exposures": 1000.0,
              "events": {"harm_S4": 2}, "site": "First street"}
    own["feedback"] = own["receipts"] = acts.do("file_feedback", firm, report, on=trial).id
    there = {**report, "site": "Second street"}
    twice = acts.do("file_feedback", firm, there, on=trial).id
    own["corrections"] = acts.do("correct_feedback", firm, {
        "report": {**there, "events": {"harm_S4": 1}}, "reason": "Counted twice"}, on=twice).id
    stays = acts.do("file_feedback", firm, {**report, "site": "Ninth street", "events": {}}, on=trial).id
    own["retractions"] = acts.do("retract_feedback", firm, {
        "why": "duplicate", "duplicate_of": stays, "reason": "One street, two names"}, on=twice).id
    own["held"] = acts.do("file_feedback", firm, {
        **report, "site": "Third street", "events": {}, "model_version": "3"}, on=trial).held.id
    own["refiled"] = acts.do("file_feedback", firm, {
        **report, "site": "Fourth street", "events": {}, "model_version": "3"}, on=trial).held.id
    own["no-use"] = acts.do("plan_no_use", firm, {
        "period_start": (START + 20 * DAY).isoformat(), "period_end": (START + 21 * DAY).isoformat()}, on=trial).id
    own["incidents"] = acts.do("file_incident", firm, {
        "severity": "S4", "occurred_at": (START + DAY).isoformat()}, on=trial).id
    own["withdrawals"] = acts.do("record_withdrawal", firm, {"withdrawn_at": START.isoformat()}, on=trial).id
    own["clocks"], own["paused"] = clocks_of_complaint(world, firm, trial)
    own["pausable"], _ = clocks_of_complaint(world, firm, trial)
    item = {"what": "Move the line", "owner": "Fitters", "due_on": (START + 30 * DAY).date().isoformat()}
    own["corrective-items"] = acts.do("add_corrective_item", firm, item, on=trial).id
    own["finished"] = acts.do("add_corrective_item", firm, item, on=trial).id
    acts.do("finish_corrective_item", firm, {"done": "Moved"}, on=own["finished"])
    for name in ("allegations", "hearsay"):
        own[name] = acts.do("enter_allegation", cast.lin, {
            "source": "press", "kind": "wrongdoing", "occurred_at": START.isoformat(), "text": "It is said"},
            on=trial).id
    own["files"] = keep_file(world.program, firm, trial, (FileOf.INCIDENT, own["incidents"]),
                             ("log.txt", BytesIO(b"line")), {}).id
    own["reviews"] = acts.do("call_review", cast.lin, {"reason": "A second look"}, on=trial).id
    for name, body in (("changes", {"methods": "Every tenth case"}), ("asked", {"objectives": "Fewer nights"})):
        own[name] = acts.do("file_change", firm, {"kind": "A3", "body": {**body, "reason": "Too few"}}, on=trial).id
    own["citations"] = acts.do("cite_entry", firm, {"entry_id": world.hers["entries"]}, on=trial).id
    own["organisations"], own["accounts"] = str(firm.organisation_id), firm.id
    own["tokens"] = acts.do("issue_token", firm, {"name": "spare", "scopes": ["read"]}).id
    seat(world, own)
    own["alarms"] = alarmed(world.program, trial, own["incidents"])


def undelivered(world: World, firm: Actor) -> str:
    """A message that was given up: the webhook's address is inside a private network."""
    world.acts.do("set_channels", firm, {"webhook": "https://10.1.2.3/hook"})
    world.acts.do("try_channels", firm, {})
    deliver(world.program)
    with world.program.reading() as connection:
        return str(connection.execute(sa.select(DELIVERIES.c.id).where(
            DELIVERIES.c.account_id == firm.id, DELIVERIES.c.state == "failed")).scalars().first())


def clocks_of_complaint(world: World, firm: Actor, trial: str) -> tuple[str, str]:
    """A clock that runs and one that is paused: both of a complaint."""
    complaint = world.acts.do("file_incident", firm, {"kind": "complaint", "occurred_at": START.isoformat()}, on=trial)
    with world.program.reading() as connection:
        runs, stands = connection.execute(sa.select(CLOCKS.c.id).where(
            CLOCKS.c.object_id == complaint.id).order_by(CLOCKS.c.key)).scalars()
    world.acts.do("pause_clock", world.cast.lin, {"ground": "A court asked"}, on=stands)
    return str(runs), str(stands)


def seat(world: World, own: dict[str, str]) -> None:
    """Rui sits on Fang's panel and Bao on Gao's; Shen sat on both and was recused."""
    acts, cast, trial = world.acts, world.cast, own["running"]
    sits = cast.rui if own is world.hers else cast.reviewers[0]
    own["panel"] = acts.do("assign_reviewer", cast.lin, {"account_id": sits.id, "panel": "running"}, on=trial).id
    acts.do("answer_assignment", sits, {"conflict": False, "accepted": True}, on=own["panel"])
    gone = acts.do("assign_reviewer", cast.lin, {"account_id": cast.shen.id, "panel": "running"}, on=trial).id
    acts.do("recuse_reviewer", cast.lin, {"reason": "Shares in the firm"}, on=gone)
    own["leaving"] = acts.do("assign_reviewer", cast.lin, {"account_id": cast.reviewers[1].id, "panel": "running"},
                             on=trial).id
    asked = acts.do("assign_reviewer", cast.lin, {"account_id": cast.reviewers[2].id, "panel": "running"}, on=trial).id
    firm = cast.fang if own is world.hers else cast.gao
    own["recusals"] = acts.do("ask_recusal", firm, {"reason": "Works for a competitor"}, on=asked).id
    own["doubted"] = acts.do("assign_reviewer", cast.lin, {"account_id": cast.reviewers[4].id, "panel": "running"},
                             on=trial).id
    own["offered"] = acts.do("assign_reviewer", cast.lin, {"account_id": sits.id, "panel": "review"}, on=trial).id


def hand_out(world: World) -> None:
    """Tokens, a decision that waits and a hold; then one token runs out and one account is disabled."""
    acts, cast = world.acts, world.cast
    people = {"fang": cast.fang, "gao": cast.gao, "lin": cast.lin, "zhou": cast.zhou, "rui": cast.rui,
              "shen": cast.shen, "mei": cast.mei, "di": cast.di, "ada": cast.ada, "disabled": cast.reviewers[4]}
    for name, who in people.items():
        world.tokens[name] = token(world, who, ALL)
    world.tokens["reads"] = token(world, cast.fang, ["read"])
    world.tokens["narrow"] = token(world, cast.fang, ["read", "decide"])
    world.tokens["fei"] = token(world, cast.reviewers[3], ALL)
    world.tokens["files"] = token(world, cast.fang, ["file", "decide"])
    world.tokens["expired"] = token(world, cast.fang, ALL, days=1)
    world.clock.forward(START + 10 * DAY)
    for firm, own in ((cast.fang, world.hers), (cast.gao, world.theirs)):
        own["batches"] = batch(world, firm, own["running"])
    acts.do("change_account", cast.ada, {"account_id": cast.reviewers[4].id, "active": False})
    world.hers["decisions"] = acts.do("invite", cast.ada, {
        "email": "third@people.example", "name": "Third", "role": "regulator",
        "organisation_id": str(cast.lin.organisation_id)}).decision
    world.hers["reviewer"] = cast.mei.id
    world.hers["duties"] = acts.do("set_duty", cast.lin, {
        "officer_id": cast.zhou.id, "deputy_id": cast.lin.id, "starts_at": START.isoformat(),
        "ends_at": (START + 20 * DAY).isoformat()}).id
    world.hers["guidance"] = acts.do("record_guidance", cast.lin, {"title": "New law", "summary": "Labels"}).id
    world.hers["annual-reports"] = report_owed(world.program)
    world.hers["holds"] = acts.do("note_clock", SYSTEM_ACTOR, {
        "kind": "gap", "since": START.isoformat(), "until": (START + DAY).isoformat()}).id


def batch(world: World, firm: Actor, trial: str) -> str:
    """A batch of one report, of the last day."""
    report = {"period_start": (START + 9 * DAY).isoformat(), "period_end": (START + 10 * DAY).isoformat(),
              "exposures": 100.0}
    sent = from_json([json.dumps(report).encode()], lambda _: [])
    return str(Intake(world.program).take(firm, trial, sent, Sending("sent", "api")).done.id)


def token(world: World, who: Actor, scopes: list[str], days: int = 90) -> str:
    """The secret of a new token."""
    issued: Any = world.acts.do("issue_token", who, {"name": "test", "scopes": scopes, "days": days})
    return str(issued.secret)


def lived_in(settings: Settings) -> Iterator[World]:
    """The city while tests are in it; at the end its log must be whole."""
    made = make_world(settings)
    yield made
    with made.program.reading() as connection:
        assert verify(connection).problems == ()
    made.program.close()


@pytest.fixture(scope="module", name="world")
def city(empty: Stencil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One city for a file of tests."""
    yield from lived_in(empty.on_file(tmp_path_factory.mktemp("world")))


@pytest.fixture(scope="module", name="world", params=("sqlite", "postgresql"))
def both_cities(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The same on each database."""
    settings = settings_in(tmp_path_factory.mktemp("world"))
    if request.param == "postgresql":
        settings = settings.model_copy(update={"database_url": request.getfixturevalue("postgres")()})
    prepare(settings)
    yield from lived_in(settings)

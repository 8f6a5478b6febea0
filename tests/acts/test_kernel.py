"""The kernel of acts: who may, once per key, one instant, one entry, and nothing of an act that does not happen."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, alarmed
from pydantic import ValidationError, field_validator

from sandbox.acts.act import ACTS, Act, ActKind, Acts, Done, Made
from sandbox.acts.refusals import KeyReused, NotFound, NotPermitted, Refused, Stale
from sandbox.jobs.program import Program
from sandbox.rules.access import PERMISSIONS, SYSTEM_ACTOR, Actor, Role, Scope, permission
from sandbox.store.answers import ANSWERS
from sandbox.store.clocks import CLOCKS
from sandbox.store.fields import Fields, Row
from sandbox.store.incidents import INCIDENTS
from sandbox.store.log import LOG, digest
from sandbox.store.organisations import ORGANISATIONS, OrganisationFields
from sandbox.store.scope import OFFICERS_ALONE, OWNED
from sandbox.store.trials import MOVES_MADE, SUSPENSIONS, TRIALS
from sandbox.store.types import Short

DAY = timedelta(days=1)
OWNING = [name for name, kind in ACTS.items() if kind.on in OWNED]
NONSENSE = {"no such field": "\ud800", "reason": 5}


def counts(program: Program) -> dict[str, int]:
    """Rows in every table: what an act that did not happen must leave as it was."""
    with program.reading() as connection:
        return {table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                for table in Row.metadata.sorted_tables}


def entries(program: Program, since: int = 0) -> list[dict[str, Any]]:
    """The log's leaves from a sequence number on."""
    with program.reading() as connection:
        return [json.loads(leaf) for leaf in connection.execute(
            sa.select(LOG.c.leaf).where(LOG.c.seq >= since).order_by(LOG.c.seq)).scalars()]


def rows(program: Program, table: sa.Table, **values: Any) -> list[dict[str, Any]]:
    with program.reading() as connection:
        query = sa.select(table).where(*(table.c[name] == value for name, value in values.items()))
        return [dict(row) for row in connection.execute(query).mappings()]


def refusal(do: Callable[[], Any]) -> tuple[type, tuple[Any, ...], dict[str, Any]]:
    """Everything a caller can see of the exception."""
    with pytest.raises(Exception) as caught:
        do()
    return type(caught.value), caught.value.args, vars(caught.value)


@pytest.fixture
def trial(adopted: Callable[..., list[str]]) -> str:
    """A running trial of Hai Rui whose plan pins a version."""
    return adopted(1, model_version="1")[0]


@pytest.fixture
def objects(program: Program, cast: Cast, clock: Any, trial: str) -> dict[str, str]:
    """One object of every kind that is reached through a trial, all of Hai Rui's trial; Rui holds a seat in it."""
    acts = program.acts
    seat = acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=trial).id
    other = acts.do("assign_reviewer", cast.lin, {"account_id": cast.mei.id, "panel": "running"}, on=trial).id
    recusal = acts.do("ask_recusal", cast.fang, {"reason": "Works for a competitor"}, on=other).id
    acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=seat)
    review = acts.do("call_review", cast.lin, {"reason": "A look"}, on=trial).id
    clock.forward(START + 8 * DAY)
    report = report_of(START, START + 7 * DAY)
    feedback = acts.do("file_feedback", cast.fang, report, on=trial).id
    softer = {"report": {**report, "exposures": 700}, "reason": "Counted again"}
    correction = acts.do("correct_feedback", cast.fang, softer, on=feedback).id
    incident = acts.do("file_incident", cast.fang, {"severity": "S4", "occurred_at": START.isoformat()}, on=trial).id
    acts.do("open_register", cast.lin, {"name": "filings", "title": "Filings"})
    entry = acts.do("enter_entry", cast.lin, {"register_name": "filings", "key": "1", "title": "Sweeping"}).id
    citation = acts.do("cite_entry", cast.fang, {"entry_id": entry}, on=trial).id
    item = acts.do("add_corrective_item", cast.fang, {"what": "Line", "owner": "Fitters", "due_on": "2026-04-01"},
                   on=trial).id
    said = {"source": "press", "kind": "wrongdoing", "occurred_at": START.isoformat(), "text": "It is said"}
    held = acts.do("file_feedback", cast.fang, report_of(START + 7 * DAY, START + 7.5 * DAY, model_version="2"),
                    on=trial).held.id
    plan = acts.do("plan_no_use", cast.fang, span_of(START + 20 * DAY, START + 21 * DAY), on=trial).id
    retraction = acts.do("retract_feedback", cast.fang, {"why": "spurious", "reason": "A test"}, on=feedback).id
    return {"no_use": plan, "retraction": retraction, "withdrawal": acts.do("record_withdrawal", cast.fang, {
                "withdrawn_at": START.isoformat()}, on=trial).id, "held_filing": held, "recusal": recusal,
            "alarm": alarmed(program, trial, incident),
            "trial": trial, "seat": seat, "review": review, "feedback": feedback, "correction": correction,
            "incident": incident, "corrective_item": item, "citation": citation,
            "change": acts.do("file_change", cast.fang, {
                "kind": "A3", "body": {"reason": "Too few", "methods": "Each tenth"}}, on=trial).id,
            "clock": clock_of_complaint(program, cast, trial),
            "allegation": acts.do("enter_allegation", cast.lin, said, on=trial).id}


def clock_of_complaint(program: Program, cast: Cast, trial: str) -> str:
    complaint = {"kind": "complaint", "occurred_at": START.isoformat()}
    filed = program.acts.do("file_incident", cast.fang, complaint, on=trial).id
    return str(rows(program, CLOCKS, object_id=filed)[0]["id"])


def span_of(start: datetime, end: datetime) -> dict[str, str]:
    return {"period_start": start.isoformat(), "period_end": end.isoformat()}


def report_of(start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    return {"period_start": start.isoformat(), "period_end": end.isoformat(), "exposures": 70, **more}


# The table of acts


def test_every_act_has_a_permission_and_every_permission_an_act():
    assert set(ACTS) == set(PERMISSIONS)


def test_an_act_on_a_trial_says_which_relations_it_takes_and_another_has_none():
    assert set(OWNING) == {name for name, row in PERMISSIONS.items() if row.relations}


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_a_function_of_its_own_name_with_a_frozen_given_and_a_frozen_answer(name: str):
    kind = ACTS[name]
    assert kind.function.__name__ == kind.name == name
    assert kind.function.__doc__
    assert issubclass(kind.given, Fields) and kind.given.model_config["frozen"]
    assert issubclass(kind.done, Done) and kind.done.model_config["frozen"]
    assert kind.on is None or kind.on in OWNED


# Once per key


def test_a_repeated_key_gets_the_stored_answer_and_nothing_happens_again(program: Program, cast: Cast):
    body = {"name": "Firm A", "kind": "firm"}
    first = program.acts.do("register_organisation", cast.lin, body, key="k1")
    before = counts(program)
    again = program.acts.do("register_organisation", cast.lin, body, key="k1")
    assert again == first and again.receipt is not None
    assert counts(program) == before


def test_a_repeated_key_gets_its_answer_even_when_the_act_could_not_happen_again(program: Program, cast: Cast,
                                                                               trial: str):
    stopped = program.acts.do("make_move", cast.fang, {"move": "suspend"}, on=trial, key="k1")
    assert program.acts.do("make_move", cast.fang, {"move": "suspend"}, on=trial, key="k1") == stopped
    with pytest.raises(Refused):
        program.acts.do("make_move", cast.fang, {"move": "suspend"}, on=trial, key="k2")


@pytest.mark.parametrize(("name", "body", "on"), [
    ("register_organisation", {"name": "Firm B", "kind": "firm"}, None),
    ("register_organisation", {"name": "Firm A", "kind": "firm"}, "something"),
    ("publish_scenario", {"title": "Firm A", "description": "d"}, None),
])
def test_a_key_that_comes_again_with_another_body_object_or_act_is_refused(program: Program, cast: Cast, name: str,
                                                                         body: dict[str, str], on: str | None):
    program.acts.do("register_organisation", cast.lin, {"name": "Firm A", "kind": "firm"}, key="k1")
    before = counts(program)
    with pytest.raises(KeyReused):
        program.acts.do(name, cast.lin, body, on=on, key="k1")
    assert counts(program) == before


def test_two_people_may_use_the_same_key(program: Program, cast: Cast):
    made = [program.acts.do("register_organisation", who, {"name": f"Firm of {who.id}", "kind": "firm"}, key="k1").id
            for who in (cast.lin, cast.zhou)]
    assert len(set(made)) == 2


def test_a_body_written_otherwise_but_meaning_the_same_is_the_same_body(program: Program, cast: Cast):
    first = program.acts.do("register_organisation", cast.lin, {"name": "Firm A", "kind": "firm"}, key="k1")
    spaced = {"kind": "firm", "name": " Firm A ", "code": ""}
    assert program.acts.do("register_organisation", cast.lin, spaced, key="k1") == first


def test_a_given_that_was_checked_before_is_taken_as_it_is(program: Program, cast: Cast):
    given = OrganisationFields.model_validate({"name": "Firm A", "kind": "firm"})
    first = program.acts.do("register_organisation", cast.lin, given, key="k1")
    assert program.acts.do("register_organisation", cast.lin, given.plain(), key="k1") == first


def test_many_threads_with_one_key_make_one_row(program: Program, cast: Cast):
    together = threading.Barrier(8)

    def register() -> Any:
        together.wait()
        return program.acts.do("register_organisation", cast.lin, {"name": "Firm A", "kind": "firm"}, key="k1")

    before = len(entries(program))
    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in [pool.submit(register) for _ in range(8)]]
    assert len({answer.model_dump_json() for answer in answers}) == 1
    assert len(rows(program, ORGANISATIONS, name="Firm A")) == 1
    assert len(entries(program)) == before + 1


def test_a_refused_act_leaves_its_key_free(program: Program, cast: Cast):
    wrong = {"account_id": "ac_nobody", "active": False}
    with pytest.raises(NotFound):
        program.acts.do("change_account", cast.ada, wrong, key="k1")
    assert program.acts.do("change_account", cast.ada, {**wrong, "account_id": cast.gao.id}, key="k1")


def test_a_secret_leaves_the_program_once_and_is_kept_nowhere(program: Program, cast: Cast):
    body = {"name": "Machine", "scopes": ["read"]}
    first = program.acts.do("issue_token", cast.fang, body, key="k1")
    again = program.acts.do("issue_token", cast.fang, body, key="k1")
    assert first.secret and again == first.model_copy(update={"secret": None})
    guest = {"email": "guest@people.example", "name": "Guest", "role": "firm",
             "organisation_id": cast.gao.organisation_id}
    invited = program.acts.do("invite", cast.ada, guest, key="k2")
    kept = json.dumps([row["answer"] for row in rows(program, ANSWERS)])
    assert first.secret not in kept and invited.secret not in kept


# What would happen


def test_a_dry_run_answers_and_keeps_nothing_not_even_its_key(program: Program, cast: Cast, trial: str):
    before, last = counts(program), entries(program)[-1]["seq"]
    would = program.acts.do("make_move", cast.fang, {"move": "suspend"}, on=trial, key="k1", dry_run=True)
    assert (would.outcome, would.state, would.receipt) == ("made", "suspended", None)
    assert counts(program) == before
    done = program.acts.do("make_move", cast.fang, {"move": "suspend"}, on=trial, key="k1")
    assert done.receipt.seq == last + 1


def test_a_dry_run_says_the_same_no_as_the_act(program: Program, cast: Cast, trial: str):
    def move(dry_run: bool) -> Any:
        return program.acts.do("make_move", cast.lin, {"move": "wind_down"}, on=trial, dry_run=dry_run)

    assert refusal(lambda: move(True))[:2] == refusal(lambda: move(False))[:2]


# Not yours is not there


def test_what_is_not_yours_is_not_found_exactly_like_what_does_not_exist(
        program: Program, cast: Cast, objects: dict[str, str], subtests: pytest.Subtests):
    before = counts(program)
    for name in OWNING:
        with subtests.test(name):
            there = objects[str(ACTS[name].on)]
            answers = [refusal(partial(program.acts.do, name, stranger, body, on=on))
                       for stranger in (cast.gao, cast.shen, cast.di, cast.ada)
                       for body in (NONSENSE, {}) for on in (there, "xx_missing")]
            assert answers == [(NotFound, (), {})] * 16
    assert counts(program) == before


@pytest.mark.parametrize("on", [None, "", "%", "\x00", "ES-0001' OR '1'='1"])
def test_no_object_is_found_by_a_name_that_is_none(program: Program, cast: Cast, on: str | None, trial: str):
    found = {name: refusal(partial(program.acts.do, name, cast.lin, NONSENSE, on=on)) for name in OWNING}
    assert found == dict.fromkeys(OWNING, (NotFound, (), {}))


def test_a_recused_reviewer_finds_nothing_any_more(program: Program, cast: Cast, objects: dict[str, str]):
    program.acts.do("recuse_reviewer", cast.rui, {"reason": "My sister works there"}, on=objects["seat"])
    given = {"conflict": False, "recommendation": "continue", "reason": "Fine"}
    with pytest.raises(NotFound):
        program.acts.do("give_opinion", cast.rui, given, on=objects["review"])


def of_role(cast: Cast) -> dict[Role, Actor]:
    """One of the cast of every role."""
    return {Role.REGULATOR: cast.lin, Role.FIRM: cast.fang, Role.REVIEWER: cast.rui, Role.DEPARTMENT: cast.di,
            Role.ADMINISTRATOR: cast.ada, Role.SYSTEM: SYSTEM_ACTOR}


def test_who_may_not_do_an_act_is_told_so_before_anything_given_is_looked_at(
        program: Program, cast: Cast, objects: dict[str, str], subtests: pytest.Subtests):
    seeing = (Role.REGULATOR, Role.FIRM, Role.REVIEWER)
    for name, kind in ACTS.items():
        roles = seeing if kind.on else (*seeing, Role.DEPARTMENT, Role.ADMINISTRATOR)
        for role in (one for one in roles if one not in PERMISSIONS[name].roles):
            refused = NotFound if kind.on in OFFICERS_ALONE else NotPermitted
            with subtests.test(name, role=role), pytest.raises(refused):
                program.acts.do(name, of_role(cast)[role], NONSENSE, on=objects.get(str(kind.on)))


def test_a_token_without_the_scope_may_not_do_the_act(
        program: Program, cast: Cast, objects: dict[str, str], subtests: pytest.Subtests):
    for name, kind in ACTS.items():
        row = PERMISSIONS[name]
        for role in (one for one in row.roles if one is not Role.SYSTEM):
            narrow = replace(of_role(cast)[role], scopes=frozenset(Scope) - {row.scope})
            with subtests.test(name, role=role), pytest.raises(NotPermitted):
                program.acts.do(name, narrow, NONSENSE, on=objects.get(str(kind.on)))


def test_a_body_that_does_not_fit_is_refused_field_by_field_and_keeps_nothing(
        program: Program, cast: Cast, objects: dict[str, str], subtests: pytest.Subtests):
    before = counts(program)
    for name, kind in ACTS.items():
        able = of_role(cast)[PERMISSIONS[name].roles[0]]
        with subtests.test(name), pytest.raises(ValidationError, match="extra_forbidden"):
            program.acts.do(name, able, NONSENSE, on=objects.get(str(kind.on)))
    assert counts(program) == before


def test_permission_can_be_asked_for_alone_and_leaves_no_mark(program: Program, cast: Cast, trial: str):
    before = counts(program)
    program.acts.permit("file_feedback", cast.fang, on=trial)
    assert refusal(lambda: program.acts.permit("file_feedback", cast.gao, on=trial)) == (NotFound, (), {})
    with pytest.raises(NotPermitted):
        program.acts.permit("file_feedback", cast.lin, on=trial)
    assert counts(program) == before


# Acts made for these tests, entered into the tables as any other


CHECKED: list[str] = []


class ProbeGiven(Fields):
    """Remembers in which thread it was checked."""

    name: Short

    @field_validator("name")
    @classmethod
    def _checked(cls, value: str) -> str:
        CHECKED.append(threading.current_thread().name)
        return value


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Act, ProbeGiven], Any]], None]:
    """Enter a function as the act `probe`, for regulators."""

    def put(function: Callable[[Act, ProbeGiven], Any]) -> None:
        monkeypatch.setitem(ACTS, "probe", ActKind("probe", function, ProbeGiven, Made, None))
        monkeypatch.setitem(PERMISSIONS, "probe", permission("probe", Role.REGULATOR))
        CHECKED.clear()

    return put


def body(act: Act, name: str) -> Made:
    act.insert(ORGANISATIONS, {"id": act.id("or"), "name": name, "kind": "firm", "created_at": act.now})
    return Made(id=name)


def test_a_given_is_checked_in_the_callers_thread_and_once(program: Program, cast: Cast, enter: Any):
    enter(lambda act, given: body(act, given.name))
    program.acts.do("probe", cast.lin, {"name": "Firm A"})
    assert [threading.current_thread().name] == CHECKED


@pytest.mark.parametrize("error", [Refused("no"), Stale("old"), KeyError("bug"), NotFound(), SystemExit()])
def test_an_act_that_fails_after_it_wrote_leaves_nothing(program: Program, cast: Cast, enter: Any,
                                                         error: BaseException):
    def fail(act: Act, given: ProbeGiven) -> Made:
        act.caused("thereupon", lambda sub: body(sub, "Firm B"))
        body(act, given.name)
        raise error

    enter(fail)
    before = counts(program)
    with pytest.raises(type(error)) as caught:
        program.acts.do("probe", cast.lin, {"name": "Firm A"}, key="k1")
    assert caught.value is error
    assert counts(program) == before


def test_what_an_act_causes_names_it_and_comes_after_it(program: Program, cast: Cast, enter: Any):
    def cause(act: Act, given: ProbeGiven) -> Made:
        act.caused("first", lambda sub: sub.caused("second", lambda deeper: body(deeper, given.name)))
        act.caused("third", lambda sub: None)
        return Made(id="done")

    enter(cause)
    seq = program.acts.do("probe", cast.lin, {"name": "Firm A"}, request="rq_7").receipt.seq
    assert [(e["act"], e["seq"] - seq, e["cause"] and e["cause"] - seq, e["actor"], e["role"], e["request"])
            for e in entries(program, seq)] == [
        ("probe", 0, None, cast.lin.id, "regulator", "rq_7"), ("first", 1, 0, "system", "system", "rq_7"),
        ("second", 2, 1, "system", "system", "rq_7"), ("third", 3, 0, "system", "system", "rq_7")]


def test_an_entry_digests_what_its_own_act_wrote(program: Program, cast: Cast, enter: Any):
    def cause(act: Act, given: ProbeGiven) -> Made:
        return act.caused("thereupon", lambda sub: body(sub, given.name))  # type: ignore[no-any-return]

    enter(cause)
    seq = program.acts.do("probe", cast.lin, {"name": "Firm A"}).receipt.seq
    own, caused = entries(program, seq)
    (row,) = rows(program, ORGANISATIONS, name="Firm A")
    values = {name: row[name] for name in ("id", "name", "kind", "created_at")}
    assert own["new"] is own["old"] is caused["old"] is None
    assert caused["new"] == digest(caused["salt"], [["organisations", values]])


# One instant, one entry


@pytest.fixture
def running(program: Program) -> Acts:
    """The same program under a clock that moves whenever it is asked."""
    seconds: Iterator[int] = iter(range(1, 10_000))
    return Acts(program.door, lambda: START + timedelta(seconds=next(seconds)), program.settings.place)


def test_everything_an_act_writes_and_causes_happens_at_one_instant(program: Program, running: Acts, cast: Cast,
                                                                    trial: str):
    given = {"severity": "S1", "occurred_at": START.isoformat()}
    done = running.do("file_incident", cast.fang, given, on=trial)
    own, caused = entries(program, done.receipt.seq)
    (incident,) = rows(program, INCIDENTS, trial_id=trial)
    (stop,), (state,) = rows(program, SUSPENSIONS, trial_id=trial), rows(program, TRIALS, id=trial)
    (move,) = rows(program, MOVES_MADE, trial_id=trial, name="suspend")
    moments = {incident["at"], stop["at"], move["at"], state["state_since"], datetime.fromisoformat(own["at"]),
               datetime.fromisoformat(caused["at"])}
    assert len(moments) == 1
    assert (own["act"], caused["act"], caused["reason"], caused["cause"]) == (
        "file_incident", "suspend", "grave_incident", own["seq"])


def test_two_acts_happen_at_two_instants(program: Program, running: Acts, cast: Cast):
    seqs = [running.do("register_organisation", cast.lin, {"name": name, "kind": "firm"}).receipt.seq for name in "ab"]
    assert len({entry["at"] for entry in entries(program) if entry["seq"] in seqs}) == 2


def test_the_receipt_names_the_entry_and_its_hash(program: Program, cast: Cast, trial: str):
    receipt = program.acts.do("make_move", cast.fang, {"move": "suspend", "reason": "To be safe"}, on=trial).receipt
    (entry,) = rows(program, LOG, seq=receipt.seq)
    assert entry["hash"].hex() == receipt.leaf
    assert (entry["act"], entry["trial_id"], entry["actor_id"]) == ("suspend", trial, cast.fang.id)
    assert "To be safe" not in entry["leaf"]


def test_the_version_of_a_trial_goes_up_once_an_act(program: Program, cast: Cast, clock: Any, trial: str):
    def version() -> int:
        return int(rows(program, TRIALS, id=trial)[0]["version"])

    before = version()
    clock.forward(START + 8 * DAY)
    program.acts.do("file_feedback", cast.fang, report_of(START, START + 7 * DAY), on=trial)
    assert version() == before + 1


def test_the_system_sees_every_trial_and_files_nothing_in_its_name(program: Program, trial: str):
    with pytest.raises(NotPermitted):
        program.acts.do("file_feedback", SYSTEM_ACTOR, NONSENSE, on=trial)

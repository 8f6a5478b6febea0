"""The demo city: every state and ending, made by acts alone, so that its log verifies; and the example bodies."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from demo_city import TODAY, Told, told_in

from sandbox.jobs.demo.bodies import BODIES, DATED, body
from sandbox.jobs.demo.city import NotEmpty, load
from sandbox.jobs.demo.filings import CITED, GONE, LIST
from sandbox.jobs.demo.people import PASSWORD, REVIEWERS
from sandbox.rules.access import SYSTEM_ACTOR, Constituency, Role, Scope
from sandbox.rules.lifecycle import RUNNING, STATES
from sandbox.store.accounts import ACCOUNTS, CONTACTS
from sandbox.store.dues import DUES, HOLDS
from sandbox.store.feedback import FEEDBACK
from sandbox.store.log import LOG
from sandbox.store.organisations import ORGANISATIONS
from sandbox.store.passwords import hasher, normal
from sandbox.store.registers import CITATIONS, ENTRIES, PROPOSALS
from sandbox.store.reviews import REVIEWS
from sandbox.store.scope import trials_seen_by
from sandbox.store.sections import SECTIONS
from sandbox.store.trials import SUSPENSIONS, TRIALS
from sandbox.store.verification import verify
from sandbox.store.votes import DECISIONS

SECONDS = 30
MARKS = ("示例", "演示")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with told_in(tmp_path_factory) as told:
        yield told


@pytest.fixture
def rows(city: Told) -> Any:
    """`rows(table, *where)`: what the city's database holds."""

    def find(table: sa.Table, *where: Any) -> list[dict[str, Any]]:
        with city.program.reading() as connection:
            return [dict(row) for row in connection.execute(sa.select(table).where(*where)).mappings()]

    return find


def test_the_city_is_told_in_time_and_its_log_verifies(city: Told) -> None:
    assert city.seconds < SECONDS
    with city.program.reading() as connection:
        assert verify(connection).problems == ()


def test_every_state_has_a_trial_and_the_first_is_the_firms(city: Told, rows: Any) -> None:
    states = {row["id"]: (row["state"], row["organisation_id"]) for row in rows(TRIALS)}
    ours = city.actor("firm").organisation_id
    assert list(city.result["trials"]) == list(STATES)
    assert [state for state, ids in city.result["trials"].items() if not ids] == []
    assert {ids[0]: states[ids[0]] for ids in city.result["trials"].values()} == {
        ids[0]: (state, ours) for state, ids in city.result["trials"].items()}
    assert sorted(states) == sorted(one for ids in city.result["trials"].values() for one in ids)


def test_a_list_of_filings_was_read_twice_and_one_is_cited(rows: Any) -> None:
    entries = {row["key"]: row for row in rows(ENTRIES)}
    assert len(entries) == len(LIST) and Counter(row["version"] for row in entries.values()) == {1: len(LIST) - 2, 2: 2}
    assert entries[GONE]["last_seen_on"] < entries[CITED]["last_seen_on"]
    assert {row["ground"] for row in rows(PROPOSALS)} == {"renamed", "same_name"}
    assert [row["entry_id"] for row in rows(CITATIONS)] == [entries[CITED]["id"]]
    assert all(any(mark in row["body"] for mark in MARKS) for row in entries.values() if row["body"])


def test_there_are_some_forty_trials_most_of_them_the_firms(city: Told, rows: Any) -> None:
    owners = Counter(row["organisation_id"] for row in rows(TRIALS))
    assert 40 <= owners.total() <= 60
    assert owners[city.actor("firm").organisation_id] > owners.total() / 2
    assert owners[city.actor("firm2").organisation_id] >= 4


def test_the_examples_of_the_documents_work_on_the_first_firms_running_trial(city: Told) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    named = set(re.findall(r"ES-\d{4}", text))
    trial = re.search(r"TRIAL=(ES-\d{4})\n", text)
    body = re.search(r"trials/\$TRIAL/feedback -d '(\{.*?\})'\n", text, re.DOTALL)
    assert trial and body and named == {trial[1]}
    today = TODAY.replace(hour=0, minute=0)
    written = body[1].replace("'$FROM'", (today - timedelta(days=1)).isoformat()).replace("'$TO'", today.isoformat())
    filed = city.program.acts.do("file_feedback", city.actor("firm"), json.loads(written), on=trial[1], dry_run=True)
    assert (filed.state, filed.light, filed.held) == ("trial", "green", None)
    narrower = re.search(r"trials/\$TRIAL/changes/A2 .*?-d '(\{.*?\})'\n", text, re.DOTALL)
    assert narrower
    asked = city.program.acts.do("file_change", city.actor("firm"), {"kind": "A2", "body": json.loads(narrower[1])},
                                 on=trial[1], dry_run=True)
    assert asked.state == "accepted"


def test_running_and_stopped_trials_show_every_light(rows: Any) -> None:
    assert {row["light"] for row in rows(TRIALS, TRIALS.c.state.in_((*RUNNING, "suspended")))} == {
        "grey", "green", "yellow", "red"}


def test_trials_were_stopped_for_many_causes_and_one_stop_was_void(rows: Any) -> None:
    stops = rows(SUSPENSIONS)
    assert {stop["cause"] for stop in stops} >= {
        "end_date_reached", "cap_exceeded", "grave_incident", "feedback_missing", "review_overdue", "unsafe_version",
        "risk_red", "voluntary", "regulator", "chair"}
    assert [stop["ended_by"] for stop in stops].count("void_suspension") == 1


def test_one_decision_waits_for_the_other_regulator(city: Told, rows: Any) -> None:
    waiting = rows(DECISIONS, DECISIONS.c.outcome == "waiting")
    assert [(one["move"], one["proposed_by"]) for one in waiting] == [("admit", city.actor("regulator").id)]
    assert waiting[0]["expires_at"] > TODAY


def test_an_adopted_pilot_shows_its_months_before(rows: Any) -> None:
    [pilot] = rows(TRIALS, TRIALS.c.adopted)
    past = rows(FEEDBACK, FEEDBACK.c.trial_id == pilot["id"], FEEDBACK.c.epoch == 0)
    assert (len(past), sum(one["exposures"] is None for one in past)) == (6, 1)
    assert rows(FEEDBACK, FEEDBACK.c.trial_id == pilot["id"], FEEDBACK.c.epoch == 1)


def test_reviews_are_held_and_due_and_reports_go_back_for_months(rows: Any) -> None:
    states = Counter(row["state"] for row in rows(REVIEWS))
    assert min(states["held"] - 50, states["open"] - 2, states["planned"] - 5) > 0
    assert rows(REVIEWS, REVIEWS.c.state == "open", REVIEWS.c.due_at < TODAY)
    months = {row["period_end"].strftime("%Y-%m") for row in rows(FEEDBACK)}
    assert len(months) >= 7


def test_the_tick_did_its_work_and_nothing_waits_or_failed(rows: Any) -> None:
    assert rows(HOLDS) == []
    assert [due for due in rows(DUES) if due["attempts"] or due["at"] <= TODAY] == []
    by_system = Counter(row["act"] for row in rows(LOG, LOG.c.actor_id == SYSTEM_ACTOR.id))
    assert {"open_review", "remind_idle", "lapse", "suspend", "end_date", "feedback_late"} <= set(by_system)


def test_everyone_signs_in_and_bears_a_token_of_a_year(city: Told, rows: Any) -> None:
    accounts = city.result["accounts"]
    kept = {row["id"]: row for row in rows(ACCOUNTS)}
    assert {account["id"] for account in accounts} == set(kept)
    assert {account["password"] for account in accounts} == {PASSWORD}
    assert len({row["password"] for row in kept.values()}) == 1
    assert hasher.verify(kept[accounts[0]["id"]]["password"], normal(PASSWORD))
    assert Counter(kept[account["id"]]["role"] for account in accounts) == Counter(
        account["role"] for account in accounts)
    for name, role in (("administrator", Role.ADMINISTRATOR), ("regulator", Role.REGULATOR),
                       ("regulator2", Role.REGULATOR), ("firm", Role.FIRM), ("firm2", Role.FIRM),
                       ("department", Role.DEPARTMENT)):
        assert (city.actor(name).role, city.actor(name).scopes) == (role, frozenset(Scope))


def test_reviewers_tokens_come_by_constituency_and_hold_seats(city: Told) -> None:
    reviewers = [city.actor("reviewers", place) for place in range(len(city.result["tokens"]["reviewers"]))]
    assert len(reviewers) == len(REVIEWERS) >= 12
    assert [one.constituency for one in reviewers] == [one.constituency for one in REVIEWERS]
    assert list(dict.fromkeys(one.constituency for one in reviewers)) == list(Constituency)
    with city.program.reading() as connection:
        seen = [connection.execute(sa.select(sa.func.count()).select_from(TRIALS).where(trials_seen_by(one)))
                .scalar_one() for one in reviewers]
    assert min(seen) >= 3


def test_every_name_says_that_it_is_invented(city: Told, rows: Any) -> None:
    names = [row["name"] for row in (*rows(ORGANISATIONS), *rows(CONTACTS))]
    assert [name for name in names if not any(mark in name for mark in MARKS)] == []
    assert [row["title"] for row in rows(TRIALS) if not row["title_en"]] == []
    assert json.loads(json.dumps(city.result)) == city.result


def test_a_city_with_accounts_is_never_mixed_with_the_demo(city: Told) -> None:
    with pytest.raises(NotEmpty, match="accounts"):
        load(city.program.settings, TODAY)


@pytest.mark.parametrize("kind", SECTIONS)
def test_the_example_of_a_section_is_valid_and_in_chinese(kind: str) -> None:
    example = body(kind, date(2026, 11, 23))
    kept = SECTIONS[kind].fields.model_validate(example).model_dump(mode="json")
    assert {name: value for name, value in kept.items() if name in example and value is None} == {}
    assert kind in ("score", "termination") or any("\u4e00" <= letter <= "\u9fff" for letter in str(example))


def test_there_is_an_example_of_every_section_and_of_nothing_else() -> None:
    assert {*BODIES, *DATED} == set(SECTIONS)

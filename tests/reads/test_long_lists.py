"""Long lists: every page of every list for everyone who asks, against a plain recount; and by what the database says it
would do, at the same cost whatever there is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from plans import asked_of, plan

from sandbox.jobs.program import Program
from sandbox.reads import records, walks
from sandbox.reads.pages import BadCursor, Page
from sandbox.rules.access import Actor
from sandbox.store.bulk import add_rows
from sandbox.store.feedback import FEEDBACK
from sandbox.store.fields import defaults_of
from sandbox.store.incidents import INCIDENTS
from sandbox.store.trials import TRIALS

ROWS = 60
WHO = ("lin", "fang", "gao", "rui", "di", "ada")
List = Callable[..., Page[dict[str, Any]]]


@pytest.fixture
def trials(program: Program, cast: Cast, adopted: Callable[[int], list[str]]) -> list[str]:
    """Four trials of Hai Rui; Rui sits in the second; rows of all, dealt out in turns and in runs."""
    found = adopted(4)
    seat = program.acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, found[1]).id
    program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, seat)
    with program.writer.begin() as connection:
        add_rows(connection, FEEDBACK, [_report(found, place) for place in range(ROWS)])
        add_rows(connection, INCIDENTS, [_incident(found, place) for place in range(ROWS)])
    return found


def _of(trials: list[str], place: int) -> str:
    return trials[place % 3] if place < 40 else trials[place // 10 % 4]


def _row(table: sa.Table, **values: Any) -> dict[str, Any]:
    return {**dict.fromkeys(table.c.keys()), **defaults_of(table), **values}


def _report(trials: list[str], place: int) -> dict[str, Any]:
    start = START + timedelta(hours=place)
    return _row(FEEDBACK, id=f"fb_{place:05}", trial_id=_of(trials, place), period_start=start, at=start, epoch=1,
                period_end=start + timedelta(hours=1), exposures=1.0, author_id="ac_fang", site=f"Site {place}",
                late=place % 4 == 0)


def _incident(trials: list[str], place: int) -> dict[str, Any]:
    return _row(INCIDENTS, id=f"in_{place:05}", trial_id=_of(trials, place), epoch=1, at=START, occurred_at=START,
                state=("open", "mitigated", "closed")[place % 3], severity=("S1", "S4")[place % 2], author_id="ac_fang",
                kind=("incident", "near_miss")[place % 5 == 0], description=f"No. {place} hit a lamp")


def paged(program: Program, read: List, actor: Actor, limit: int, **chosen: Any) -> list[str]:
    """Ids of every page in turn; no page is longer than asked for."""
    found: list[str] = []
    with program.reading() as connection:
        cursor = None
        while True:
            one = read(connection, actor, cursor=cursor, limit=limit, **chosen)
            assert len(one.items) <= limit
            found += [row["id"] for row in one.items]
            cursor = one.next
            if cursor is None:
                return found


def seen_by(cast: Cast, who: str, trials: list[str]) -> list[str]:
    return {"lin": trials, "fang": trials, "rui": trials[1:2]}.get(who, [])


@pytest.mark.parametrize("looked", [7, 10_000])
def test_pages_of_reports_hold_each_report_once_in_order(
        program: Program, cast: Cast, trials: list[str], looked: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(walks, "LOOKED", looked)
    rows = [_report(trials, place) for place in range(ROWS)][::-1]
    for who in WHO:
        seen = seen_by(cast, who, trials)
        for chosen, wanted in (({}, seen), *(({"trial_id": one}, {one} & set(seen)) for one in trials),
                               ({"q": "pilot 1"}, {trials[1]} & set(seen)), ({"q": "nobody's"}, ())):
            expected = [row["id"] for row in rows if row["trial_id"] in wanted]
            for limit in (4, 100):
                assert paged(program, records.feedback, getattr(cast, who), limit, **chosen) == expected, (who, chosen)
            late = paged(program, records.feedback, getattr(cast, who), 4, late=True, **chosen)
            assert late == [row["id"] for row in rows if row["trial_id"] in wanted and row["late"]], (who, chosen)


@pytest.mark.parametrize("looked", [7, 10_000])
def test_pages_of_incidents_hold_what_was_chosen_and_nothing_else(
        program: Program, cast: Cast, trials: list[str], looked: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(walks, "LOOKED", looked)
    rows = [_incident(trials, place) for place in range(ROWS)][::-1]
    chosen_of: tuple[dict[str, str], ...] = (
        {}, {"severity": "S1"}, {"state": "closed"}, {"kind": "near_miss"}, {"severity": "S1", "state": "open"},
        {"trial_id": trials[1], "severity": "S4"})
    for who in WHO:
        seen = seen_by(cast, who, trials)
        for chosen in chosen_of:
            expected = [row["id"] for row in rows if row["trial_id"] in seen and chosen.items() <= row.items()]
            assert paged(program, records.incidents, getattr(cast, who), 4, **chosen) == expected, (who, chosen)
        words = paged(program, records.incidents, getattr(cast, who), 4, q="no. 3", severity="S4")
        assert words == [row["id"] for row in rows if row["trial_id"] in seen and row["severity"] == "S4"
                         and "No. 3" in row["description"]]


def test_a_number_is_found_by_whoever_may_see_it(program: Program, cast: Cast, trials: list[str]):
    mine, others = _report(trials, 4), _report(trials, 3)
    assert (mine["trial_id"], others["trial_id"]) == (trials[1], trials[0])
    for who, expected in (("lin", 1), ("fang", 1), ("rui", 0), ("gao", 0)):
        assert len(paged(program, records.feedback, getattr(cast, who), 4, q=others["id"])) == expected
        assert len(paged(program, records.incidents, getattr(cast, who), 4, q="in_00003")) == expected
    assert paged(program, records.feedback, cast.rui, 4, q=mine["id"]) == [mine["id"]]


def test_a_page_that_found_little_says_how_far_it_looked(
        program: Program, cast: Cast, trials: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(walks, "LOOKED", 20)
    with program.reading() as connection:
        page = records.incidents(connection, cast.lin, q="no. 5 hit", limit=5)
        assert (page.items, page.looked) == ((), 20) and page.next is not None
        full = records.incidents(connection, cast.lin, limit=5)
        assert (len(full.items), full.looked) == (5, 0)


def test_rows_of_an_export_hold_what_the_list_shows(program: Program, cast: Cast, trials: list[str]):
    names = ("id", "period_start", "exposures", "people", "events", "groups", "nil", "site", "at", "seal")
    with program.reading() as connection:
        for chosen in ({}, {"q": "pilot 1"}):
            shown = records.feedback(connection, cast.lin, limit=20, **chosen)
            bare = records.feedback(connection, cast.lin, limit=20, only=names, **chosen)
            assert bare.items == tuple(tuple(row[name] for name in names) for row in shown.items)
            assert bare.next == shown.next and shown.items
        assert records.feedback(connection, cast.gao, only=names).items == ()


def test_a_cursor_of_another_making_is_refused(program: Program, cast: Cast):
    with program.reading() as connection, pytest.raises(BadCursor):
        records.feedback(connection, cast.lin, cursor="bm9uc2Vuc2U")


# What the database would do


LISTS: dict[str, tuple[List, dict[str, Any]]] = {
    "reports": (records.feedback, {}), "a trial's reports": (records.feedback, {"trial_id": "ES-0001"}),
    "a report": (records.feedback, {"q": "fb_00003"}), "reports by title": (records.feedback, {"q": "pilot"}),
    "late reports": (records.feedback, {"late": True}),
    "a trial's late reports": (records.feedback, {"trial_id": "ES-0001", "late": True}),
    "incidents": (records.incidents, {}), "a trial's incidents": (records.incidents, {"trial_id": "ES-0001"}),
    "grave incidents": (records.incidents, {"severity": "S1"}), "open ones": (records.incidents, {"state": "open"}),
    "near misses": (records.incidents, {"kind": "near_miss"}), "by words": (records.incidents, {"q": "lamp"}),
    "by everything": (records.incidents, {"severity": "S1", "state": "open", "kind": "incident", "q": "lamp"}),
}


@pytest.mark.parametrize("name", LISTS)
def test_no_list_scans_or_sorts_a_long_table(program: Program, cast: Cast, trials: list[str], name: str):
    read, chosen = LISTS[name]
    for who in ("lin", "fang", "rui", "di"):
        with program.reading() as connection:
            with asked_of(program.readers) as said:
                first = read(connection, getattr(cast, who), limit=3, **chosen)
                if first.next:
                    read(connection, getattr(cast, who), limit=3, cursor=first.next, **chosen)
            assert said
            for statement, parameters in said:
                assert "count(" not in statement.lower()
                told = plan(connection, statement, parameters)
                assert not slow_steps(told, searching="q" in chosen), f"{who}: {statement}\n{told}"


def slow_steps(told: str, searching: bool) -> list[str]:
    """Steps that cost more the more there is. A search by title reads the trials' titles, never the long tables."""
    steps = [step.strip() for step in told.splitlines()]
    slow = [step for step in steps if "TEMP B-TREE" in step or step.startswith("SCAN ") or "Seq Scan" in step
            or "Sort" in step]
    short = ("batches", *(("trials",) if searching else ()))
    return [step for step in slow if not any(f"SCAN {name}" in step or f"Seq Scan on {name} " in step
                                             for name in short)]


def test_the_count_of_trials_is_what_a_merge_costs_not_the_count_of_rows(
        program: Program, cast: Cast, trials: list[str]):
    with program.reading() as connection, asked_of(program.readers) as said:
        records.feedback(connection, cast.fang, limit=3)
    assert len(said) <= 2 + len(trials)
    assert TRIALS.name in said[0][0]

"""Stage adjustment: what a firm may ask of a running trial's plan, who decides it, and what never moves with it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from world import World

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotPermitted, Refused, Unmet
from sandbox.jobs.clock import Shifted
from sandbox.jobs.demo.walks import Walk
from sandbox.jobs.program import Program
from sandbox.store.changes import CHANGES, PLAN_VERSIONS
from sandbox.store.clocks import CLOCKS
from sandbox.store.dues import NOTICES
from sandbox.store.reviews import REVIEWS
from sandbox.store.sections import SECTION_ROWS
from sandbox.store.trials import COUNTERS, TRIALS

DAY = timedelta(days=1)
Adopted = Callable[..., list[str]]


@pytest.fixture
def trial(adopted: Adopted, clock: Shifted) -> str:
    one = adopted(1, people=100, volume=1000.0, regions="East, West", model_version="1.0")[0]
    clock.forward(START + 2 * DAY)
    return one


def rows(program: Program, table: sa.Table, trial: str) -> list[dict[str, Any]]:
    with program.reading() as connection:
        found = connection.execute(sa.select(table).where(table.c.trial_id == trial).order_by(
            *table.primary_key.columns)).mappings()
        return [dict(row) for row in found]


def row(program: Program, trial: str) -> dict[str, Any]:
    with program.reading() as connection:
        return dict(connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one())


def file(acts: Acts, who: Any, trial: str, kind: str, **body: Any) -> Any:
    return acts.do("file_change", who, {"kind": kind, "body": {"reason": "As agreed", **body}}, trial)


def report(acts: Acts, cast: Cast, trial: str, day: int, **more: Any) -> Any:
    return acts.do("file_feedback", cast.fang, {
        "period_start": (START + day * DAY).isoformat(), "period_end": (START + (day + 1) * DAY).isoformat(),
        "exposures": 100.0, **more}, trial)


def test_a_narrowing_holds_in_the_act_that_files_it(program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    report(acts, cast, trial, 0, people_new=10, events={"harm_S4": 1})
    before = rows(program, COUNTERS, trial)
    filed = file(acts, cast.fang, trial, "A2", people=50, regions="East")
    assert (filed.state, filed.plan_version, filed.decide_by) == ("accepted", 2, None)
    now = row(program, trial)
    assert (now["cap_people"], now["agreed_regions"], now["plan_version"]) == (50, ["East"], 2)
    first, second = rows(program, PLAN_VERSIONS, trial)
    assert (first["terms"]["people"], second["terms"]["people"], second["change_id"]) == (100, 50, filed.id)
    assert rows(program, COUNTERS, trial) == before and now["epoch"] == 1
    change, = rows(program, CHANGES, trial)
    assert [(one["term"], one["before"], one["after"]) for one in change["differences"]] == [
        ("people", 100, 50), ("regions", "East, West", "East")]
    assert {one["role"] for one in rows(program, NOTICES, trial) if one["kind"] == "change_ended"} == {
        "firm", "regulator"}


@pytest.mark.parametrize(("body", "fields"), [
    ({"people": 101, "volume": 500.0}, {"people"}), ({"regions": "East, North", "sites": "One"}, {"regions"}),
    ({"data_classes": "Faces"}, {"data_classes"}), ({"people": 9}, {"people"}), ({}, {""}), ({"people": 100}, {""}),
])
def test_what_is_no_narrowing_is_refused_by_field_and_nothing_is_kept(
        program: Program, acts: Acts, cast: Cast, trial: str, body: dict[str, Any], fields: set[str]) -> None:
    report(acts, cast, trial, 0, people_new=10)
    with pytest.raises(Invalid) as refused:
        file(acts, cast.fang, trial, "A2", **body)
    assert {".".join(map(str, path)) for path, _ in refused.value.errors} == fields
    assert rows(program, CHANGES, trial) == [] and len(rows(program, PLAN_VERSIONS, trial)) == 1


# A widening


@pytest.fixture
def walked(world: World) -> Walk:
    """A trial that was applied for, with every section; its first review was held."""
    one = world.walk()
    world.go(one.started())
    world.go(one.runs(32))
    return one


def ask(one: Walk, kind: str, **body: Any) -> dict[str, Any]:
    return one.act("file_change", one.firm, kind=kind, body={"reason": "更多街区", **body})


def accept(one: Walk, change: str, who: str = "regulator") -> dict[str, Any]:
    return one.act("decide_change", who, change, accept=True, reason="Looked at")


def test_a_widening_takes_its_panel_and_two_regulators(world: World, walked: Walk) -> None:
    one, program = walked, world.program
    before = world.trial(one)
    filed = ask(one, "A4", people=1200, autonomy="human_can_stop")
    assert [(r["kind"], r["reason"], r["state"]) for r in rows(program, REVIEWS, one.trial) if r["kind"] == "change"] \
        == [("change", "change_A4", "open")]
    with pytest.raises(Unmet) as refused:
        accept(one, filed["id"])
    assert set(refused.value.needs) == {"change_advised", "second_regulator"}
    assert world.trial(one)["cap_people"] == before["cap_people"] == 900
    one.hold_reviews()
    proposed = accept(one, filed["id"])
    assert (proposed["state"], world.trial(one)["cap_people"]) == ("filed", 900)
    with pytest.raises(NotPermitted):
        one.act("vote_on_decision", "regulator", proposed["decision"], value="for")
    one.act("vote_on_decision", "regulator2", proposed["decision"], value="for")
    now = world.trial(one)
    assert (now["cap_people"], now["plan_version"], now["epoch"]) == (1200, 2, before["epoch"])
    assert [r["outcome"] for r in rows(program, CLOCKS, one.trial) if r["key"] == "D11.A4"] == ["done"]
    exposure = [r for r in rows(program, SECTION_ROWS, one.trial) if r["kind"] == "exposure"][-1]
    assert (exposure["body"]["people"], exposure["version"]) == (1200, now["exposure_version"])
    with pytest.raises(Refused, match="already_decided"):
        accept(one, filed["id"])

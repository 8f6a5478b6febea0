"""What is agreed of the light: the same fields for a plan and for a pilot that is taken over, by every door."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from cast import Cast, adopt
from desk import Application, Desks, desks
from tree import tree

from sandbox.jobs.clock import Shifted
from sandbox.jobs.imports import Terms, import_confirmed
from sandbox.jobs.program import Program
from sandbox.rules.intake import BadMapping, read_mapping
from sandbox.rules.risk import agreed_budget
from sandbox.store.distributions import BASELINES
from sandbox.store.trials import LIMITS, TRIALS

AGREED: dict[str, Any] = {
    "limits": [{"indicator": "harm_S3", "per_exposure": 0.001, "weight": 0.3},
               {"indicator": "disparity", "per_exposure": 0.8, "weight": 0.1}],
    "budget_limit": 0.0001, "background_rate": 0.01, "alpha": 0.02, "alpha_yellow": 0.1,
    "compared": [{"attribute": "age", "reference": "under 60"}],
    "baselines": [{"name": "score", "cut": "Deciles", "counts": [20] * 10}],
}
NAMES = ("alpha", "alpha_yellow", "budget", "background_rate", "silent_days")


def frozen(program: Program, trial: str) -> tuple[Any, ...]:
    """What is kept of it."""
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()
        limits = connection.execute(sa.select(LIMITS).where(LIMITS.c.trial_id == trial).order_by(
            LIMITS.c.indicator)).mappings().all()
        watched = connection.execute(sa.select(BASELINES.c.name, BASELINES.c.cut, BASELINES.c.counts).where(
            BASELINES.c.trial_id == trial)).all()
    return ({name: row[name] for name in NAMES},
            [(one["indicator"], one["per_exposure"], round(one["weight"], 9), one["terms"]) for one in limits],
            [tuple(one) for one in watched])


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


def test_a_pilot_that_is_taken_over_agrees_on_all_that_a_plan_does_and_it_is_frozen(
        program: Program, cast: Cast, clock: Shifted) -> None:
    planned = Application(program, cast).started(clock, **AGREED).trial
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS).where(TRIALS.c.id == planned)).mappings().one()
    same = {"volume": row["cap_volume"], "rate_per_day": row["rate_per_day"], "days": row["day_limit"]}
    taken, = adopt(program, cast, 1, **AGREED, **same)
    kept, limits, watched = frozen(program, taken)
    assert frozen(program, planned) == (kept, limits, watched)
    assert kept == {"alpha": 0.02, "alpha_yellow": 0.1, "background_rate": 0.01, "silent_days": kept["silent_days"],
                    "budget": agreed_budget(0.0001, row["cap_volume"], 0.02)}
    assert limits == [("disparity", 0.8, 0.25, {"attributes": {"age": {"reference": "under 60"}}}),
                      ("harm_S3", 0.001, 0.75, None)]
    assert watched == [("score", "Deciles", [20] * 10)]
    with program.reading() as connection:
        source = connection.execute(sa.select(TRIALS.c.source_key).where(TRIALS.c.id == taken)).scalar_one()
    again = program.acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": row["scenario_id"], "organisation": "海睿", "tier": "R3", "unverified": "All",
        "source_key": source, **AGREED, **same, "alpha": 0.2}]})
    assert again.trials == {source: taken} and frozen(program, taken) == (kept, limits, watched)


def flat(body: Mapping[str, Any]) -> dict[str, str]:
    """A body as a form sends it."""
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, list):
            for place, row in enumerate(value):
                found |= {f"{name}-{place}-{key}": ", ".join(map(str, cell)) if isinstance(cell, list) else str(cell)
                          for key, cell in row.items()}
        else:
            found[name] = str(value)
    return found


def test_the_adoption_form_takes_them_and_the_second_regulator_reads_them(
        program: Program, cast: Cast, at: Desks) -> None:
    scenario = program.acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
    pilot = {"title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "environment": "E3",
             "days": "180", "unit": "uses", "rate_per_day": "100", "unverified": "What happened before"}
    wrong = at(cast.lin).send("/adopt?lang=en", {**pilot, **flat(AGREED), "baselines-0-counts": "1, 2, three"},
                              "/adopt")
    field = tree(wrong.text).one(id="f-baselines-0-counts")
    assert (wrong.status_code, field.attrs["value"], field.attrs["aria-invalid"]) == (422, "1, 2, three", "true")
    proposed = at(cast.lin).send("/adopt?lang=en", {**pilot, **flat(AGREED)}, "/adopt")
    decision = proposed.location.rsplit("/", 1)[1]
    page = tree(at(cast.zhou).get(f"/decisions/{decision}?lang=en").text).text
    for said in ("Background rate of feedback per use: 0.01", "Groups compared: age", "Baselines: score",
                 "Limit of S2 incidents per exposure: 0.0001", "Chance of a false red (expert setting): 0.02"):
        assert said in page
    voted = program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, decision)
    kept, limits, watched = frozen(program, *voted.trials.values())
    assert (kept["alpha"], kept["background_rate"], len(limits), watched) == (0.02, 0.01, 2, [("score", "Deciles",
                                                                                             [20] * 10)])


MAPPING = """{"name": "buses", "zone": "Asia/Shanghai", "unit": "uses", "dates": ["%%Y-%%m"],
  "sources": [{"makes": "feedback", "columns": {
  "Permit": "permit", "Firm": "organisation", "Month": "month", "Uses": "exposures"},
  "counts": {"Complaints": "complaint", "Stops": "disengagement"}}], "agreed": %s}"""
RECORD = b"Permit,Firm,Month,Uses,Complaints,Stops\nP1,Hai Rui,2026-01,1000,3,20\n"


def test_a_mapping_agrees_for_every_trial_of_a_record_and_what_it_leaves_out_is_the_trials_own_past_rate(
        program: Program, cast: Cast) -> None:
    mapping = read_mapping((MAPPING % '{"alpha": 0.02, "background_rate": 0.001, "limits": '
                            '[{"indicator": "complaint", "per_exposure": 0.01, "weight": 0.5}]}').encode())
    import_confirmed(program, cast.lin, cast.zhou, mapping, [("buses.csv", RECORD)], Terms())
    with program.reading() as connection:
        trial = connection.execute(sa.select(TRIALS.c.id).where(TRIALS.c.source_key == "buses:P1")).scalar_one()
    kept, limits, _ = frozen(program, trial)
    assert (kept["alpha"], kept["alpha_yellow"], kept["background_rate"]) == (0.02, 0.2, 0.001)
    assert limits == [("complaint", 0.01, round(1 / 3, 9), None), ("disengagement", 0.02, round(2 / 3, 9), None)]


@pytest.mark.parametrize(("agreed", "reason", "where"), [
    ('{"alpha": 0.9}', "intake.mapping_wrong_value", "/agreed/alpha"),
    ('{"alfa": 0.02}', "intake.mapping_unknown_key", "/agreed/alfa"),
    ('{"limits": [{"indicator": "complaint"}]}', "intake.mapping_wrong_value", "/agreed/limits/0/per_exposure"),
])
def test_a_mapping_that_agrees_on_what_cannot_be_is_refused_by_its_place(
        program: Program, cast: Cast, agreed: str, reason: str, where: str) -> None:
    mapping = read_mapping((MAPPING % agreed).encode())
    with pytest.raises(BadMapping) as refused:
        import_confirmed(program, cast.lin, cast.zhou, mapping, [("buses.csv", RECORD)], Terms())
    assert [(one.key, dict(one.values)["where"]) for one in refused.value.reasons] == [(reason, where)]

"""Drift from a baseline: judged once a period, yellow and never red, by whatever door the counts come in."""

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt

from sandbox.acts.refusals import Invalid
from sandbox.jobs.arrivals import from_json
from sandbox.jobs.batches import BatchRefused, Intake, Sending
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads.drift import DriftPeriod, drift
from sandbox.rules.drift import drift_bound, psi
from sandbox.store.distributions import BASELINES
from sandbox.store.dues import NOTICES
from sandbox.store.reviews import REVIEWS
from sandbox.store.trials import TRIALS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
EVEN, SHIFTED = [50] * 10, [150, 100, *[31] * 8]
BASELINE = {"name": "score", "cut": "At the deciles of the sample", "counts": [200] * 10}


@pytest.fixture
def trial(program: Program, cast: Cast) -> str:
    """A weekly trial that watches its model's score."""
    return adopt(program, cast, 1, limits=[{"indicator": "complaint", "per_exposure": 0.1}], baselines=[BASELINE])[0]


def ends(week: int) -> datetime:
    """24:00 of the last day of a week, in Shanghai; the start before the first."""
    return START.replace(hour=16) + 7 * week * DAY if week else START


def given(week: int, counts: list[int] | None, part: str = "", **more: Any) -> dict[str, Any]:
    """A week's report; or of its last day, or of the days before it."""
    split = ends(week) - DAY
    start, end = split if part == "last" else ends(week - 1), split if part == "first" else ends(week)
    told = [] if counts is None else [{"name": "score", "counts": counts}]
    return {"period_start": start.isoformat(), "period_end": end.isoformat(), "exposures": 200.0,
            "distributions": told, **more}


def file(program: Program, cast: Cast, clock: Shifted, trial: str, *reports: dict[str, Any]) -> Any:
    """File reports, each an hour after its end; returns what the last one answered."""
    for report in reports:
        clock.forward(datetime.fromisoformat(report["period_end"]) + HOUR)
        done = program.acts.do("file_feedback", cast.fang, report, trial)
    return done


def row(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()


def periods(program: Program, trial: str) -> tuple[DriftPeriod, ...]:
    with program.reading() as connection:
        line, = drift(connection, row(program, trial), program.clock(), program.settings.zone)
    return line.periods


def told(program: Program) -> list[dict[str, Any]]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(NOTICES.c.content).where(
            NOTICES.c.kind == "drifted").order_by(NOTICES.c.at)).scalars())


def test_a_period_that_has_drifted_turns_the_light_yellow_when_it_closes_and_calls_a_review(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    assert file(program, cast, clock, trial, given(1, EVEN)).light != "yellow"
    assert file(program, cast, clock, trial, given(2, SHIFTED, "first")).light != "yellow", "the period is still open"
    assert [one.looked_at is None for one in periods(program, trial)] == [False, True]
    done = file(program, cast, clock, trial, given(2, SHIFTED, "last"))
    assert (done.light, done.state) == ("yellow", "trial")
    one, two = periods(program, trial)
    both = [2 * count for count in SHIFTED]
    assert (one.look.drifted, two.look.drifted) == (False, True)
    assert two.look.index == psi([200] * 10, both) and two.look.bound == drift_bound(sum(both), 2000, 10, 2)
    assert [(one["name"], one["index"]) for one in told(program)] == [("score", round(two.look.index, 3))]
    with program.reading() as connection:
        assert connection.execute(sa.select(REVIEWS.c.kind).where(
            REVIEWS.c.trial_id == trial, REVIEWS.c.state == "open")).scalars().all() == ["yellow"]


def test_drift_however_great_never_stops_a_trial_and_a_cleared_one_returns_only_with_new_drift(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    file(program, cast, clock, trial, given(1, [5000, *[0] * 9]))
    assert (row(program, trial)["state"], row(program, trial)["light"]) == ("trial", "yellow")
    program.acts.do("clear_yellow", cast.lin, {"reason": "A new district was added to the trial as agreed"}, trial)
    assert file(program, cast, clock, trial, given(2, EVEN)).light != "yellow"
    assert file(program, cast, clock, trial, given(3, SHIFTED)).light == "yellow"
    assert row(program, trial)["state"] == "trial"


def test_counts_that_change_are_looked_at_again_and_a_firm_cannot_take_drift_back_by_itself(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    report = file(program, cast, clock, trial, given(1, SHIFTED)).id
    before = periods(program, trial)
    given_back = {"report": given(1, EVEN), "reason": "Counted by the wrong clock"}
    corrected = program.acts.do("correct_feedback", cast.fang, given_back, report)
    assert corrected.state == "waiting" and periods(program, trial) == before
    program.acts.do("decide_correction", cast.lin, {"accept": True, "reason": "Seen in the logs"}, corrected.id)
    one, = periods(program, trial)
    assert (one.look.drifted, one.look.cases, one.looked_at is not None) == (False, 500, True)
    assert row(program, trial)["light"] == "yellow", "a person clears it"


def test_only_what_the_plan_watches_is_taken_in_ten_bins(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(ends(1) + HOUR)
    other = given(1, None, distributions=[{"name": "age", "counts": EVEN}])
    with pytest.raises(Invalid) as refused:
        program.acts.do("file_feedback", cast.fang, other, trial)
    assert [(path, why.key) for path, why in refused.value.errors] == [
        (("distributions", 0, "name"), "error.unknown_distribution")]
    with pytest.raises(ValueError, match="at least 10"):
        program.acts.do("file_feedback", cast.fang, given(1, [1] * 9), trial)
    with pytest.raises(ValueError, match="baseline_empty"):
        adopt(program, cast, 1, baselines=[{**BASELINE, "counts": [0] * 10}])


def test_a_baseline_is_kept_as_it_was_agreed(program: Program, trial: str) -> None:
    with program.reading() as connection:
        kept = connection.execute(sa.select(BASELINES)).mappings().one()
    assert dict(kept) == {"trial_id": trial, **BASELINE}


def test_lines_of_a_batch_are_added_up_and_judged_as_single_reports_are(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    other, = adopt(program, cast, 1, limits=[{"indicator": "complaint", "per_exposure": 0.1}], baselines=[BASELINE])
    parts = [given(1, SHIFTED, "first"), given(1, EVEN, "last"), given(2, SHIFTED)]
    file(program, cast, clock, trial, *parts)
    Intake(program).take(cast.fang, other, from_json((orjson.dumps(one) for one in parts), orjson.loads),
                         Sending("sent", "api"))
    assert [(one.number, one.look) for one in periods(program, other)] == [
        (one.number, one.look) for one in periods(program, trial)]
    assert row(program, other)["light"] == row(program, trial)["light"] == "yellow"
    unknown = {**given(3, None), "distributions": [{"name": "age", "counts": EVEN}]}
    clock.forward(ends(3) + HOUR)
    with pytest.raises(BatchRefused) as refused:
        Intake(program).take(cast.fang, other, from_json(iter([orjson.dumps(unknown)]), orjson.loads),
                             Sending("again", "api"))
    assert [(line, fault.field, fault.code) for line, fault in refused.value.faults] == [
        (1, "distributions.0.name", "unknown_distribution")]

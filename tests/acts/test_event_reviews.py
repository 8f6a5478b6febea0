"""Reviews that an event opens: an incident of the third class, complaints, an alarm line crossed twice."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, actor
from conftest import Shifted
from world import World

from sandbox.acts.act import Acts
from sandbox.acts.effects import EMERGENCY
from sandbox.jobs.arrivals import from_json
from sandbox.jobs.batches import Intake, Sending
from sandbox.jobs.clock import walk
from sandbox.jobs.program import Program
from sandbox.jobs.tick import beat, tick
from sandbox.reads.guidance import guidance_since
from sandbox.rules.cadence import EXTRAS
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.lifecycle import NEEDS_NO_REVIEW, Cause
from sandbox.store.dues import DUES, DueKind
from sandbox.store.feedback import FEEDBACK
from sandbox.store.reviews import REVIEWS, ReviewKind
from sandbox.store.trials import TRIALS
from sandbox.words import LOCALES, has_word

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
Adopted = Callable[..., list[str]]
QUIET = [{"indicator": "override", "per_exposure": 0.1}]
"""Limits of which no incident says anything."""


def called(program: Program, *kinds: str) -> list[tuple[str, str | None, str]]:
    kinds = kinds or ("event", "yellow", "emergency", "called")
    with program.reading() as connection:
        return [(one.kind, one.reason, one.state) for one in connection.execute(
            sa.select(REVIEWS).where(REVIEWS.c.kind.in_(kinds)).order_by(REVIEWS.c.id))]


def incident(acts: Acts, who: Any, trial: str, severity: str, **more: Any) -> str:
    given = {"severity": severity, "occurred_at": acts.clock().isoformat(), **more}
    return str(acts.do("file_incident", who, given, on=trial).id)


def hold(program: Program, cast: Cast) -> None:
    with program.reading() as connection:
        waiting = connection.execute(sa.select(REVIEWS.c.id).where(REVIEWS.c.state == "open")).scalars().all()
    for one in waiting:
        program.acts.do("conclude_review", cast.lin, {"recommendation": "continue", "conclusion": "Looked at",
                                                      "stand_in": True}, on=one)


def report(acts: Acts, who: Any, trial: str, clock: Shifted, **more: Any) -> Any:
    clock.forward(clock() + HOUR)
    return acts.do("file_feedback", who, {"period_start": clock() - HOUR, "period_end": clock(), "exposures": 10.0,
                                          **more}, on=trial)


# The table


def test_every_cause_stands_once_in_the_table_with_its_kind_its_days_and_its_words() -> None:
    stops = {cause for cause, row in EXTRAS.items() if row.kind == ReviewKind.EMERGENCY}
    assert stops == {cause.value for cause in Cause if cause not in NEEDS_NO_REVIEW}
    assert {row.kind for row in EXTRAS.values()} <= set(ReviewKind)
    assert timedelta(hours=KNOWN["C17"].amount) == EMERGENCY
    wanted = [f"page.reason.{cause}" if cause in stops else f"page.review.why_{cause}" for cause in EXTRAS]
    assert [(key, locale) for key in wanted for locale in LOCALES if not has_word(key, locale)] == []


# An incident of the third class


def test_the_third_class_is_reviewed_within_a_week_and_a_second_joins(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    trial, = adopted(1, limits=QUIET)
    incident(acts, cast.fang, trial, "S4")
    incident(acts, cast.fang, trial, "S3", kind="near_miss")
    assert called(program) == []
    for _ in range(2):
        incident(acts, cast.fang, trial, "S3")
    assert called(program) == [("event", "moderate_incident", "open")]
    with program.reading() as connection:
        assert connection.execute(sa.select(REVIEWS.c.due_at).where(REVIEWS.c.kind == "event")).scalar() \
            == START + 7 * DAY
    hold(program, cast)
    clock.forward(clock() + HOUR)
    incident(acts, cast.fang, trial, "S3")
    assert called(program) == [("event", "moderate_incident", "held"), ("event", "moderate_incident", "open")]


def test_one_that_came_to_be_of_the_third_class_is_a_cause_once_and_a_graver_one_has_had_its_review(
        program: Program, acts: Acts, cast: Cast, adopted: Adopted) -> None:
    trial, = adopted(1, limits=QUIET)
    graver = incident(acts, cast.fang, trial, "S2")
    acts.do("update_incident", cast.lin, {"severity": "S3"}, on=graver)
    assert called(program, "event") == []
    hold(program, cast)
    milder = incident(acts, cast.fang, trial, "S4")
    for severity in ("S3", "S4", "S3"):
        acts.do("update_incident", cast.lin, {"severity": severity}, on=milder)
        hold(program, cast)
    assert called(program, "event") == [("event", "moderate_incident", "held")]


def test_it_joins_the_emergency_review_and_a_yellow_light_takes_over_the_review_of_an_event(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    first, second = adopted(2)
    incident(acts, cast.fang, first, "S2")
    incident(acts, cast.fang, first, "S3")
    assert called(program) == [("emergency", "grave_incident moderate_incident", "open")]
    clock.forward(clock() + HOUR)
    incident(acts, cast.fang, second, "S3")
    report(acts, cast.fang, second, clock, events={"harm_S3": 2})
    assert called(program)[1:] == [("yellow", "moderate_incident evidence", "open")]


def test_it_joins_the_periodic_review_on_which_the_whole_panel_sits_when_that_is_due_in_time(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    trial, = adopted(1, tier="R2")
    program.door.submit(lambda transaction: transaction.connection.execute(sa.delete(DUES).where(
        DUES.c.kind != DueKind.OPEN_REVIEW)))
    clock.forward(START + 55 * DAY)
    beat(program, clock())
    tick(program)
    incident(acts, cast.fang, trial, "S3")
    assert called(program) == []
    assert called(program, "periodic") == [("periodic", "moderate_incident", "open")]


# Complaints


def test_complaints_past_their_line_are_a_cause_once_and_again_when_the_evidence_is_five_times_as_much(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    trial, = adopted(1, limits=[{"indicator": "harm_S3", "per_exposure": 0.001, "weight": 0.998},
                                {"indicator": "complaint", "per_exposure": 0.001, "weight": 0.002}],
                     rate_per_day=24_000.0)
    report(acts, cast.fang, trial, clock, exposures=1000.0, events={"complaint": 2})
    assert called(program) == []
    report(acts, cast.fang, trial, clock, exposures=1.0, events={"complaint": 4})
    report(acts, cast.fang, trial, clock, exposures=1.0)
    assert called(program) == [("event", "complaints", "open")]
    with program.reading() as connection:
        assert connection.execute(sa.select(TRIALS.c.light)).scalar() in ("grey", "green"), "the light has its own line"
    hold(program, cast)
    report(acts, cast.fang, trial, clock, exposures=1.0)
    assert len(called(program)) == 1
    report(acts, cast.fang, trial, clock, exposures=1.0, events={"complaint": 2})
    assert called(program)[1:] == [("event", "complaints", "open")]


# Measures


@pytest.fixture
def measured(world: World) -> Any:
    """A running trial whose plan has alarm lines: at least 90 % right, at most 12 minutes."""
    one = world.walk()
    world.go(one.admitted())
    one.file("plan", metrics=[
        {"name": "建议准确率", "pass_line": 95.0, "alarm_line": 90.0, "told_as": "accuracy"},
        {"name": "平均办理时长", "higher_is_better": False, "pass_line": 10.0, "alarm_line": 12.0,
         "told_as": "minutes"}])
    one.file("exposure", sites="甲、乙")
    world.go(one.prepared())
    one.start()
    return one


def tell(world: World, one: Any, site: str | None = None, **metrics: float) -> str:
    world.clock.forward(world.clock() + HOUR)
    return str(one.act("file_feedback", one.firm, period_start=world.clock() - HOUR, period_end=world.clock(),
                       exposures=1.0, site=site, metrics=metrics)["id"])


def test_a_second_crossing_of_one_line_opens_exactly_one_review(world: World, measured: Any) -> None:
    def opened() -> list[str]:
        return [state for kind, reason, state in called(world.program, "event") if reason == "alarm_crossed"]

    for accuracy in (96.0, 89.0, 88.0, 90.0):
        tell(world, measured, accuracy=accuracy, minutes=11.0)
    assert opened() == [], "crossed once; on the line is not beyond it"
    tell(world, measured, minutes=13.0)
    assert opened() == [], "another line has its own count"
    tell(world, measured, accuracy=89.9)
    tell(world, measured, accuracy=80.0)
    assert opened() == ["open"]
    measured.hold_reviews()
    for accuracy in (79.0, 95.0, 89.0):
        tell(world, measured, accuracy=accuracy)
    assert opened() == ["held"], "what the panel has seen does not count again"
    for accuracy in (95.0, 89.0):
        tell(world, measured, accuracy=accuracy)
    assert opened() == ["held", "open"]


def test_each_site_has_its_own_series_and_a_correction_counts_as_told(world: World, measured: Any) -> None:
    for site in ("甲", "乙"):
        tell(world, measured, site, accuracy=80.0)
    assert called(world.program, "event") == []
    later = tell(world, measured, "甲", accuracy=95.0)
    tell(world, measured, "甲", accuracy=96.0)
    with world.program.reading() as connection:
        row = connection.execute(sa.select(FEEDBACK).where(FEEDBACK.c.id == later)).mappings().one()
    kept = {name: row[name] for name in ("period_start", "period_end", "exposures", "site")}
    measured.act("correct_feedback", measured.firm, later, reason="Two cases were wrong",
                 report={**kept, "metrics": {"accuracy": 95.0, "minutes": 14.0}})
    assert called(world.program, "event") == [], "the first of another line"
    tell(world, measured, "甲", minutes=9.0)
    tell(world, measured, "甲", minutes=14.0)
    assert called(world.program, "event") == [("event", "alarm_crossed", "open")]


def test_lines_of_a_batch_count_as_reports_do(world: World, measured: Any) -> None:
    day = world.clock() + DAY
    lines = [{"period_start": (day + n * HOUR).isoformat(), "period_end": (day + (n + 1) * HOUR).isoformat(),
              "exposures": 1.0, "metrics": {"accuracy": value}} for n, value in enumerate((96.0, 80.0, 96.0, 80.0))]
    world.clock.forward(day + DAY)
    firm = actor(world.program, world.hand.account(measured.firm))
    sent = from_json((json.dumps(line).encode() for line in lines), json.loads)
    Intake(world.program).take(firm, measured.trial, sent, Sending("sent", "api"))
    assert called(world.program, "event") == [("event", "alarm_crossed", "open")]


# New law and guidance


def test_guidance_reviews_the_trials_of_the_uses_it_names_once_and_every_trial_where_it_names_none(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    first, = adopted(1, limits=QUIET)
    second, = adopted(1, limits=QUIET)
    with program.reading() as connection:
        scenarios = dict(connection.execute(sa.select(TRIALS.c.id, TRIALS.c.scenario_id)).all())
    acts.do("change_scenario", cast.lin, {"scenario_id": scenarios[second], "template": "credit_check"})
    law = {"title": "Credit law", "summary": "Refusals are explained", "templates": ["credit_check"]}
    assert acts.do("record_guidance", cast.lin, law).trials == 1
    tick(program)
    with program.reading() as connection:
        opened, = connection.execute(sa.select(REVIEWS).where(REVIEWS.c.kind == "event")).all()
    assert (opened.trial_id, opened.reason, opened.due_at) == (second, "guidance", START + 14 * DAY)
    assert acts.do("record_guidance", cast.lin, {"title": "For all", "summary": "Labels"}).trials == 2
    tick(program)
    tick(program)
    assert called(program) == [("event", "guidance", "open")] * 2, "the open one looks at this too"


def test_a_reviewer_reads_the_guidance_that_came_since_the_last_review_and_concerns_the_trial(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    adopted(1)
    for name, kinds in (("Credit law", ["credit_check"]), ("For all", []), ("Vehicle law", ["delivery_vehicle"])):
        clock.forward(clock() + HOUR)
        acts.do("record_guidance", cast.lin, {"title": name, "summary": "New", "templates": kinds})
    with program.reading() as connection:
        def since(at: Any, template: str | None) -> list[str]:
            return [one["title"] for one in guidance_since(connection, at, template)]

        assert since(START, "credit_check") == ["Credit law", "For all"]
        assert since(START, None) == ["For all"]
        assert since(START + 2 * HOUR, "delivery_vehicle") == ["Vehicle law"]


# Reports that are missing


def test_two_missing_reports_stop_the_trial_and_its_emergency_review_says_so(program: Program, cast: Cast,
                                                                             clock: Shifted, adopted: Adopted) -> None:
    adopted(1, limits=QUIET)
    walk(program, clock, START + 16 * DAY)
    assert called(program) == [("yellow", "feedback_late", "open"), ("emergency", "feedback_missing", "open")]
    with program.reading() as connection:
        assert connection.execute(sa.select(TRIALS.c.state)).scalar() == "suspended"

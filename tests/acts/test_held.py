"""Held filings: a slip of the pen stops no hospital, and harm is never held."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import NotFound, NotPermitted, Refused
from sandbox.jobs.clock import Shifted, walk
from sandbox.jobs.program import Program
from sandbox.store.feedback import FEEDBACK
from sandbox.store.held import HELD
from sandbox.store.log import LOG
from sandbox.store.scope import seen_trial
from sandbox.store.trials import COUNTERS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST = START + timedelta(days=7, hours=15)


@pytest.fixture
def trial(program: Program, cast: Cast, clock: Shifted) -> str:
    """A running trial of a pinned version, with caps and four reports of a hundred uses each."""
    acts = program.acts
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Wards", "description": "A hospital"}).id
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Ward", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 100.0,
        "limits": [{"indicator": "harm_any", "per_exposure": 0.01}, {"indicator": "complaint", "per_exposure": 0.1}],
        "unverified": "All", "source_key": "w", "volume": 1000.0, "people": 100, "model_version": "2.1"}]})
    one = str(acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision).trials["w"])
    clock.forward(START + 5 * DAY)
    for day in range(4):
        acts.do("file_feedback", cast.fang, report(day), one)
    return one


def report(day: int, **more: Any) -> dict[str, Any]:
    start = START + day * DAY
    return {"period_start": start.isoformat(), "period_end": (start + DAY).isoformat(), "exposures": 100.0,
            "people_new": 5, "model_version": "2.1", **more}


def row(program: Program, cast: Cast, trial: str) -> dict[str, Any]:
    with program.reading() as connection:
        return seen_trial(connection, cast.lin, trial) or {}


def kept(program: Program) -> tuple[Any, ...]:
    """Everything that a report changes."""
    with program.reading() as connection:
        return tuple(connection.execute(query).all() for query in (
            sa.select(FEEDBACK.c.id), sa.select(COUNTERS), sa.select(LOG.c.act).where(LOG.c.act == "suspend")))


def states(program: Program) -> list[str]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(HELD.c.state).order_by(HELD.c.at, HELD.c.applies_at)).scalars())


@pytest.mark.parametrize(("slip", "doubt", "cause"), [
    ({"exposures": 10_000.0}, "far_more", "cap_exceeded"), ({"people_new": 500}, "far_more", "cap_exceeded"),
    ({"model_version": "2.2"}, "other_version", "unsafe_version"),
])
def test_a_slip_that_would_stop_the_trial_is_held_with_its_consequence(
        program: Program, acts: Acts, cast: Cast, trial: str, slip: dict[str, Any], doubt: str, cause: str) -> None:
    before = kept(program)
    filed = acts.do("file_feedback", cast.fang, report(4, **slip), trial)
    assert (filed.state, filed.held.doubts, filed.held.causes) == ("trial", [doubt], [cause])
    assert filed.held.applies_at == START + 6 * DAY
    assert kept(program) == before


@pytest.mark.parametrize("slip", [
    {"exposures": 600.0}, {"model_version": " V 2.1 "}, {"exposures": 500.0}, {"people_new": 24},
])
def test_what_is_plausible_or_stops_nothing_counts_at_once(
        acts: Acts, cast: Cast, trial: str, slip: dict[str, Any]) -> None:
    assert acts.do("file_feedback", cast.fang, report(4, **slip), trial).held is None


def test_a_filing_taken_back_and_filed_again_has_the_same_day(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    slip = report(4, exposures=10_000.0)
    first = acts.do("file_feedback", cast.fang, slip, trial).held
    acts.do("withdraw_filing", cast.fang, {}, first.id)
    clock.forward(START + 5 * DAY + 20 * HOUR)
    again = acts.do("file_feedback", cast.fang, {**slip, "exposures": 9_000.0}, trial).held
    assert again.applies_at == first.applies_at
    acts.do("withdraw_filing", cast.fang, {}, again.id)
    clock.forward(START + 6 * DAY + HOUR)
    filed = acts.do("file_feedback", cast.fang, slip, trial)
    assert (filed.held, filed.state) == (None, "suspended")


def test_a_cap_passed_by_little_suspends_at_once(acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    acts.do("file_feedback", cast.fang, report(4, exposures=400.0), trial)
    clock.forward(START + 6 * DAY)
    filed = acts.do("file_feedback", cast.fang, report(5, exposures=300.0), trial)
    assert (filed.held, filed.state) == (None, "suspended")


@pytest.mark.parametrize("harm", [{"harm_S1": 1}, {"harm_S4": 1}])
def test_harm_is_never_held(acts: Acts, cast: Cast, trial: str, harm: dict[str, int]) -> None:
    filed = acts.do("file_feedback", cast.fang, report(4, exposures=10_000.0, events=harm), trial)
    assert (filed.held, filed.state) == (None, "suspended")


def test_what_the_evidence_would_stop_anyway_is_not_held(acts: Acts, cast: Cast, trial: str) -> None:
    filed = acts.do("file_feedback", cast.fang, report(4, model_version="9", events={"complaint": 900}), trial)
    assert (filed.held, filed.state) == (None, "suspended")


def test_a_dry_run_says_what_would_be_held_and_keeps_nothing(
        program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    filed = acts.do("file_feedback", cast.fang, report(4, exposures=10_000.0), trial, dry_run=True)
    assert filed.held.causes == ["cap_exceeded"] and states(program) == []


def test_a_repeated_key_is_answered_alike_and_the_same_report_is_held_once(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    first, again = (acts.do("file_feedback", cast.fang, report(4, exposures=10_000.0), trial, key="k")
                    for _ in range(2))
    clock.forward(START + 5 * DAY + HOUR)
    other = acts.do("file_feedback", cast.fang, report(4, exposures=10_000.0), trial, key="l")
    assert first == again and other.held == first.held and states(program) == ["waiting"]


def test_it_counts_a_day_later_as_it_was_filed_unless_somebody_acts(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    acts.do("file_feedback", cast.fang, report(4, exposures=10_000.0), trial)
    walk(program, clock, START + 6 * DAY - HOUR)
    assert row(program, cast, trial)["state"] == "trial"
    walk(program, clock, START + 6 * DAY)
    assert row(program, cast, trial)["state"] == "suspended" and states(program) == ["applied"]
    with program.reading() as connection:
        filed = connection.execute(sa.select(FEEDBACK).order_by(FEEDBACK.c.period_start.desc())).mappings().first()
    assert filed and (filed["at"], filed["author_id"]) == (START + 5 * DAY, cast.fang.id)


def test_another_filing_of_the_time_takes_its_place_and_what_is_wrong_again_keeps_the_first_hour(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    acts.do("file_feedback", cast.fang, report(4, exposures=10_000.0), trial)
    clock.forward(START + 5 * DAY + HOUR)
    again = acts.do("file_feedback", cast.fang, report(4, exposures=9_000.0), trial)
    assert again.held.applies_at == START + 6 * DAY
    assert acts.do("file_feedback", cast.fang, report(4, exposures=120.0), trial).held is None
    assert states(program) == ["corrected", "corrected"]
    walk(program, clock, START + 7 * DAY)
    assert row(program, cast, trial)["used_volume"] == 520.0


@pytest.mark.parametrize("who", ["fang", "lin"])
def test_firm_or_officer_confirms_and_it_counts_at_once(
        program: Program, acts: Acts, cast: Cast, trial: str, who: str) -> None:
    held = acts.do("file_feedback", cast.fang, report(4, exposures=10_000.0), trial).held
    done = acts.do("confirm_filing", getattr(cast, who), {"reason": "It is so"}, held.id)
    assert (done.state, states(program)) == ("suspended", ["applied"])
    with pytest.raises(Refused, match="already_decided"):
        acts.do("withdraw_filing", cast.fang, {}, held.id)


def test_only_the_firm_takes_it_back_and_a_stranger_sees_nothing(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    held = acts.do("file_feedback", cast.fang, report(4, model_version="3"), trial).held
    with pytest.raises(NotPermitted):
        acts.do("withdraw_filing", cast.lin, {}, held.id)
    with pytest.raises(NotFound):
        acts.do("confirm_filing", cast.gao, {}, held.id)
    acts.do("withdraw_filing", cast.fang, {"reason": "A typing error"}, held.id)
    walk(program, clock, START + 7 * DAY)
    assert (row(program, cast, trial)["reports"], states(program)) == (4, ["withdrawn"])


def test_a_held_filing_is_no_silence(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    walk(program, clock, FIRST + 23 * HOUR)
    gap = report(4, model_version="3", period_end=FIRST.isoformat())
    acts.do("file_feedback", cast.fang, gap, trial)
    walk(program, clock, FIRST + 40 * HOUR)
    assert row(program, cast, trial)["light"] != "yellow"

"""Reports and time: deadlines follow the schedule, what is left out stays owed, and places and caps stop a trial."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid
from sandbox.jobs.clock import Shifted, walk
from sandbox.jobs.program import Program
from sandbox.store.dues import DUES, NOTICES
from sandbox.store.scope import seen_trial

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST = START + timedelta(days=7, hours=15)
"""24:00 in Shanghai: the end of the first period of a trial of tier R3."""
Adopted = Callable[..., list[str]]


@pytest.fixture
def trial(adopted: Adopted) -> str:
    return adopted(1)[0]


def report(start: datetime, end: datetime, **more: Any) -> dict[str, Any]:
    return {"period_start": start.isoformat(), "period_end": end.isoformat(), "exposures": 50.0, **more}


def dues(program: Program, trial: str) -> dict[str, datetime]:
    with program.reading() as connection:
        rows = connection.execute(sa.select(DUES.c.kind, DUES.c.at).where(DUES.c.trial_id == trial))
        return {row.kind: row.at for row in rows}


def row(program: Program, cast: Cast, trial: str) -> dict[str, Any]:
    with program.reading() as connection:
        return seen_trial(connection, cast.lin, trial) or {}


def told(program: Program, trial: str, kind: str) -> list[str]:
    with program.reading() as connection:
        return sorted(connection.execute(sa.select(NOTICES.c.role).where(
            NOTICES.c.trial_id == trial, NOTICES.c.kind == kind)).scalars())


def test_an_early_report_of_a_part_of_a_period_moves_no_deadline(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(START + 2 * HOUR)
    filed = acts.do("file_feedback", cast.fang, report(START, START + HOUR, exposures=0.0), trial)
    assert filed.next_due_at == FIRST
    assert dues(program, trial)["feedback_late"] == FIRST + DAY


def test_a_deadline_moves_when_all_of_its_period_is_told_in_whatever_order(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST + HOUR)
    middle = START + 3 * DAY
    after = [acts.do("file_feedback", cast.fang, one, trial).next_due_at for one in (
        report(FIRST - DAY, FIRST), report(middle, FIRST - DAY), report(START, middle))]
    assert after == [FIRST, FIRST, FIRST + 7 * DAY]
    assert row(program, cast, trial)["islands"] == 0


def test_what_is_told_beyond_a_gap_is_no_silence_and_the_gap_stays_owed(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST + 7 * DAY + HOUR)
    acts.do("file_feedback", cast.fang, report(FIRST, FIRST + 7 * DAY), trial)
    found = dues(program, trial)
    assert found["feedback_late"] == FIRST + DAY  # the first period is still untold
    assert found["feedback_missing"] == FIRST + 21 * DAY  # but the second is told: only the third and fourth are a pair


def test_a_report_that_reaches_across_a_deadline_is_refused_with_the_place_to_split_it(
        acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST + DAY)
    with pytest.raises(Invalid) as refused:
        acts.do("file_feedback", cast.fang, report(FIRST - HOUR, FIRST + HOUR), trial)
    path, why = refused.value.errors[0]
    assert path == ("period_end",) and why.values["at"] == "2026-03-10 00:00"


def test_a_report_of_the_whole_trial_and_one_of_a_site_do_not_tell_of_the_same_time(
        acts: Acts, cast: Cast, clock: Shifted, trial: str) -> None:
    clock.forward(FIRST)
    acts.do("file_feedback", cast.fang, report(START, START + DAY, site="Übersee"), trial)
    acts.do("file_feedback", cast.fang, report(START, START + DAY, site="East"), trial)
    acts.do("file_feedback", cast.fang, report(START + DAY, START + 2 * DAY), trial)
    for start, site in ((START, None), (START, "ÜBERSEE"), (START + DAY, "East"), (START + DAY, "New")):
        with pytest.raises(Invalid, match="period_start"):
            acts.do("file_feedback", cast.fang, report(start, start + DAY, site=site), trial)
    acts.do("file_feedback", cast.fang, report(START + 2 * DAY, START + 3 * DAY, site="East"), trial)


def test_reminders_come_before_and_after_until_the_second_missing_report_stops_the_trial(
        program: Program, cast: Cast, clock: Shifted, trial: str) -> None:
    walk(program, clock, FIRST + DAY - HOUR)
    assert told(program, trial, "remind_feedback") == ["firm"] * 3  # four days ahead, the last day, the morning after
    walk(program, clock, FIRST + 4 * DAY)
    assert row(program, cast, trial)["light"] == "yellow"
    assert told(program, trial, "feedback_late") == ["firm", "regulator"]
    assert told(program, trial, "remind_feedback") == [*["firm"] * 4, "regulator"]
    walk(program, clock, FIRST + 7 * DAY - HOUR)
    assert row(program, cast, trial)["state"] == "trial"
    walk(program, clock, FIRST + 7 * DAY)
    assert row(program, cast, trial)["state"] == "suspended"
    assert "remind_feedback" not in dues(program, trial)


def placed(program: Program, cast: Cast, **more: Any) -> str:
    """A pilot whose plan limits places and other things."""
    acts = program.acts
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
    pilot = {"title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 100.0,
             "limits": [{"indicator": "harm_any", "per_exposure": 0.01}], "unverified": "All", "source_key": "p"}
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{**pilot, **more}]})
    return str(acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision).trials["p"])


@pytest.mark.parametrize(("agreed", "filed", "state"), [
    ({"regions": "南山区、福田区"}, {"region": "南山区"}, "trial"),
    ({"regions": "南山区、福田区"}, {"region": "宝安区"}, "suspended"),
    ({"regions": "南山区"}, {}, "trial"),
    ({"sites": "East\nWest"}, {"site": "WEST "}, "trial"),
    ({"sites": "East\nWest"}, {"site": "North"}, "suspended"),
    ({"hours": 10.0}, {"hours": 10.5}, "suspended"), ({"hours": 10.0}, {"hours": 10.0}, "trial"),
    ({"money": 100.0}, {"money": 101.0}, "suspended"), ({"people": 5}, {"people_new": 6}, "suspended"),
    ({"volume": 49.0}, {}, "suspended"),
])
def test_whatever_is_capped_stops_the_trial_in_the_act_that_tells_of_more(
        program: Program, cast: Cast, clock: Shifted, agreed: dict[str, Any], filed: dict[str, Any],
        state: str) -> None:
    one = placed(program, cast, **agreed)
    clock.forward(START + DAY)
    done = program.acts.do("file_feedback", cast.fang, report(START, START + DAY, **filed), one)
    assert done.state == state


@pytest.mark.parametrize(("cap", "name", "near"), [
    ("hours", "hours", 8.0), ("money", "money", 8.0), ("people", "people_new", 8), ("volume", "exposures", 8.0)])
def test_every_cap_warns_at_four_fifths(program: Program, cast: Cast, clock: Shifted, cap: str, name: str,
                                        near: float) -> None:
    one = placed(program, cast, **{cap: 10 if cap == "people" else 10.0})
    clock.forward(START + 2 * DAY)
    given = {"exposures": 0.0, name: near * 0.75 if cap != "people" else 7}
    assert program.acts.do("file_feedback", cast.fang, report(START, START + DAY, **given), one).light == "grey"
    given = {"exposures": 0.0, name: near * 0.25 if cap != "people" else 1}
    assert program.acts.do("file_feedback", cast.fang, report(START + DAY, START + 2 * DAY, **given),
                           one).light == "yellow"


def test_a_number_of_sites_counts_each_once_warns_and_stops(program: Program, cast: Cast, clock: Shifted) -> None:
    one = placed(program, cast, sites="5")
    clock.forward(FIRST)
    done = []
    for place, name in enumerate(("A", "a", "B", "C", "D", "E", "F")):
        start = START + place * HOUR
        done.append(program.acts.do("file_feedback", cast.fang, report(start, start + HOUR, site=name), one))
    assert [one.state for one in done] == ["trial"] * 6 + ["suspended"]
    assert [one.light == "yellow" for one in done[3:5]] == [False, True]
    assert row(program, cast, one)["used_sites"] == 6

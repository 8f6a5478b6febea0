"""Allegations: they count towards yellow alone, are an officer's to decide, and never reach the firm."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotFound, Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.reads import allegations, board, incidents, trials
from sandbox.reads.risk import Risk, risk
from sandbox.store.allegations import ALLEGATIONS
from sandbox.store.dues import NOTICES
from sandbox.store.trials import COUNTERS, TRIALS

HOUR = timedelta(hours=1)
SAID = {"source": "press", "kind": "event", "severity": "S3", "occurred_at": START.isoformat(),
        "text": "A nurse says that the firm hides its failures."}


@pytest.fixture
def trial(acts: Acts, cast: Cast, clock: Shifted) -> str:
    """A running trial of Hai Rui with an agreed limit of harm of any class."""
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "Delivery by night"}).id
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 500.0,
        "limits": [{"indicator": "harm_any", "per_exposure": 0.01}], "unverified": "Everything", "source_key": "1"}]})
    decided = acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    clock.forward(START + HOUR)
    return str(decided.trials["1"])


def enter(acts: Acts, cast: Cast, trial: str, **more: Any) -> str:
    return str(acts.do("enter_allegation", cast.lin, {**SAID, **more}, on=trial).id)


def counted(program: Program) -> tuple[int, int]:
    """What is alleged and what is itemised, of harm of any class."""
    with program.reading() as connection:
        row = connection.execute(sa.select(
            sa.func.coalesce(sa.func.sum(COUNTERS.c.alleged), 0), sa.func.coalesce(sa.func.sum(COUNTERS.c.itemised), 0)
        ).where(COUNTERS.c.indicator == "harm_any")).one()
        return row[0], row[1]


def trial_row(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()


def test_a_hundred_allegations_turn_the_light_yellow_and_stop_nothing(program: Program, cast: Cast, acts: Acts,
                                                                    trial: str):
    for _ in range(100):
        enter(acts, cast, trial)
    row = trial_row(program, trial)
    assert (row["light"], row["state"], counted(program)) == ("yellow", "trial", (100, 0))


def test_even_one_of_the_first_class_stops_nothing_before_it_is_confirmed(program: Program, cast: Cast, acts: Acts,
                                                                        trial: str):
    said = enter(acts, cast, trial, severity="S1")
    assert trial_row(program, trial)["state"] == "trial"
    done = acts.do("confirm_allegation", cast.zhou, {"kind": "incident", "severity": "S1", "harms": ["death"],
                                                     "description": "A patient died."}, on=said)
    assert done.state == "suspended"


@pytest.mark.parametrize(("severity", "by"), [("S1", "2026-03-02T12:00+08:00"), ("S2", "2026-03-05T00:00+08:00")])
def test_the_first_class_is_decided_in_two_hours_and_others_in_two_working_days(
        program: Program, cast: Cast, acts: Acts, trial: str, severity: str, by: str):
    said = enter(acts, cast, trial, severity=severity)
    with program.reading() as connection:
        found = allegations.allegation(connection, cast.lin, said)
        assert found and found["decide_by"] == datetime.fromisoformat(by)
        assert [(one.kind, one.due_at) for one in board.own_tasks(connection, cast.zhou, program.clock())
                if one.object_id == said] == [("allegation", datetime.fromisoformat(by))]


def test_one_that_waits_too_long_is_told_again(program: Program, cast: Cast, acts: Acts, clock: Shifted, trial: str):
    enter(acts, cast, trial, severity="S1")
    clock.forward(START + 4 * HOUR)
    tick(program)
    with program.reading() as connection:
        assert connection.execute(sa.select(NOTICES.c.role).where(
            NOTICES.c.kind == "allegation_waits")).scalars().all() == ["regulator"]


def test_a_confirmed_one_counts_as_an_incident_in_the_officer_s_own_words(program: Program, cast: Cast, acts: Acts,
                                                                        trial: str):
    said = enter(acts, cast, trial)
    made = acts.do("confirm_allegation", cast.lin, {"kind": "incident", "severity": "S3",
                                                    "description": "A failure was found on site."}, on=said)
    assert counted(program) == (0, 1)
    with program.reading() as connection:
        seen = incidents.incident(connection, cast.fang, program.clock(), made.id)
    assert seen and seen.row["description"] == "A failure was found on site."
    assert "nurse" not in repr(seen)


def test_a_complaint_becomes_a_complaint_with_its_clocks(program: Program, cast: Cast, acts: Acts, trial: str):
    said = enter(acts, cast, trial, kind="complaint", severity=None)
    made = acts.do("confirm_allegation", cast.lin, {"kind": "complaint", "description": "It was slow."}, on=said)
    with program.reading() as connection:
        seen = incidents.incident(connection, cast.fang, program.clock(), made.id)
    assert seen and [one.row["key"] for one in seen.clocks] == ["C25.acknowledge", "C25.answer"]


def test_a_dismissed_one_counts_no_longer_and_keeps_its_reason(program: Program, cast: Cast, acts: Acts, trial: str):
    said = enter(acts, cast, trial)
    with pytest.raises(ValueError, match="reason"):
        acts.do("dismiss_allegation", cast.lin, {}, on=said)
    acts.do("dismiss_allegation", cast.lin, {"reason": "Another firm's vehicle"}, on=said)
    assert counted(program) == (0, 0)
    for again in (("dismiss_allegation", {"reason": "Once more"}),
                  ("confirm_allegation", {"kind": "near_miss", "description": "After all"})):
        with pytest.raises(Refused, match="already_decided"):
            acts.do(again[0], cast.lin, again[1], on=said)


def test_a_report_of_wrongdoing_counts_nowhere(program: Program, cast: Cast, acts: Acts, trial: str):
    enter(acts, cast, trial, kind="wrongdoing")
    assert counted(program) == (0, 0)


def test_the_firm_the_panel_and_the_department_see_no_trace_of_one(program: Program, cast: Cast, acts: Acts,
                                                                  trial: str):
    seat = acts.do("assign_reviewer", cast.lin, {"account_id": cast.rui.id, "panel": "running"}, on=trial).id
    acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=seat)
    first, second = enter(acts, cast, trial, kind="wrongdoing"), enter(acts, cast, trial, kind="wrongdoing")
    acts.do("dismiss_allegation", cast.lin, {"reason": "Nothing in it"}, on=second)
    acts.do("confirm_allegation", cast.lin, {"kind": "near_miss", "description": "Something was found"}, on=first)
    for who in (cast.fang, cast.rui):
        with program.reading() as connection:
            assert allegations.allegations(connection, who).items == ()
            told = [one.name for one in trials.timeline(connection, who, trial).items]
            leaves = repr(trials.log_entries(connection, who, trial)[1].items)
        assert "file_incident" in told and not {"enter_allegation", "dismiss_allegation"} & set(told)
        assert "allegation" not in leaves and first not in leaves and second not in leaves
        with pytest.raises(NotFound):
            acts.do("dismiss_allegation", who, {"reason": "Mine"}, on=first)
    with program.reading() as connection:
        officers = [one.name for one in trials.timeline(connection, cast.zhou, trial).items]
        assert connection.execute(sa.select(sa.func.count()).select_from(NOTICES).where(
            NOTICES.c.role != "regulator", NOTICES.c.kind.like("%allegation%"))).scalar() == 0
    assert {"enter_allegation", "dismiss_allegation"} <= set(officers)


@pytest.mark.parametrize("kind", ["wrongdoing", "event"])
def test_whoever_reads_the_trial_or_its_light_cannot_tell_that_there_is_one(
        program: Program, cast: Cast, acts: Acts, trial: str, kind: str):
    before, seen, known = trial_row(program, trial), light(program, trial), light(program, trial, officer=True)
    assert known.headroom.yellow and known.headroom.yellow > 1
    said = enter(acts, cast, trial, kind=kind)
    assert (trial_row(program, trial)["version"], light(program, trial)) == (before["version"], seen)
    assert (light(program, trial, officer=True) == known) is (kind == "wrongdoing")
    assert {one.alleged for one in seen.indicators} == {None}
    acts.do("dismiss_allegation", cast.lin, {"reason": "Nothing in it"}, on=said)
    after = trial_row(program, trial)
    assert {name for name in after if after[name] != before[name]} <= {"alleged"} and light(program, trial) == seen


def light(program: Program, trial: str, officer: bool = False) -> Risk:
    with program.reading() as connection:
        return risk(connection, trial_row(program, trial), program.clock(), program.settings.zone, officer=officer)


def test_what_has_not_happened_yet_is_not_alleged(cast: Cast, acts: Acts, trial: str):
    with pytest.raises(Invalid, match="occurred_at"):
        enter(acts, cast, trial, occurred_at=(START + 5 * HOUR).isoformat())


def test_the_database_keeps_no_decision_without_its_ground(program: Program, cast: Cast, acts: Acts, trial: str):
    enter(acts, cast, trial)
    for values in ({"state": "dismissed"}, {"state": "dismissed", "decided_at": START},
                   {"state": "confirmed", "decided_at": START}):
        with pytest.raises(sa.exc.IntegrityError):
            program.door.submit(lambda transaction, values=values: transaction.connection.execute(
                sa.update(ALLEGATIONS).values(**values)))

"""Clocks that an incident starts: their due times, what meets, pauses and voids them, and what is missed."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt, enter_cast
from conftest import running, settings_in

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotPermitted, Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.schema import prepare
from sandbox.jobs.tick import tick
from sandbox.reads.clocks import clocks
from sandbox.reads.corrective import items
from sandbox.reads.pages import BadCursor, encode
from sandbox.rules.jurisdiction import Profile
from sandbox.store.clocks import CLOCKS
from sandbox.store.dues import DUES, NOTICES
from sandbox.store.facts import load_facts
from sandbox.store.settings import Settings
from sandbox.store.trials import TRIALS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def trial(adopted: Callable[[int], list[str]], clock: Shifted) -> str:
    """A running trial of Hai Rui, an hour after it was taken over."""
    one = adopted(1)[0]
    clock.forward(START + HOUR)
    return one


def filed(acts: Acts, who: Any, trial: str, **more: Any) -> str:
    return str(acts.do("file_incident", who, {"severity": "S4", "occurred_at": START.isoformat(), **more}, on=trial).id)


def kept(program: Program, incident: str) -> dict[str, Any]:
    """The clocks of an incident by key."""
    with program.reading() as connection:
        return {row["key"]: dict(row) for row in connection.execute(
            sa.select(CLOCKS).where(CLOCKS.c.object_id == incident)).mappings()}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def proof(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()
        return load_facts(connection, row, {"proof"}, program.clock(), program.settings.place).proof


# Started


def test_a_firm_that_files_a_grave_incident_has_told_the_officer(program: Program, cast: Cast, acts: Acts, trial: str):
    incident = filed(acts, cast.fang, trial, severity="S2", aware_at=(START + HOUR / 2).isoformat())
    told = kept(program, incident)["C18"]
    assert (told["started_at"], told["due_at"]) == (START + HOUR / 2, START + HOUR / 2 + DAY)
    assert (told["outcome"], told["ended_at"]) == ("done", START + HOUR)


def test_an_officer_who_files_leaves_the_firm_s_clock_running(program: Program, cast: Cast, acts: Acts, trial: str):
    incident = filed(acts, cast.lin, trial, severity="S2", aware_at=START.isoformat())
    assert kept(program, incident)["C18"]["outcome"] is None


def test_a_cyber_event_has_hours_and_its_own_scale(program: Program, cast: Cast, acts: Acts, trial: str):
    incident = filed(acts, cast.fang, trial, cyber_level="level_2", cyber_operator="infrastructure",
                     aware_at=(START + HOUR).isoformat())
    assert {key: row["due_at"] for key, row in kept(program, incident).items()} == {"C08": START + 2 * HOUR}


def test_working_days_of_a_complaint_skip_a_holiday_and_count_a_weekend_that_is_worked(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, trial: str):
    clock.forward(at("2026-04-30T10:00+08:00"))
    complaint = filed(acts, cast.fang, trial, kind="complaint", severity=None)
    found = kept(program, complaint)
    assert found["C25.acknowledge"]["due_at"] == at("2026-05-08T00:00+08:00")  # off 1 to 5 May: the 6th and the 7th
    assert found["C25.answer"]["due_at"] == at("2026-05-26T00:00+08:00")  # and Saturday the 9th is worked


def test_one_incident_counts_once_however_many_people_it_struck(program: Program, cast: Cast, acts: Acts, trial: str):
    filed(acts, cast.fang, trial, severity="S3", people_affected=40_000)
    with program.reading() as connection:
        assert connection.execute(sa.text("SELECT sum(itemised) FROM counters WHERE indicator = 'harm_any'")).scalar() \
            == 1


def test_harm_of_the_gravest_kind_is_of_the_first_class(cast: Cast, acts: Acts, trial: str):
    with pytest.raises(ValueError, match="harm_is_gravest"):
        filed(acts, cast.fang, trial, severity="S2", harms=["death"])
    incident = filed(acts, cast.fang, trial, severity="S2")
    with pytest.raises(Invalid, match="harms"):
        acts.do("update_incident", cast.fang, {"harms": ["death"]}, on=incident)


def test_the_first_class_stops_the_trial_in_the_act_that_files_it(cast: Cast, acts: Acts, trial: str):
    done = acts.do("file_incident", cast.fang, {"severity": "S1", "harms": ["death"],
                                                "occurred_at": START.isoformat()}, on=trial)
    assert done.state == "suspended"


# Changed


def test_a_graver_class_starts_its_clock_when_it_became_known(program: Program, cast: Cast, acts: Acts,
                                                             clock: Shifted, trial: str):
    incident = filed(acts, cast.fang, trial)
    clock.forward(START + 10 * DAY)
    acts.do("update_incident", cast.lin, {"severity": "S2", "known_at": (START + 9 * DAY).isoformat()}, on=incident)
    assert kept(program, incident)["C18"]["due_at"] == START + 10 * DAY


def test_what_became_known_before_it_was_known_at_all_or_will_be_is_refused(cast: Cast, acts: Acts, trial: str):
    incident = filed(acts, cast.fang, trial, aware_at=(START + HOUR / 2).isoformat())
    for known in (START, START + DAY):
        with pytest.raises(Invalid, match="known_at"):
            acts.do("update_incident", cast.fang, {"severity": "S2", "known_at": known.isoformat()}, on=incident)


def test_a_milder_class_voids_its_clock_and_a_graver_one_revives_it(program: Program, cast: Cast, acts: Acts,
                                                                  trial: str):
    incident = filed(acts, cast.lin, trial, severity="S2")
    acts.do("update_incident", cast.lin, {"severity": "S3"}, on=incident)
    assert kept(program, incident)["C18"]["outcome"] == "void"
    acts.do("update_incident", cast.lin, {"severity": "S2"}, on=incident)
    assert kept(program, incident)["C18"]["outcome"] is None


@pytest.mark.parametrize("softer", [{"harms": []}, {"cyber_level": "level_4"}, {"cyber_operator": "other"}])
def test_a_firm_makes_neither_harm_nor_level_milder(cast: Cast, acts: Acts, trial: str, softer: dict[str, Any]):
    incident = filed(acts, cast.fang, trial, harms=["leak"], cyber_level="level_2", cyber_operator="infrastructure")
    with pytest.raises(Refused, match="milder_by_officer"):
        acts.do("update_incident", cast.fang, softer, on=incident)
    assert acts.do("update_incident", cast.lin, softer, on=incident).id == incident


# Met, paused, missed


def test_a_clock_of_two_stages_is_met_by_the_first_report_and_ended_by_the_final_one(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, trial: str):
    incident = filed(acts, cast.fang, trial, cyber_level="level_1")
    one = kept(program, incident)["C10"]["id"]
    clock.forward(START + 2 * HOUR)
    assert acts.do("meet_clock", cast.fang, {"reference": "CAC 7"}, on=one).outcome is None
    with pytest.raises(Refused, match="first_report_made"):
        acts.do("meet_clock", cast.fang, {}, on=one)
    clock.forward(START + 20 * DAY)
    report = {"root_cause": "Cause", "harm": "None", "redress": "None asked", "measures": "Patched"}
    acts.do("file_final_report", cast.fang, report, on=incident)
    found = kept(program, incident)["C10"]
    assert (found["first_at"], found["ended_at"], found["reference"]) == (START + 2 * HOUR, START + 20 * DAY, "CAC 7")
    assert proof(program, trial).incidents_told == (1, 1)


def test_a_final_report_ends_no_clock_whose_first_report_was_never_made(program: Program, cast: Cast, acts: Acts,
                                                                      trial: str):
    incident = filed(acts, cast.fang, trial, cyber_level="level_1")
    report = {"root_cause": "Cause", "harm": "None", "redress": "None asked", "measures": "Patched"}
    acts.do("file_final_report", cast.fang, report, on=incident)
    assert kept(program, incident)["C10"]["outcome"] is None


def test_the_end_of_the_handling_starts_the_summary_and_the_final_report_ends_it(program: Program, cast: Cast,
                                                                               acts: Acts, trial: str):
    incident = filed(acts, cast.fang, trial, cyber_level="level_1")
    acts.do("update_incident", cast.fang, {"state": "mitigated", "mitigation": "Patched"}, on=incident)
    assert kept(program, incident)["C19"]["due_at"] == at("2026-04-02T00:00+08:00")
    report = {"root_cause": "Cause", "harm": "None", "redress": "None asked", "measures": "Patched"}
    acts.do("file_final_report", cast.fang, report, on=incident)
    assert kept(program, incident)["C19"]["outcome"] == "done"


def test_a_complaint_that_is_closed_is_answered_and_has_no_final_report(program: Program, cast: Cast, acts: Acts,
                                                                      trial: str):
    complaint = filed(acts, cast.fang, trial, kind="complaint", severity=None)
    with pytest.raises(Refused, match="no_final_report"):
        acts.do("file_final_report", cast.fang, {
            "root_cause": "C", "harm": "H", "redress": "R", "measures": "M"}, on=complaint)
    acts.do("update_incident", cast.fang, {"state": "closed", "mitigation": "Answered by letter"}, on=complaint)
    assert {row["outcome"] for row in kept(program, complaint).values()} == {"done"}


def test_a_duty_is_met_between_its_start_and_now_by_those_who_owe_it(program: Program, cast: Cast, acts: Acts,
                                                                   trial: str):
    incident = filed(acts, cast.fang, trial, harms=["leak"], severity="S3", aware_at=(START + HOUR / 2).isoformat())
    one = kept(program, incident)["C16.at_once"]["id"]
    for wrong in (START, START + DAY):
        with pytest.raises(Invalid, match="met_at"):
            acts.do("meet_clock", cast.fang, {"met_at": wrong.isoformat()}, on=one)
    acts.do("meet_clock", cast.fang, {}, on=one)
    with pytest.raises(Refused, match="clock_ended"):
        acts.do("meet_clock", cast.fang, {}, on=one)


def test_a_pause_has_a_ground_and_gives_back_what_was_left(program: Program, cast: Cast, acts: Acts, clock: Shifted,
                                                          trial: str):
    complaint = filed(acts, cast.fang, trial, kind="complaint", severity=None)
    one = kept(program, complaint)["C25.answer"]
    with pytest.raises(ValueError, match="ground"):
        acts.do("pause_clock", cast.lin, {}, on=one["id"])
    acts.do("pause_clock", cast.lin, {"ground": "A court asked for it"}, on=one["id"])
    clock.forward(START + HOUR + 5 * DAY)
    assert acts.do("resume_clock", cast.lin, {}, on=one["id"]).due_at == one["due_at"] + 5 * DAY
    with pytest.raises(Refused, match="clock_not_paused"):
        acts.do("resume_clock", cast.lin, {}, on=one["id"])


def test_a_clock_that_runs_out_is_told_to_both_sides_once_and_stands_in_the_way_of_the_end(
        program: Program, cast: Cast, acts: Acts, clock: Shifted, trial: str):
    filed(acts, cast.fang, trial, cyber_level="level_1")
    clock.forward(START + 6 * HOUR)
    tick(program)
    tick(program)
    with program.reading() as connection:
        told = connection.execute(sa.select(NOTICES.c.role).where(NOTICES.c.kind == "clock_missed")).scalars().all()
    assert sorted(told) == ["firm", "regulator"]
    found = proof(program, trial)
    assert (found.overdue_clocks, found.incidents_told) == (1, (0, 1))


def test_a_clock_that_was_met_in_time_has_nothing_due_any_more(program: Program, cast: Cast, acts: Acts, trial: str):
    incident = filed(acts, cast.fang, trial, cyber_level="level_1")
    acts.do("meet_clock", cast.fang, {}, on=kept(program, incident)["C10"]["id"])
    with program.reading() as connection:
        assert not connection.execute(sa.select(DUES).join(CLOCKS, CLOCKS.c.id == DUES.c.object_id).where(
            CLOCKS.c.object_id == incident)).all()


def test_what_is_due_at_once_is_not_judged_by_minutes_once_it_is_done(program: Program, cast: Cast, acts: Acts,
                                                                    clock: Shifted, trial: str):
    incident = filed(acts, cast.fang, trial, severity="S3", harms=["leak"])
    clock.forward(START + 2 * HOUR)
    assert proof(program, trial).overdue_clocks == 1
    acts.do("meet_clock", cast.fang, {}, on=kept(program, incident)["C16.at_once"]["id"])
    assert (proof(program, trial).overdue_clocks, proof(program, trial).incidents_told) == (0, (1, 1))


def test_clocks_are_ranked_by_when_they_run_out_page_by_page(program: Program, cast: Cast, acts: Acts, trial: str):
    for level in ("level_1", "level_2"):
        filed(acts, cast.fang, trial, kind="complaint", severity=None)
        filed(acts, cast.fang, trial, cyber_level=level, harms=["leak"])
    dues = [one.row["due_at"] for one in paged(program, lambda connection, cursor: clocks(
        connection, cast.fang, program.clock(), trial_id=trial, cursor=cursor, limit=3))]
    assert len(dues) == 10 and dues == sorted(dues)
    with program.reading() as connection:
        assert clocks(connection, cast.gao, program.clock()).items == ()


# Under the AI Act


@pytest.fixture(params=("sqlite", "postgresql"))
def authority(request: pytest.FixtureRequest, tmp_path: Path, clock: Shifted) -> Iterator[tuple[Program, Cast, str]]:
    """A program of a German authority on either database, with a running trial."""
    settings = settings_in(tmp_path)
    if request.param == "postgresql":
        settings = settings.model_copy(update={"database_url": request.getfixturevalue("postgres")()})
    settings = Settings.model_validate({**settings.model_dump(), "profile": Profile.EU_AUTHORITY, "country": "DE",
                                        "timezone": "Europe/Berlin"})
    prepare(settings)
    for program in running(settings, clock):
        cast = enter_cast(program)
        yield program, cast, adopt(program, cast, 1)[0]


def test_a_death_under_the_act_has_ten_days_and_the_authority_seven_once_it_is_told(
        authority: tuple[Program, Cast, str], clock: Shifted):
    program, cast, trial = authority
    clock.forward(START + DAY)
    incident = filed(program.acts, cast.fang, trial, severity="S1", harms=["death"], aware_at=START.isoformat(),
                     deployer_aware_at=START.isoformat())
    found = kept(program, incident)
    assert found["C12"]["due_at"] == at("2026-03-13T00:00+01:00")
    assert (found["C14"]["outcome"], found["C18"]["outcome"]) == ("done", "done")
    program.acts.do("meet_clock", cast.fang, {}, on=found["C12"]["id"])
    answer = kept(program, incident)["C15"]
    assert answer["due_at"] == at("2026-03-11T00:00+01:00")
    with pytest.raises(NotPermitted):
        program.acts.do("meet_clock", cast.fang, {}, on=answer["id"])
    program.acts.do("meet_clock", cast.lin, {}, on=answer["id"])


def test_lists_by_due_time_go_on_where_the_last_page_ended_on_either_database(authority: tuple[Program, Cast, str]):
    program, cast, trial = authority
    for _ in range(2):
        filed(program.acts, cast.fang, trial, kind="complaint", severity=None, occurred_at=START.isoformat())
    for who, first in ((cast.fang, "2026-03-20"), (cast.lin, "2026-03-10")):
        program.acts.do("add_corrective_item", who, {"what": "Line", "owner": "Fitters", "due_on": first}, on=trial)
    assert len(paged(program, lambda connection, cursor: clocks(
        connection, cast.fang, program.clock(), running=True, cursor=cursor, limit=1))) == 6
    listed = paged(program, lambda connection, cursor: items(
        connection, cast.lin, program.clock(), state="open", q="line", cursor=cursor, limit=1))
    assert [one["due_at"].isoformat()[:10] for one in listed] == ["2026-03-10", "2026-03-20"]


def paged(program: Program, page: Callable[[Any, str | None], Any]) -> list[Any]:
    """Every item of a list, a page at a time."""
    found, cursor = [], None
    with program.reading() as connection:
        while True:
            one = page(connection, cursor)
            found += one.items
            if (cursor := one.next) is None:
                return found


@pytest.mark.parametrize("cursor", ["x", "2026", "in_1", "9999-12-31T23:59:59-12:00 a"])
def test_a_cursor_of_another_list_is_refused(program: Program, cast: Cast, cursor: str):
    with program.reading() as connection, pytest.raises(BadCursor):
        clocks(connection, cast.lin, program.clock(), cursor=encode(cursor))


def test_a_european_sandbox_says_whose_working_days_count():
    with pytest.raises(ValueError, match="setting_member_state"):
        Settings(profile=Profile.EU_AUTHORITY)
    with pytest.raises(ValueError, match="setting_country"):
        Settings(country="XX")

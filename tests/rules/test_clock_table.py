"""The table of clocks: it is the one of `clocks.json`, every row has its events, and each is counted as it says."""

import ast
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sandbox.jobs.program  # noqa: F401 every act enters ACTS
from sandbox.acts.act import ACTS
from sandbox.acts.clocks import BY_HAND
from sandbox.rules.changes import ChangeKind
from sandbox.rules.clocks import CLOCKS, EVENTS, Mark, Unit, deadline, started_by
from sandbox.rules.incident_clocks import STARTED
from sandbox.rules.jurisdiction import Profile
from sandbox.rules.lifecycle import MOVE_NAMES
from sandbox.rules.working_days import Calendar
from sandbox.store.dues import DueKind
from sandbox.store.sections import SECTIONS

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
CHINA, GERMANY = Calendar("CN"), Calendar("DE")
START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)  # 09:30 in Shanghai
AGREED = Path(__file__).resolve().parents[2].parent / "shared" / "clocks.json"
OWNERS = {"re-reviewers": "rereviewers"}
UNITS = {"months": {Unit.EU_MONTHS}, "days": {Unit.DAYS, Unit.EU_DAYS, Unit.DAYS_BEFORE}, "-": {Unit.AT_ONCE},
         "CN working": {Unit.WORKING_DAYS}, "working": {Unit.WORKING_DAYS}, "hours": {Unit.HOURS, Unit.AT_ONCE},
         "mixed": {Unit.DAYS, Unit.WORKING_DAYS}, "date": {Unit.UNTIL_31_MARCH, Unit.EU_MONTHS}}
instants = st.timedeltas(timedelta(0), timedelta(days=730)).map(lambda past: datetime(2026, 1, 1, tzinfo=UTC) + past)


def shanghai(month: int, day: int, hour: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=SHANGHAI)


def test_all_27_clocks_and_the_day_counts_of_the_lifecycle_stand_in_the_table() -> None:
    assert sorted({clock.id for clock in CLOCKS.values()}) == [
        *(f"C{n:02}" for n in range(1, 28)), *(f"D{n:02}" for n in range(1, 14))]


def agreed() -> list[dict[str, str]]:
    return json.loads(AGREED.read_text(encoding="utf-8"))["clocks"] if AGREED.exists() else []


@pytest.mark.skipif(not AGREED.exists(), reason="clocks.json is not in ../shared")
def test_the_table_is_the_one_that_was_agreed_and_nothing_else_in_it_is_called_law() -> None:
    assert {row["id"] for row in agreed()} == {key for key in {one.id for one in CLOCKS.values()} if key[0] == "C"}
    assert {one.mark for one in CLOCKS.values() if one.id[0] == "D" and one.source == ""} == {Mark.OURS}


@pytest.mark.parametrize("row", agreed(), ids=lambda row: row["id"])
def test_a_row_has_the_number_unit_owner_source_and_mark_that_were_agreed(row: dict[str, str]) -> None:
    ours = [clock for clock in CLOCKS.values() if clock.id == row["id"]]
    stated = set(re.findall(r"\d+", row["limit"]))
    assert {str(clock.amount) for clock in ours if clock.amount} <= stated
    assert {clock.unit for clock in ours} <= UNITS[row["calendar"]]
    assert {owner for clock in ours for owner in clock.owners} == {
        OWNERS.get(owner, owner) for owner in row["owner"].split(" + ")} | {
        "firm" for _ in re.findall("firm comments", row["limit"])}
    assert {clock.mark for clock in ours} == set(re.findall(r"\[([VSMP])\]", row["source"]))
    said = f"{row['source']} {row['limit']}"
    assert all(clock.source in said or "same" in said for clock in ours)


# Events


@pytest.mark.parametrize("key", CLOCKS)
def test_what_starts_and_ends_a_clock_exists_in_the_program(key: str) -> None:
    row = CLOCKS[key]
    for name in filter(None, (row.starts_on, row.ends_on, row.moot_on, row.paused_on)):
        event = EVENTS[name]
        assert set(event.moves) <= set(MOVE_NAMES)
        assert set(event.acts) <= set(ACTS)
        assert set(event.sections) <= set(SECTIONS)
        assert event.moves or event.acts or event.sections


SOURCE = Path(__file__).resolve().parents[2] / "sandbox" / "acts"


def named_by_acts() -> set[str]:
    """Texts and names in the source of the acts: keys that they start clocks by, and dues that they put."""
    nodes = [node for path in SOURCE.glob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)} | {
        node.attr for node in nodes if isinstance(node, ast.Attribute)}


def test_every_row_of_the_table_is_started_by_some_act() -> None:
    """A move or a section starts it by the table; or an act does by its key, that of a change by its class; or a due
    carries it out by itself."""
    by_table = {key for profile in Profile for name in (*MOVE_NAMES, *SECTIONS) for found in (
        started_by(profile, move=name), started_by(profile, section=name)) for key in found}
    by_key = named_by_acts()
    of_changes = {f"D11.{kind}" for kind in ChangeKind} if "D11." in by_key else set()
    started = {row.key for row in CLOCKS.values() if row.key in by_table - set(BY_HAND) or row.key in by_key
               or row.key in {*dict(STARTED), *of_changes} or (row.by_due and row.by_due.upper() in by_key)}
    assert set(CLOCKS) - started == set()


def test_every_event_is_one_of_some_clock() -> None:
    named = {name for row in CLOCKS.values() for name in (row.starts_on, row.ends_on, row.moot_on, row.paused_on)}
    assert named - {""} == set(EVENTS)


def test_what_a_due_carries_out_by_itself_is_a_due() -> None:
    assert {row.by_due for row in CLOCKS.values()} - {""} <= set(DueKind)


@pytest.mark.parametrize(("move", "started"), [
    ("submit", {"D01"}), ("accept", {"C01", "C03"}), ("send_to_rereview", {"C04"}), ("open_retrospective", {"C21"}),
    ("open_exit_review", {"C23.draft", "D05"}), ("terminate", {"C27"}), ("resume_trial", set())])
def test_a_move_starts_the_clocks_that_name_its_event(move: str, started: set[str]) -> None:
    assert set(started_by(Profile.CN_CITY, move=move)) == started


def test_a_european_authority_has_its_own() -> None:
    assert set(started_by(Profile.EU_AUTHORITY, move="submit")) == {"C02", "D01"}
    assert set(started_by(Profile.EU_AUTHORITY, move="accept")) == {"C01"}


def test_a_clock_names_its_source_unless_it_is_our_own() -> None:
    assert all(bool(clock.source) == (clock.mark is not Mark.OURS) for clock in CLOCKS.values())


@pytest.mark.parametrize(
    ("key", "ends"),
    [
        ("C03", shanghai(4, 2)),
        ("C04", shanghai(4, 2)),
        ("C05", shanghai(3, 17)),
        ("C06", shanghai(3, 17)),
        ("C07", shanghai(3, 31)),
        ("C19", shanghai(4, 2)),
        ("C20", shanghai(3, 17)),
        ("C21", shanghai(4, 2)),
        ("C22", datetime(2026, 1, 31, 1, 30, tzinfo=UTC)),
        ("C23.draft", shanghai(4, 2)),
        ("C23.comments", shanghai(3, 17)),
        ("C24.ethics", shanghai(4, 1)),
        ("C25.acknowledge", shanghai(3, 5)),
        ("C25.answer", shanghai(3, 24)),
        ("C27", shanghai(4, 2)),
    ],
)
def test_a_day_clock_of_the_city_ends_at_midnight(key: str, ends: datetime) -> None:
    assert deadline(CLOCKS[key], START, SHANGHAI, CHINA) == ends


@pytest.mark.parametrize(
    ("key", "start", "ends"),
    [
        ("C25.acknowledge", shanghai(9, 18, 9), date(2026, 9, 21)),  # Sunday the 20th is worked
        ("C25.answer", shanghai(9, 18, 9), date(2026, 10, 15)),
        ("C25.acknowledge", shanghai(9, 30, 9), date(2026, 10, 9)),
        ("C25.acknowledge", shanghai(10, 3, 9), date(2026, 10, 9)),
        ("C25.acknowledge", shanghai(10, 9, 9), date(2026, 10, 12)),  # Saturday the 10th is worked
        ("C05", shanghai(9, 24, 9), date(2026, 10, 15)),
        ("C06", shanghai(9, 30, 23), date(2026, 10, 20)),
        ("C07", shanghai(9, 18, 9), date(2026, 10, 22)),
        ("C23.comments", shanghai(9, 24, 9), date(2026, 10, 15)),
        ("C20", shanghai(9, 24, 9), date(2026, 10, 8)),  # days run on through the holiday
    ],
)
def test_over_the_october_holiday_of_2026_working_days_are_the_published_ones(
    key: str, start: datetime, ends: date
) -> None:
    """Off from 25 to 27 September and from 1 to 7 October; worked on Sunday 20 September and Saturday 10 October."""
    assert deadline(CLOCKS[key], start, SHANGHAI, CHINA) == datetime.combine(ends + timedelta(days=1), time(), SHANGHAI)


def test_hours_run_through_the_october_holiday() -> None:
    eve = shanghai(9, 30, 22)
    for key, hours in (("C10", 4), ("C17", 72), ("C18", 24)):
        assert deadline(CLOCKS[key], eve, SHANGHAI, CHINA) == eve + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("key", "start", "ends"),
    [
        ("C01", date(2026, 1, 31), date(2026, 4, 30)),
        ("C01", date(2026, 11, 30), date(2027, 3, 1)),  # 28 February 2027 is a Sunday
        ("C01", date(2027, 11, 30), date(2028, 2, 29)),
        ("C24.sandbox", date(2028, 2, 29), date(2029, 2, 28)),
    ],
)
def test_months_of_a_clock_end_with_the_last_day_of_a_shorter_month(key: str, start: date, ends: date) -> None:
    begun = datetime.combine(start, time(10), BERLIN)
    midnight_after = datetime.combine(ends + timedelta(days=1), time(), BERLIN)
    assert deadline(CLOCKS[key], begun, BERLIN, GERMANY) == midnight_after


@pytest.mark.parametrize(
    ("key", "hours"),
    [
        ("C08", 1), ("C09", 2), ("C10", 4), ("C14", 0), ("C16.at_once", 0), ("C16.at_latest", 72), ("C17", 72),
        ("C18", 24), ("C26.delete", 0), ("C26.confirm", 72),
    ],
)
def test_an_hour_clock_runs_through_nights_holidays_and_summer_time(key: str, hours: int) -> None:
    before_summer_time = datetime(2026, 3, 27, 21, tzinfo=BERLIN)
    elapsed = deadline(CLOCKS[key], before_summer_time, BERLIN, GERMANY) - before_summer_time.astimezone(UTC)
    assert elapsed == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("key", "ends"),
    [
        ("C01", date(2026, 12, 4)),
        ("C02", date(2026, 10, 5)),
        ("C11", date(2026, 9, 8)),
        ("C12", date(2026, 9, 14)),
        ("C13", date(2026, 9, 21)),
        ("C15", date(2026, 9, 11)),
        ("C24.sandbox", date(2027, 9, 6)),
    ],
)
def test_a_european_clock_ends_with_a_working_day(key: str, ends: date) -> None:
    friday = datetime(2026, 9, 4, 14, tzinfo=BERLIN)
    midnight_after = datetime.combine(ends + timedelta(days=1), datetime.min.time(), BERLIN)
    assert deadline(CLOCKS[key], friday, BERLIN, GERMANY) == midnight_after


@pytest.mark.parametrize(("start", "year"), [(shanghai(12, 31, 12), 2027), (shanghai(3, 31, 12), 2026)])
def test_the_yearly_ethics_report_is_due_on_the_next_31_march(start: datetime, year: int) -> None:
    assert deadline(CLOCKS["C24.ethics"], start, SHANGHAI, CHINA) == shanghai(4, 1, year=year)


@given(st.sampled_from(sorted(CLOCKS)), instants)
def test_only_the_clock_that_counts_back_ends_before_it_starts(key: str, start: datetime) -> None:
    ends = deadline(CLOCKS[key], start, SHANGHAI, CHINA)
    assert ends.tzinfo is UTC
    assert (ends < start) == (CLOCKS[key].unit is Unit.DAYS_BEFORE)


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone"):
        deadline(CLOCKS["C08"], START.replace(tzinfo=None), SHANGHAI, CHINA)

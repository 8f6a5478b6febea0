"""The California test drives of 2021 through the delivered mapping: the totals of the public record, to the digit."""

import csv
import re
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sandbox.rules.intake import Proposal, Table, delivered_mapping, propose, read_rows

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MILEAGE = "ca_dmv_2021-Autonomous-Mileage-Reports-CSV.csv"
EVENTS = "ca_dmv_2021-Autonomous-Vehicle-Disengagement-Reports-CSV.csv"

pytestmark = pytest.mark.skipif(
    not (DATA / MILEAGE).exists() or not (DATA / EVENTS).exists(),
    reason="the public records of California are not in ../shared/data",
)


def table(name: str) -> Table:
    return read_rows((DATA / name).read_bytes(), name)


@pytest.fixture(scope="module")
def california() -> Proposal:
    return propose(delivered_mapping("california-test-drives"), [table(MILEAGE), table(EVENTS)])


def noted(california: Proposal, key: str) -> list[tuple[str, int | None, str]]:
    return [(remark.field, remark.line, remark.value) for remark in california.noted if remark.code.key == key]


def test_the_two_files_are_read_in_the_encodings_they_have():
    assert [table(name).encoding for name in (MILEAGE, EVENTS)] == ["utf-8", "cp1252"]
    assert any("\N{RIGHT SINGLE QUOTATION MARK}" in cell for row in table(EVENTS).rows for cell in row.cells)


def test_lines_are_counted_as_an_editor_counts_them():
    events = table(EVENTS)
    lines = (DATA / EVENTS).read_text("cp1252").split("\n")
    assert events.header_line == 1 and events.rows[0].line == 7
    assert all(lines[row.line - 1].startswith((row.cells[0], f'"{row.cells[0]}"')) for row in events.rows)


def test_nothing_is_refused(california):
    assert california.refused == ()


def test_26_permits_drove_4_091_105_1_miles(california):
    drove = {period.permit for period in california.periods if period.exposures}
    assert len(california.trials) == len(drove) == 26
    assert california.unit == "miles"
    assert california.exposures == Decimal("4091105.095445410")
    assert round(california.exposures, 1) == Decimal("4091105.1")


def test_the_miles_of_each_permit_are_those_of_an_independent_count(california):
    ours: Counter[str] = Counter()
    for period in california.periods:
        ours[period.permit] += period.exposures or 0
    theirs: Counter[str] = Counter()
    for row in list(csv.reader(StringIO((DATA / MILEAGE).read_text("utf-8"))))[1:]:
        theirs[row[1]] += sum(Decimal(cell.replace(",", "") or 0) for cell in row[4:16])
    assert ours == theirs


def test_2676_events_each_count_in_their_own_month(california):
    assert len(california.events) == 2676
    by_month = Counter((event.permit, event.month) for event in california.events)
    assert all(event.month == event.occurred_on.replace(day=1) for event in california.events)
    assert by_month == {
        (period.permit, period.month): period.events["disengagement"]
        for period in california.periods
        if period.events["disengagement"]
    }


def test_every_permit_has_its_twelve_months_and_two_more_have_events_alone(california):
    assert len(california.periods) == 26 * 12 + 2
    inside = [period for period in california.periods if date(2020, 12, 1) <= period.month <= date(2021, 11, 1)]
    assert len(inside) == 26 * 12 and all(period.exposures is not None for period in inside)


def test_months_begin_and_end_at_midnight_in_california(california):
    march = next(period for period in california.periods if period.month == date(2021, 3, 1))
    zone = ZoneInfo("America/Los_Angeles")
    assert (march.starts, march.ends) == (datetime(2021, 3, 1, tzinfo=zone), datetime(2021, 4, 1, tzinfo=zone))
    assert march.starts.utcoffset() != march.ends.utcoffset()


def test_nine_events_outside_the_twelve_months_are_named_by_line(california):
    outside = noted(california, "intake.outside_window")
    assert outside == [("DATE", line, "2021.12.06") for line in (173, 175, 177, 179, 181)] + [
        ("DATE", 183, "2021.12.07"),
        ("DATE", 185, "2021.12.08"),
        ("DATE", 187, "2021.12.08"),
        ("DATE", 1773, "2020-11-30 17:09:05"),
    ]
    lines = (DATA / EVENTS).read_text("cp1252").split("\n")
    assert all(value in lines[line - 1] for _, line, value in outside)


def test_two_permit_months_have_events_and_no_miles_so_their_rate_is_undefined(california):
    assert [(period.permit, period.month, period.events["disengagement"]) for period in california.undefined] == [
        ("AVT036", date(2021, 12, 1), 8),
        ("AVT050", date(2020, 11, 1), 1),
    ]
    assert all(period.exposures is None for period in california.undefined)


def test_no_permit_is_in_one_file_alone_and_stated_events_agree(california):
    keys = {remark.code.key for remark in california.noted}
    assert not keys & {"intake.permit_without_events", "intake.permit_without_reports", "intake.events_differ"}


def test_byte_identical_rows_are_true_events_with_keys_of_their_own(california):
    contents = Counter(tuple(row.cells) for row in table(EVENTS).rows)
    assert sum(times - 1 for times in contents.values()) == 520 and max(contents.values()) == 13
    assert len({event.key for event in california.events}) == 2676
    assert Counter(int(event.key.rpartition("-")[2]) for event in california.events)[1] == len(contents)


def test_the_same_files_give_the_same_proposal_again(california):
    again = propose(delivered_mapping("california-test-drives"), [table(EVENTS), table(MILEAGE)])
    assert (again.trials, again.periods, again.events) == (california.trials, california.periods, california.events)


def test_a_file_saved_again_in_another_encoding_keeps_every_key(california):
    content = (DATA / EVENTS).read_text("cp1252").replace("\n", "\r\n").encode("utf-8-sig")
    again = propose(delivered_mapping("california-test-drives"), [read_rows(content, EVENTS)])
    assert [event.key for event in again.events] == [event.key for event in california.events]


def test_every_one_of_the_date_shapes_is_read(california):
    """Fifteen shapes of cell, padding included; the column's own name, DATE, is the sixteenth of the column."""
    events = table(EVENTS)
    place = events.header.index("DATE")
    column = ["DATE", *(row.cells[place] for row in events.rows)]
    shapes = {re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub("[0-9]", "9", cell))) for cell in column}
    assert len(shapes) == 16 and len(california.events) == len(column) - 1


@pytest.mark.parametrize(
    ("line", "day", "time"),
    [
        (7, date(2021, 3, 4), None),
        (18, date(2021, 4, 14), None),
        (173, date(2021, 12, 6), None),
        (1773, date(2020, 11, 30), "17:09:05"),
    ],
)
def test_a_date_means_the_day_written_and_a_time_is_kept_where_there_is_one(california, line, day, time):
    event = next(event for event in california.events if event.line == line)
    assert event.occurred_on == day
    assert (event.occurred_at and f"{event.occurred_at:%H:%M:%S}") == time


@pytest.mark.parametrize(
    ("permit", "first", "last"),
    [
        ("AVT061", date(2021, 11, 4), date(2021, 11, 22)),
        ("AVT037", date(2021, 2, 5), date(2021, 6, 17)),
        ("AVT058", date(2020, 12, 3), date(2021, 7, 28)),
    ],
)
def test_month_first_day_first_and_slashed_dates_land_in_the_right_months(california, permit, first, last):
    days = sorted(event.occurred_on for event in california.events if event.permit == permit)
    assert (days[0], days[-1]) == (first, last)


def test_cells_that_needed_care_are_named(california):
    assert noted(california, "intake.no_number") == [
        ("AUG 2021", 159, ""), ("JULY 2021", 162, ""), ("JUN 2021", 165, ""), ("OCT 2021", 188, ""),
        ("AUG 2021", 1103, ""),
    ]
    repaired = noted(california, "intake.repaired")
    assert repaired[0] == ("ANNUAL TOTAL", 4, "830 .04")
    assert [line for _, line, _ in repaired[1:]] == [18, 53, 54, 68, 74, 76, 78, 87, 95]


def test_the_one_annual_total_that_rounding_cannot_explain_is_named(california):
    assert noted(california, "intake.total_differs") == [("ANNUAL TOTAL", 1117, "7749")]


def test_words_in_a_column_without_a_name_are_named_once(california):
    (remark,) = [remark for remark in california.noted if remark.code.key == "intake.unused_column"]
    assert (remark.line, remark.field, remark.code.values["n"], remark.value) == (1, "", 71, "Planning")

"""What somebody's lists mean: mappings are strict, and a proposal keeps every row, every number and every doubt."""

import csv
import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.intake import (
    BadMapping,
    Mapping,
    Proposal,
    Remark,
    delivered_mapping,
    delivered_mappings,
    propose,
    read_mapping,
    read_rows,
    table,
    tables_for,
)

UTC8 = ZoneInfo("Asia/Shanghai")

REPORTS = {
    "makes": "feedback",
    "columns": {"试点编号": "permit", "试点单位": "organisation", "月份": "month", "服务人次": "exposures"},
    "counts": {"投诉（件）": "complaint"},
    "sheet": "月报",
}
INCIDENTS = {
    "makes": "incidents",
    "columns": {"试点编号": "permit", "发生日期": "occurred_on", "等级": "indicator", "经过": "description"},
    "details": {"地点": "place"},
    "values": {"indicator": {"一般": "harm_S4", "严重": "harm_S2"}},
    "sheet": "事件",
}
CLINIC = {
    "name": "clinic-list",
    "zone": "Asia/Shanghai",
    "unit": "patients",
    "title": "{organisation}·{permit}",
    "dates": ["%Y年%m月%d日", "%Y年%m月", "%Y/%m/%d"],
    "nothing": ["-", "无", "/"],
    "sources": [REPORTS, INCIDENTS],
}
REPORT_ROWS = [
    ["试点编号", "试点单位", "月份", "服务人次", "投诉（件）"],
    ["甲-01", "海瑞医疗", "2025年3月", "１，２００", "0"],
    ["甲-01", "海瑞醫療", "2025年4月", "无", "2"],
    ["甲-01", "海瑞医疗", "2025年5月", "800", ""],
    ["乙-02", "安康公司", "2025年3月", "35.5", "1"],
]
INCIDENT_ROWS = [
    ["试点编号", "发生日期", "等级", "经过", "地点"],
    ["甲-01", "2025年3月8日", "一般", "误报，\n已更正", "三楼"],
    ["甲-01", "2025年3月8日", "一般", "误报，\n已更正", "三楼"],
    ["甲-01", "2025/4/2", "严重", "漏报", ""],
]


def mapping(**changes: object) -> Mapping:
    return read_mapping(json.dumps(CLINIC | changes).encode())


def source(**changes: object) -> dict[str, object]:
    return REPORTS | changes


def csv_of(rows: list[list[str]], delimiter: str = ",") -> str:
    text = StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def xlsx_of(**sheets: list[list[object]]) -> bytes:
    book, content = openpyxl.Workbook(), BytesIO()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(content)
    return content.getvalue()


def local(*parts: int) -> datetime:
    """A time as a workbook keeps it: of no zone."""
    return datetime(*parts, tzinfo=UTC8).replace(tzinfo=None)


def clinic(reports: list[list[str]] = REPORT_ROWS, incidents: list[list[str]] = INCIDENT_ROWS) -> Proposal:
    files = (("reports.csv", reports), ("incidents.csv", incidents))
    return propose(mapping(), [read_rows(csv_of(rows).encode(), name) for name, rows in files])


def keys(remarks: tuple[Remark, ...]) -> list[tuple[int | None, str, str]]:
    return [(remark.line, remark.field, remark.code.key.removeprefix("intake.")) for remark in remarks]


# Mappings


def reasons(content: bytes) -> list[tuple[str, object]]:
    with pytest.raises(BadMapping) as bad:
        read_mapping(content)
    return [(reason.key.removeprefix("intake.mapping_"), reason.values.get("where")) for reason in bad.value.reasons]


def changed(**changes: object) -> bytes:
    return json.dumps(CLINIC | changes).encode()


def one_source(**changes: object) -> bytes:
    return changed(sources=[source(**changes)])


def test_every_delivered_mapping_can_be_read_and_bears_its_own_name():
    assert "california-test-drives" in delivered_mappings()
    assert all(delivered_mapping(name).name == name for name in delivered_mappings())


@pytest.mark.parametrize("name", ["nothing", "../mappings/california-test-drives", ""])
def test_a_mapping_that_is_not_delivered_is_refused_by_name(name):
    with pytest.raises(BadMapping) as bad:
        delivered_mapping(name)
    assert bad.value.reasons[0].key == "intake.mapping_unknown"


def test_a_mapping_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        mapping().name = "other"
    with pytest.raises(TypeError):
        mapping().sources[0].columns["x"] = "permit"


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"{", ("not_json", None)),
        (b"\x00", ("not_json", None)),
        (b'{"name": "a", "name": "b"}', ("not_json", None)),
        (b"[" * 100_000, ("not_json", None)),
        (b" " * 300_000, ("too_large", None)),
        (b"[]", ("wrong_value", "/")),
        (changed(colour="red"), ("unknown_key", "/colour")),
        (changed(name="Bad Name"), ("wrong_value", "/name")),
        (changed(unit=7), ("wrong_value", "/unit")),
        (changed(sources=[]), ("wrong_value", "/sources")),
        (changed(zone="Mars/Olympus"), ("zone", "/zone")),
        (changed(zone="../../etc/passwd"), ("zone", "/zone")),
        (changed(dates=["on %d"]), ("date_shape", "/dates/0")),
        (changed(dates=["%x %Y %m"]), ("date_shape", "/dates/0")),
        (changed(dates=["%Y-%m-%m"]), ("date_shape", "/dates/0")),
        (changed(dates=["%d/%m/%Y", "%m/%d/%Y"]), ("dates_ambiguous", "/")),
        (changed(first_month="2025-04", last_month="2025-03"), ("window", "/")),
        (changed(first_month="2025-13"), ("wrong_value", "/first_month")),
        (one_source(colour="red"), ("unknown_key", "/sources/0/colour")),
        (one_source(makes="trouble"), ("wrong_value", "/sources/0/makes")),
        (one_source(columns={"a": "permit", "b": "permit"}), ("meaning_twice", "/sources/0/columns")),
        (one_source(columns={"a b": "permit", "A  B": "month"}), ("name_twice", "/sources/0/columns")),
        (one_source(columns={"a": "permit", "b": "colour"}), ("field", "/sources/0")),
        (one_source(details={"月份": "month"}), ("name_twice", "/sources/0")),
        (one_source(months={"三月": "2025-03"}), ("name_twice", "/sources/0")),
        (one_source(columns={"a": "month", "b": "exposures"}), ("too_little", "/sources/0")),
        (one_source(columns={"a": "permit", "b": "exposures"}), ("too_little", "/sources/0")),
        (one_source(constants={"exposures": "5"}), ("field", "/sources/0")),
        (one_source(makes="trials", columns={"a": "permit"}), ("field", "/sources/0")),
        (changed(sources=[INCIDENTS | {"values": {}}]), ("too_little", "/sources/0")),
        (changed(sources=[INCIDENTS | {"values": {"indicator": {"一般": "not good"}}}]), ("field", "/sources/0")),
    ],
)
def test_a_mapping_that_would_be_misread_is_refused_by_place(content, wanted):
    assert wanted in reasons(content)


def test_every_fault_of_a_mapping_is_told_at_once():
    assert len(reasons(changed(colour="red", zone="Nowhere", unit=7))) == 3


words = st.sampled_from(["name", "zone", "unit", "sources", "columns", "makes", "feedback"]) | st.text()
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | words, lambda part: st.lists(part) | st.dictionaries(words, part)
)


@given(said=anything)
def test_a_mapping_of_anything_is_refused_with_words(said):
    with pytest.raises(BadMapping) as bad:
        read_mapping(json.dumps(said).encode())
    assert all(reason.key.startswith("intake.mapping_") for reason in bad.value.reasons)


# Proposals


def test_a_list_in_chinese_makes_trials_months_and_events():
    found = clinic()
    assert [(trial.key, trial.title, trial.organisation, trial.aliases) for trial in found.trials] == [
        ("乙-02", "安康公司·乙-02", "安康公司", ()),
        ("甲-01", "海瑞医疗·甲-01", "海瑞医疗", ("海瑞醫療",)),
    ]
    assert [(one.permit, one.month.month, one.exposures, dict(one.events)) for one in found.periods] == [
        ("乙-02", 3, Decimal("35.5"), {"complaint": 1, "harm_S2": 0, "harm_S4": 0}),
        ("甲-01", 3, Decimal(1200), {"complaint": 0, "harm_S2": 0, "harm_S4": 2}),
        ("甲-01", 4, None, {"complaint": 2, "harm_S2": 1, "harm_S4": 0}),
        ("甲-01", 5, Decimal(800), {"harm_S2": 0, "harm_S4": 0}),
    ]
    assert [(one.line, one.occurred_on, one.indicator, one.description, one.details) for one in found.events] == [
        (2, date(2025, 3, 8), "harm_S4", "误报，\n已更正", (("place", "三楼"),)),
        (4, date(2025, 3, 8), "harm_S4", "误报，\n已更正", (("place", "三楼"),)),
        (6, date(2025, 4, 2), "harm_S2", "漏报", ()),
    ]
    assert found.unit == "patients" and found.refused == ()


def test_a_workbook_of_two_sheets_says_what_two_files_say():
    tables = tables_for(mapping(), xlsx_of(月报=REPORT_ROWS, 事件=INCIDENT_ROWS), "名单.xlsx")
    found, ours = propose(mapping(), tables), clinic()
    assert [one.sheet for one in tables] == ["月报", "事件"]
    assert (found.trials, found.periods) == (ours.trials, ours.periods)
    assert [event.key for event in found.events] == [event.key for event in ours.events]


def test_a_month_may_be_a_date_of_the_workbook():
    rows = [REPORT_ROWS[0], ["甲-01", "海瑞", local(2025, 3, 15), 5, 0]]
    (period,) = propose(mapping(), tables_for(mapping(sources=[REPORTS]), xlsx_of(月报=rows), "x.xlsx")).periods
    assert (period.month, period.exposures) == (date(2025, 3, 1), Decimal(5))


def test_a_period_is_the_whole_month_in_the_zone_of_the_list():
    period = clinic().periods[0]
    assert period.starts == datetime(2025, 3, 1, tzinfo=UTC8) and period.ends == datetime(2025, 4, 1, tzinfo=UTC8)


def test_rows_of_one_permit_and_month_are_added_up():
    found = clinic([*REPORT_ROWS, ["乙-02", "安康公司", "2025年3月", "0.5", "2"]])
    assert (found.periods[0].exposures, found.periods[0].events["complaint"]) == (Decimal(36), 3)


def test_a_month_without_exposures_that_has_events_is_undefined_and_one_without_either_is_no_report():
    july, august = (["乙-02", "安康公司", "2025年7月", "", ""], ["乙-02", "安康公司", "2025年8月", "0", "1"])
    found = clinic([*REPORT_ROWS, july, august])
    assert [(one.permit, one.month.month) for one in found.undefined] == [("乙-02", 8), ("甲-01", 4)]
    assert not [one for one in found.periods if one.month.month == 7]


def test_without_an_incident_list_nothing_is_said_of_its_events():
    found = propose(mapping(), [read_rows(csv_of(REPORT_ROWS).encode(), "reports.csv")])
    assert all(set(one.events) <= {"complaint"} for one in found.periods) and found.events == ()


def test_a_row_with_anything_wrong_is_refused_whole_with_every_reason():
    wrong = (["", "安康公司", "someday", "-3", "1.5"], ["丙-03", "新公司", "2025年3月", "abc", "0"])
    found = clinic([*REPORT_ROWS, *wrong])
    assert keys(found.refused) == [
        (6, "试点编号", "no_permit"), (6, "月份", "not_a_date"), (6, "服务人次", "negative"),
        (6, "投诉（件）", "not_whole"), (7, "服务人次", "not_a_number"),
    ]
    assert [remark.value for remark in found.refused] == ["", "someday", "-3", "1.5", "abc"]
    assert "丙-03" not in {trial.key for trial in found.trials}
    assert found.exposures == clinic().exposures


def test_a_word_the_mapping_does_not_know_is_refused_with_those_it_knows():
    (remark,) = clinic(incidents=[*INCIDENT_ROWS, ["甲-01", "2025年3月9日", "特别严重", "", ""]]).refused
    assert (remark.code.key, remark.code.values["known"]) == ("intake.unknown_value", ["一般", "严重"])


def test_an_event_of_no_stated_kind_is_refused():
    (remark,) = clinic(incidents=[*INCIDENT_ROWS, ["甲-01", "2025年3月9日", " ", "", ""]]).refused
    assert (remark.line, remark.field, remark.code.key) == (7, "等级", "intake.no_indicator")


def test_a_day_is_never_invented_for_a_date_that_has_none():
    (remark,) = clinic(incidents=[*INCIDENT_ROWS, ["甲-01", "2025年3月", "一般", "", ""]]).refused
    assert remark.code.key == "intake.not_a_date"


def test_a_value_is_repeated_in_a_remark_but_not_without_end():
    (remark,) = clinic([*REPORT_ROWS, ["丙", "x", "2025年3月", "a" * 10_000, ""]]).refused
    assert len(remark.value) == table.SHOWN + 1


def test_events_outside_the_expected_months_are_kept_and_named_by_line():
    narrow = mapping(first_month="2025-03", last_month="2025-03")
    found = propose(narrow, [read_rows(csv_of(INCIDENT_ROWS).encode(), "incidents.csv")])
    assert [remark.line for remark in found.noted if remark.code.key == "intake.outside_window"] == [6]
    assert len(found.events) == 3


def test_permits_that_only_one_of_the_lists_knows_are_named():
    found = clinic(incidents=[*INCIDENT_ROWS, ["丙-03", "2025年3月9日", "一般", "", ""]])
    told = {(remark.code.key, remark.file, remark.line, remark.value) for remark in found.noted}
    assert ("intake.permit_without_reports", "incidents.csv", 7, "丙-03") in told
    assert ("intake.permit_without_events", "reports.csv", 5, "乙-02") in told


def test_columns_the_mapping_does_not_mention_are_named_once_when_they_say_anything():
    rows = [[*row, "", extra] for row, extra in zip(REPORT_ROWS, ["备注", "x", "", "y", ""], strict=True)]
    (remark,) = [one for one in clinic(rows).noted if one.code.key == "intake.unused_column"]
    assert (remark.line, remark.field, remark.code.values, remark.value) == (1, "备注", {"column": "7", "n": 2}, "x")


def test_a_file_that_fits_no_source_is_refused_with_the_columns_it_lacks():
    found = propose(mapping(), [read_rows("试点编号,月份,服务人次\n".encode(), "list.csv")])
    (remark,) = found.refused
    assert (remark.code.key, remark.code.values["columns"]) == ("intake.missing_columns", ["试点单位", "投诉（件）"])


def test_a_needed_column_that_stands_twice_is_refused_and_another_only_named():
    rows = [[*row, row[3]] for row in REPORT_ROWS]
    assert "intake.ambiguous_columns" in {remark.code.key for remark in clinic(rows).refused}
    spare = [[*row, "", ""] for row in REPORT_ROWS]
    spare[0][5:] = ["备注", "备注"]
    assert clinic(spare).refused == () and len(clinic(spare).periods) == 4


def test_a_second_list_of_one_kind_is_refused_because_a_repeated_file_looks_just_like_it():
    twice = [read_rows(csv_of(INCIDENT_ROWS).encode(), name) for name in ("a.csv", "b.csv")]
    found = propose(mapping(), twice)
    assert [(remark.file, remark.code.key) for remark in found.refused] == [("b.csv", "intake.second_table")]
    assert len(found.events) == 3


def test_an_unreadable_file_is_a_refusal_of_the_proposal():
    found = propose(mapping(), [read_rows(b"\x00", "x.csv")])
    assert (found.trials, found.periods, found.events) == ((), (), ())
    assert keys(found.refused) == [(None, "", "not_text")]


WIDE = {
    "name": "wide", "zone": "UTC", "unit": "uses",
    "sources": [{
        "makes": "feedback",
        "columns": {"id": "permit", "sum": "total", "events": "stated_events"},
        "months": {"Jan": "2025-01", "Feb": "2025-02"},
    }, {
        "makes": "incidents",
        "columns": {"id": "permit", "day": "occurred_on"},
        "constants": {"indicator": "override"},
    }],
}


def wide(reports: str, incidents: str = "id,day\n") -> Proposal:
    made = read_mapping(json.dumps(WIDE).encode())
    files = (("reports.csv", reports), ("incidents.csv", incidents))
    return propose(made, [read_rows(content.encode(), name) for name, content in files])


def test_month_columns_are_exposures_and_a_blank_one_stays_unknown():
    found = wide("id,Jan,Feb,sum,events\na,1,,1,0\na,2,-,2,0\nb,0,4,4,0\n")
    assert [(one.permit, one.month.month, one.exposures) for one in found.periods] == [
        ("a", 1, Decimal(3)), ("b", 1, Decimal(0)), ("b", 2, Decimal(4)),
    ]


@pytest.mark.parametrize(("total", "named"), [("4", False), ("5", False), ("6", True), ("", False)])
def test_a_stated_total_is_named_only_where_rounding_cannot_explain_it(total, named):
    found = wide(f"id,Jan,Feb,sum,events\na,1,3,{total},0\n")
    assert ("intake.total_differs" in {remark.code.key for remark in found.noted}) is named
    assert found.exposures == 4


def test_a_stated_number_of_events_that_differs_from_the_list_is_named_and_the_list_counts():
    found = wide("id,Jan,Feb,sum,events\na,1,3,4,1\na,1,3,4,2\n", "id,day\na,2025-01-05\na,2025-02-05\n")
    (remark,) = [one for one in found.noted if one.code.key == "intake.events_differ"]
    assert (remark.line, remark.code.values) == (2, {"permit": "a", "stated": 3, "itemised": 2})
    assert [one.events["override"] for one in found.periods] == [1, 1]


# Keys


def events_of(rows: list[list[str]], **changes: object) -> list[str]:
    read = read_rows(csv_of(rows).encode(), "incidents.csv")
    return [event.key for event in propose(mapping(**changes), [read]).events]


def test_rows_alike_in_every_byte_are_events_of_their_own():
    first, second, _ = events_of(INCIDENT_ROWS)
    assert first != second and first.rpartition("-")[0] == second.rpartition("-")[0]


def test_keys_stay_when_the_file_is_sorted_otherwise_widened_or_mapped_better():
    ours = set(events_of(INCIDENT_ROWS))
    header, *rows = INCIDENT_ROWS
    assert set(events_of([header, *reversed(rows)])) == ours
    assert set(events_of([[*reversed(row)] for row in INCIDENT_ROWS])) == ours
    assert set(events_of([[*row, ""] for row in INCIDENT_ROWS])) == ours
    poorer = INCIDENTS | {"details": {}}
    assert set(events_of(INCIDENT_ROWS, sources=[poorer])) == ours


def test_keys_tell_apart_rows_that_differ_where_no_mapping_looks():
    rows = [[*row, extra] for row, extra in zip(INCIDENT_ROWS, ["备注", "a", "b", "c"], strict=True)]
    assert {key.rpartition("-")[2] for key in events_of(rows)} == {"1"}


@given(picks=st.lists(st.integers(0, 2), max_size=30))
def test_any_file_has_as_many_keys_as_rows_and_grows_without_changing_one(picks):
    header, *rows = INCIDENT_ROWS
    files = [[header, *(rows[pick] for pick in picks[:size])] for size in range(len(picks) + 1)]
    before, after = set(events_of(files[-2] if picks else files[0])), events_of(files[-1])
    assert len(set(after)) == len(after) == len(picks) and before <= set(after)


@given(months=st.lists(st.tuples(st.integers(0, 400), st.decimals(0, 10**6, places=2)), max_size=30))
def test_no_exposure_is_lost_or_counted_twice(months):
    days = [(date(2024, 1, 1) + timedelta(days=offset), value) for offset, value in months]
    rows = [["甲", "x", f"{day:%Y/%m/%d}", f"{value}", "1"] for day, value in days]
    found = clinic([REPORT_ROWS[0], *rows], INCIDENT_ROWS[:1])
    assert found.exposures == sum(value for _, value in days)
    assert Counter({one.month: one.events["complaint"] for one in found.periods}) == Counter(
        day.replace(day=1) for day, _ in days
    )

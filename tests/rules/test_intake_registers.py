"""Somebody's register through a mapping: keys, versions, dates as precise as they are, logs, and lists inside JSON."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sandbox.rules.intake import BadMapping, Mapping, delivered_mapping, delivered_mappings, propose_list, read_mapping
from sandbox.rules.intake.cells import Odd
from sandbox.rules.intake.entries import partial_day
from sandbox.rules.intake.matching import tables_for
from sandbox.rules.intake.register import ListProposal
from sandbox.rules.registers import EntryStage, stage_of

UTC = ZoneInfo("UTC")


def mapping(*sources: dict[str, Any], **more: Any) -> Mapping:
    said = {"name": "list", "zone": "UTC", "register": {"name": "list", "title": "List"}, "sources": list(sources)}
    return read_mapping(json.dumps({**said, **more}).encode())


def entries(columns: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"makes": "entries", "columns": columns, **more}


def proposed(by: Mapping, *files: tuple[str, str | bytes]) -> ListProposal:
    sent = [(name, content.encode() if isinstance(content, str) else content) for name, content in files]
    return propose_list(by, [table for name, content in sent for table in tables_for(by, content, name)])


def codes(remarks: Any) -> list[tuple[int | None, str]]:
    return [(one.line, one.code.key.removeprefix("intake.")) for one in remarks]


PLAIN = mapping(entries({"id": "key", "name": "title"}))
REPORTS = mapping(entries({"thing": "key", "report": "report", "no": "version", "on": "published", "name": "title"}))


def test_rows_of_one_key_are_versions_where_the_list_has_reports_and_the_newest_stands() -> None:
    rows = "T,R2,2,2025-03,c\nT,R1,1,2025-01,a\nT,R2,1,2025-02,b\n"
    found = proposed(REPORTS, ("l.csv", f"thing,report,no,on,name\n{rows}"))
    assert [[one.said.title for one in versions] for versions in found.entries.values()] == [["a", "b", "c"]]
    assert (found.rows, len(found.current), found.reports) == (3, 1, 2)
    assert codes(found.noted) == [(3, "amended"), (4, "amended"), (2, "one_of_reports")]


def test_without_a_key_the_report_stands_in_and_without_either_the_line_is_refused() -> None:
    found = proposed(REPORTS, ("l.csv", "thing,report,no,on,name\n,R1,1,2025-01,a\n,,1,2025-01,b\n"))
    assert list(found.entries) == ["R1"]
    assert codes(found.noted) == [(2, "key_of_report")] and codes(found.refused) == [(3, "no_key")]


def test_the_same_row_twice_is_merged_and_another_row_of_the_key_is_refused() -> None:
    found = proposed(PLAIN, ("l.csv", "id,name\n1,a\n1,a\n1,b\n"))
    assert codes(found.noted) == [(3, "same_row")] and codes(found.refused) == [(4, "key_twice")]
    assert [one.said.title for one in found.current] == ["a"]


def test_a_digest_does_not_depend_on_the_encoding_and_the_shape_of_the_file() -> None:
    text, rows = "id,name\n1,清扫\n", [{"id": "1", "name": "清扫"}]
    files = (("l.csv", text), ("l.csv", text.encode("gb18030")), ("l.json", json.dumps(rows)))
    assert len({proposed(PLAIN, one).current[0].digest for one in files}) == 1


@pytest.mark.parametrize(("text", "day"), (
    ("2025", "2025"), ("2025-06", "2025-06"), ("JUN-2025", "2025-06"), ("2025-06-30", "2025-06-30"),
    ("2025-06-30T23:30:00Z", "2025-07-01"), ("２０２５年6月3日", "2025-06-03")))
def test_a_date_is_as_precise_as_it_is_written(text: str, day: str) -> None:
    assert partial_day(text, ("%b-%Y", "%Y-%m-%dT%H:%M:%S%z", "%Y年%m月%d日"), ZoneInfo("Asia/Shanghai")) == day


@pytest.mark.parametrize("text", ("2012-2020", "soon", "2025-13", "2025-02-30", "1800-01-01", ""))
def test_what_is_no_date_is_odd(text: str) -> None:
    with pytest.raises(Odd):
        partial_day(text, (), UTC)


def test_silence_is_unknown_and_words_without_a_place_are_other() -> None:
    stages = {"planned": EntryStage.EARLY}
    assert [stage_of(status, stages) for status in (None, "", "planned", "nearly")] == [
        EntryStage.UNKNOWN, EntryStage.UNKNOWN, EntryStage.EARLY, EntryStage.OTHER]


def test_a_list_is_found_where_the_mapping_says_and_one_that_is_not_there_is_named() -> None:
    inside = mapping(entries({"id": "key"}, within="data.list"))
    assert len(proposed(inside, ("l.json", '{"a": [1], "data": {"b": {}, "list": [{"id": "1"}]}}')).entries) == 1
    lacking = proposed(inside, ("l.json", '{"a": 1, "data": {"lists": []}}'))
    assert codes(lacking.refused)[0][1] in ("no_such_list", "broken_json") and not lacking.entries
    assert len(proposed(inside, ("l.csv", "id\n1\n")).entries) == 1


def test_a_log_names_our_fields_by_the_lists_headings_and_a_last_word_that_differs_is_noted() -> None:
    both = mapping(entries({"id": "key", "name": "title"}), {"makes": "changes", "columns": {
        "id": "key", "what": "event", "field": "field", "old": "old", "new": "new", "at": "at"}})
    log = ("id,what,field,old,new,at\n1,changed,name,a,b,2025-01-01\n1,changed,owner,x,y,2025-01-02\n"
           "2,removed,,,,2025-01-03\n")
    found = proposed(both, ("l.csv", "id,name,owner\n1,c,y\n"), ("log.csv", log))
    assert [(one.key, one.event.value, one.field) for one in found.changes] == [
        ("1", "changed", "title"), ("1", "changed", "owner"), ("2", "removed", None)]
    assert codes(found.noted) == [(2, "log_differs")]
    assert len({one.digest for one in proposed(both, ("log.csv", log + "2,removed,,,,2025-01-03\n")).changes}) == 4


def test_a_title_is_made_of_the_row_where_no_column_has_one() -> None:
    made = mapping(entries({"id": "key"}), title="{Maker}, {City}")
    assert proposed(made, ("l.csv", "id,Maker,City\n1,A,B\n")).current[0].said.title == "A, B"
    assert proposed(made, ("l.csv", "id,Maker\n1,A\n")).current[0].said.title == "1"


@pytest.mark.parametrize("wrong", (
    {"sources": [{"makes": "trials", "columns": {"id": "permit"}}]}, {"register": None},
    {"sources": [entries({"name": "title"})]}, {"sources": [entries({"id": "key"}, stages={"x": "nearly"})]},
    {"sources": [entries({"id": "key", "on": "month"})]}, {"register": {"name": "A b", "title": "x"}}))
def test_a_mapping_of_a_register_that_says_too_little_or_mixes_things_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadMapping) as refused:
        mapping(entries({"id": "key"}), **wrong)
    assert refused.value.reasons


@pytest.mark.parametrize("name", delivered_mappings())
def test_every_delivered_mapping_can_be_used(name: str) -> None:
    assert delivered_mapping(name).name == name


def test_the_chinese_list_of_filings_is_read_in_gb18030() -> None:
    head = "序号,算法名称,角色,主体名称,应用产品,主要用途,备案编号,备注"
    text = f"{head}\n1,派单算法,服务提供者,某公司,某应用,派单,网信算备1号,\n"
    found = proposed(delivered_mapping("cn-algorithm-filings"), ("filings.csv", text.encode("gb18030")))
    said = found.current[0].said
    assert (said.key, said.body, said.description, said.raw["应用产品"]) == ("网信算备1号", "某公司", "派单", "某应用")
    assert said.stage is EntryStage.UNKNOWN and found.refused == () == found.noted

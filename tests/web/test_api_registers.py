"""Registers by API: lists sent as files on both databases, refused whole by line, and everything read back."""

import io
import json
from functools import partial
from typing import Any

import openpyxl
import pytest
from api_world import World, both_cities  # noqa: F401 the fixture `world`
from werkzeug.test import TestResponse

MAPPING = {"name": "clinics", "zone": "Asia/Shanghai",
           "register": {"name": "clinics", "title": "诊所登记", "whole": True}, "dates": ["%Y年%m月%d日"],
           "sources": [{"makes": "entries", "columns": {
               "编号": "key", "名称": "title", "机构": "body", "状态": "status", "公布日期": "published",
               "网址": "url"},
               "stages": {"使用中": "in_use"}},
               {"makes": "changes", "values": {"event": {"变更": "changed", "撤销": "removed"}}, "columns": {
                   "编号": "key", "事项": "event", "栏目": "field", "原": "old", "新": "new", "时间": "at"}}]}
HEAD = ("编号", "名称", "机构", "状态", "公布日期", "网址")
LOG_HEAD = ("编号", "事项", "栏目", "原", "新", "时间")


def sheet(*rows: tuple[Any, ...]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def text(*rows: tuple[str, ...], encoding: str = "gb18030") -> bytes:
    return "\n".join(",".join(row) for row in rows).encode(encoding)


def send(world: World, *files: tuple[str, bytes], who: str = "lin", query: str = "",
         mapping: Any = MAPPING) -> TestResponse:
    parts = {"files": [(io.BytesIO(content), name) for name, content in files]}
    if mapping is not None:
        parts["map"] = [(io.BytesIO(json.dumps(mapping).encode()), "map.json")]
    return world.app.test_client().post(f"/api/v1/imports/own{query}", data=parts, headers={
        "Authorization": f"Bearer {world.tokens[who]}", "Accept-Language": "en"})


GOOD = sheet(HEAD, ("C-1", "影像初读", "第一医院", "使用中", "2025年03月02日", "https://clinics.example/1"),
             ("C-2", "分诊", None, None, "2025年3月", "see the annex"))
LOG = text(LOG_HEAD, ("C-1", "变更", "状态", "试用", "使用中", "2025年04月01日"),
           ("C-9", "撤销", "", "", "", "2025年05月01日"))


def test_a_workbook_and_its_log_come_in_once_and_are_read_back(world: World) -> None:
    first = send(world, ("clinics.xlsx", GOOD), ("log.csv", LOG)).get_json()
    assert {name: first[name] for name in ("records", "taken", "without_body", "without_status", "changes",
                                           "status_changes", "kept_changes")} == {
        "records": 2, "taken": 2, "without_body": 1, "without_status": 1, "changes": 2, "status_changes": 1,
        "kept_changes": 2}
    assert sorted(one["code"] for one in first["noted"]) == [
        "intake.date_as_written", "intake.no_address", "intake.no_body", "intake.no_status"]
    before = world.kept()
    again = send(world, ("clinics.xlsx", GOOD), ("log.csv", LOG)).get_json()
    assert (again["taken"], again["versions"], again["kept_changes"], again["repeated"]) == (0, 0, 0, 4)
    assert world.kept() == before
    client = world.client("gao")
    entries = client.get("/registers/clinics/entries")["items"]
    assert [(one["key"], one["stage"], one["published"], one["url"]) for one in entries] == [
        ("C-2", "unknown", None, None), ("C-1", "in_use", "2025-03-02", "https://clinics.example/1")]
    whole = client.get(f"/registers/clinics/entries/{entries[1]['id']}")
    assert [(one["field"], one["old"], one["new"], one["file"], one["line"]) for one in whole["history"]] == [
        ("status", "试用", "使用中", "log.csv", 2)]
    assert whole["versions"][0]["raw"]["公布日期"] == "2025年03月02日"
    gone = client.get("/registers/clinics/changes")["items"][0]
    assert (gone["entry_key"], gone["event"], gone["entry_id"]) == ("C-9", "removed", None)
    found = client.get("/registers/clinics/entries?q=第一&stage=in_use")["items"]
    assert [one["key"] for one in found] == ["C-1"] and client.get("/registers/clinics/entries?q=none")["items"] == []


BAD = {
    "empty": ("list.csv", b""), "no text": ("list.csv", b"\x00\x01\x02"), "no workbook": ("list.xlsx", b"PK\x03\x04"),
    "half a list": ("list.json", b'[{"a": 1},'), "other columns": ("list.csv", b"a,b\n1,2"),
    "an unclosed mark": ("list.csv", text(HEAD, ("C-1", '"影像', "", "", "", ""))),
    "a ragged line": ("list.csv", text(HEAD, ("C-1", "影像"))),
    "no number": ("list.csv", text(HEAD, ("", "影像", "", "", "", ""))),
    "a number twice": ("list.csv", text(HEAD, ("C-1", "影像", "", "", "", ""), ("C-1", "分诊", "", "", "", ""))),
    "a title too long": ("list.csv", text(HEAD, ("C-1", "长" * 501, "", "", "", ""))),
    "a control character": ("list.csv", text(HEAD, ("C-1", "影\x07像", "", "", "", ""), encoding="utf-8")),
    "an unknown event": ("log.csv", text(LOG_HEAD, ("C-1", "改", "状态", "", "", "2025年04月01日"))),
    "no time": ("log.csv", text(LOG_HEAD, ("C-1", "变更", "状态", "", "", ""))),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_of_any_kind_is_refused_with_its_lines_and_nothing_is_kept(world: World, what: str) -> None:
    before = world.kept()
    refused = send(world, BAD[what])
    problem = refused.get_json()
    assert (refused.status_code, problem["code"]) == (422, "lines_refused"), what
    assert all(error["message"].startswith(BAD[what][0]) for error in problem["errors"])
    assert world.kept() == before


def test_the_good_lines_are_kept_where_they_are_asked_for_alone(world: World) -> None:
    rows = text(HEAD, ("C-7", "分诊", "第一医院", "使用中", "", ""), ("", "无编号", "", "", "", ""))
    done = send(world, ("list.csv", rows), query="?partial=1").get_json()
    assert (done["taken"], [one["line"] for one in done["refused"]]) == (1, [3])


@pytest.mark.parametrize(("mapping", "status", "code"), (
    ({"name": "x"}, 422, "bad_mapping"), ({**MAPPING, "zone": "Nowhere"}, 422, "bad_mapping"), (None, 404, "not_found"),
    ({**MAPPING, "register": None}, 422, "bad_mapping")))
def test_a_mapping_that_cannot_be_used_says_why(world: World, mapping: Any, status: int, code: str) -> None:
    refused = send(world, ("clinics.xlsx", GOOD), mapping=mapping)
    assert (refused.status_code, refused.get_json()["code"]) == (status, code)
    assert status == 404 or all(refused.get_json()["reasons"])


def test_the_day_of_a_list_is_not_ahead_of_us_and_a_dry_run_keeps_nothing(world: World) -> None:
    before = world.kept()
    assert send(world, ("clinics.xlsx", GOOD), query="?as_of=2099-01-01").status_code == 422
    assert send(world, ("clinics.xlsx", GOOD), query="?as_of=yesterday").status_code == 400
    assert send(world, ("clinics.xlsx", GOOD), query="?dry_run=1").get_json()["records"] == 2
    assert world.kept() == before


@pytest.mark.parametrize(("who", "status"), (("fang", 403), ("di", 403), ("ada", 403), ("reads", 403)))
def test_a_list_is_read_by_regulators_alone(world: World, who: str, status: int) -> None:
    assert send(world, ("clinics.xlsx", GOOD), who=who).status_code == status


def test_an_entry_by_hand_is_amended_by_its_number_and_the_same_again_is_the_same(world: World) -> None:
    path, body = "/registers/filings/entries", {"key": "H-1", "title": "Route planning", "status": "planned"}
    post = partial(world.client("di").post, status=201)
    first = post(path, body)
    assert post(path, body)["version"] == first["version"] == 1
    assert post(path, {**body, "status": "in use"})["version"] == 2
    whole = world.client("fang").get(f"{path}/{first['id']}")
    assert whole["stage"] == "other"
    assert [(one["field"], one["old"], one["new"], one["version"]) for one in whole["history"]] == [
        ("status", "planned", "in use", 2)]


def test_an_entry_of_another_register_is_not_there(world: World) -> None:
    world.client("lin").post("/registers", {"name": "second", "title": "Second"}, 201)
    assert world.client("lin").send("GET", f"/registers/second/entries/{world.hers['entries']}").status_code == 404


def test_a_trial_cites_an_entry_once_and_takes_it_back(world: World) -> None:
    path = f"/trials/{world.hers['draft']}/citations"
    cite = partial(world.client("fang").post, status=201)
    first = cite(path, {"entry_id": world.hers["entries"], "note": "The same system"})["id"]
    assert cite(path, {"entry_id": world.hers["entries"]})["id"] == first
    listed = world.client("lin").get(path)["items"]
    assert [(one["id"], one["title"], one["version"], one["note"]) for one in listed] == [
        (first, "Street sweeping", 1, "The same system")]
    entry = f"/registers/filings/entries/{world.hers['entries']}"
    assert world.hers["draft"] in world.client("fang").get(entry)["cited_by"]
    assert world.hers["draft"] not in world.client("gao").get(entry)["cited_by"]
    world.client("fang").post(f"/citations/{first}/withdrawal", {})
    assert world.client("fang").get(path)["items"] == []
    assert [one["id"] for one in world.client("fang").get(f"{path}?withdrawn=1")["items"]] == [first]

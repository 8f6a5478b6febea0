"""Registers by page: read a list, look through it, decide on names, cite an entry; sound pages without a script."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from cast import Cast, adopt
from conftest import running, still
from databases import Stencil
from desk import Desks, Page, desks

from sandbox.jobs.program import Program
from sandbox.rules.access import Actor

MAPPING: dict[str, Any] = {"name": "city-filings", "zone": "Asia/Shanghai",
           "register": {"name": "city-filings", "title": "算法备案清单", "title_en": "City filings"}, "sources": [{
               "makes": "entries", "columns": {
                   "备案编号": "key", "算法名称": "title", "主体名称": "body", "状态": "status"},
               "stages": {"使用中": "in_use"}}]}
ROWS = (("A-1", "街面清扫", "海睿", "使用中"), ("A-2", "=夜间巡检", "另一家", ""), ("A-3", "客服问答", "", "试用"))


@pytest.fixture(scope="module")
def town(filled: Stencil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, Cast]]:
    """One program for the file: each test reads a register of its own."""
    folder = tmp_path_factory.mktemp("registers")
    for program in running(filled.on_file(folder), still()):
        yield program, filled.filled["sqlite"]


@pytest.fixture(scope="module")
def at(town: tuple[Program, Cast]) -> Desks:
    return desks(town[0])


@pytest.fixture(scope="module")
def cast(town: tuple[Program, Cast]) -> Cast:
    return town[1]


def keys(at: Desks, cast: Cast, query: str) -> list[str]:
    """The keys of the entries that a list with this query would export."""
    return [one["key"] for one in at(cast.lin).get(f"/registers/entries?export=json&{query}").get_json()]


def listed(*rows: tuple[str, ...]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([("备案编号", "算法名称", "主体名称", "状态"), *rows])
    return out.getvalue().encode("gb18030")


def read(at: Desks, who: Actor, content: bytes, name: str = "list.csv", of: str = "city-filings", **more: Any) -> Any:
    desk, mapping = at(who), {**MAPPING, "register": {**MAPPING["register"], "name": of}}
    hidden = Page(desk.get("/registers/import?lang=en").text).fields
    return desk.post("/registers/import", {
        **hidden, "mapping": "own", "map": (io.BytesIO(json.dumps(mapping).encode()), "map.json"),
        "list": (io.BytesIO(content), name), **more})


@pytest.fixture(scope="module")
def stocked(at: Desks, cast: Cast) -> Desks:
    assert read(at, cast.lin, listed(*ROWS)).status_code == 200
    return at


def test_a_list_is_checked_first_then_kept_and_a_second_time_adds_nothing(at: Desks, cast: Cast) -> None:
    checked = read(at, cast.lin, listed(*ROWS), of="first", draft="1")
    assert checked.status_code == 200 and "Checked; nothing is kept yet" in checked.text
    assert Page(checked.text).faults() == [] and "The list was read" not in checked.text
    assert keys(at, cast, "register=first") == []
    kept = read(at, cast.lin, listed(*ROWS), of="first")
    assert "The list was read" in kept.text and "Not stated: 1" in kept.text and "No status is given" in kept.text
    assert "Nothing new" in read(at, cast.lin, listed(*ROWS), of="first").text


def test_a_list_with_bad_lines_is_refused_by_line_and_keeps_nothing(at: Desks, cast: Cast) -> None:
    bad = ("", "无编号", "", "")
    refused = read(at, cast.lin, listed(*ROWS, bad, ("A-1", "另一个", "", "")), of="second")
    assert refused.status_code == 422 and Page(refused.text).faults() == []
    assert "list.csv, line 5" in refused.text and "list.csv, line 6" in refused.text
    assert keys(at, cast, "register=second") == []
    assert "The list was read" in read(at, cast.lin, listed(*ROWS, bad), of="second", partial="1").text


@pytest.mark.parametrize(("content", "name"), (
    (b"", "list.csv"), (b"\x00\x01\x02\x03", "list.csv"), (b"PK\x03\x04 no workbook", "list.xlsx"),
    (b"{\"a\": ", "list.json"), ("备案编号,算法名称\nA-1,x".encode(), "list.csv"), (b"\xd0\xcf\x11\xe0", "list.xls")))
def test_a_file_that_cannot_be_read_is_refused_in_words(at: Desks, cast: Cast, content: bytes, name: str) -> None:
    refused = read(at, cast.lin, content, name)
    assert refused.status_code == 422 and name in refused.text


@pytest.mark.parametrize(("more", "said"), (
    ({"mapping": ""}, "mapping"), ({"map": (io.BytesIO(b"{"), "m.json")}, "not JSON"),
    ({"as_of": "2099-01-01"}, "today"), ({"as_of": "yesterday"}, "date"), ({"list": (io.BytesIO(b""), "")}, "list")))
def test_what_is_missing_or_wrong_in_the_form_is_said_beside_it(at: Desks, cast: Cast, more: Any, said: str) -> None:
    refused = read(at, cast.lin, listed(*ROWS), **more)
    assert refused.status_code == 422 and 'role="alert"' in refused.text and said in refused.text


def test_only_a_regulator_reads_lists_and_everyone_reads_entries(stocked: Desks, cast: Cast) -> None:
    assert stocked(cast.fang).get("/registers/import").status_code == 403
    for who in (cast.ada, cast.lin, cast.fang, cast.rui, cast.di):
        found = stocked(who).get("/registers/entries?lang=en")
        assert found.status_code == 200 and "街面清扫" in found.text
    assert 'href="/registers"' in stocked(cast.di).get("/registers").text


def test_entries_are_found_by_words_stage_status_and_body_and_exports_hold_exactly_these(stocked: Desks,
                                                                                         cast: Cast) -> None:
    read(stocked, cast.lin, listed(*ROWS), of="third")

    def found(query: str) -> list[str]:
        return keys(stocked, cast, f"register=third&{query}")

    assert sorted(found("")) == ["A-1", "A-2", "A-3"]
    assert found("q=ａ-1") == found("q=清扫 海睿") == found("stage=in_use") == found("body=海睿") == ["A-1"]
    assert found("status=试用") == found("stage=other") == ["A-3"]
    assert found("stage=unknown") == ["A-2"] and found("stage=early") == found("kind=incident") == []
    table = stocked(cast.fang).get("/registers/entries?register=third&export=csv&q=巡检").get_data().decode("utf-8-sig")
    assert [row[3] for row in csv.reader(io.StringIO(table))][1] == "'=夜间巡检"
    sheet = stocked(cast.fang).client.get("/registers/entries?register=third&export=xlsx&q=巡检").get_data()
    book = openpyxl.load_workbook(io.BytesIO(sheet))
    assert [row[3].value for row in book.active.iter_rows(min_row=2)] == ["'=夜间巡检"]


def test_an_entry_shows_its_rows_its_versions_and_what_changed(stocked: Desks, cast: Cast) -> None:
    read(stocked, cast.lin, listed(("A-1", "街面清扫", "海睿", "已注销"), *ROWS[1:]))
    shown = stocked(cast.gao).get(entry_path(stocked, cast, "A-1") + "?lang=en").text
    assert "Status: from “使用中” to “已注销”" in shown and "list.csv, line 2" in shown and "Versions (2)" in shown
    history = stocked(cast.gao).get("/registers/changes?field=status&lang=en").text
    assert "已注销" in history and "使用中" in history


def entry_path(at: Desks, cast: Cast, key: str) -> str:
    found = at(cast.lin).get(f"/registers/entries?register=city-filings&export=json&q={key}").get_json()
    return f"/registers/entries/{found[0]['id']}"


def test_a_person_decides_whether_a_name_like_a_firms_is_the_firms(stocked: Desks, cast: Cast) -> None:
    lin = stocked(cast.lin)
    names = lin.get("/registers/names?lang=en").text
    path = next(link for link in Page(names).links if "/registers/names/ap_" in link)
    assert lin.send(path, {}).status_code == 303
    assert "Known here as" in lin.get(entry_path(stocked, cast, "A-1")).text
    assert ">One body<" in lin.get("/registers/names").text
    assert path not in Page(lin.get("/registers/names?state=waiting").text).links
    assert lin.send(path, {}).status_code == 422
    assert stocked(cast.fang).get("/registers/names").status_code == 403


def test_a_firm_finds_an_entry_cites_it_and_takes_it_back_without_a_script(stocked: Desks, cast: Cast) -> None:
    trial, fang = adopt(stocked.program, cast, 1)[0], stocked(cast.fang)
    pick = fang.get(f"/trials/{trial}/citations?register=city-filings&q=清扫&lang=en")
    assert "Nothing is cited yet" in pick.text
    cite = next(link for link in Page(pick.text).links if link.startswith(f"/trials/{trial}/citations/re_"))
    assert fang.send(cite, {"note": "The same system"}).status_code == 303
    entry = entry_path(stocked, cast, "A-1")
    for path in (f"/trials/{trial}", f"/trials/{trial}/dossier", f"/trials/{trial}/citations"):
        assert entry in fang.get(path).text, path
    assert trial in fang.get(entry).text and trial in stocked(cast.lin).get(entry).text
    assert trial not in stocked(cast.gao).get(entry).text
    assert stocked(cast.gao).get(f"/trials/{trial}/citations").status_code == 404
    page = fang.get(f"/trials/{trial}/citations").text
    back = page.split('/withdrawal"')[0].rpartition('action="')[2]
    assert fang.send(f"/trials/{trial}/citations", {}, to=f"{back}/withdrawal").status_code == 303
    assert "Nothing is cited yet" in fang.get(f"/trials/{trial}/citations").text


@pytest.mark.parametrize("language", ("zh_Hans", "zh_Hant", "en"))
def test_every_page_of_registers_is_sound_in_each_language(stocked: Desks, cast: Cast, language: str) -> None:
    paths = ["/registers", "/registers/entries", "/registers/entries?register=city-filings", "/registers/changes",
             "/registers/import", "/registers/names", "/registers/entries?q=nowhere", entry_path(stocked, cast, "A-2")]
    for path in paths:
        found = stocked(cast.lin).get(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert found.status_code == 200, path

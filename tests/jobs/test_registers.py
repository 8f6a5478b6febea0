"""Registers that others keep, read from the public lists themselves: every number as published, nothing added twice."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, enter_cast
from conftest import running, settings_in, still
from databases import Stencil
from sqlmodel import SQLModel

from sandbox.jobs.imports import LinesRefused
from sandbox.jobs.program import Program
from sandbox.jobs.registers import RegisterReport, read_register
from sandbox.jobs.schema import prepare
from sandbox.reads import registers as reads
from sandbox.reads.registers import ChangeFilter, EntryFilter
from sandbox.rules.intake import Mapping, delivered_mapping, read_mapping
from sandbox.store.registers import ENTRIES, VERSIONS

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DUTCH, LOG = "nl_algorithm_register.json", "nl_algorithm_register_changes.csv"
needs_lists = pytest.mark.skipif(not DATA.is_dir(), reason="the public lists are not in ../shared/data")


@dataclass
class City:
    """A program with its cast, on one of the databases, and Lin reading lists."""

    program: Program
    cast: Cast

    def read(self, name: str | Mapping, *files: tuple[str, bytes] | str, **more: Any) -> RegisterReport:
        mapping = delivered_mapping(name) if isinstance(name, str) else name
        sent = [(one, (DATA / one).read_bytes()) if isinstance(one, str) else one for one in files]
        return read_register(self.program, self.cast.lin, mapping, sent, **more)[0]

    def kept(self) -> dict[str, int]:
        with self.program.reading() as connection:
            return {name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                    for name, table in SQLModel.metadata.tables.items() if name not in ("pulse",)}

    def entries(self, **chosen: Any) -> list[dict[str, Any]]:
        with self.program.reading() as connection:
            found, cursor = [], None
            while True:
                page = reads.entries(connection, EntryFilter(**chosen), cursor, 200)
                found += page.items
                if (cursor := page.next) is None:
                    return found

    def entry(self, key: str) -> dict[str, Any]:
        with self.program.reading() as connection:
            entry_id = connection.execute(sa.select(ENTRIES.c.id).where(ENTRIES.c.key == key)).scalar_one()
            found = reads.entry(connection, entry_id)
            assert found is not None
            return found


@pytest.fixture
def city(program: Program, cast: Cast) -> City:
    return City(program, cast)


@pytest.fixture
def city_on_postgres(postgres: Callable[[], str], tmp_path: Path) -> Iterator[City]:
    settings = settings_in(tmp_path).model_copy(update={"database_url": postgres()})
    prepare(settings)
    for program in running(settings, still()):
        yield City(program, enter_cast(program))


@pytest.fixture(scope="module")
def dutch(filled: Stencil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[City, RegisterReport]]:
    """A city that has read the Dutch register with its log."""
    folder = tmp_path_factory.mktemp("dutch")
    for program in running(filled.on_file(folder), still()):
        city = City(program, filled.filled["sqlite"])
        yield city, city.read("dutch-algorithm-register", DUTCH, LOG)


def own(**changes: Any) -> Mapping:
    """A mapping of a small list with Chinese headings."""
    said = {"name": "city-filings", "zone": "Asia/Shanghai",
            "register": {"name": "city-filings", "title": "算法备案清单"}, "sources": [{
                "makes": "entries", "columns": {
                    "备案编号": "key", "算法名称": "title", "主体名称": "body", "状态": "status"},
                "stages": {"使用中": "in_use", "已注销": "retired"}}]}
    return read_mapping(json.dumps({**said, **changes}).encode())


def filings(*rows: tuple[str, ...], encoding: str = "utf-8") -> tuple[str, bytes]:
    out = io.StringIO()
    csv.writer(out).writerows([("备案编号", "算法名称", "主体名称", "状态", "备注"), *rows])
    return "filings.csv", out.getvalue().encode(encoding)


# The public lists


@needs_lists
def test_the_dutch_register_comes_in_with_its_history_and_a_second_time_nothing_comes(
        dutch: tuple[City, RegisterReport]) -> None:
    city, first = dutch
    assert (first.records, first.bodies, first.taken, first.without_body) == (1530, 336, 1530, 0)
    assert first.statuses == {"in_gebruik": 1392, "ontwikkeling": 73, "buiten_gebruik": 65}
    assert first.stages == {"in_use": 1392, "early": 73, "retired": 65}
    assert (first.changes, first.kept_changes, first.status_changes, first.renames) == (163, 163, 7, 22)
    assert first.refused == () and first.noted == ()
    before = city.kept()
    assert before["register_entries"] == before["register_versions"] == 1530
    again = city.read("dutch-algorithm-register", DUTCH, LOG)
    assert (again.taken, again.versions, again.kept_changes, again.repeated) == (0, 0, 0, 1693)
    assert city.kept() == before


@needs_lists
def test_dutch_renames_are_proposed_and_joined_by_a_person_alone(
        dutch: tuple[City, RegisterReport]) -> None:
    city, read = dutch
    assert read.proposals == 22
    with city.program.reading() as connection:
        waiting = {one["name"]: one for one in reads.proposals(connection, "waiting").items}
    assert {name: (one["other"], one["times"]) for name, one in waiting.items()} == {
        "Stichting Inlichtingenbureau": ("Stichting Bureau Informatiediensten Nederland", 21),
        "Zeeuws archief": ("Zeeuws Archief", 1)}
    assert {one["organisation_id"] for one in city.entries()} == {None}
    act = city.program.acts.do
    done = act("decide_alias", city.cast.lin, {"proposal_id": waiting["Zeeuws archief"]["id"], "same": True,
                                                  "kind": "authority"})
    joined = city.entries(body="Zeeuws Archief")
    assert done.entries == len(joined) and {one["organisation_id"] for one in joined} == {done.organisation_id}
    act("decide_alias", city.cast.lin, {
        "proposal_id": waiting["Stichting Inlichtingenbureau"]["id"], "same": False})
    assert len([one for one in city.entries() if one["organisation_id"]]) == len(joined)


@needs_lists
def test_the_history_of_a_dutch_entry_is_its_lines_of_the_log(dutch: tuple[City, RegisterReport]) -> None:
    city, _ = dutch
    history = city.entry("54217140")["history"]
    lines = (DATA / LOG).read_text().splitlines()
    assert [(one["field"], one["event"]) for one in history] == [("title", "changed")] * 2 + [(None, "added")]
    assert all(lines[one["line"] - 1].split(",")[1] == "54217140" for one in history)
    assert history[0]["new"] == city.entry("54217140")["title"]
    with city.program.reading() as connection:
        gone = [one for one in reads.changes(connection, ChangeFilter(), limit=200).items if one["event"] == "removed"]
        assert [(one["entry_key"], one["entry_id"]) for one in gone] == [("59917797", None)]
        assert reads.count_changes(connection, ChangeFilter("nl-algorithms", "status")) == 7


@needs_lists
def test_british_records_without_a_body_are_named_by_line(city: City) -> None:
    read = city.read("uk-algorithm-records", "uk_atrs_records.json")
    assert (read.records, read.without_body, read.without_status) == (136, 6, 136)
    lines = (DATA / "uk_atrs_records.json").read_text().splitlines()
    silent = [one["line"] for one in read.noted]
    assert len(silent) == 6 and all('"publishing_body": null' in "".join(lines[line - 1:line + 3]) for line in silent)
    assert {one["url"] for one in city.entries()} == {one["key"] for one in city.entries()}
    assert city.read("uk-algorithm-records", "uk_atrs_records.json").repeated == 136


@needs_lists
def test_an_american_use_case_without_a_stage_is_unknown_and_not_early(city: City) -> None:
    read = city.read("us-ai-inventory-2023", "us_federal_ai_inventory_2023.csv")
    assert (read.records, read.without_status, read.stages["unknown"]) == (710, 321, 321)
    assert sum(read.stages.values()) == 710 and read.stages["early"] == 74 + 81 + 7 + 6 + 1 + 1
    assert {one["status"] for one in city.entries(stage="unknown")} == {None}
    assert all(one["status"] for one in city.entries(stage="early"))
    assert city.read("us-ai-inventory-2023", "us_federal_ai_inventory_2023.csv").taken == 0


@needs_lists
def test_american_crash_reports_are_188_incidents_in_232_versions(city: City) -> None:
    read = city.read("us-crash-reports", "nhtsa_sgo_ads_small.csv")
    assert (read.rows, read.reports, read.records, read.kind) == (232, 189, 188, "incident")
    assert (read.taken, read.versions) == (188, 232)
    merged = city.entry("aeb0ef282584e35")
    assert [(one["report"], one["raw"]["Report Version"]) for one in merged["versions"]] == [
        ("30711-1759", "3"), ("30711-1759", "2"), ("30711-1759", "1"), ("30711-1624", "1")]
    assert merged["version"] == 4 and merged["published"] == "2021-12" and merged["occurred"] == "2021-10"
    assert [one["code"] for one in read.noted].count("intake.amended") == 44
    before = city.kept()
    assert city.read("us-crash-reports", "nhtsa_sgo_ads_small.csv").repeated == 232 and city.kept() == before


@needs_lists
def test_incidents_with_legal_outcome_come_in_by_their_mapping(city: City) -> None:
    read = city.read("ai-incident-law", "ai_incident_law.json")
    assert (read.records, read.taken, read.kind) == (64 + 26 + 19, 109, "incident")
    assert (read.statuses["review queue"], read.statuses["global candidate"]) == (26, 19)


@needs_lists
def test_on_postgres_the_lists_give_the_same_and_a_second_time_nothing(city_on_postgres: City) -> None:
    def all_of_them() -> list[tuple[int, ...]]:
        read = city_on_postgres.read
        found = [read("dutch-algorithm-register", DUTCH, LOG), read("us-crash-reports", "nhtsa_sgo_ads_small.csv"),
                 read(own(), filings(("A-1", "清扫", "海睿", "使用中", "")))]
        return [(one.records, one.versions, one.kept_changes, one.proposals) for one in found]

    assert all_of_them() == [(1530, 1530, 163, 22), (188, 232, 0, 0), (1, 1, 0, 1)]
    before = city_on_postgres.kept()
    assert all_of_them() == [(1530, 0, 0, 0), (188, 0, 0, 0), (1, 0, 0, 0)]
    assert city_on_postgres.kept() == before
    assert len(city_on_postgres.entries(register_name="nl-algorithms", stage="early")) == 73
    assert [one["key"] for one in city_on_postgres.entries(q="清扫 ａ－１")] == ["A-1"]


# A city's own lists


@pytest.mark.parametrize("encoding", ("utf-8", "utf-8-sig", "gb18030", "utf-16"))
def test_a_chinese_list_is_read_in_any_encoding_it_comes_in(city: City, encoding: str) -> None:
    read = city.read(own(), filings(
        ("A-1", "街面清扫路径规划", "海睿", "使用中", "路面"), ("A-2", "夜间巡检", "", "", ""), encoding=encoding))
    assert (read.taken, read.bodies, read.without_body, read.stages) == (2, 1, 1, {"in_use": 1, "unknown": 1})
    assert city.entry("A-1")["versions"][0]["raw"]["备注"] == "路面"
    assert [one["key"] for one in city.entries(q="清扫 ａ－１")] == ["A-1"]


def test_a_newer_list_makes_versions_and_history_and_what_it_leaves_out_was_last_seen_before(city: City) -> None:
    city.read(own(), filings(("A-1", "清扫", "海睿", "使用中", ""), ("A-2", "巡检", "海睿", "使用中", "")))
    city.program.clock.forward(START + timedelta(days=30))  # type: ignore[attr-defined]
    newer = city.read(own(), filings(("A-1", "清扫", "海睿", "已注销", "停用")))
    assert (newer.taken, newer.amended, newer.versions, newer.kept_changes) == (0, 1, 1, 0)
    one, gone = city.entry("A-1"), city.entry("A-2")
    assert (one["version"], one["stage"]) == (2, "retired")
    assert {(c["field"], c["old"], c["new"], c["version"], c["line"]) for c in one["history"]} == {
        ("status", "使用中", "已注销", 2, 2), ("备注", None, "停用", 2, 2)}
    assert gone["last_seen_on"] < gone["read_on"] == one["last_seen_on"]


def test_an_entry_amended_by_hand_and_by_a_list_again_tells_what_changed_and_nothing_else(city: City) -> None:
    city.read(own(), filings(("A-1", "清扫", "海睿", "使用中", "路面")))
    by_hand = {"register_name": "city-filings", "key": "A-1", "title": "清扫", "body": "海睿", "status": "使用中",
               "stage": "in_use", "description": "夜间"}
    assert city.program.acts.do("enter_entry", city.cast.lin, by_hand).version == 2
    city.read(own(), filings(("A-1", "清扫", "海睿", "已注销", "")))
    told = [(one["version"], one["field"], one["old"], one["new"]) for one in city.entry("A-1")["history"]]
    assert sorted(told, key=str) == [(2, "description", None, "夜间"), (3, "description", "夜间", None),
                                     (3, "stage", "in_use", "retired"), (3, "status", "使用中", "已注销")]


def test_an_older_list_says_nothing_of_the_present(city: City) -> None:
    today, before = START.date(), START.date() - timedelta(days=30)
    city.read(own(), filings(("A-1", "清扫", "海睿", "已注销", "")), as_of=today)
    read = city.read(own(), filings(("A-1", "清扫", "海睿", "使用中", "")), as_of=before)
    assert read.versions == 0 and city.entry("A-1")["status"] == "已注销"


def test_a_status_that_comes_back_is_a_third_version(city: City) -> None:
    for status in ("使用中", "已注销", "使用中"):
        city.read(own(), filings(("A-1", "清扫", "海睿", status, "")))
    assert [one["body"]["status"] for one in city.entry("A-1")["versions"]] == ["使用中", "已注销", "使用中"]


def test_a_name_like_that_of_a_firm_is_proposed_and_joined_for_later_lists_too(city: City) -> None:
    city.read(own(), filings(("A-1", "清扫", "海睿", "", "")))
    assert city.entry("A-1")["organisation_id"] is None
    with city.program.reading() as connection:
        proposed = reads.proposals(connection, "waiting").items
    assert [(one["name"], one["other"], one["ground"]) for one in proposed] == [("海睿", "海睿", "same_name")]
    city.program.acts.do("decide_alias", city.cast.zhou, {"proposal_id": proposed[0]["id"], "same": True})
    city.read(own(), filings(("A-1", "清扫", "海睿", "", ""), ("A-2", "巡检", "海睿", "", "")))
    assert {city.entry(key)["organisation_id"] for key in ("A-1", "A-2")} == {city.cast.fang.organisation_id}


def test_a_list_with_bad_lines_is_refused_whole_by_line_or_taken_in_part_where_asked(city: City) -> None:
    bad = filings(("A-1", "清扫", "海睿", "使用中", ""), ("", "无编号", "海睿", "", ""),
                  ("A-1", "另一个", "海睿", "", ""), ("A-3", "长" * 501, "海睿", "", ""), ("A-4", "a", "b"))
    before = city.kept()
    with pytest.raises(LinesRefused) as refused:
        city.read(own(), bad)
    assert sorted((one.line, one.field, one.code.key) for one in refused.value.remarks) == [
        (3, "备案编号", "intake.no_key"), (4, "", "intake.key_twice"), (5, "title", "intake.does_not_fit"),
        (6, "", "intake.ragged")]
    assert city.kept() == before
    read = city.read(own(), bad, partial=True)
    assert read.taken == 1 and len(read.refused) == 4 and [one["key"] for one in city.entries()] == ["A-1"]


def test_a_dry_run_says_the_same_and_keeps_nothing(city: City) -> None:
    before = city.kept()
    read = city.read(own(), filings(("A-1", "清扫", "海睿", "使用中", "")), dry_run=True)
    assert (read.records, read.taken) == (1, 0) and city.kept() == before


def plans(program: Program, do: Callable[[sa.Connection], Any]) -> list[str]:
    """How SQLite would answer every question that is asked meanwhile; PostgreSQL plans by what a table holds."""
    if program.settings.database_url:
        pytest.skip("the plans of PostgreSQL follow from statistics: tests/reads/test_long_lists.py has theirs")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with program.reading() as connection:
        sa.event.listen(program.readers, "before_cursor_execute", note)
        do(connection)
        sa.event.remove(program.readers, "before_cursor_execute", note)
        return [row[3] for statement, parameters in asked for row in connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {statement}", parameters)]


@pytest.mark.parametrize("chosen", (
    {}, {"register_name": "city-filings"}, {"register_name": "city-filings", "stage": "in_use"}, {"stage": "in_use"},
    {"register_name": "city-filings", "status": "使用中"}, {"register_name": "city-filings", "body": "海睿"},
    {"body": "海睿"}, {"kind": "incident"}, {"organisation": "or_1"}))
def test_a_page_of_entries_is_walked_along_an_index_and_sorts_nothing(city: City, chosen: dict[str, str]) -> None:
    told = plans(city.program, lambda connection: reads.entries(connection, EntryFilter(**chosen)))
    assert not [line for line in told if "TEMP B-TREE" in line]
    walked = next(line for line in told if "register_entries" in line)
    assert "INDEX" in walked and (not chosen or walked.startswith("SEARCH"))


def test_the_history_of_a_register_and_what_a_trial_cites_are_walked_along_an_index(city: City) -> None:
    def ask(connection: sa.Connection) -> None:
        reads.changes(connection, ChangeFilter("city-filings"))
        reads.citations(connection, city.cast.lin, "ES-0001")
        reads.cited_by(connection, city.cast.lin, "re_1")
        reads.known_entries(connection, "city-filings", ["A-1"])

    assert not [line for line in plans(city.program, ask) if "TEMP B-TREE" in line or line.startswith("SCAN")]


def test_a_large_list_is_kept_in_chunks_that_each_have_their_leaf(city: City) -> None:
    before = city.kept()["log_entries"]
    city.read(own(), filings(*((f"A-{n}", "清扫", "海睿", "使用中", "") for n in range(1201))))
    assert city.kept()["log_entries"] == before + 3 and city.kept()["register_entries"] == 1201
    with city.program.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(VERSIONS)).scalar_one() == 1201

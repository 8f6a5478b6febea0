"""Files of reports in a browser: columns named once, faults by line before anything is kept, progress that survives a
reload, and a batch at the end."""

import io
import re
import threading
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
import xlsxwriter
from cast import START, Cast
from desk import Desk, Desks, desks
from test_batches import kept, pilot  # noqa: F401 the fixture `trial`
from tree import tree
from visitor import text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.store.uploads import UPLOADS
from sandbox.words import say, word

HOUR = timedelta(hours=1)
HEADINGS = ["Start", "End", "Place", "Used", "Complaints", "Remark"]
NAMED = {"column_0": "period_start", "column_1": "period_end", "column_2": "site", "column_3": "exposures",
         "column_4": "events.complaint", "column_5": ""}


@pytest.fixture
def desk_of(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def fang(desk_of: Desks, cast: Cast, trial: str) -> Desk:
    """Fang's browser, in English; signed in when the clock has been moved."""
    desk = desk_of(cast.fang)
    desk.get("/?lang=en")
    return desk


def rows(number: int, used: str = "1,200.5") -> list[list[str]]:
    """Hours as people write them, in Shanghai's time."""
    starts = [START + timedelta(hours=8 + place) for place in range(number)]
    return [[f"{at:%Y/%m/%d %H:%M}", f"{at + HOUR:%Y/%m/%d %H:%M}", "Gate", used, "1" if place % 2 else "", "note"]
            for place, at in enumerate(starts)]


def as_csv(lines: list[list[str]], headings: list[str] = HEADINGS) -> bytes:
    return "\n".join(",".join(f'"{cell}"' for cell in line) for line in [headings, *lines]).encode("gb18030")


def as_xlsx(lines: list[list[str]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for place, line in enumerate([HEADINGS, *lines]):
            sheet.write_row(place, 0, line)
    return out.getvalue()


def sent(desk: Desk, trial: str, content: bytes, name: str = "week.csv") -> str:
    """Send a file; returns the address of its page."""
    answer = desk.send(f"/trials/{trial}/uploads/new", {"file": (io.BytesIO(content), name)})
    assert answer.status_code == 303, text_of(answer.text)
    return str(answer.headers["Location"])


def settled(desk: Desk, at: str) -> Any:
    """The page once its job is done: the threads of uploads are waited for, not slept for."""
    for one in threading.enumerate():
        if one.name == f"upload {at.rpartition('/')[2]}":
            one.join(60)
    return desk.get(at)


def checked(desk: Desk, trial: str, content: bytes, **named: str) -> tuple[str, str]:
    at = sent(desk, trial, content)
    assert desk.send(at, {**NAMED, **named}).status_code == 303
    return at, text_of(settled(desk, at).text)


def press(desk: Desk, at: str, **more: str) -> str:
    """Press the button that files."""
    desk.get(at)
    assert desk.post(f"{at}/filing", more).status_code == 303
    return text_of(settled(desk, at).text)


@pytest.mark.parametrize("write", [as_csv, as_xlsx])
def test_a_file_is_checked_then_filed_and_its_columns_are_remembered(
        program: Program, fang: Desk, trial: str, write: Any):
    at, said = checked(fang, trial, write(rows(20)))
    assert "All 20 lines are in order." in said and "24,010 uses" in said and "Nothing" not in said
    assert kept(program, trial)["reports"] == 0
    said = press(fang, at)
    assert "20 reports are filed." in said and re.search(r"ba_[0-9a-f]+", said)
    assert kept(program, trial) == {"reports": 20, "exposures": 24010.0}
    again = fang.get(sent(fang, trial, write(rows(3))))
    assert re.findall(r'<option value="([^"]+)" selected', again.text) == [name for name in NAMED.values() if name]


def test_faults_are_told_by_line_and_field_before_anything_is_kept(program: Program, fang: Desk, trial: str):
    lines = rows(12)
    lines[2][3], lines[5][1], lines[7][4] = "a lot", "someday", "-1"
    at, said = checked(fang, trial, as_csv(lines))
    assert "3 of 12 lines have faults." in said
    told = fang.get(f"{at}/faults.csv").get_data().decode("utf-8-sig").splitlines()
    assert told[0] == "Line,Field,What is wrong"
    assert [line.split(",")[:2] for line in told[1:]] == [
        ["4", "Exposures in this period"], ["7", "End of the period"], ["9", "Complaints"]]
    assert kept(program, trial)["reports"] == 0
    assert "9 reports are filed." in press(fang, at, partial="1")
    assert kept(program, trial)["reports"] == 9


def test_filing_twice_files_once(program: Program, fang: Desk, trial: str):
    at, _ = checked(fang, trial, as_csv(rows(5)))
    press(fang, at)
    press(fang, at)
    assert kept(program, trial)["reports"] == 5


def test_a_column_is_one_field_and_a_report_has_a_period(fang: Desk, trial: str):
    at = sent(fang, trial, as_csv(rows(2)))
    answer = fang.send(at, {**NAMED, "column_4": "exposures", "column_0": ""})
    assert answer.status_code == 422
    assert "Another column is this field already" in answer.text and "is missing: say which column" in answer.text
    assert fang.send(at, {**NAMED, "column_5": "password"}).status_code == 422


@pytest.mark.parametrize(("content", "told"), [
    (b"", "empty"), (b"\xd0\xcf\x11\xe0 old sheet", "old_sheet"), (b"PK\x03\x04 broken", "broken_sheet"),
    (None, "empty")])
def test_a_file_that_is_no_list_is_refused_in_words(fang: Desk, trial: str, content: bytes | None, told: str):
    data = {"file": (io.BytesIO(content), "week.xls")} if content is not None else {}
    answer = fang.send(f"/trials/{trial}/uploads/new", data)
    assert answer.status_code == 422 and say(word(f"intake.{told}"), "en") in text_of(answer.text)


def test_a_last_day_may_be_part_of_the_period(program: Program, fang: Desk, trial: str):
    lines = [["2026-03-02", "2026-03-04", "", "10", "", ""], ["2026-03-05", "2026-03-06", "", "10", "", ""]]
    at, said = checked(fang, trial, as_csv(lines), through="1")
    press(fang, at)
    items = fang.get(f"/api/v1/trials/{trial}/feedback").get_json()["items"]
    assert sorted(one["period_end"] for one in items) == ["2026-03-04T16:00:00Z", "2026-03-06T16:00:00Z"]
    assert 'name="through" value="1" checked' in fang.get(sent(fang, trial, as_csv(lines))).text


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant", "en"])
def test_a_template_that_is_filled_needs_no_naming_of_columns(program: Program, fang: Desk, trial: str,
                                                              language: str):
    fang.get(f"/?lang={language}")
    address = f"/trials/{trial}/uploads/template"
    headings = fang.get(f"{address}.csv").get_data().decode("utf-8-sig").strip().split(",")
    book = openpyxl.load_workbook(io.BytesIO(fang.client.get(f"{address}.xlsx").get_data()))
    assert [cell.value for cell in book.worksheets[0][1]] == headings
    assert len(book.worksheets[1]["A"]) == len(headings)
    lines = [["2026-03-02 09:00", "2026-03-02 10:00", "Gate", "12", *[""] * (len(headings) - 4)]]
    at = sent(fang, trial, as_csv(lines, headings))
    found = re.findall(r'<option value="([^"]+)" selected', fang.get(at).text)
    assert len(found) == len(headings) and found[:4] == ["period_start", "period_end", "site", "exposures"]
    assert fang.get(f"{address}.exe").status_code == 404


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant", "en"])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_of_ours_needs_no_naming_of_columns(program: Program, fang: Desk, cast: Cast, trial: str,
                                                      language: str, kind: str):
    report = {"exposures": 12.5, "people": 4, "people_new": 3, "site": "Gate", "model_version": "1.0",
              "events": {"complaint": 2, "harm_S4": 1}}
    period = {"period_start": START.isoformat(), "period_end": (START + HOUR).isoformat()}
    program.acts.do("file_feedback", cast.fang, {**report, **period}, on=trial)
    at = sent(fang, trial, next_day(fang.client.get(f"/feedback?export={kind}&lang={language}").get_data(), kind))
    form = tree(fang.get(f"{at}?lang=en").text)
    chosen = {box.attrs["name"]: "".join(one.attrs["value"] for one in box.all("option") if "selected" in one.attrs)
              for box in form.all("select") if box.attrs["name"].startswith("column")}
    assert {*report, *period, "nil", "region"} <= set(chosen.values())
    assert fang.send(at, chosen).status_code == 303
    assert "in order" in text_of(settled(fang, at).text) and "1 report is filed" in press(fang, at)
    items = fang.get(f"/api/v1/trials/{trial}/feedback").get_json()["items"]
    assert [{name: one[name] for name in report} for one in items] == [report, report]


def next_day(exported: bytes, kind: str) -> bytes:
    """An exported sheet as its firm would send it again a day later."""
    if kind == "csv":
        return exported.replace(b"2026-03-02T", b"2026-03-03T")
    book = openpyxl.load_workbook(io.BytesIO(exported))
    for cell in (cell for line in book.active.iter_rows() for cell in line if isinstance(cell.value, str)):
        cell.value = cell.value.replace("2026-03-02T", "2026-03-03T")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_nobody_else_sees_a_file_on_its_way(desk_of: Desks, fang: Desk, cast: Cast, trial: str):
    at = sent(fang, trial, as_csv(rows(2)))
    assert desk_of(cast.gao).get(at).status_code == desk_of(cast.gao).get("/uploads/up_0").status_code == 404
    assert desk_of(cast.lin).get(at).status_code == 403
    assert desk_of(cast.gao).get(f"/trials/{trial}/uploads/new").status_code == 404


def test_a_page_says_how_far_a_job_is_and_goes_on_where_it_died(program: Program, fang: Desk, desk_of: Desks,
                                                                cast: Cast, clock: Shifted, trial: str):
    """A process that dies leaves its row as this one is left: running, and beating no more."""
    at, _ = checked(fang, trial, as_csv(rows(4)))
    upload_id = at.rpartition("/")[2]
    app_uploads = desk_of.app.extensions["uploads"]
    app_uploads._change(upload_id, {"state": "keeping", "done": 2048, "beat_at": program.clock()})
    page = fang.get(at)
    assert 'http-equiv="refresh"' in page.text and "2,048 lines done." in text_of(page.text)
    clock.forward(program.clock() + timedelta(minutes=2))
    page = fang.get(at)
    assert 'http-equiv="refresh"' not in page.text and "Interrupted" in page.text
    assert "4 reports are filed." in press(fang, at)
    with program.reading() as connection:
        assert connection.execute(sa.select(UPLOADS.c.batch_id)).scalar_one().startswith("ba_")
    assert kept(program, trial)["reports"] == 4

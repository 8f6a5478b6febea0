"""Tables as files: what is written is what is read again, cell by cell, and no cell is a formula."""

import csv
import io
import json
import sys
import tracemalloc
import unicodedata
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.papers import sheets
from sandbox.papers.sheets import CELL, FORMULA, UNPRINTABLE, as_csv, as_json, as_xlsx, cell, safe

ZONE = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 3, 2, 1, tzinfo=UTC)
NAMES = ("text", "number", "flag", "nothing", "when", "day", "events")
ROW = ("早上好 <&> \"quoted\", it's", 2.5, True, None, AT, date(2026, 3, 2), {"harm_S3": 1})
TOLD = ("早上好 <&> \"quoted\", it's", 2.5, True, None, "2026-03-02T09:00:00+08:00", "2026-03-02", '{"harm_S3":1}')


def book_of(rows: list[list[tuple[Any, ...]]], names: tuple[str, ...] = NAMES) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(b"".join(as_xlsx(names, rows, ZONE))))


def told(book: openpyxl.Workbook, sheet: int = 0) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in book.worksheets[sheet].iter_rows(values_only=True)]


def test_a_workbook_gives_back_every_cell():
    assert told(book_of([[ROW, ROW], [ROW]])) == [NAMES, TOLD, TOLD, TOLD]


def test_a_csv_gives_back_every_cell_as_text():
    text = b"".join(as_csv(NAMES, [[ROW], [], [ROW]], ZONE)).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        list(NAMES), *[["" if one is None else str(one) for one in TOLD]] * 2]


CELLS = st.one_of(st.text(st.characters(codec="utf-8"), max_size=8), st.integers(), st.floats(allow_nan=False),
                  st.booleans(), st.none(), st.dates(),
                  st.integers(0, 4 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC)))


@given(st.lists(st.tuples(CELLS, CELLS, st.sampled_from((0.0, -0.0, 1, True, "1")))))
def test_a_csv_is_what_the_usual_writer_makes_of_the_same_cells(rows: list[tuple[Any, ...]]):
    usual = io.StringIO(newline="")
    csv.writer(usual).writerows([[cell(value, ZONE) for value in row] for row in [("a", "b", "c"), *rows]])
    assert b"".join(as_csv(("a", "b", "c"), [rows], ZONE)).decode("utf-8-sig") == usual.getvalue()


def test_json_keeps_times_and_nesting():
    rows = json.loads(b"".join(as_json(NAMES, [[ROW], [ROW]], ZONE)))
    assert rows == [dict(zip(NAMES, (*ROW[:4], AT.isoformat(), "2026-03-02", {"harm_S3": 1}), strict=True))] * 2
    assert json.loads(b"".join(as_json((), [[]], ZONE))) == []


def test_a_table_without_rows_is_a_whole_file():
    assert told(book_of([[]], ())) == []
    assert b"".join(as_csv((), [[]], ZONE)).decode("utf-8-sig").strip() == ""


def test_what_does_not_fit_one_sheet_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sheets, "SHEET_ROWS", 5)
    chunks = [[(place, "x") for place in range(start, start + 2)] for start in range(0, 12, 2)]
    book = book_of(chunks, ("n", "t"))
    assert [len(told(book, place)) for place in range(len(book.worksheets))] == [5, 4, 4]
    assert [row[0] for place in range(3) for row in told(book, place)] == ["n", *range(12)]


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text_comes_back_from_a_workbook_but_for_what_xml_cannot_say(text: str):
    back = told(book_of([[(text, 1)]], ("a", "b")))[1][0]
    expected = UNPRINTABLE.sub("\ufffd", safe(text)).replace("\r\n", "\n").replace("\r", "\n")
    assert (back or "") == expected


def test_a_cell_holds_no_more_than_a_spreadsheet_takes():
    assert len(told(book_of([[("早" * (CELL + 5), 1)]], ("a", "b")))[1][0]) == CELL


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "|cmd", "%0", "\t=1", "\r=1", "\uff1d1+1", "\uff0b1",
                                  "\uff0d1", "\uff20x", " =1", "\u3000=1"])
def test_no_cell_starts_like_a_formula(text: str):
    assert cell(text, ZONE) == f"'{text}"


def test_plain_text_and_numbers_stay_as_they_are():
    assert [cell(value, ZONE) for value in ("safe = 1", "", -3, 2.5, None)] == ["safe = 1", "", -3, 2.5, None]


def test_no_letter_or_digit_is_another_spelling_of_a_sign_that_starts_a_formula():
    every = (chr(code) for code in range(sys.maxunicode + 1))
    assert not [one for one in every if one.isalnum() and unicodedata.normalize("NFKC", one)[:1] in FORMULA]


@pytest.mark.parametrize("write", [as_csv, as_xlsx, as_json])
def test_memory_does_not_grow_with_the_rows(write: Any):
    def chunks(number: int) -> Iterator[list[tuple[Any, ...]]]:
        return ([ROW] * 500 for _ in range(number))

    def peak(number: int) -> int:
        tracemalloc.start()
        for _ in write(NAMES, chunks(number), ZONE):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(1)
    assert peak(12) <= 1.1 * peak(2)

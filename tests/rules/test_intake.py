"""Lists of strangers: every encoding and format is read or refused by line, and nothing is guessed or lost."""

import csv
import json
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from zipfile import ZIP_DEFLATED, ZipFile
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.intake import Remark, Table, read_rows, reading, table, workbook
from sandbox.rules.intake.cells import Odd, count, moment, number
from sandbox.words import word

UTC8 = ZoneInfo("Asia/Shanghai")
ROWS = [
    ["试点编号", "试点单位", "月份", "服务人次"],
    ["甲-01", "海瑞医疗", "2025年3月", "１，２００"],
    ["乙-02", "安康公司", "2025年3月", "35.5"],
]


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


def keys(remarks: tuple[Remark, ...]) -> list[tuple[int | None, str, str]]:
    return [(remark.line, remark.field, remark.code.key.removeprefix("intake.")) for remark in remarks]


def refusal(content: bytes, filename: str = "list.csv", sheet: str | None = None) -> tuple[int | None, str, str]:
    unread = read_rows(content, filename, sheet)
    assert unread.header == () and unread.rows == ()
    (only,) = keys(unread.refused)
    return only


# Encodings and formats


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"), ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"), ("gb18030", "gb18030"),
    ],
)
def test_a_chinese_list_reads_the_same_in_every_encoding(written, read):
    found = read_rows(csv_of(ROWS).encode(written), "list.csv")
    assert found.encoding == read
    assert [found.header, *(row.cells for row in found.rows)] == [tuple(row) for row in ROWS]


@pytest.mark.parametrize("said", ["the driver’s seat", "Café, “straße”", "naïve – déjà vu", "Situação"])
def test_western_words_of_cp1252_are_not_taken_for_chinese(said):
    found = read_rows(f"note;n\n{said};1\n".encode("cp1252"), "list.csv")
    assert (found.encoding, found.rows[0].cells) == ("cp1252", (said, "1"))


def test_traditional_characters_beyond_gb_2312_are_still_read_as_chinese():
    found = read_rows("編號,單位\n甲,海瑞醫療\n".encode("gb18030"), "list.csv")
    assert (found.encoding, found.rows[0].cells) == ("gb18030", ("甲", "海瑞醫療"))


def test_utf_8_with_a_damaged_character_is_refused_by_line_instead_of_read_as_nonsense():
    content = "编号,单位\n甲,海瑞\n乙,安康\n".encode()
    assert refusal(content.replace("康".encode(), b"\xe5\xba")) == (3, "", "damaged_utf8")


@pytest.mark.parametrize(
    "content", [b"\x00\x01\x02\x03\x04\x05", b"\xff\xfe\x00", b"a,b\n\x81\x00,2\n", bytes(range(256))]
)
def test_what_is_not_text_is_refused(content):
    assert refusal(content) == (None, "", "not_text")


@pytest.mark.parametrize("content", [b"", b"\n\n", b" , \n,\n", "\ufeff".encode()])
def test_a_file_without_anything_in_it_is_refused(content):
    assert refusal(content) == (None, "", "empty")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_separator_is_the_one_that_divides_the_header(delimiter):
    assert read_rows(csv_of(ROWS, delimiter).encode(), "list.txt").header == tuple(ROWS[0])


def test_lines_are_numbered_as_a_person_sees_them_past_blank_lines_and_cells_of_several_lines():
    content = b'\n"a\nname",b\n1,"two\nlines"\n\n,\n3,4\n'
    found = read_rows(content, "list.csv")
    assert (found.header_line, found.header) == (2, ("a name", "b"))
    assert [(row.line, row.cells) for row in found.rows] == [(4, ("1", "two\nlines")), (8, ("3", "4"))]


def test_an_unclosed_quotation_mark_refuses_the_file_instead_of_swallowing_rows():
    assert refusal(b'a,b\n1,2\n3,"4\n5,6\n') == (3, "", "broken_csv")


def test_rows_that_do_not_fit_the_header_are_refused_by_line_and_the_others_kept():
    found = read_rows(b"a,b,\n1,2\n1\n1,2,,,\n1,2,3,4\n", "list.csv")
    assert [row.line for row in found.rows] == [2, 4]
    assert keys(found.refused) == [(3, "", "ragged"), (5, "", "ragged")]


def test_headers_that_share_a_name_are_named_with_their_columns():
    (remark,) = read_rows("编号, n ,Ｎ,N\n1,2,3,4\n".encode(), "list.csv").noted
    assert (remark.line, remark.field, remark.code.values["columns"]) == (1, "n", [2, 3, 4])


def test_a_json_list_keeps_its_numbers_as_written_and_its_lines():
    content = b'{"count": 2, "items": [\n {"a": 1.10, "b": "x"},\n\n {"b": null, "c": {"d": [true]}},\n 7]}'
    found = read_rows(content, "list.json")
    assert found.header == ("a", "b", "c")
    assert [(row.line, row.cells) for row in found.rows] == [(2, ("1.10", "x", "")), (4, ("", "", '{"d": [true]}'))]
    assert keys(found.refused) == [(5, "", "not_an_object")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b'[{"a": 1},\n{"a": }]', 2), (b'[{"a": 1}', 1), (b'{"rows": []}', 1), (b'[{"a": 1, "a": 2}]', 1),
        (b'\n\n"text"', 3), (b"[" * 100_000, 1), (b"{", 1),
    ],
)
def test_what_is_not_a_json_list_is_refused_at_its_line(content, line):
    assert refusal(content, "list.json") == (line, "", "broken_json")


def test_text_that_nothing_can_keep_is_shown_as_replaced():
    assert read_rows(b'[{"a": "x\\u0000y\\ud800"}]', "list.json").rows[0].cells == ("x\ufffdy\ufffd",)


def test_a_workbook_gives_its_first_sheet_or_the_one_named():
    content = xlsx_of(first=[["a"], [1]], 月报=[["b"], [None], [2]])
    assert read_rows(content, "x.xlsx").header == ("a",)
    named = read_rows(content, "x.xlsx", " 月报")
    assert (named.sheet, named.format, named.rows[0].line) == ("月报", "xlsx", 3)
    assert refusal(content, "x.xlsx", "年报") == (None, "", "no_such_sheet")


def test_the_cells_of_a_workbook_are_text_as_a_person_would_write_it():
    numbers = [1200, 12.0, 0.1 + 0.2, 1e-7, True]
    row = [*numbers, local(2025, 3, 8), local(2025, 3, 8, 9, 5, 6), date(2025, 4, 1), None, "x"]
    content = xlsx_of(s=[[f"c{n}" for n in range(len(row))], row])
    assert read_rows(content, "x.xlsx").rows[0].cells == (
        "1200", "12", "0.3", "0.0000001", "true", "2025-03-08", "2025-03-08 09:05:06", "2025-04-01", "", "x",
    )


# Limits


def test_a_file_over_the_limit_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    assert refusal(b"a,b\n" + b"1,2\n" * 9) == (None, "", "too_large")


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_CELLS"])
def test_too_many_rows_are_refused_at_the_first_too_many(monkeypatch, limit):
    monkeypatch.setattr(table, limit, 3)
    assert refusal(b"a\n1\n2\n3\n4\n")[1:] == ("", "too_many_rows")


def test_too_many_columns_are_refused_in_text_and_in_workbooks():
    header = [f"c{n}" for n in range(table.MAX_COLUMNS + 1)]
    assert refusal(csv_of([header]).encode()) == (1, "", "too_many_columns")
    assert refusal(xlsx_of(s=[header])) == (1, "", "too_many_columns")


def test_objects_that_would_fill_a_vast_grid_are_refused(monkeypatch):
    monkeypatch.setattr("sandbox.rules.intake.listing.MAX_CELLS", 8)
    assert refusal(json.dumps([{name: 1} for name in "abc"]).encode(), "x.json") == (None, "", "too_many_rows")


def repacked(content: bytes, **parts: bytes) -> bytes:
    """The workbook with parts added or replaced."""
    packed = BytesIO()
    with ZipFile(BytesIO(content)) as old, ZipFile(packed, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in parts:
                new.writestr(name, old.read(name))
        for name, part in parts.items():
            new.writestr(name, part)
    return packed.getvalue()


def test_a_workbook_that_unpacks_past_the_limit_is_refused():
    bomb = repacked(xlsx_of(s=[["a"]]), **{"xl/theme/theme1.xml": bytes(workbook.MAX_UNPACKED)})
    assert len(bomb) < 100_000
    assert refusal(bomb) == (None, "", "unpacks_too_large")


def test_a_workbook_that_lies_about_its_sizes_is_refused():
    bomb = bytearray(repacked(xlsx_of(s=[["a"]]), **{"xl/theme/theme1.xml": bytes(1_000_000)}))
    entry = bomb.rindex(b"PK\x01\x02")
    bomb[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    assert refusal(bytes(bomb)) == (None, "", "broken_sheet")


def test_a_workbook_that_declares_entities_is_refused():
    sheet = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>'
    assert refusal(repacked(xlsx_of(s=[["a"]]), **{"xl/worksheets/sheet1.xml": sheet})) == (None, "", "broken_sheet")


SHEET = (b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b</sheetData>'
         b"</worksheet>")


@pytest.mark.parametrize(("rows", "code"), [
    (b"<row>" + b"<c/>" * 3_000_000 + b"</row>", "too_many_columns"),
    (b"<row>" + b"<z><c/></z>" * 60_000 + b"</row>", "too_many_columns"),
    ((b"<row>" + b"<c/>" * 16_000 + b"</row>") * 400, "too_many_rows"),
])
def test_empty_cells_without_end_are_refused_before_they_are_taken_apart(
        monkeypatch: pytest.MonkeyPatch, rows: bytes, code: str):
    bomb = repacked(xlsx_of(s=[["a"]]), **{"xl/worksheets/sheet1.xml": SHEET % rows})
    monkeypatch.setattr(openpyxl, "load_workbook", None)
    assert len(bomb) < 200_000 and refusal(bomb) == (None, "", code)


def test_a_sheet_whose_widest_row_is_styled_to_its_end_is_read():
    row = b'<row><c t="inlineStr"><is><t>a</t></is></c>' + b"<c/>" * 16_383 + b"</row>"
    wide = repacked(xlsx_of(s=[["a"]]), **{"xl/worksheets/sheet1.xml": SHEET % (row * 2)})
    assert [one.cells for one in read_rows(wide, "x.xlsx").rows] == [("a",)]


def test_a_workbook_with_too_many_parts_is_refused():
    parts = {f"p{n}.xml": b"" for n in range(workbook.MAX_PARTS + 1)}
    assert refusal(repacked(xlsx_of(s=[["a"]]), **parts)) == (None, "", "broken_sheet")


def test_a_row_at_the_end_of_a_sheet_costs_no_room_for_the_rows_before_it():
    book, content = openpyxl.Workbook(), BytesIO()
    book.active.append(["a"])
    book.active.cell(60_000, 1, "x")
    book.save(content)
    assert [row.line for row in read_rows(content.getvalue(), "x.xlsx").rows] == [60_000]


def test_old_and_locked_excel_files_are_refused_with_advice():
    assert refusal(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "x.xls") == (None, "", "old_sheet")


@given(content=st.binary(max_size=300), name=st.sampled_from(["x.csv", "x.json", "x.xlsx", "x", ""]))
def test_reading_never_raises_whatever_the_bytes(content, name):
    found = read_rows(content, name)
    assert bool(found.header) or found.refused


VALID_BOOK = xlsx_of(月报=ROWS, 事件=ROWS)


@given(at=st.integers(0, len(VALID_BOOK) - 1), byte=st.integers(0, 255), cut=st.booleans())
def test_reading_never_raises_whatever_becomes_of_a_workbook(at, byte, cut):
    spoilt = VALID_BOOK[:at] if cut else VALID_BOOK[:at] + bytes([byte]) + VALID_BOOK[at + 1 :]
    assert isinstance(read_rows(spoilt, "x.xlsx"), Table)


@given(content=st.text(alphabet='ab",;\n\r\t 1\x00é甲', max_size=60))
def test_every_line_named_exists_and_every_row_is_as_wide_as_the_header(content):
    found = read_rows(content.encode(), "x.csv")
    lines = content.count("\n") + content.count("\r") + 1
    assert all(len(row.cells) == len(found.header) and row.line <= lines for row in found.rows)
    assert all(remark.line is None or 1 <= remark.line <= lines for remark in found.refused)


# Cells


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0", "0"), ("1,323.48", "1323.48"), ("1,000,000", "1000000"), ("830 .04", "830.04"), (" 12 ", "12"),
        ("１，２００．５", "1200.5"), ("1 234 567", "1234567"), (".5", "0.5"), ("5.", "5"), ("\u00a07", "7"),
        ("007", "7"), ("100.26666666666667", "100.26666666666667"),
    ],
)
def test_a_number_is_read_exactly_as_written(cell, value):
    assert number(cell, ())[0] == Decimal(value)


@pytest.mark.parametrize("cell", ["", " ", "-", "\N{EM DASH}", "N/A", "\u3000"])
def test_a_cell_with_nothing_in_it_is_unknown_and_says_so(cell):
    value, note = count(cell, ("-", "\N{EM DASH}", "n/a"))
    assert value is None and note is not None and note.key == "intake.no_number"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("abc", "not_a_number"), ("12 34", "not_a_number"), ("1,23", "not_a_number"), ("3,5", "not_a_number"),
        ("1.234,5", "not_a_number"), ("NaN", "not_a_number"), ("Infinity", "not_a_number"), ("1e5", "not_a_number"),
        ("5²", "not_a_number"), ("٣", "not_a_number"), ("+5", "not_a_number"), ("0x10", "not_a_number"),
        ("--5", "not_a_number"), ("-5", "negative"), ("\N{MINUS SIGN}0.1", "negative"), ("- 5", "negative"),
        ("1000000000001", "number_too_long"), ("9" * 5000, "number_too_long"), ("0." + "1" * 60, "number_too_long"),
    ],
)
def test_what_is_no_number_is_refused_and_never_guessed(cell, code):
    with pytest.raises(Odd) as odd:
        number(cell, ())
    assert odd.value.code.key == f"intake.{code}"


def test_a_count_is_whole():
    assert count("3.0", ())[0] == 3
    with pytest.raises(Odd):
        count("3.5", ())


@given(value=st.decimals(0, 10**12, places=4), spaced=st.booleans())
def test_a_number_survives_thousands_and_white_space(value, spaced):
    cell = f"{value:,f}".replace(".", " ." if spaced else ".")
    assert number(cell, ())[0] == value


@pytest.mark.parametrize(
    ("cell", "at", "timed"),
    [
        ("2025年3月8日", datetime(2025, 3, 8, tzinfo=UTC8), False),
        ("2025年３月８日", datetime(2025, 3, 8, tzinfo=UTC8), False),
        ("2025-03-08 09:05:06", datetime(2025, 3, 8, 9, 5, 6, tzinfo=UTC8), True),
        ("2025-03-07T20:00:00Z", datetime(2025, 3, 8, 4, tzinfo=UTC8), True),
        ("\t2025-03-08 ", datetime(2025, 3, 8, tzinfo=UTC8), False),
    ],
)
def test_a_date_is_read_in_the_zone_of_the_list(cell, at, timed):
    assert moment(cell, ("%Y年%m月%d日", "%Y-%m-%dT%H:%M:%S%z"), UTC8)[0] == (at, timed)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("", "no_date"), ("soon", "not_a_date"), ("2025-02-30", "not_a_date"), ("45000", "not_a_date"),
        ("0001-01-01", "far_date"), ("9999-12-31", "far_date"), ("1/2/2025", "not_a_date"),
    ],
)
def test_what_is_no_date_is_refused(cell, code):
    with pytest.raises(Odd) as odd:
        moment(cell, ("%Y年%m月%d日",), UTC8)
    assert odd.value.code.key == f"intake.{code}"


def test_a_remark_is_one_sentence_with_its_place():
    remarks = [Remark("f", None, "", word("intake.empty")), Remark("f", 7, "", word("intake.ragged")),
               Remark("f", 7, "c", word("intake.negative"), "-1")]
    assert [remark.word.key for remark in remarks] == ["intake.on_file", "intake.on_line", "intake.on_cell"]

"""Which files are taken as evidence: name and content agree, archives unpack within limits, nothing hides."""

import zipfile
from io import BytesIO

import pytest

from sandbox.rules import evidence_files
from sandbox.rules.evidence_files import KINDS, Unfit, fit_name, kind_of

EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00"
TYPES = b"<Types xmlns='x'/>"


def office(main: str, **parts: bytes) -> bytes:
    """An Office archive with this main part and others (double underscores stand for slashes)."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", parts.pop("types", TYPES))
        archive.writestr(main, b"<document/>")
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return made.getvalue()


SOUND = {
    "a.pdf": b"%PDF-1.7\n%...", "a.png": b"\x89PNG\r\n\x1a\n....", "a.jpg": b"\xff\xd8\xff\xe0....",
    "a.JPEG": b"\xff\xd8\xff\xe1....", "a.csv": "日期,次数\n2026-03-02,1\n".encode(), "a.txt": "一行".encode("gb18030"),
    "a.json": b'\xef\xbb\xbf{"a": [1]}\n', "a.docx": office("word/document.xml"), "a.xlsx": office("xl/workbook.xml"),
}


def refused(name: str, content: bytes) -> str:
    with pytest.raises(Unfit) as why:
        kind_of(fit_name(name), BytesIO(content))
    return why.value.code


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_file_is_taken_as_the_kind_that_its_ending_names(name: str):
    stream = BytesIO(SOUND[name])
    kind = kind_of(name, stream)
    assert name.rpartition(".")[2].lower() in kind.endings and kind is KINDS[kind.id]
    assert stream.tell() == 0


@pytest.mark.parametrize("ending", sorted({end for kind in KINDS.values() for end in kind.endings}))
def test_a_program_under_another_name_is_refused(ending: str):
    assert refused(f"a.{ending}", EXE) == "file_content"


@pytest.mark.parametrize("name", ["a.pdf", "a.png", "a.jpg", "a.docx", "a.xlsx"])
@pytest.mark.parametrize("content", [name for name in SOUND if name not in ("a.JPEG",)])
def test_content_of_one_kind_under_the_ending_of_another_is_refused(name: str, content: str):
    if name != content:
        assert refused(name, SOUND[content]) == "file_content"


@pytest.mark.parametrize("name", ["a.exe", "a.html", "a.svg", "a.zip", "a.docm", "a", "pdf", "a.pdf.exe"])
def test_a_kind_that_is_not_on_the_list_is_refused(name: str):
    assert refused(name, SOUND["a.pdf"]) == "file_kind"


@pytest.mark.parametrize(("name", "code"), [
    ("", "file_unnamed"), ("   ", "file_unnamed"),
    ("a\0.pdf", "file_name_hidden"), ("a\n.pdf", "file_name_hidden"), ("a\u202efdp.exe.pdf", "file_name_hidden"),
    ("a\u200b.pdf", "file_name_hidden"), ("a\ufeff.pdf", "file_name_hidden"), ("\ud800.pdf", "file_name_hidden"),
    ("../a.pdf", "file_name_path"), ("c:\\a.pdf", "file_name_path"), (".pdf", "file_name_path"),
    ("a.pdf.", "file_name_path"), ("证" * 151 + ".pdf", "file_name_long"), ("证" * 100 + ".pdf", "file_name_long"),
    ("invoice.exe.pdf", "file_two_endings"), ("a.JS .pdf", "file_two_endings"), ("a.html.txt", "file_two_endings"),
])
def test_a_name_that_hides_something_is_refused(name: str, code: str):
    assert refused(name, SOUND["a.pdf"]) == code


def test_a_name_is_kept_composed_and_may_have_full_stops_of_its_own():
    assert fit_name(" e\u0301tude v2.1 终稿.pdf ") == "étude v2.1 终稿.pdf"


@pytest.mark.parametrize("content", [b"a\0b", b"a\x1b[2J", b"\x07", b"\x7f"])
def test_text_with_control_characters_is_no_text(content: bytes):
    assert refused("a.txt", content) == "file_content"


@pytest.mark.parametrize("content", [b"hello", b'"text"', b"{", b"[1", b'{"a": "\x00"}', "{}".encode("utf-16")])
def test_json_begins_and_ends_as_json_does(content: bytes):
    assert refused("a.json", content) == "file_content"


@pytest.mark.parametrize(("content", "code"), [
    (office("word/document.xml", word__vbaProject=b"x", **{"word__vbaProject.bin": b"x"}), "file_macros"),
    (office("word/document.xml", types=b"<a t='application/vnd.ms-word.document.macroEnabled.main+xml'/>"),
     "file_macros"),
    (office("word/document.xml", types=b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"), "file_macros"),
    (office("word/document.xml", word__activeX__activeX1=b"x"), "file_macros"),
    (office("word/document.xml", **{"..__..__a": b"x"}), "file_locked"),
    (office("word/other.xml"), "file_content"),
    (SOUND["a.docx"][:-30], "file_content"),
    (b"PK\x03\x04" + b"\0" * 40, "file_content"),
])
def test_an_office_file_with_something_else_in_it_is_refused(content: bytes, code: str):
    assert refused("a.docx", content) == code


def test_a_bomb_is_found_while_it_unpacks(monkeypatch: pytest.MonkeyPatch):
    bomb = office("xl/workbook.xml", xl__sheet=b"\0" * (8 * 1024 * 1024))
    assert len(bomb) < 20_000 and refused("a.xlsx", bomb) == "file_bomb"
    monkeypatch.setattr(evidence_files, "MOST_UNPACKED", 100_000)
    slow = office("xl/workbook.xml", xl__sheet=bytes(range(256)) * 1000)
    assert refused("a.xlsx", slow) == "file_bomb"


def test_an_archive_of_very_many_parts_is_refused():
    many = office("xl/workbook.xml", **{f"xl__{n}": b"" for n in range(2001)})
    assert refused("a.xlsx", many) == "file_bomb"


def test_sizes_that_an_archive_states_are_not_believed():
    """The directory says one byte; eight million come out."""
    bomb = bytearray(office("xl/workbook.xml", xl__sheet=b"\0" * (8 * 1024 * 1024)))
    stated = (8 * 1024 * 1024).to_bytes(4, "little")
    while (place := bomb.find(stated)) >= 0:
        bomb[place:place + 4] = (1).to_bytes(4, "little")
    assert refused("a.xlsx", bytes(bomb)) in ("file_bomb", "file_content")

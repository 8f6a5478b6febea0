"""Which files are taken as evidence: a closed list, told by their first bytes and by the end of their name, both.

fit_name(name)              the name as it is kept. Raises Unfit
kind_of(name, stream)       the row of KINDS that name and content agree on. Raises Unfit

A file that is refused says why by a code; sizes inside archives are counted as they unpack, because those that an
archive states may be lies. Nothing here opens a file: the caller hands a stream that can seek.
"""

import codecs
import re
import struct
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

MOST_BYTES = 20 * 1024 * 1024
LONGEST_NAME = 150
MOST_NAME_BYTES = 240
BITE = 64 * 1024
MOST_UNPACKED = 128 * 1024 * 1024
MOST_PARTS = 2_000
MOST_RATIO, RATIO_FROM = 200, 4 * 1024 * 1024
"""A part that unpacks to more than this many times its size, from this size on, is made to."""
RUNS = frozenset((
    "ade", "apk", "asp", "aspx", "bat", "bin", "cmd", "cpl", "dll", "docm", "exe", "gadget", "hta", "htm", "html",
    "inf", "jar", "js", "jse", "jsp", "lnk", "msc", "msi", "php", "pif", "ps1", "py", "reg", "scr", "sh", "svg", "swf",
    "vb", "vbe", "vbs", "ws", "wsf", "xhtml", "xlsm", "xml",
))
"""Endings that a machine would run or a browser draw: none may hide before the last one."""
NO_TEXT = re.compile("[\0-\x08\x0e-\x1f\x7f]")
BROKEN = (BadZipFile, KeyError, ValueError, TypeError, IndexError, EOFError, OSError, zlib.error, struct.error,
          NotImplementedError, RuntimeError)
"""What zipfile is known to raise on a file that is not what it says."""


class Unfit(Exception):
    """A file that is not taken; `code` says why."""

    def __init__(self, code: str, **values: str | int) -> None:
        self.code, self.values = code, values
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class FileKind:
    """A row of KINDS: the endings of its names, and the look at its content."""

    id: str
    endings: tuple[str, ...]
    fits: Callable[[IO[bytes]], bool]


def fit_name(name: str) -> str:
    """One name without a folder, composed (NFC), free of what cannot be seen or turns the reading order."""
    found = unicodedata.normalize("NFC", name).strip()
    if not found:
        raise Unfit("file_unnamed")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in found):
        raise Unfit("file_name_hidden")
    if "/" in found or "\\" in found or found.startswith(".") or found.endswith("."):
        raise Unfit("file_name_path")
    if len(found) > LONGEST_NAME or len(found.encode()) > MOST_NAME_BYTES:
        raise Unfit("file_name_long", max_length=LONGEST_NAME)
    if RUNS & {part.strip().lower() for part in found.split(".")[1:-1]}:
        raise Unfit("file_two_endings")
    return found


def kind_of(name: str, stream: IO[bytes]) -> FileKind:
    """The kind that the ending names, when the content is of that kind; the stream is left at its start."""
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    kind = next((one for one in KINDS.values() if ending in one.endings), None)
    if kind is None:
        raise Unfit("file_kind", kinds=", ".join(KINDS))
    stream.seek(0)
    try:
        fits = kind.fits(stream)
    finally:
        stream.seek(0)
    if not fits:
        raise Unfit("file_content", kind=kind.id)
    return kind


def _begins(*marks: bytes) -> Callable[[IO[bytes]], bool]:
    return lambda stream: stream.read(16).startswith(marks)


def _text(stream: IO[bytes]) -> bool:
    """Text in UTF-8, or in GB 18030 as older spreadsheets write it; no control characters in either."""
    return any(_decodes(stream, encoding) for encoding in ("utf-8", "gb18030"))


def _decodes(stream: IO[bytes], encoding: str) -> bool:
    stream.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while bite := stream.read(BITE):
            if NO_TEXT.search(decoder.decode(bite)):
                return False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _json(stream: IO[bytes]) -> bool:
    """UTF-8 that begins and ends as a JSON value does; it is kept as it is, never read by the program."""
    if not _decodes(stream, "utf-8"):
        return False
    stream.seek(0)
    first = stream.read(BITE).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    stream.seek(max(0, stream.seek(0, 2) - BITE))
    last = stream.read().rstrip()[-1:]
    return (first, last) in ((b"{", b"}"), (b"[", b"]"))


def _office(main: str) -> Callable[[IO[bytes]], bool]:
    """An Office archive with this part in it, unpacking within limits, without macros."""

    def fits(stream: IO[bytes]) -> bool:
        if not stream.read(4).startswith(b"PK\x03\x04"):
            return False
        try:
            with ZipFile(stream) as archive:
                return main in _parts(archive)
        except BROKEN:
            return False

    return fits


def _parts(archive: ZipFile) -> frozenset[str]:
    """The names of the parts, each unpacked and counted. Raises Unfit for what is made to harm."""
    parts = archive.infolist()
    names = frozenset(part.filename for part in parts)
    if len(parts) > MOST_PARTS or len(names) < len(parts):
        raise Unfit("file_bomb", limit=MOST_UNPACKED // 1024 // 1024)
    left = MOST_UNPACKED
    for part in parts:
        if part.flag_bits & 1 or part.filename.startswith(("/", "\\")) or ".." in part.filename:
            raise Unfit("file_locked")
        if "vbaproject" in part.filename.lower() or "activex" in part.filename.lower():
            raise Unfit("file_macros")
        left -= _unpacked(archive, part, left)
    return names if "[Content_Types].xml" in names else frozenset()


def _unpacked(archive: ZipFile, part: ZipInfo, limit: int) -> int:
    """How large the part is unpacked; looks into what declares types and relations."""
    size, tail, declares = 0, b"", part.filename.lower().endswith((".xml", ".rels"))
    with archive.open(part) as stream:
        while bite := stream.read(BITE):
            size += len(bite)
            if size > limit or (size > RATIO_FROM and size > MOST_RATIO * max(1, part.compress_size)):
                raise Unfit("file_bomb", limit=MOST_UNPACKED // 1024 // 1024)
            seen = tail + bite
            if declares and (b"<!DOCTYPE" in seen or b"macroEnabled" in seen):
                raise Unfit("file_macros")
            tail = seen[-16:]
    return size


KINDS: Mapping[str, FileKind] = MappingProxyType({row.id: row for row in (
    FileKind("pdf", ("pdf",), _begins(b"%PDF-1.", b"%PDF-2.")),
    FileKind("png", ("png",), _begins(b"\x89PNG\r\n\x1a\n")),
    FileKind("jpeg", ("jpg", "jpeg"), _begins(b"\xff\xd8\xff")),
    FileKind("csv", ("csv",), _text),
    FileKind("txt", ("txt",), _text),
    FileKind("json", ("json",), _json),
    FileKind("docx", ("docx",), _office("word/document.xml")),
    FileKind("xlsx", ("xlsx",), _office("xl/workbook.xml")),
)})

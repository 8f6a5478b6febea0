"""From bytes to text: which encoding a stranger's file is in, tried in a stated order."""

import codecs
import re

from sandbox.rules.intake.table import Unread
from sandbox.words import word

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
UNMARKED = ("utf-16-le", "utf-16-be")
IMPOSSIBLE, DOUBTFUL = re.compile("\0"), re.compile("[\0-\x08\x0e-\x1f]")
"""What no text has; and, as nearly all bytes are some UTF-16, what is not believed where no mark says so."""


def decode(content: bytes) -> tuple[str, str]:
    """The text and the name of the encoding it was read with.

    Order: what a byte-order mark says; UTF-8; UTF-16 without a mark; GB 18030 when it yields words of Chinese; cp1252;
    GB 18030. Raises Unread for what is no text and for damaged UTF-8, whose line it names.
    """
    for encoding in _candidates(content):
        text = _try(content, encoding)
        if text is not None and not (DOUBTFUL if encoding in UNMARKED else IMPOSSIBLE).search(text):
            return text, encoding
    raise Unread(word("intake.not_text"))


def _candidates(content: bytes) -> tuple[str, ...]:
    marked = next((encoding for mark, encoding in MARKS if content.startswith(mark)), None)
    if marked:
        return (marked,)
    if b"\0" in content:
        return (_unmarked_utf_16(content),)
    if _try(content, "utf-8") is not None:
        return ("utf-8",)
    _refuse_damaged_utf_8(content)
    return ("gb18030", "cp1252") if _reads_as_chinese(content) else ("cp1252", "gb18030")


def _try(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _unmarked_utf_16(content: bytes) -> str:
    """Commas and line ends have a zero byte: behind them in little-endian text, before them in big-endian."""
    return "utf-16-le" if content[1::2].count(0) >= content[::2].count(0) else "utf-16-be"


def _refuse_damaged_utf_8(content: bytes) -> None:
    """UTF-8 with a few spoilt bytes would pass as cp1252 and come out as nonsense."""
    text = content.decode("utf-8", "replace")
    if len(re.findall("[^\x00-\x7f\ufffd]", text)) > text.count("\ufffd"):
        raise Unread(word("intake.damaged_utf8"), text.count("\n", 0, text.index("\ufffd")) + 1)


def _reads_as_chinese(content: bytes) -> bool:
    """Most characters beyond ASCII stand beside another one.

    A curly apostrophe of cp1252 and the letter behind it are valid GB 18030 too, but make one lonely character.
    """
    text = _try(content, "gb18030")
    runs = re.findall("[^\x00-\x7f]+", text or "")
    return sum(len(run) for run in runs if len(run) > 1) * 2 >= sum(map(len, runs)) > 0

"""JSON lists: objects in a list, in `items` of an object, or where a mapping says; each with the line it begins on."""

import json
import re
from typing import Any

from sandbox.rules.intake.table import MAX_CELLS, MAX_ROWS, NumberedCells, Remark, Unread, keepable, shown
from sandbox.words import word

BLANK = re.compile(r"[ \t\r\n]*")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, refused when it says one name twice: the standard would silently keep the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("repeated name")
    return found


# Numbers stay as written: a float would lose digits, and NaN must reach the rule that refuses it.
DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_float=str, parse_int=str, parse_constant=str)


class Listing:
    """A JSON text walked item by item. Raises Unread at whatever is not JSON, naming its line."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.line, self.counted = text, 0, 1, 0

    def items(self, within: str | None = None) -> list[tuple[int, Any]]:
        """Every item with its line, of the list at this path of names (`datasets.included`)."""
        self._find_list(within)
        found: list[tuple[int, Any]] = []
        while self._peek() != "]":
            line = self._line()
            if len(found) == MAX_ROWS:
                raise Unread(word("intake.too_many_rows", limit=MAX_ROWS, cells=MAX_CELLS), line)
            found.append((line, self._value()))
            if self._peek() != "]":
                self._expect(",")
        self._expect("]")
        return found

    def _find_list(self, within: str | None) -> None:
        if within:
            for name in within.split("."):
                self._enter(name, within)
        elif self._peek() == "{":
            self._expect("{")
            while self._key() != "items":
                self._value()
                self._expect(",")
        self._expect("[")

    def _enter(self, name: str, within: str) -> None:
        """Go into an object up to the value of this name. Raises Unread where it has none."""
        missing = Unread(word("intake.no_such_list", list=within), self._line())
        if self._peek() != "{":
            raise missing
        self._expect("{")
        while self._peek() == '"':
            if self._key() == name:
                return
            self._value()
            if self._peek() == ",":
                self._expect(",")
        raise missing if self._peek() == "}" else Unread(word("intake.broken_json"), self._line())

    def _key(self) -> str:
        name = self._value()
        self._expect(":")
        return str(name)

    def _peek(self) -> str:
        blank = BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        return self.text[self.at : self.at + 1]

    def _expect(self, mark: str) -> None:
        if self._peek() != mark:
            raise Unread(word("intake.broken_json"), self._line())
        self.at += 1

    def _value(self) -> Any:
        self._peek()
        try:
            value, self.at = DECODER.raw_decode(self.text, self.at)
        except (ValueError, RecursionError) as broken:
            raise Unread(word("intake.broken_json"), self._line()) from broken
        return value

    def _line(self) -> int:
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line


def cell(value: Any) -> str:
    """A value as text; a nested one stays JSON."""
    if value is None:
        return ""
    return keepable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def objects(filename: str, text: str, within: str | None = None) -> tuple[NumberedCells, tuple[Remark, ...]]:
    """A header of all names in order of appearance, then one line of cells per object; and what was no object."""
    items = Listing(text).items(within)
    found = [(line, item) for line, item in items if isinstance(item, dict)]
    names = {name: None for _, item in found for name in item}
    if len(names) * len(found) > MAX_CELLS:
        raise Unread(word("intake.too_many_rows", limit=MAX_ROWS, cells=MAX_CELLS))
    refused = tuple(
        Remark(filename, line, "", word("intake.not_an_object"), shown(cell(item)))
        for line, item in items
        if not isinstance(item, dict)
    )
    return _lines(names, found), refused


def _lines(names: dict[str, None], found: list[tuple[int, dict[str, Any]]]) -> NumberedCells:
    if found:
        yield found[0][0], [keepable(name) for name in names]
    for line, item in found:
        yield line, [cell(item.get(name)) for name in names]

"""Whatever the program names has its words in each language: acts, moves, needs, fields, choices, refusals, notices."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import StrEnum
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from jinja2 import Environment

import sandbox.acts
import sandbox.store
from sandbox.acts.act import ACTS
from sandbox.rules.access import PERMISSIONS, Constituency, Role
from sandbox.rules.cadence import CLOCKS, TIERS
from sandbox.rules.lifecycle import MOVE_NAMES, STATES, Cause, Stage
from sandbox.rules.needs import NEEDS
from sandbox.rules.risk import INDICATORS, Light
from sandbox.store.fields import Fields
from sandbox.store.sections import SECTIONS
from sandbox.store.votes import MATTERS
from sandbox.words import LOCALES, has_word

HOUSE = Path(__file__).resolve().parents[1]
for room in (sandbox.store, sandbox.acts):
    for file in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
        importlib.import_module(file.name)


def subclasses(of: type) -> Iterator[type]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


GIVEN = [each for each in subclasses(Fields)
         if "__tablename__" not in vars(each) and each.__module__.startswith("sandbox.")]
FIELD_NAMES = sorted({name for each in GIVEN for name in each.model_fields})


def closed_lists(annotation: Any) -> Iterator[type[StrEnum]]:
    """The enums in an annotation, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        yield annotation
    for inner in get_args(annotation):
        yield from closed_lists(inner)


CHOICES = sorted({(kind.__name__, item.value) for each in GIVEN for field in each.model_fields.values()
                  for kind in closed_lists(field.annotation) for item in kind})
NAMED = {
    "act": sorted(set(ACTS) | set(PERMISSIONS)), "need": sorted(NEEDS), "state": sorted(STATES),
    "stage": sorted(set(Stage) - {Stage.SIDE}), "move": sorted(MOVE_NAMES), "moved": sorted(MOVE_NAMES),
    "trigger": sorted(Cause), "section": sorted(SECTIONS), "role": sorted(Role), "constituency": sorted(Constituency),
    "light": sorted(Light), "indicator": sorted(INDICATORS), "tier": sorted(TIERS), "clock": sorted(CLOCKS),
    "field": FIELD_NAMES, "choice.MatterName": sorted(MATTERS),
}
PYTHON = [path for folder in ("sandbox", ".") for path in sorted(
    (HOUSE / folder).rglob("*.py") if folder == "sandbox" else HOUSE.glob("app.py"))]
TEMPLATES = sorted((HOUSE / "templates").rglob("*.html"))


def without(keys: list[str]) -> list[str]:
    """Those of the keys that lack a text in some language."""
    return [f"{key} ({locale})" for key in keys for locale in LOCALES if not has_word(key, locale)]


@pytest.mark.parametrize("family", NAMED)
def test_whatever_a_table_names_has_its_words_in_every_language(family: str):
    assert without([f"{family}.{name}" for name in NAMED[family]]) == []


def test_every_value_of_a_closed_list_that_people_choose_from_has_its_words():
    bare = [f"choice.{kind}.{value}" for kind, value in CHOICES
            if without([f"choice.{kind}.{value}"]) and without([f"choice.{value}"])]
    assert bare == []


def named_in(path: Path) -> Iterator[tuple[str, str]]:
    """Where a file says a word by its whole key, or refuses by a code."""
    families = {"word": "", "t": "", "invalid": "error.", "Refused": "refused.", "NotPermitted": "refused.",
                "Stale": "refused.", "KeyReused": "refused."}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and (name := ast.unparse(node.func).split(".")[-1]) in families:
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            place = 1 if name == "invalid" else 0
            if len(texts) > place and texts[place] == getattr(node.args[place], "value", None):
                yield f"{path.relative_to(HOUSE)}:{node.lineno}", families[name] + texts[place]


def test_every_word_that_is_said_by_its_key_exists():
    said = [(where, key) for path in PYTHON for where, key in named_in(path)]
    assert len(said) > 100
    assert [(where, key) for where, key in said if without([key])] == []


def test_every_reason_that_a_validator_gives_has_its_words():
    codes = re.compile(r'raise ValueError\("([a-z_]+)"\)|PydanticCustomError\("([a-z_]+)"')
    found = {code for path in PYTHON if "store" in path.parts or "acts" in path.parts
             for pair in codes.findall(path.read_text(encoding="utf-8")) for code in pair if code}
    assert "period_backwards" in found and "text_control" in found
    assert without([f"error.{code}" for code in sorted(found)]) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_word_that_a_page_says_by_its_key_exists(path: Path):
    keys = re.findall(r"""\bt\(\s*['"]([a-z_]+(?:\.[\w-]+)+)['"]\s*[,)]""", path.read_text(encoding="utf-8"))
    assert without(sorted(set(keys))) == []


class Said(HTMLParser):
    """Collects what a page says to people: text between tags, and attributes that are read out or shown."""

    SPOKEN = ("title", "alt", "placeholder", "aria-label", "aria-description")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.get_starttag_text() and self.cdata_elem is None:
            self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attrs if name in self.SPOKEN]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_page_says_nothing_that_is_not_a_word(path: Path):
    """Text of a template outside every expression is in no one language: it was never translated."""
    tokens = Environment().lex(path.read_text(encoding="utf-8"))
    plain = "".join(text if kind == "data" else " " for _, kind, text in tokens)
    said = Said()
    said.feed(plain)
    texts = [re.sub(r'[\w-]+="[^"]*"', "", text) for text in said.texts]  # a macro of attributes alone
    assert [text for text in texts if re.search(r"[^\W\d_]{2,}", text)] == []

"""Whatever the program names has its words in each language: acts, moves, needs, fields, choices, refusals, notices."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from jinja2 import Environment

import sandbox.acts
import sandbox.store
from sandbox.acts.act import ACTS
from sandbox.acts.decisions import CARRIED_OUT
from sandbox.rules.access import PERMISSIONS, Constituency, Role
from sandbox.rules.basis import COLUMNS
from sandbox.rules.cadence import TIERS
from sandbox.rules.clocks import CLOCKS
from sandbox.rules.guards import GUARDS
from sandbox.rules.lifecycle import MOVE_NAMES, STATES, TRIGGERS, Cause, Stage
from sandbox.rules.needs import NEEDS
from sandbox.rules.risk import INDICATORS, Light
from sandbox.store.dues import DueKind
from sandbox.store.fields import Fields
from sandbox.store.sections import SECTIONS
from sandbox.store.votes import MATTERS
from sandbox.words import LOCALES, has_word, keys

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
PROPOSED = sorted({*CARRIED_OUT} - {"make_move"})
"""Acts that wait for a second regulator; a move has its own name."""
NAMED = {
    "act": sorted({*ACTS, *PERMISSIONS, *(kind.value for kind in DueKind), *(f"propose_{name}" for name in PROPOSED)}),
    "page.decision.act": PROPOSED, "need": sorted({*NEEDS, *GUARDS}),
    "state": sorted(STATES),
    "stage": sorted(set(Stage) - {Stage.SIDE}), "move": sorted(MOVE_NAMES), "moved": sorted(MOVE_NAMES),
    "trigger": sorted(TRIGGERS), "page.reason": sorted(Cause),
    "section": sorted(SECTIONS), "constituency": sorted(Constituency),
    "role": sorted({*Role, *(owner for clock in CLOCKS.values() for owner in clock.owners)}),
    "light": sorted(Light), "indicator": sorted(INDICATORS), "tier": sorted(TIERS), "clock": sorted(CLOCKS),
    "field": FIELD_NAMES, "choice.MatterName": sorted(MATTERS),
    "basis": [*COLUMNS, "causes", *(f"vote.{matter}" for matter in sorted(MATTERS))],
}
PYTHON = {str(path.relative_to(HOUSE)): path.read_text(encoding="utf-8")
          for path in (HOUSE / "app.py", *sorted((HOUSE / "sandbox").rglob("*.py")))}
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in sorted((HOUSE / "templates").rglob("*.html"))}
FAMILY_OF = {"word": "", "t": "", "Refused": "refused.", "NotPermitted": "refused.", "Stale": "refused.",
             "KeyReused": "refused."}


def without(keys: Iterable[str]) -> list[str]:
    """Those of the keys that lack a text in some language."""
    return [f"{key} ({locale})" for key in sorted(set(keys)) for locale in LOCALES if not has_word(key, locale)]


def bare_choices(choices: Iterable[tuple[str, str]]) -> list[str]:
    """Values that have words neither under their enum's name nor under their own."""
    return [f"choice.{kind}.{value}" for kind, value in choices
            if without([f"choice.{kind}.{value}"]) and without([f"choice.{value}"])]


def keys_in_python(source: str) -> Iterator[str]:
    """Keys of words said whole, of refusals by their code, and of reasons that a field is refused for."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, given = ast.unparse(node.func).split(".")[-1], [getattr(one, "value", None) for one in node.args]
        if name in FAMILY_OF and given and isinstance(given[0], str):
            yield FAMILY_OF[name] + given[0]
        elif name == "invalid" and len(given) > 1 and isinstance(given[1], str):
            yield f"error.{given[1]}"


def families_in_python(source: str) -> Iterator[str]:
    """Beginnings of keys whose end is known only when they are said: `word(f"state.{code}")`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("word", "t") and node.args:
            first = node.args[0]
            if isinstance(first, ast.JoinedStr) and isinstance(first.values[0], ast.Constant):
                yield str(first.values[0].value)


def unknown_families(beginnings: Iterable[str]) -> list[str]:
    """Beginnings with which no key begins."""
    known = keys("en")
    return [one for one in sorted(set(beginnings)) if not any(key.startswith(one) for key in known)]


def reasons_in_python(source: str) -> Iterator[str]:
    """Keys of the reasons that validators of ours give."""
    for plain, custom in re.findall(r'raise ValueError\("([a-z_]+)"\)|PydanticCustomError\("([a-z_]+)"', source):
        yield f"error.{plain or custom}"


def keys_in_page(source: str) -> list[str]:
    """Keys of words that a template says whole."""
    return re.findall(r"""\bt\(\s*['"]([a-z_]+(?:\.[\w-]+)+)['"]\s*[,)]""", source)


class Said(HTMLParser):
    """Collects what a page says to people: text between tags, and attributes that are read out or shown."""

    SPOKEN = ("title", "alt", "placeholder", "aria-label", "aria-description")

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.texts += [value or "" for name, value in attrs if name in self.SPOKEN]


def untranslated(source: str) -> list[str]:
    """Text of a template outside every expression: it is in no one language."""
    said = Said()
    said.feed("".join(text if kind == "data" else " " for _, kind, text in Environment().lex(source)))
    texts = [re.sub(r'[\w-]+="[^"]*"', "", text).strip() for text in said.texts]  # a macro of attributes alone
    return [text for text in texts if re.search(r"[^\W\d_]{2,}", text)]


@pytest.mark.parametrize("family", NAMED)
def test_whatever_a_table_names_has_its_words_in_every_language(family: str):
    assert without(f"{family}.{name}" for name in NAMED[family]) == []


def test_every_value_of_a_closed_list_that_people_choose_from_has_its_words():
    assert bare_choices(CHOICES) == []


def test_every_word_that_is_said_by_its_key_exists():
    said = {key for source in PYTHON.values() for key in keys_in_python(source)}
    assert len(said) > 100
    assert without(said) == []


def test_every_family_of_words_that_is_said_has_some():
    assert unknown_families(one for source in PYTHON.values() for one in families_in_python(source)) == []


def test_every_reason_that_a_validator_gives_has_its_words():
    given = {key for path, source in PYTHON.items() if path.startswith(("sandbox/store/", "sandbox/acts/"))
             for key in reasons_in_python(source)}
    assert {"error.period_backwards", "error.text_control"} <= given
    assert without(given) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_word_that_a_page_says_by_its_key_exists(name: str):
    assert without(keys_in_page(TEMPLATES[name])) == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_page_says_nothing_that_is_not_a_word(name: str):
    assert untranslated(TEMPLATES[name]) == []


# Each is told where it is broken


def test_what_has_no_words_is_told_in_every_language():
    assert without(["act.no_such_act"]) == [f"act.no_such_act ({locale})" for locale in LOCALES]
    assert bare_choices([("Colour", "no_such_colour")]) == ["choice.Colour.no_such_colour"]


@pytest.mark.parametrize("source", [
    'word("no.such_key", n=1)', 't("no.such_key")', 'raise Refused("no_such_code", state="draft")',
    'raise refusals.NotPermitted("no_such_code")', 'raise invalid("title", "no_such_code")',
])
def test_a_key_without_words_in_the_sources_is_told(source: str):
    assert without(keys_in_python(source))


def test_a_family_without_any_word_is_told():
    assert unknown_families(families_in_python('word(f"no_such_family.{code}")')) == ["no_such_family."]


@pytest.mark.parametrize("source", [
    'raise ValueError("no_such_code")', 'raise PydanticCustomError("no_such_code", "…")'])
def test_a_reason_without_words_is_told(source: str):
    assert without(reasons_in_python(source))


@pytest.mark.parametrize("source", ["{{ t('no.such_key') }}", '{{ t("no.such_key", n=2) }}'])
def test_a_key_without_words_in_a_page_is_told(source: str):
    assert without(keys_in_page(source))


@pytest.mark.parametrize("source", [
    "<p>Hello {{ name }}</p>", "<p>{% if x %}你好{% endif %}</p>", '<img alt="A cat">', '<input placeholder="Name">',
    "Hello",
])
def test_a_text_that_was_not_translated_is_told(source: str):
    assert untranslated(source)


@pytest.mark.parametrize("source", [
    "<p>{{ t('x.y') }} · 5</p>", "{# a remark #}<p class='big' id=\"x\">{{ say(one) }}</p>",
    "<script>let x = 1</script>",
])
def test_what_is_said_in_words_alone_is_left_in_peace(source: str):
    assert untranslated(source) == []

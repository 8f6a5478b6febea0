"""Every declared field of the program against everything that can be thrown at it: refused in words, or kept."""

import importlib
import math
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import sandbox.acts
import sandbox.store
from sandbox.store.answers import ANSWERS
from sandbox.store.fields import Fields, canonical, defaults_of
from sandbox.store.trials import TRIALS, TrialFields
from sandbox.words import LOCALES, say, word


def load_all() -> None:
    """Import every file of the rooms in which fields are declared."""
    for room in (sandbox.store, sandbox.acts):
        for file in pkgutil.iter_modules(room.__path__, f"{room.__name__}."):
            importlib.import_module(file.name)


def subclasses(of: type) -> Iterator[type]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


load_all()
DECLARED = {each.__name__: each for each in subclasses(Fields)
            if "__tablename__" not in vars(each) and each.__module__.startswith("sandbox.")}


def nested(depth: int, name: str | None = None) -> Any:
    found: Any = 1
    for _ in range(depth):
        found = [found] if name is None else {name: found}
    return found


BAD: dict[str, Any] = {
    "nothing": None, "a truth": True, "one": 1, "less than nothing": -1, "zero": 0, "huge": 10**13, "vast": 10**400,
    "too long to print": 10**5000, "a half": 0.5, "minus a half": -0.5, "no number": math.nan, "infinite": math.inf,
    "minus infinite": -math.inf, "text": "text", "a number as text": "5", "NaN as text": "NaN", "empty": "",
    "blank": " \n ", "over-long": "x" * 300, "very long": "x" * 100_000, "NUL": "a\x00b", "a bell": "a\x07b",
    "half a character": "\ud800", "a day": "2026-09-01", "a time without zone": "2026-09-01T09:00:00",
    "a time": "2026-09-01T09:00:00+08:00", "the far future": "9999-12-31T23:59:59Z",
    "the first year": "0001-01-01T00:00:00+14:00", "no such day": "2026-02-30",
    "no such second": "2026-09-01T09:00:61Z",
    "seconds since 1970": "1735689600", "a year of six digits": "+012026-01-01", "bytes": b"5", "a list": [],
    "a list of nothing": [None], "a list of numbers": [1], "a list of blanks": [{}], "a list of rows": [{"a": 1}],
    "a very long list": [1] * 20_000, "a table": {}, "nothing by name": {"a": None}, "minus one by name": {"a": -1},
    "no number by name": {"a": math.nan}, "a number by no name": {"": 1}, "half a character as name": {"\ud800": 1},
    "NUL as name": {"a\x00": 1}, "a number as name": {1: 1}, "a number too long to print by name": {"a": 10**5000},
    "half a character deep down": {"a": {"b": ["\ud800"]}}, "no number deep down": {"a": [math.nan]},
    "NUL deep down": {"a": ["\x00"]}, "too many names": {f"a{i}": 1 for i in range(600)}, "deep lists": nested(3000),
    "deep tables": nested(3000, "a"), "rather deep": nested(200, "a"), "some object": object(), "a set": {1},
    "a tuple": (1,), "an exact number out of reach": Decimal("1e400"), "a naive time": datetime(2026, 1, 1),  # noqa: DTZ001
    "a day object": date(2026, 1, 1), "a complex number": 1j,
}
AGREE = {  # what the parts of a class must say together, and texts with a pattern
    "FeedbackFields": {"period_start": "2026-08-01T00:00:00Z", "period_end": "2026-08-08T00:00:00Z", "nil": True},
    "ImportedReport": {"period_start": "2026-08-01T00:00:00Z", "period_end": "2026-08-08T00:00:00Z"},
    "NoUseFields": {"period_start": "2026-08-01T00:00:00Z", "period_end": "2026-08-08T00:00:00Z"},
    "IncidentFields": {"severity": "S3"}, "ImportedEvent": {"severity": "S3"}, "AppealFields": {"new_facts": "New"},
    "FilingRow": {"number": "7"}, "NotApplicable": {"dimension": "money"}, "InvitationFields": {"email": "a@b.example"},
    "FirstGiven": {"email": "a@b.example"}, "AllegationFields": {"severity": "S3"},
    "ConfirmationFields": {"severity": "S3"}, "ListedEntry": {"digest": "a1"}, "ListedChange": {"digest": "a1"},
    "BaselineRow": {"counts": [1] * 10}, "KeyGiven": {"key_id": "A" * 43, "public": "B" * 43},
}


def example(fields: type[Fields]) -> dict[str, Any]:
    """The least that this class takes, made from its own schema."""
    schema = fields.model_json_schema()
    agreed = AGREE.get(fields.__name__, {})
    return {name: agreed[name] if name in agreed else _example(schema["properties"][name], schema)
            for name in {*schema.get("required", ()), *agreed}}


def _example(part: dict[str, Any], schema: dict[str, Any]) -> Any:
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        return example(DECLARED[name]) if name in DECLARED else _example(schema["$defs"][name], schema)
    if "enum" in part:
        return part["enum"][0]
    match part.get("type"):
        case "string":
            by_format = {"date": "2026-09-01", "date-time": "2026-09-01T09:00:00Z"}
            return by_format.get(part.get("format", ""), "x" * part.get("minLength", 1))
        case "integer" | "number":
            return part.get("minimum", part.get("exclusiveMinimum", 0) + 1)
        case "array":
            return [_example(part["items"], schema)] * part.get("minItems", 0)
        case "boolean":
            return True
        case "object":
            return {}
    raise AssertionError(part)


def faults(fields: type[Fields], data: Any) -> list[str]:
    """What is wrong with the answer: anything raised but a ValidationError, an error without words, a given that
    cannot be kept as JSON."""
    try:
        taken = fields.model_validate(data)
    except ValidationError as error:
        return [fault for one in error.errors(include_url=False, include_input=False) for fault in unsaid(one)]
    except Exception as error:  # noqa: BLE001 that it is not another exception is what is tested
        return [repr(error)[:200]]
    canonical(taken.plain())
    return []


def unsaid(one: Any) -> Iterator[str]:
    """Languages without words for this error. A validator of ours raises ValueError(code): its key is error.code."""
    code = str(one["ctx"]["error"]) if one["type"] == "value_error" else one["type"]
    for locale in LOCALES:
        try:
            say(word(f"error.{code}", **{name: str(value) for name, value in one.get("ctx", {}).items()}), locale)
        except KeyError as error:
            yield f"{code}: {error}"


@pytest.mark.parametrize("name", DECLARED)
def test_the_least_that_a_class_takes_is_taken_and_can_be_kept(name: str):
    taken = DECLARED[name].model_validate(example(DECLARED[name]))
    assert DECLARED[name].model_validate(taken.plain()) == taken


@pytest.mark.parametrize("name", DECLARED)
def test_whatever_one_field_is_given_is_refused_in_words_or_kept(name: str):
    fields = DECLARED[name]
    least = example(fields)
    found = {(field, how): fault for field in fields.model_fields for how, value in BAD.items()
             for fault in faults(fields, {**least, field: value})}
    assert found == {}


@pytest.mark.parametrize("name", DECLARED)
def test_whatever_the_whole_is_given_as_is_refused_in_words(name: str):
    fields = DECLARED[name]
    found = {how: fault for how, value in {**BAD, "a stranger": {**example(fields), "stranger": 1}}.items()
             for fault in faults(fields, value)}
    assert found == {}
    with pytest.raises(ValidationError, match="extra_forbidden"):
        fields.model_validate({**example(fields), "stranger": 1})


@pytest.mark.parametrize("name", DECLARED)
def test_a_required_field_that_is_left_out_is_named(name: str):
    fields = DECLARED[name]
    required = {field for field, info in fields.model_fields.items() if info.is_required()}
    if not required:
        pytest.skip("nothing of it is required")
    with pytest.raises(ValidationError) as caught:
        fields.model_validate({})
    assert {one["loc"] for one in caught.value.errors() if one["type"] == "missing"} == {(field,) for field in required}


@pytest.mark.parametrize("name", DECLARED)
def test_a_given_cannot_be_changed_once_it_was_checked(name: str):
    taken, first = DECLARED[name].model_validate(example(DECLARED[name])), next(iter(DECLARED[name].model_fields), None)
    if first is None:
        pytest.skip("nothing is given")
    with pytest.raises(ValidationError, match="frozen"):
        setattr(taken, first, None)


def boundless(schema: dict[str, Any], part: dict[str, Any], path: str) -> Iterator[str]:
    """Places where a text, a number or a list could be as large as its sender likes."""
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        part = {} if name in DECLARED else schema["$defs"][name]
    limit = {"string": "maxLength", "array": "maxItems", "integer": "maximum", "number": "maximum"}.get(
        part.get("type", ""))
    if limit and not {limit, "enum", "format", "const"} & set(part):
        yield path
    inner = [("[]", part.get("items")), ("{}", part.get("additionalProperties"))]
    for step, below in (*inner, *(("", option) for option in part.get("anyOf", ()))):
        if isinstance(below, dict):
            yield from boundless(schema, below, path + step)


@pytest.mark.parametrize("name", DECLARED)
def test_nothing_given_is_without_a_limit(name: str):
    schema = DECLARED[name].model_json_schema()
    properties = schema.get("properties", {}).items()
    assert [place for field, part in properties for place in boundless(schema, part, field)] == []


@dataclass(frozen=True)
class Odd:
    """One of BAD by name, since some of them cannot be printed."""

    how: str


def real(value: Any) -> Any:
    """The value with every Odd in it replaced by what it stands for."""
    match value:
        case Odd(how):
            return BAD[how]
        case dict():
            return {name: real(inner) for name, inner in value.items()}
        case list():
            return [real(inner) for inner in value]
    return value


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
    | st.sampled_from(sorted(BAD)).map(Odd),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8)


@settings(max_examples=300)
@given(st.sampled_from(sorted(DECLARED)), st.data())
def test_whatever_any_class_is_given_is_refused_in_words_or_kept(name: str, data: st.DataObject):
    fields = DECLARED[name]
    some = data.draw(st.dictionaries(st.sampled_from(["stranger", *sorted(fields.model_fields)]), ANYTHING, max_size=4))
    assert faults(fields, {**example(fields), **real(some)}) == []


# The base


def test_text_is_trimmed_and_blank_text_is_nothing():
    given_ = TrialFields.model_validate({"title": "  A trial ", "scenario_id": "sc_1", "title_en": " "})
    assert (given_.title, given_.title_en) == ("A trial", None)


def test_the_same_value_has_the_same_bytes_in_whatever_order_it_was_written():
    assert canonical({"b": [1, {"d": 1.5, "c": "中"}], "a": None}) == '{"a":null,"b":[1,{"c":"中","d":1.5}]}'.encode()
    assert canonical({"b": 1, "a": 2}) == canonical({"a": 2, "b": 1})


def test_what_is_no_json_value_is_hashed_as_its_text_and_a_frozen_table_as_a_table():
    assert canonical([MappingProxyType({"a": Decimal("1.50")})]) == b'[{"a":"1.50"}]'


def test_defaults_of_a_table_are_the_values_its_class_declares():
    assert defaults_of(TRIALS)["light"] == "grey"
    assert defaults_of(TRIALS)["day_limit"] == 180
    assert defaults_of(ANSWERS) == {}

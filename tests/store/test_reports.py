"""The quick reader of lines accepts nothing that the fields refuse, and reads what it accepts as they do."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sandbox.store.feedback import FeedbackFields
from sandbox.store.fields import canonical
from sandbox.store.reports import read_closely, read_json, read_mapping, text_of

TEXTS = st.one_of(st.text(max_size=12), st.sampled_from([
    "Gate 3", " Gate", "Gate  3", "东门", "ＧＡＴＥ", "", " ", "a\tb", "é", "2.4.1", "x" * 201]))
NUMBERS = st.one_of(st.integers(-2, 10**13), st.floats(allow_nan=False), st.booleans(), st.sampled_from(["1", "1.5"]),
                    st.none())
TIMES = st.sampled_from([
    "2026-03-02T00:00:00+08:00", "2026-03-02T01:00:00Z", "2026-03-02T01:00Z", "2026-03-02T01:00:00.25+00:00",
    "2026-03-02 01:00:00+08:00", "2026-03-02T01:00:00", "2026-03-02", "1772409600", "1999-01-01T00:00:00Z",
    "2100-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-03-02T24:00:00Z", "0001-01-01T00:00:00+23:59"])
COUNTS = st.dictionaries(st.one_of(st.sampled_from(["harm_S1", "override", "a b", "-x"]), st.text(max_size=4)), NUMBERS,
                         max_size=3)
LINES = st.fixed_dictionaries({"period_start": TIMES, "period_end": TIMES}, optional={
    **dict.fromkeys(("exposures", "people", "people_new", "hours", "money", "reviewed", "labelled"), NUMBERS),
    **dict.fromkeys(("region", "site", "model_version", "narrative", "key"), TEXTS),
    "events": COUNTS, "metrics": COUNTS, "nil": st.one_of(st.booleans(), NUMBERS), "strange": st.none()})


def closely(line: dict[str, Any]) -> Any:
    """What the fields make of a line without its key; None where they refuse it."""
    try:
        return read_closely({name: value for name, value in line.items() if name != "key"}, line.get("key"))
    except ValidationError:
        return None


@settings(max_examples=400)
@given(LINES)
def test_what_is_read_quickly_is_read_as_the_fields_read_it(line: dict[str, Any]):
    careful = closely(line)
    for quick in (read_json(json.dumps(line).encode()), read_mapping(line)):
        if quick is not None:
            assert careful is not None and (quick.values, quick.text) == (careful.values, careful.text)
            assert quick.key == line.get("key")


def test_the_common_shape_is_read_quickly():
    line = {"period_start": "2026-03-02T00:00:00+08:00", "period_end": "2026-03-02T01:00:00+08:00", "exposures": 3,
            "site": "东门 3", "events": {"harm_S4": 1}, "metrics": {"wait": 2}, "model_version": None, "key": "k 1"}
    quick = read_json(json.dumps(line, ensure_ascii=False).encode())
    assert quick is not None and quick.key == "k 1"
    assert quick.values["period_start"] == datetime(2026, 3, 1, 16, tzinfo=UTC)
    given_ = FeedbackFields.model_validate({name: value for name, value in line.items() if name != "key"})
    assert quick.text == canonical(given_.plain()) == text_of(quick.values)


@pytest.mark.parametrize("raw", [
    b'{"nil": true, "nil": true, "period_start": "2026-03-02T00:00:00Z", "period_end": "2026-03-03T00:00:00Z"}',
    b'{"nil" :true,"nil":true,"period_start":"2026-03-02T00:00:00Z","period_end":"2026-03-03T00:00:00Z"}',
    b'{"events":{"override":1,"override":2},"exposures":1,"period_start":"2026-03-02T00:00:00Z",'
    b'"period_end":"2026-03-03T00:00:00Z"}',
])
def test_a_name_that_stands_twice_is_left_to_the_careful_reader(raw: bytes):
    assert read_json(raw) is None

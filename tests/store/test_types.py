"""Column types and field types: instants in UTC, closed lists, numbers that are numbers, ids that sort by time."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from sqlalchemy.dialects import postgresql

from sandbox.store.ids import hash_secret, new_id, new_secret
from sandbox.store.types import (
    DEEPEST,
    JSON,
    MOST,
    Code,
    Day,
    Figure,
    Flag,
    Instant,
    Long,
    Number,
    People,
    Positive,
    Raw,
    Share,
    Short,
    Time,
    Whole,
    column_for,
    once_each,
    plain_text,
)

NOW = datetime(2026, 9, 1, 9, 30, 0, 250_000, tzinfo=UTC)
SHANGHAI = timezone(timedelta(hours=8))


def refused(kind: Any, value: Any) -> str:
    """The type of the error with which a value is refused."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return caught.value.errors()[0]["type"]


def taken(kind: Any, value: Any) -> Any:
    return TypeAdapter(kind).validate_python(value)


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


TABLE = sa.Table(
    "things", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("at", Instant()),
    sa.Column("colour", column_for(Colour).type), sa.Column("body", JSON))


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    TABLE.create(engine)
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def kept(connection: sa.Connection, **values: Any) -> Any:
    connection.execute(sa.insert(TABLE).values(**values))
    return connection.execute(sa.select(TABLE)).one()


# Columns


@pytest.mark.parametrize("at", [NOW, NOW.astimezone(SHANGHAI), datetime(2000, 1, 1, tzinfo=UTC), None])
def test_an_instant_comes_back_in_utc_to_the_microsecond(connection: sa.Connection, at: datetime | None):
    back = kept(connection, at=at).at
    assert back == at
    assert back is None or back.tzinfo is UTC


def test_an_instant_without_a_zone_cannot_be_kept(connection: sa.Connection):
    with pytest.raises(sa.exc.StatementError, match="naive"):
        kept(connection, at=NOW.replace(tzinfo=None))


def test_where_the_database_has_times_of_its_own_they_go_in_and_come_out_in_utc():
    dialect = postgresql.dialect()
    assert Instant().process_bind_param(NOW.astimezone(SHANGHAI), dialect) == NOW
    assert Instant().process_result_value(NOW.astimezone(SHANGHAI), dialect).tzinfo is UTC
    assert Instant().process_bind_param(None, dialect) is Instant().process_result_value(None, dialect) is None
    with pytest.raises(ValueError, match="naive"):
        Instant().process_bind_param(NOW.replace(tzinfo=None), dialect)


def test_instants_sort_as_text_as_they_sort_as_times(connection: sa.Connection):
    for seconds in (5, 1, 3):
        connection.execute(sa.insert(TABLE).values(at=NOW + timedelta(seconds=seconds)))
    ordered = connection.execute(sa.select(TABLE.c.at).order_by(TABLE.c.at)).scalars().all()
    assert ordered == sorted(ordered)


def test_a_value_outside_a_closed_list_cannot_be_stored(connection: sa.Connection):
    assert kept(connection, colour="red").colour == "red"
    with pytest.raises(sa.exc.IntegrityError, match="CHECK"):
        connection.exec_driver_sql("INSERT INTO things (colour) VALUES ('blue')")


def test_json_comes_back_as_it_went_in(connection: sa.Connection):
    body = {"a": [1, 2.5, None, "中"], "b": {"c": True}}
    assert kept(connection, body=body).body == body


# Times


@pytest.mark.parametrize(("text", "at"), [
    ("2026-09-01T09:30:00Z", datetime(2026, 9, 1, 9, 30, tzinfo=UTC)),
    ("2026-09-01T17:30:00+08:00", datetime(2026, 9, 1, 9, 30, tzinfo=UTC)),
    ("2026-09-01 09:30:00-02:00", datetime(2026, 9, 1, 11, 30, tzinfo=UTC)),
])
def test_a_time_with_a_zone_is_taken_in_utc(text: str, at: datetime):
    found = taken(Time, text)
    assert (found, found.tzinfo) == (at, UTC)


@pytest.mark.parametrize(("value", "error"), [
    ("2026-09-01T09:30:00", "timezone_aware"), ("1999-12-31T23:59:59Z", "time_range"),
    ("2100-01-01T00:00:00Z", "time_range"), ("9999-12-31T23:59:59-14:00", "time_range"), (0, "datetime_type"),
    (1735689600, "datetime_type"), (True, "datetime_type"), ("1735689600", "datetime_parsing"),
    ("0", "datetime_parsing"), ("-5", "datetime_parsing"), ("today", "datetime_parsing"), ("", "datetime_parsing"),
])
def test_a_time_without_a_zone_or_outside_our_century_or_in_seconds_is_refused(value: Any, error: str):
    assert refused(Time, value) == error


@pytest.mark.parametrize(("value", "error"), [
    ("1999-12-31", "time_range"), ("2100-01-01", "time_range"), (20260901, "date_type"), ("20260901", "date_parsing"),
    ("2026-02-30", "date_from_datetime_parsing"), ("2026-09-01T09:30:00", "date_from_datetime_inexact"),
])
def test_a_day_that_is_none_or_not_of_our_century_is_refused(value: Any, error: str):
    assert taken(Day, "2026-09-01") == date(2026, 9, 1)
    assert refused(Day, value) == error


# Numbers


@pytest.mark.parametrize(("kind", "value", "error"), [
    (Whole, -1, "greater_than_equal"), (Whole, MOST + 1, "less_than_equal"), (Whole, 1.0, "int_type"),
    (Whole, "1", "int_type"), (Whole, True, "int_type"), (Whole, 10**400, "less_than_equal"),
    (People, 2_000_000_001, "less_than_equal"),
    (Number, -0.1, "greater_than_equal"), (Number, 1e13, "less_than_equal"), (Number, math.nan, "finite_number"),
    (Number, math.inf, "finite_number"), (Number, "5", "float_type"), (Number, True, "float_type"),
    (Number, None, "float_type"), (Number, [], "float_type"),
    (Positive, 0, "greater_than"), (Positive, "1", "float_type"), (Share, 0, "greater_than"),
    (Share, 1.01, "less_than_equal"), (Figure, -1e13, "greater_than_equal"), (Figure, math.nan, "finite_number"),
    (Figure, "5", "float_type"), (Figure, False, "float_type"), (Flag, 1, "bool_type"), (Flag, "true", "bool_type"),
])
def test_what_is_no_such_number_or_answer_is_refused(kind: Any, value: Any, error: str):
    assert refused(kind, value) == error


@pytest.mark.parametrize(("kind", "value"), [
    (Whole, 0), (Whole, MOST), (Number, 0), (Number, 2), (Number, Decimal("2.5")), (Positive, 1e-9), (Share, 1),
    (Figure, -3.5), (Flag, False),
])
def test_what_is_one_is_taken_as_it_is(kind: Any, value: Any):
    assert taken(kind, value) == value


# Text


@pytest.mark.parametrize(("value", "kept_as"), [
    (" a ", "a"), ("", None), (" \r\n\t", None), ("two\nlines", "two\nlines"), ("使用反馈", "使用反馈"), (5, 5),
    (None, None),
])
def test_text_is_trimmed_and_blank_is_nothing(value: Any, kept_as: Any):
    assert plain_text(value) == kept_as


@pytest.mark.parametrize("character", ["\x00", "\x07", "\x1b", "\x1f"])
def test_a_control_character_is_refused(character: str):
    with pytest.raises(PydanticCustomError, match="control"):
        plain_text(f"a{character}b")


@pytest.mark.parametrize(("kind", "most"), [(Short, 200), (Long, 8000), (Code, 64)])
def test_text_has_its_greatest_length(kind: Any, most: int):
    assert taken(kind, "x" * most)
    assert refused(kind, "x" * (most + 1)) == "string_too_long"


@pytest.mark.parametrize("value", ["-a", "a b", "名", "a/b", "a\n", ""])
def test_a_code_is_made_of_letters_digits_and_four_marks(value: str):
    assert taken(Code, "harm_S1.a:b-c")
    assert refused(Code, value) == "string_pattern_mismatch"


def nested(depth: int) -> Any:
    found: Any = "x"
    for _ in range(depth):
        found = {"a": [found]}
    return found


def test_what_is_nested_too_deeply_is_refused_before_anything_looks_inside():
    assert plain_text(nested(DEEPEST // 2 - 1)) == nested(DEEPEST // 2 - 1)
    for depth in (DEEPEST, 5000):
        with pytest.raises(PydanticCustomError, match="deep"):
            plain_text(nested(depth))


@pytest.mark.parametrize(("value", "error"), [
    ({"a": {"b": "\ud800"}}, "string_unicode"), ({"\udfff": 1}, "string_unicode"), ({"a": ["\x00"]}, "text_control"),
    ({"a": math.nan}, "finite_number"), ({"a": [-math.inf]}, "finite_number"), ({"a": 10**5000}, "finite_number"),
    ([], "dict_type"),
])
def test_what_is_kept_unchecked_can_still_be_kept(value: Any, error: str):
    loose = {"a": ["中\u2028\x07", 1.5, None, True, {"b": -MOST}]}
    assert taken(Raw, loose) == loose
    assert refused(Raw, value) == error


@dataclass
class Line:
    """A row of a list, by its key."""

    key: str | None


def test_no_two_rows_of_a_list_have_the_same_key_and_none_may_repeat():
    kind = Annotated[list[Line], once_each("key")]
    assert taken(kind, [Line("a"), Line(None), Line("b"), Line(None)])
    assert refused(kind, [Line("a"), Line("b"), Line("a")]) == "stands_twice"


# Ids and secrets


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
       st.timedeltas(timedelta(milliseconds=1), timedelta(days=9000)))
def test_ids_sort_by_the_time_at_which_they_were_given(at: datetime, later: timedelta):
    assert new_id("tr", at) < new_id("tr", at + later)


def test_an_id_says_its_kind_and_never_comes_twice():
    ids = {new_id("fb", NOW) for _ in range(2000)}
    assert len(ids) == 2000
    assert all(re.fullmatch("fb_[0-9a-f]{21}", one) for one in ids)


def test_a_secret_is_never_given_twice_and_only_its_hash_is_kept():
    one, other = new_secret(), new_secret()
    assert one != other and len(one) >= 43
    assert hash_secret(one) == hash_secret(one) != hash_secret(other)
    assert one not in hash_secret(one)

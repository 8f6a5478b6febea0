"""Bad input of every kind, thrown at every endpoint that takes a body: a 4xx problem document that names the field or
the line, never a 5xx, and nothing half-kept.

Generated from the table of endpoints and the schemas of their bodies: a new endpoint or field is thrown at too."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from api_answers import the_document
from api_samples import ACTING, KINDS, address, resolved, sample, sample_body, schema_of, who
from api_world import MISSING, World, both_cities  # noqa: F401 the fixture `world`
from werkzeug.test import TestResponse

from sandbox.store.changes import ASKED
from sandbox.store.sections import SECTIONS
from sandbox.web.api import ENDPOINTS, PREFIX
from sandbox.web.api.asking import MOST_BYTES
from sandbox.web.api.batches import CSV, NDJSON
from sandbox.web.api.endpoint import Endpoint

WITH_FIELDS = [endpoint for endpoint in ACTING
               if resolved(schema_of(endpoint)).get("properties") and endpoint.name not in KINDS]
"""Sections and changes have tests of their own: every kind its own fields."""
HUGE, ENDLESS = "@huge@", "@1e999@"
FOREVER = "9999-12-31T23:59:59Z"


def written(value: Any) -> bytes:
    """JSON with what Python does not write by itself: a number of five thousand digits, and one past every float."""
    text = json.dumps(value).replace(f'"{HUGE}"', "9" * 5000).replace(f'"{ENDLESS}"', "1e999")
    return text.encode()


def refused(response: TestResponse, what: Any) -> dict[str, Any]:
    """The problem document of a refusal that says where the fault is."""
    assert 400 <= response.status_code < 500, (what, response.status_code, response.get_data(as_text=True)[:300])
    assert response.mimetype == "application/problem+json", what
    problem: dict[str, Any] = response.get_json()
    assert problem["errors"], (what, problem)
    assert all(error["message"] and (error["field"] or error.get("line") or error["code"] in WHOLE)
               for error in problem["errors"]), (what, problem)
    return problem


WHOLE = {"body_too_large", "too_deep", "exposures_missing", "period_backwards", "nil_with_numbers", "severity_missing",
         "aware_before", "long_ground", "filing_detail", "appeal_ground"}
"""Rules over a body as a whole, which no single field breaks."""


# One field at a time


def wrong(schema: dict[str, Any], nullable: bool = False) -> Iterator[tuple[str, Any]]:
    """Values that a field of this schema does not take."""
    if "anyOf" in schema:
        nullable = {"type": "null"} in schema["anyOf"]
    schema = resolved(schema)
    if not nullable:
        yield "null", None
    kind = schema.get("type", "string")
    yield from {"string": wrong_text, "integer": wrong_number, "number": wrong_number, "boolean": wrong_flag,
                "array": wrong_list, "object": wrong_object}[kind](schema)


def wrong_text(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("number", 5), ("flag", True), ("list", []), ("object", {}), ("half a surrogate", "\ud800"),
                ("control character", "a\x00b"))
    if "maxLength" in schema:
        yield "too long", "x" * (schema["maxLength"] + 1)
    if "enum" in schema:
        yield "no choice", "none of these"
    if schema.get("format") == "date-time":
        yield from (("naive", "2026-03-03T00:00:00"), ("far future", FOREVER), ("seconds as text", "1772500000"),
                    ("seconds", 1772500000), ("day that is not", "2026-02-30T00:00:00Z"), ("words", "tomorrow"),
                    ("before our time", "1970-01-01T00:00:00Z"), ("date alone", "2026-03-03"), ("NaN", float("nan")))
    if schema.get("format") == "date":
        yield from (("far future", "9999-12-31"), ("seconds as text", "1772500000"), ("day that is not", "2026-02-30"),
                    ("with an hour", "2026-03-03T05:00:00Z"), ("words", "tomorrow"))


def wrong_number(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("text", "5"), ("flag", True), ("list", [1]), ("NaN", float("nan")), ("infinity", float("inf")),
                ("minus infinity", float("-inf")), ("endless", ENDLESS), ("huge", HUGE), ("object", {}))
    if "minimum" in schema or "exclusiveMinimum" in schema:
        yield "negative", -1
    if schema["type"] == "integer":
        yield "fraction", 1.5


def wrong_flag(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("number", 1), ("text", "true"), ("list", []))


def wrong_list(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("object", {}), ("text", "x"), ("number", 5))
    one = sample(schema["items"])
    if 0 < schema.get("maxItems", 0) <= 500:
        yield "too many", [one] * (schema["maxItems"] + 1)
    yield from ((f"entry: {name}", [value]) for name, value in wrong(schema["items"]))
    for inner, value in properties(schema["items"]):
        yield from ((f"{inner}: {name}", [{**one, inner: bad}]) for name, bad in wrong(value))


def wrong_object(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("list", [1]), ("text", "x"), ("number", 5))
    if "properties" in schema:
        yield "unknown name", {**sample(schema), "no_such_name": 1}
    elif isinstance(schema.get("additionalProperties"), dict):
        yield "name of another shape", {"a b/c": 1}
        yield from ((f"value: {name}", {"one": value}) for name, value in wrong(schema["additionalProperties"]))


def properties(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return list(resolved(schema).get("properties", {}).items())


MINDED = {"control character", "half a surrogate", "endless", "huge", "negative", "too long", "far future",
          "before our time", "NaN", "infinity"}


def throw(world: World, client: Any, method: str, path: str, base: dict[str, Any], schema: dict[str, Any]) -> int:
    """Every wrong value of every field, each in a body that is right otherwise; returns how many were thrown. On the
    second database those alone that a database could mind: what is refused for its kind never comes so far."""
    thrown, second = 0, world.program.settings.database_url is not None
    for name, value in properties(schema):
        for what, bad in wrong(value):
            if second and what.rpartition(": ")[2] not in MINDED:
                continue
            problem = refused(client.send(method, path, written({**base, name: bad})), (path, name, what, bad))
            assert any(error["field"].split(".")[0] in (name, "") for error in problem["errors"]), (name, what, problem)
            thrown += 1
    return thrown


@pytest.mark.parametrize("endpoint", WITH_FIELDS, ids=lambda e: e.name)
def test_no_field_takes_what_it_is_not(world: World, endpoint: Endpoint) -> None:
    before, base = world.kept(), sample_body(endpoint, world)
    thrown = throw(world, who(world, endpoint), endpoint.method, address(world, endpoint), base, schema_of(endpoint))
    assert thrown or world.program.settings.database_url
    assert world.kept() == before


@pytest.mark.parametrize("state", ("draft", "running"))
def test_no_field_of_any_section_takes_what_it_is_not(world: World, state: str) -> None:
    before, client, trial = world.kept(), world.client("fang"), world.hers[state]
    writable = [one["kind"] for one in client.get(f"/trials/{trial}/sections")["items"] if one["writable"]]
    assert len(writable) > 5
    for kind in writable:
        schema = {"$ref": f"#/components/schemas/{SECTIONS[kind].fields.__name__}"}
        assert throw(world, client, "PUT", f"/trials/{trial}/sections/{kind}", sample(schema), schema)
    assert world.kept() == before


def test_no_field_of_any_class_of_change_takes_what_it_is_not(world: World) -> None:
    before, client, trial = world.kept(), world.client("fang"), world.hers["running"]
    for kind, fields in ASKED.items():
        schema = {"$ref": f"#/components/schemas/{fields.__name__}"}
        assert throw(world, client, "POST", f"/trials/{trial}/changes/{kind}", sample(schema), schema)
    assert world.kept() == before


@pytest.mark.parametrize("endpoint", WITH_FIELDS, ids=lambda e: e.name)
def test_what_is_required_is_missed_by_name(world: World, endpoint: Endpoint) -> None:
    base, client = sample_body(endpoint, world), who(world, endpoint)
    for name in resolved(schema_of(endpoint)).get("required", ()):
        body = {key: value for key, value in base.items() if key != name}
        problem = refused(client.send(endpoint.method, address(world, endpoint), body), name)
        assert name in [error["field"] for error in problem["errors"]]


# The body as a whole

BODIES: dict[str, bytes] = {
    "half an object": b'{"title": ', "an array": b"[]", "text": b'"title"', "a number": b"7", "null": b"null",
    "not JSON": b"title=x", "single quotes": b"{'title': 1}", "trailing comma": b'{"a": 1,}', "spaces only": b"   ",
    "two objects": b"{}{}", "a comment": b"{} // done", "a byte order mark": b"\xef\xbb\xbf{}",
    "bytes that are no text": b'{"a": "\xff"}', "UTF-16": '{"a": 1}'.encode("utf-16"), "NUL": b'{"a": 1}\x00',
    "equal names": b'{"a": 1, "a": 1}', "equal names within": b'{"a": {"b": 1, "b": 2}}',
    "equal names by escape": b'{"a": 1, "\\u0061": 2}', "half a surrogate as name": b'{"\\ud800": 1}',
    "NaN": b'{"a": NaN}', "infinity": b'{"a": [-Infinity]}', "endless": b'{"a": 1e999}',
    "deep arrays": b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}", "deep objects": b'{"a":' * 40 + b"1" + b"}" * 40,
    "a tower of arrays": b"[" * 100_000, "a tower of objects": b'{"a":' * 100_000,
}


@pytest.mark.parametrize("what", BODIES)
def test_a_body_that_is_no_plain_json_object_is_refused_with_its_place(world: World, what: str) -> None:
    before = world.kept()
    for endpoint in ACTING:
        response = who(world, endpoint).send(endpoint.method, address(world, endpoint), BODIES[what])
        assert refused(response, endpoint.name)["code"] == "bad_json", endpoint.name
        assert response.status_code == 400
    assert world.kept() == before


def test_a_fault_of_the_text_is_named_by_line_and_column(world: World) -> None:
    response = world.client("fang").send("POST", "/trials", b'{\n  "title": "x",\n  "scenario_id": nothing\n}')
    error = response.get_json()["errors"][0]
    assert (error["line"], error["column"]) == (3, 18)


def test_an_equal_name_inside_is_named_by_its_path(world: World) -> None:
    response = world.client("fang").send("POST", "/trials", b'{"a": [{}, {"b": 1, "b": 2}]}')
    assert response.get_json()["errors"][0]["field"] == "a.1.b"


def test_no_body_at_all_misses_every_required_field(world: World) -> None:
    response = world.client("fang").send("POST", f"/trials/{world.hers['running']}/feedback")
    assert [error["field"] for error in response.get_json()["errors"]] == ["period_start", "period_end"]


@pytest.mark.parametrize("kind", ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/csv",
                                  "application/jsonx", "nonsense"))
def test_another_type_of_content_is_refused(world: World, kind: str) -> None:
    for endpoint in ACTING:
        if endpoint.name == "file_feedback" and kind in (CSV, NDJSON):
            continue  # a batch: tests/web/test_batches.py
        response = who(world, endpoint).send(endpoint.method, address(world, endpoint), b"{}", kind)
        assert (response.status_code, refused(response, endpoint.name)["errors"][0]["field"]) == (415, "Content-Type")


def test_a_body_past_the_limit_is_refused_without_being_read(world: World) -> None:
    body = b'{"title": "' + b"x" * MOST_BYTES + b'"}'
    before = world.kept()
    for endpoint in ACTING:
        assert who(world, endpoint).send(endpoint.method, address(world, endpoint), body).status_code == 413
    assert world.kept() == before


@pytest.mark.parametrize("size", (MOST_BYTES, 2 * MOST_BYTES))
def test_a_body_of_untold_length_is_not_cut_short_and_taken(world: World, size: int) -> None:
    body = b'{"name": "whole", "scopes": ["read"]}'.ljust(size)
    client = world.app.test_client(use_cookies=False)
    headers = {**world.client("fang").headers, "Transfer-Encoding": "chunked"}
    response = client.post(f"{PREFIX}/tokens", input_stream=BytesIO(body), content_type="application/json",
                           headers=headers, environ_overrides={"wsgi.input_terminated": True})
    assert response.status_code == 413


def test_names_that_nobody_declared_are_refused(world: World) -> None:
    for endpoint in ACTING:
        body = {**sample_body(endpoint, world), "no_such_name": 1}
        problem = refused(who(world, endpoint).send(endpoint.method, address(world, endpoint), body), endpoint.name)
        assert "no_such_name" in [error["field"] for error in problem["errors"]], endpoint.name


@pytest.mark.parametrize("name", ("move", "account_id", "password", "auth", "organisation_id", "token_id", "version"))
def test_what_the_path_says_cannot_be_said_again_by_the_body(world: World, name: str) -> None:
    for endpoint in (e for e in ACTING if e.given and name not in resolved(schema_of(e)).get("properties", {})):
        body = {**sample_body(endpoint, world), name: "x"}
        problem = refused(who(world, endpoint).send(endpoint.method, address(world, endpoint), body), endpoint.name)
        assert name in [error["field"] for error in problem["errors"]], endpoint.name


# Keys, versions, parameters


@pytest.mark.parametrize("key", ("", "   ", "x" * 201, "schlüssel", "tab\there"))
def test_a_key_that_cannot_be_kept_is_refused(world: World, key: str) -> None:
    for endpoint in ACTING:
        response = who(world, endpoint).send(endpoint.method, address(world, endpoint), sample_body(endpoint, world),
                                             Idempotency_Key=key)
        assert refused(response, endpoint.name)["errors"][0]["field"] == "Idempotency-Key"


def test_a_key_used_for_something_else_is_refused(world: World) -> None:
    client = world.client("fang")
    client.post("/tokens", {"name": "first", "scopes": ["read"]}, status=201, Idempotency_Key="the same")
    before = world.kept()
    for body in ({"name": "second", "scopes": ["read"]}, {"name": "first", "scopes": ["read", "file"]}):
        problem = client.post("/tokens", body, status=422, Idempotency_Key="the same")
        assert problem["code"] == "key_reused"
    client.post(f"/trials/{world.hers['draft']}", {"title": "x"}, 422, "PATCH", Idempotency_Key="the same")
    assert world.kept() == before


@pytest.mark.parametrize("tag", ("3", '"x"', 'W/"1"', '"1", "2"', '""', '"99999999999999999999"', '"-1"'))
def test_a_version_that_is_no_etag_of_ours_is_refused(world: World, tag: str) -> None:
    for endpoint in (e for e in ACTING if e.versioned):
        response = who(world, endpoint).send(endpoint.method, address(world, endpoint), sample_body(endpoint, world),
                                             If_Match=tag)
        assert refused(response, endpoint.name)["errors"][0]["field"] == "If-Match"


def test_a_version_that_has_passed_is_refused_and_nothing_changes(world: World) -> None:
    before = world.kept()
    for endpoint in (e for e in ACTING if e.versioned):
        response = who(world, endpoint).send(endpoint.method, address(world, endpoint), sample_body(endpoint, world),
                                             If_Match='"77"')
        assert (response.status_code, response.get_json()["version"] < 77) == (412, True), endpoint.name
    assert world.kept() == before


@pytest.mark.parametrize("query", ("dry_run=2", "dry_run=true", "dry_run=", "dry_run=1&dry_run=1", "dryrun=1", "%00=1"))
def test_a_parameter_that_an_act_does_not_know_does_nothing(world: World, query: str) -> None:
    before = world.kept()
    for endpoint in ACTING:
        path = f"{address(world, endpoint)}?{query}"
        refused(who(world, endpoint).send(endpoint.method, path, sample_body(endpoint, world)), endpoint.name)
    assert world.kept() == before


@pytest.mark.parametrize("query", (
    "limit=0", "limit=201", "limit=-1", "limit=ten", "limit=1e9", "limit=99999999999999999999999", "limit=5&limit=6",
    "cursor=nonsense", "cursor=%00", "cursor=IgI", "cursor=ImFcdTAwMDAi", "cursor=" + "W1tb" * 120, "cursor=9" * 600,
    "cursor=-1", "cursor=99999999999999999999999999", "cursor=%ED%A0%80", "no_such_filter=1",
))
def test_a_list_refuses_a_page_that_is_none(world: World, query: str) -> None:
    for endpoint in (e for e in ENDPOINTS if e.read and "cursor" in e.query.model_fields):
        response = world.client("lin").send("GET", f"{address(world, endpoint)}?{query}")
        assert (response.status_code, response.mimetype) == (400, "application/problem+json"), endpoint.name


@pytest.mark.parametrize("query", ("state=running", "stage=five", "light=blue", "firm=" + "x" * 201, "q=%00", "q=a%01"))
def test_a_filter_refuses_what_it_cannot_mean(world: World, query: str) -> None:
    problem = refused(world.client("lin").send("GET", f"/trials?{query}"), query)
    assert problem["errors"][0]["field"] == query.partition("=")[0]


# Objects


IDS = [(endpoint, name) for endpoint in ACTING for name, schema in properties(schema_of(endpoint))
       if name.endswith("_id") and endpoint.name != "adopt_trial"]


@pytest.mark.parametrize(("endpoint", "name"), IDS, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize("object_id", (MISSING["accounts"], MISSING["scenarios"], "1", "ES-0001", "x' OR '1'='1"))
def test_an_id_that_nothing_has_is_named(world: World, endpoint: Endpoint, name: str, object_id: str) -> None:
    body = {**sample_body(endpoint, world), name: object_id}
    problem = refused(who(world, endpoint).send(endpoint.method, address(world, endpoint), body), endpoint.name)
    assert [error["field"] for error in problem["errors"]] == [name]


def test_a_draft_of_a_scenario_cannot_be_applied_to_by_guessing_its_id(world: World) -> None:
    there = world.client("fang").send("POST", "/trials", {"title": "x", "scenario_id": world.hers["scenarios"]})
    missing = world.client("fang").send("POST", "/trials", {"title": "x", "scenario_id": MISSING["scenarios"]})
    assert there.get_data() == missing.get_data()


def test_a_refused_batch_keeps_nothing_of_it(world: World) -> None:
    good, before = sample_body(next(e for e in ACTING if e.name == "import_feedback"), world), world.kept()
    bad = {**good["reports"][0], "exposures": -1, "source_key": "line 9"}
    path = f"/trials/{world.hers['running']}/imports"
    for reports, field in (([*good["reports"], bad], "reports.1.exposures"), (good["reports"] * 2, "reports")):
        problem = refused(world.client("lin").send("POST", path, {**good, "reports": reports}), field)
        assert problem["errors"][0]["field"] == field
    assert world.kept() == before


def test_one_pilot_or_several_are_named_as_they_were_sent(world: World) -> None:
    one = sample_body(next(e for e in ACTING if e.name == "adopt_trial"), world)
    bad = {**one, "days": 0}
    alone = refused(world.client("lin").send("POST", "/trials/adopt", bad), "alone")
    among = refused(world.client("lin").send("POST", "/trials/adopt", {"trials": [one, bad]}), "among")
    assert [error["field"] for error in alone["errors"]] == ["days"]
    assert [error["field"] for error in among["errors"]] == ["trials.1.days"]


# Languages


@pytest.mark.parametrize("body", (b"{", b'{"exposures": -1, "nil": 5, "period_start": "2026-03-03T00:00:00"}',
                                  b'{"a": 1, "a": 2}', b'{"events": {"x y": 1}}'))
def test_messages_are_in_the_readers_language(world: World, body: bytes) -> None:
    path, said = f"/trials/{world.hers['running']}/feedback", {}
    for language in ("zh-CN", "zh-TW", "en", "zh-Hant-HK, en;q=0.5", "fr, en;q=0.1", "*"):
        problem = refused(world.client("fang", language).send("POST", path, body), language)
        said[language] = [problem["title"], *(error["message"] for error in problem["errors"])]
    assert all(ord(max(text)) > 0x3000 for text in said["zh-CN"] + said["zh-TW"])
    assert all(text.isascii() or "’" in text for text in said["en"])
    assert said["zh-CN"] != said["zh-TW"] and said["zh-TW"] == said["zh-Hant-HK, en;q=0.5"]
    assert said["fr, en;q=0.1"] == said["en"] and said["*"] == said["zh-CN"]


def test_the_document_names_every_endpoint_thrown_at_here() -> None:
    acts = {operation["x-act"] for operations in the_document()["paths"].values() for operation in operations.values()
            if "x-act" in operation}
    assert acts == {endpoint.act for endpoint in ACTING} | {"attach_file"}  # its bad files: tests/web/test_files.py

"""The document says everything that the API does, and nothing else."""

import json
from typing import Any

import pytest
from api_answers import fits, the_document
from api_samples import filled, noun
from api_world import World, city  # noqa: F401 the fixture `world`
from openapi_spec_validator import OpenAPIV31SpecValidator

from sandbox.acts.act import ACTS
from sandbox.web.api import ENDPOINTS, PREFIX
from sandbox.web.api.endpoint import Endpoint

OPERATIONS = [(path, method, operation) for path, operations in the_document()["paths"].items()
              for method, operation in operations.items()]
NOT_BY_API = {"accept_invitation", "make_first_administrator", "save_draft", "draft_opinion", "import_register",
              "run_due", "note_clock", "note_step", "enter_key", "forget_states"}
"""Acts of the front door and of the clock; a draft is what someone has typed into a page."""


def named(endpoint: Endpoint) -> str:
    return endpoint.name


def test_the_document_is_valid_openapi() -> None:
    assert not list(OpenAPIV31SpecValidator(the_document()).iter_errors())


def test_every_route_is_documented_and_every_documented_operation_is_a_route(world: World) -> None:
    routes = {(rule.rule.removeprefix(PREFIX).replace("<", "{").replace(">", "}"), method.lower())
              for rule in world.app.url_map.iter_rules() if rule.rule.startswith(PREFIX)
              for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert routes == {(path, method) for path, method, _ in OPERATIONS}


def test_the_document_is_served_to_anyone_as_it_was_checked_here(world: World) -> None:
    assert world.client(None).get("/openapi.json") == the_document()


def test_every_operation_has_its_own_name() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_every_act_that_a_person_does_has_an_operation_of_its_name() -> None:
    streamed = {endpoint.stream.act for endpoint in ENDPOINTS if endpoint.stream}
    assert streamed | {endpoint.act for endpoint in ENDPOINTS if endpoint.act} == ACTS.keys() - NOT_BY_API


def test_every_variable_of_a_path_is_a_parameter() -> None:
    for path, _, operation in OPERATIONS:
        said = {one["name"] for one in operation.get("parameters", ()) if one.get("in") == "path"}
        assert said == {part[1:-1] for part in path.split("/") if part.startswith("{")}, path


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.read], ids=named)
def test_a_read_takes_its_documented_parameters_and_no_other(world: World, endpoint: Endpoint) -> None:
    client, path = world.client("lin"), address(world, endpoint)
    said = {one["name"]: one["schema"] for one in operation_of(endpoint)["parameters"] if one.get("in") == "query"}
    for name, schema in said.items():
        value = sample(name, schema)
        assert client.send("GET", f"{path}?{name}={value}").status_code == 200, name
    refused = client.send("GET", f"{path}?stat=open")
    assert refused.status_code == 400
    assert [error["field"] for error in refused.get_json()["errors"]] == ["stat"]


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.example is not None], ids=named)
def test_an_example_is_valid(endpoint: Endpoint) -> None:
    media = operation_of(endpoint)["requestBody"]["content"]["application/json"]
    assert not fits(json.loads(json.dumps(media["example"])), media["schema"])


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.act], ids=named)
def test_an_operation_says_who_may_and_what_can_stand_in_the_way(endpoint: Endpoint) -> None:
    operation = operation_of(endpoint)
    assert operation["x-act"] == endpoint.act
    assert operation["x-roles"]
    assert {"400", "401", "403", "404", "409", "413", "415", "422", "503"} <= operation["responses"].keys()
    assert ("412" in operation["responses"]) is endpoint.versioned


def operation_of(endpoint: Endpoint) -> dict[str, Any]:
    return next(operation for _, _, operation in OPERATIONS if operation["operationId"] == endpoint.name)


def address(world: World, endpoint: Endpoint) -> str:
    return filled(endpoint, world.hers.get(noun(endpoint), ""))


def sample(name: str, schema: dict[str, Any]) -> str:
    """A value that the parameter takes."""
    if "$ref" in schema:
        schema = the_document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "integer":
        return "7"
    known = {"cursor": "", "limit": "7", "late": "1", "differs": "1", "as_of": "2026-03-02T01:30:00Z",
             "day": "2026-03-02"}
    return known.get(name) or str(schema.get("enum", ["x"])[0]) * (name != "cursor")

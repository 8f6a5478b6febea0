"""Every route of the API, asked by everyone, about what is theirs, what is another's and what does not exist.

Generated from the URL map. What is not yours and what is not there are one answer: status, headers and body."""

from collections.abc import Iterator
from typing import Any

import pytest
from api_samples import BODIES, filled, noun, sample_body
from api_world import MISSING, World, city  # noqa: F401 the fixture `world`
from visitor import Visitor, give_password
from werkzeug.test import TestResponse

from sandbox.web.api import ENDPOINTS, PREFIX
from sandbox.web.api.endpoint import Endpoint

NOBODY = (None, "expired", "disabled")
PEOPLE = ("fang", "gao", "lin", "rui", "shen", "mei", "di", "ada", "reads")
OF_TRIALS = ("trials", "feedback", "receipts", "batches", "corrections", "incidents", "reviews", "clocks",
             "corrective-items", "recusals", "files", "citations", "held", "no-use", "retractions", "changes",
             "withdrawals")
BOTH, HERS, THEIRS, NEITHER = ("hers", "theirs"), ("hers",), ("theirs",), ()
SEES: dict[str, dict[str, tuple[str, ...]]] = {
    **{noun: {"fang": HERS, "reads": HERS, "gao": THEIRS, "lin": BOTH, "rui": HERS, "di": BOTH} for noun in OF_TRIALS},
    "panel": {"fang": HERS, "reads": HERS, "gao": THEIRS, "lin": BOTH, "rui": HERS, "di": BOTH},
    "scenarios": {"lin": BOTH, "di": HERS}, "allegations": {"lin": BOTH},
    "alarms": {"lin": BOTH}, "duties": {"lin": HERS}, "annual-reports": {"lin": HERS},
    "decisions": {"lin": HERS}, "holds": {"lin": HERS},
    "accounts": {"ada": BOTH},
    "organisations": {"ada": BOTH, "lin": BOTH, "fang": HERS, "reads": HERS, "gao": THEIRS},
    "deliveries": {"ada": BOTH, "lin": BOTH, "fang": HERS, "reads": HERS, "gao": THEIRS},
    **{noun: dict.fromkeys(PEOPLE, HERS) for noun in ("registers", "entries", "aliases", "guidance")},
    "tokens": {"ada": BOTH, "fang": HERS, "reads": HERS, "gao": THEIRS},
}
"""Who sees what of the world: Rui is seated on Fang's panel, Shen was recused, Mei never asked; the department leads
the scenario of both trials and wrote one of the drafts; everyone else sees nothing."""
OWN_SEAT_ALONE = ("answer_assignment",)


def routes(world: World) -> Iterator[Endpoint]:
    """The endpoints behind the URL map but for files; a route without a row is a bug that `test_openapi` names."""
    rows = {f"api.{endpoint.name}": endpoint for endpoint in ENDPOINTS}
    for rule in world.app.url_map.iter_rules():
        if rule.endpoint in rows and not (rows[rule.endpoint].upload or rows[rule.endpoint].form):
            yield rows[rule.endpoint]


def address(endpoint: Endpoint, object_id: str) -> str:
    path = filled(endpoint, object_id)
    return f"{path}?dry_run=1" if endpoint.act else path


def ask(world: World, endpoint: Endpoint, who: str | None, object_id: str, body: Any = None) -> TestResponse:
    sent = (sample_body(endpoint, world) if body is None else body) if endpoint.act else None
    return world.client(who).send(endpoint.method, address(endpoint, object_id), sent)


def bytes_of(response: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    return response.status_code, sorted(response.headers.items()), response.get_data()


def test_files_are_taken_from_regulators_alone_and_a_mapping_that_is_not_there_is_not_found(world: World) -> None:
    path, files = "/imports/nothing?dry_run=1", b"--x--"
    kind = "multipart/form-data; boundary=x"
    assert [world.client(who).send("POST", path, files, kind).status_code for who in ("fang", "ada", "reads", None)] \
        == [403, 403, 403, 401]
    assert world.client("lin").send("POST", path, files, kind).status_code == 400
    assert world.client("lin").send("POST", path, files, "text/csv").status_code == 415
    blank = world.client("lin").send("POST", "/imports/nothing?dry_run=", files, kind)
    assert blank.get_json()["code"] == "bad_parameter"


def objects(world: World, endpoint: Endpoint) -> dict[str, str]:
    found = {whose: getattr(world, whose).get(noun(endpoint)) for whose in BOTH}
    return {whose: object_id for whose, object_id in found.items() if object_id}


@pytest.mark.parametrize("who", NOBODY)
def test_nobody_known_is_told_nothing_but_that(world: World, who: str | None) -> None:
    for endpoint in routes(world):
        ids = [*objects(world, endpoint).values(), MISSING.get(noun(endpoint), "x")]
        answers = {repr(bytes_of(ask(world, endpoint, who, object_id))) for object_id in ids}
        assert len(answers) == 1, endpoint.name
        assert ask(world, endpoint, who, ids[0]).status_code == 401, endpoint.name


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("body", (None, {"nonsense": 1}, b"{"), ids=("valid", "invalid", "unreadable"))
def test_what_is_not_yours_is_not_there(world: World, who: str, body: Any) -> None:
    for endpoint in routes(world):
        if not endpoint.variables or (body is not None and not endpoint.act):
            continue
        missing = bytes_of(ask(world, endpoint, who, MISSING[noun(endpoint)], body))
        assert missing[0] == 404, (endpoint.name, missing)
        for whose, object_id in objects(world, endpoint).items():
            if whose not in SEES[noun(endpoint)].get(who, ()):
                assert bytes_of(ask(world, endpoint, who, object_id, body)) == missing, (endpoint.name, whose)


@pytest.mark.parametrize("who", PEOPLE)
def test_what_is_yours_is_there_and_nothing_breaks(world: World, who: str) -> None:
    for endpoint in routes(world):
        if not endpoint.variables:
            assert ask(world, endpoint, who, "").status_code < 500, endpoint.name
            continue
        for whose, object_id in objects(world, endpoint).items():
            response = ask(world, endpoint, who, object_id)
            assert response.status_code < 500, endpoint.name
            if whose in SEES[noun(endpoint)].get(who, ()) and endpoint.name not in OWN_SEAT_ALONE:
                assert response.status_code != 404, (endpoint.name, whose)
                assert endpoint.act or response.status_code == 200, endpoint.name


def test_a_token_that_only_reads_changes_nothing(world: World) -> None:
    before = world.kept()
    for endpoint in routes(world):
        if endpoint.act:
            path = address(endpoint, world.hers.get(noun(endpoint), "")).partition("?")[0]
            response = world.client("reads").send(endpoint.method, path, sample_body(endpoint, world))
            assert response.status_code in (403, 404), endpoint.name
    assert world.kept() == before


def test_a_token_without_reading_reads_nothing(world: World) -> None:
    client = world.client("files")
    for endpoint in routes(world):
        if endpoint.read:
            path = address(endpoint, world.hers.get(noun(endpoint), ""))
            assert client.send("GET", path).status_code == 403, endpoint.name


def test_every_act_has_a_body_to_be_tried_with() -> None:
    assert {endpoint.name for endpoint in ENDPOINTS if endpoint.bodies} == BODIES.keys()


@pytest.mark.parametrize("odd", ("a%00b", "%F0%9F%92%A9", "x" * 300, "%ED%A0%80", "-' OR 1=1", "..%2F..", "ES-0001 "))
def test_an_odd_id_is_not_there(world: World, odd: str) -> None:
    for endpoint in routes(world):
        if endpoint.variables:
            assert ask(world, endpoint, "lin", odd).status_code == 404, endpoint.name


def test_an_address_that_does_not_exist_is_a_problem_document(world: World) -> None:
    response = world.client("lin").send("GET", "/nothing")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_a_method_that_is_not_taken_names_those_that_are(world: World) -> None:
    response = world.client("lin").send("DELETE", "/trials")
    assert (response.status_code, response.mimetype) == (405, "application/problem+json")
    assert "POST" in response.headers["Allow"]


def test_a_signed_in_browser_reads_but_does_nothing_by_api(world: World) -> None:
    browser = Visitor(world.app)
    browser.sign_in(give_password(world.program, world.cast.gao))
    assert browser.get(f"{PREFIX}/me").get_json()["name"] == "Gao"
    path = f"{PREFIX}/trials/{world.theirs['running']}/moves/suspend"
    assert browser.client.post(path, json={}).status_code == 401

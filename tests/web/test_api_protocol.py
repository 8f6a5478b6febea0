"""The manners of the API: keys, dry runs, pages, filters, proofs, times; the same for every endpoint."""

import re
from datetime import timedelta
from typing import Any

import pytest
from api_samples import ACTING, address, sample_body, who
from api_world import World, city  # noqa: F401 the fixture `world`
from cast import START

from sandbox.rules import facts as f
from sandbox.rules.basis import SECTIONS_OF
from sandbox.rules.needs import NEEDS
from sandbox.store.log import root_from_proof
from sandbox.store.sections import SECTIONS
from sandbox.web.api import ENDPOINTS
from sandbox.web.api.endpoint import Endpoint

DAY = timedelta(days=1)
MAY_BE_REFUSED = {"clear_yellow": "not_yellow", "decide_late_red": "no_late_red", "cast_vote": "not_in_this_state"}
"""Acts whose plain body is right and whose time has not come in this world."""


def named(endpoint: Endpoint) -> str:
    return endpoint.name


@pytest.mark.parametrize("endpoint", ACTING, ids=named)
def test_a_dry_run_says_what_would_happen_and_keeps_nothing(world: World, endpoint: Endpoint) -> None:
    before, path = world.kept(), f"{address(world, endpoint)}?dry_run=1"
    response = who(world, endpoint).send(endpoint.method, path, sample_body(endpoint, world), Idempotency_Key="dry")
    answer = response.get_json()
    if endpoint.name in MAY_BE_REFUSED:
        assert (response.status_code, answer["code"]) == (409, MAY_BE_REFUSED[endpoint.name])
    else:
        assert (response.status_code, answer["receipt"]) == (200, None), answer
    assert world.kept() == before


STOPS = ("make_move", "confirm_filing")
STOPPING_LAST = sorted((e for e in ACTING if e.name not in MAY_BE_REFUSED),
                       key=lambda e: STOPS.index(e.name) if e.name in STOPS else -1)


@pytest.mark.parametrize("endpoint", STOPPING_LAST, ids=named)
def test_a_repeated_key_gets_the_stored_answer_and_does_nothing(world: World, endpoint: Endpoint) -> None:
    client, path, body = who(world, endpoint), address(world, endpoint), sample_body(endpoint, world)
    first = client.send(endpoint.method, path, body, Idempotency_Key=f"once {endpoint.name}")
    assert first.status_code in (200, 201, 202), first.get_data(as_text=True)
    after = world.kept()
    again = client.send(endpoint.method, path, body, Idempotency_Key=f"once {endpoint.name}")
    assert (again.status_code, again.headers.get("ETag")) == (first.status_code, first.headers.get("ETag"))
    assert again.get_json() == {**first.get_json(), **({"secret": None} if "secret" in first.get_json() else {})}
    assert world.kept() == after


def test_the_same_key_of_another_person_is_another_key(world: World) -> None:
    made = [world.client(name).post("/tokens", {"name": "one", "scopes": ["read"]}, 201, Idempotency_Key="shared")["id"]
            for name in ("fang", "gao")]
    assert len(set(made)) == 2


def test_a_body_written_otherwise_is_the_same_body(world: World) -> None:
    fang, path = world.client("fang"), "/tokens"
    first = fang.send("POST", path, b'{"name": "a b", "scopes": ["read"], "days": 90}', Idempotency_Key="spaces")
    again = fang.send("POST", path, b'{ "scopes":["read"],\n"name":"\\u0061 b" }', Idempotency_Key="spaces")
    assert first.get_json()["id"] == again.get_json()["id"]


# Pages and filters


def walked(client: Any, path: str) -> list[Any]:
    """All items of a list, one page of one item after the other."""
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"{path}{'&' if '?' in path else '?'}limit=1&cursor={cursor}")
        assert len(page["items"]) <= 1
        found += page["items"]
        cursor = page["next"]
    return found


@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if e.read and "cursor" in e.query.model_fields], ids=named)
def test_the_pages_of_a_list_are_the_list(world: World, endpoint: Endpoint) -> None:
    client, path = world.client("lin"), address(world, endpoint)
    whole = client.get(f"{path}?limit=200")
    assert walked(client, path) == whole["items"] and whole["next"] is None


def test_filters_narrow_and_never_widen(world: World) -> None:
    fang, lin = world.client("fang"), world.client("lin")
    everything = {one["id"] for one in fang.get("/trials")["items"]}
    theirs, hers = world.theirs["running"], world.hers["running"]
    assert theirs not in everything and hers in everything
    for query in (f"firm={world.theirs['organisations']}", f"q={theirs}", f"scenario={world.hers['scenarios']}"):
        assert fang.get(f"/trials?{query}")["items"] == []
    running = lin.get(f"/trials?firm={world.theirs['organisations']}&state=trial")["items"]
    assert [one["id"] for one in running] == [theirs]
    assert {one["state"] for one in lin.get("/trials?stage=encourage")["items"]} == {"draft"}
    assert {one["light"] for one in lin.get("/trials?light=grey&q=pilot")["items"]} <= {"grey"}


def test_a_blank_filter_does_not_narrow(world: World) -> None:
    lin = world.client("lin")
    assert lin.get("/trials?state=&q=&cursor=") == lin.get("/trials")


# Evidence and shapes


def test_every_log_entry_of_a_trial_is_proved_against_the_head(world: World) -> None:
    found = world.client("fang").get(f"/trials/{world.hers['running']}/log?limit=200")
    assert len(found["items"]) > 5
    for entry in found["items"]:
        root = root_from_proof(entry["seq"], found["head"]["size"], entry["leaf"].encode(), entry["proof"])
        assert root.hex() == found["head"]["root"]


def test_a_filing_is_found_in_the_log_by_its_receipt(world: World) -> None:
    trial = world.theirs["running"]
    filed = world.client("gao").post(f"/trials/{trial}/incidents", {
        "severity": "S4", "occurred_at": START.isoformat()}, 201)
    entries = world.client("gao").get(f"/trials/{trial}/log")["items"]
    assert filed["receipt"]["leaf"] in [entry["hash"] for entry in entries]
    events = world.client("gao").get(f"/trials/{trial}/timeline")["items"]
    assert "file_incident" in [event["name"] for event in events if event["seq"] == filed["receipt"]["seq"]]


def test_times_are_in_utc_and_no_answer_carries_what_is_secret(world: World) -> None:
    for endpoint in (e for e in ENDPOINTS if e.read):
        text = world.client("lin").send("GET", address(world, endpoint)).get_data(as_text=True)
        assert not re.search(r"T\d\d:\d\d:\d\d(\.\d+)?([+-](?!00:00)|\")", text), endpoint.name
        assert not re.search(r'"(password|auth|fs_uniquifier|digest|secret)"', text), endpoint.name


def test_an_answer_loads_nothing_and_is_not_kept(world: World) -> None:
    for path in ("/trials", "/trials/ES-9999", "/nothing"):
        headers = world.client("fang").send("GET", path).headers
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"


# What asks for a section


class Watched(dict[str, Any]):
    """Sections that remember what was asked of them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, kind: str, default: Any = None) -> Any:
        self.asked.add(kind)
        return default


@pytest.mark.parametrize("need", SECTIONS_OF)
def test_a_need_looks_at_the_sections_that_are_said_to_meet_it(need: str) -> None:
    assert set(SECTIONS_OF[need]) <= SECTIONS.keys()
    watched = Watched()
    stop = f.Suspension("su_1", "regulator", "trial", START)
    trial = f.TrialFacts("ES-0001", "suspended", START, tier="R3", listed=False)
    groups = {"sections": watched, "suspension": stop, "votes": (), "panel": (), "reviews": (), "proof": f.Proof(),
              "decision": None, "reminders": f.Reminders(), "terms": None}
    NEEDS[need].holds(f.Facts(START, trial, groups))
    from_columns = need in ("tier_set", "listed")
    assert from_columns or watched.asked & set(SECTIONS_OF[need])


def test_every_need_that_a_section_meets_is_said_to_ask_for_it() -> None:
    met = {name for name, need in NEEDS.items() if need.meet in SECTIONS}
    assert met <= SECTIONS_OF.keys()
    assert all(NEEDS[name].meet in SECTIONS_OF[name] for name in met)

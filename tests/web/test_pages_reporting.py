"""Pages of truth over time: what waits to be checked, what is taken back, what is planned; in each language."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from api_world import World, city  # noqa: F401 the fixture `world`
from cast import START
from desk import Desk
from visitor import give_password, text_of

from sandbox.reads import board
from sandbox.words import LOCALES

DAY = timedelta(days=1)
SITES = iter(f"Site {n}" for n in range(100))


@pytest.fixture(scope="module")
def desks(world: World) -> Iterator[dict[str, Desk]]:
    """Browsers of Lin, of Fang, of Rui, who sits on Fang's panel, and of Di, whose department leads the scenario."""
    found = {}
    for name in ("lin", "fang", "rui", "di"):
        found[name] = Desk(world.app)
        assert found[name].sign_in(give_password(world.program, getattr(world.cast, name))).status_code == 302
    yield found


@pytest.fixture
def filed(world: World) -> str:
    """A report of a site of its own."""
    return str(world.acts.do("file_feedback", world.cast.fang, {
        "period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 10.0,
        "site": next(SITES)}, on=world.hers["running"]).id)


def waiting(world: World, who: str, kind: str) -> list[board.Task]:
    actor: Any = getattr(world.cast, who)
    with world.program.reading() as connection:
        return [one for one in board.own_tasks(connection, actor, world.program.clock()) if one.kind == kind]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_is_sound_in_every_language(world: World, desks: dict[str, Desk], filed: str, locale: str):
    for path in (f"/feedback/{filed}", f"/retractions/{world.hers['retractions']}",
                 f"/feedback/{world.hers['feedback']}", "/"):
        for who in desks:
            assert desks[who].get(f"{path}?lang={locale}").status_code == 200, path
    for path in (f"/feedback/{filed}/retract", f"/incidents/{world.hers['incidents']}/retract"):
        assert desks["fang"].get(f"{path}?lang={locale}").status_code == 200
        assert desks["lin"].get(f"{path}?lang={locale}").status_code == 403


def test_a_held_filing_waits_for_the_firm_and_for_an_officer_until_it_counts(world: World, desks: dict[str, Desk]):
    held, theirs = world.hers["held"], world.theirs["held"]
    assert {one.object_id for one in waiting(world, "fang", "held")} == {held}
    assert {one.object_id for one in waiting(world, "lin", "held")} == {held, theirs}
    assert waiting(world, "rui", "held") == []
    assert waiting(world, "fang", "held")[0].due_at == START + 9 * DAY
    for who in ("fang", "lin"):
        page = desks[who].get("/?lang=en").text
        assert f"/held/{held}" in page and "Check a held filing" in text_of(page)
        assert held in [one["object_id"] for one in world.client(who).get("/me")["tasks"] if one["kind"] == "held"]
    world.acts.do("withdraw_filing", world.cast.gao, {}, on=theirs)
    assert {one.object_id for one in waiting(world, "lin", "held")} == {held}


def test_a_retraction_waits_for_those_of_the_panel_and_is_decided_there(world: World, desks: dict[str, Desk],
                                                                       filed: str):
    sent = desks["fang"].send(f"/feedback/{filed}/retract?lang=en", {"why": "spurious", "reason": "A test run"})
    there = sent.location
    assert there.startswith("/retractions/") and there in desks["fang"].get(f"/feedback/{filed}").text
    assert f"/feedback/{filed}/retract" not in desks["fang"].get(f"/feedback/{filed}").text
    tasks = waiting(world, "rui", "retraction")
    assert there.rsplit("/")[-1] in {one.object_id for one in tasks}
    assert world.theirs["retractions"] not in {one.object_id for one in tasks}
    assert waiting(world, "lin", "retraction") == waiting(world, "fang", "retraction") == []
    assert "Decide on a retraction: It did not happen" in text_of(desks["rui"].get("/?lang=en").text)
    for who in ("fang", "lin"):
        assert 'name="accept"' not in desks[who].get(there).text
    assert desks["rui"].send(there, {"accept": "1"}).status_code == 422
    assert desks["rui"].send(there, {"accept": "1", "reason": "Seen in the log"}).status_code == 303
    assert "counts nowhere" in text_of(desks["fang"].get(f"/feedback/{filed}?lang=en").text)
    assert "Seen in the log" in desks["fang"].get(there).text
    assert f"/feedback/{filed}/retract" not in desks["fang"].get(f"/feedback/{filed}").text
    assert there.rsplit("/")[-1] not in {one.object_id for one in waiting(world, "rui", "retraction")}


def test_a_reviewer_is_named_to_those_who_know_the_panel_alone(world: World, desks: dict[str, Desk], filed: str):
    asked = world.acts.do("retract_feedback", world.cast.fang, {"why": "spurious", "reason": "A test"}, on=filed).id
    world.acts.do("decide_retraction", world.cast.rui, {"accept": False, "reason": "It was real"}, on=asked)
    for who, name in (("lin", "Rui"), ("fang", "Rui"), ("di", "Reviewer")):
        page = text_of(desks[who].get(f"/retractions/{asked}?lang=en").text)
        assert f"Decided by {name} " in page and "It was real" in page, who


def test_an_incident_is_taken_back_by_form_and_shows_it(world: World, desks: dict[str, Desk]):
    trial = world.hers["running"]
    one = world.acts.do("file_incident", world.cast.fang, {"severity": "S4", "occurred_at": START.isoformat()},
                        on=trial).id
    assert world.client("lin").get(f"/incidents/{one}")["retracted"] is False
    there = desks["fang"].send(f"/incidents/{one}/retract", {"why": "spurious", "reason": "Another device"}).location
    assert desks["rui"].send(there, {"accept": "1", "reason": "Seen"}).status_code == 303
    assert world.client("lin").get(f"/incidents/{one}")["retracted"] is True
    assert "taken back" in text_of(desks["lin"].get(f"/incidents/{one}?lang=en").text)


def test_a_duplicate_names_the_other_beside_its_field(desks: dict[str, Desk], filed: str):
    answer = desks["fang"].send(f"/feedback/{filed}/retract?lang=en", {"why": "duplicate", "reason": "Twice"})
    assert answer.status_code == 422 and 'id="f-duplicate_of-e"' in answer.text


def test_another_firm_s_retraction_has_no_page(world: World, desks: dict[str, Desk]):
    for path in (f"/retractions/{world.theirs['retractions']}", f"/feedback/{world.theirs['feedback']}/retract",
                 f"/incidents/{world.theirs['incidents']}/retract"):
        assert desks["fang"].get(path).status_code == 404, path

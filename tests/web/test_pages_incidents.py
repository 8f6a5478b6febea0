"""Pages of what follows from an incident: clocks, final report, corrective items, allegations; in each language."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from api_world import MISSING, World, city  # noqa: F401 the fixture `world`
from cast import START
from desk import Desk
from visitor import give_password, text_of

from sandbox.store.clocks import CLOCKS
from sandbox.words import LOCALES

DAY = timedelta(days=1)
SAID = {"source": "press", "kind": "event", "severity": "S3", "occurred_at": START.isoformat(),
        "text": "A nurse says that the firm hides its failures."}


@pytest.fixture(scope="module")
def desks(world: World) -> Iterator[dict[str, Desk]]:
    """The browsers of Lin and Zhou, of Fang and of Rui, who sits on Fang's panel."""
    found = {}
    for name in ("lin", "zhou", "fang", "rui"):
        found[name] = Desk(world.app)
        assert found[name].sign_in(give_password(world.program, getattr(world.cast, name))).status_code == 302
    yield found


@pytest.fixture(scope="module")
def incident(world: World) -> str:
    """A leak in a cyber event, filed by Fang."""
    return str(world.acts.do("file_incident", world.cast.fang, {
        "severity": "S2", "harms": ["leak"], "cyber_level": "level_2", "people_affected": 120,
        "occurred_at": START.isoformat(), "description": "A list was open"}, on=world.hers["running"]).id)


def clock(world: World, incident: str, key: str) -> str:
    with world.program.reading() as connection:
        return str(connection.execute(sa.select(CLOCKS.c.id).where(
            CLOCKS.c.object_id == incident, CLOCKS.c.key == key)).scalar_one())


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("who", ["lin", "fang", "rui"])
def test_every_page_about_an_incident_is_sound_in_every_language(world: World, desks: dict[str, Desk], incident: str,
                                                                who: str, locale: str):
    trial, item = world.hers["running"], world.hers["corrective-items"]
    paths = [f"/incidents/{incident}", "/clocks", "/clocks?running=1", f"/clocks?trial={trial}",
             f"/clocks/{clock(world, incident, 'C10')}", "/corrective-items", "/corrective-items?item_state=open",
             f"/corrective-items/{item}", f"/trials/{trial}/files", f"/files/{world.hers['files']}", "/incidents",
             f"/trials/{trial}/incidents"]
    if who == "lin":
        paths += ["/allegations", f"/allegations/{world.hers['allegations']}", f"/trials/{trial}/allegations/new",
                  f"/allegations/{world.hers['allegations']}/confirm", "/allegations?state=waiting"]
    if who != "rui":
        paths += [f"/incidents/{incident}/amend", f"/incidents/{incident}/final-report",
                  f"/clocks/{clock(world, incident, 'C10')}/report", f"/trials/{trial}/incidents/new"]
    for path in (*paths, f"/trials/{trial}/corrective-items/new", f"/trials/{trial}/files/new"):
        assert desks[who].get(f"{path}{'&' if '?' in path else '?'}lang={locale}").status_code == 200, path


@pytest.mark.parametrize("name", ["clocks", "corrective-items", "allegations"])
@pytest.mark.parametrize("kind", ["csv", "xlsx", "json"])
def test_each_list_is_exported_as_it_is_filtered(desks: dict[str, Desk], name: str, kind: str):
    found = desks["lin"].client.get(f"/{name}?export={kind}")
    assert found.status_code == 200 and "attachment" in found.headers["Content-Disposition"]


def test_a_clock_says_where_its_number_comes_from_and_what_that_rests_on(world: World, desks: dict[str, Desk],
                                                                       incident: str):
    page = text_of(desks["fang"].get(f"/clocks/{clock(world, incident, 'C10')}?lang=en").text)
    law = "Measures for Reporting National Cybersecurity Incidents (China, 2025), Article 4"
    assert f"{law} · read in the legal text" in page
    own = text_of(desks["fang"].get(f"/clocks/{clock(world, incident, 'C18')}?lang=en").text)
    assert "our own default, not law" in own


def test_a_first_report_and_the_final_one_are_filed_by_form(world: World, desks: dict[str, Desk], incident: str):
    fang, one = desks["fang"], clock(world, incident, "C10")
    assert fang.send(f"/clocks/{one}/report?lang=en", {"reference": "CAC 7"}).location == f"/clocks/{one}"
    assert "First report made" in text_of(fang.get(f"/clocks/{one}").text)
    blank = fang.send(f"/incidents/{incident}/final-report", {"root_cause": "An open port"})
    assert blank.status_code == 422 and 'id="f-redress-e"' in blank.text
    report = {"root_cause": "An open port", "harm": "None known", "redress": "All were told", "measures": "Closed"}
    assert fang.send(f"/incidents/{incident}/final-report", report).status_code == 303
    page = text_of(fang.get(f"/incidents/{incident}").text)
    assert "An open port" in page and "Time limit met: Report a cyber event" in page


def test_only_an_officer_pauses_a_clock_and_says_on_what_ground(world: World, desks: dict[str, Desk], incident: str):
    one = clock(world, incident, "C16.at_once")
    assert desks["fang"].get(f"/clocks/{one}/pause").status_code == 403
    assert desks["lin"].send(f"/clocks/{one}/pause", {}).status_code == 422
    assert desks["lin"].send(f"/clocks/{one}/pause", {"ground": "The police asked"}).status_code == 303
    assert "The police asked" in desks["fang"].get(f"/clocks/{one}").text
    assert desks["lin"].send(f"/clocks/{one}/resume").status_code == 303


def test_a_corrective_item_is_added_done_and_verified_by_another(world: World, desks: dict[str, Desk], incident: str):
    trial = world.hers["running"]
    given = {"what": "Close the port", "owner": "Operations", "due_on": "2026-04-01", "incident_id": incident}
    made = desks["fang"].send(f"/trials/{trial}/corrective-items/new?incident_id={incident}&lang=en", given).location
    assert "Close the port" in desks["fang"].get(f"/incidents/{incident}").text
    assert desks["fang"].send(f"{made}/finish", {"done": "Closed and tested"}).status_code == 303
    assert f"{made}/verify" not in desks["fang"].get(made).text
    assert desks["fang"].get(f"{made}/verify").status_code == 403
    assert f"{made}/verify" in desks["rui"].get(made).text
    assert desks["rui"].send(f"{made}/verify", {"accept": "1", "verdict": "Scanned"}).status_code == 303
    assert "Verified" in text_of(desks["fang"].get(made).text)


def test_an_officer_moves_a_date_and_says_why(world: World, desks: dict[str, Desk]):
    one = f"/corrective-items/{world.hers['corrective-items']}"
    assert desks["lin"].send(f"{one}/change", {"owner": "Fitters", "due_on": "2026-05-01"}).status_code == 422
    sent = desks["lin"].send(f"{one}/change", {"owner": "Fitters", "due_on": "2026-05-01", "reason": "Dry weather"})
    assert sent.status_code == 303
    assert "Dry weather" in desks["fang"].get(one).text


def test_an_allegation_becomes_an_incident_in_other_words(world: World, desks: dict[str, Desk]):
    trial = world.hers["running"]
    entered = desks["lin"].send(f"/trials/{trial}/allegations/new?lang=en", {
        "source": "press", "kind": "event", "severity": "S3", "occurred_at": "2026-03-02T09:00",
        "text": "A nurse says that the firm hides its failures."}).location
    assert "counts towards yellow only" in text_of(desks["lin"].get(entered).text).lower()
    made = desks["zhou"].send(f"{entered}/confirm", {"kind": "incident", "severity": "S3",
                                                     "description": "A failure was found."}).location
    page = desks["fang"].get(made).text
    assert "A failure was found." in page and "nurse" not in page and entered not in page
    assert "nurse" not in desks["fang"].get(f"/trials/{trial}/log").text


def test_a_dismissal_has_a_reason(world: World, desks: dict[str, Desk]):
    said = world.acts.do("enter_allegation", world.cast.lin, SAID, on=world.hers["running"]).id
    assert desks["lin"].send(f"/allegations/{said}/dismiss", {}).status_code == 422
    sent = desks["lin"].send(f"/allegations/{said}/dismiss", {"reason": "Another firm's vehicle"})
    assert sent.status_code == 303 and "Another firm&#39;s vehicle" in desks["lin"].get(f"/allegations/{said}").text


@pytest.mark.parametrize("end", ["", "/confirm", "/dismiss"])
def test_no_one_but_regulators_learns_whether_an_allegation_exists(world: World, desks: dict[str, Desk], end: str):
    for who in ("fang", "rui"):
        desks[who].get("/")  # whatever the last page left to say is said
        there, missing = (desks[who].get(f"/allegations/{one}{end}")
                          for one in (world.hers["allegations"], MISSING["allegations"]))
        assert (there.status_code, text_of(there.text)) == (403, text_of(missing.text))
        assert desks[who].get("/allegations").status_code == 403


def test_another_firm_s_records_have_no_page(world: World, desks: dict[str, Desk]):
    paths = [f"/clocks/{world.theirs['clocks']}", f"/corrective-items/{world.theirs['corrective-items']}",
             f"/incidents/{world.theirs['incidents']}", f"/trials/{world.theirs['running']}/files"]
    for path in (*paths, f"{paths[0]}/report", f"{paths[1]}/finish", f"{paths[2]}/amend", f"{paths[2]}/final-report",
                 f"{paths[3]}/new"):
        assert desks["fang"].get(path).status_code == 404, path

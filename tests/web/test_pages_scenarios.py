"""Scenarios in the browser: list, page, publishing and changing, applying in one, taking a pilot over into one."""

import json

import pytest
from cast import Cast, adopt
from desk import Application, Desks, Page, desks
from visitor import text_of

from sandbox.jobs.program import Program
from sandbox.reads import scenarios
from sandbox.rules.access import Actor

WHOLE = {"title": "夜间道路", "title_en": "Streets by night", "description": "只在夜间。", "unit": "km",
         "max_people": "200", "max_volume": "5000", "max_days": "90", "regions": "北区", "closes_on": "2026-06-30",
         "status": "open"}
PILOT = {"title": "人流预警", "organisation": "海睿", "tier": "R3", "environment": "E3", "days": "120", "unit": "uses",
         "rate_per_day": "800", "limits-0-indicator": "harm_S3", "limits-0-per_exposure": "0.001",
         "limits-0-weight": "1", "aliases": "海瑞科技\n海睿智能", "unverified": "启用前的误报率",
         "source_key": "metro-1", "alpha": "0.05", "alpha_yellow": "0.2"}


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def made(program: Program, cast: Cast) -> Application:
    """A program with one open scenario."""
    return Application(program, cast)


def kept(program: Program, cast: Cast, scenario: str) -> dict[str, object]:
    with program.reading() as connection:
        return scenarios.scenario(connection, cast.lin, scenario) or {}


# Who opens what


@pytest.mark.parametrize("language", ["zh_Hans", "zh_Hant", "en"])
def test_everyone_at_trials_reads_scenarios_in_each_language(at: Desks, cast: Cast, made: Application,
                                                            language: str) -> None:
    title = "Streets by night" if language == "en" else "夜间道路"
    for who in (cast.lin, cast.fang, cast.gao, cast.rui, cast.di):
        for path in ("/scenarios", f"/scenarios/{made.scenario}"):
            assert title in at(who).get(f"{path}?lang={language}").text


def test_an_administrator_has_no_business_with_scenarios(at: Desks, cast: Cast, made: Application) -> None:
    assert at(cast.ada).get("/scenarios").status_code == 403


def test_nobody_reads_scenarios_without_signing_in(at: Desks, made: Application) -> None:
    assert at.app.test_client().get(f"/scenarios/{made.scenario}").location.startswith("/login")


@pytest.mark.parametrize(("path", "allowed"), [
    ("/scenarios/new", {"lin", "di"}), ("/scenarios/{id}/edit", {"lin"}), ("/scenarios/{id}/apply", {"fang"}),
    ("/adopt", {"lin"}),
])
def test_a_form_opens_for_whoever_may_send_it(at: Desks, cast: Cast, made: Application, path: str,
                                             allowed: set[str]) -> None:
    for who in ("lin", "fang", "rui", "di", "ada"):
        status = at(getattr(cast, who)).get(path.format(id=made.scenario)).status_code
        assert (status == 200) == (who in allowed), (who, status)
        assert status in (200, 403, 404)


def test_a_draft_is_missing_for_those_who_do_not_write_it(at: Desks, cast: Cast, made: Application) -> None:
    draft = made.do("publish_scenario", cast.lin, title="Quay", description="x", status="draft").id
    for who in (cast.fang, cast.rui, cast.di):
        assert at(who).get(f"/scenarios/{draft}").status_code == 404
        assert "Quay" not in at(who).get("/scenarios?lang=en").text
    hidden, missing = (at(cast.fang).get(f"/scenarios/{one}") for one in (draft, "sc_00000000000aaaaaaaaaa"))
    assert text_of(hidden.text) == text_of(missing.text)
    assert at(cast.lin).get(f"/scenarios/{draft}").status_code == 200


# The list


def test_the_list_is_searched_and_filtered_by_its_address(at: Desks, cast: Cast, made: Application) -> None:
    made.do("publish_scenario", cast.lin, title="Harbour", description="Cranes", status="closed")
    desk = at(cast.fang)
    assert "Harbour" in desk.get("/scenarios?q=crane&lang=en").text
    assert "Streets by night" not in desk.get("/scenarios?q=crane").text
    assert "Harbour" not in desk.get("/scenarios?status=open").text
    assert "1 of 2" in desk.get("/scenarios?status=closed").text


def test_an_empty_list_says_what_removing_each_condition_would_show(at: Desks, cast: Cast, made: Application) -> None:
    page = at(cast.fang).get("/scenarios?q=streets&status=closed&lang=en")
    assert "/scenarios?q=streets" in Page(page.text).links and "/scenarios?status=closed" in Page(page.text).links


def test_the_list_exports_what_is_filtered(at: Desks, cast: Cast, made: Application) -> None:
    made.do("publish_scenario", cast.lin, title="Harbour", description="Cranes")
    rows = json.loads(at(cast.fang).get("/scenarios?q=crane&export=json").text)
    assert [row["title"] for row in rows] == ["Harbour"]


def test_a_long_list_goes_on_with_a_cursor(at: Desks, cast: Cast, made: Application) -> None:
    for number in range(51):
        made.do("publish_scenario", cast.lin, title=f"Place {number:02}", description="x")
    first = at(cast.fang).get("/scenarios?lang=en")
    onward, = [link for link in Page(first.text).links if "cursor=" in link]
    listed = [{link for link in Page(page.text).links if link.startswith("/scenarios/sc_")}
              for page in (first, at(cast.fang).get(onward))]
    assert [len(one) for one in listed] == [50, 2] and not listed[0] & listed[1]


# One scenario


def test_a_scenario_shows_only_the_trials_that_its_reader_sees(at: Desks, cast: Cast, made: Application,
                                                              program: Program) -> None:
    made.drafted()
    path = f"/scenarios/{made.scenario}?lang=en"
    assert made.trial in at(cast.fang).get(path).text
    assert made.trial in at(cast.lin).get(path).text
    assert made.trial not in at(cast.gao).get(path).text and "0 trials that you can see" in at(cast.gao).get(path).text


def test_only_a_firm_is_offered_to_apply_and_only_while_it_is_open(at: Desks, cast: Cast, made: Application) -> None:
    apply = f"/scenarios/{made.scenario}/apply"

    def offered(who: Actor) -> bool:
        return apply in Page(at(who).get(f"/scenarios/{made.scenario}").text).links

    assert offered(cast.fang) and not offered(cast.lin) and not offered(cast.rui)
    made.do("change_scenario", cast.lin, scenario_id=made.scenario, status="closed")
    assert not offered(cast.fang)
    assert at(cast.fang).get(apply).status_code == 409


# Publish and change


def test_a_scenario_is_published_with_its_limits(at: Desks, cast: Cast, program: Program) -> None:
    gone = at(cast.lin).send("/scenarios/new", WHOLE)
    assert gone.status_code == 303
    row = kept(program, cast, gone.location.rsplit("/", 1)[1])
    assert (row["title"], row["max_people"], row["max_volume"], row["max_days"]) == ("夜间道路", 200, 5000.0, 90)
    assert "5,000 km" in text_of(at(cast.lin).get(f"{gone.location}?lang=en").text)


def test_a_department_leads_what_it_publishes_and_changes_only_that(at: Desks, cast: Cast, made: Application,
                                                                   program: Program) -> None:
    own = at(cast.di).send("/scenarios/new", WHOLE).location
    assert kept(program, cast, own.rsplit("/", 1)[1])["lead_id"] == cast.di.organisation_id
    assert f"{own}/edit" in Page(at(cast.di).get(own).text).links
    assert at(cast.di).get(f"/scenarios/{made.scenario}/edit").status_code == 404
    assert at(cast.di).post(f"/scenarios/{made.scenario}/edit", WHOLE).status_code == 404


def test_what_is_wrong_stands_beside_its_field_and_the_rest_is_kept(at: Desks, cast: Cast) -> None:
    desk = at(cast.lin)
    desk.get("/scenarios/new?lang=en")
    again = desk.send("/scenarios/new", {**WHOLE, "title": "", "max_people": "many"})
    assert again.status_code == 422
    for path in ("f-title-e", "f-max_people-e"):
        assert Page(again.text).ids[path] == 1
    assert 'value="many"' in again.text and "只在夜间。" in again.text
    assert "<title>Error" in again.text


def test_a_default_left_blank_is_asked_for_again(at: Desks, cast: Cast) -> None:
    again = at(cast.lin).send("/scenarios/new", {**WHOLE, "status": "", "max_days": ""})
    assert again.status_code == 422
    assert {"f-status-e", "f-max_days-e"} <= set(Page(again.text).ids)


def test_the_same_form_sent_twice_publishes_once(at: Desks, cast: Cast) -> None:
    desk = at(cast.lin)
    hidden = Page(desk.get("/scenarios/new").text).fields
    first, second = (desk.post("/scenarios/new", {**hidden, **WHOLE}).location for _ in range(2))
    assert first == second


def test_a_change_empties_what_was_emptied(at: Desks, cast: Cast, program: Program) -> None:
    path = at(cast.lin).send("/scenarios/new", WHOLE).location
    changed = at(cast.lin).send(f"{path}/edit", {**WHOLE, "max_people": "", "max_days": "30"})
    assert changed.location == path
    row = kept(program, cast, path.rsplit("/", 1)[1])
    assert (row["max_people"], row["max_days"], row["version"]) == (None, 30, 2)


def test_whoever_was_overtaken_sees_what_stands_and_may_save_over_it(at: Desks, cast: Cast, made: Application,
                                                                    program: Program) -> None:
    path, desk = f"/scenarios/{made.scenario}/edit", at(cast.lin)
    hidden = Page(desk.get(f"{path}?lang=en").text).fields
    made.do("change_scenario", cast.zhou, scenario_id=made.scenario, regions="South")
    again = desk.post(path, {**hidden, **WHOLE})
    assert again.status_code == 422 and "South" in text_of(again.text)
    assert kept(program, cast, made.scenario)["max_people"] is None
    assert desk.post(path, {**Page(again.text).fields, **WHOLE}).status_code == 303
    assert kept(program, cast, made.scenario)["regions"] == "北区"


# Apply


def test_a_firm_applies_in_a_scenario_and_comes_to_its_trial(at: Desks, cast: Cast, made: Application) -> None:
    gone = at(cast.fang).send(f"/scenarios/{made.scenario}/apply", {"title": "街面清扫", "simplified": "1"})
    assert gone.status_code == 303 and gone.location == "/trials/ES-0001"
    assert "街面清扫" in at(cast.fang).get(gone.location).text


def test_an_application_needs_a_title(at: Desks, cast: Cast, made: Application) -> None:
    again = at(cast.fang).send(f"/scenarios/{made.scenario}/apply", {"title_en": "Sweeping"})
    assert again.status_code == 422 and "f-title-e" in Page(again.text).ids and "Sweeping" in again.text


def test_applying_in_what_cannot_be_seen_is_not_found(at: Desks, cast: Cast, made: Application) -> None:
    assert at(cast.fang).get("/scenarios/sc_none/apply").status_code == 404


# Take over


def test_a_takeover_waits_for_a_second_regulator(at: Desks, cast: Cast, made: Application) -> None:
    gone = at(cast.lin).send(f"/adopt?scenario={made.scenario}", {**PILOT, "scenario_id": made.scenario}, to="/adopt")
    assert gone.status_code == 303 and gone.location.startswith("/decisions/")
    page = text_of(at(cast.lin).get(f"{gone.location}?lang=en").text)
    assert "another regulator" in page and "人流预警" in page and "启用前的误报率" in page
    assert "You proposed this" in page


def test_what_is_wrong_with_a_pilot_stands_at_its_row(at: Desks, cast: Cast, made: Application) -> None:
    again = at(cast.lin).send("/adopt", {**PILOT, "scenario_id": made.scenario, "tier": "",
                                         "limits-0-per_exposure": "2"})
    assert again.status_code == 422
    assert {"f-tier-e", "f-limits-0-per_exposure-e"} <= set(Page(again.text).ids)
    assert "海瑞科技" in again.text


def test_a_pilot_taken_over_before_is_only_named(at: Desks, cast: Cast, program: Program) -> None:
    trial, = adopt(program, cast, 1)
    with program.reading() as connection:
        place = scenarios.scenarios(connection, cast.lin).items[0]["id"]
    gone = at(cast.lin).send("/adopt", {**PILOT, "scenario_id": place, "source_key": f"{place}-0"})
    assert gone.location == f"/trials/{trial}"

"""Stage adjustment in a browser and by API: asked by class, judged, decided by two; what is wrong is said by field."""

import re
from typing import Any

import pytest
from api_answers import Checked
from desk import Desk, Desks, Page, desks
from tree import tree
from visitor import text_of
from walked import a_copy, month  # noqa: F401 the fixtures
from world import World

from sandbox.jobs.demo.bodies import body
from sandbox.jobs.demo.walks import Walk
from sandbox.rules.changes import KINDS

LANGUAGES = ("zh_Hans", "zh_Hant", "en")
Walked = tuple[World, Walk]


@pytest.fixture
def at(walked: Walked) -> Desks:
    return desks(walked[0].program)


def desk(at: Desks, walked: Walked, who: str) -> Desk:
    return at(walked[0].hand.people.actors[who])


def ask(one: Walk, kind: str, **body: Any) -> str:
    return str(one.act("file_change", one.firm, kind=kind, body={"reason": "更多街区", **body})["id"])


def test_every_page_of_it_opens_in_each_language_for_all_who_see_the_trial(at: Desks, walked: Walked) -> None:
    _, one = walked
    changes = [ask(one, "A2", people=800), ask(one, "A4", volume=12_000.0), ask(one, "A3", metrics=[
        *body("plan", one.today())["metrics"], {"name": "wait", "pass_line": 3.0}]), ask(one, "A6", more_days=10)]
    pages = [f"/trials/{one.trial}/changes", *(f"/changes/{change}" for change in changes)]
    forms = [f"/trials/{one.trial}/changes/new/{kind}" for kind in KINDS]
    opened = [("regulator", path, language) for path in pages[:3] for language in LANGUAGES]
    opened += [("firm", path, language) for path, language in zip((*forms, *pages), 4 * LANGUAGES, strict=True)]
    opened.append((one.members[0], pages[1], "en"))
    for who, path, language in opened:
        page = desk(at, walked, who).get(f"{path}?lang={language}")
        assert page.status_code == 200 and (path in pages or 'name="reason"' in page.text), path


def test_the_form_of_a_class_has_its_own_fields_with_what_is_agreed_now(at: Desks, walked: Walked) -> None:
    _, one = walked
    asked = {kind: Page(desk(at, walked, "firm").get(f"/trials/{one.trial}/changes/new/{kind}").text).asked
             for kind in KINDS}
    assert "f-people" in asked["A2"] and "f-rate_per_day" in asked["A4"] and "f-rate_per_day" not in asked["A2"]
    assert [name for name in asked["A6"] if name.startswith("f-")] == ["f-more_days", "f-reason", "f-evidence_links"]
    assert 'value="900"' in desk(at, walked, "firm").get(f"/trials/{one.trial}/changes/new/A2").text


def test_what_is_no_narrowing_is_said_beside_its_field_and_the_rest_stays_typed(at: Desks, walked: Walked) -> None:
    _, one = walked
    path = f"/trials/{one.trial}/changes/new/A2?lang=en"
    answer = desk(at, walked, "firm").send(path, {"people": "901", "volume": "8000", "reason": "Fewer"})
    assert answer.status_code == 422 and "file it as a widening (A4)" in answer.text
    assert 'value="901"' in answer.text and 'value="8000"' in answer.text
    done = desk(at, walked, "firm").send(path, {"people": "800", "reason": "Fewer"})
    assert done.status_code == 303 and "Accepted" in desk(at, walked, "firm").get(f"{done.location}?lang=en").text


def test_a_widening_is_asked_judged_proposed_and_confirmed_through_pages_alone(at: Desks, walked: Walked) -> None:
    world, one = walked
    firm, lin, chen = (desk(at, walked, who) for who in ("firm", "regulator", "regulator2"))
    gone = firm.send(f"/trials/{one.trial}/changes/new/A4?lang=en", {"people": "1200", "reason": "More asked to join"})
    path = f"{gone.location}?lang=en"
    assert "Decide on a stage adjustment: A4 widening" in text_of(lin.get("/?lang=en").text)
    page = text_of(lin.get(path).text)
    for part in ("900", "1,200", "more than agreed", "The review called for this request"):
        assert part in page
    lacking = lin.send(path, {"accept": "1", "reason": "Good"}, gone.location)
    assert lacking.status_code == 422 and "1 condition is not met yet" in lacking.text
    review, = world.hand.open_reviews(one.trial)
    judging = text_of(desk(at, walked, one.members[0]).get(f"/reviews/{review}?lang=en").text)
    assert "A4 widening (Waits for a decision): People: 900 → 1,200" in judging and "in favour of it" in judging
    one.hold_reviews()
    proposed = lin.send(path, {"accept": "1", "reason": "Good"}, gone.location)
    assert "name=\"accept\"" not in lin.get(path).text
    decision = text_of(chen.get(f"{proposed.location}?lang=en").text)
    assert "Accept a stage adjustment" in decision and "People: 900 → 1,200" in decision
    confirmed = chen.send(proposed.location, {"value": "for"})
    assert confirmed.location == gone.location and world.trial(one)["cap_people"] == 1200
    assert "It was proposed to accept a stage adjustment" in text_of(lin.get(f"/trials/{one.trial}/log?lang=en").text)
    evidence = next(link for link in Page(firm.get(gone.location).text).links if "of=change" in link)
    assert firm.get(evidence).status_code == 200
    listed = text_of(firm.get(f"/trials/{one.trial}/changes?lang=en").text)
    assert "Accepted" in listed and "A4 widening" in listed


def test_a_firm_takes_its_request_back_and_nobody_else_does(at: Desks, walked: Walked) -> None:
    _, one = walked
    change = ask(one, "A3", methods="Every tenth case")
    assert desk(at, walked, "regulator").send(f"/changes/{change}", {"withdraw": "1"}).status_code == 403
    assert desk(at, walked, "firm2").get(f"/changes/{change}").status_code == 404
    firm = desk(at, walked, "firm")
    firm.get(f"/changes/{change}")
    assert firm.post(f"/changes/{change}", {"accept": "1", "reason": "Mine"}).status_code == 403
    assert desk(at, walked, "firm").send(f"/changes/{change}", {"withdraw": "1"}).status_code == 303
    assert "withdrawn" in text_of(desk(at, walked, "firm").get(f"/changes/{change}?lang=en").text).lower()


def test_a_widening_is_walked_by_the_api_alone(at: Desks, walked: Walked) -> None:
    world, one = walked
    caller = {who: Checked(at.app, world.program.acts.do("issue_token", world.hand.people.actors[who], {
        "name": "walk", "scopes": ["read", "file", "decide"], "days": 9}).secret, "en")
        for who in ("firm", "regulator", "regulator2")}
    wrong = caller["firm"].send("POST", f"/trials/{one.trial}/changes/A2", {"reason": "More", "people": 901})
    assert [each["field"] for each in wrong.get_json()["errors"]] == ["people"]
    assert caller["firm"].send("POST", f"/trials/{one.trial}/changes/A9", {"reason": "?"}).status_code == 404
    body = {"reason": "More asked to join", "people": 1200}
    filed = [caller["firm"].send("POST", f"/trials/{one.trial}/changes/A4", body, Idempotency_Key="once").get_json()
             for _ in range(2)]
    assert filed[0] == filed[1]
    path = f"/changes/{filed[0]['id']}"
    standing = caller["regulator"].send("GET", path).get_json()
    assert {one["need"] for one in standing["unmet"]} == {"change_advised", "second_regulator"}
    assert standing["differences"] == [{"term": "people", "before": 900, "after": 1200, "way": "wider"}]
    refused = caller["regulator"].send("POST", f"{path}/decision", {"accept": True, "reason": "Good"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "needs_unmet")
    one.hold_reviews()
    proposed = caller["regulator"].send("POST", f"{path}/decision", {"accept": True, "reason": "Good"})
    assert proposed.status_code == 202
    voted = caller["regulator2"].send("POST", f"/decisions/{proposed.get_json()['decision']}/votes", {"value": "for"})
    assert voted.get_json()["change"] == filed[0]["id"]
    versions = caller["firm"].send("GET", f"/trials/{one.trial}/plan-versions").get_json()["items"]
    assert [(each["number"], each["terms"]["people"], each["change_id"]) for each in versions] == [
        (1, 900, None), (2, 1200, filed[0]["id"])]
    found = caller["firm"].send("GET", f"/trials/{one.trial}/changes?state=accepted").get_json()["items"]
    assert [each["leads_to"] for each in found] == [2]


def test_a_request_is_neither_accepted_nor_refused_until_one_of_both_is_chosen(at: Desks, walked: Walked) -> None:
    _, one = walked
    firm, lin = (desk(at, walked, who) for who in ("firm", "regulator"))
    there = firm.send(f"/trials/{one.trial}/changes/new/A4?lang=en", {"people": "1300", "reason": "More came"}).location
    page = tree(lin.get(f"{there}?lang=en").text)
    answers = [(box.attrs["type"], box.attrs["value"], box.attrs.get("checked")) for box in page.all(
        "input", name="accept")]
    assert answers == [("radio", "1", None), ("radio", "0", None)]
    assert "with their vote" in page.text
    unsaid = lin.send(f"{there}?lang=en", {"reason": "Good"}, there)
    assert unsaid.status_code == 422 and tree(unsaid.text).one("fieldset", role="radiogroup").attrs["aria-invalid"]
    assert lin.send(f"{there}?lang=en", {"accept": "perhaps", "reason": "Good"}, there).status_code == 422
    assert "Waits for a decision" in text_of(firm.get(f"{there}?lang=en").text)
    assert lin.send(f"{there}?lang=en", {"accept": "0", "reason": "Too many"}, there).status_code == 303
    assert "Refused" in text_of(firm.get(f"{there}?lang=en").text)


def test_a_reports_metric_is_told_by_the_plans_name_and_in_its_unit(at: Desks, walked: Walked) -> None:
    _, one = walked
    said = text_of(desk(at, walked, "firm").get(f"/feedback/{one.last_report[0]}?lang=en").text)
    assert "minutes =" not in said and re.search(r"平均办理时长: [\d.]+ minutes", said)

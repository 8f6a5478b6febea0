"""What anyone may open: a permit's code, the register, one trial; the state, never the light, nothing unpublished."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import segno
from cast import Cast
from desk import Application, Desk, desks
from flask import Flask
from visitor import text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.store.ids import new_code, typed_code
from sandbox.web.front import make_app

JSON = {"headers": {"Accept": "application/json"}}
LANGUAGES = ("zh_Hans", "zh_Hant", "en")
COLOURS = ("red", "yellow", "green", "grey")
DAY = timedelta(days=1)


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.fixture
def anyone(app: Flask) -> Desk:
    """A browser without an account."""
    return Desk(app)


@pytest.fixture
def trial(adopted: Callable[..., list[str]]) -> str:
    return adopted(1)[0]


def code_of(program: Program, trial: str) -> str:
    with program.reading() as connection:
        return str(connection.exec_driver_sql("SELECT verify_code FROM trials WHERE id = ?", (trial,)).scalar_one())


@pytest.fixture
def code(program: Program, trial: str) -> str:
    return code_of(program, trial)


def suspend(program: Program, cast: Cast, trial: str) -> None:
    program.acts.do("make_move", cast.lin, {"move": "suspend", "reason": "Brakes that smell"}, on=trial)


def grave(program: Program, cast: Cast, trial: str) -> None:
    """What turns a light red and stops the trial."""
    program.acts.do("file_incident", cast.fang, {"severity": "S1", "occurred_at": program.clock().isoformat()},
                    on=trial)


# A permit's code


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_says_in_every_language_that_the_trial_runs_and_that_this_is_no_approval(anyone: Desk, code: str,
                                                                                       trial: str, language: str):
    page = text_of(anyone.get(f"/public/verify/{code}?lang={language}").text)
    wanted = {"zh_Hans": ("正在运行", "参与试点不等于批准"), "zh_Hant": ("正在運行", "參與試點不等於批准"),
              "en": ("Running", "Participation is not an approval")}[language]
    assert [one in page for one in (*wanted, trial, "海睿")] == [True] * 4


@pytest.mark.parametrize("path", ["/public/verify/{code}", "/public/trials/{trial}", "/public/trials"])
def test_no_public_page_knows_a_light_and_none_of_its_colours_is_drawn(anyone: Desk, program: Program, cast: Cast,
                                                                      trial: str, code: str, path: str):
    grave(program, cast, trial)
    address = path.format(code=code, trial=trial)
    html, document = anyone.get(address).text, anyone.get(address, **JSON).get_json()
    assert not [one for one in COLOURS if f'"{one}' in html or f"light {one}" in html or one in str(document)]
    assert "lamp" not in html and "light" not in str(document) and "S1" not in html + str(document)


def test_the_cause_of_a_stop_is_published_two_working_days_later_and_no_persons_words_ever(
        anyone: Desk, program: Program, cast: Cast, clock: Shifted, trial: str, code: str):
    address, stopped = f"/public/verify/{code}", clock()
    suspend(program, cast, trial)
    at_once = anyone.get(address, **JSON).get_json()
    assert (at_once["standing"], at_once["active"], at_once["state"], at_once["cause"]) \
        == ("paused", False, "suspended", None)
    assert "4 March 2026" in text_of(anyone.get(f"{address}?lang=en").text)
    clock.forward(stopped + 2 * DAY)  # Wednesday, nine in the morning
    assert anyone.get(address, **JSON).get_json()["cause"] is None
    clock.forward(stopped + 3 * DAY)
    assert anyone.get(address, **JSON).get_json()["cause"] == "regulator"
    page = anyone.get(address)
    assert "Paused by the regulator. Not a finding of fault." in page.text
    assert "Brakes" not in page.text


def test_a_code_is_found_however_it_is_typed_and_the_form_leads_to_it(anyone: Desk, code: str):
    typed = f" {code.lower().replace('-', ' ').replace('0', 'o').replace('1', 'l')} "
    assert typed_code(typed) == code
    assert anyone.get("/public/verify").status_code == 200
    there = anyone.get("/public/verify", query_string={"code": typed})
    assert there.headers["Location"] == f"/public/verify/{code}"
    assert anyone.get(f"/public/verify/{code.lower()}").status_code == 200


def test_every_code_that_nobody_was_given_has_one_answer(anyone: Desk, program: Program, cast: Cast, trial: str):
    scenario = program.acts.do("publish_scenario", cast.lin, {"title": "Roads", "description": "By day"}).id
    draft = program.acts.do("apply", cast.fang, {"title": "Next", "scenario_id": scenario}).id
    tried = (new_code(), trial, draft, "x", "None", "%00", "%F0%9F%92%A9", "A" * 300, "'; --", "AAAA-AAAA-AAA%C4%B0")
    answers = {(answer.status_code, answer.get_data()) for answer in
               (anyone.get(f"/public/verify/{one}", **JSON) for one in tried)}
    assert len(answers) == 1
    assert answers.pop()[0] == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_code_that_nobody_was_given_says_what_a_code_is_and_the_same_for_every_other(
        anyone: Desk, trial: str, code: str, language: str):
    tried = (new_code(), trial, "x", code[:-1], f"{code}0", "<b>")
    answers = [anyone.get(f"/public/verify/{one}?lang={language}") for one in tried]
    assert {answer.status_code for answer in answers} == {404}
    page, *others = {text_of(answer.text) for answer in answers}
    assert not others
    said = {"zh_Hans": ("没有这样的核验码", "每组四位", "签发运行凭证"),
            "zh_Hant": ("沒有這樣的核驗碼", "每組四位", "簽發運行憑證"),
            "en": ("No permit has this code", "three groups of four", "is given its permit by this sandbox")}[language]
    assert [one in page for one in said] == [True] * 3
    assert 'name="code"' in answers[0].text and "<b>" not in text_of(answers[-1].text)


def test_json_is_written_in_characters_and_not_in_escapes(anyone: Desk, trial: str):
    there = anyone.get(f"/public/trials/{trial}?lang=zh_Hans", **JSON)
    missing = anyone.get("/public/trials/ES-9999?lang=zh_Hans", **JSON)
    assert missing.mimetype == "application/problem+json"
    for answer, said in ((there, there.get_json()["notice"]), (missing, missing.get_json()["title"])):
        assert said.encode() in answer.get_data() and not said.isascii() and b"\\u" not in answer.get_data()


def test_codes_can_be_tried_only_so_often(program: Program):
    few = program.settings.model_copy(update={"public_rate": 3})
    app = make_app(replace(program, settings=few))
    here, elsewhere = Desk(app), Desk(app, address="192.0.2.7")
    assert [here.get(f"/public/verify/{new_code()}").status_code for _ in range(5)] == [404, 404, 404, 429, 429]
    assert here.get(f"/public/verify/{new_code()}").headers["Retry-After"] == "60"
    assert elsewhere.get(f"/public/verify/{new_code()}").status_code == 404


def test_codes_are_random_and_of_letters_that_cannot_be_confused():
    codes = {new_code() for _ in range(500)}
    assert len(codes) == 500
    assert set("".join(codes)) == set("0123456789ABCDEFGHJKMNPQRSTVWXYZ-")
    assert all(typed_code(code) == code for code in codes)


# The sheet


def test_the_sheet_carries_the_address_of_its_code_as_a_drawing_that_the_policy_lets_stand(
        program: Program, cast: Cast, trial: str, code: str):
    page = desks(program)(cast.fang).get(f"/trials/{trial}/permit")
    address = f"{program.settings.public_url}/public/verify/{code}"
    code_drawn = segno.make(address, error="m", micro=False)
    drawn = code_drawn.svg_inline(border=2, omitsize=True, svgclass="qr", lineclass=None)
    assert drawn.partition("<path")[2].partition("/>")[0] in page.text
    assert address in page.text and code in page.text
    assert "<script" not in page.text and "style=" not in page.text


@pytest.mark.parametrize(("language", "no"), [("zh_Hans", "现在不得运行：因"), ("zh_Hant", "現在不得運行：因"),
                                              ("en", "It may not run now. Paused")])
def test_a_stopped_trials_sheet_says_that_it_may_not_run(program: Program, cast: Cast, trial: str, language: str,
                                                        no: str):
    grave(program, cast, trial)
    page = text_of(desks(program)(cast.lin).get(f"/trials/{trial}/permit?lang={language}").text)
    assert no.removesuffix("因") in page
    assert [word for word in ("许可证", "許可證", "合格", "安全") if word in page] == []


def test_only_who_sees_the_trial_opens_its_sheet_and_an_application_has_none(program: Program, cast: Cast, trial: str):
    open_desk = desks(program)
    missing, theirs = (open_desk(cast.gao).get(f"/trials/{one}/permit") for one in ("ES-9999", trial))
    assert (missing.status_code, theirs.status_code, text_of(theirs.text)) == (404, 404, text_of(missing.text))
    made = Application(program, cast).drafted()
    assert open_desk(cast.fang).get(f"/trials/{made.trial}/permit").status_code == 409


# The register


def test_the_register_lists_what_has_started_and_finds_it_by_number_name_or_firm(
        anyone: Desk, program: Program, cast: Cast, adopted: Callable[..., list[str]]):
    ids = adopted(3)
    Application(program, cast).drafted()
    listed = anyone.get("/public/trials", **JSON).get_json()
    assert [one["id"] for one in listed["items"]] == ids[::-1]
    for q, found in ((ids[1], [ids[1]]), ("海睿", ids[::-1]), ("街面", []), ("nowhere", [])):
        assert [one["id"] for one in anyone.get("/public/trials", query_string={"q": q}, **JSON).get_json()["items"]] \
            == found
    assert anyone.get("/public/trials?q=nowhere").status_code == 200
    assert anyone.get("/public/trials?cursor=nonsense", **JSON).status_code == 400


def test_a_trial_that_has_not_started_is_not_public(anyone: Desk, program: Program, cast: Cast):
    made = Application(program, cast).drafted()
    missing, draft = (anyone.get(f"/public/trials/{one}") for one in ("ES-9999", made.trial))
    assert (missing.status_code, draft.text.replace(made.trial, "ES-9999")) == (404, missing.text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_trials_page_answers_what_people_ask_first(anyone: Desk, trial: str, language: str):
    page = text_of(anyone.get(f"/public/trials/{trial}?lang={language}").text)
    asked = {"zh_Hans": ("用在我身上了吗", "谁负责", "我可以拒绝吗", "怎么投诉"),
             "zh_Hant": ("用在我身上了嗎", "誰負責", "我可以拒絕嗎", "怎麼投訴"),
             "en": ("Was it used on me", "Who is responsible", "Can I refuse", "How do I complain")}[language]
    places = [page.index(one) for one in asked]
    assert places == sorted(places)


def test_of_the_firms_papers_only_the_published_fields_leave_the_house(anyone: Desk, program: Program, cast: Cast,
                                                                      clock: Shifted):
    made = Application(program, cast).started(clock)
    document = anyone.get(f"/public/trials/{made.trial}", **JSON)
    assert document.get_json()["told"].keys() == {"purpose", "regions", "sites", "deployer", "withdrawal_route",
                                                  "complaint_contact"}
    page = anyone.get(f"/public/trials/{made.trial}").text
    route = document.get_json()["told"]["withdrawal_route"]
    assert route in page and 'lang="zh"' not in page
    english = anyone.get(f"/public/trials/{made.trial}?lang=en").text
    assert f'<span lang="zh">{route}</span>' in english and "(in Chinese, as the firm wrote it)" in english
    for unpublished in ("周示例", "示例风险", "脱敏业务记录", "示例法务", "算法由示例算法负责人", "91000000DEMO000001"):
        assert unpublished not in page + document.text


def test_a_count_below_ten_is_not_published(anyone: Desk, program: Program, cast: Cast, clock: Shifted):
    made = Application(program, cast).started(clock)
    start = clock()
    clock.forward(start + DAY)
    made.do("file_feedback", cast.fang, made.trial, period_start=start.isoformat(),
            period_end=(start + DAY).isoformat(), exposures=42.0, people_new=9)
    counted = {one["dimension"]: one["used"] for one in
               anyone.get(f"/public/trials/{made.trial}", **JSON).get_json()["agreed"]}
    assert counted == {"volume": 42.0, "people": None}

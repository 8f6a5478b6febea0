"""Every page of the demo city as each role opens it: sound, in the reader's language, only what is theirs to see."""

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from demo_city import Told, told_in
from desk import Desk, Page
from flask import Flask
from visitor import text_of

from sandbox.reads import board, records
from sandbox.reads.steps import next_step, next_steps
from sandbox.reads.trials import lines
from sandbox.web.front import make_app
from sandbox.web.pages import exports

ROLES = ("regulator", "firm", "reviewer", "department")
LANGUAGES = {"zh_Hans": "zh-Hans", "zh_Hant": "zh-Hant", "en": "en"}
TABS = ("", "/dossier", "/feedback", "/incidents", "/reviews", "/changes", "/panel", "/log")
BUSY = ("trial", "suspended", "exit_review")
"""States whose every tab is opened; of the others the overview is enough."""
RAW_KEY = re.compile(r"\b(?:page|field|help|choice|section|act|moved?|need|state|stage|light|role|nav|error|refused)"
                     r"\.[a-z_]+[a-z]\b")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with told_in(tmp_path_factory) as city:
        yield city


@pytest.fixture(scope="module")
def app(told: Told) -> Flask:
    return make_app(told.program)


@pytest.fixture(scope="module")
def at(told: Told, app: Flask) -> Any:
    """`at("firm")`: the browser of the first account of that role, signed in once."""
    open_desks: dict[str, Desk] = {}

    def enter(role: str) -> Desk:
        if role not in open_desks:
            account = next(one for one in told.result["accounts"] if one["role"] == role)
            open_desks[role] = Desk(app)
            assert open_desks[role].sign_in(account["email"], account["password"]).status_code == 302
        return open_desks[role]

    return enter


@pytest.fixture(scope="module")
def trial(told: Told) -> Any:
    """`trial("tune")`: the first trial in that state."""
    return lambda state: told.result["trials"][state][0]


def paths_of(told: Told) -> list[str]:
    """Lists, every state's overview, every tab of the busy states, and one record of each kind."""
    by_state = told.result["trials"]
    found = ["/", "/trials", "/reviews", "/feedback", "/incidents", "/trials?state=trial&q=nowhere",
             "/registers", "/registers/entries", "/registers/changes"]
    found += [f"/trials/{ids[0]}" for ids in by_state.values()]
    found += [f"/trials/{by_state[state][0]}{tab}" for state in BUSY for tab in TABS[1:]]
    with told.program.reading() as connection:
        who = told.actor("regulator")
        for path in ("reviews", "incidents", "feedback"):
            found += [f"/{path}/{one['id']}" for one in getattr(records, path)(connection, who, limit=3).items]
    return found


# Sound pages


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("role", ROLES)
def test_every_page_is_sound_and_said_in_the_readers_language(told: Told, at: Any, role: str, language: str) -> None:
    desk, opened = at(role), 0
    for path in paths_of(told) if role == "regulator" or language == "zh_Hans" else ["/", "/trials"]:
        response = desk.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert response.status_code in (200, 404), path
        opened += response.status_code == 200
        assert f'<html lang="{LANGUAGES[language]}">' in response.text, path
        assert re.search(r"<title>\s*\S", response.text), path
        assert RAW_KEY.findall(text_of(response.text)) == [], path
    assert opened >= 2 and (role != "regulator" or opened == len(paths_of(told)))


def test_an_administrators_first_page_says_what_to_set_up(at: Any) -> None:
    assert "准备就绪" in text_of(at("administrator").get("/?lang=zh_Hans").text)
    assert at("administrator").get("/trials").status_code == 403


def test_whoever_is_not_signed_in_is_shown_the_door(app: Flask) -> None:
    for path in ("/", "/trials", "/trials/ES-0001"):
        answer = Desk(app).get(path)
        assert answer.status_code == 302 and answer.location.startswith("/login")


def test_not_yours_and_missing_are_the_same_answer(told: Told, at: Any) -> None:
    others = next(one["id"] for one in json.loads(at("regulator").get("/trials?export=json").text)
                  if at("firm").get(f"/trials/{one['id']}").status_code == 404)
    for tab in (*TABS, "/sections/plan", "/moves/suspend", "/feedback/new", "/incidents/new"):
        theirs, missing = (at("firm").get(f"/trials/{trial}{tab}") for trial in (others, "ES-9999"))
        assert theirs.status_code == missing.status_code == 404, tab
        hidden = [re.sub(r'value="[^"]{20,}"', "", one.text).replace(trial, "")
                  for one, trial in ((theirs, others), (missing, "ES-9999"))]
        assert hidden[0] == hidden[1], tab


# What the landing pages and the trial page say


def test_the_board_leads_with_what_needs_a_decision_and_one_filled_button(at: Any) -> None:
    page = at("regulator").get("/?lang=en").text
    said = re.search(r"<h1>(\d+) things need your decision today</h1>", page)
    assert said and page.count('<p class="what">') == int(said.group(1))
    assert page.count('class="button main"') == 1


@pytest.mark.parametrize(("role", "token"), [
    ("regulator", ("regulator",)), ("firm", ("firm",)), ("reviewer", ("reviewers", 0))])
def test_every_page_counts_what_waits_and_a_trials_step_is_the_same_alone_and_among_others(
        told: Told, at: Any, role: str, token: Any) -> None:
    who = told.actor(*token)
    now, place = told.program.clock(), told.program.settings.place
    with told.program.reading() as connection:
        waiting = board.tasks(connection, who, now, place)
        rows = connection.execute(lines(who)).mappings().all()
        together = next_steps(connection, who, rows, board.RELATIONS[role], now, place)
        alone = {row["id"]: next_step(connection, who, row, board.RELATIONS[role], now, place) for row in rows}
    assert together == alone and any(step and step.own for step in alone.values())
    shown = re.search(r'href="/"[^>]*>[^<]*<span class="n"><span aria-hidden="true">(\d+)<',
                      at(role).get("/messages").text)
    assert shown and int(shown.group(1)) == len(waiting) > 0


def test_the_firms_page_leads_with_its_next_act_and_says_every_light_in_a_sentence(at: Any) -> None:
    page = text_of(at("firm").get("/?lang=en").text)
    assert "Next: " in page and "Stop first, then report" in page
    assert "Not proof of safety: the true figure may be as high as" in page


def test_a_reviewer_sees_only_their_own_panels(told: Told, at: Any) -> None:
    seen = {one["id"] for one in json.loads(at("reviewer").get("/trials?export=json").text)}
    every = {one["id"] for one in json.loads(at("regulator").get("/trials?export=json").text)}
    assert seen and seen < every


@pytest.mark.parametrize(("light", "sentence"), [
    ("green", "No evidence of going past the agreed limit"), ("grey", "Too early to tell"),
    ("yellow", "Worth a second look; the trial goes on"),
])
def test_a_running_trials_light_is_explained_with_its_figures(at: Any, light: str, sentence: str) -> None:
    running = json.loads(at("regulator").get(f"/trials?export=json&state=trial&light={light}").text)
    page = text_of(at("regulator").get(f"/trials/{running[0]['id']}?lang=en").text)
    assert sentence in page and "{" not in page


def test_a_stop_by_rule_names_its_cause_and_says_nothing_about_harm(told: Told, at: Any) -> None:
    pages = [text_of(at("regulator").get(f"/trials/{one}?lang=en").text) for one in told.result["trials"]["suspended"]]
    assert any("Paused because" in page and "no statement about harm" in page for page in pages)
    assert any("evidence this strong would appear at most once in 20 trials" in page for page in pages)


def test_every_move_is_listed_with_its_needs_the_unmet_ones_first(at: Any, trial: Any) -> None:
    page = at("regulator").get(f"/trials/{trial('admitted')}?lang=en").text
    assert "Start the trial" in page and "Revoke the admission" in page
    for needs in re.findall(r'<ul class="needs">(.*?)</ul>', page, re.DOTALL):
        met = ['class="met"' in one for one in needs.split("<li")[1:]]
        assert met == sorted(met)


def test_a_side_state_stays_inside_the_stage_it_left(at: Any, trial: Any) -> None:
    page = at("regulator").get(f"/trials/{trial('suspended')}").text
    track = re.search(r'<ol class="track".*?</ol>', page, re.DOTALL)
    assert track and track.group().count("<li") == 4 and 'class="left"' in track.group()


def test_the_log_shows_leaf_hash_and_proof_of_each_entry(at: Any, trial: Any) -> None:
    page = at("regulator").get(f"/trials/{trial('trial')}/log?lang=en").text
    assert page.count("See the proof") == page.count("Leaf hash") > 5


# Lists and exports


def test_filters_are_in_the_address_and_a_chip_removes_one(at: Any) -> None:
    page = Page(at("regulator").get("/trials?state=trial&light=green").text)
    assert {"/trials?light=green", "/trials?state=trial", "/trials"} <= set(page.links)


def test_an_empty_list_says_what_removing_each_filter_would_show(at: Any) -> None:
    page = text_of(at("regulator").get("/trials?state=trial&q=nowhere-at-all&lang=en").text)
    assert "Nothing meets these 2 filters together" in page
    assert re.search(r"Remove “Search: nowhere-at-all”: [1-9]\d* left", page)


def test_pages_go_on_by_cursor_and_back_to_the_first(told: Told, at: Any) -> None:
    first = at("regulator").get("/feedback?lang=en")
    following = Page(first.text).next
    assert following and "First page" in at("regulator").get(following).text
    assert at("regulator").get("/feedback?cursor=nonsense").status_code == 400


@pytest.mark.parametrize("path", ["/feedback", "/incidents", "/incidents?severity=S3"])
def test_a_long_list_exports_what_its_pages_show(at: Any, path: str) -> None:
    also = "&" if "?" in path else "?"
    exported = [one["id"] for one in json.loads(at("regulator").get(f"{path}{also}export=json").text)]
    shown: list[str] = []
    following: str | None = path
    while following:
        page = at("regulator").get(following).text
        shown += re.findall(r'class="title" href="/(?:feedback|incidents)/(\w+)"', page)
        following = Page(page).next
    assert exported == shown and exported
    text = at("regulator").get(f"{path}{also}export=csv&lang=en").data.decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert [row[0] for row in rows[1:]] == exported


def test_an_export_is_read_piece_by_piece_and_goes_on_after_the_page_is_answered(
        at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = at("regulator").get("/feedback?export=csv").data
    monkeypatch.setattr(exports, "MOST", 3)
    assert at("regulator").get("/feedback?export=csv").data == whole
    assert at("regulator").get("/feedback?export=csv&q=no-such-trial").data.count(b"\n") == 1


@pytest.mark.parametrize("query", ["", "&state=trial", "&light=green&stage=trial"])
def test_an_export_holds_exactly_what_is_filtered(at: Any, query: str) -> None:
    as_json = json.loads(at("regulator").get(f"/trials?export=json{query}").text)
    rows = list(csv.reader(io.StringIO(at("regulator").get(f"/trials?export=csv{query}").data.decode("utf-8-sig"))))
    book = openpyxl.load_workbook(io.BytesIO(at("regulator").client.get(f"/trials?export=xlsx{query}").data))
    listed = re.findall(r'class="title" href="/trials/(ES-\d+)"', at("regulator").get(f"/trials?{query}").text)
    assert [one["id"] for one in as_json] == [row[0] for row in rows[1:]] == listed
    assert [row[0].value for row in book.active.iter_rows(min_row=2)] == listed


def test_a_search_for_what_nobody_can_type_finds_nothing_and_breaks_nothing(at: Any) -> None:
    for query in ("q=%00", "q=%25%5F", "state=nowhere", "light=purple", "firm=or_x", "q=" + "x" * 3000):
        assert at("regulator").get(f"/trials?{query}").status_code == 200

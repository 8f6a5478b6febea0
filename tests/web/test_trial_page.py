"""What a trial's page shows of its light and caps, read as markup: charts, tables, words."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cast import START, Cast, adopt
from desk import Application, Desks, desks
from tree import Node, tree

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program

DAY = timedelta(days=1)


@pytest.fixture
def at(program: Program) -> Desks:
    return desks(program)


@pytest.fixture
def opened(program: Program, cast: Cast) -> Callable[..., Node]:
    """`opened(trial)`: its page as Lin sees it who signs in anew, in English unless another language is asked for."""
    return lambda trial, query="lang=en": tree(desks(program)(cast.lin).get(f"/trials/{trial}?{query}").text)


def report(program: Program, cast: Cast, trial: str, day: int, **more: Any) -> Any:
    """A week's report from that day of the trial on; the clock is past it."""
    first = START.replace(hour=16)  # midnight in Shanghai, a day of which the first period has beside its seven
    given = {"period_start": first + day * DAY if day else START, "period_end": first + (day + 7) * DAY, **more}
    return program.acts.do("file_feedback", cast.fang, given, trial)


def points_of(chart: Node) -> list[tuple[float, float]]:
    drawn = chart.one("polyline").attrs["points"].split()
    return [(float(x), float(y)) for x, _, y in (one.partition(",") for one in drawn)]


# Caps


def test_the_cap_that_is_reached_first_is_drawn_over_time_and_said_in_words_and_numbers(
        program: Program, cast: Cast, clock: Shifted, opened: Callable[..., Node]) -> None:
    trial = adopt(program, cast, 1, volume=10_000, people=100, sites="3")[0]
    clock.forward(START + 29 * DAY)
    for week in range(4):
        report(program, cast, trial, 7 * week, exposures=250, people_new=10)
    panel = opened(trial).panel("h-caps")
    figures = panel.all("figure")
    assert [one.one("figcaption").text for one in figures] == [
        "People: 40 of 100 used, as told up to 30 Mar. At the pace so far the cap is reached about 12 May, 109 days "
        "before the end date, 29 Aug.",
        "Volume (uses): 1,000 of 10,000 used, as told up to 30 Mar. At the pace so far it lasts to the end date, "
        "29 Aug."]
    for figure in figures:
        wide, slim = figure.all("svg")
        assert wide.attrs["aria-label"] == slim.attrs["aria-label"] == figure.one("figcaption").text
        assert points_of(wide)[0][1] == 166 and len(wide.all("line", "ln-proj")) == 1
        heights = [y for _, y in points_of(wide)]
        assert heights == sorted(heights, reverse=True) and heights[-1] < 166
    reached = figures[0].all("svg")[0].one("line", "ln-proj").attrs
    assert reached["y2"] == figures[0].all("svg")[0].one("line", "lim-red").attrs["y1"], "it ends at the cap's line"
    assert [one.attrs.get("open") for one in panel.all("details")] == [None, None]
    assert panel.table() == [["Up to", "People", "Volume (uses)"], ["9 Mar", "10", "250"], ["16 Mar", "20", "500"],
                             ["23 Mar", "30", "750"], ["30 Mar", "40", "1,000"]]
    assert [one.text for one in panel.all("p", "pair")] == [
        "People40 / 100", "Volume (uses)1,000 / 10,000", "Sites0 / 3"]


def test_a_trial_that_stands_still_is_paused_in_one_word_and_projects_nothing(
        program: Program, cast: Cast, clock: Shifted, opened: Callable[..., Node]) -> None:
    trial = adopt(program, cast, 1, volume=10_000)[0]
    clock.forward(START + 10 * DAY)
    report(program, cast, trial, 0, exposures=250)
    program.acts.do("make_move", cast.fang, {"move": "suspend", "reason": "A holiday"}, trial)
    page = opened(trial, "lang=zh_Hans")
    light = page.one(cls="head").one(cls="light")
    assert light.text == "已暂停" and "red" in light.attrs["class"].split()
    assert len(light.all("path", "lamp-red")) == len(light.all("path", "lamp-cut")) == 1, "an octagon with its bars"
    drawn = page.panel("h-caps").all("figure")[0]
    assert drawn.all("line", "ln-proj") == [] and "试点未在运行，不作推算" in drawn.text


def test_a_share_of_cases_is_shown_up_to_all_of_them(program: Program, cast: Cast, clock: Shifted,
                                                     opened: Callable[..., Node], at: Desks) -> None:
    trial = adopt(program, cast, 1, limits=[{"indicator": "override", "per_exposure": 0.4}])[0]
    clock.forward(START + 2 * DAY)
    program.acts.do("file_feedback", cast.fang, {
        "period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 8, "reviewed": 8,
        "events": {"override": 3}}, on=trial)
    line, = at(cast.fang).get(f"/api/v1/trials/{trial}/risk").get_json()["indicators"]
    assert 0 < line["interval"]["low"] < line["rate"] == 3 / 8 and line["interval"]["high"] == 1
    said = opened(trial).panel("h-risk").text
    assert "100%" in said and not [one for one in re.findall(r"([\d.]+) ?%", said) if float(one) > 100]


# What turned the light


def test_a_stop_names_the_indicator_that_made_it_and_the_week_that_did_it(
        program: Program, cast: Cast, clock: Shifted, opened: Callable[..., Node], at: Desks) -> None:
    """A good month, then one bad week: over all the rate is below its limit, and the evidence of that week is not."""
    trial = adopt(program, cast, 1, limits=[{"indicator": "harm_s2", "per_exposure": 0.0001},
                                            {"indicator": "override", "per_exposure": 0.1}])[0]
    clock.forward(START + 36 * DAY)
    for week, (overrides, reviewed) in enumerate(((2, 110), (1, 110), (1, 111), (33, 112))):
        report(program, cast, trial, 7 * week, exposures=250, reviewed=reviewed, events={"override": overrides})
    assert at(cast.lin).get(f"/api/v1/trials/{trial}").get_json()["state"] == "suspended"
    panel = opened(trial).panel("h-risk")
    first, second = panel.all("li")[1:3]
    assert panel.one("p", "say").text.startswith(
        "What turned the light: Human override, 33 of 112 from 24 Mar to 30 Mar (29%; agreed at most 10%; 8.35% over "
        "all). Paused automatically.")
    assert "hot" in first.attrs["class"] and "Human override" in first.text
    assert "Evidence at the red line" in first.text and "No excess seen" not in first.text
    assert "No excess seen" not in second.text, "too early to say of what is judged by few uses"
    assert "the figures in the sentence" not in panel.text
    assert "使灯变色的指标：人工改判" in opened(trial, "lang=zh_Hans").panel("h-risk").text


def test_a_stop_by_a_rule_has_no_figures_and_says_of_none(program: Program, cast: Cast, clock: Shifted,
                                                         opened: Callable[..., Node]) -> None:
    trial = adopt(program, cast, 1, limits=[{"indicator": "override", "per_exposure": 0.1}])[0]
    clock.forward(START + 8 * DAY)
    report(program, cast, trial, 0, exposures=250, reviewed=200)
    told = "the figures in the sentence are of"
    assert told in opened(trial).panel("h-risk").text
    program.acts.do("make_move", cast.fang, {"move": "suspend", "reason": "A holiday"}, trial)
    assert told not in opened(trial).panel("h-risk").text


# Drift


def test_drift_is_said_of_the_last_closed_period_and_too_few_cases_are_said_to_be_too_few(
        program: Program, cast: Cast, clock: Shifted, opened: Callable[..., Node], at: Desks) -> None:
    watched = [{"name": name, "cut": "At the deciles.", "counts": [200] * 10} for name in ("age", "score")]
    trial = adopt(program, cast, 1, baselines=watched)[0]
    assert "not yet known" in opened(trial).panel("h-drift").text
    clock.forward(START + 8 * DAY)
    form = tree(at(cast.fang).get(f"/trials/{trial}/feedback/new?lang=en").text)
    assert [one.attrs["name"] for one in form.all("input") if one.attrs.get("name", "").startswith("bins")] == [
        "bins_0", "bins_1"]
    sent = {"period_start": "2026-03-02T09:00", "period_end": "2026-03-10T00:00", "exposures": "100", "bins_0": "",
            **{f"event_{place}": "0" for place in range(7)}}
    wrong = at(cast.fang).send(f"/trials/{trial}/feedback/new?lang=en", {**sent, "bins_1": "1, 2, 3"},
                               f"/trials/{trial}/feedback/new")
    field = tree(wrong.text).one("input", name="bins_1")
    assert (wrong.status_code, field.attrs["value"], field.attrs["aria-invalid"]) == (422, "1, 2, 3", "true")
    filed = at(cast.fang).send(f"/trials/{trial}/feedback/new?lang=en", {
        **sent, "bins_0": "1 1 1 1 1 1 1 1 1 1", "bins_1": "150,100,31,31,31,31,31,31,31,31"},
        f"/trials/{trial}/feedback/new")
    assert filed.status_code == 303
    page = opened(trial)
    panel = page.panel("h-drift")
    assert page.panel("h-risk").one("p", "say").text.endswith("Why: a distribution has drifted.")
    board = tree(desks(program)(cast.lin).get("/?lang=en").text)
    assert "a distribution has drifted" in board.one("tr", data_live=trial).text
    assert page.one(cls="head").one(cls="light").text == "Yellow: to be checked"
    assert [(one.text, said.attrs["class"]) for one, said in zip(panel.all("h3"), panel.all("p", "say"), strict=True)] \
        == [("age", "say grey"), ("score", "say yellow")]
    few, drifted = panel.all("p", "say")
    assert few.text == ("Not enough yet. The period to 9 Mar has only 10 cases: up to 1.91 may be chance, so not even "
                        "a large shift (0.25) would show. About 93 cases a period are needed.")
    assert drifted.text.startswith("Period to 9 Mar: index 0.43 from 498 cases, beyond the 0.10")
    assert [one.table() for one in panel.all("details")] == [
        [["Up to", "Cases", "Index", "Chance explains up to", "Verdict"],
         ["9 Mar", str(cases), value, bound, verdict]]
        for cases, value, bound, verdict in ((10, "0.00", "1.91", "Not enough yet"), (498, "0.43", "0.10", "Drifted"))]
    assert "样本还不够" in opened(trial, "lang=zh_Hans").panel("h-drift").text


# Groups


def test_precision_agrees_while_error_rates_are_far_apart_and_the_page_shows_both(
        program: Program, cast: Cast, clock: Shifted, opened: Callable[..., Node]) -> None:
    """One in two is rated positive wrongly in either group, but five times as often where the base rate is low."""
    trial, = adopt(program, cast, 1, limits=[{"indicator": "disparity", "per_exposure": 0.8},
                                             {"indicator": "complaint", "per_exposure": 0.01}],
                   compared=[{"attribute": "district", "reference": "north"}])
    clock.forward(START + 60 * DAY)
    for week in range(8):
        report(program, cast, trial, 7 * week, exposures=400, groups=[
            {"attribute": "district", "group": "north", "n": 200, "favourable": 100, "true_positives": 10,
             "positives": 20, "false_positives": 10, "negatives": 180},
            {"attribute": "district", "group": "south", "n": 200, "favourable": 100, "true_positives": 90,
             "positives": 100, "false_positives": 90, "negatives": 100}])
    panel = opened(trial).panel("h-groups")
    assert panel.one("b").text == "district: south against north"
    lines = [(one.one(cls="light").attrs["class"], one.one(cls="light").text, one.text) for one in panel.all("p")[:-1]]
    assert [(colour, verdict) for colour, verdict, _ in lines] == [
        ("light green", "No excess seen"), ("light green", "No excess seen"), ("light red", "Past the agreed limit"),
        ("light red", "Past the agreed limit")]
    assert [said.removeprefix(verdict).strip().split("; evidence")[0] for _, verdict, said in lines] == [
        "Favourable outcomes: 50% of 1,600 against 50% of 1,600, ratio 1",
        "Precision (of those rated positive, who were): 50% of 1,440 against 50% of 160, 0 points apart; not part of "
        "the light.",
        "True positives: 90% of 800 against 50% of 160, 40 points apart",
        "False positives: 90% of 800 against 5.56% of 1,440, 84 points apart"]
    assert "no one score of fairness" in panel.text


def test_too_few_outcomes_are_not_judged(program: Program, cast: Cast, clock: Shifted,
                                         opened: Callable[..., Node]) -> None:
    trial, = adopt(program, cast, 1, limits=[{"indicator": "disparity", "per_exposure": 0.8}])
    clock.forward(START + 9 * DAY)
    report(program, cast, trial, 0, exposures=400, groups=[
        {"attribute": "age", "group": "old", "n": 29, "favourable": 1},
        {"attribute": "age", "group": "young", "n": 371, "favourable": 300}])
    line = opened(trial).panel("h-groups").all("p")[0]
    assert line.one(cls="light").attrs["class"] == "light grey" and "not enough yet" in line.text


# The expert's view


def test_the_expert_view_has_chances_thresholds_periods_and_every_indicator_with_its_share(
        program: Program, cast: Cast, clock: Shifted, opened: Callable[..., Node]) -> None:
    trial, = adopt(program, cast, 1, budget_limit=1e-5, background_rate=0.001, alpha=0.04, limits=[
        {"indicator": "complaint", "per_exposure": 0.01, "weight": 0.6},
        {"indicator": "override", "per_exposure": 0.1, "weight": 0.2}])
    clock.forward(START + 15 * DAY)
    for week in range(2):
        report(program, cast, trial, 7 * week, exposures=600, reviewed=100, events={"complaint": 9, "override": 8})
    plain = opened(trial)
    assert not [one for one in plain.all("section") if one.attrs.get("aria-labelledby") in ("h-expert", "h-ev")]
    link, = [one for one in plain.all("a") if one.attrs["href"].endswith("?expert=1")]
    assert "expert view" in link.text
    page = opened(trial, "expert=1&lang=en")
    facts = page.panel("h-expert").one("dl").facts()
    assert {name: facts[name] for name in list(facts)[:6]} == {
        "Chance of a false stop, at most": "4%", "Chance of a false yellow, at most": "20%",
        "Thresholds of evidence": "yellow 5, red 31", "Epoch": "1", "Period": "3 of 26 planned", "Engine version": "1"}
    assert facts["Hard budget of S2 incidents"] == "at most 2"
    table = page.panel("h-expert").table()
    assert [row[0] for row in table] == ["Indicator", "Complaints", "Human override"]
    assert [row[4] for row in table[1:]] == ["75%", "25%"], "weights"
    assert sum(float(row[6].rstrip("%")) for row in table[1:]) == pytest.approx(100, abs=1)
    chart = page.panel("h-ev")
    wide, slim = chart.all("svg")
    assert wide.attrs["aria-label"] == slim.attrs["aria-label"] == chart.one("figcaption").text
    assert len(points_of(wide)) == len(chart.table()) - 1 >= 2, "every point stands in the table"
    assert len(wide.all("line", "lim-red")) == len(wide.all("line", "lim-yellow")) == 1


# A late red


@pytest.fixture
def late(program: Program, cast: Cast, clock: Shifted) -> str:
    """A trial of which eight quiet weeks were told before the first, which was far over the limit."""
    trial, = adopt(program, cast, 1, limits=[{"indicator": "complaint", "per_exposure": 0.01}])
    clock.forward(START + 64 * DAY)
    for week in (*range(1, 9), 0):
        report(program, cast, trial, 7 * week, exposures=700, events={} if week else {"complaint": 25})
    return trial


def test_a_late_red_says_what_was_found_and_lets_an_officer_stop_or_leave(
        program: Program, cast: Cast, at: Desks, late: str) -> None:
    path, = {one.attrs["href"] for one in tree(at(cast.lin).get("/?lang=en").text).all("a")
             if one.attrs.get("href", "").startswith(f"/trials/{late}/late-reds/")}
    page = tree(at(cast.lin).get(f"{path}?lang=en").text)
    assert page.one("h1").text == "Late red"
    said = page.one(cls="head").text
    assert "evidence of period 1 in epoch 1 had reached" in said and "it is not over it now" in said
    form = page.one("form", "panel")
    asked = [one for one in form.walk() if one.tag in ("input", "textarea") and one.attrs.get("type") != "hidden"]
    assert {one.attrs["name"] for one in asked} == {"stop", "reason"}
    blank = at(cast.lin).send(f"{path}?lang=en", {"stop": "1", "reason": ""}, path)
    field = tree(blank.text).one("textarea", name="reason")
    assert (blank.status_code, field.attrs["aria-invalid"]) == (422, "true")
    done = at(cast.lin).send(f"{path}?lang=en", {"stop": "1", "reason": "The excess of March was never repaired"}, path)
    assert (done.status_code, done.location) == (303, f"/trials/{late}")
    head = tree(at(cast.lin).get(f"/trials/{late}?lang=en").text).one(cls="head")
    assert head.one(cls="light").text == "Paused"
    assert at(cast.fang).get(path).status_code == 403


# What a plan can show


def test_the_plan_says_of_every_limit_what_a_trial_of_its_size_can_show(
        program: Program, cast: Cast, at: Desks) -> None:
    made = Application(program, cast).drafted()
    made.file("exposure", volume=3000.0, rate_per_day=100.0, days=60)
    made.file("plan", budget_limit=0.0001, limits=[
        {"indicator": "harm_serious", "per_exposure": 0.0001}, {"indicator": "complaint", "per_exposure": 0.001},
        {"indicator": "harm_any", "per_exposure": 0.01}, {"indicator": "override", "per_exposure": 0.1}])
    panel = tree(at(cast.fang).get(f"/trials/{made.trial}/sections/plan?lang=en").text).panel("h-shows")
    facts = panel.one("dl").facts()
    assert list(facts) == ["Serious harm", "Complaints", "Any harm"], "those that count uses"
    assert facts["Any harm"].startswith("About 30 expected at the limit: twice the limit would show.")
    assert facts["Complaints"].startswith("About 3 expected at the limit: five times the limit would show, twice would")
    assert facts["Serious harm"].startswith("About 0.3 expected at the limit: not even five times would show. A hard")
    assert "Hard budget of S2 incidents: at most 2; the next turns the light red" in panel.text
    assert "About 3,000 uses are planned" in panel.text

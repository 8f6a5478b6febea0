"""What a trial's page shows of its light and caps, read as markup: charts, tables, words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cast import START, Cast, adopt
from desk import Desks, desks
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

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
def opened(at: Desks, cast: Cast) -> Callable[..., Node]:
    """`opened(trial)`: its page as Lin sees it, in English unless another language is asked for."""
    return lambda trial, query="lang=en": tree(at(cast.lin).get(f"/trials/{trial}?{query}").text)


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

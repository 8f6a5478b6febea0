"""Notices in words: whatever an act notes can be said in every language; what wakes people is what should."""

import ast
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cast import START

from sandbox.acts.reminders import LADDERS
from sandbox.papers.letters import Told, letter
from sandbox.rules.notices import sentence, urgent
from sandbox.store.dues import HoldKind
from sandbox.words import LOCALES, say

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUSE = Path(__file__).resolve().parents[2]
KERNEL = {"account", "role", "dedupe"}
SAMPLES = {"due": START.isoformat(), "until": START.isoformat(), "at": START.isoformat(), "starts": START.isoformat(),
           "move": "adopt_trial", "change": "A4", "stands": "accepted",
           "cause": "risk_red", "state": "completed", "clock": "C18", "why": HoldKind.GAP.value, "panel": "running",
           "recommendation": "continue", "answer": "granted", "severity": "S1", "n": 2, "days": -3}


def noted(source: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Kind and names of values of every notice that a source notes by a literal kind."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "notify" and isinstance(node.args[1], ast.Constant):
            yield str(node.args[1].value), frozenset(one.arg for one in node.keywords if one.arg) - KERNEL


NOTED = sorted({one for path in sorted((HOUSE / "sandbox").rglob("*.py"))
                for one in noted(path.read_text(encoding="utf-8"))}, key=repr)


@pytest.mark.parametrize(("kind", "names"), NOTED, ids=lambda value: value if isinstance(value, str) else "")
def test_every_notice_that_an_act_notes_can_be_said_in_every_language(kind: str, names: frozenset[str]) -> None:
    content = {name: SAMPLES.get(name, "text") for name in names}
    said = {say(sentence(kind, content), locale, SHANGHAI) for locale in LOCALES}
    assert len(said) == len(LOCALES)


def test_there_are_notices_to_be_said() -> None:
    assert len(NOTED) > 10


@pytest.mark.parametrize("kind", sorted({ladder.notice for ladder in LADDERS.values()}))
@pytest.mark.parametrize("days", (-14, -1, 0, 1, 7))
@pytest.mark.parametrize("locale", LOCALES)
def test_every_rung_of_a_ladder_is_said(kind: str, days: int, locale: str) -> None:
    content = {"days": days, "due": START.isoformat(), "late": True, "capacity": "substitute", "object": "rv_1",
               "clock": "C12", "cause": "risk_red"}
    said = say(sentence(kind, content), locale, SHANGHAI)
    late, substitute = (say(sentence(kind, {**content, "late": False}), locale, SHANGHAI),
                        say(sentence(kind, {**content, "capacity": "reviewer"}), locale, SHANGHAI))
    assert len({said, late, substitute}) == 3


def test_a_rung_counts_its_days_in_english() -> None:
    said = [say(sentence("review_due", {"days": days, "due": START.isoformat()}), "en", SHANGHAI)
            for days in (-3, -1, 0, 1, 3)]
    assert [text.partition("(")[0] for text in said[:2]] == [
        "Risk check due by 2 March 2026, 09:00: 3 days left.", "Risk check due by 2 March 2026, 09:00: 1 day left."]
    assert said[3].startswith("The risk check is 1 day overdue") and "3 days overdue" in said[4]


@pytest.mark.parametrize(("content", "wakes"), (
    ({"cause": "risk_red"}, True), ({"cause": "grave_incident"}, True), ({"severity": "S1"}, True),
    ({"urgent": True}, True), ({"cause": "voluntary"}, False), ({"severity": "S2"}, False), ({}, False)))
def test_only_red_lights_and_grave_incidents_wake_people(content: dict[str, object], wakes: bool) -> None:
    assert urgent(content) is wakes


def test_who_is_asked_for_an_opinion_gets_a_link_of_their_own() -> None:
    told = [Told("no_1", "review_due", {"days": 0, "due": START.isoformat(), "object": "rv_1", "capacity": capacity},
                 "ES-0014", START) for capacity in ("reviewer", "officer")]
    made = letter(told, "dv_1", "en", SHANGHAI, "https://city.example", "https://city.example/r/{}".format)
    assert [item.url for item in made.items] == ["https://city.example/r/rv_1", "https://city.example/reviews/rv_1"]


def test_a_letter_of_several_notices_counts_them_and_links_each() -> None:
    told = [Told(f"no_{n}", "review_due", {"days": -3, "due": START.isoformat(), "object": f"rv_{n}"}, "ES-0014", START)
            for n in range(3)]
    made = letter(told, "dv_1", "en", SHANGHAI, "https://city.example")
    assert made.subject == "Ethics sandbox: 3 notices"
    assert [item.url for item in made.items] == [f"https://city.example/reviews/rv_{n}" for n in range(3)]
    assert made.text.count("ES-0014") == 3 and made.text.endswith("(the same reference again is a repeat)")

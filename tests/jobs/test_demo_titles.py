"""Whoever reads traditional script finds every title of the demonstration in it."""

from sandbox.jobs.demo.lives import LIVES, SCENARIOS
from sandbox.jobs.demo.titles import TRADITIONAL


def test_every_title_of_the_demonstration_has_its_traditional_text() -> None:
    told = {life.topic.title for life in LIVES} | {title for _, title, *_ in SCENARIOS.values()}
    assert told <= set(TRADITIONAL)
    assert {title for title, other in TRADITIONAL.items() if not other or len(other) != len(title)} == set()

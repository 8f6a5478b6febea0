"""Every source in the table of clocks names a law that people can read by its name, and only where it binds."""

import pytest

from sandbox.rules.clocks import CLOCKS
from sandbox.rules.jurisdiction import Profile
from sandbox.rules.laws import LAWS, binds, cited
from sandbox.words import LOCALES, has_word


def test_every_source_is_a_law_with_a_name_in_each_language() -> None:
    named = {cited(clock.source)[0] for clock in CLOCKS.values() if clock.source}
    assert named == set(LAWS)
    assert [key for key, _ in LAWS.values() for locale in LOCALES if not has_word(f"law.{key}", locale)] == []


@pytest.mark.parametrize(("source", "found"), (
    ("CAC 2025 Art 4", ("CAC 2025", "4")), ("CAC Art 24", ("CAC", "24")), ("CAC 2025", ("CAC 2025", "")),
    ("EU 58(2)(a)", ("EU", "58(2)(a)")), ("CN 2023", ("CN 2023", ""))))
def test_law_and_article_are_told_apart(source: str, found: tuple[str, str]) -> None:
    assert cited(source) == found


def test_a_law_that_binds_elsewhere_is_known_as_such() -> None:
    foreign = {clock.key for clock in CLOCKS.values() if clock.source and Profile.CN_CITY in clock.profiles
               and not binds(cited(clock.source)[0], Profile.CN_CITY)}
    assert foreign == {"C01", "C26.delete"}

"""The five questions: of every tier and every kind of use, none twice, each with its words."""

import pytest

from sandbox.rules.cadence import TIERS
from sandbox.rules.questions import BY_TIER, OF_USE, TEMPLATES, asked
from sandbox.words import LOCALES, has_word


@pytest.mark.parametrize("tier", sorted(TIERS))
@pytest.mark.parametrize("template", [None, *TEMPLATES])
def test_a_check_asks_five_questions_those_of_its_tier_first_and_none_twice(tier: str, template: str | None) -> None:
    five = asked(tier, template)
    assert len(set(five)) == len(five) == 5
    assert five[:3] == BY_TIER[tier].always


def test_a_kind_of_use_is_asked_what_no_other_is() -> None:
    own = [code for pair in OF_USE.values() for code in pair]
    assert len(set(own)) == len(own) == 16
    assert not set(own) & {code for row in BY_TIER.values() for code in (*row.always, *row.otherwise)}


def test_every_question_and_kind_of_use_has_its_words_in_three_languages() -> None:
    codes = {code for tier in TIERS for template in (None, *TEMPLATES) for code in asked(tier, template)}
    wanted = [f"question.{code}{end}" for code in codes for end in ("", ".hint")]
    wanted += [f"choice.ScenarioTemplate.{one}" for one in TEMPLATES]
    assert [(key, locale) for key in wanted for locale in LOCALES if not has_word(key, locale)] == []

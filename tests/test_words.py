"""The three catalogues agree with each other, and a word is said as its reader writes numbers, dates and plurals."""
from __future__ import annotations

import re
import string
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

import sandbox.words
from sandbox.words import LOCALES, Value, Word, has_word, keys, say, show, word

SHANGHAI = ZoneInfo("Asia/Shanghai")
MOMENT = datetime(2026, 11, 23, 13, 40, tzinfo=UTC)
# Where the glossary spells a character otherwise than OpenCC's standard: (glossary, OpenCC).
SPELLINGS = set(zip("台群眾核啟為才吃床峰", "臺羣衆覈啓爲纔喫牀峯", strict=True))


def catalogue(locale: str) -> Catalog:
    path = Path(sandbox.words.__file__).parent / "locales" / locale / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=locale, abort_invalid=True)


def entries(locale: str) -> dict[str, tuple[str, ...]]:
    """Every key of a language with all its forms."""
    found = {}
    for message in catalogue(locale):
        key = message.id if isinstance(message.id, str) else message.id[0]
        if key:
            found[key] = (message.string,) if isinstance(message.string, str) else tuple(message.string or ())
    return found


def placeholders(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def every_text(locale: str) -> Iterator[tuple[str, str]]:
    return ((key, form) for key, forms in entries(locale).items() for form in forms)


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_has_the_same_keys(locale: str) -> None:
    assert keys(locale) == keys("zh_Hans") == entries(locale).keys()
    assert keys(locale)


@pytest.mark.parametrize("locale", LOCALES)
def test_a_key_has_the_same_placeholders_in_every_language_and_every_plural_form(locale: str) -> None:
    expected = {key: placeholders(forms[0]) for key, forms in entries("zh_Hans").items()}
    assert [key for key, form in every_text(locale) if placeholders(form) != expected[key]] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_no_key_is_without_a_text_or_marked_as_doubtful(locale: str) -> None:
    assert [key for key, form in every_text(locale) if not form.strip()] == []
    assert [message.id for message in catalogue(locale) if message.id and message.fuzzy] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_every_key_can_be_said_when_its_placeholders_have_values(locale: str) -> None:
    for key, forms in entries(locale).items():
        values = {name: 3 if name == "n" else "…" for name in placeholders(forms[0])}
        assert say(Word(key, values), locale)


def test_no_text_shouts() -> None:
    assert [key for locale in LOCALES for key, form in every_text(locale) if re.search("[!！]", form)] == []


def test_traditional_texts_hold_only_characters_that_traditional_character_sets_have() -> None:
    unknown = {c for _, form in every_text("zh_Hant") for c in form if not c.encode("big5hkscs", "ignore")}
    assert {c for c in unknown if "\u4e00" <= c <= "\u9fff"} == set()


def test_traditional_texts_are_unchanged_by_a_conversion_to_traditional() -> None:
    opencc = pytest.importorskip("opencc", reason="OpenCC is a development tool and is not installed")
    convert = opencc.OpenCC("s2t").convert
    pairs = [(key, pair) for key, form in every_text("zh_Hant") for pair in zip(form, convert(form), strict=True)]
    assert [(key, pair) for key, pair in pairs if pair[0] != pair[1] and pair not in SPELLINGS] == []


def test_traditional_texts_keep_the_mainland_terms_of_the_glossary() -> None:
    assert [key for key, form in every_text("zh_Hant") if "演算法" in form or "資訊" in form] == []


@pytest.mark.parametrize(("locale", "said"), [
    ("zh_Hans", "太大，请填不大于 12,000 的值。"),
    ("zh_Hant", "太大，請填不大於 12,000 的值。"),
    ("en", "Too large: enter 12,000 or less."),
])
def test_a_number_is_grouped_inside_its_sentence(locale: str, said: str) -> None:
    assert say(word("error.less_than_equal", le=12000), locale) == said


@pytest.mark.parametrize(("value", "said"), [
    (0.1 + 0.2, "0.3"), (0.0001, "0.0001"), (1.23456e-7, "0.000000123"), (4180.12345, "4,180.123"), (0.0, "0"),
    (Decimal("0.12345678"), "0.12345678"), (-3, "-3"),
])
def test_a_small_rate_never_reads_as_zero_and_a_float_shows_no_noise(value: Value, said: str) -> None:
    assert [show(value, locale) for locale in LOCALES] == [said] * 3


@given(st.integers(-10**300, 10**300), st.sampled_from(LOCALES))
def test_a_whole_number_is_shown_whole(value: int, locale: str) -> None:
    assert int(show(value, locale).replace(",", "")) == value


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(LOCALES))
def test_a_float_reads_back_within_half_a_percent(value: float, locale: str) -> None:
    assert float(show(value, locale).replace(",", "")) == pytest.approx(value, rel=0.005, abs=0)


@pytest.mark.parametrize(("locale", "day", "minute"), [
    ("zh_Hans", "2026 年 11 月 3 日", "2026 年 11 月 23 日 21:40"),
    ("zh_Hant", "2026 年 11 月 3 日", "2026 年 11 月 23 日 21:40"),
    ("en", "3 November 2026", "23 November 2026, 21:40"),
])
def test_a_date_and_a_time_in_the_readers_zone_are_written_as_the_language_writes_them(
        locale: str, day: str, minute: str) -> None:
    assert show(date(2026, 11, 3), locale) == day
    assert show(MOMENT, locale, SHANGHAI) == minute
    assert minute in say(word("error.greater_than", gt=MOMENT), locale, zone=SHANGHAI)


def test_a_time_shown_in_utc_says_so_since_it_is_nobodys_local_time() -> None:
    assert show(MOMENT, "en") == show(MOMENT.astimezone(SHANGHAI), "en") == "23 November 2026, 13:40 UTC"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        show(MOMENT.replace(tzinfo=None), "en", SHANGHAI)


@pytest.mark.parametrize(("locale", "one", "many"), [
    ("zh_Hans", "有 1 处需要改正", "有 1,000 处需要改正"),
    ("zh_Hant", "有 1 處需要改正", "有 1,000 處需要改正"),
    ("en", "1 thing needs correcting", "1,000 things need correcting"),
])
def test_the_count_n_chooses_the_plural_form(locale: str, one: str, many: str) -> None:
    assert say(word("error.summary", n=1), locale) == one
    assert say(word("error.summary", n=1000), locale) == many


@pytest.mark.parametrize(("n", "said"), [
    (0, "0 things need correcting"), (0.5, "0.5 things need correcting"), (Decimal(1), "1 thing needs correcting"),
])
def test_none_and_a_fraction_are_not_one_thing(n: Value, said: str) -> None:
    assert say(word("error.summary", n=n), "en") == said


@pytest.mark.parametrize(("locale", "said"), [
    ("zh_Hans", "第 10,000 行：此项必填，请填写。"),
    ("zh_Hant", "第 10,000 行：此項必填，請填寫。"),
    ("en", "Line 10,000: This is required: fill it in."),
])
def test_a_word_inside_a_word_is_said_in_the_same_language(locale: str, said: str) -> None:
    assert say(word("error.line", line=10000, error=word("error.missing")), locale) == said


@pytest.mark.parametrize(("locale", "said"), [
    ("zh_Hans", "第 2 行：鼓励、调优和规范"),
    ("zh_Hant", "第 2 行：鼓勵、調優和規範"),
    ("en", "Line 2: Encourage, Tune and Standardise"),
])
def test_a_list_of_words_is_joined_as_the_language_joins_it(locale: str, said: str) -> None:
    stages = [word("stage.encourage"), word("stage.tune"), word("stage.standardise")]
    assert say(word("error.line", line=2, error=stages), locale) == said


def test_braces_in_a_value_stay_as_they_are() -> None:
    assert say(word("error.value_error", reason="{line} {0} }{"), "en") == "{line} {0} }{"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("key", ["need.no_such_need", "", "need"])
def test_a_key_without_a_text_raises_and_names_key_and_language(key: str, locale: str) -> None:
    assert not has_word(key, locale)
    with pytest.raises(KeyError, match=rf"{key!r} in {locale}"):
        say(word(key), locale)


@pytest.mark.parametrize("values", [{}, {"lines": 3, "error": "…"}])
def test_a_placeholder_without_a_value_raises_and_names_it(values: dict[str, Value]) -> None:
    with pytest.raises(KeyError, match=r"\{line\} of 'error.line' in zh_Hant"):
        say(Word("error.line", values), "zh_Hant")


@pytest.mark.parametrize("locale", ["zh-Hans", "fr", "", "../locales/en"])
def test_a_language_that_is_not_ours_raises(locale: str) -> None:
    with pytest.raises(KeyError, match="no such locale"):
        has_word("role.firm", locale)


@pytest.mark.parametrize("value", [None, True, object(), b"bytes"])
def test_a_value_that_has_no_words_is_refused(value: Value) -> None:
    with pytest.raises(TypeError):
        show(value, "en")


def test_words_can_be_compared_and_kept_in_sets() -> None:
    assert {word("error.line", line=1), word("error.line", line=1)} == {word("error.line", line=1)}
    assert word("error.line", line=1) != word("error.line", line=2)


def test_words_need_no_other_room_no_web_framework_and_no_catalogue_until_one_is_used() -> None:
    program = """
import sys, sandbox.words as words
assert not [name for name in sys.modules if name.startswith("sandbox.") and name != "sandbox.words"]
assert "flask" not in sys.modules
opened = []
sys.addaudithook(lambda event, given: event == "open" and opened.append(str(given[0])))
word = words.word("role.firm")
words.say(word, "en"), words.say(word, "en")
catalogues = [path for path in opened if path.endswith(".po")]
assert len(catalogues) == 1 and "en" in catalogues[0], catalogues
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=Path(sandbox.words.__file__).parents[1],
                         capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("locale", ["zh_Hans", "zh_Hant"])
def test_chinese_is_written_with_full_width_punctuation(locale: str) -> None:
    narrow = re.compile(r"[\u4e00-\u9fff][,;:?!]|\([^()]*[\u4e00-\u9fff][^()]*\)")
    assert [key for key, text in every_text(locale) if narrow.search(text)] == []

"""Words: what the program says, kept as a key with values until the reader's language and zone are known.

Every room may make a Word; only the rooms that face people say one. The catalogues are the gettext files in `locales/`:
the msgid is the key, every language has its msgstr, and a file is read when its language is first used.
A key without a text, or a placeholder without a value, is a bug and raises KeyError: a raw key never reaches a page.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Context, Decimal, localcontext
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeAlias, Union

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations

HOUR = timedelta(hours=1)
LOCALES = ("zh_Hans", "zh_Hant", "en")

Number: TypeAlias = int | float | Decimal
Value: TypeAlias = Union[str, Number, date, datetime, "Word", Sequence["Value"]]


@dataclass(frozen=True, slots=True)
class Word:
    """A key with the values of its placeholders; a value named `n` is a count and chooses the plural form."""

    key: str
    values: Mapping[str, Value] = field(default_factory=dict, hash=False)


def word(key: str, /, **values: Value) -> Word:
    return Word(key, values)


def say(word: Word, locale: str, zone: tzinfo = UTC) -> str:
    """The word as plain text (not HTML) in one of LOCALES, its times in `zone`; nested Words in the same."""
    text = _text(word, locale)
    if "{" not in text:
        return text
    return text.format_map(_Shown(word, locale, zone))


def say_at_least(word: Word, locale: str, zone: tzinfo = UTC) -> str:
    """As `say`, for where a bug must not hide what is to be told: each placeholder that cannot be said is left out."""
    return _text(word, locale).format_map(_Sayable(word, locale, zone))


def show(value: Value, locale: str, zone: tzinfo = UTC) -> str:
    """One value as `say` would put it into a sentence.

    A float under one keeps three significant digits (a small rate never reads as zero), a larger one three decimals;
    a Decimal loses nothing. Midnight is 24:00 of the day that ends, as on every page. A time in UTC says so, since a
    reader would otherwise take it for local time.
    """
    match value:
        case str():
            return value
        case Word():
            return say(value, locale, zone)
        case bool():
            raise TypeError("a truth value has no words of its own: pass a Word")
        case int() | float() | Decimal():
            return _number(value, locale)
        case datetime():
            return _time(value, locale, zone)
        case date():
            return _day(value, locale)
        case list() | tuple():
            return format_list([show(each, locale, zone) for each in value], locale=_tongue(locale).babel)
    raise TypeError(f"cannot be shown in a sentence: {value!r}")


def has_word(key: str, locale: str) -> bool:
    return key in _tongue(locale).keys


def keys(locale: str) -> frozenset[str]:
    return _tongue(locale).keys


class _Shown:
    """The values of one word, each rendered when its placeholder asks for it."""

    __slots__ = ("word", "locale", "zone")

    def __init__(self, word: Word, locale: str, zone: tzinfo) -> None:
        self.word, self.locale, self.zone = word, locale, zone

    def __getitem__(self, name: str) -> str:
        if name not in self.word.values:
            raise KeyError(f"no value for {{{name}}} of {self.word.key!r} in {self.locale}")
        return show(self.word.values[name], self.locale, self.zone)


class _Sayable(_Shown):
    """Those of the values that can be rendered; nothing for the others."""

    def __getitem__(self, name: str) -> str:
        try:
            return super().__getitem__(name)
        except (KeyError, TypeError, ValueError):
            return ""


class _Manner(NamedTuple):
    babel: str
    day: str
    minute: str


_CHINESE_DAY = "y 年 M 月 d 日"
_MANNERS = {
    "zh_Hans": _Manner("zh_Hans", _CHINESE_DAY, f"{_CHINESE_DAY} HH:mm"),
    "zh_Hant": _Manner("zh_Hant", _CHINESE_DAY, f"{_CHINESE_DAY} HH:mm"),
    "en": _Manner("en_GB", "d MMMM y", "d MMMM y, HH:mm"),
}


class _Tongue(NamedTuple):
    """What is read once for a language: its catalogue, and how babel writes its numbers, dates and lists."""

    texts: Translations
    keys: frozenset[str]
    babel: Locale
    manner: _Manner


@cache
def _tongue(locale: str) -> _Tongue:
    if locale not in LOCALES:
        raise KeyError(f"no such locale: {locale!r}")
    with (Path(__file__).parent / "locales" / locale / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=locale)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    ids = (message.id for message in catalogue if message.id)
    known = frozenset(each if isinstance(each, str) else each[0] for each in ids)
    manner = _MANNERS[locale]
    return _Tongue(Translations(compiled), known, Locale.parse(manner.babel), manner)


def _text(word: Word, locale: str) -> str:
    tongue = _tongue(locale)
    if word.key not in tongue.keys:
        raise KeyError(f"no word {word.key!r} in {locale}")
    n = word.values.get("n") if word.values else None
    if isinstance(n, Number):
        return _counted(tongue.texts, word.key, n)
    return tongue.texts.gettext(word.key)


def _counted(texts: Translations, key: str, n: Number) -> str:
    """The plural form for `n`; a fraction takes the form of two ("0.5 hours")."""
    text = texts.ngettext(key, key, int(n) if n == int(n) else 2)
    return texts.gettext(key) if text == key else text


# babel quantizes in the current context, whose usual 28 digits a large float or integer would overflow.
_ROOMY = Context(prec=400)


@lru_cache(maxsize=4096, typed=True)
def _number(value: Number, locale: str) -> str:
    if isinstance(value, float):
        value = Decimal(f"{value:.3g}") if abs(value) < 1 else round(value, 3)
    with localcontext(_ROOMY):
        return format_decimal(value, locale=_tongue(locale).babel, decimal_quantization=False)


@lru_cache(maxsize=4096)
def _time(value: datetime, locale: str, zone: tzinfo) -> str:
    if value.tzinfo is None:
        raise ValueError(f"a time needs a zone: {value!r}")
    tongue, local = _tongue(locale), value.astimezone(zone)
    ends_a_day = local.time() == time() and str(zone) != "UTC"
    told = value - HOUR if ends_a_day else value
    shown = format_datetime(told, tongue.manner.minute, tzinfo=zone, locale=tongue.babel)
    shown = shown.replace("23:00", "24:00") if ends_a_day else shown
    return f"{shown} UTC" if str(zone) == "UTC" else shown


@lru_cache(maxsize=4096)
def _day(value: date, locale: str) -> str:
    tongue = _tongue(locale)
    return format_date(value, tongue.manner.day, locale=tongue.babel)

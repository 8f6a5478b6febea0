"""Whatever can be refused is refused in words: every code in the source has its sentence in three languages, with a
value for each of its placeholders."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest
from flask import Flask

from sandbox.acts.refusals import Refused
from sandbox.jobs.program import Program
from sandbox.web.front import make_app
from sandbox.web.problems import HTTP_CODES, answer
from sandbox.words import LOCALES, _text, has_word, keys, word

SOURCE = Path(__file__).resolve().parents[2] / "sandbox"
FAMILY = {"Refused": "refused", "NotPermitted": "refused", "Stale": "refused", "KeyReused": "refused",
          "Malformed": "problem", "PydanticCustomError": "error", "ValueError": "error", "problem": "problem"}
"""The family of words that the first text of a call belongs to."""
ROOMS = ("acts", "store", "web", "jobs")
STORED = ("accounts", "admission", "dossier", "endings", "feedback", "incidents", "organisations", "reviews", "running",
          "scenarios", "trials", "types", "votes")
"""Files of the store whose ValueErrors are answers to people, in one word; others speak to operators."""


@cache
def calls() -> tuple[tuple[Path, ast.Call], ...]:
    """Every call in the source."""
    return tuple((path, node) for room in ROOMS for path in sorted((SOURCE / room).rglob("*.py"))
                 for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))


def named(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def texts(call: ast.Call) -> list[str]:
    return [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]


def codes() -> Iterator[str]:
    """Every word that a refusal in the source would say."""
    for path, call in calls():
        found = texts(call)
        if named(call) == "invalid" and len(found) == 2:
            yield f"error.{found[1]}"
        elif named(call) == "word" and found and found[0].startswith(("error.", "problem.", "refused.")):
            yield found[0]
        elif named(call) in FAMILY and found and found[0].replace("_", "").isalpha() and \
                (named(call) != "ValueError" or path.stem in STORED):
            yield f"{FAMILY[named(call)]}.{found[0]}"
    yield from (f"problem.{code}" for code in (*HTTP_CODES.values(), "http", "busy", "storage_unknown"))


def test_every_refusal_has_its_sentence() -> None:
    said = {"refused.needs_unmet" if key.startswith("problem.needs_unmet") else key for key in codes()}
    assert len(said) > 150
    assert [(key, locale) for key in sorted(said) for locale in LOCALES if not has_word(key, locale)] == []


# Placeholders


@cache
def placeholders(key: str) -> set[str]:
    """What the sentence needs in one language or another, besides the count that chooses its form."""
    return {name for locale in LOCALES if has_word(key, locale) for n in (1, 2)
            for _, name, _, _ in Formatter().parse(_text(word(key, n=n), locale)) if name}


def given(call: ast.Call) -> set[str | None]:
    """The names a call gives values for; None where it passes some on."""
    return {one.arg for one in call.keywords}


def unvalued(call: ast.Call) -> set[str]:
    """Placeholders of the sentence that this call refuses with, or says, for which it gives no value."""
    found, name = texts(call), named(call)
    if name == "invalid" and len(found) == 2:
        key = f"error.{found[1]}"
    elif name == "word" and found:
        key = found[0]
    elif FAMILY.get(name) == "refused" and found:
        key = f"refused.{found[0]}"
        own = [one for one in call.args if isinstance(one, ast.Call) and texts(one) == [key]]
        return set() if own else placeholders(key)
    else:
        return set()
    return set() if None in given(call) else placeholders(key) - {str(one) for one in given(call)}


def test_every_refusal_gives_the_values_that_its_sentence_asks_for() -> None:
    lacking = [f"{path.name}:{call.lineno}: {', '.join(sorted(unvalued(call)))}" for path, call in calls()
               if unvalued(call)]
    assert lacking == []
    assert {"refused.recusal_too_late", "refused.basis_changed"} <= {key for key in keys("en") if placeholders(key)}


@pytest.mark.parametrize("source", [
    'Refused("recusal_too_late", until=until)', 'invalid("kind", "asked_already")', 'word("refused.basis_changed")'])
def test_a_refusal_without_the_values_of_its_sentence_is_told(source: str) -> None:
    call = next(one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call))
    assert unvalued(call)


# The handler


@pytest.fixture
def app(program: Program) -> Flask:
    return make_app(program)


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize("path", ["/api/v1/one", "/one"])
def test_a_sentence_without_its_value_is_told_without_it(app: Flask, path: str) -> None:
    with app.test_request_context(path, headers={"Accept-Language": "en"}):
        response = answer(Refused("recusal_too_late"))
    said = response.get_data(as_text=True)
    assert response.status_code == 409
    assert "It is too late to ask for a recusal" in said and "{until}" not in said


@pytest.mark.only_on("sqlite")
@pytest.mark.parametrize(("path", "kind"), [("/api/v1/one", "application/problem+json"), ("/one", "text/plain")])
def test_what_cannot_even_be_answered_is_told_as_a_bug(app: Flask, path: str, kind: str) -> None:
    with app.test_request_context(path, headers={"Accept-Language": "en"}):
        response = answer(Refused("no_such_code"))
    assert (response.status_code, response.mimetype) == (500, kind)
    assert len(response.get_data(as_text=True)) > 20

"""Whatever can be refused is refused in words: every code in the source has its sentence in three languages."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.web.problems import HTTP_CODES
from sandbox.words import LOCALES, has_word

SOURCE = Path(__file__).resolve().parents[2] / "sandbox"
FAMILY = {"Refused": "refused", "NotPermitted": "refused", "Stale": "refused", "KeyReused": "refused",
          "Malformed": "problem", "PydanticCustomError": "error", "ValueError": "error", "problem": "problem"}
"""The family of words that the first text of a call belongs to."""
ROOMS = ("acts", "store", "web", "jobs")
STORED = ("accounts", "admission", "dossier", "endings", "feedback", "incidents", "organisations", "reviews", "running",
          "scenarios", "trials", "types", "votes")
"""Files of the store whose ValueErrors are answers to people, in one word; others speak to operators."""


def calls() -> Iterator[tuple[Path, ast.Call]]:
    for room in ROOMS:
        for path in (SOURCE / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield path, node


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


@pytest.mark.parametrize("key", sorted(set(codes())))
def test_a_refusal_has_its_sentence(key: str) -> None:
    if key.startswith("problem.needs_unmet"):
        key = "refused.needs_unmet"
    assert [locale for locale in LOCALES if not has_word(key, locale)] == []

"""Faults: what is wrong with one field, as a code and its values, so that any door can say it in any language."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from sandbox.words import Word, word


@dataclass(frozen=True, slots=True)
class Fault:
    """One field (a dotted path, blank for the whole) and the code of what is wrong with it."""

    field: str
    code: str
    given: Mapping[str, str | int | float] = dataclasses.field(default_factory=dict)

    @property
    def word(self) -> Word:
        """The sentence."""
        return word(f"error.{self.code}", **self.given)


def errors_of(error: ValidationError) -> list[Any]:
    """Pydantic's errors, the value that was given never repeated. What must be there and is null is missing: nobody who
    left it blank is told which codes a program may send."""
    return [{**{name: part for name, part in one.items() if name != "input"}, **_blank(one)}
            for one in error.errors(include_url=False)]


def _blank(one: Any) -> dict[str, Any]:
    absent = one["input"] is None and one["loc"] and one["type"] != "value_error"
    return {"type": "missing", "ctx": {}} if absent else {}


def code_of(error: Any) -> str:
    """Our name of one Pydantic error: its type, or the code that a validator of ours raised."""
    return str(error["ctx"]["error"] if error["type"] == "value_error" else error["type"])


def given_of(error: Any) -> dict[str, str | int | float]:
    """The values that the sentence of a Pydantic error names."""
    context = dict(error.get("ctx", {}))
    context.pop("error", None)
    if "expected" in context:
        context["expected"] = str(context["expected"]).replace("'", "")
    return {name: value if isinstance(value, int | float) else str(value) for name, value in context.items()}


def word_of(error: Any) -> Word:
    """One Pydantic error as a word. Every type that can occur has one: a test keeps the list closed."""
    return word(f"error.{code_of(error)}", **given_of(error))


def faults_of(error: ValidationError) -> Iterator[Fault]:
    """Every fault that Pydantic found; the value that was given is never repeated."""
    for one in errors_of(error):
        yield Fault(".".join(map(str, one["loc"])), code_of(one), given_of(one))


STANDS_AT = {
    "period_backwards": "period_end", "nil_with_numbers": "nil", "exposures_missing": "exposures",
}
"""Rules over a whole report: the field beside which each is said."""


def placed(fault: Fault) -> Fault:
    """The same fault at a field: a rule over the whole report stands where it is put right."""
    return Fault(STANDS_AT[fault.code], fault.code, fault.given) if fault.code in STANDS_AT and not fault.field \
        else fault

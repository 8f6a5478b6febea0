"""How an act says no: each refusal carries all its reasons as words, so that any door can say them in any language."""

from collections.abc import Mapping

from sandbox.words import Value, Word, has_word, word


class NotFound(Exception):
    """It does not exist, or it is not yours: the same answer."""


class Refused(Exception):
    """Not now: the state of things does not allow it. `code` is stable, `reasons` are sentences. A code whose own
    sentence has placeholders is raised with that sentence and its values among the reasons."""

    def __init__(self, code: str, *reasons: Word, **details: object) -> None:
        self.code = code
        self.reasons = reasons or (word(f"refused.{code}"),)
        self.details = details
        super().__init__(code)

    @property
    def title(self) -> Word:
        """The code's own sentence with its values; a code that has none is told by its first reason."""
        own = word(f"refused.{self.code}")
        return next((reason for reason in self.reasons if reason.key == own.key), own if has_word(own.key, "en")
                    else self.reasons[0])


class NotPermitted(Refused):
    """This actor may not do this at all."""


class Stale(Refused):
    """Someone else changed it since it was read."""


class KeyReused(Refused):
    """The idempotency key came before with another body."""


class Unmet(Refused):
    """A move whose needs are not all met; names every one."""

    def __init__(self, move: str, needs: Mapping[str, Word]) -> None:
        super().__init__("needs_unmet", *needs.values(), move=move)
        self.move = move
        self.needs = needs


class Invalid(Exception):
    """What was given does not fit what is kept: one word per field, by its path."""

    def __init__(self, *errors: tuple[tuple[str | int, ...], Word]) -> None:
        self.errors = errors
        super().__init__(", ".join(".".join(map(str, path)) for path, _ in errors))


def invalid(field: str, code: str, **values: Value) -> Invalid:
    """One field's error."""
    return Invalid(((field,), word(f"error.{code}", **values)))

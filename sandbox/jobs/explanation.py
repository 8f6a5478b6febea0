"""What an operator reads instead of a trace, for the faults that are not the program's."""

from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.store.settings import Settings


@contextmanager
def explaining(settings: Settings) -> Iterator[None]:
    """Let what the operator can put right end the process with words. Raises SystemExit."""
    try:
        yield
    except Exception as error:
        if explained := explanation(error, settings):
            raise SystemExit(explained) from error
        raise


def explanation(error: Exception, settings: Settings) -> str | None:
    """The words; None for what is no fault of the operator's. Only here are the kinds of fault needed: a process that
    does not fail does not load them."""
    from sandbox.acts.refusals import Refused
    from sandbox.jobs.demonstration import NotADemo
    from sandbox.jobs.imports import LinesRefused
    from sandbox.jobs.moving import CannotMove
    from sandbox.jobs.presence import InUse
    from sandbox.jobs.schema import SchemaRefused
    from sandbox.rules.intake import BadMapping
    from sandbox.words import say

    if isinstance(error, LinesRefused):
        return "\n".join(say(one.word, settings.locale, settings.zone) for one in error.remarks)
    if isinstance(error, Refused | BadMapping):
        return "\n".join(say(reason, settings.locale, settings.zone) for reason in error.reasons)
    words = (SchemaRefused, NotADemo, FileNotFoundError, CannotMove, InUse)
    return str(error) if isinstance(error, words) else None

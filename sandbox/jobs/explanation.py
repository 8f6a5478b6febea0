"""What an operator reads instead of a trace, for the faults that are not the program's."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pydantic import ValidationError

from sandbox.store.settings import PREFIX, Settings
from sandbox.store.stops import Stop
from sandbox.words import Word, word


@contextmanager
def explaining(tell: Callable[[Word], str]) -> Iterator[None]:
    """Let what the operator can put right end the process with words on its error stream. Raises SystemExit."""
    try:
        yield
    except Exception as error:
        if reasons := explanation(error):
            print(*map(tell, reasons), sep="\n", file=sys.stderr)
            raise SystemExit(error.exit_code if isinstance(error, Stop) else 1) from error
        raise


def explanation(error: Exception) -> Sequence[Word]:
    """The words; none for what is no fault of the operator's. Only here are all kinds of fault needed: a process that
    does not fail does not load them."""
    from sandbox.acts.refusals import Refused
    from sandbox.jobs.imports import LinesRefused
    from sandbox.rules.intake import BadMapping
    from sandbox.store.faults import faults_of

    match error:
        case Stop():
            return (error.reason,)
        case ValidationError() if error.title == Settings.__name__:
            return [word("command.setting", name=f"{PREFIX}{one.field.upper()}", why=one.word) if one.field
                    else one.word for one in faults_of(error)]
        case LinesRefused():
            return [one.word for one in error.remarks]
        case Refused() | BadMapping():
            return error.reasons
        case FileNotFoundError():
            return (word("command.no_file", file=str(error.filename)),)
    return ()

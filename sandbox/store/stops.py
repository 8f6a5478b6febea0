"""Why the program cannot start or a command cannot go on: what whoever runs it reads instead of a trace."""

from typing import ClassVar

from sandbox.words import Word, say


class Stop(Exception):
    """One sentence that says what is wrong and what to do. Logs have it in English, a command line in its language."""

    exit_code: ClassVar[int] = 1

    def __init__(self, reason: Word) -> None:
        self.reason = reason
        super().__init__(say(reason, "en"))


class CannotRun(Stop):
    """The command line or the installation is not what the command needs."""

    exit_code = 2

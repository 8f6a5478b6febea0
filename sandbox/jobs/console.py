"""The command line's own speech: which language a run has, the arguments it knows, and how a refused one is told."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

from sandbox.store.settings import PREFIX, SECRETS, Settings
from sandbox.words import LOCALES, Word, say, word

Tell = Callable[[Word], str]
OF_THE_SYSTEM = ("LC_ALL", "LC_MESSAGES", "LANG")
TRADITIONAL = ("hant", "tw", "hk", "mo")


def language_of(environment: Mapping[str, str], argv: Sequence[str] = ()) -> str:
    """The one language of a run: `--language`, then SANDBOX_LANGUAGE, then the system's; English where that is none of
    ours. A language that was asked for and is not ours is refused with the other settings."""
    asked = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    asked.add_argument("--language", nargs="?")
    named = asked.parse_known_args(argv)[0].language or environment.get(f"{PREFIX}LANGUAGE")
    if named in LOCALES:
        return str(named)
    system = next((environment[name] for name in OF_THE_SYSTEM if environment.get(name)), "").lower()
    if not system.startswith("zh"):
        return "en"
    return "zh_Hant" if any(place in system for place in TRADITIONAL) else "zh_Hans"


def teller(language: str) -> Tell:
    """Says words in the run's language."""
    return partial(say, locale=language)


class Parser(argparse.ArgumentParser):
    """Arguments of one language: what argparse would say in English alone is said by our words."""

    def __init__(self, language: str, given: Sequence[str], **more: Any) -> None:
        self.tell, self.language, self.given = teller(language), language, given
        super().__init__(add_help=False, formatter_class=partial(Help, usage=self.tell(word("command.usage"))), **more)
        self._positionals.title = self.tell(word("command.group.arguments"))
        self._optionals.title = self.tell(word("command.group.options"))
        self.add_argument("-h", "--help", action="help", help=self.tell(word("command.help")))

    def error(self, message: str) -> NoReturn:
        """Exit code 2; in English with argparse's own reason."""
        self.print_usage(sys.stderr)
        refused = self.tell(word("command.arguments", given=" ".join(self.given)))
        self.exit(2, f"{refused} ({message})\n" if self.language == "en" else f"{refused}\n")


class Help(argparse.HelpFormatter):
    """Begins with the usage in the run's language."""

    def __init__(self, prog: str, usage: str) -> None:
        super().__init__(prog)
        self._begins = f"{usage} "

    def add_usage(self, usage: str | None, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, self._begins if prefix is None else prefix)


def add_settings(parser: Parser) -> None:
    """`--port 8000` overrides SANDBOX_PORT. A secret on the command line would be seen by every user of the machine."""
    group = parser.add_argument_group(parser.tell(word("command.group.settings")))
    for name, field in Settings.model_fields.items():
        switch: dict[str, Any] = {"metavar": name.split("_")[-1].upper()}
        if field.annotation is bool:
            switch = {"action": "store_true", "default": None}
        if name not in SECRETS:
            about = parser.tell(word(f"setting.{name}"))
            group.add_argument(f"--{name.replace('_', '-')}", help=f"{about} ({PREFIX}{name.upper()})", **switch)

"""Where a trial may run: the regions and sites that its plan names, or how many of them it may use."""

import re
import unicodedata
from dataclasses import dataclass

SEPARATORS = re.compile(r"[\n、,，;；]+")
COUNT = re.compile(r"\d{1,4}")


def one_spelling(name: str) -> str:
    """A place under one spelling: full width, invisible characters and doubled spaces make no other place."""
    seen = unicodedata.normalize("NFKC", name)
    return " ".join("".join(c for c in seen if unicodedata.category(c) != "Cf").split())


def key_of(name: str) -> str:
    """What two spellings of one place have in common."""
    return one_spelling(name).casefold()


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the plan says of one kind of place: these names, or so many of any name. Neither: it is not limited."""

    names: tuple[str, ...] = ()
    most: int | None = None

    def allows(self, name: str) -> bool:
        """Whether the plan has this place, as far as it names any."""
        return not self.names or key_of(name) in {key_of(one) for one in self.names}


def agreed(text: str | None) -> Agreed:
    """A plan's words: a whole number is how many, anything else is a list of names by line, comma or semicolon."""
    said = one_spelling(text or "")
    if COUNT.fullmatch(said):
        return Agreed(most=int(said))
    names = (one_spelling(one) for one in SEPARATORS.split(text or ""))
    return Agreed(names=tuple(dict.fromkeys(name for name in names if name)))

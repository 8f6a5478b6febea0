"""Messages to people: notices as one letter in the recipient's language. It names trials by number, never a firm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from sandbox.rules.alarms import ASKED as DUTY
from sandbox.rules.notices import sentence
from sandbox.words import say, word

ONE = 1
ASKED = ("reviewer", "deputy", "substitute", *DUTY)
"""In these capacities a reader is asked for something: their link opens the review or the alarm without a password."""


PLACES = {"rv": "reviews", "am": "alarms", "cr": "changes"}
"""The pages of things that a notice is about, by the prefix of their ids."""


@dataclass(frozen=True, slots=True)
class Told:
    """One notice on its way: what it is, about which trial, and since when."""

    id: str
    kind: str
    content: dict[str, Any]
    trial_id: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """One notice as the letter says it, with where to look."""

    id: str
    kind: str
    trial_id: str | None
    at: datetime
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a channel carries. `reference` is the same however often it is sent, so that a repeat can be known."""

    reference: str
    subject: str
    items: tuple[Item, ...]
    foot: str

    @property
    def text(self) -> str:
        """All of it as plain text."""
        return "\n\n".join((*(f"{item.text}\n{item.url}" for item in self.items), self.foot))


def letter(notices: Sequence[Told], reference: str, locale: str, zone: tzinfo, url: str,
           own_link: Callable[[str], str] | None = None) -> Letter:
    """The notices in this language, as one letter. `own_link` is the address under which this reader answers
    for an object without signing in. Raises KeyError for a notice without words, which is a bug."""
    items = tuple(_item(one, locale, zone, url, own_link) for one in notices)
    about = items[0].text if len(items) == ONE else say(word("message.many", n=len(items)), locale)
    return Letter(reference, say(word("message.subject", about=about), locale), items,
                  say(word("message.foot", settings=f"{url}/settings/channels", reference=reference), locale))


def _item(one: Told, locale: str, zone: tzinfo, url: str, own_link: Callable[[str], str] | None) -> Item:
    said = say(sentence(one.kind, one.content), locale, zone)
    text = say(word("message.about", trial=one.trial_id, text=said), locale) if one.trial_id else said
    asked = own_link is not None and one.content.get("capacity") in ASKED
    where = own_link(str(one.content["object"])) if asked and own_link else f"{url}{_path(one)}"
    return Item(one.id, one.kind, one.trial_id, one.at, text, where)


def _path(one: Told) -> str:
    """Where the thing is: by its own page, or its trial's."""
    thing = str(one.content.get("object", ""))
    place = PLACES.get(thing.partition("_")[0])
    return f"/{place}/{thing}" if place else f"/trials/{one.trial_id}" if one.trial_id else "/"

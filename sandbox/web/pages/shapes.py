"""What a page shows: its context as one frozen dataclass, and the small shapes that pages share.

Every name a template reads is a field of its page's class, or belongs to the base context of every request.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar

from flask import Blueprint, render_template

from sandbox.web.codec import choice
from sandbox.words import Word

PAGES = Blueprint("pages", __name__)
Plain = dict[str, Any]
"""A small dict in the shape that a macro's comment in `templates/_ui.html` or `_list.html` describes."""


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """The base of every page: `template` names its file."""

    template: ClassVar[str]


def render(page: PageContext, status: int = 200) -> tuple[str, int]:
    """The page as HTML, with the answer's status."""
    given = {one.name: getattr(page, one.name) for one in fields(page)}
    return render_template(page.template, **given), status


def value_word(of: type[StrEnum], value: str) -> Word:
    """The word of a stored value of an enum."""
    return choice(of(value))


@dataclass(frozen=True, kw_only=True)
class LivePage(PageContext):
    """A page that keeps itself true: `live` has the address that tells when it changed, and the mark it was made at."""

    live: Plain


@dataclass(frozen=True, kw_only=True)
class Form:
    """One form: its fields for the macro, what stands in them, what is wrong, and where it goes."""

    fields: list[Plain]
    action: str
    submit: str
    key: str
    values: Plain = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    hidden: Plain = field(default_factory=dict)
    second: str | None = None
    kind: str = "main"
    prefix: str = "f-"
    zone: str = ""
    places: dict[str, str] = field(default_factory=dict)
    """Where errors of parts stand that the form shows under names of its own: {"events.harm_S1": "event_0"}."""


@dataclass(frozen=True, kw_only=True)
class FormPage(PageContext):
    """A page that is one form: where it belongs, what it is for, the facts beside it."""

    template: ClassVar[str] = "form.html"
    title: str
    over: list[Plain]
    sub: str
    form: Form
    errors: dict[str, list[str]] = field(default_factory=dict)
    aside: tuple[Plain, ...] = ()
    """Panels beside the form: {title, id, text?, facts?, items?}."""


@dataclass(frozen=True, kw_only=True)
class RecordPage(PageContext):
    """One record, read: what it says, what hangs on it, what happened. What can be done is behind its buttons."""

    template: ClassVar[str] = "record.html"
    title: str
    over: list[Plain]
    sub: str
    facts: list[Plain]
    actions: list[Plain] = field(default_factory=list)
    body: list[Plain] = field(default_factory=list)
    tables: list[Plain] = field(default_factory=list)
    """Tables: {title, id, columns, rows, none}."""
    reports: list[Plain] = field(default_factory=list)
    """Panels of facts: {title, id, facts}."""
    versions: list[Plain] = field(default_factory=list)
    history: list[Plain] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ListPage(PageContext):
    """A list with filters in its address; all of it is what `list_page` in `_list.html` takes."""

    template: ClassVar[str] = "list.html"
    title: str
    action: str
    columns: list[Plain]
    rows: list[Plain]
    caption: str
    matched: int | None
    total: int | None
    filters: list[Plain]
    q: str
    search_hint: str
    chips: list[Plain]
    clear_url: str | None
    exports: list[Plain]
    next_url: str | None
    left: int | None
    first_url: str | None
    nothing: Plain
    actions: list[Plain] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class TrialHead:
    """What opens every page of one trial: names, light, stage track, tabs."""

    title: str
    over: list[Plain]
    light: str | None
    stopped: bool
    state: str
    stages: list[Plain]
    tabs: list[Plain]
    actions: list[Plain]

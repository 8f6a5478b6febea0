"""A list page and its exports: filters in the address, chips that remove one, what to do when nothing is left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request, url_for

from sandbox.reads.pages import Page
from sandbox.web.pages.exports import EXPORTS, Exported, Slice, exported
from sandbox.web.pages.shapes import ListPage, Plain, render
from sandbox.web.reader import program, t

SHOWN = 50
LONGEST = 200
ALL = "all"
"""The value of a filter that has a usual one, for whoever wants everything."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list; its heading is the word `page.col.<key>`."""

    key: str
    num: bool = False


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One list: its words (`page.<name>.…`), its filters, and how a slice is read and shown.

    `page` gives a slice by cursor and size; `cells` and `plain` turn an item into a row of the page and of an export,
    where not `exported` reads just what a long list exports; `count` counts what would match without the names given,
    for the empty list."""

    name: str
    endpoint: str
    filters: list[Plain]
    columns: tuple[Column, ...]
    page: Slice
    cells: Callable[[Any], Plain]
    plain: Callable[[Any], Plain] | None = None
    q: str = ""
    matched: int | None = None
    total: int | None = None
    count: Callable[..., int] | None = None
    exported: Exported | None = None
    actions: list[Plain] = field(default_factory=list)


def wanted(name: str) -> str | None:
    """One filter of the address; blank is none, and so are characters that nobody can type."""
    text = "".join(c for c in request.args.get(name, "") if c.isprintable()).strip()
    return text[:LONGEST] or None


def choices_of(name: str, value: str | None, options: Mapping[str, str], usual: str | None = None) -> Plain:
    """A filter with its options; `usual`: the one that holds where none is asked for, which nobody can remove."""
    return {"usual": usual, "name": name, "label": t(f"page.col.{name}"), "value": value or usual,
            "options": [*({"value": key, "label": label} for key, label in options.items()),
                        *([{"value": ALL, "label": t("list.all")}] if usual else [])]}


def listed(of: Listing) -> Any:
    """The list as a page, or as the export the address asks for."""
    kind = request.args.get("export")
    if kind in EXPORTS:
        return exported(of.name, kind, of.exported, of.page, of.plain)
    cursor = request.args.get("cursor")
    with program().reading() as connection:
        found = of.page(connection, cursor, SHOWN)
    filters = [one for one in of.filters if one["options"]]
    chips = _chips(of)
    return render(ListPage(
        title=t(f"page.{of.name}.title"), action=url_for(of.endpoint), caption=t(f"page.{of.name}.caption"),
        columns=[{"key": one.key, "label": t(f"page.col.{one.key}"), "num": one.num} for one in of.columns],
        rows=[of.cells(item) for item in found.items], matched=of.matched, total=of.total, filters=filters, q=of.q,
        search_hint=t(f"page.{of.name}.search"), chips=chips,
        clear_url=url_for(of.endpoint) if len(chips) > 1 else None,
        exports=[{"label": kind.upper(), "url": _address(of, export=kind)} for kind in EXPORTS],
        next_url=_address(of, cursor=found.next) if found.next else None, left=None,
        first_url=_address(of) if cursor else None, actions=of.actions,
        nothing=_looked(of, found) if found.looked else _nothing(of, chips)))


def _address(of: Listing, without: str = "", **more: str | None) -> str:
    """This list's address with its filters, one left out, others added."""
    names = ("q", *(one["name"] for one in of.filters))
    kept: dict[str, Any] = {name: value for name in names if name != without and (value := wanted(name))}
    return url_for(of.endpoint, **kept | more)


def _chips(of: Listing) -> list[Plain]:
    found = [{"name": "q", "label": t("page.list.chip", what=t("list.search"), value=of.q)}] if of.q else []
    for one in of.filters:
        if one["value"] and one["value"] != one["usual"]:
            label = next((o["label"] for o in one["options"] if o["value"] == one["value"]), one["value"])
            found.append({"name": one["name"], "label": t("page.list.chip", what=one["label"], value=label)})
    return [{"label": one["label"], "url": _address(of, without=one["name"]), "name": one["name"]} for one in found]


def _looked(of: Listing, found: Page[Any]) -> Plain:
    """Nothing among so many: not the end of the list, only of what one page looks at."""
    return {"title": t("page.list.looked", n=found.looked), "text": t("page.list.looked_why"),
            "actions": [{"label": t("page.list.look_on"), "url": _address(of, cursor=found.next)}]}


def _nothing(of: Listing, chips: list[Plain]) -> Plain:
    """An empty list: which filters clash and what removing each would show; or how the list fills."""
    if not chips:
        wider = [{"label": t("list.see_all"), "url": _address(of, **{one["name"]: ALL})}
                 for one in of.filters if one["usual"]]
        return {"title": t(f"page.{of.name}.none"), "text": t(f"page.{of.name}.none_why"),
                "actions": [*wider, *of.actions]}
    return {"title": t("page.list.clash", n=len(chips)), "text": t("page.list.clash_why"),
            "actions": [{"label": _removal(of, chip), "url": chip["url"]} for chip in chips]}


def _removal(of: Listing, chip: Plain) -> str:
    if of.count is None:
        return t("page.list.without", what=chip["label"])
    return t("page.list.without_shows", what=chip["label"], n=of.count(**{chip["name"]: None}))

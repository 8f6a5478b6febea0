"""A page as a tree: what stands where, for tests that look at markup and not for substrings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset(("area", "br", "hr", "img", "input", "link", "meta", "wbr"))


@dataclass
class Node:
    """One element; `texts` are its own and its descendants', in order."""

    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def walk(self) -> Iterator["Node"]:
        """This element and everything in it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, tag: str = "", cls: str = "", **attrs: str) -> list["Node"]:
        """Elements of this tag and class with these attributes; in a name `_` stands for `-`."""
        wanted = {name.replace("_", "-"): value for name, value in attrs.items()}
        return [one for one in self.walk() if (not tag or one.tag == tag)
                and (not cls or cls in one.attrs.get("class", "").split())
                and all(one.attrs.get(name) == value for name, value in wanted.items())]

    def one(self, tag: str = "", cls: str = "", **attrs: str) -> "Node":
        """The only such element."""
        found = self.all(tag, cls, **attrs)
        assert len(found) == 1, f"{len(found)} of {tag}.{cls} {attrs}"
        return found[0]

    @property
    def text(self) -> str:
        """What it says."""
        return re.sub(r"\s+", " ", "".join(self.texts)).strip()

    def panel(self, heading: str) -> "Node":
        """The section that this heading's id names."""
        return self.one("section", aria_labelledby=heading)

    def facts(self) -> dict[str, str]:
        """What a list of facts pairs."""
        return dict(zip([one.text for one in self.all("dt")], [one.text for one in self.all("dd")], strict=True))

    def table(self) -> list[list[str]]:
        """The cells of the one table in it, its headings first."""
        return [[cell.text for cell in row.walk() if cell.tag in ("th", "td")]
                for row in self.one("table").all("tr")]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Node("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        place = next((place for place in reversed(range(1, len(self.open))) if self.open[place].tag == tag), None)
        if place is not None:
            del self.open[place:]

    def handle_data(self, data: str) -> None:
        for node in self.open:
            node.texts.append(data)


def tree(html: str) -> Node:
    """The page, read."""
    builder = _Builder()
    builder.feed(html)
    return builder.root

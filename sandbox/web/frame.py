"""What surrounds every page: navigation by role with what waits, who is signed in, messages, the way in and out."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import sqlalchemy as sa
from flask import g, get_flashed_messages, request, url_for

from sandbox.reads.board import Task, tasks
from sandbox.rules.access import Actor, Role
from sandbox.web.problems import STORAGE
from sandbox.web.reader import program, t

ADMINISTRATOR, REGULATOR, FIRM, REVIEWER, DEPARTMENT, _ = list(Role)
AT_TRIALS = (REGULATOR, FIRM, REVIEWER, DEPARTMENT)


@dataclass(frozen=True, slots=True)
class Place:
    """A row of NAV: the first part of its address is its key. `gap` sets it apart from what stands above."""

    key: str
    roles: tuple[Role, ...]
    gap: bool = False
    named: Mapping[Role, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return "/" if self.key == "board" else f"/{self.key}"

    def label(self, role: Role) -> str:
        """The word of the place, as this role calls it."""
        return t(f"nav.{self.named.get(role, self.key)}")


NAV = (
    Place("board", (ADMINISTRATOR, *AT_TRIALS)),
    Place("trials", AT_TRIALS, named={FIRM: "my_trials"}),
    Place("scenarios", AT_TRIALS),
    Place("reviews", (REGULATOR, FIRM, REVIEWER), named={REVIEWER: "my_reviews"}),
    Place("feedback", (REGULATOR, FIRM, REVIEWER)),
    Place("incidents", (REGULATOR, FIRM, REVIEWER)),
    Place("clocks", (REGULATOR,)),
    Place("registers", (REGULATOR, FIRM, DEPARTMENT)),
    Place("duty", (REGULATOR,)),
    Place("accounts", (ADMINISTRATOR, REGULATOR), gap=True),
    Place("organisations", (ADMINISTRATOR, REGULATOR)),
    Place("messages", (ADMINISTRATOR, *AT_TRIALS), gap=True),
    Place("settings", (ADMINISTRATOR, *AT_TRIALS)),
)
PLACE_OF = {"conclude": "reviews", "await": "reviews", "review": "reviews", "seat": "reviews", "correction": "feedback",
            "report": "feedback", **dict.fromkeys(("incident", "clock", "item", "verify", "allegation"), "incidents"),
            "alarm": "duty", "recusal": "reviews"}
"""Where a kind of task is dealt with, besides the board, which counts all."""
PART_OF = {**dict.fromkeys(("corrective-items", "allegations", "files"), "incidents"), "alarms": "duty",
           **dict.fromkeys(("fees", "reviewers", "recusals", "seats"), "reviews")}
"""Pages that belong to a place whose address is another."""
KINDS = {"error": "bad", "success": "good"}


def framed() -> dict[str, Any]:
    """The frame of the page at this address."""
    first = request.path.split("/")[1] or "board"
    return frame(PART_OF.get(first, first))


def frame(current: str) -> dict[str, Any]:
    """The context that base.html takes from every request; `current` is the key of the place the page belongs to."""
    who, account = g.get("signed_in"), g.get("account")
    shared = {"home_url": "/", "sign_out_url": url_for("signout"), "messages": messages()}
    if who is None or account is None:
        way_in = None if request.endpoint == "signin" else url_for("signin")
        return {**shared, "nav": [], "who": None, "search_url": None, "sign_in_url": way_in}
    counts = waiting()
    nav = [{"key": place.key, "url": place.url, "label": place.label(who.role), "count": counts.get(place.key, 0),
            "current": place.key == current, "gap": place.gap} for place in NAV if who.role in place.roles]
    return {**shared, "nav": nav, "who": {"name": account["name"], "note": t(f"role.{who.role}")},
            "search_url": "/trials" if who.role in AT_TRIALS else None, "sign_in_url": None}


def messages() -> list[dict[str, str]]:
    """What the last page left to say."""
    pairs = cast(list[tuple[str, str]], get_flashed_messages(with_categories=True))
    return [{"kind": KINDS.get(kind, kind), "text": text} for kind, text in pairs if text]


def waiting() -> Mapping[str, int]:
    """How many things wait for the signed-in person, by place; none are counted while the storage fails."""
    try:
        with program().reading() as connection:
            found = my_tasks(connection, g.signed_in)
    except STORAGE:
        return {}
    return {"board": len(found), **Counter(PLACE_OF[task.kind] for task in found if task.kind in PLACE_OF)}


def my_tasks(connection: sa.Connection, who: Actor) -> tuple[Task, ...]:
    """What waits for the person of this request, found once: the board's heading and the navigation agree."""
    if "tasks" not in g:
        g.tasks = tasks(connection, who, program().clock(), program().settings.place)
    return cast(tuple[Task, ...], g.tasks)

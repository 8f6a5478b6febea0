"""Caps (使用规模上限): how much of each is used, its course over time, and when it is reached at the pace so far."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from sandbox.reads import trials, usage
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.pace import Point
from sandbox.web.pages.lights import cap_word, number
from sandbox.web.pages.shapes import Plain
from sandbox.web.pages.times import day, now
from sandbox.web.reader import program, t

A_LITTLE = timedelta(hours=1)
"""Midnight ends the day before it."""
Cap = Mapping[str, Any]
Row = Mapping[str, Any]


def meters(row: Row, caps: Sequence[Cap]) -> list[Plain]:
    """Caps for the `meters` macro, with where time has got to and, while it runs, when each is reached."""
    gone = trials.days_used(row, now()) / row["day_limit"] if row["starts_at"] and row["day_limit"] else None
    return [{"label": cap_word(cap["dimension"], row["unit"]), "used": number(cap["used"]), "cap": number(cap["cap"]),
             "share": min(cap["share"], 10.0), "tick": gone, **_pace(row, cap)} for cap in caps]


def _pace(row: Row, cap: Cap) -> Plain:
    if cap["share"] > 1:
        return {"said": t("page.cap.over"), "urgency": "late"}
    out = usage.ahead(row, cap, now()).reached
    if out is None or not row["ends_at"]:
        return {}
    if out < row["ends_at"]:
        return {"said": t("page.cap.runs_out", day=day(out)), "urgency": "soon"}
    return {"said": t("page.cap.lasts", day=day(row["ends_at"] - A_LITTLE))}


@dataclass(frozen=True, slots=True)
class Axis:
    """What a chart is drawn on: the time from the start to the end, or as far as use is told, and the tallest value."""

    starts: datetime
    ends: datetime
    top: float

    def along(self, at: datetime) -> float:
        """Where an instant lies, as a fraction of the time."""
        return (at - self.starts) / (self.ends - self.starts)

    def up(self, amount: float) -> float:
        """Where an amount lies, as a fraction of the tallest."""
        return amount / self.top


def over_time(connection: sa.Connection, row: Row, caps: Sequence[Cap]) -> Plain:
    """Caps for the `caps_over_time` macro: {rows, columns, table}. The cap that is reached first comes first, its
    chart open; the numbers of all stand in one table. Places have a meter alone."""
    courses = usage.courses(connection, row, now(), program().settings.zone)
    ranked = sorted(caps, key=lambda cap: (_first(row, cap), -cap["share"]))
    rows = [{**meter, "chart": _chart(row, cap, courses[cap["dimension"]]) if cap["dimension"] in courses else None}
            for cap, meter in zip(ranked, meters(row, ranked), strict=True)]
    drawn = [cap["dimension"] for cap in ranked if cap["dimension"] in courses]
    return {"rows": rows, **_table(row, drawn, {name: courses[name] for name in drawn})}


def _first(row: Row, cap: Cap) -> float:
    """Passed caps before those that are reached, soonest first, and those before the rest."""
    if cap["share"] > 1:
        return 0.0
    out = usage.ahead(row, cap, now()).reached
    return out.timestamp() if out else float("inf")


def _chart(row: Row, cap: Cap, course: tuple[Point, ...]) -> Plain:
    """Fractions of the drawing, and what it says: {points, limit, pace, projected?, ticks, finding, today?}."""
    ahead = usage.ahead(row, cap, now())
    last = course[-1]
    axis = Axis(row["starts_at"], max(row["ends_at"], last.at), max(cap["cap"], last.used, 1e-9))
    points = [*course, Point(ahead.told, last.used)] if ahead.told > last.at else [*course]
    chart: Plain = {
        "points": [(axis.along(one.at), axis.up(one.used)) for one in points], "limit": axis.up(cap["cap"]),
        "pace": (axis.along(row["ends_at"]), axis.up(cap["cap"])), "over": cap["share"] > 1,
        "urgency": _pace(row, cap).get("urgency", ""),
        "said": number(cap["used"]), "top": number(cap["cap"]), "starts": day(row["starts_at"]),
        "ends": day(row["ends_at"] - A_LITTLE), "finding": _finding(row, cap, ahead), "projected": None}
    if ahead.reached is not None:
        chart["projected"] = _projected(axis, points[-1], cap["cap"], ahead.reached)
    return chart


def _projected(axis: Axis, last: Point, cap: float, out: datetime) -> Plain:
    """From what is told to where the cap is reached, or to the end of the drawing on the way there."""
    if out <= axis.ends:
        return {"to": (axis.along(out), axis.up(cap)), "day": day(out)}
    part = (axis.ends - last.at) / (out - last.at)
    return {"to": (1.0, axis.up(last.used + (cap - last.used) * part)), "day": ""}


def _finding(row: Row, cap: Cap, ahead: usage.Ahead) -> str:
    """The chart in a sentence."""
    figures = {"what": cap_word(cap["dimension"], row["unit"]), "used": number(cap["used"]), "cap": number(cap["cap"]),
               "told": day(max(ahead.told - A_LITTLE, row["starts_at"])), "end": day(row["ends_at"] - A_LITTLE)}
    if cap["share"] > 1:
        return t("page.burn.over", **figures)
    if row["state"] not in RUNNING:
        return t("page.burn.stands", **figures)
    if ahead.reached is None:
        return t("page.burn.no_pace", **figures)
    if ahead.reached < row["ends_at"]:
        return t("page.burn.reached", **figures, day=day(ahead.reached), n=(row["ends_at"] - ahead.reached).days)
    return t("page.burn.lasts", **figures)


def _table(row: Row, drawn: Sequence[str], courses: Mapping[str, tuple[Point, ...]]) -> Plain:
    """What was used by the end of each period in which anything was."""
    told = {later.at for course in courses.values() for one, later in pairwise(course) if later.used > one.used}
    instants = sorted(told)
    walked = [[number(used) for used in _walked(courses[name], instants)] for name in drawn]
    return {"columns": [t("page.burn.until"), *(cap_word(name, row["unit"]) for name in drawn)],
            "table": [list(line) for line in zip([day(at - A_LITTLE) for at in instants], *walked, strict=True)]}


def _walked(course: tuple[Point, ...], instants: Sequence[datetime]) -> Iterator[float]:
    """What was used by each of these instants, in their order."""
    place = 0
    for at in instants:
        while place + 1 < len(course) and course[place + 1].at <= at:
            place += 1
        yield course[place].used

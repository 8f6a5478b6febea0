"""Drift of distributions on a trial's page: a sentence for the last closed period, and every period in a table."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.reads.drift import DriftLine, DriftPeriod, drift
from sandbox.rules.drift import LARGE
from sandbox.web.pages.lights import number
from sandbox.web.pages.shapes import Plain
from sandbox.web.pages.times import day, now
from sandbox.web.reader import program, t
from sandbox.words import word

A_LITTLE = timedelta(hours=1)
COLUMNS = ("period", "cases", "index", "bound", "verdict")
FIGURES = ("cases", "index", "bound")


def watched(connection: sa.Connection, row: Mapping[str, Any]) -> list[Plain]:
    """Each watched distribution: {name, colour, said, cut, columns, rows}."""
    lines = drift(connection, row, now(), program().settings.zone)
    return [{"name": line.name, "cut": t("page.drift.cut", cut=line.cut, n=line.reference), **_said(line),
             "columns": [{"key": name, "label": t(f"page.drift.{name}"), "num": name in FIGURES} for name in COLUMNS],
             "rows": [_row(one) for one in line.periods]} for line in lines]


def _said(line: DriftLine) -> Plain:
    last = next((one for one in reversed(line.periods) if one.looked_at), None)
    if last is None:
        return {"colour": "grey", "said": t("page.drift.none_yet")}
    figures = {"day": day(last.ends - A_LITTLE), "n": last.look.cases, "index": index(last.look.index),
               "bound": index(last.look.bound)}
    kind = _kind(last)
    if kind != "not_enough":
        return {"colour": {"drifted": "yellow", "steady": "green"}[kind], "said": t(f"page.drift.{kind}", **figures)}
    more = word("page.drift.needed", n=line.needed) if line.needed else word("page.drift.small_reference")
    return {"colour": "grey", "said": t("page.drift.not_enough", **figures, large=index(LARGE), more=more)}


def _kind(one: DriftPeriod) -> str:
    return "drifted" if one.look.drifted else "steady" if one.look.enough else "not_enough"


def _row(one: DriftPeriod) -> Plain:
    verdict = t(f"page.drift.is_{_kind(one)}" if one.looked_at else "page.drift.is_open")
    return {"period": day(one.ends - A_LITTLE), "cases": number(one.look.cases), "index": index(one.look.index),
            "bound": index(one.look.bound), "verdict": verdict}


def index(value: float) -> str:
    """An index or its bound, to two digits; without cases there is no bound."""
    return f"{value:.2f}" if value < float("inf") else "\N{EM DASH}"

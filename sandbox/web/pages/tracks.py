"""The opening of a trial's pages: its names, light, stage track of four, tabs and the acts that stop it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import url_for

from sandbox.reads import trials
from sandbox.reads.board import AT_WORK
from sandbox.rules.lifecycle import STATES, Stage, stage_of
from sandbox.web.pages.shapes import Plain, TrialHead
from sandbox.web.pages.times import day, now
from sandbox.web.reader import t, titled

FOUR = (Stage.ENCOURAGE, Stage.TRIAL, Stage.TUNE, Stage.STANDARDISE)
STOPPED = ("suspended", "retrospective")
TABS = ("trial", "dossier", "trial_feedback", "trial_incidents", "trial_reviews", "trial_changes", "timetable",
        "panel", "trial_log")
COUNTED = {"trial_feedback": "feedback", "trial_incidents": "incidents", "trial_reviews": "reviews",
           "trial_changes": "changes"}


def head_of(connection: sa.Connection, row: Mapping[str, Any], tab: str,
            actions: list[Plain] | None = None) -> TrialHead:
    """The head of one tab of a trial."""
    made = trials.moves_made(connection, row["id"])
    return TrialHead(
        title=titled(row), over=over(row), light=row["light"] if row["state"] in AT_WORK else None,
        stopped=row["state"] in STOPPED, state=t(f"state.{row['state']}"), stages=stages(row, made),
        tabs=tabs(connection, row, tab), actions=actions or [])


def over(row: Mapping[str, Any]) -> list[Plain]:
    """Where the trial belongs and what it is, above its title."""
    found: list[Plain] = [{"text": t("nav.trials"), "url": url_for("pages.trials_list")}, {"text": row["id"]},
                          {"text": row["organisation"]}]
    if row["tier"]:
        found.append({"text": t(f"tier.{row['tier']}"), "tag": True})
    if row["plan_version"]:
        found.append({"text": t("page.trial.plan_version", version=row["plan_version"]), "tag": True})
    return found + [{"text": t(f"page.trial.{mark}"), "tag": True} for mark in ("simplified", "adopted") if row[mark]]


def back(row: Mapping[str, Any], *more: Plain) -> list[Plain]:
    """The way back to the trial, above the title of a page about a part of it."""
    own = f"{row['id']} {titled(row)}"
    return [{"text": t("nav.trials"), "url": url_for("pages.trials_list")},
            {"text": own, "url": url_for("pages.trial", trial_id=row["id"])}, *more]


def tabs(connection: sa.Connection, row: Mapping[str, Any], current: str) -> list[Plain]:
    """The parts of a trial, with how many things each holds."""
    tallies = trials.tallies(connection, row)
    return [{"label": t(f"page.tab.{tab}"), "url": url_for(f"pages.{tab}", trial_id=row["id"]),
             "current": tab == current, "count": tallies.get(COUNTED.get(tab, ""))} for tab in TABS]


def stages(row: Mapping[str, Any], made: tuple[dict[str, Any], ...] = (), *, slim: bool = False) -> list[Plain]:
    """The four stages; a side state hangs from the stage it left. `made` are the moves, for the dates."""
    reached = first_reached(made)
    current = FOUR.index(stage_of(row["state"], row["left"]))
    side = STATES[row["state"]].stage is Stage.SIDE
    found = []
    for place, stage in enumerate(FOUR):
        one: Plain = {"code": stage.value, "label": t(f"stage.{stage}"), "state": _standing(place, current, side, row)}
        if place == current and side:
            one.update(side_label=t(f"state.{row['state']}"), paused=row["state"] in STOPPED)
        if slim:
            one["note"] = t(f"state.{row['state']}") if place == current and not side else ""
        else:
            one["note"] = _note(stage, place - current, row, reached)
        found.append(one)
    return found


def _standing(place: int, current: int, side: bool, row: Mapping[str, Any]) -> str:
    if place == current:
        return "left" if side else "done" if STATES[row["state"]].final else "now"
    return "done" if place < current else "ahead"


def first_reached(made: tuple[dict[str, Any], ...]) -> dict[str, datetime]:
    """When each stage was first entered."""
    found: dict[str, datetime] = {}
    for move in made:
        found.setdefault(STATES[move["target"]].stage.value, move["at"])
        if move["name"] in ("admit", "adopt_trial"):
            found[move["name"]] = move["at"]
    return found


def _note(stage: Stage, ahead: int, row: Mapping[str, Any], reached: Mapping[str, datetime]) -> str:
    if ahead > 0:
        return t("page.track.not_reached")
    if stage is Stage.ENCOURAGE:
        return _dated("page.track.adopted", reached.get("adopt_trial")) or \
            _dated("page.track.admitted", reached.get("admit")) or t(f"state.{row['state']}")
    if ahead == 0 and row["running_since"] and stage in (Stage.TRIAL, Stage.TUNE):
        return t("page.track.day", n=max(1, int(trials.days_used(row, now())) + 1), limit=row["day_limit"])
    return _dated("page.track.since", reached.get(stage.value)) or t("page.track.passed_over")


def _dated(key: str, at: datetime | None) -> str:
    return t(key, day=day(at)) if at else ""



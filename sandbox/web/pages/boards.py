"""The landing page of each role: what waits for this person, and how their trials stand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import g, redirect, url_for

from sandbox.reads import accounts, board, messages, records, reporting, risk, scenarios, steps, trials
from sandbox.reads.board import Owed
from sandbox.reads.live import board_mark
from sandbox.rules.access import Role
from sandbox.rules.lifecycle import STATES
from sandbox.store.scenarios import ScenarioStatus
from sandbox.web.frame import my_tasks
from sandbox.web.pages import caps, lights, tasks
from sandbox.web.pages.shapes import LivePage, PageContext, Plain, render, value_word
from sandbox.web.pages.times import due_day, moment, now, remaining
from sandbox.web.pages.tracks import STOPPED, stages
from sandbox.web.reader import actor, find_actor, program, said, t, titled
from sandbox.words import word

AT_WORK_SHOWN = 20
SILENT_SHOWN, CAPS_SHOWN, OWED_SHOWN, CARDS = 5, 5, 8, 10
AHEAD = timedelta(days=30)
SILENT_WITHIN = timedelta(hours=24)
COLUMNS = ("title", "light", "stage", "reason", "next", "used")


def home() -> Any:
    """The signed-in person's landing page; anyone else is shown the door."""
    g.actor = find_actor()
    if g.actor is None:
        return redirect(url_for("signin"))
    with program().reading() as connection:
        return render(LANDINGS[g.actor.role](connection))


def live(connection: sa.Connection) -> Plain:
    """Where a landing page hears that it changed."""
    return {"url": url_for("board_live"), "mark": board_mark(connection, actor(), now())}


# Regulators


@dataclass(frozen=True, kw_only=True)
class BoardPage(LivePage):
    """The regulator's board: decisions first, then silence, caps and every trial at work."""

    template: ClassVar[str] = "board.html"
    at: str
    n: int
    counts: str
    todo: list[Plain]
    silence: list[Plain]
    caps: list[Plain]
    notices: int
    notices_url: str
    columns: list[Plain]
    rows: list[Plain]
    more: int
    trials_url: str
    decisions_url: str


def regulator(connection: sa.Connection) -> BoardPage:
    """Every trial's light and what needs a decision today."""
    waiting = my_tasks(connection, actor())
    working = board.at_work(connection, actor())
    known = {row["id"]: lights.known(connection, row) for row in working[:AT_WORK_SHOWN]}
    owed = _owed_by_trial(connection)
    causes = trials.causes(connection, working[:AT_WORK_SHOWN])
    asked = records.yellow_reasons(connection, [row["id"] for row in working[:AT_WORK_SHOWN]])
    first = risk.to_inspect(connection, actor())
    counted = reporting.compared(connection, working[:AT_WORK_SHOWN], program().settings.zone, now())
    differing = {trial for (trial, _), counts in counted.items() if any(one.differs for one in counts)}
    because = {row["id"]: (causes.get(row["id"]), asked.get(row["id"], "")) for row in working[:AT_WORK_SHOWN]}
    rows = [_row(row, known[row["id"]], because[row["id"]], owed.get(row["id"], []), row["id"] in first,
                 row["id"] in differing) for row in working[:AT_WORK_SHOWN]]
    silent = records.silent_on(connection, [one.object_id for one in waiting if one.kind == "await"])
    return BoardPage(
        live=live(connection),
        at=moment(now()), n=len(waiting), counts=_counts(board.counts_at_work(connection, actor())),
        todo=tasks.todo(waiting, silent), silence=_silence(connection), caps=_near_caps(working, known),
        notices=messages.waiting(connection), notices_url=url_for("messages.deliveries", state="due"),
        columns=[{"key": key, "label": t(f"page.col.{key}"), "num": key == "used"} for key in COLUMNS], rows=rows,
        more=max(0, len(working) - AT_WORK_SHOWN), trials_url=url_for("pages.trials_list"),
        decisions_url=url_for("pages.decisions_list"))


def _counts(by: Mapping[str, int]) -> str:
    order = ("stopped", "red", "yellow", "grey", "green")
    parts = [word(f"page.board.count_{name}", n=by[name]) for name in order if by.get(name)]
    return t("page.board.counts", n=sum(by.values()), parts=parts) if parts else t("page.board.counts_none")


def _owed_by_trial(connection: sa.Connection) -> dict[str, list[Owed]]:
    found: dict[str, list[Owed]] = {}
    for one in board.owed(connection, actor()):
        found.setdefault(one.trial_id, []).append(one)
    return found


def _row(row: Mapping[str, Any], known: risk.Risk, because: tuple[str | None, str], owed: list[Owed], inspect: bool,
         differs: bool) -> Plain:
    fullest = max((cap["share"] for cap in known.caps), default=None)
    why = lights.reason(row, known, *because)
    return {
        "live": row["id"],
        "title": {"text": titled(row), "url": url_for("pages.trial", trial_id=row["id"]),
                  "sub": f"{row['id']} · {row['organisation']}"},
        "light": {"light": row["light"], "suspended": row["state"] in STOPPED},
        "stage": {"text": t(f"stage.{row['stage']}"), "sub": t(f"state.{row['state']}")},
        "reason": {"text": t("page.reason.first", why=why) if inspect else why,
                   "sub": t("page.board.counts_differ") if differs else ""}, "next": _next_cell(owed),
        "used": t("page.percent", n=round(min(fullest, 9.99) * 100)) if fullest is not None else "",
    }


def _next_cell(owed: list[Owed]) -> Any:
    """The soonest thing that somebody has to do; what its lack would cause stands on the trial's page."""
    first = next((one for one in owed if not one.kind.startswith("stop_")), None)
    if first is None:
        return ""
    until = due_day(first.at)
    text = t("page.owed.short", what=tasks.owed_word(first), when=until.text)
    return {"text": text, "urgency": until.urgency} if until.urgency else text


def _silence(connection: sa.Connection) -> list[Plain]:
    """Trials whose report is late, or due within a day."""
    late = [one for one in board.reports_due(connection, actor()) if one["due_at"] <= now() + SILENT_WITHIN]
    return [_silent(one) for one in late[:SILENT_SHOWN]]


def _silent(one: Mapping[str, Any]) -> Plain:
    until = remaining(one["due_at"])
    text = t("page.silence.late" if until.urgency == "late" else "page.silence.soon", left=until.text)
    stops = t("page.silence.stops", when=moment(one["stops_at"])) if one["stops_at"] else ""
    return {"name": f"{one['id']} {titled(one)}", "url": url_for("pages.trial", trial_id=one["id"]), "text": text,
            "urgency": until.urgency, "note": stops}


def _near_caps(working: tuple[dict[str, Any], ...], known: Mapping[str, risk.Risk]) -> list[Plain]:
    """The fullest cap of each trial that has used most of one, with where time has got to."""
    found = []
    for row in working:
        cap = board.near_cap(row, known[row["id"]].caps) if row["id"] in known else None
        if cap is not None:
            meter = caps.meters(row, (cap,))[0]
            found.append({**meter, "label": f"{row['id']} · {meter['label']}"})
    return found[:CAPS_SHOWN]


# Firms


@dataclass(frozen=True, kw_only=True)
class FirmPage(LivePage):
    """The firm's own trials: what is next, how each stands, what comes in the next thirty days."""

    template: ClassVar[str] = "my_trials.html"
    organisation: str
    sub: str
    next: Plain | None
    others: list[Plain]
    cards: list[Plain]
    owed: list[Plain]
    running: list[Plain]
    more: int
    trials_url: str
    begin_url: str


def firm(connection: sa.Connection) -> FirmPage:
    """My trials."""
    waiting = my_tasks(connection, actor())
    lines = trials.trials(connection, actor(), limit=200).items
    open_lines = sorted((line for line in lines if not STATES[line.state].final), key=_most_wanted)
    owed = _owed_by_trial(connection)
    cards = [_card(connection, line.id, owed.get(line.id, [])) for line in open_lines[:CARDS]]
    body = accounts.account(connection, account_id=actor().id)
    return FirmPage(
        live=live(connection),
        organisation=(body or {}).get("organisation") or "", sub=_firm_sub(len(waiting), len(lines)),
        next=_firm_next(waiting), others=tasks.todo(waiting)[1:], cards=cards,
        owed=[_owed_row(one) for many in owed.values() for one in many if one.at <= now() + AHEAD
              and not one.kind.startswith("stop_")][:OWED_SHOWN],
        running=[_running(line) for line in open_lines if line.state in ("trial", "tune")],
        more=len(lines) - len(cards), trials_url=url_for("pages.trials_list"),
        begin_url=url_for("pages.scenarios_list"))


def _most_wanted(line: trials.TrialLine) -> tuple[bool, int, str]:
    order = ("correction", "suspended", "retrospective", "trial", "tune", "exit_review", "winding_down", "admitted")
    return line.state not in order, order.index(line.state) if line.state in order else 0, line.id


def _firm_sub(waiting: int, whole: int) -> str:
    if not whole:
        return t("page.firm.none")
    return t("page.firm.waiting", n=waiting) if waiting else t("page.firm.calm")


def _firm_next(waiting: tuple[board.Task, ...]) -> Plain | None:
    if not waiting:
        return None
    first = waiting[0]
    shown = tasks.next_of(first, None, first.trial_id or "")
    return {**shown, "body": t("page.firm.on_trial", trial=f"{first.trial_id} {titled(first)}", why=shown["body"])}


def _card(connection: sa.Connection, trial_id: str, owed: list[Owed]) -> Plain:
    row = trials.trial(connection, actor(), trial_id)
    assert row is not None
    known, started = lights.known(connection, row), row["starts_at"] is not None
    return {
        "id": row["id"], "anchor": f"h-{row['id']}", "title": titled(row), "light": row["light"] if started else None,
        "url": url_for("pages.trial", trial_id=row["id"]), "stopped": row["state"] in STOPPED,
        "state": t(f"state.{row['state']}"), "tags": _tags(row), "stages": stages(row, slim=True),
        "sentence": lights.explained(connection, row, known) if started else None,
        "meters": caps.meters(row, known.caps)[:2],
        "facts": [_fact(one) for one in owed if not one.kind.startswith("stop_")][:3], **_lacking(connection, row),
    }


def _lacking(connection: sa.Connection, row: Mapping[str, Any]) -> Plain:
    """Before a start: what is still missing, as one list."""
    if row["starts_at"] is not None:
        return {"lacking": "", "needs": []}
    found = trials.next_moves(connection, row, row["relation"], now(), program().settings.place)
    way = steps.way_ahead(row, found)
    if way is None or not way.permitted or not way.unmet:
        return {"lacking": "", "needs": []}
    return {"lacking": t("page.firm.lacking", n=len(way.unmet), what=word(f"move.{way.move.name}")),
            "needs": tasks.need_rows(way.unmet, way.unmet, row["id"], way.decision)}


def _tags(row: Mapping[str, Any]) -> list[str]:
    found = [t(f"tier.{row['tier']}")] if row["tier"] else []
    if row["running_since"] and row["state"] in ("trial", "tune"):
        days = int(trials.days_used(row, now())) + 1
        found.append(t("page.track.day", n=days, limit=row["day_limit"]))
    return found + ([t("page.trial.simplified")] if row["simplified"] else [])


def _fact(one: Owed) -> Plain:
    until = due_day(one.at)
    return {"label": said(tasks.owed_word(one)), "text": until.text, "urgency": until.urgency}


def _owed_row(one: Owed) -> Plain:
    until = due_day(one.at)
    return {"when": until.text, "urgency": until.urgency, "at": one.at.isoformat(),
            "text": t("page.owed.of_trial", trial=one.trial_id, what=tasks.owed_word(one))}


def _running(line: trials.TrialLine) -> Plain:
    return {"name": f"{line.id} {titled(line)}",
            "pause_url": url_for("pages.move", trial_id=line.id, name="suspend"),
            "incident_url": url_for("pages.new_incident", trial_id=line.id)}


# Reviewers


@dataclass(frozen=True, kw_only=True)
class ReviewerPage(LivePage):
    """The reviewer's own list, soonest first: seats offered, risk checks, votes, score sheets."""

    template: ClassVar[str] = "my_reviews.html"
    n: int
    todo: list[Plain]
    columns: list[Plain]
    rows: list[Plain]


def reviewer(connection: sa.Connection) -> ReviewerPage:
    """My reviews."""
    waiting = my_tasks(connection, actor())
    lines = trials.trials(connection, actor(), limit=200).items
    return ReviewerPage(
        live=live(connection),
        n=len(waiting), todo=tasks.todo(waiting),
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in ("title", "light", "state")],
        rows=[_line_row(line) for line in lines if not STATES[line.state].final])


def _line_row(line: trials.TrialLine) -> Plain:
    at_work = line.state in board.AT_WORK
    return {"title": {"text": titled(line), "url": url_for("pages.trial", trial_id=line.id),
                      "sub": f"{line.id} · {line.organisation}"},
            "light": {"light": line.light, "suspended": line.state in STOPPED} if at_work else "",
            "state": {"text": t(f"state.{line.state}"), "sub": t(f"stage.{line.stage}")}}


# Departments


@dataclass(frozen=True, kw_only=True)
class DepartmentPage(PageContext):
    """The scenarios a department leads, and the trials in them."""

    template: ClassVar[str] = "my_scenarios.html"
    scenarios: list[Plain]
    scenario_columns: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    new_url: str


def department(connection: sa.Connection) -> DepartmentPage:
    """My scenarios."""
    led = [one for one in scenarios.scenarios(connection, actor(), limit=200).items
           if one["lead_id"] == actor().organisation_id]
    lines = trials.trials(connection, actor(), limit=200).items
    counted: dict[str, int] = {}
    for line in lines:
        counted[line.scenario_id] = counted.get(line.scenario_id, 0) + 1
    return DepartmentPage(
        scenarios=[_scenario_row(one, counted.get(one["id"], 0)) for one in led],
        scenario_columns=[{"key": key, "label": t(f"page.col.{key}"), "num": key == "trials"}
                          for key in ("scenario", "status", "trials")],
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in ("title", "light", "state")],
        rows=[_line_row(line) for line in lines], new_url=url_for("pages.new_scenario"))


def _scenario_row(one: Mapping[str, Any], number: int) -> Plain:
    return {"scenario": {"text": titled(one), "url": url_for("pages.scenario", scenario_id=one["id"])},
            "status": said(value_word(ScenarioStatus, one["status"])), "trials": str(number)}


# Administrators


@dataclass(frozen=True, kw_only=True)
class SetupPage(PageContext):
    """What to set up next, in order, each step with whether it is done."""

    template: ClassVar[str] = "setting_up.html"
    missing: int
    steps: list[Plain] = field(default_factory=list)


ASKED_FOR = ((Role.REGULATOR, 2), (Role.REVIEWER, 3), (Role.FIRM, 1))
"""How many people of a role a sandbox needs before its first trial."""


def administrator(connection: sa.Connection) -> SetupPage:
    """What to set up next."""
    by_role = board.people_by_role(connection, actor(), now())
    bodies = len(accounts.organisations(connection, actor(), limit=2).items)
    found = [_setup_step("organisations", met=bodies > 1, url=url_for("accounts.new_organisation"))]
    found += [_setup_step(f"people_{role}", met=by_role.get(role.value, 0) >= least, n=least,
                          url=url_for("accounts.invite", role=role.value)) for role, least in ASKED_FOR]
    return SetupPage(missing=sum(not one["met"] for one in found), steps=found)


def _setup_step(name: str, *, met: bool, url: str, **values: int) -> Plain:
    return {"met": met, "text": t(f"page.setting_up.{name}", **values), "holder": t(f"page.setting_up.{name}_why"),
            "link": None if met else {"url": url, "label": t("page.setting_up.go")}}


LANDINGS: dict[Role, Any] = {Role.REGULATOR: regulator, Role.FIRM: firm, Role.REVIEWER: reviewer,
                             Role.DEPARTMENT: department, Role.ADMINISTRATOR: administrator}

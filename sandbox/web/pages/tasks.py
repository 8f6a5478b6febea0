"""Tasks and steps in words: what to do, why, until when, and the page where it is done."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from flask import url_for

from sandbox.reads.board import Owed, Task
from sandbox.reads.steps import Step
from sandbox.rules.changes import ChangeKind
from sandbox.rules.guards import need_named
from sandbox.store.dues import HoldKind
from sandbox.store.incidents import IncidentKind, Severity
from sandbox.store.retractions import RetractionGround
from sandbox.store.reviews import ReviewKind
from sandbox.store.sections import SECTIONS
from sandbox.store.trials import Panel
from sandbox.store.votes import MATTERS, MatterName
from sandbox.web.pages.shapes import Plain, value_word
from sandbox.web.pages.times import due
from sandbox.web.reader import said, t, titled
from sandbox.words import Word, has_word, word

OBJECT_PAGES = {
    "alarm": ("pages.alarm", "alarm_id"), "recusal": ("pages.recusal", "recusal_id"),
    "decide": ("pages.decision", "decision_id"), "conclude": ("pages.review", "review_id"),
    "await": ("pages.review", "review_id"),
    "correction": ("pages.correction", "correction_id"), "incident": ("pages.incident", "incident_id"),
    "clock": ("pages.incident", "incident_id"), "a clock": ("pages.clock", "clock_id"),
    "item": ("pages.corrective_item", "item_id"),
    "verify": ("pages.corrective_item", "item_id"), "allegation": ("pages.allegation", "allegation_id"),
    "annual": ("pages.file_annual_report", "report_id"),
    "hold": ("pages.hold", "hold_id"), "seat": ("pages.seat", "seat_id"), "review": ("pages.review", "review_id"),
    "change": ("pages.change", "change_id"), "held": ("pages.held", "held_id"),
    "retraction": ("pages.retraction", "retraction_id"),
}
"""Where a task about an object of its own is done."""
ABOUT = {"conclude": ReviewKind, "await": ReviewKind, "review": ReviewKind, "seat": Panel, "hold": HoldKind,
         "vote": MatterName, "retraction": RetractionGround, "change": ChangeKind}
FAMILIES = {"decide": "move", "move": "move", "section": "section"}
"""What names a task's subject: an enum's value, or a word of its own."""


def step_url(kind: str, name: str, trial_id: str) -> str:
    """Where a step on a trial is done."""
    if kind == "move":
        return url_for("pages.move", trial_id=trial_id, name=name)
    if kind == "section":
        return url_for("pages.section", trial_id=trial_id, kind=name)
    if kind == "vote":
        return url_for("pages.vote", trial_id=trial_id, matter=name)
    if kind == "panel":
        return url_for("pages.panel", trial_id=trial_id)
    if kind == "items":
        return url_for("pages.corrective_items_list", trial=trial_id)
    if kind == "changes":
        return url_for("pages.trial_changes", trial_id=trial_id)
    if kind == "report":
        return url_for("pages.new_feedback", trial_id=trial_id)
    return url_for("pages.trial", trial_id=trial_id, _anchor="moves")


def task_url(task: Task) -> str:
    """Where a task is done."""
    if task.kind in OBJECT_PAGES:
        endpoint, name = OBJECT_PAGES["a clock" if task.object_id.startswith("ck_") else task.kind]
        named: dict[str, Any] = {name: task.object_id}
        return url_for(endpoint, **named)
    if task.kind == "late_red":
        return url_for("pages.late_red", trial_id=task.trial_id, late_red=task.object_id)
    return step_url(task.kind, task.about or "", task.trial_id or "")


def about_word(kind: str, about: str | None) -> Word:
    """What a task is about, in its own words."""
    if kind == "decide" and about and not has_word(f"move.{about}", "en"):
        return word(f"page.decision.act.{about}")
    if kind == "incident":
        return value_word(IncidentKind, "complaint") if about == "complaint" else value_word(Severity, about or "")
    if kind == "alarm":
        return word(f"page.reason.{about}")
    if kind in ("clock", "annual"):
        return word(f"clock.{about}")
    if kind in ABOUT:
        return value_word(ABOUT[kind], about or "")
    return word(f"{FAMILIES[kind]}.{about}") if kind in FAMILIES else word(f"page.do.{kind}")


def what(kind: str, about: str | None) -> str:
    """The act, as a verb with its object."""
    if kind == "move":
        return t(f"move.{about}")
    return t(f"page.task.{kind}", what=about_word(kind, about))


def owed_word(one: Owed) -> Word:
    """What is owed, by its own name."""
    if one.kind == "clock":
        return word(f"clock.{one.about}")
    return value_word(ReviewKind, one.about) if one.about else word(f"page.owed.{one.kind}")


def todo(tasks: tuple[Task, ...], silent: Mapping[str, list[str]] = MappingProxyType({})) -> list[Plain]:
    """Tasks for the `todo` macro, the first with the page's one filled button where it can be done; `silent`: by review
    the names of those whose opinion it waits for."""
    return [_todo_row(task, silent.get(task.object_id, []), first=place == 0) for place, task in enumerate(tasks)]


def _todo_row(task: Task, silent: list[str], *, first: bool) -> Plain:
    url, act = task_url(task), what(task.kind, task.about)
    named = f"{task.trial_id} {titled(task)}" if task.trial_id else ""
    row: Plain = {"text": t("page.task.line", trial=named, what=act) if named else act, "url": url,
                  "why": why(task, silent),
                  "action": {"label": t(f"page.do.{task.kind}"), "url": url,
                             "kind": "main" if first and task.kind != "await" else ""}}
    if task.due_at and task.kind != "hold":
        until = due(task.due_at)
        row.update(due=until.text, urgency=until.urgency)
    return row


def why(task: Task, silent: list[str] | None = None) -> str:
    """Why it waits for this person; what waits for others says for whom, and what can be done meanwhile."""
    if task.kind == "await":
        who = [t("page.why.await_who", who=silent)] if silent else []
        return " ".join((t("page.why.await", n=task.have, needed=task.needed), *who, t("page.why.await_do")))
    state = word(f"state.{task.state}") if task.state else ""
    return t(f"page.why.{task.kind}", state=state, what=about_word(task.kind, task.about))


def next_of(task: Task | None, step: Step | None, trial_id: str) -> Plain:
    """The one next action on a trial page, for the `next_action` macro; at worst whom the trial waits for."""
    if task is not None:
        until = due(task.due_at) if task.due_at else None
        return {"title": what(task.kind, task.about), "body": why(task), "due": until.text if until else "",
                "urgency": until.urgency if until else "",
                "main": {"label": t(f"page.do.{task.kind}"), "url": task_url(task)}}
    if step is None:
        return {"title": t("page.step.none"), "body": t("page.step.none_why"), "due": "", "urgency": "", "main": None}
    if not step.own:
        toward = word(f"move.{step.toward}")
        return {"title": t("page.step.wait", who=word(f"role.{step.name}")),
                "body": t("page.step.toward", what=toward), "due": "", "urgency": "", "main": None}
    body = t("page.step.toward", what=word(f"move.{step.toward}")) if step.toward and step.kind != "move" else \
        t(f"page.step.why_{step.kind}")
    return {"title": what(step.kind, step.name), "body": body, "due": "", "urgency": "",
            "main": {"label": t(f"page.do.{step.kind}"), "url": step_url(step.kind, step.name, trial_id)}}


def need_rows(needs: Iterable[str], unmet: Mapping[str, Word], trial_id: str, decision: str | None) -> list[Plain]:
    """Needs for the `needs` macro: unmet ones with who holds them and a link to where they are met."""
    return [_need_row(name, unmet.get(name), trial_id, decision) for name in needs]


def _need_row(name: str, lacking: Word | None, trial_id: str, decision: str | None) -> Plain:
    row: Plain = {"met": lacking is None, "text": said(lacking or word(f"need.{name}"))}
    if lacking:
        row["holder"] = t("page.need.holder", who=word(f"role.{need_named(name).holder}"))
        link = meet_url(need_named(name).meet, trial_id, decision)
        row["link"] = {"url": link, "label": t("page.need.go")} if link else None
    return row


def meet_url(meet: str, trial_id: str, decision: str | None) -> str | None:
    """Where a need is met; nothing where only time, or a proposal not yet made, meets it."""
    pages: dict[str, Any] = {"dossier": "pages.dossier", "panel": "pages.panel", "reviews": "pages.trial_reviews",
                             "feedback": "pages.trial_feedback", "incidents": "pages.trial_incidents"}
    if meet == "corrective_items":
        return step_url("items", meet, trial_id)
    if meet == "decision":
        return url_for("pages.decision", decision_id=decision) if decision else None
    if meet.startswith("votes:"):
        subjects = MATTERS[meet.removeprefix("votes:")].subjects
        meet = subjects[0] if subjects else "panel"
    if meet in SECTIONS:
        return url_for("pages.section", trial_id=trial_id, kind=meet)
    return url_for(pages[meet], trial_id=trial_id) if meet in pages else None



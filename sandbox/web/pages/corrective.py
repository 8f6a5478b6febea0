"""Corrective items: all that wait, one with what was done and found; added, changed, done, verified."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import request, url_for

from sandbox.reads import accounts, trials
from sandbox.reads import corrective as reads
from sandbox.rules.access import Relation, Role
from sandbox.store.corrective import CorrectiveChange, CorrectiveDone, CorrectiveFields, CorrectiveVerdict
from sandbox.web.guard import page
from sandbox.web.pages import files
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.panel import sitting
from sandbox.web.pages.shapes import PAGES, Plain, RecordPage, render
from sandbox.web.pages.times import due, moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own, with_trial
from sandbox.web.reader import actor, program, t, titled

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
COLUMNS = (Column("item"), Column("due"), Column("item_state"), Column("owner"))


@page(PAGES, "/corrective-items", roles=READERS)
def corrective_items_list() -> Any:
    """Corrective items of every trial this person sees, soonest due first."""
    state, trial, q = wanted("item_state"), wanted("trial"), wanted("q")
    state = state if state in reads.STATES else None
    return listed(Listing(
        name="items", endpoint="pages.corrective_items_list", q=q or "", columns=COLUMNS, cells=cells, plain=_plain,
        filters=[choices_of("item_state", state, {one: t(f"page.item.{one}") for one in reads.STATES}),
                 choices_of("trial", trial, {trial: trial} if trial else {})],
        page=lambda connection, cursor, limit: reads.items(connection, actor(), now(), trial_id=trial, state=state, q=q,
                                               cursor=cursor, limit=limit)))


def cells(one: Mapping[str, Any]) -> Plain:
    """An item as a row."""
    until = due(one["due_at"])
    waits = one["state"] in ("open", "overdue")
    return {
        "item": {"text": one["what"], "sub": f"{one['trial_id']} {titled(one, 'trial_title')}",
                 "url": url_for("pages.corrective_item", item_id=one["id"])},
        "due": {"text": until.text if waits else moment(one["due_at"]), "urgency": until.urgency if waits else ""},
        "item_state": {"text": state_text(one), "urgency": "late" if one["state"] == "overdue" else ""},
        "owner": one["owner"],
    }


def state_text(one: Mapping[str, Any]) -> str:
    """Where an item stands, and whether it is critical."""
    state = t(f"page.item.{one['state']}")
    return t("page.item.critical", state=state) if one["critical"] else state


def _plain(one: Mapping[str, Any]) -> Plain:
    names = ("id", "trial_id", "incident_id", "review_id", "what", "owner", "due_at", "acceptance_test", "mandatory",
             "critical", "state", "done", "done_at", "verdict", "verified_at")
    return {name: one[name] for name in names}


def found(connection: sa.Connection, item_id: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """An item and its trial. Raises NotFound."""
    return with_trial(connection, reads.item(connection, actor(), now(), item_id))


@page(PAGES, "/corrective-items/<item_id>", roles=READERS)
def corrective_item(item_id: str) -> Any:
    """One corrective item: what is to be done, what was done, and what another person found."""
    with program().reading() as connection:
        one, row = found(connection, item_id)
        told = [{"label": t(f"field.{name}"), "text": one[name]}
                for name in ("what", "acceptance_test", "done", "verdict") if one[name]]
        evidence = files.of_object(connection, one["trial_id"], item_id)
        return render(RecordPage(title=t("page.item.title"), over=back(row), sub=state_text(one), body=told,
                                 tables=evidence, facts=_facts(connection, one),
                                 actions=_actions(connection, one, row)))


def _facts(connection: sa.Connection, one: Mapping[str, Any]) -> list[Plain]:
    people = accounts.names(connection, {one[name] for name in ("author_id", "done_by", "verified_by") if one[name]})
    until = due(one["due_at"])
    facts: list[Plain] = [
        {"label": t("page.col.due"), "text": until.text, "urgency": until.urgency}
        if one["state"] in ("open", "overdue") else {"label": t("page.col.due"), "text": moment(one["due_at"])},
        {"label": t("field.owner"), "text": one["owner"]},
        {"label": t("field.mandatory"), "text": t("page.yes" if one["mandatory"] else "page.no")},
        {"label": t("page.incident.author"), "text": people.get(one["author_id"], "")},
    ]
    for name in ("done", "verified"):
        if one[f"{name}_at"]:
            facts.append({"label": t(f"page.item.{name}_by"), "text": people.get(one[f"{name}_by"], "")})
            facts.append({"label": t(f"page.item.{name}_at"), "text": moment(one[f"{name}_at"])})
    if one["incident_id"]:
        facts.append({"label": t("field.incident_id"), "text": one["incident_id"],
                      "url": url_for("pages.incident", incident_id=one["incident_id"])})
    if one["review_id"]:
        facts.append({"label": t("field.review_id"), "text": one["review_id"],
                      "url": url_for("pages.review", review_id=one["review_id"])})
    return facts


def _actions(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any]) -> list[Plain]:
    officer, owner = row["relation"] is Relation.OFFICER, row["relation"] is Relation.OWNER
    waits, done = one["state"] in ("open", "overdue"), one["state"] == "done"
    ways = [("finish", waits and (officer or owner)), ("change", waits and officer),
            ("verify", done and one["done_by"] != actor().id and (officer or _sits(connection, row)))]
    evidence = {"label": t("page.file.new"), "url": url_for(
        "pages.new_file", trial_id=one["trial_id"], of="corrective_item", object=one["id"])}
    return [*({"label": t(f"page.item.do_{name}"), "url": url_for(f"pages.{name}_item", item_id=one["id"]),
               "kind": "main" if name != "change" else ""} for name, may in ways if may),
            *([evidence] if officer or owner else [])]


def _sits(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Whether the reader is on the running panel."""
    there = sitting(trials.panel(connection, row["id"]), "running", row["panel_no"])
    return any(seat["account_id"] == actor().id for seat in there)


@page(PAGES, "/trials/<trial_id>/corrective-items/new", act="add_corrective_item", methods=("GET", "POST"))
def new_item(trial_id: str) -> Any:
    """Add a corrective item; the address may name the incident or review that it comes out of."""
    with program().reading() as connection:
        row = own(connection, trial_id)
    origin = {name: value for name in ("incident_id", "review_id") if (value := wanted(name))}
    form = form_of(CorrectiveFields, url_for("pages.new_item", trial_id=trial_id), t("page.item.add"), values=origin)
    return asked(form, "add_corrective_item", CorrectiveFields, trial_id, title=t("page.item.new"), over=back(row),
                 sub=t("page.item.new_why"),
                 done=(lambda made: url_for("pages.corrective_item", item_id=made.id), t("page.item.added")))


@page(PAGES, "/corrective-items/<item_id>/finish", act="finish_corrective_item", methods=("GET", "POST"))
def finish_item(item_id: str) -> Any:
    """Say that it is done, and what was done."""
    return _asked("finish", item_id, CorrectiveDone)


@page(PAGES, "/corrective-items/<item_id>/verify", act="verify_corrective_item", methods=("GET", "POST"))
def verify_item(item_id: str) -> Any:
    """Say what another person found."""
    return _asked("verify", item_id, CorrectiveVerdict)


@page(PAGES, "/corrective-items/<item_id>/change", act="change_corrective_item", methods=("GET", "POST"))
def change_item(item_id: str) -> Any:
    """Give it another date, owner or weight, with a reason."""
    return _asked("change", item_id, CorrectiveChange)


def _asked(name: str, item_id: str, model: Any) -> Any:
    with program().reading() as connection:
        one, row = found(connection, item_id)
    kept = {"owner": one["owner"], "critical": one["critical"], "mandatory": one["mandatory"],
            "due_on": (one["due_at"].astimezone(program().settings.zone)).date()} if name == "change" else {}
    form = form_of(model, request.path, t(f"page.item.do_{name}"), values=kept)
    here = url_for("pages.corrective_item", item_id=item_id)
    return asked(form, f"{name}_corrective_item", model, item_id, title=t(f"page.item.do_{name}"),
                 sub=t(f"page.item.{name}_why"), over=[*back(row), {"text": t("page.item.title"), "url": here}],
                 aside=({"title": t("field.what"), "id": "h-what", "text": one["what"]},),
                 done=(here, t(f"page.item.{name}_done")))

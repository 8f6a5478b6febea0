"""Requests that a reviewer step aside: asked by the firm, decided by a regulator."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import url_for

from sandbox.reads import recusals as reads
from sandbox.reads import trials
from sandbox.rules.access import Relation
from sandbox.rules.cadence import end_of_working_days
from sandbox.rules.panels import ASKED_WITHIN
from sandbox.store.recusals import RecusalDecision, RecusalFields, RecusalState
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.shapes import PAGES, Plain, RecordPage, render, value_word
from sandbox.web.pages.times import due, moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import with_trial
from sandbox.web.reader import actor, program, said, t


@page(PAGES, "/seats/<seat_id>/recusal-request", act="ask_recusal", methods=("GET", "POST"))
def ask_recusal(seat_id: str) -> Any:
    """Ask that this reviewer step aside."""
    with program().reading() as connection:
        seat, row = with_trial(connection, trials.seat(connection, actor(), seat_id))
        name = next(one["name"] for one in trials.panel(connection, row["id"]) if one["id"] == seat_id)
    form = form_of(RecusalFields, url_for("pages.ask_recusal", seat_id=seat_id), t("page.recusal.ask"))
    until = end_of_working_days(seat["at"], ASKED_WITHIN, program().settings.place)
    return asked(form, "ask_recusal", RecusalFields, seat_id, title=t("page.recusal.of", name=name or ""),
                 sub=t("page.recusal.ask_why", until=moment(until)), over=_over(row),
                 done=(url_for("pages.panel", trial_id=row["id"]), t("page.recusal.asked")))


@page(PAGES, "/recusals/<recusal_id>", act="decide_recusal", methods=("GET", "POST"))
def recusal(recusal_id: str) -> Any:
    """One request; while it waits, the decision."""
    with program().reading() as connection:
        one, row = with_trial(connection, reads.recusal(connection, actor(), recusal_id))
    title = t("page.recusal.of", name=one["name"] or "")
    if one["state"] != RecusalState.WAITING:
        return render(RecordPage(title=title, over=_over(row), sub=state_of(one), facts=_facts(one, row)))
    form = form_of(RecusalDecision, url_for("pages.recusal", recusal_id=recusal_id), t("page.recusal.decide"))
    return asked(form, "decide_recusal", RecusalDecision, recusal_id, title=title, sub=t("page.recusal.decide_why"),
                 over=_over(row), aside=({"title": t("page.record.about"), "id": "h-about",
                                          "facts": _facts(one, row)},),
                 done=(url_for("pages.panel", trial_id=row["id"]), t("page.recusal.decided")))


def _over(row: Mapping[str, Any]) -> list[Plain]:
    return back(row, {"text": t("page.tab.panel"), "url": url_for("pages.panel", trial_id=row["id"])})


def _facts(one: Mapping[str, Any], row: Mapping[str, Any]) -> list[Plain]:
    facts = {"firm": row["organisation"], "reason": one["reason"], "panel": t(f"choice.Panel.{one['panel']}"),
             "asked": moment(one["at"]), "decide_by": due(one["decide_by"]).text if one["decided_at"] is None else "",
             "decision": one["decision"] or ""}
    return [{"label": t(f"page.recusal.fact_{name}"), "text": text} for name, text in facts.items() if text]


def state_of(one: Mapping[str, Any]) -> str:
    """How a request stands."""
    return said(value_word(RecusalState, one["state"]))


def requests_of(connection: sa.Connection, row: Mapping[str, Any]) -> list[Plain]:
    """The requests of a trial for whoever may read them: whom, how it stands, and why."""
    opens = row["relation"] is Relation.OFFICER
    return [{"text": one["name"] or t("page.panel.unnamed"),
             "said": t("page.recusal.line", state=value_word(RecusalState, one["state"]),
                       reason=one["decision"] or one["reason"]),
             "url": url_for("pages.recusal", recusal_id=one["id"]) if opens else ""}
        for one in reads.recusals(connection, actor(), row["id"])]


def askable(row: Mapping[str, Any], seat: Mapping[str, Any]) -> bool:
    """Whether the firm may still ask about this seat, as far as dates say."""
    until = end_of_working_days(seat["at"], ASKED_WITHIN, program().settings.place)
    return row["relation"] is Relation.OWNER and not seat["objected"] and now() < until

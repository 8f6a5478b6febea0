"""Allegations, for regulators alone: all of them, entering one, making an incident of it or dismissing it."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import request, url_for

from sandbox.reads import allegations as reads
from sandbox.rules.access import Role
from sandbox.store.allegations import (
    AllegationFields,
    AllegationKind,
    AllegationSource,
    AllegationState,
    ConfirmationFields,
    DismissalFields,
)
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.incidents import enum_words
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Plain, RecordPage, render, value_word
from sandbox.web.pages.times import due, moment
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own, with_trial
from sandbox.web.reader import actor, program, said, t, titled

READERS = (Role.REGULATOR,)
COLUMNS = (Column("allegation"), Column("from"), Column("state"), Column("due"))


@page(PAGES, "/allegations", roles=READERS)
def allegations_list() -> Any:
    """Allegations on every trial, newest entered first."""
    state, q = wanted("state"), wanted("q")
    return listed(Listing(
        name="allegations", endpoint="pages.allegations_list", q=q or "", columns=COLUMNS, cells=_cells,
        plain=_plain, filters=[choices_of("state", state, enum_words(AllegationState))],
        page=lambda connection, cursor, limit: reads.allegations(connection, actor(), state=state, q=q, cursor=cursor,
                                                     limit=limit)))


def _cells(one: Mapping[str, Any]) -> Plain:
    until = due(one["decide_by"])
    waits = one["state"] == AllegationState.WAITING
    return {
        "allegation": {"text": said(value_word(AllegationKind, one["kind"])), "sub": f"{one['trial_id']} "
                       f"{titled(one, 'trial_title')}", "url": url_for("pages.allegation", allegation_id=one["id"])},
        "from": said(value_word(AllegationSource, one["source"])),
        "state": said(value_word(AllegationState, one["state"])),
        "due": {"text": until.text, "urgency": until.urgency} if waits else "",
    }


def _plain(one: Mapping[str, Any]) -> Plain:
    names = ("id", "trial_id", "source", "kind", "severity", "indicator", "occurred_at", "received_at", "text",
             "reference", "state", "decide_by", "incident_id", "reason", "decided_at")
    return {name: one[name] for name in names}


def found(connection: sa.Connection, allegation_id: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """An allegation and its trial. Raises NotFound."""
    return with_trial(connection, reads.allegation(connection, actor(), allegation_id))


@page(PAGES, "/allegations/<allegation_id>", roles=READERS)
def allegation(allegation_id: str) -> Any:
    """One allegation: what is said, and what was made of it."""
    with program().reading() as connection:
        one, row = found(connection, allegation_id)
    ways = [("confirm", "main"), ("dismiss", "")] if one["state"] == AllegationState.WAITING else []
    reason = [{"label": t("field.reason"), "text": one["reason"]}] if one["reason"] else []
    return render(RecordPage(
        title=t("page.allegation.title"), over=back(row), sub=said(value_word(AllegationState, one["state"])),
        body=shown(AllegationFields, one) + reason, facts=_facts(one),
        actions=[{"label": t(f"page.allegation.do_{name}"), "kind": kind,
                  "url": url_for(f"pages.{name}_allegation", allegation_id=allegation_id)} for name, kind in ways]))


def _facts(one: Mapping[str, Any]) -> list[Plain]:
    until = due(one["decide_by"])
    if one["state"] == AllegationState.WAITING:
        return [{"label": t("page.col.due"), "text": until.text, "urgency": until.urgency},
                {"label": t("page.allegation.counts"), "text": t("page.allegation.counts_why")}]
    facts: list[Plain] = [{"label": t("page.allegation.decided_at"), "text": moment(one["decided_at"])}]
    if one["incident_id"]:
        facts.append({"label": t("page.allegation.became"), "text": one["incident_id"],
                      "url": url_for("pages.incident", incident_id=one["incident_id"])})
    return facts


@page(PAGES, "/trials/<trial_id>/allegations/new", act="enter_allegation", methods=("GET", "POST"))
def new_allegation(trial_id: str) -> Any:
    """Enter what somebody outside says."""
    with program().reading() as connection:
        row = own(connection, trial_id)
    form = form_of(AllegationFields, request.path, t("page.allegation.enter"), leave_out=("indicator",))
    return asked(form, "enter_allegation", AllegationFields, trial_id, title=t("page.allegation.new"), over=back(row),
                 sub=t("page.allegation.new_why"),
                 done=(lambda made: url_for("pages.allegation", allegation_id=made.id), t("page.allegation.entered")))


@page(PAGES, "/allegations/<allegation_id>/confirm", act="confirm_allegation", methods=("GET", "POST"))
def confirm_allegation(allegation_id: str) -> Any:
    """Make an incident or complaint of it, in words that the firm may read."""
    with program().reading() as connection:
        one, row = found(connection, allegation_id)
    kept = {"severity": one["severity"], "occurred_at": one["occurred_at"],
            "kind": "complaint" if one["kind"] == AllegationKind.COMPLAINT else "incident"}
    form = form_of(ConfirmationFields, request.path, t("page.allegation.do_confirm"), values=kept)
    return asked(form, "confirm_allegation", ConfirmationFields, allegation_id, over=back(row),
                 title=t("page.allegation.do_confirm"), sub=t("page.allegation.confirm_why"), aside=_said(one),
                 done=(lambda made: url_for("pages.incident", incident_id=made.id), t("page.allegation.confirmed")))


@page(PAGES, "/allegations/<allegation_id>/dismiss", act="dismiss_allegation", methods=("GET", "POST"))
def dismiss_allegation(allegation_id: str) -> Any:
    """Say why nothing follows from it."""
    with program().reading() as connection:
        one, row = found(connection, allegation_id)
    form = form_of(DismissalFields, request.path, t("page.allegation.do_dismiss"))
    return asked(form, "dismiss_allegation", DismissalFields, allegation_id, over=back(row),
                 title=t("page.allegation.do_dismiss"), sub=t("page.allegation.dismiss_why"), aside=_said(one),
                 done=(url_for("pages.allegation", allegation_id=allegation_id), t("page.allegation.dismissed")))


def _said(one: Mapping[str, Any]) -> tuple[Plain, ...]:
    return ({"title": t("field.text"), "id": "h-said", "text": one["text"]},)

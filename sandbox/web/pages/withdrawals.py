"""Withdrawals of consent on a trial: how many, what became of their data, recording one, confirming the deletion."""

from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import reporting
from sandbox.rules.access import Role, may
from sandbox.store.withdrawals import WITHDRAWALS, DeletionFields, WithdrawalFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.no_use import FilingsPage
from sandbox.web.pages.shapes import PAGES, Plain, render
from sandbox.web.pages.times import moment, took
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, program, t

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
COLUMNS = ("withdrawn", "people_withdrawn", "deletion", "reference_number")


@page(PAGES, "/trials/<trial_id>/withdrawals", roles=READERS)
def withdrawals(trial_id: str) -> Any:
    """The withdrawals recorded of one trial, newest first."""
    cursor = request.args.get("cursor")
    with program().reading() as connection:
        row = own(connection, trial_id)
        found = reporting.filings(connection, actor(), WITHDRAWALS, trial_id, cursor=cursor)
    here = url_for("pages.withdrawals", trial_id=trial_id)
    mine = may(actor(), "confirm_deletion", row["relation"])
    records = {"label": t("page.withdrawal.record"), "url": url_for("pages.record_withdrawal", trial_id=trial_id),
               "kind": "main"}
    return render(FilingsPage(
        title=t("page.withdrawal.title"), over=back(row, _incidents(trial_id)), sub=t("page.withdrawal.sub"),
        actions=[records] if may(actor(), "record_withdrawal", row["relation"]) and row["starts_at"] else [],
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in COLUMNS], nothing=t("page.withdrawal.none"),
        rows=[_cells(one, mine) for one in found.items], first_url=here if cursor else None,
        next_url=url_for("pages.withdrawals", trial_id=trial_id, cursor=found.next) if found.next else None))


def _incidents(trial_id: str) -> Plain:
    return {"text": t("page.tab.trial_incidents"), "url": url_for("pages.trial_incidents", trial_id=trial_id)}


def _cells(one: Mapping[str, Any], mine: bool) -> Plain:
    """A withdrawal's row: the deletion once it is confirmed, the way to confirm it before."""
    deletion: Plain = {"text": t("page.withdrawal.waits"), "urgency": "soon"}
    if one["confirmed_at"]:
        after = took(one["deleted_at"] - one["withdrawn_at"])
        deletion = {"text": t("page.withdrawal.deleted", at=moment(one["deleted_at"]), after=after),
                    "sub": one["deletion"]}
    elif mine:
        deletion = {"text": t("page.withdrawal.confirm"), "sub": t("page.withdrawal.waits"),
                    "url": url_for("pages.confirm_deletion", withdrawal_id=one["id"])}
    return {"withdrawn": moment(one["withdrawn_at"]), "people_withdrawn": str(one["people"]), "deletion": deletion,
            "reference_number": one["reference"] or ""}


@page(PAGES, "/trials/<trial_id>/withdrawals/new", act="record_withdrawal", methods=("GET", "POST"))
def record_withdrawal(trial_id: str) -> Any:
    """Record that people withdrew their consent."""
    with program().reading() as connection:
        row = own(connection, trial_id)
    there = url_for("pages.withdrawals", trial_id=trial_id)
    return asked(form_of(WithdrawalFields, request.path, t("page.withdrawal.record")), "record_withdrawal",
                 WithdrawalFields, trial_id, title=t("page.withdrawal.record"), sub=t("page.withdrawal.record_why"),
                 over=back(row, {"text": t("page.withdrawal.title"), "url": there}),
                 done=(there, t("page.withdrawal.recorded")))


@page(PAGES, "/withdrawals/<withdrawal_id>/deletion", act="confirm_deletion", methods=("GET", "POST"))
def confirm_deletion(withdrawal_id: str) -> Any:
    """Confirm that what was theirs is deleted."""
    with program().reading() as connection:
        one = reporting.filing(connection, actor(), WITHDRAWALS, withdrawal_id)
        if one is None:
            raise NotFound
        row = own(connection, one["trial_id"])
    there = url_for("pages.withdrawals", trial_id=row["id"])
    return asked(form_of(DeletionFields, request.path, t("page.withdrawal.confirm")), "confirm_deletion",
                 DeletionFields, withdrawal_id, title=t("page.withdrawal.confirm"),
                 sub=t("page.withdrawal.confirm_why", n=one["people"], at=moment(one["withdrawn_at"])),
                 over=back(row, {"text": t("page.withdrawal.title"), "url": there}),
                 done=(there, t("page.withdrawal.confirmed")))

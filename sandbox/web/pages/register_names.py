"""Names in registers that may be one body's: what is proposed and why, and the decision, which is a person's alone."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import registers
from sandbox.store.registers import AliasDecisionFields, ProposalState
from sandbox.web.accounts import every_organisation
from sandbox.web.guard import page
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.shapes import PAGES, Form, FormPage, Plain, render
from sandbox.web.pages.times import moment
from sandbox.web.reader import program, t, titled

COLUMNS = (Column("name"), Column("other"), Column("ground"), Column("register"), Column("decision"))


@page(PAGES, "/registers/names", act="decide_alias")
def names_list() -> Any:
    """Proposals, newest first, those that wait and those decided."""
    state = wanted("state")
    with program().reading() as connection:
        named = {one["name"]: titled(one) for one in registers.registers(connection)}
        return listed(Listing(
            name="names", endpoint="pages.names_list", columns=COLUMNS, cells=lambda row: _cells(row, named),
            plain=_plain, q=wanted("q") or "",
            filters=[choices_of("state", state, {one.value: t(f"page.names.{one}") for one in ProposalState})],
            page=lambda connection, cursor, limit: registers.proposals(connection, state, cursor, limit,
                                                                       q=wanted("q"))))


def _cells(row: Mapping[str, Any], named: Mapping[str, str]) -> Plain:
    return {
        "name": {"text": row["name"], "url": url_for("pages.alias_decision", proposal_id=row["id"])},
        "other": row["other"], "ground": _ground(row), "register": named.get(row["register_name"], ""),
        "decision": {"text": t(f"page.names.{row['state']}"), "sub": row["organisation"] or ""},
    }


def _ground(row: Mapping[str, Any]) -> str:
    return t(f"page.names.{row['ground']}", n=row["times"])


def _plain(row: Mapping[str, Any]) -> Plain:
    return {name: str(row[name]) if name in ("ground", "state") else row[name] for name in (
        "id", "name", "other", "ground", "times", "register_name", "state", "organisation", "decided_at")}


@page(PAGES, "/registers/names/<proposal_id>", act="decide_alias", methods=("GET", "POST"))
def alias_decision(proposal_id: str) -> Any:
    """Decide whether two names are one body's."""
    with program().reading() as connection:
        row = registers.proposal(connection, proposal_id)
        if row is None:
            raise NotFound
        form = _form(connection, row)
        if request.method == "POST":
            given = {**read(AliasDecisionFields), "same": "draft" not in request.form, "proposal_id": proposal_id}
            done, form = tried(lambda: do("decide_alias", given), form)
            if done is not None:
                return gone(url_for("pages.names_list"), t(f"page.names.done_{done.state}", n=done.entries))
        return render(_page(row, form), 422 if form.errors else 200)


def _form(connection: sa.Connection, row: Mapping[str, Any]) -> Form:
    """Which body, or a new body's kind; nothing is asked where one of the names is a known one's."""
    known = registers.bodies_known(connection, (row["name"], row["other"]))
    form = form_of(AliasDecisionFields, url_for("pages.alias_decision", proposal_id=row["id"]), t("page.names.join"),
                   values={}, leave_out=("same", *(("organisation_id", "kind") if known else ())),
                   second=t("page.names.keep_apart"))
    if known:
        return form
    fields = {one["name"]: one for one in form.fields}
    fields["organisation_id"].update(
        kind="choice", help=t("page.names.organisation_help", name=row["other"]),
        choices=[{"value": one["id"], "label": one["name"]} for one in every_organisation()])
    fields["kind"]["help"] = t("page.names.kind_help")
    return form


def _page(row: Mapping[str, Any], form: Form) -> FormPage:
    facts = [{"label": name, "text": t("page.names.entries", n=n), "url": url_for(
        "pages.entries_list", register=row["register_name"], body=name)} for name, n in row["tallies"].items()]
    facts += [{"label": t("page.col.ground"), "text": _ground(row)},
              {"label": t("page.names.proposed_at"), "text": moment(row["at"])}]
    return FormPage(
        title=t("page.names.question", name=row["name"], other=row["other"]),
        over=[{"text": t("nav.registers"), "url": url_for("pages.registers_page")},
              {"text": t("page.names.title"), "url": url_for("pages.names_list")}],
        sub=t("page.names.sub"), form=form, errors=form.errors,
        aside=({"title": t("page.names.known"), "id": "h-known", "facts": facts, "text": t("page.names.never")},))

"""Stage adjustment (阶段调整): what a firm may ask of a running plan, one request, and the versions of the plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.changes import ChangeDecided, ChangeFiled
from sandbox.acts.refusals import NotFound, Unmet
from sandbox.reads import accounts
from sandbox.reads import changes as reads
from sandbox.rules.access import Relation, Role
from sandbox.rules.changes import KINDS, ChangeKind, Way
from sandbox.rules.guards import SECOND
from sandbox.store.changes import ASKED, ChangeDecision, ChangeFields, ChangeState, WideningFields
from sandbox.store.dossier import PlanFields
from sandbox.store.files import FileOf
from sandbox.store.running import CorrectivePlanFields
from sandbox.web.codec import label
from sandbox.web.guard import page
from sandbox.web.pages import files
from sandbox.web.pages.filing import again, do, form_of, gone, read, tried
from sandbox.web.pages.lights import number, unit_word
from sandbox.web.pages.sections import name_dimensions, shown
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, TrialHead, render, value_word
from sandbox.web.pages.tasks import need_rows
from sandbox.web.pages.times import due, moment, now
from sandbox.web.pages.tracks import back, head_of
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, program, said, t

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
COLUMNS = ("change", "state", "decide_by", "filed", "plan_version")
VERSIONS = ("version", "since", "made_by", "otherwise")
DIFFERS = ("field", "agreed_now", "asked_for")
SHOWN = 50
SAID_APART = ("reason", "evidence_links")
"""What a request says besides the terms that it would change."""


# Of one trial


@dataclass(frozen=True, kw_only=True)
class TrialChangesPage(PageContext):
    """The requests of one trial, what may be asked for now, and the versions of its plan."""

    template: ClassVar[str] = "trial_changes.html"
    head: TrialHead
    kinds: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    version_columns: list[Plain]
    versions: list[Plain]
    next_url: str | None
    first_url: str | None


@page(PAGES, "/trials/<trial_id>/changes")
def trial_changes(trial_id: str) -> Any:
    """Requests for a change of one trial, newest first."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        cursor = request.args.get("cursor")
        found = reads.changes(connection, actor(), trial_id, cursor=cursor, limit=SHOWN)
        return render(TrialChangesPage(
            head=head_of(connection, row, "trial_changes"), kinds=_kinds(row), columns=_columns(COLUMNS),
            rows=[_cells(one) for one in found.items], version_columns=_columns(VERSIONS),
            versions=_versions(reads.plan_versions(connection, trial_id)),
            next_url=url_for("pages.trial_changes", trial_id=trial_id, cursor=found.next) if found.next else None,
            first_url=url_for("pages.trial_changes", trial_id=trial_id) if cursor else None))


def _columns(names: tuple[str, ...]) -> list[Plain]:
    return [{"key": name, "label": t(f"page.col.{name}")} for name in names]


def _kinds(row: Mapping[str, Any]) -> list[Plain]:
    """The classes that the firm may file in this state, each with what it is for and what follows."""
    if row["relation"] is not Relation.OWNER:
        return []
    return [{"text": kind_name(kind.id), "why": t(f"page.change.kind_{kind.id}"),
             "url": url_for("pages.new_change", trial_id=row["id"], kind=kind.id.value)}
            for kind in KINDS.values() if kind.is_open(row["state"], row["left"])]


def kind_name(kind: str) -> str:
    """The name of a class."""
    return said(value_word(ChangeKind, kind))


def _cells(one: Mapping[str, Any]) -> Plain:
    waits = due(one["decide_by"]) if one["state"] == ChangeState.FILED and one["decide_by"] else None
    names = ", ".join(_label(row["term"]) for row in one["differences"])
    return {"change": {"text": kind_name(one["kind"]), "url": url_for("pages.change", change_id=one["id"]),
                       "sub": names},
            "state": said(value_word(ChangeState, one["state"])),
            "decide_by": {"text": waits.text, "urgency": waits.urgency} if waits else None,
            "filed": moment(one["at"]), "plan_version": str(one["leads_to"]) if one["leads_to"] else None}


def _versions(found: tuple[dict[str, Any], ...]) -> list[Plain]:
    """Each version with what made it and what it says otherwise than the one before, the last first."""
    rows = []
    for before, one in zip((None, *found), found, strict=False):
        was = before["terms"] if before else one["terms"]
        differs = [_label(name) for name, value in one["terms"].items() if value != was.get(name)]
        rows.append({"version": str(one["number"]), "since": moment(one["at"]), "made_by": _maker(one),
                     "otherwise": ", ".join(differs) or None})
    return rows[::-1]


def _maker(version: Mapping[str, Any]) -> Any:
    if version["change_id"]:
        return {"text": kind_name(version["kind"]), "url": url_for("pages.change", change_id=version["change_id"])}
    return t("page.decision.act.adopt_trial") if version["move"] == "adopt_trial" else t(f"move.{version['move']}")


# Asking


@page(PAGES, "/trials/<trial_id>/changes/new/<kind>", act="file_change", methods=("GET", "POST"))
def new_change(trial_id: str, kind: str) -> Any:
    """Ask for a change of one class; what stands in the form is what is agreed now."""
    if kind not in KINDS:
        raise NotFound
    with program().reading() as connection:
        row = own(connection, trial_id)
        terms = reads.terms_in_force(connection, row)
    program().acts.permit("file_change", actor(), trial_id)
    form = _form(trial_id, ChangeKind(kind), terms)
    if request.method == "POST":
        given = {"kind": kind, "body": read(ASKED[ChangeKind(kind)])}
        done, form = tried(lambda: do("file_change", given, trial_id), form)
        if done is not None:
            return gone(url_for("pages.change", change_id=done.id), t(f"page.change.now_{done.state}"))
    return render(NewChangePage(
        title=kind_name(kind), over=_over(row), sub=t(f"page.change.kind_{kind}"), form=form, errors=form.errors,
        closed="" if KINDS[ChangeKind(kind)].is_open(row["state"], row["left"]) else t("refused.not_in_this_state"),
    ), 422 if form.errors else 200)


@dataclass(frozen=True, kw_only=True)
class NewChangePage(PageContext):
    """The form of one class, or why nothing can be asked for now."""

    template: ClassVar[str] = "new_change.html"
    title: str
    over: list[Plain]
    sub: str
    form: Form
    closed: str
    errors: dict[str, list[str]] = field(default_factory=dict)


def _form(trial_id: str, kind: ChangeKind, terms: Mapping[str, Any]) -> Form:
    """The fields of the class, with the terms as they are; the reason stands last, as in every form."""
    model = ASKED[kind]
    known = {name: terms.get(name) for name in model.model_fields
             if name in KINDS[kind].terms and name != "not_applicable" and terms.get(name) is not None}
    form = form_of(model, url_for("pages.new_change", trial_id=trial_id, kind=kind.value), t("page.change.file"),
                   values=known)
    name_dimensions(form)
    last = [one for one in form.fields if one["name"] in SAID_APART]
    return replace(form, fields=[*(one for one in form.fields if one not in last), *last])


def _over(row: Mapping[str, Any], *more: Plain) -> list[Plain]:
    return back(row, {"text": t("page.tab.trial_changes"), "url": url_for("pages.trial_changes", trial_id=row["id"])},
                *more)


# One request


@dataclass(frozen=True, kw_only=True)
class ChangePage(PageContext):
    """One request: what it would change, why, what stands in its way, and the answer to it."""

    template: ClassVar[str] = "change.html"
    title: str
    over: list[Plain]
    sub: str
    urgency: str
    columns: list[Plain]
    rows: list[Plain]
    body: list[Plain]
    facts: list[Plain]
    needs: list[Plain]
    evidence: Plain
    waiting: Plain | None
    withdraw: Form | None
    form: Form | None
    errors: dict[str, list[str]] = field(default_factory=dict)


def own_change(connection: sa.Connection, change_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request's row and its trial's. Raises NotFound."""
    one = reads.change(connection, actor(), change_id)
    if one is None:
        raise NotFound
    return one, own(connection, one["trial_id"])


@page(PAGES, "/changes/<change_id>", methods=("GET", "POST"), roles=READERS)
def change(change_id: str) -> Any:
    """One request; a regulator's answer, or the firm's second thought."""
    with program().reading() as connection:
        one, row = own_change(connection, change_id)
    form = form_of(ChangeDecision, url_for("pages.change", change_id=change_id), t("page.change.decide"))
    if request.method == "POST":
        done, form = _decided(change_id, form)
        if done is not None:
            return _told(change_id, done)
    with program().reading() as connection:
        one, row = own_change(connection, change_id)
        return render(_page(connection, one, row, form), 422 if form.errors else 200)


def _decided(change_id: str, form: Form) -> tuple[Any, Form]:
    """What the answer did. What does not hold keeps the request waiting, and stands beside the form."""
    if "withdraw" in request.form:
        return tried(lambda: do("withdraw_change", {}, change_id), form)
    try:
        return tried(lambda: do("decide_change", read(ChangeDecision), change_id), form)
    except Unmet as refused:
        return None, again(form, {"": [t("page.change.unmet", n=len(set(refused.needs) - SECOND))]})


def _told(change_id: str, done: ChangeDecided | ChangeFiled) -> Any:
    """On to what came of it."""
    if isinstance(done, ChangeDecided) and done.decision:
        return gone(url_for("pages.decision", decision_id=done.decision), t("page.change.proposed"))
    return gone(url_for("pages.change", change_id=change_id), t(f"page.change.now_{done.state}"))


def _page(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any], form: Form) -> ChangePage:
    waits = one["state"] == ChangeState.FILED
    until = due(one["decide_by"]) if waits and one["decide_by"] else None
    officer, owner = row["relation"] is Relation.OFFICER, row["relation"] is Relation.OWNER
    proposed = reads.proposal(connection, one, now()) if waits and officer else None
    model = ASKED[ChangeKind(one["kind"])]
    apart = {name: value for name, value in one["asked"].items() if name not in KINDS[ChangeKind(one["kind"])].terms
             and name not in ("items", "more_days")}
    stands = {"text": said(value_word(ChangeState, one["state"])), "tag": True}
    return ChangePage(
        title=kind_name(one["kind"]), over=_over(row, stands),
        sub=until.text if until else t("page.change.is", state=value_word(ChangeState, one["state"])),
        urgency=until.urgency if until else "", columns=_columns(DIFFERS),
        rows=differing(one["differences"], row["unit"]),
        body=shown(model, apart), facts=_facts(connection, one), needs=_needs(connection, one, row, proposed),
        evidence=files.beside(connection, row, FileOf.CHANGE, one["id"]),
        waiting={"text": t("page.change.proposed_waits"),
                 "url": url_for("pages.decision", decision_id=proposed)} if proposed else None,
        withdraw=_withdrawal(one) if waits and owner else None,
        form=form if waits and officer and not proposed else None, errors=form.errors)


def _withdrawal(one: Mapping[str, Any]) -> Form:
    form = form_of(ChangeFields, url_for("pages.change", change_id=one["id"]), t("page.change.withdraw"), values={},
                   leave_out=tuple(ChangeFields.model_fields), hidden={"withdraw": "1"}, prefix="w-")
    return replace(form, kind="stop")


def differing(found: list[Mapping[str, Any]], unit: str) -> list[Plain]:
    """Term by term: what is agreed, and what is asked for; what is more than was agreed is marked."""
    ways = {way: t(f"page.change.way_{way}") for way in (Way.NARROWER, Way.WIDER)}
    return [{"field": {"text": _label(row["term"]), "sub": ways.get(row["way"], "")},
             "agreed_now": term_text(row["term"], row["before"], unit) or t("page.change.nothing"),
             "asked_for": term_text(row["term"], row["after"], unit) or t("page.change.nothing")} for row in found]


def change_line(one: Mapping[str, Any], unit: str) -> str:
    """A request in one line: its class, what it would change, how it stands."""
    return t("page.change.line", kind=value_word(ChangeKind, one["kind"]), state=value_word(ChangeState, one["state"]),
             what="; ".join(from_to(row, unit) for row in one["differences"]))


def from_to(row: Mapping[str, Any], unit: str) -> str:
    """One term, as it is and as it would be; `unit` is the trial's own."""
    return t("page.change.from_to", term=label(row["term"]), after=term_text(row["term"], row["after"], unit),
             before=term_text(row["term"], row["before"], unit) or t("page.change.nothing"))


def _label(term: str) -> str:
    return said(label(term))


def term_text(term: str, value: Any, unit: str) -> str:
    """A term's value in the reader's language; rows are joined, each cell with its name."""
    if term == "volume" and value is not None:
        return t("page.scenario.amount", amount=number(value), unit=unit_word(unit))
    if value in (None, "", []):
        return ""
    if term == "ends_at":
        return moment(datetime.fromisoformat(value))
    model, name = (CorrectivePlanFields, "items") if term == "corrective_plan" else \
        (PlanFields, term) if term in PlanFields.model_fields else (WideningFields, term)
    if name not in model.model_fields:
        return str(value)
    one = shown(model, {name: value})[0]
    if "text" in one:
        return str(one["text"])
    return "; ".join(", ".join(t("page.change.cell", name=column["label"], value=row[column["key"]])
                               for column in one["columns"] if row[column["key"]]) for row in one["rows"])


def _facts(connection: sa.Connection, one: Mapping[str, Any]) -> list[Plain]:
    names = accounts.names(connection, {one["author_id"], one["decided_by"] or ""})
    found: list[Plain] = [
        {"label": t("page.change.filed_by"), "text": names.get(one["author_id"], "")},
        {"label": t("page.col.filed"), "text": moment(one["at"])},
        {"label": t("page.change.of_version"), "text": str(one["plan_version"])}]
    if one["review_id"]:
        found.append({"label": t("page.change.review"), "text": t("choice.ReviewKind.change"),
                      "url": url_for("pages.review", review_id=one["review_id"])})
    if one["decided_at"]:
        found += [{"label": t("page.change.decided"), "text": moment(one["decided_at"])},
                  {"label": t("page.change.decided_by"), "text": names.get(one["decided_by"] or "", "")},
                  {"label": t("page.change.decision"), "text": one["decision"] or ""},
                  {"label": t("page.change.leads_to"), "text": str(one["leads_to"] or "")}]
    return [fact for fact in found if fact["text"]]


def _needs(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any],
           proposed: str | None) -> list[Plain]:
    """What must hold for it to be accepted, as things stand."""
    if one["state"] != ChangeState.FILED:
        return []
    names, missing = reads.standing(connection, row, one, now(), program().settings.place)
    return need_rows(names, missing, row["id"], proposed)

"""Decisions: what one regulator proposed and another confirms or refuses; the list of them, and the vote."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.decisions import Decided
from sandbox.acts.refusals import NotFound, Unmet
from sandbox.reads import accounts, board, changes, scenarios, trials
from sandbox.reads.pages import Page
from sandbox.rules.access import PERMISSIONS
from sandbox.rules.basis import basis_word, changed
from sandbox.rules.lifecycle import ROWS
from sandbox.store.accounts import InvitationFields
from sandbox.store.trials import Tier
from sandbox.store.votes import DecisionVoteFields, Outcome, Value
from sandbox.web.codec import choice
from sandbox.web.guard import page
from sandbox.web.pages.adoption import pilot_row
from sandbox.web.pages.changes import from_to, kind_name
from sandbox.web.pages.filing import do, form_of, gone, read, tried, typed
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, render
from sandbox.web.pages.tasks import about_word, need_rows
from sandbox.web.pages.times import due, moment, now
from sandbox.web.reader import actor, program, said, t, titled
from sandbox.words import Word, word

REGULATORS = PERMISSIONS["vote_on_decision"].roles
SECOND = "two_regulators"
"""The need that the vote itself meets."""
INVITED = ("name", "email", "role", "constituency", "expertise")
PILOT_COLUMNS = ("pilot", "tier", "limits", "caps", "unverified")


def named(row: Mapping[str, Any]) -> Word:
    """What is proposed: the move, or the act with how many or whom it is about."""
    if row["act"] == "adopt_trial":
        return word("page.decision.adopts", n=len(row["given"]["trials"]))
    if row["act"] == "invite":
        return word("page.decision.invites", name=row["given"]["name"])
    return about_word("decide", row["move"] or row["act"])


def standing(row: Mapping[str, Any]) -> Outcome:
    """How it stands now; one whose time has run out is expired before the clock has written it down."""
    outcome = Outcome(row["outcome"])
    return Outcome.EXPIRED if outcome is Outcome.WAITING and row["expires_at"] <= now() else outcome


# The list

COLUMNS = (Column("decision"), Column("outcome"), Column("until"), Column("proposed_by"), Column("proposed_at"))


@page(PAGES, "/decisions", roles=REGULATORS)
def decisions_list() -> Any:
    """Decisions, those that wait before all others, then newest first."""
    chosen, people = {"outcome": wanted("outcome"), "q": wanted("q")}, {}
    with program().reading() as connection:
        def count(**less: None) -> int:
            return board.count_decisions(connection, actor(), **{**chosen, **less})

        def slice_of(connection: sa.Connection, cursor: str | None, limit: int) -> Page[dict[str, Any]]:
            found = board.decisions(connection, actor(), **chosen, cursor=cursor, limit=limit, waiting_first=True)
            people.update(accounts.names(connection, {one["proposed_by"] for one in found.items}))
            return found

        outcomes = {one.value: said(choice(one)) for one in Outcome}
        return listed(Listing(
            name="decisions", endpoint="pages.decisions_list", q=chosen["q"] or "", columns=COLUMNS, page=slice_of,
            filters=[choices_of("outcome", chosen["outcome"], outcomes)], cells=lambda row: _cells(row, people),
            plain=lambda row: _plain(row, people), matched=count(), total=board.count_decisions(connection, actor()),
            count=count))


def _cells(row: Mapping[str, Any], people: Mapping[str, str]) -> Plain:
    outcome = standing(row)
    waits = due(row["expires_at"]) if outcome is Outcome.WAITING else None
    return {
        "decision": {"text": said(named(row)), "url": url_for("pages.decision", decision_id=row["id"]),
                     "sub": _trial_named(row)},
        "outcome": said(choice(outcome)), "until": {"text": waits.text, "urgency": waits.urgency} if waits else "",
        "proposed_by": people.get(row["proposed_by"], ""), "proposed_at": moment(row["proposed_at"]),
    }


def _trial_named(row: Mapping[str, Any]) -> str:
    return f"{row['trial_id']} {titled(row, 'trial_title')}" if row["trial_id"] else ""


def _plain(row: Mapping[str, Any], people: Mapping[str, str]) -> Plain:
    return {"id": row["id"], "decision": said(named(row)), "trial": row["trial_id"], "outcome": str(standing(row)),
            "proposed_by": people.get(row["proposed_by"], ""), "proposed_at": row["proposed_at"],
            "until": row["expires_at"], "voted_at": row["voted_at"], "reason": row["reason"]}


# One decision


@dataclass(frozen=True, kw_only=True)
class DecisionPage(PageContext):
    """What would be done, by whom it was proposed, what it needs as things stand, and the vote."""

    template: ClassVar[str] = "decision.html"
    title: str
    over: list[Plain]
    lead: str
    urgency: str
    facts: list[Plain]
    reason: list[str]
    columns: list[Plain]
    rows: list[Plain]
    needs: list[Plain]
    needs_title: str
    form: Form | None
    no_form: str
    ended: list[Plain]
    errors: dict[str, list[str]] = field(default_factory=dict)


def own(connection: sa.Connection, decision_id: str) -> dict[str, Any]:
    """The decision's row. Raises NotFound."""
    row = board.decision(connection, actor(), decision_id)
    if row is None:
        raise NotFound
    return row


@page(PAGES, "/decisions/<decision_id>", act="vote_on_decision", methods=("GET", "POST"))
def decision(decision_id: str) -> Any:
    """Show a decision; confirm or refuse it."""
    with program().reading() as connection:
        row = own(connection, decision_id)
    form = _form(row)
    if request.method == "POST":
        done, form = _voted(decision_id, form)
        if done is not None:
            return _told(row, done)
    with program().reading() as connection:
        return render(_page(connection, own(connection, decision_id), form), 422 if form.errors else 200)


def _voted(decision_id: str, form: Form) -> tuple[Decided | None, Form]:
    """What the vote did; needs that do not hold any more keep the decision waiting, and stand beside the form."""
    try:
        return tried(lambda: do("vote_on_decision", read(DecisionVoteFields), decision_id), form)
    except Unmet as refused:
        lacking = t("page.decision.needs_lack", n=len(refused.needs))
        return None, replace(form, values=typed(form.fields, request.form), errors={"": [lacking]})


def _form(row: Mapping[str, Any]) -> Form:
    """Confirm or refuse; not to vote needs no button."""
    form = form_of(DecisionVoteFields, url_for("pages.decision", decision_id=row["id"]), t("page.decision.vote"))
    choices = [{"value": value.value, "label": t(f"page.decision.{value}"), "help": t(f"page.decision.{value}_means")}
               for value in (Value.FOR, Value.AGAINST)]
    value, *others = form.fields
    asked = {**value, "label": t("page.decision.your_word"), "help": "", "choices": choices}
    return replace(form, fields=[asked, *others])


def _told(row: Mapping[str, Any], done: Decided) -> Any:
    """On to what came of it. An invitation's link is the administrator's to fetch, by inviting once more."""
    here = url_for("pages.decision", decision_id=row["id"])
    if done.outcome != Outcome.CONFIRMED:
        return gone(url_for("pages.decisions_list"), t("page.decision.is_refused", what=named(row)))
    if done.change:
        return gone(url_for("pages.change", change_id=done.change), t("page.change.now_accepted"))
    if done.move:
        return gone(url_for("pages.trial", trial_id=row["trial_id"]), t(f"moved.{done.move}"))
    return gone(here, t("page.decision.adopted", n=len(done.trials)) if done.trials else t("page.decision.confirmed"))


def _page(connection: sa.Connection, row: Mapping[str, Any], form: Form) -> DecisionPage:
    outcome = standing(row)
    waits = outcome is Outcome.WAITING
    names = accounts.names(connection, {row["proposed_by"], row["voted_by"] or ""})
    open_to_me = waits and row["proposed_by"] != actor().id
    trial = trials.trial(connection, actor(), row["trial_id"]) if waits and row["move"] else None
    needs = _needs(connection, row, trial) if trial else []
    lacking = sum(not need["met"] for need in needs)
    until = due(row["expires_at"]) if waits else None
    return DecisionPage(
        title=said(named(row)), over=_over(row, outcome), lead=until.text if until else t(f"page.decision.{outcome}"),
        urgency=until.urgency if until else "", facts=_facts(connection, row, names, trial), reason=_reason(row),
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in PILOT_COLUMNS], rows=_pilots(connection, row),
        needs=needs, form=form if open_to_me else None, no_form=t("page.decision.another") if waits else "",
        needs_title=t("page.decision.needs_lack", n=lacking) if lacking else t("page.decision.needs_hold"),
        ended=_ended(row, names), errors=form.errors if open_to_me else {})


def _over(row: Mapping[str, Any], outcome: Outcome) -> list[Plain]:
    found: list[Plain] = [{"text": t("nav.decisions"), "url": url_for("pages.decisions_list")}]
    if row["trial_id"]:
        found.append({"text": _trial_named(row), "url": url_for("pages.trial", trial_id=row["trial_id"])})
    return [*found, {"text": said(choice(outcome)), "tag": True}]


def _facts(connection: sa.Connection, row: Mapping[str, Any], names: Mapping[str, str],
           trial: Mapping[str, Any] | None) -> list[Plain]:
    """What would change, or who is invited; who proposed it, and when."""
    given = {name: row["given"].get(name) or None for name in INVITED} if row["act"] == "invite" else {}
    change = _change_asked(connection, row, trial) if row["act"] == "decide_change" else []
    tier = row["basis"].get("tier")
    return [*shown(InvitationFields, given), *change, *_change(row, trial),
            *([{"label": t("field.tier"), "text": said(choice(Tier(tier)))}] if tier else []),
            {"label": t("page.decision.by"), "text": names.get(row["proposed_by"], "")},
            {"label": t("page.decision.at"), "text": moment(row["proposed_at"])},
            {"label": t("page.decision.expires"), "text": moment(row["expires_at"])}]


def _change_asked(connection: sa.Connection, row: Mapping[str, Any],
                  trial: Mapping[str, Any] | None) -> list[Plain]:
    """The request that would be granted, and what it changes of the plan."""
    one = changes.change(connection, actor(), row["given"]["change"])
    if one is None:
        return []
    unit = trial["unit"] if trial else ""
    return [{"label": t("page.decision.request"), "text": kind_name(one["kind"]),
             "url": url_for("pages.change", change_id=one["id"])},
            *({"label": t("page.change.differs"), "text": from_to(each, unit)} for each in one["differences"])]


def _change(row: Mapping[str, Any], trial: Mapping[str, Any] | None) -> list[Plain]:
    """From which state to which, while the trial still stands where it stood."""
    move = ROWS.get((row["move"], trial["state"])) if trial else None
    if move is None:
        return []
    text = t("page.decision.from_to", before=word(f"state.{move.source}"), after=word(f"state.{move.target}"))
    return [{"label": t("page.decision.change"), "text": text}]


def _reason(row: Mapping[str, Any]) -> list[str]:
    return (row["given"].get("reason") or "").splitlines()


def _pilots(connection: sa.Connection, row: Mapping[str, Any]) -> list[Plain]:
    """What would be taken over, a row each."""
    pilots = row["given"]["trials"] if row["act"] == "adopt_trial" else []
    known = {place: scenarios.scenario(connection, actor(), place) for place in {one["scenario_id"] for one in pilots}}
    return [pilot_row(one, known[one["scenario_id"]]) for one in pilots]


def _needs(connection: sa.Connection, row: Mapping[str, Any], trial: Mapping[str, Any]) -> list[Plain]:
    """The move's needs as they stand now; the one that this vote meets is left out."""
    if (row["move"], trial["state"]) not in ROWS:
        return [{"met": False, "text": t("page.decision.left", state=word(f"state.{trial['state']}"))}]
    found = next(one for one in trials.next_moves(connection, trial, trial["relation"], now(), program().settings.place)
                 if one.move.name == row["move"])
    rest = tuple(name for name in found.move.needs if name != SECOND)
    return [*need_rows(rest, found.unmet, trial["id"], row["id"]), *_otherwise(connection, row, trial)]


def _otherwise(connection: sa.Connection, row: Mapping[str, Any], trial: Mapping[str, Any]) -> list[Plain]:
    """What the move rests on stands otherwise than when it was proposed: it has to be proposed again."""
    basis = trials.basis(connection, trial, ROWS[row["move"], trial["state"]], now(), program().settings.place)
    what = [basis_word(name) for name in changed(row["basis"], basis)]
    link = {"url": url_for("pages.move", trial_id=trial["id"], name=row["move"]), "label": t("page.decision.again")}
    return [{"met": False, "text": t("refused.basis_changed", what=what), "link": link}] if what else []


def _ended(row: Mapping[str, Any], names: Mapping[str, str]) -> list[Plain]:
    """Who voted, when and why."""
    if not row["voted_by"]:
        return []
    found = [{"label": t("page.decision.voted_by"), "text": names.get(row["voted_by"], "")},
             {"label": t("page.decision.voted_at"), "text": moment(row["voted_at"])}]
    return found + ([{"label": t("page.decision.voted_why"), "text": row["reason"]}] if row["reason"] else [])

"""A trial's panels: who sits on them and what they still lack; offering a seat, answering it, ending it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.panel import CLOSED_FOR_APPEAL, RecusalGiven
from sandbox.acts.refusals import Invalid, NotFound
from sandbox.reads import accounts, trials, workload
from sandbox.rules.access import PERMISSIONS, Relation, Role, may
from sandbox.rules.lifecycle import STATES
from sandbox.rules.panels import Member, heard, required, unknown
from sandbox.rules.workload import turn
from sandbox.store.accounts import Expertise
from sandbox.store.trials import Panel, SeatAnswer, SeatFields
from sandbox.store.votes import MATTERS, SEATS, Matter
from sandbox.web.api.shapes import SEES_NAMES
from sandbox.web.codec import choice
from sandbox.web.guard import page
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.recusals import askable, requests_of
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, TrialHead, render
from sandbox.web.pages.times import day, moment
from sandbox.web.pages.tracks import back, head_of
from sandbox.web.pages.trials import own
from sandbox.web.pages.votes import ballots, may_vote, tally
from sandbox.web.reader import actor, program, said, t
from sandbox.words import word

AT_TRIALS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
SITTING = {
    "submitted": Panel.REVIEW, "ethics_review": Panel.REVIEW, "declined": Panel.REVIEW,
    "expert_rereview": Panel.REREVIEW,
    **dict.fromkeys(("admitted", "trial", "tune", "suspended", "retrospective", "exit_review", "winding_down",
                     "terminated"), Panel.RUNNING),
}
"""The panel that a state asks for."""
COLUMNS = ("reviewer", "side", "answer")
YES, NO = "yes", "no"


@dataclass(frozen=True, kw_only=True)
class PanelPage(PageContext):
    """Seats by panel, what each panel lacks, what its members vote on, and the form that offers a seat."""

    template: ClassVar[str] = "panel.html"
    head: TrialHead
    lead: str
    mine: Plain | None
    groups: list[Plain]
    columns: list[Plain]
    matters: list[Plain]
    requests: list[Plain]
    form: Form | None
    note: str
    errors: dict[str, list[str]] = field(default_factory=dict)


@page(PAGES, "/trials/<trial_id>/panel", roles=AT_TRIALS)
def panel(trial_id: str) -> Any:
    """The panels of one trial."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        return render(_page(connection, row, _form(connection, row)))


@page(PAGES, "/trials/<trial_id>/panel", act="assign_reviewer", methods=("POST",))
def assign_reviewer(trial_id: str) -> Any:
    """Offer a seat."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        form = _form(connection, row)
        done, form = tried(lambda: do("assign_reviewer", read(SeatFields), trial_id), form)
        if done is not None:
            return gone(url_for("pages.panel", trial_id=trial_id), t("page.panel.offered"))
        return render(_page(connection, row, form), 422)


def _form(connection: sa.Connection, row: Mapping[str, Any]) -> Form:
    form = form_of(SeatFields, url_for("pages.assign_reviewer", trial_id=row["id"]), t("page.panel.offer"),
                   values={"panel": SITTING.get(row["state"])})
    fields = {one["name"]: one for one in form.fields}
    fields["panel"]["choices"] = [one for one in fields["panel"]["choices"] if one["value"] != Panel.DEPUTY]
    if may(actor(), "assign_reviewer"):
        fields["account_id"].update(kind="choice", label=t("page.panel.whom"), choices=_reviewers(connection))
    return form


def _reviewers(connection: sa.Connection) -> list[Plain]:
    """Everyone who can be asked, whose turn it is first, with what tells them apart."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        part = accounts.accounts(connection, actor(), cursor, 200, role=Role.REVIEWER, active=True)
        found += part.items
        cursor = part.next
        if cursor is None:
            break
    carried = workload.loads(connection, [one["id"] for one in found])
    return [{"value": one["id"], "label": " · ".join(filter(None, (
        one["name"], one["organisation"], t(f"constituency.{one['constituency']}"), _expertise(one),
        t("page.panel.carries", n=carried[one["id"]].trials))))}
        for one in sorted(found, key=lambda one: (turn(carried[one["id"]]), one["name"] or "", one["id"]))]


def _expertise(row: Mapping[str, Any]) -> str:
    return t("page.panel.expertise", what=[choice(Expertise(one)) for one in row["expertise"]]) \
        if row["expertise"] else ""


def _page(connection: sa.Connection, row: Mapping[str, Any], form: Form) -> PanelPage:
    seats = trials.panel(connection, row["id"])
    cast = trials.votes(connection, row["id"])
    asks = may(actor(), "assign_reviewer") and (not STATES[row["state"]].final or row["state"] in CLOSED_FOR_APPEAL)
    note = t("page.panel.recusal") if row["relation"] is Relation.OWNER else ""
    return PanelPage(
        head=head_of(connection, row, "panel"), lead=_lead(row, seats), mine=_mine(seats), groups=_groups(row, seats),
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in COLUMNS], matters=_matters(row, seats, cast),
        requests=requests_of(connection, row),
        form=form if asks else None, note=note, errors=form.errors)


def number_of(row: Mapping[str, Any]) -> int:
    """Which panel in a row sits now: an appeal is for a fresh one."""
    return int(row["panel_no"] + (row["state"] in CLOSED_FOR_APPEAL))


def sitting(seats: Iterable[Mapping[str, Any]], panel: str, number: int) -> list[Mapping[str, Any]]:
    """Seats that count: accepted, without conflict, not ended."""
    return [seat for seat in seats if seat["panel"] == panel and seat["panel_no"] == number
            and answer_of(seat) == "accepted"]


def _lead(row: Mapping[str, Any], seats: tuple[dict[str, Any], ...]) -> str:
    """Whether the panel that this state asks for is whole."""
    asked = SITTING.get(row["state"])
    if asked is None:
        return t("page.panel.none_now", state=word(f"state.{row['state']}"))
    lacking = [one for one in _lacks(row, asked, sitting(seats, asked, number_of(row))) if not one["met"]]
    what = word(f"choice.Panel.{asked}")
    return t("page.panel.incomplete", what=what, n=len(lacking)) if lacking else t("page.panel.complete", what=what)


def _lacks(row: Mapping[str, Any], panel: str, there: list[Mapping[str, Any]]) -> list[Plain]:
    """What the panel must have, each with whether it has it, for the `needs` macro."""
    asked, members = required(panel, row["tier"]), [_member(seat) for seat in there]
    voices = heard((one.body for one in members), asked.members)
    found = [{"met": voices >= asked.members, "text": t("page.panel.quorum", n=asked.members, there=voices)}]
    if asked.sides:
        missing = [side for side in asked.sides if side not in {one.constituency for one in members}]
        found.append({"met": not missing, "text": t("page.panel.sides_missing", who=[
            word(f"constituency.{side}") for side in missing]) if missing else t("page.panel.sides")})
    unmet = unknown(asked.known, members)
    found += [{"met": each not in unmet, "text": t(f"page.panel.knows_{'_or_'.join(each)}")} for each in asked.known]
    if asked.external:
        found.append({"met": any(one.external for one in members), "text": t("page.panel.external")})
    return found


def _member(seat: Mapping[str, Any]) -> Member:
    return Member(seat["constituency"], tuple(seat["expertise"]), seat["external"], seat["organisation_id"] or "")


def _groups(row: Mapping[str, Any], seats: tuple[dict[str, Any], ...]) -> list[Plain]:
    """The panels: the one that is asked for now first, then the others that have seats."""
    asked = SITTING.get(row["state"])
    now = {(asked, number_of(row))} if asked else set()
    kept = now | {(Panel(seat["panel"]), seat["panel_no"]) for seat in seats}
    order = sorted(kept, key=lambda one: (one not in now, -one[1], -list(Panel).index(one[0])))
    return [_group(row, seats, panel, number, now=(panel, number) in now) for panel, number in order]


def _group(row: Mapping[str, Any], seats: tuple[dict[str, Any], ...], panel: str, number: int, *, now: bool) -> Plain:
    held = [seat for seat in seats if (seat["panel"], seat["panel_no"]) == (panel, number)]
    name, members = word(f"choice.Panel.{panel}"), {seat["id"]: seat["name"] or "" for seat in seats}
    title = t("page.panel.fresh", what=name, number=number) if number > 1 else said(name)
    return {"id": f"h-{panel}-{number}", "title": title, "rows": [_seat_row(row, seat, members) for seat in held],
            "needs": _lacks(row, panel, sitting(held, panel, number)) if now else []}


def _seat_row(row: Mapping[str, Any], seat: Mapping[str, Any], members: Mapping[str, str]) -> Plain:
    """Who sits there; a department reads the sides alone."""
    named = row["relation"] in SEES_NAMES
    opens = row["relation"] is Relation.OFFICER or seat["account_id"] == actor().id
    asks = askable(row, seat) and answer_of(seat) in ("waiting", "accepted")
    url = url_for("pages.seat", seat_id=seat["id"]) if opens else \
        url_for("pages.ask_recusal", seat_id=seat["id"]) if asks else ""
    who = {"text": seat["name"] or "", "sub": seat["organisation"] or "", "url": url} if named else \
        t("page.panel.unnamed")
    marks = [t(f"page.panel.is_{mark}") for mark in ("chair", "external") if seat[mark]]
    if named and seat["deputy_of"]:
        marks.append(t("page.panel.deputy_for", name=members[seat["deputy_of"]]))
    return {"reviewer": who, "answer": _answer(seat),
            "side": {"text": t(f"constituency.{seat['constituency']}"),
                     "sub": " · ".join([*filter(None, (_expertise(seat),)), *marks])}}


def answer_of(seat: Mapping[str, Any]) -> str:
    """How a seat stands: waiting, accepted, declined, conflict, objected, ended."""
    if seat["recused_at"] is not None:
        return "ended"
    if seat["objected"]:
        return "objected"
    if seat["conflict"]:
        return "conflict"
    return "waiting" if seat["accepted"] is None else "accepted" if seat["accepted"] else "declined"


def _answer(seat: Mapping[str, Any]) -> Plain:
    how = answer_of(seat)
    return {"text": t(f"page.panel.answer_{how}"), "urgency": "soon" if how == "waiting" else "",
            "sub": t("page.panel.asked", day=day(seat["at"])) if how == "waiting" else ""}


def _mine(seats: Iterable[Mapping[str, Any]]) -> Plain | None:
    """The reader's own seat that waits for an answer, for the `next_action` macro."""
    for seat in seats:
        if seat["account_id"] == actor().id and answer_of(seat) == "waiting":
            return {"title": t("page.seat.answer"), "due": "", "body": t("page.seat.conflict_first"),
                    "main": {"label": t("page.seat.answer"), "url": url_for("pages.seat", seat_id=seat["id"])}}
    return None


def _matters(row: Mapping[str, Any], seats: tuple[dict[str, Any], ...],
             cast: tuple[dict[str, Any], ...]) -> list[Plain]:
    """What the panels vote on in this state, or voted on in this round."""
    found = []
    for matter in MATTERS.values():
        given = ballots(cast, row, matter, None)
        if matter.of_panel and (given or row["state"] in matter.states):
            found.append({"text": t(f"page.vote.{matter.name}_title"), "said": _said(row, matter, given, seats),
                          "url": url_for("pages.vote", trial_id=row["id"], matter=matter.name),
                          "action": {"label": t(f"page.vote.{matter.name}"), "kind": "main",
                                     "url": url_for("pages.vote", trial_id=row["id"], matter=matter.name)}
                          if may_vote(row, matter, seats) else None})
    return found


def _said(row: Mapping[str, Any], matter: Matter, given: list[Mapping[str, Any]],
          seats: tuple[dict[str, Any], ...]) -> str:
    """How it stands; members of a panel do not learn it while they vote, only what they said themselves."""
    if row["relation"] not in SEATS:
        return tally(row, matter, None, given, seats)
    mine = [one for one in given if one["account_id"] == actor().id]
    return t("page.panel.voted", value=word(f"choice.Value.{mine[-1]['value']}")) if mine else t("page.panel.not_voted")


# One seat


@dataclass(frozen=True, kw_only=True)
class SeatPage(PageContext):
    """One seat: the invitation with its conflict question; afterwards the way to end it."""

    template: ClassVar[str] = "seat.html"
    title: str
    over: list[Plain]
    sub: str
    facts: list[Plain]
    form: Form | None
    points: list[str]
    deputy_url: str | None
    errors: dict[str, list[str]] = field(default_factory=dict)


SEAT_ROLES = PERMISSIONS["recuse_reviewer"].roles


@page(PAGES, "/seats/<seat_id>", roles=SEAT_ROLES)
def seat(seat_id: str) -> Any:
    """One's own seat; for regulators any."""
    with program().reading() as connection:
        row, held = _seat(connection, seat_id)
        return render(_seat_page(row, held, _seat_form(held)))


@page(PAGES, "/seats/<seat_id>", act="answer_assignment", methods=("POST",))
def answer_seat(seat_id: str) -> Any:
    """Answer the invitation. Whoever has a conflict or declines has left the trial with that."""
    with program().reading() as connection:
        row, held = _seat(connection, seat_id)
        form = _answer_form(held)
        done, form = tried(lambda: do("answer_assignment", _answered(), seat_id), form)
        if done is None:
            return render(_seat_page(row, held, form), 422)
    if request.form.get("conflict") == NO and request.form.get("accepted") == YES:
        return gone(url_for("pages.panel", trial_id=row["id"]), t("page.seat.taken"))
    return gone("/", t("page.seat.closed"))


@page(PAGES, "/seats/<seat_id>/recusal", act="recuse_reviewer", methods=("POST",))
def recuse(seat_id: str) -> Any:
    """End a seat: one's own, or as a regulator anyone's."""
    with program().reading() as connection:
        row, held = _seat(connection, seat_id)
        form = _recusal_form(held)
        done, form = tried(lambda: do("recuse_reviewer", read(RecusalGiven), seat_id), form)
        if done is None:
            return render(_seat_page(row, held, form), 422)
    own_seat = held["account_id"] == actor().id
    return gone("/" if own_seat else url_for("pages.panel", trial_id=row["id"]), t("page.seat.ended"))


def _seat(connection: sa.Connection, seat_id: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The trial and the seat with its holder's name. Raises NotFound: a colleague's seat is not one's own."""
    found = trials.seat(connection, actor(), seat_id)
    if found is None or (actor().role is Role.REVIEWER and found["account_id"] != actor().id):
        raise NotFound
    row = own(connection, found["trial_id"])
    return row, next(one for one in trials.panel(connection, row["id"]) if one["id"] == seat_id)


def _seat_form(held: Mapping[str, Any]) -> Form | None:
    how = answer_of(held)
    if how == "waiting" and held["account_id"] == actor().id:
        return _answer_form(held)
    return _recusal_form(held) if how in ("waiting", "accepted") else None


def _answer_form(held: Mapping[str, Any]) -> Form:
    """The conflict question first: it decides whether the other one is asked at all."""
    form = form_of(SeatAnswer, url_for("pages.answer_seat", seat_id=held["id"]), t("page.seat.answer"), values={})
    asked = [{"name": name, "label": t(f"page.seat.{name}"), "help": t(f"page.seat.{name}_why"), "kind": "choice",
              "required": True, "choices": [{"value": value, "label": t(f"page.seat.{name}_{value}"),
                                             "help": t(f"page.seat.{name}_{value}_means")} for value in values]}
             for name, values in (("conflict", (NO, YES)), ("accepted", (YES, NO)))]
    return replace(form, fields=[*asked, *(one for one in form.fields if one["name"] == "statement")])


def _answered() -> dict[str, Any]:
    """Two answers out of two questions; with a conflict the second is no."""
    given = {name: request.form.get(name) for name in ("conflict", "accepted")}
    wanted = ("conflict",) if given["conflict"] == YES else ("conflict", "accepted")
    missing = [name for name in wanted if given[name] not in (YES, NO)]
    if missing:
        raise Invalid(*(((name,), word("error.missing")) for name in missing))
    conflict = given["conflict"] == YES
    return {"statement": read(SeatAnswer).get("statement"), "conflict": conflict,
            "accepted": not conflict and given["accepted"] == YES}


def _recusal_form(held: Mapping[str, Any]) -> Form:
    mine = held["account_id"] == actor().id
    return form_of(RecusalGiven, url_for("pages.recuse", seat_id=held["id"]),
                   t("page.seat.leave" if mine else "page.seat.end"), kind="stop")


def _seat_page(row: Mapping[str, Any], held: Mapping[str, Any], form: Form | None) -> SeatPage:
    mine, how = held["account_id"] == actor().id, answer_of(held)
    asks = mine and how == "waiting"
    return SeatPage(
        title=t("page.seat.title", what=word(f"choice.Panel.{held['panel']}")) if mine else
        t("page.seat.of", name=held["name"] or ""),
        over=back(row, {"text": t("page.tab.panel"), "url": url_for("pages.panel", trial_id=row["id"])}),
        sub=t("page.seat.asks") if asks else t(f"page.panel.answer_{how}"), facts=_seat_facts(row, held, mine=mine),
        form=form, points=[t(f"page.seat.point_{point}") for point in ("access", "vote", "leave")] if asks else [],
        deputy_url=url_for("pages.name_deputy", seat_id=held["id"])
        if how == "accepted" and held["panel"] != Panel.DEPUTY else None, errors=form.errors if form else {})


def _seat_facts(row: Mapping[str, Any], held: Mapping[str, Any], *, mine: bool) -> list[Plain]:
    facts = {
        "firm": row["organisation"], "scenario": row["scenario"], "panel": t(f"choice.Panel.{held['panel']}"),
        "side": t(f"constituency.{held['constituency']}"), "organisation": "" if mine else held["organisation"],
        "chair": t("page.panel.is_chair") if held["chair"] else "", "asked": moment(held["at"]),
        "statement": held["statement"] or "",
    }
    return [{"label": t(f"page.seat.fact_{name}"), "text": text} for name, text in facts.items() if text]

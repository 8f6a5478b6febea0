"""Votes on a matter of one trial: what is voted on beside the form, and what was cast in this round."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.refusals import NotFound, Refused
from sandbox.reads import trials
from sandbox.rules.access import Relation, Role
from sandbox.rules.cadence import TIERS
from sandbox.rules.dossier import required_sections
from sandbox.rules.panels import DEPUTISED, REREVIEWERS
from sandbox.store.votes import MATTERS, SEATS, Matter, Value, VoteFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.lists import wanted
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, render
from sandbox.web.pages.times import day
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own, relation_word
from sandbox.web.reader import actor, program, said, t
from sandbox.words import Word, word

AT_TRIALS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
READ = {
    "ethics": ("eligibility", "tier", "ethics_approval"), "rereview": ("eligibility", "tier", "ethics_approval"),
    "opinion": ("corrective_plan", "retest", "retrospective", "results"),
    "diligence": ("failure_form", "diligence", "retrospective", "wind_down"),
}
"""What members of a panel read before they vote; on admission, after the whole application."""
ON_DOSSIER = ("ethics", "rereview")
"""Matters that are about one version of the application: a later version asks for another vote."""
NOT_OWN = ("approve", "verify")
"""Matters on which nobody's word about what they wrote themselves counts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a vote is about: the matter, and of a matter with subjects the section and its version."""

    matter: Matter
    subject: str | None
    version: int
    section: trials.SectionState | None


@dataclass(frozen=True, kw_only=True)
class VotePage(PageContext):
    """The question, what it is about, what was cast, and the form or why there is none."""

    template: ClassVar[str] = "vote.html"
    title: str
    over: list[Plain]
    sub: str
    subjects: list[Plain]
    reading_title: str
    reading_note: str
    body: list[Plain]
    links: list[Plain]
    form: Form | None
    no_form: str
    no_form_link: Plain | None
    tally: str
    ballots: list[Plain]
    errors: dict[str, list[str]] = field(default_factory=dict)


@page(PAGES, "/trials/<trial_id>/votes/<matter>", roles=AT_TRIALS)
def vote(trial_id: str, matter: str) -> Any:
    """What is voted on; the form for those who may vote now."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        asked = _asked(connection, row, matter)
        return render(_page(connection, row, asked, _form(row, asked)))


@page(PAGES, "/trials/<trial_id>/votes/<matter>", act="cast_vote", methods=("POST",))
def cast_vote(trial_id: str, matter: str) -> Any:
    """Cast a vote on the version that the voter saw."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        asked = _asked(connection, row, matter)
        done, form = tried(lambda: _cast(trial_id, asked), _form(row, asked))
        if done is None:
            return render(_page(connection, row, asked, form), 422)
    where = url_for("pages.section", trial_id=trial_id, kind=asked.subject) if asked.subject else \
        url_for("pages.panel", trial_id=trial_id)
    return gone(where, t("page.vote.cast"))


def _cast(trial_id: str, asked: Asked) -> Any:
    if request.form.get("version") != str(asked.version):
        raise Refused("changed_since", word("page.vote.changed"))
    given = {**read(VoteFields), "matter": asked.matter.name, "subject": asked.subject}
    return do("cast_vote", given, trial_id)


def _asked(connection: sa.Connection, row: Mapping[str, Any], name: str) -> Asked:
    """The matter and its subject: the one in the address, else the first filed one of this state. Raises NotFound."""
    matter, chosen = MATTERS.get(name), wanted("subject")
    if matter is None or chosen not in (None, *matter.subjects):
        raise NotFound
    if not matter.subjects:
        return Asked(matter, None, row["dossier_version"], None)
    found = trials.sections(connection, actor(), row)
    filed = [subject for subject in matter.subjects if found[subject].version]
    timely = [subject for subject in filed if row["state"] in found[subject].kind.states]
    subject = chosen or (timely or filed or list(matter.subjects))[0]
    return Asked(matter, subject, found[subject].version, found[subject])


def _form(row: Mapping[str, Any], asked: Asked) -> Form:
    where = url_for("pages.cast_vote", trial_id=row["id"], matter=asked.matter.name, subject=asked.subject)
    form = form_of(VoteFields, where, t(f"page.vote.{asked.matter.name}"), leave_out=("matter", "subject"),
                   hidden={"version": asked.version})
    value, *others = form.fields
    choices = [{**one, "help": t("page.vote.abstain_means") if one["value"] == Value.ABSTAIN else ""}
               for one in value["choices"]]
    return replace(form, fields=[{**value, "label": t("page.vote.your_word"), "help": "", "choices": choices}, *others])


def _page(connection: sa.Connection, row: Mapping[str, Any], asked: Asked, form: Form) -> VotePage:
    matter, seats = asked.matter, trials.panel(connection, row["id"])
    given = ballots(trials.votes(connection, row["id"]), row, matter, asked.subject)
    why = _hindrance(row, asked, seats)
    mine = [one for one in given if one["account_id"] == actor().id]
    open_to_me = form if why is None else None
    return VotePage(
        title=t(f"page.vote.{matter.name}_title"), over=back(row), sub=t(f"page.vote.{matter.name}_why"),
        subjects=_subjects(row, asked), form=open_to_me, no_form=said(why) if why else "",
        no_form_link=_seat_link(seats, matter) if why else None,
        tally=t("page.vote.sealed") if row["relation"] in SEATS else tally(row, matter, asked, given, seats),
        ballots=[_ballot(one, asked) for one in (given if row["relation"] is Relation.OFFICER else mine)],
        errors=form.errors if open_to_me else {}, **_reading(connection, row, asked))


# Who may vote, and what was cast


def ballots(cast: Iterable[Mapping[str, Any]], row: Mapping[str, Any], matter: Matter,
            subject: str | None) -> list[Mapping[str, Any]]:
    """The last vote of each person on a matter in the present round, oldest first."""
    last = {one["account_id"]: one for one in cast if one["round"] == row["round"] and one["matter"] == matter.name
            and subject in (None, one["subject"])}
    return sorted(last.values(), key=lambda one: (one["at"], one["id"]))


def tally(row: Mapping[str, Any], matter: Matter, asked: Asked | None, given: Iterable[Mapping[str, Any]],
          seats: Collection[Mapping[str, Any]]) -> str:
    """How many said what about what stands now; of a panel's matter those with a seat, and how many it takes."""
    of_dossier = row["dossier_version"] if matter.name in ON_DOSSIER else None
    version = asked.version if asked and asked.subject else of_dossier
    seated = {seat["account_id"] for seat in seats if _sits(row, seat, matter, seats)}
    counted = [one["value"] for one in given if version in (None, one["version"])
               and (one["role"] != Role.REVIEWER or one["account_id"] in seated)]
    figures = {value.value: counted.count(value.value) for value in Value}
    said_so = t("page.vote.tally", yes=figures["for"], no=figures["against"], none=figures["abstain"])
    if not matter.of_panel:
        return said_so
    most = REREVIEWERS if matter.panel == "rereview" else TIERS[row["tier"] or "R4"].quorum
    return t("page.vote.tally_panel", tally=said_so, n=most)


def _sits(row: Mapping[str, Any], seat: Mapping[str, Any], matter: Matter,
          seats: Collection[Mapping[str, Any]]) -> bool:
    """Whether a seat counts on the matter's panel: accepted, without conflict, not ended; on a panel of the admission
    that of a member's deputy too."""
    deputised = {one["id"]: one["panel"] for one in seats if one["panel"] in DEPUTISED}
    panel = deputised.get(seat["deputy_of"]) if seat["deputy_of"] else seat["panel"]
    return bool(panel == matter.panel and seat["panel_no"] == row["panel_no"] and seat["accepted"]
                and not seat["conflict"] and seat["recused_at"] is None)


def may_vote(row: Mapping[str, Any], matter: Matter, seats: Collection[Mapping[str, Any]]) -> bool:
    """Whether the act would take this person's vote now; a matter of a panel asks for a seat on it."""
    mine = [seat for seat in seats if seat["account_id"] == actor().id and _sits(row, seat, matter, seats)]
    seated = row["relation"] not in SEATS or matter.panel is None or bool(mine)
    return row["relation"] in matter.by and row["state"] in matter.states and seated


def _hindrance(row: Mapping[str, Any], asked: Asked, seats: tuple[dict[str, Any], ...]) -> Word | None:
    """Why this person cannot vote now, if so."""
    matter, section = asked.matter, asked.section
    if row["relation"] not in matter.by:
        return word("page.vote.not_yours", who=[word(f"role.{one}") for one in _voters(matter)])
    if row["state"] not in matter.states:
        return word("page.vote.not_now", state=word(f"state.{row['state']}"))
    if section and not section.version:
        return word("page.vote.nothing_filed", section=word(f"section.{asked.subject}"))
    if section and section.author == actor().id and matter.name in NOT_OWN:
        return word("page.vote.own_section")
    return None if may_vote(row, matter, seats) else word("page.vote.no_seat")


def _voters(matter: Matter) -> list[str]:
    return list(dict.fromkeys(relation_word(one) for one in matter.by if one is not Relation.CHAIR))


def _seat_link(seats: Iterable[Mapping[str, Any]], matter: Matter) -> Plain | None:
    """The invitation that has to be answered first."""
    for seat in seats:
        if seat["account_id"] == actor().id and seat["panel"] == matter.panel and seat["accepted"] is None \
                and seat["recused_at"] is None:
            return {"label": t("page.seat.answer"), "url": url_for("pages.seat", seat_id=seat["id"]), "kind": "main"}
    return None


def _ballot(one: Mapping[str, Any], asked: Asked) -> Plain:
    old = (asked.subject or asked.matter.name in ON_DOSSIER) and one["version"] != asked.version
    side = t(f"constituency.{one['constituency']}") if one["constituency"] else t(f"role.{one['role']}")
    return {"name": one["name"] or side, "side": side, "value": t(f"choice.Value.{one['value']}"), "at": day(one["at"]),
            "reason": one["reason"] or "", "old": t("page.vote.older", version=one["version"]) if old else ""}


# What is voted on


def _subjects(row: Mapping[str, Any], asked: Asked) -> list[Plain]:
    """The sections between which a matter is asked, as tabs."""
    if len(asked.matter.subjects) < 2:
        return []
    return [{"label": t(f"section.{name}"), "current": name == asked.subject,
             "url": url_for("pages.vote", trial_id=row["id"], matter=asked.matter.name, subject=name)}
            for name in asked.matter.subjects]


def _reading(connection: sa.Connection, row: Mapping[str, Any], asked: Asked) -> Plain:
    """A section whole; or the sections of the record that the matter is about, each with its version."""
    if asked.section and asked.subject:
        whole = asked.section
        note = t("page.vote.version", version=whole.version, day=day(whole.at)) if whole.at else ""
        body = shown(whole.kind.fields, whole.body) if whole.version else []
        return {"reading_title": t(f"section.{asked.subject}"), "reading_note": note, "body": body, "links": []}
    name = asked.matter.name
    kinds = (*(required_sections(row["simplified"]) if name in ON_DOSSIER else ()), *READ[name])
    found = trials.sections(connection, actor(), row)
    links = [_link(row, found[kind]) for kind in kinds if found[kind].version]
    note = t("page.vote.dossier", version=row["dossier_version"]) if name in ON_DOSSIER else t("page.vote.record")
    return {"reading_title": t("page.vote.reading"), "reading_note": note, "body": [], "links": links}


def _link(row: Mapping[str, Any], one: trials.SectionState) -> Plain:
    note = t("page.vote.version", version=one.version, day=day(one.at)) if one.at else ""
    return {"text": t(f"section.{one.kind.kind}"), "note": note,
            "url": url_for("pages.section", trial_id=row["id"], kind=one.kind.kind)}

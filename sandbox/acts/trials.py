"""Applications and their record: apply, complete section by section, vote on what needs a vote."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, Made, act
from sandbox.acts.clocks import follow_section
from sandbox.acts.refusals import Invalid, NotPermitted, Refused, Stale, invalid
from sandbox.acts.schedule import arm_kill_switch
from sandbox.rules.access import Relation
from sandbox.rules.cadence import local_day
from sandbox.rules.dossier import bars_simplified
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.panels import DEPUTISED
from sandbox.store.facts import load_facts, sections
from sandbox.store.fields import Fields
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.sections import DRAFTS, SECTION_ROWS, SECTIONS, SectionKind
from sandbox.store.trials import SEATS, TRIALS, TrialChange, TrialFields
from sandbox.store.types import Raw, Short, Whole
from sandbox.store.votes import MATTERS, VOTES, Matter, VoteFields
from sandbox.words import word

FIRST = 1
NUMBER_WIDTH = 4


@act()
def apply(act: Act, given: TrialFields) -> Made:
    """A draft application (申报) in an open scenario; its public number is the next free one."""
    scenario = act.connection.execute(sa.select(SCENARIOS.c.status, SCENARIOS.c.unit).where(
        SCENARIOS.c.id == given.scenario_id)).first()
    if scenario is None or scenario.status == "draft":
        raise invalid("scenario_id", "unknown_id")
    if scenario.status != "open":
        raise Refused("scenario_closed")
    trial_id = next_number(act)
    begin(act, trial_id, {**given.model_dump(mode="json"), "organisation_id": act.actor.organisation_id,
                          "state": "draft", "unit": scenario.unit})
    return Made(id=trial_id)


def next_number(act: Act) -> str:
    """ES-0001, ES-0002 …: one writer at a time hands them out."""
    last = act.connection.execute(sa.select(TRIALS.c.id).order_by(sa.func.length(TRIALS.c.id).desc(),
                                                                 TRIALS.c.id.desc()).limit(1)).scalar()
    return f"ES-{(int(last[3:]) + 1 if last else FIRST):0{NUMBER_WIDTH}}"


def begin(act: Act, trial_id: str, values: dict[str, Any]) -> None:
    """The trial's row with its first instant; it becomes the act's trial."""
    act.insert(TRIALS, {"id": trial_id, "state_since": act.now, "created_at": act.now, **values})
    act.hold_trial(trial_id)
    act.object_id = trial_id


class TrialChangeGiven(TrialChange):
    """What changes; what is not named stays. `version` is the one that was read (If-Match)."""

    version: Whole | None = None


class Changed(Made):
    """The version now current."""

    version: int


@act(on="trial")
def change_trial(act: Act, given: TrialChangeGiven) -> Changed:
    """Change the application's identity while it can still be changed."""
    if act.trial["state"] not in ("draft", "correction"):
        raise Refused("not_in_this_state", state=act.trial["state"])
    if given.version is not None and given.version != act.trial["version"]:
        raise Stale("changed_since", version=act.trial["version"])
    values = given.model_dump(mode="json", exclude_unset=True, exclude={"version"})
    for name in ("title", "simplified"):
        if values.get(name, ...) is None:
            raise invalid(name, "missing")
    if values.get("simplified") and act.trial["tier"] and _barred(act):
        raise invalid("simplified", "not_simplified")
    act.change_trial(**values)
    return Changed(id=act.trial["id"], version=act.trial["version"] + 1)


def _barred(act: Act) -> bool:
    """Whether what the firm and the officer filed speaks against the simplified procedure (简易程序)."""
    filed = {kind: found[-1].body for kind, found in sections(act.connection, act.trial, act.now).items()}
    return bars_simplified(act.trial["tier"], listed=act.trial["listed"], exposure=filed.get("exposure", {}),
                           data=filed.get("data_assessment", {}))


class SectionGiven(Fields):
    """A section's kind and body. `version` is the one that was read (If-Match); None does not check."""

    kind: Short
    body: Raw
    version: Whole | None = None


class SectionFiled(Done):
    """The version now current."""

    kind: str
    version: int


@act(on="trial")
def file_section(act: Act, given: SectionGiven) -> SectionFiled:
    """File a new version of a section; the old ones stay. The body is validated by the section's own fields."""
    kind = SECTIONS.get(given.kind)
    if kind is None:
        raise invalid("kind", "unknown_id")
    check_writer(act, kind)
    body = kind.fields.model_validate(given.body).model_dump(mode="json")
    if given.kind in CHECKS:
        CHECKS[given.kind](act, body)
    current = current_version(act, given.kind)
    read = current_version(act, given.kind, act.actor.id) if kind.personal else current
    if given.version is not None and given.version != read:
        raise Stale("section_changed", kind=given.kind, version=read)
    section = act.id("se")
    act.insert(SECTION_ROWS, {
        "id": section, "trial_id": act.trial["id"], "kind": given.kind, "version": current + 1, "body": body,
        "author_id": act.actor.id, "role": act.actor.role.value, "at": act.now,
    })
    act.connection.execute(sa.delete(DRAFTS).where(DRAFTS.c.trial_id == act.trial["id"], DRAFTS.c.kind == given.kind,
                                                   DRAFTS.c.account_id == act.actor.id))
    _columns_from(act, given.kind, body)
    follow_section(act, given.kind, section, body)
    return SectionFiled(kind=given.kind, version=current + 1)


LIMITED_BY_SCENARIO = {"people": "max_people", "volume": "max_volume", "days": "max_days"}


def check_scenario(act: Act, exposure: Mapping[str, Any]) -> None:
    """No trial asks for more people, uses or days than its scenario allows; each that does is named with the most."""
    limits = act.row(SCENARIOS, act.trial["scenario_id"])
    over = [((name,), word("error.over_scenario", most=limits[most])) for name, most in LIMITED_BY_SCENARIO.items()
            if limits[most] is not None and (exposure[name] or 0) > limits[most]]
    if over:
        raise Invalid(*over)


def happened(name: str) -> Callable[[Act, Mapping[str, Any]], None]:
    """What was tested or approved lies behind, or a clock could be set for years ahead."""

    def check(act: Act, body: Mapping[str, Any]) -> None:
        if date.fromisoformat(body[name]) > local_day(act.now, act.zone):
            raise invalid(name, "in_future")

    return check


def check_answer(act: Act, answer: Mapping[str, Any]) -> None:
    """The firm signs or objects; that it is silent or gone the officer records. Neither speaks for the other."""
    if (answer["answer"] in ("countersigned", "objected")) != (act.relation is Relation.OWNER):
        raise invalid("answer", "not_yours_to_say")


CHECKS: dict[str, Callable[[Act, Mapping[str, Any]], None]] = {
    "exposure": check_scenario, "kill_switch": happened("tested_on"),
    "ethics_approval": happened("approved_on"), "countersignature": check_answer,
}
"""What of a section depends on its trial and its author, beyond its own fields."""


def check_writer(act: Act, kind: SectionKind) -> None:
    """Whether this relation writes this kind, and whether the state is one in which it is written."""
    if act.relation not in kind.by:
        raise NotPermitted("not_your_section", kind=kind.kind)
    if act.trial["state"] not in kind.states:
        raise Refused("not_in_this_state", kind=kind.kind, state=act.trial["state"])


def current_version(act: Act, kind: str, author: str | None = None) -> int:
    """The last version of a section, or the last by one author; 0 when there is none."""
    query = sa.select(sa.func.coalesce(sa.func.max(SECTION_ROWS.c.version), 0)).where(
        SECTION_ROWS.c.trial_id == act.trial["id"], SECTION_ROWS.c.kind == kind)
    query = query.where(SECTION_ROWS.c.author_id == author) if author else query
    return int(act.connection.execute(query).scalar_one())


def _columns_from(act: Act, kind: str, body: dict[str, Any]) -> None:
    """What of a section is searched, capped or clocked is also a column of the trial."""
    if kind == "tier":
        act.change_trial(tier=body["tier"], listed=body["listed"], environment=body["environment"])
        act.change_trial(simplified=act.trial["simplified"] and not _barred(act))
    elif kind == "kill_switch" and act.trial["state"] in RUNNING:
        arm_kill_switch(act)
        act.change_trial()
    else:
        act.change_trial()


class DraftGiven(Fields):
    """What was typed so far, unchecked."""

    kind: Short
    raw: Raw = PydanticField(max_length=500)


@act(on="trial")
def save_draft(act: Act, given: DraftGiven) -> Made:
    """Keep a form as it stands, without checking it; filing the section removes it."""
    kind = SECTIONS.get(given.kind)
    if kind is None:
        raise invalid("kind", "unknown_id")
    check_writer(act, kind)
    mine = (DRAFTS.c.trial_id == act.trial["id"], DRAFTS.c.kind == given.kind, DRAFTS.c.account_id == act.actor.id)
    act.connection.execute(sa.delete(DRAFTS).where(*mine))
    act.connection.execute(sa.insert(DRAFTS).values(
        trial_id=act.trial["id"], kind=given.kind, account_id=act.actor.id, raw=given.raw, at=act.now))
    return Made(id=given.kind)


class VoteGiven(VoteFields):
    """A vote; `read_version` is the version of dossier or section that the voter read, None does not check."""

    read_version: Whole | None = None


@act(on="trial")
def cast_vote(act: Act, given: VoteGiven) -> Made:
    """A vote on a matter: in the present round, on the version that the voter saw."""
    matter = MATTERS[given.matter]
    if act.relation not in matter.by:
        raise NotPermitted("not_your_vote", matter=matter.name)
    if act.trial["state"] not in matter.states:
        raise Refused("not_in_this_state", matter=matter.name, state=act.trial["state"])
    if (given.subject is not None) != bool(matter.subjects) or given.subject not in (None, *matter.subjects):
        raise invalid("subject", "unknown_id")
    seat = _voting_seat(act, matter) if act.relation in (Relation.SEATED, Relation.CHAIR) and matter.panel else {}
    if matter.name == "opinion" and act.actor.id in _led_to_stop(act):
        raise NotPermitted("led_to_the_stop")
    version = current_version(act, given.subject) if given.subject else act.trial["dossier_version"]
    if given.subject and version == 0:
        raise Invalid((("subject",), word("error.no_section", section=word(f"section.{given.subject}"))))
    if given.read_version not in (None, version):
        raise Refused("section_changed", kind=given.subject or "dossier", version=version)
    vote = act.id("vo")
    act.insert(VOTES, {
        "id": vote, "trial_id": act.trial["id"], "round": act.trial["round"], "version": version,
        "account_id": act.actor.id, "organisation_id": act.actor.organisation_id, "role": act.actor.role.value,
        "constituency": act.actor.constituency, "external": bool(seat.get("external")), "at": act.now,
        **given.model_dump(mode="json", exclude={"read_version"}),
    })
    return Made(id=vote)


def _led_to_stop(act: Act) -> tuple[str, ...]:
    """Who judged in the review that led to the stop the trial is in: they do not judge again whether it goes on."""
    stop = load_facts(act.connection, act.trial, ("suspension",), act.now, act.place).suspension
    return stop.reviewers if stop else ()


def _voting_seat(act: Act, matter: Matter) -> dict[str, Any]:
    """The actor's seat on the matter's panel. On a panel of the admission a member's deputy votes in their stead: of
    the two one is heard on a version."""
    panel, member = matter.panel or "", SEATS.alias("member")
    if panel not in DEPUTISED:
        return own_seat(act, panel)
    standing_in = act.connection.execute(sa.select(SEATS).join(member, member.c.id == SEATS.c.deputy_of).where(
        SEATS.c.trial_id == act.trial["id"], SEATS.c.account_id == act.actor.id, SEATS.c.accepted.is_(True),
        SEATS.c.panel_no == act.trial["panel_no"], SEATS.c.recused_at.is_(None), SEATS.c.objected.is_(False),
        member.c.panel == panel)).mappings().first()
    mine = dict(standing_in) if standing_in else own_seat(act, panel)
    other = SEATS.c.id == mine["deputy_of"] if mine["deputy_of"] else SEATS.c.deputy_of == mine["id"]
    voted = sa.select(VOTES.c.id).join(SEATS, SEATS.c.account_id == VOTES.c.account_id).where(
        other, VOTES.c.trial_id == act.trial["id"], VOTES.c.matter == matter.name,
        VOTES.c.round == act.trial["round"], VOTES.c.version == act.trial["dossier_version"])
    if act.connection.execute(voted).first():
        raise Refused("voted_by_member" if mine["deputy_of"] else "voted_by_deputy")
    return mine


def own_seat(act: Act, panel: str) -> dict[str, Any]:
    """The actor's accepted seat on the panel; refused without one."""
    found = act.connection.execute(sa.select(SEATS).where(
        SEATS.c.trial_id == act.trial["id"], SEATS.c.account_id == act.actor.id, SEATS.c.panel == panel,
        SEATS.c.panel_no == act.trial["panel_no"], SEATS.c.recused_at.is_(None),
        SEATS.c.objected.is_(False))).mappings().first()
    if found is None:
        raise NotPermitted("no_seat", panel=panel)
    if found["accepted"] is not True:
        raise Refused("seat_not_accepted", panel=panel)
    return dict(found)

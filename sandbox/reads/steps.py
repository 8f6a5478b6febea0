"""The next step of one person on one trial: the act of theirs that brings it forward, or whom it waits for.

It follows from the table of moves and needs: the move ahead that lacks least, and of what it lacks the first thing that
this person can do. Boards and trial pages show the same step.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.trials import NextMove, SectionState, next_moves, sections
from sandbox.rules.access import Actor, Relation
from sandbox.rules.cadence import TIERS
from sandbox.rules.dossier import required_sections
from sandbox.rules.needs import NEEDS
from sandbox.store.scope import seats_of
from sandbox.store.sections import SECTIONS
from sandbox.store.trials import SEATS
from sandbox.store.votes import MATTERS, VOTES

AHEAD: Mapping[str, tuple[str, ...]] = {
    "draft": ("submit",), "correction": ("submit",), "submitted": ("accept",),
    "ethics_review": ("admit", "send_to_rereview"), "expert_rereview": ("admit",), "admitted": ("start_trial",),
    "tune": ("resume_trial",), "suspended": ("lift_suspension", "begin_tuning", "open_retrospective"),
    "retrospective": ("begin_tuning", "resume_trial"), "exit_review": ("standardise",),
    "winding_down": ("close_withdrawn",),
}
"""The moves that lead on from a state. What a wind-down ends in is for a person: the needs all endings share lead."""
PARTY = {Relation.OWNER: "firm", Relation.OFFICER: "regulator"}
SEATED = (Relation.SEATED, Relation.CHAIR)
SPREAD = {
    "safeguards_in_place": ("safeguards", "kill_switch", "risks"),
    "exit_report_countersigned": ("exit_report", "countersignature"),
}
"""Needs that several sections meet together."""
TIME_MEETS = ("public_notice_given",)
"""Needs that only have to wait once their section is filed."""
SIGNED_OFF = {"consent": "approve", "exit_plan": "approve", "mitigation": "verify"}
"""Sections that count once someone else's vote stands beside them."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do (`kind`: move, section, vote, panel, ending) and its name; or `wait`, named for who holds it.

    `toward` is the move that it serves."""

    kind: str
    name: str
    toward: str | None = None

    @property
    def own(self) -> bool:
        """Whether this person can do it."""
        return self.kind != "wait"


@dataclass(frozen=True, slots=True)
class _Sight:
    """What the person sees of the trial, read once."""

    row: Mapping[Any, Any]
    actor: Actor
    sections: Mapping[str, SectionState]
    voted: frozenset[tuple[str, str | None, int]]
    seated: Mapping[str, int]

    def short_of(self, panel: str) -> bool:
        """Whether fewer seats are taken or offered than the tier's quorum."""
        return self.seated.get(panel, 0) < TIERS[self.row["tier"] or "R4"].quorum

    def section(self, *kinds: str) -> Step | None:
        """The first of these that the person may write and that is missing; else the last they may write."""
        mine = [kind for kind in kinds if self.sections[kind].writable]
        missing = [kind for kind in mine if self.sections[kind].version == 0]
        return Step("section", (missing or mine[-1:])[0]) if mine else None


def next_step(connection: sa.Connection, actor: Actor, row: Mapping[Any, Any], now: datetime,
              moves: tuple[NextMove, ...] | None = None) -> Step | None:
    """The actor's step on a trial (a row of `trial`); None where nothing leads on but time and use."""
    if row["relation"] in SEATED:
        return _reviewers(connection, actor, row)
    moves = next_moves(connection, row, row["relation"], now) if moves is None else moves
    ahead = way_ahead(row, moves)
    if ahead is None:
        return None
    sight = _Sight(row, actor, sections(connection, actor, row), _voted(connection, actor, row),
                   _seated(connection, row))
    return _toward(sight, ahead)


def way_ahead(row: Mapping[Any, Any], moves: tuple[NextMove, ...]) -> NextMove | None:
    """The move that leads on and lacks least; the table's order decides between equals."""
    named = {one.move.name: one for one in moves}
    open_ways = [named[name] for name in AHEAD.get(row["state"], ()) if name in named and _open(named[name], row)]
    return min(open_ways, key=lambda one: len(one.unmet), default=None)


def _open(way: NextMove, row: Mapping[Any, Any]) -> bool:
    """Nobody can act on a fact of time, or on the list that the trial is on or not."""
    closed = {"listed": row["listed"] is not True, "not_listed": row["listed"] is True}
    return not any(NEEDS[name].meet == "clock" or closed.get(name) for name in way.unmet)


def _toward(sight: _Sight, ahead: NextMove) -> Step:
    lacking = [name for name in ahead.unmet if name != "two_regulators"]
    for name in lacking:
        step = _meeting(sight, name)
        if step is not None:
            return Step(step.kind, step.name, ahead.move.name)
    if lacking:
        return Step("wait", NEEDS[lacking[0]].holder, ahead.move.name)
    if not ahead.permitted:
        return Step("wait", ahead.move.by[0].value, ahead.move.name)
    if ahead.decision:
        return Step("wait", "regulator", ahead.move.name)
    ending = sight.row["state"] == "winding_down"
    return Step("ending", "winding_down") if ending else Step("move", ahead.move.name, ahead.move.name)


def _meeting(sight: _Sight, need: str) -> Step | None:
    """What the person can do for a need that does not hold."""
    meet, party = NEEDS[need].meet, PARTY.get(sight.row["relation"])
    if meet.startswith("votes:"):
        panel = MATTERS[meet.removeprefix("votes:")].panel
        lacking = party == "regulator" and panel is not None and sight.short_of(panel)
        return Step("panel", "panel") if lacking else _vote(sight, meet.removeprefix("votes:"))
    if meet == "panel":
        return Step("panel", "panel") if party == "regulator" else None
    if meet == "dossier":
        return sight.section(*required_sections(sight.row["simplified"]), "commitment")
    if need in SPREAD:
        return _spread(sight, need, party)
    if meet not in SECTIONS:
        return None
    if meet in SIGNED_OFF and sight.sections[meet].version:
        return _vote(sight, SIGNED_OFF[meet], meet)
    filed = sight.sections[meet].version > 0
    waiting = filed and need in TIME_MEETS
    return sight.section(meet) if party == NEEDS[need].holder and not waiting else None


def _spread(sight: _Sight, need: str, party: str | None) -> Step | None:
    kinds = SPREAD[need]
    if need == "safeguards_in_place":
        return sight.section(*kinds[:1], *kinds[:0:-1]) if party == "firm" else None
    report, answer = (sight.sections[kind] for kind in kinds)
    if report.version == 0:
        return sight.section(report.kind.kind)
    return sight.section(answer.kind.kind) if party == "firm" else None


def _vote(sight: _Sight, name: str, subject: str | None = None) -> Step | None:
    """The vote, where the person may cast it and has not on this version; never on what they wrote themselves."""
    matter = MATTERS[name]
    subject = subject or next(iter(matter.subjects), None)
    if sight.row["relation"] not in matter.by or sight.row["state"] not in matter.states:
        return None
    filed = sight.sections[subject] if subject else None
    own = filed is not None and filed.author == sight.actor.id and name in ("approve", "verify")
    version = filed.version if filed else sight.row["dossier_version"]
    if own or version == 0 or (name, subject, version) in sight.voted:
        return None
    return Step("vote", name)


def _voted(connection: sa.Connection, actor: Actor, row: Mapping[Any, Any]) -> frozenset[tuple[str, str | None, int]]:
    mine = sa.select(VOTES.c.matter, VOTES.c.subject, VOTES.c.version).where(
        VOTES.c.trial_id == row["id"], VOTES.c.account_id == actor.id, VOTES.c.round == row["round"])
    return frozenset((vote.matter, vote.subject, vote.version) for vote in connection.execute(mine))


def _seated(connection: sa.Connection, row: Mapping[Any, Any]) -> Mapping[str, int]:
    standing = (SEATS.c.recused_at.is_(None), SEATS.c.accepted.is_not(False), SEATS.c.panel_no == row["panel_no"])
    return dict(connection.execute(sa.select(SEATS.c.panel, sa.func.count()).where(
        SEATS.c.trial_id == row["id"], *standing).group_by(SEATS.c.panel)).tuples().all())


def _reviewers(connection: sa.Connection, actor: Actor, row: Mapping[Any, Any]) -> Step | None:
    """A vote of the panel the person sits on, or their score sheet; seats and reviews are tasks by themselves."""
    seated = set(connection.execute(sa.select(SEATS.c.panel).where(
        SEATS.c.trial_id == row["id"], seats_of(actor), SEATS.c.accepted.is_(True),
        SEATS.c.panel_no == row["panel_no"])).scalars())
    mine = sections(connection, actor, row)
    if row["state"] == "exit_review" and "running" in seated and mine["score"].version == 0:
        return Step("section", "score")
    for matter in MATTERS.values():
        asked = matter.panel in seated and row["state"] in matter.states and _asked(matter.name, mine)
        if asked and not _has_voted(connection, actor, row, matter.name):
            return Step("vote", matter.name)
    return None


def _asked(matter: str, found: Mapping[str, SectionState]) -> bool:
    """A diligence vote is wanted once a failure is to be filed."""
    return matter != "diligence" or found["failure_form"].version > 0


def _has_voted(connection: sa.Connection, actor: Actor, row: Mapping[Any, Any], matter: str) -> bool:
    since = row["state_since"]
    return connection.execute(sa.select(VOTES.c.id).where(
        VOTES.c.trial_id == row["id"], VOTES.c.account_id == actor.id, VOTES.c.matter == matter,
        VOTES.c.round == row["round"], VOTES.c.at >= since)).first() is not None

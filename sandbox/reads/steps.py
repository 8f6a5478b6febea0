"""The next step of one person on one trial: the act of theirs that brings it forward, or whom it waits for.

It follows from the table of moves and needs: the move ahead that lacks least, and of what it lacks the first thing that
this person can do. Boards and trial pages show the same step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sandbox.reads.trials import NextMove
from sandbox.rules.access import Actor, Relation, may_move
from sandbox.rules.cadence import TIERS
from sandbox.rules.dossier import required_sections
from sandbox.rules.facts import Facts
from sandbox.rules.jurisdiction import Jurisdiction
from sandbox.rules.lifecycle import ROWS, Move
from sandbox.rules.needs import NEEDS, by_committee, groups_for, unmet
from sandbox.store.facts import facts_of_many
from sandbox.store.sections import SECTIONS
from sandbox.store.trials import SEATS, TRIALS, Panel
from sandbox.store.votes import DECISIONS, MATTERS

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
SEATED_READ = frozenset(("sections", "votes", "panel"))
"""What a reviewer's own step is read from."""
PANELS = tuple(panel.value for panel in Panel)
SPREAD = {
    "safeguards_in_place": ("safeguards", "kill_switch", "risks"),
    "exit_report_countersigned": ("exit_report", "countersignature"),
}
"""Needs that several sections meet together."""
TIME_MEETS = ("public_notice_given",)
"""Needs that only have to wait once their section is filed."""
SIGNED_OFF = {"exposure": "approve", "consent": "approve", "exit_plan": "approve", "mitigation": "verify",
              "retrospective": "sign", "wind_down": "sign"}
"""Sections that count once someone else's vote stands beside them."""


@dataclass(frozen=True, slots=True)
class Step:
    """What to do (`kind`: move, section, vote, panel, items, changes, ending) and its name; or `wait`, named for who
    holds it.

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
    """What the person sees of the trial: its row, their relation to it, the facts that the way ahead reads, seats
    taken or offered by panel, and the moves that wait for a second regulator."""

    row: Mapping[Any, Any]
    actor: Actor
    relation: Relation
    facts: Facts
    standing: Mapping[str, int]
    proposed: frozenset[str]

    def writable(self, kind: str) -> bool:
        """Whether this person writes this section in the present state."""
        return self.relation in SECTIONS[kind].by and self.row["state"] in SECTIONS[kind].states

    def section(self, *kinds: str) -> Step | None:
        """The first of these that the person may write and that is missing; else the last they may write."""
        mine = [kind for kind in kinds if self.writable(kind)]
        missing = [kind for kind in mine if self.facts.section(kind) is None]
        return Step("section", (missing or mine[-1:])[0]) if mine else None

    def voted(self, matter: str, subject: str | None, version: int) -> bool:
        """Whether this person voted on it in the present round."""
        return any(vote.person == self.actor.id for vote in self.facts.cast(matter, version=version, subject=subject))

    def short_of(self, panel: str) -> bool:
        """Whether fewer seats are taken or offered than the tier's quorum."""
        return self.standing.get(panel, 0) < TIERS[self.row["tier"] or "R4"].quorum

    def unfit(self, panel: str, need: str) -> bool:
        """Whether the panel still lacks somebody once everyone who was asked has accepted."""
        lacks, answered = NEEDS[need].lacks, len(self.facts.seats(panel)) == self.standing.get(panel, 0)
        return bool(answered and lacks and lacks(self.facts))


def next_step(connection: sa.Connection, actor: Actor, row: Mapping[Any, Any], relation: Relation,
              now: datetime, place: Jurisdiction) -> Step | None:
    """The actor's step on a trial they see and stand to in this relation; None where only time and use lead on."""
    return next_steps(connection, actor, [row], relation, now, place)[row["id"]]


def next_steps(connection: sa.Connection, actor: Actor, rows: Sequence[Mapping[Any, Any]], relation: Relation,
               now: datetime, place: Jurisdiction) -> dict[str, Step | None]:
    """The same for several trials, by id, in as many queries as for one."""
    if not rows:
        return {}
    asked = [(row, SEATED_READ if relation in SEATED else groups_for(_ahead(row)) | {"sections"}) for row in rows]
    facts = facts_of_many(connection, asked, now, place)
    standing, proposed = _standing(connection, rows), _proposed(connection, rows, now)
    return {row["id"]: _step(_Sight(row, actor, relation, facts[row["id"]], standing.get(row["id"], {}),
                                    proposed.get(row["id"], frozenset()))) for row in rows}


def _ahead(row: Mapping[Any, Any]) -> tuple[Move, ...]:
    return tuple(ROWS[name, row["state"]] for name in AHEAD.get(row["state"], ()) if (name, row["state"]) in ROWS)


def _step(sight: _Sight) -> Step | None:
    if sight.relation in SEATED:
        return _reviewers(sight)
    ahead = way_ahead(sight.row, tuple(NextMove(move, may_move(move, sight.relation), unmet(move, sight.facts), None)
                                       for move in _ahead(sight.row)))
    return _toward(sight, ahead) if ahead else None


def _standing(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> dict[str, dict[str, int]]:
    """Seats taken or offered, by trial and panel."""
    query = sa.select(SEATS.c.trial_id, SEATS.c.panel, sa.func.count()).join(
        TRIALS, sa.and_(TRIALS.c.id == SEATS.c.trial_id, TRIALS.c.panel_no == SEATS.c.panel_no)).where(
        SEATS.c.trial_id.in_([row["id"] for row in rows]), SEATS.c.recused_at.is_(None),
        SEATS.c.accepted.is_not(False)).group_by(SEATS.c.trial_id, SEATS.c.panel)
    found: dict[str, dict[str, int]] = {}
    for trial_id, panel, number in connection.execute(query):
        found.setdefault(trial_id, {})[panel] = number
    return found


def _proposed(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]], now: datetime) -> dict[str, frozenset[str]]:
    """Moves that already wait for a second regulator, whose own task they are; by trial."""
    query = sa.select(DECISIONS.c.trial_id, DECISIONS.c.move).where(
        DECISIONS.c.trial_id.in_([row["id"] for row in rows]), DECISIONS.c.outcome == "waiting",
        DECISIONS.c.expires_at > now)
    found: dict[str, frozenset[str]] = {}
    for trial_id, move in connection.execute(query):
        found[trial_id] = found.get(trial_id, frozenset()) | {move}
    return found


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
    if ahead.move.name in sight.proposed:
        return Step("wait", "regulator", ahead.move.name)
    ending = sight.row["state"] == "winding_down"
    return Step("ending", "winding_down") if ending else Step("move", ahead.move.name, ahead.move.name)


def _meeting(sight: _Sight, need: str) -> Step | None:
    """What the person can do for a need that does not hold."""
    meet, party = NEEDS[need].meet, PARTY.get(sight.relation)
    if need == "panel_in_favour" and by_committee(sight.facts):
        return _vote(sight, "approve", "ethics_approval")
    if meet.startswith("votes:"):
        panel = MATTERS[meet.removeprefix("votes:")].panel
        lacking = party == "regulator" and panel is not None and (sight.short_of(panel) or sight.unfit(panel, need))
        return Step("panel", "panel") if lacking else _vote(sight, meet.removeprefix("votes:"))
    if meet == "panel":
        return Step("panel", "panel") if party == "regulator" else None
    if meet == "dossier":
        return sight.section(*required_sections(sight.row["simplified"]), "commitment")
    if meet == "corrective_items":
        return _items(sight, party)
    if need in SPREAD:
        return _spread(sight, need, party)
    if need == "exposure_limited" and sight.facts.terms is not None:  # a plan in force is changed by a request
        return Step("changes", "changes") if party == "firm" else None
    if meet not in SECTIONS:
        return None
    if meet in SIGNED_OFF and sight.facts.section(meet):
        return _vote(sight, SIGNED_OFF[meet], meet)
    waiting = need in TIME_MEETS and sight.facts.section(meet) is not None
    return sight.section(meet) if party == NEEDS[need].holder and not waiting else None


def _items(sight: _Sight, party: str | None) -> Step | None:
    """Items are done by the firm, then verified by an officer; when all are closed the firm tells of the retest."""
    waiting = [item for item in sight.facts.items if item.mandatory and not item.verified_at]
    if not waiting:
        return sight.section("retest") if party == "firm" else None
    done = [item for item in waiting if item.done_at]
    mine = {"firm": len(done) < len(waiting), "regulator": bool(done)}
    return Step("items", "items") if party and mine[party] else None


def _spread(sight: _Sight, need: str, party: str | None) -> Step | None:
    kinds = SPREAD[need]
    if need == "safeguards_in_place":
        return sight.section(*kinds[:1], *kinds[:0:-1]) if party == "firm" else None
    report, answer = kinds
    if sight.facts.section(report) is None:
        return sight.section(report)
    return sight.section(answer) if party == "firm" else None


def _vote(sight: _Sight, name: str, subject: str | None = None) -> Step | None:
    """The vote, where the person may cast it and has not on this version; never on what they wrote themselves."""
    matter = MATTERS[name]
    subject = subject or next(iter(matter.subjects), None)
    if sight.relation not in matter.by or sight.row["state"] not in matter.states:
        return None
    filed = sight.facts.section(subject) if subject else None
    own = filed is not None and filed.author == sight.actor.id and (name, subject) != ("sign", "plan")
    version = filed.version if filed else 0 if subject else sight.row["dossier_version"]
    if own or version == 0 or sight.voted(name, subject, version):
        return None
    return Step("vote", name)


def _reviewers(sight: _Sight) -> Step | None:
    """A vote of the panel the person sits on, or their score sheet; seats and reviews are tasks by themselves."""
    seated = {panel for panel in PANELS if any(seat.person == sight.actor.id for seat in sight.facts.seats(panel))}
    scored = any(sheet.author == sight.actor.id for sheet in sight.facts.sections.get("score", ()))
    if sight.row["state"] == "exit_review" and "running" in seated and not scored:
        return Step("section", "score")
    for matter in (one for one in MATTERS.values() if one.of_panel and one.panel in seated):
        asked = sight.row["state"] in matter.states and _asked(sight, matter.name)
        if asked and not _has_voted(sight, matter.name):
            return Step("vote", matter.name)
    return None


def _asked(sight: _Sight, matter: str) -> bool:
    """A diligence vote is wanted once a failure is to be filed."""
    return matter != "diligence" or sight.facts.section("failure_form") is not None


def _has_voted(sight: _Sight, matter: str) -> bool:
    since = sight.row["state_since"]
    return any(vote.person == sight.actor.id and vote.at >= since for vote in sight.facts.cast(matter))

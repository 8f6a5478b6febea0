"""Seats on a trial's panels: assigned by a regulator, answered by the reviewer, ended by recusal (回避)."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.clocks import end_clock, running_of_trial, start_clock
from sandbox.acts.refusals import NotFound, NotPermitted, Refused, invalid
from sandbox.acts.schedule import drop_due, notify
from sandbox.rules.access import Relation, Role
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.needs import NEEDS
from sandbox.rules.panels import DEPUTISED, from_outside
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.clocks import ClockOutcome
from sandbox.store.corrective import ITEMS
from sandbox.store.dues import DueKind
from sandbox.store.facts import load_facts
from sandbox.store.fields import Fields
from sandbox.store.organisations import ORGANISATIONS
from sandbox.store.recusals import RECUSALS, RecusalState
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.trials import SEATS, DeputyFields, Panel, SeatAnswer, SeatFields
from sandbox.store.types import Long

WHOLE = "D13"
"""The clock of a running trial whose panel is not whole."""
CLOSED_FOR_APPEAL = ("declined", "terminated")


@act(on="trial")
def assign_reviewer(act: Act, given: SeatFields) -> Made:
    """Offer a seat. While an appeal is open the seat is on the fresh panel. Nobody reviews and re-reviews one trial,
    and nobody of the firm's own body sits on it; whether a member is external follows from the body they are of."""
    if given.panel is Panel.DEPUTY:
        raise invalid("panel", "deputies_are_named")
    return Made(id=_offer(act, given))


@act(on="seat")
def name_deputy(act: Act, given: DeputyFields) -> Made:
    """Offer another reviewer to stand in for a member of a panel: by the member, or by a regulator. The same checks
    hold, the deputy answers the same questions, and judges or votes only where the member does not."""
    seat = act.row(SEATS, act.object_id or "")
    if act.relation is not Relation.OFFICER and seat["account_id"] != act.actor.id:
        raise NotPermitted("not_your_seat")
    if seat["panel"] == Panel.DEPUTY or seat["accepted"] is not True or seat["recused_at"] is not None:
        raise Refused("no_seat_for_a_deputy")
    if act.connection.execute(sa.select(SEATS.c.id).where(
            SEATS.c.deputy_of == seat["id"], SEATS.c.recused_at.is_(None), SEATS.c.accepted.is_not(False))).first():
        raise Refused("has_a_deputy")
    return Made(id=_offer(act, SeatFields(account_id=given.account_id, panel=Panel.DEPUTY), seat))


def _offer(act: Act, given: SeatFields, member: Mapping[str, Any] | None = None) -> str:
    """A seat offered to a reviewer who may hold it: on a panel, or in a member's stead."""
    person = act.connection.execute(sa.select(ACCOUNTS).where(
        ACCOUNTS.c.id == given.account_id, ACCOUNTS.c.role == Role.REVIEWER, ACCOUNTS.c.active)).mappings().first()
    if person is None:
        raise invalid("account_id", "unknown_id")
    external = _from_outside(act, person["organisation_id"])
    number = act.trial["panel_no"] + (act.trial["state"] in CLOSED_FOR_APPEAL)
    panel = member["panel"] if member else given.panel.value
    _check_roles(act, given, panel, number)
    _check_body(act, panel, person["organisation_id"])
    seat = act.id("st")
    act.insert(SEATS, {
        **given.model_dump(mode="json"), "id": seat, "trial_id": act.trial["id"], "panel_no": number, "at": act.now,
        "organisation_id": person["organisation_id"], "constituency": person["constituency"],
        "external": external, "deputy_of": member["id"] if member else None,
    })
    notify(act, "seat_offered", account=given.account_id, dedupe=seat, panel=given.panel)
    return seat


def _check_roles(act: Act, given: SeatFields, panel: str, number: int) -> None:
    """Nobody sits twice on a panel, nor as member and deputy; nobody reviews and re-reviews; nobody of an earlier panel
    sits on an appeal's. A deputy counts as of the panel of the member."""
    member = SEATS.alias("member")
    held = act.connection.execute(sa.select(
        SEATS.c.panel, SEATS.c.panel_no, SEATS.c.recused_at, _panel_of(member).label("of")).outerjoin(
        member, member.c.id == SEATS.c.deputy_of).where(
        SEATS.c.trial_id == act.trial["id"], SEATS.c.account_id == given.account_id)).all()
    if any(seat.panel_no == number and (seat.panel == given.panel or seat.of == panel and seat.recused_at is None)
           for seat in held):
        raise Refused("already_seated")
    if {*DEPUTISED} == {panel, *(seat.of for seat in held)} - {Panel.RUNNING}:
        raise Refused("double_role")
    if act.trial["state"] in CLOSED_FOR_APPEAL and held:
        raise Refused("earlier_panel")


def _panel_of(member: Any) -> Any:
    """The panel that a seat is of: a deputy's is the member's."""
    return sa.func.coalesce(member.c.panel, SEATS.c.panel)


def _check_body(act: Act, panel: str, body: str | None) -> None:
    """No body takes part in both the review and the re-review of one trial."""
    other, member = {"review": "rereview", "rereview": "review"}.get(panel), SEATS.alias("member")
    there = sa.select(SEATS.c.id).outerjoin(member, member.c.id == SEATS.c.deputy_of).where(
        SEATS.c.trial_id == act.trial["id"], _panel_of(member) == other, SEATS.c.organisation_id == body,
        SEATS.c.accepted.is_not(False), SEATS.c.recused_at.is_(None))
    if other and body and act.connection.execute(there).first():
        raise Refused("double_role_of_body")


def look_at_panel(act: Act) -> None:
    """A running trial that lacks a whole panel, taken over without one or left by a member, owes it by a clock."""
    if act.trial["state"] not in RUNNING:
        return
    facts = load_facts(act.connection, act.trial, ("panel",), act.now, act.place)
    waiting = running_of_trial(act, (WHOLE,))
    if not NEEDS["panel_assigned"].holds(facts):
        if not waiting:
            start_clock(act, WHOLE, act.trial["id"], act.now, again=True)
        return
    for clock in waiting:
        end_clock(act, clock.id, ClockOutcome.DONE, act.now)


def _from_outside(act: Act, body: str | None) -> bool:
    """Whether someone of this body is external to the trial; refused where it is the firm's, by its row or its code."""
    of, firm = (act.row(ORGANISATIONS, one) for one in (body or "", act.trial["organisation_id"]))
    if of["id"] == firm["id"] or (of["code"] is not None and of["code"] == firm["code"]):
        raise invalid("account_id", "own_body")
    return from_outside(of["kind"], of["id"], act.row(SCENARIOS, act.trial["scenario_id"])["lead_id"])


@act(on="seat")
def answer_assignment(act: Act, given: SeatAnswer) -> Made:
    """The reviewer's answer, conflict question first; a conflict closes the trial to them at once."""
    seat = act.row(SEATS, act.object_id or "")
    if seat["account_id"] != act.actor.id:
        raise NotFound
    if seat["recused_at"] is not None or seat["accepted"] is not None:
        raise Refused("seat_answered")
    act.update(SEATS, seat["id"], conflict=given.conflict, accepted=given.accepted and not given.conflict,
               statement=given.statement)
    if given.conflict:
        end_seats(act, seat["account_id"], given.statement)
    look_at_panel(act)
    return Made(id=seat["id"])


class RecusalGiven(Fields):
    """Why a seat ends."""

    reason: Long


@act(on="seat")
def recuse_reviewer(act: Act, given: RecusalGiven) -> Made:
    """End a seat: the reviewer's own, or any by a regulator. Access ends with this act."""
    seat = act.row(SEATS, act.object_id or "")
    if act.relation is not Relation.OFFICER and seat["account_id"] != act.actor.id:
        raise NotPermitted("not_your_seat")
    if seat["recused_at"] is not None:
        raise Refused("seat_answered")
    end_seats(act, seat["account_id"], given.reason)
    return Made(id=seat["id"])


def end_seats(act: Act, account_id: str, reason: str | None, **more: object) -> None:
    """End every seat the person holds on the trial, with those of their deputies: a conflict on one panel is a conflict
    on all. Their votes count no more, and what they verified waits for somebody else."""
    _settle_requests(act, account_id, reason)
    open_seats = sa.select(SEATS.c.id).where(SEATS.c.trial_id == act.trial["id"], SEATS.c.account_id == account_id,
                                             SEATS.c.recused_at.is_(None))
    for seat in act.connection.execute(open_seats).scalars().all():
        act.update(SEATS, seat, recused_at=act.now, statement=reason, **more)
        for deputy in act.connection.execute(sa.select(SEATS.c.id).where(
                SEATS.c.deputy_of == seat, SEATS.c.recused_at.is_(None))).scalars().all():
            act.update(SEATS, deputy, recused_at=act.now)
    look_at_panel(act)
    verified = sa.select(ITEMS.c.id).where(ITEMS.c.trial_id == act.trial["id"], ITEMS.c.verified_by == account_id)
    for item in act.connection.execute(verified).scalars().all():
        act.update(ITEMS, item, verified_by=None, verified_at=None)


def _settle_requests(act: Act, account_id: str, reason: str | None) -> None:
    """A request that the reviewer step aside has what it asked for."""
    waiting = sa.select(RECUSALS.c.id, RECUSALS.c.seat_id).join(SEATS, SEATS.c.id == RECUSALS.c.seat_id).where(
        RECUSALS.c.trial_id == act.trial["id"], SEATS.c.account_id == account_id,
        RECUSALS.c.state == RecusalState.WAITING)
    for one in act.connection.execute(waiting).all():
        act.update(RECUSALS, one.id, state=RecusalState.GRANTED.value, decided_by=act.actor.id, decided_at=act.now,
                   decision=reason or "")
        act.update(SEATS, one.seat_id, objected=False)
        drop_due(act, DueKind.RECUSAL_WAITS, one.id)

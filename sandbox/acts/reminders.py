"""Reminders by ladder: each rung tells whom it names, once, while the thing is not done. One row of LADDERS a kind.

A ladder has one due, at its next rung. When that has come, the latest rung that has passed is told, and the due moves
to the next one ahead: a server that was down for a week tells one reminder, marked late, not all that it missed. The
record is looked at anew each time, so a thing that was done, dropped or put off is not reminded of by mistake.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.coverage import next_report_due
from sandbox.acts.schedule import (
    KILL_SWITCH_OLD,
    interval_of,
    notify,
    panel_of,
    put_due,
    review_reminders,
    switch_test_due,
)
from sandbox.rules import alarms
from sandbox.rules.access import Role
from sandbox.rules.cadence import Rung
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.clocks import owner_reminders, yearly_reminders
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.reporting import report_reminders
from sandbox.store.annual import ANNUAL_REPORTS
from sandbox.store.clocks import CLOCKS
from sandbox.store.corrective import ITEMS
from sandbox.store.dues import DueKind
from sandbox.store.duty import ALARMS, DUTIES
from sandbox.store.reviews import OPINIONS, REVIEWS, SITTERS, ReviewState
from sandbox.store.trials import SEATS, Panel
from sandbox.store.votes import VOTES

LATE_AFTER = timedelta(hours=1)
"""A reminder told later than this says so."""
Party = tuple[str, str]
"""Who is told: ("account", its id) or ("role", its name)."""


@dataclass(frozen=True, slots=True)
class Owed:
    """What a ladder is about, as the record stands: when it is due, how long it had, and who answers to each name of
    the ladder's rungs."""

    due_at: datetime
    interval_days: int
    to: Mapping[str, Iterable[Party]]
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The kind of notice it tells, its rungs for a due time, an interval in days and a zone, and how its object is
    looked at; None when nothing is owed any more."""

    notice: str
    rungs: Callable[[datetime, int, tzinfo], tuple[tuple[datetime, Rung], ...]]
    look: Callable[[Act, str], Owed | None]


def remind(act: Act, due: Mapping[str, Any]) -> None:
    """Tell the latest rung that has come, and owe the next."""
    ladder = LADDERS[DueKind(due["kind"])]
    owed = ladder.look(act, due["object_id"])
    if owed is None:
        return
    rungs = ladder.rungs(owed.due_at, owed.interval_days, act.zone)
    come = [(at, rung) for at, rung in rungs if at <= act.now]
    if come:
        _tell(act, ladder.notice, due["object_id"], owed, *come[-1])
    ahead = next((at for at, _ in rungs if at > act.now), None)
    if ahead:
        put_due(act, DueKind(due["kind"]), due["object_id"], ahead, due["trial_id"])


def _tell(act: Act, notice: str, object_id: str, owed: Owed, at: datetime, rung: Rung) -> None:
    """Each party once, in the first capacity that the rung names."""
    told: set[Party] = set()
    for capacity in rung.to:
        for kind, name in owed.to.get(capacity, ()):
            if (kind, name) not in told:
                told.add((kind, name))
                account, role = (name, None) if kind == "account" else (None, name)
                notify(act, notice, account=account, role=role,
                       dedupe=f"{object_id}:{owed.due_at.isoformat()}:{rung.days}", days=rung.days,
                       due=owed.due_at.isoformat(), late=act.now - at > LATE_AFTER, capacity=capacity,
                       object=object_id, **owed.content)


# Reviews


def owed_review(act: Act, review_id: str) -> Owed | None:
    """A review that is neither held nor dropped. The reviewers are those on duty for it, the whole panel where nobody
    is; the rest of the panel stands in as substitutes."""
    review = act.row(REVIEWS, review_id)
    if review["state"] not in (ReviewState.PLANNED, ReviewState.OPEN):
        return None
    panel = [("account", one.account) for one in panel_of(act)]
    on_duty = [("account", account) for account in act.connection.execute(
        sa.select(SITTERS.c.account_id).where(SITTERS.c.review_id == review_id)).scalars()]
    asked = on_duty or panel
    return Owed(review["due_at"], interval_of(act, review), {
        "reviewer": asked, "officer": [("role", Role.REGULATOR.value)],
        "deputy": _deputies(act, review_id, [name for _, name in asked]),
        "substitute": [one for one in panel if one not in on_duty]},
        {} if act.trial["state"] in RUNNING else {"stopped": True})


def _deputies(act: Act, review_id: str, asked: list[str]) -> list[Party]:
    """Who stands in for those who are asked and have not judged."""
    member = SEATS.alias("members")
    judged = sa.select(OPINIONS.c.account_id).where(OPINIONS.c.review_id == review_id)
    query = sa.select(SEATS.c.account_id).join(member, member.c.id == SEATS.c.deputy_of).where(
        member.c.trial_id == act.trial["id"], member.c.account_id.in_(asked), member.c.account_id.not_in(judged),
        member.c.recused_at.is_(None), SEATS.c.accepted.is_(True), SEATS.c.recused_at.is_(None),
        SEATS.c.objected.is_(False), SEATS.c.account_id.not_in(judged))
    return [("account", account) for account in act.connection.execute(query.order_by(SEATS.c.id)).scalars()]


# Feedback


def owed_report(act: Act, _trial_id: str) -> Owed:
    """The next report of a running trial; when the trial stands still the ladder is dropped."""
    return Owed(next_report_due(act), act.trial["feedback_days"], {
        "firm": [("role", Role.FIRM.value)], "officer": [("role", Role.REGULATOR.value)]}, {})


# Duties with a clock, and corrective items


def owed_clock(act: Act, clock_id: str) -> Owed | None:
    """A clock that runs and was not met by a first report; told to those who owe it."""
    clock = act.row(CLOCKS, clock_id)
    if clock["ended_at"] is not None or clock["first_at"] is not None:
        return None
    if clock["key"] == "C17" and panel_of(act):
        return None  # the emergency review reminds its panel by its own ladder
    owners: dict[Party, None] = {}
    for owner in KNOWN[clock["key"]].owners:
        owners |= dict.fromkeys(_owners(act, owner))
    return Owed(clock["due_at"], (clock["due_at"] - clock["started_at"]).days, {
        "owner": owners, "deputy": _standing_in(act, clock["key"])}, {"clock": clock["key"]})


def _owners(act: Act, owner: str) -> list[Party]:
    """A side by its role, a panel by its seats; whoever convenes a panel without any."""
    if owner in ("firm", "deployer"):
        return [("role", Role.FIRM.value)]
    if owner == "regulator":
        return [("role", Role.REGULATOR.value)]
    panel = Panel.REREVIEW if owner == "rereviewers" else Panel.RUNNING if act.trial["starts_at"] else Panel.REVIEW
    seated = sa.select(SEATS.c.account_id).where(
        SEATS.c.trial_id == act.trial["id"], SEATS.c.panel == panel.value, SEATS.c.accepted.is_(True),
        SEATS.c.recused_at.is_(None), SEATS.c.panel_no == act.trial["panel_no"]).order_by(SEATS.c.id)
    return [("account", account) for account in act.connection.execute(seated).scalars()] or _owners(act, "regulator")


def _standing_in(act: Act, key: str) -> list[Party]:
    """Deputies on the panel that votes by this clock, of members who have not voted on the dossier as it stands."""
    panel = {"C03": Panel.REVIEW, "C04": Panel.REREVIEW}.get(key)
    if panel is None:
        return []
    member = SEATS.alias("member")
    voted = sa.select(VOTES.c.account_id).where(
        VOTES.c.trial_id == act.trial["id"], VOTES.c.round == act.trial["round"],
        VOTES.c.version == act.trial["dossier_version"], VOTES.c.matter.in_(("ethics", "rereview")))
    query = sa.select(SEATS.c.account_id).join(member, member.c.id == SEATS.c.deputy_of).where(
        member.c.trial_id == act.trial["id"], member.c.panel == panel.value, member.c.recused_at.is_(None),
        member.c.account_id.not_in(voted), SEATS.c.accepted.is_(True), SEATS.c.recused_at.is_(None),
        SEATS.c.objected.is_(False))
    return [("account", account) for account in act.connection.execute(query.order_by(SEATS.c.id)).scalars()]


def owed_item(act: Act, item_id: str) -> Owed | None:
    """A corrective item that is not yet said to be done."""
    item = act.row(ITEMS, item_id)
    if item["done_at"] is not None:
        return None
    return Owed(item["due_at"], (item["due_at"] - item["at"]).days, {"owner": [("role", Role.FIRM.value)]}, {})


# Alarms


def owed_alarm(act: Act, alarm_id: str) -> Owed | None:
    """An alarm that nobody has acknowledged: it asks who was on duty when it was raised; where nobody was, everyone."""
    alarm = act.row(ALARMS, alarm_id)
    if alarm["acknowledged_at"] is not None:
        return None
    everyone = [("role", Role.REGULATOR.value)]
    duty = act.row(DUTIES, alarm["duty_id"]) if alarm["duty_id"] else None
    return Owed(alarm["at"], 0, {
        "on_duty": [("account", duty["officer_id"])] if duty else everyone,
        "duty_deputy": [("account", duty["deputy_id"])] if duty else everyone, "all_officers": everyone,
    }, {"cause": alarm["cause"], "urgent": True})


def owed_test(act: Act, _trial_id: str) -> Owed:
    """The next test of a running trial's kill switch; when the trial stands still the ladder is dropped."""
    return Owed(switch_test_due(act), KILL_SWITCH_OLD, {"owner": [("role", Role.FIRM.value)]}, {})


def owed_annual(act: Act, report_id: str) -> Owed | None:
    """A yearly report of the sandbox that is not yet filed."""
    report = act.row(ANNUAL_REPORTS, report_id)
    if report["filed_at"] is not None:
        return None
    return Owed(report["due_at"], (report["due_at"] - report["started_at"]).days,
                {"owner": [("role", Role.REGULATOR.value)]}, {"clock": report["key"]})


LADDERS: Mapping[DueKind, Ladder] = {
    DueKind.REMIND_REVIEW: Ladder("review_due", review_reminders, owed_review),
    DueKind.REMIND_FEEDBACK: Ladder("remind_feedback", report_reminders, owed_report),
    DueKind.REMIND_CLOCK: Ladder("clock_due", owner_reminders, owed_clock),
    DueKind.REMIND_KILL_SWITCH: Ladder("kill_switch_due", owner_reminders, owed_test),
    DueKind.REMIND_ANNUAL: Ladder("clock_due", yearly_reminders, owed_annual),
    DueKind.REMIND_ITEM: Ladder("item_due", owner_reminders, owed_item),
    DueKind.ALARM: Ladder("alarm", alarms.rungs, owed_alarm),
}

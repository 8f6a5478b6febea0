"""Due times of a trial: what the clock owes it while it runs, waits or is stopped. Rows that follow from the record."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.coverage import Deadlines, deadlines
from sandbox.rules.cadence import (
    REMINDERS,
    YELLOW_AFTER,
    Rung,
    cap_at,
    days_after,
    end_of_day,
    local_day,
    next_due,
    overdue_trigger_at,
    reminders,
)
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.clocks import owner_reminders
from sandbox.rules.facts import DAY, parse_day
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.reporting import report_reminders
from sandbox.rules.reviewing import Candidate, Sitting, interval_days, pair, sitting, solo
from sandbox.rules.risk import Light
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.channels import ENTRIES, EntryKind, EntryState
from sandbox.store.dues import DUES, GRACE, HOLDS, LATENESS, NOTICES, DueKind, HoldKind
from sandbox.store.engine import Statement
from sandbox.store.facts import sections
from sandbox.store.feedback import CORRECTIONS
from sandbox.store.incidents import INCIDENTS
from sandbox.store.reviews import REVIEWS, SITTERS, ReviewKind, ReviewState
from sandbox.store.trials import SEATS

OPENS_BEFORE = timedelta(days=7)
REVIEW_RUNGS = tuple(rung for rung in REMINDERS if -rung.days != OPENS_BEFORE.days)
"""At the rung that is left out the review opens, and whoever sits on it is told that."""
KILL_SWITCH_OLD, KILL_SWITCH_LATE = KNOWN["D09.yellow"].amount, KNOWN["D09"].amount
IDLE_DAYS = {"admitted": ((60, 80, 87), KNOWN["D03"].amount), "correction": ((30, 45, 55), KNOWN["D02"].amount)}
WHILE_RUNNING = (DueKind.OPEN_REVIEW, DueKind.REVIEW_OVERDUE, DueKind.REMIND_FEEDBACK, DueKind.FEEDBACK_LATE,
                 DueKind.FEEDBACK_MISSING, DueKind.FEEDBACK_SILENT, DueKind.END_DATE, DueKind.KILL_SWITCH,
                 DueKind.REMIND_REVIEW, DueKind.KILL_SWITCH_OLD, DueKind.REMIND_KILL_SWITCH)
BEYOND_THE_END = (DueKind.CLOCK_RUN_OUT, DueKind.REMIND_CLOCK)
"""What the law asks is owed though the trial has ended."""
WHILE_IDLE = (DueKind.REMIND_IDLE, DueKind.LAPSE)

_drop_one = Statement(sa.delete(DUES).where(DUES.c.kind == sa.bindparam("kind", type_=DUES.c.kind.type),
                                            DUES.c.object_id == sa.bindparam("object_id")))
_put = Statement(sa.text(
    "INSERT INTO dues (id, kind, object_id, trial_id, at, attempts) VALUES (:id, :kind, :object_id, :trial_id, :at, 0) "
    "ON CONFLICT (kind, object_id) DO UPDATE SET id = excluded.id, at = excluded.at, attempts = 0",
).bindparams(sa.bindparam("at", type_=DUES.c.at.type)))
_NOTICE = tuple(column.name for column in NOTICES.c)
_notify = Statement(sa.text(
    f"INSERT INTO notices ({', '.join(_NOTICE)}) VALUES ({', '.join(f':{name}' for name in _NOTICE)}) "
    "ON CONFLICT (dedupe) DO NOTHING").bindparams(*(sa.bindparam(c.name, type_=c.type) for c in NOTICES.c)))


def put_due(act: Act, kind: DueKind, object_id: str, at: datetime, trial_id: str | None = None) -> None:
    """One due of a kind and object; a later call replaces it."""
    if kind in LATENESS and at <= act.now + GRACE:
        at = _excused(act, at, trial_id)
    _put.run(act.connection, {"id": act.id("du"), "kind": kind.value, "object_id": object_id, "trial_id": trial_id,
                              "at": at})


def _excused(act: Act, at: datetime, trial_id: str | None) -> datetime:
    """A deadline that fell into an outage, when a person who looked let such deadlines move: what follows from the
    record alone would fire at once, as if nobody had looked."""
    query = sa.select(HOLDS.c.since, HOLDS.c.until, HOLDS.c.released_at, HOLDS.c.kind, HOLDS.c.trials).where(
        HOLDS.c.released_at >= at - GRACE, HOLDS.c.proceed.is_(False)).order_by(HOLDS.c.released_at)
    for hold in act.connection.execute(query).all():
        concerned = at > hold.since if hold.kind == HoldKind.GAP else trial_id in hold.trials
        if concerned and at <= hold.released_at + GRACE:
            at = max(at + max(hold.until - hold.since, timedelta(0)) + GRACE, hold.released_at + GRACE)
    return at


def drop_due(act: Act, kind: DueKind, object_id: str) -> None:
    """Nothing is owed there any more."""
    _drop_one.run(act.connection, {"kind": kind.value, "object_id": object_id})


def drop_dues(act: Act, kinds: Iterable[DueKind] = tuple(DueKind)) -> None:
    """Drop the trial's dues of these kinds; with its end date every date of its calendar."""
    kinds = list(kinds)
    act.connection.execute(sa.delete(DUES).where(DUES.c.trial_id == act.trial["id"], DUES.c.kind.in_(kinds)))
    if DueKind.END_DATE in kinds:
        cancel_entries(act)


def notify(act: Act, kind: str, *, account: str | None = None, role: str | None = None, dedupe: str = "",
           shut: bool = False, **content: Any) -> None:
    """A notice in the act's transaction: to one account, or to everyone of a role who sees the trial. With `dedupe` it
    is told once, however often the same is asked. `shut`: the trial is closed to the account, who is told all the same,
    without a way to it."""
    trial_id = None if shut else act.trial.get("id")
    key = f"{kind}:{account or role}:{dedupe or act.seq}"
    _notify.run(act.connection, {
        "id": act.id("no"), "dedupe": key, "kind": kind, "account_id": account, "role": role, "trial_id": trial_id,
        "content": content, "at": act.now, "expanded_at": None,
    })


_enter = Statement(sa.text(
    "INSERT INTO calendar_entries (id, kind, trial_id, due_at, state, sequence, changed_at) "
    "VALUES (:id, :kind, :trial_id, :due_at, :state, 0, :now) ON CONFLICT (id) DO UPDATE SET due_at = excluded.due_at, "
    "state = excluded.state, sequence = calendar_entries.sequence + 1, changed_at = excluded.changed_at "
    "WHERE calendar_entries.due_at <> excluded.due_at OR calendar_entries.state <> excluded.state",
).bindparams(sa.bindparam("due_at", type_=ENTRIES.c.due_at.type), sa.bindparam("now", type_=ENTRIES.c.due_at.type)))


def enter(act: Act, kind: EntryKind, object_id: str, due_at: datetime, state: EntryState = EntryState.OWED) -> None:
    """A date as calendars show it. The same again changes nothing; anything else raises its sequence."""
    _enter.run(act.connection, {"id": object_id, "kind": kind.value, "trial_id": act.trial["id"], "due_at": due_at,
                                "state": state.value, "now": act.now})


def cancel_entries(act: Act) -> None:
    """The trial stands still or has ended: its dates are cancelled until they are entered again, but for those of
    reviews that are open, which still ask for an opinion."""
    still_open = sa.select(REVIEWS.c.id).where(REVIEWS.c.trial_id == act.trial["id"],
                                               REVIEWS.c.state == ReviewState.OPEN)
    act.connection.execute(sa.update(ENTRIES).where(
        ENTRIES.c.trial_id == act.trial["id"], ENTRIES.c.state == EntryState.OWED, ENTRIES.c.id.not_in(still_open),
    ).values(state=EntryState.CANCELLED, sequence=ENTRIES.c.sequence + 1, changed_at=act.now))


def arm_idle(act: Act) -> None:
    """Reminders and the lapse of a state that must not last."""
    days, lapse = IDLE_DAYS[act.trial["state"]]
    since, trial_id = act.trial["state_since"], act.trial["id"]
    for day in days:
        put_due(act, DueKind.REMIND_IDLE, f"{trial_id}:{day}", since + timedelta(days=day), trial_id)
    put_due(act, DueKind.LAPSE, trial_id, since + timedelta(days=lapse), trial_id)


def arm_running(act: Act) -> None:
    """Everything owed to a running trial, from its record as it stands; safe to call again."""
    trial = act.trial
    if trial["state"] not in RUNNING:
        return
    arm_feedback(act)
    arm_kill_switch(act)
    put_due(act, DueKind.END_DATE, trial["id"], trial["ends_at"], trial["id"])
    enter(act, EntryKind.END, f"{trial['id']}-end", trial["ends_at"])
    planned = act.connection.execute(sa.select(REVIEWS).where(
        REVIEWS.c.trial_id == trial["id"],
        REVIEWS.c.state.in_((ReviewState.PLANNED, ReviewState.OPEN)))).mappings().all()
    for review in planned:
        arm_review(act, dict(review))
    if not any(review["kind"] == ReviewKind.PERIODIC for review in planned):
        plan_next_review(act, act.now)


def arm_feedback(act: Act, not_before: datetime | None = None) -> None:
    """Reminders of the next report, yellow a day after its deadline, the trigger when the one after it is missing too.
    What a decision of others made due is never late before `not_before`."""
    trial_id, owed = act.trial["id"], deadlines(act)
    if owed is None:
        return
    late = max(owed.report + YELLOW_AFTER, not_before or owed.report)
    put_due(act, DueKind.FEEDBACK_LATE, trial_id, late, trial_id)
    _arm_missing(act, owed, not_before)
    remind_next(act, owed.report)
    enter(act, EntryKind.REPORT, f"{trial_id}-report", owed.report)


def rearm(act: Act, before: Deadlines | None) -> datetime | None:
    """Move what was filed since, or taken back, has moved of the deadlines; when the next report is due."""
    after = deadlines(act)
    if after is None:
        return None
    if before is None or after.report != before.report:
        arm_feedback(act)
    elif after != before:  # a report of a part of its period
        _arm_missing(act, after)
    return after.report


def _arm_missing(act: Act, owed: Deadlines, not_before: datetime | None = None) -> None:
    """The trigger when two periods in a row are missing, and the one of silence where that comes before."""
    trial_id, silent = act.trial["id"], owed.silent
    put_due(act, DueKind.FEEDBACK_MISSING, trial_id, max(owed.missing, not_before or owed.missing), trial_id)
    if silent is not None and silent < owed.missing:
        put_due(act, DueKind.FEEDBACK_SILENT, trial_id, max(silent, not_before or silent), trial_id)
    elif silent is not None:
        drop_due(act, DueKind.FEEDBACK_SILENT, trial_id)


def remind_next(act: Act, due: datetime) -> None:
    """The next reminder of a report that is still to come, or none."""
    arm_reminders(act, DueKind.REMIND_FEEDBACK, act.trial["id"],
                  report_reminders(due, act.trial["feedback_days"], act.zone))


def arm_kill_switch(act: Act) -> None:
    """The firm is reminded that the kill switch is to be tested; the light turns yellow when the last test is 30 days
    old, and the trial stops when it is 38."""
    trial_id, due = act.trial["id"], switch_test_due(act)
    arm_reminders(act, DueKind.REMIND_KILL_SWITCH, trial_id, owner_reminders(due, KILL_SWITCH_OLD, act.zone))
    put_due(act, DueKind.KILL_SWITCH_OLD, trial_id, max(due, act.now), trial_id)
    put_due(act, DueKind.KILL_SWITCH, trial_id, days_after(due, KILL_SWITCH_LATE - KILL_SWITCH_OLD, act.zone), trial_id)


def switch_test_due(act: Act) -> datetime:
    """When the last test of the kill switch, or the start where there was none since, will be too old."""
    found = sections(act.connection, act.trial, act.now).get("kill_switch")
    tested = parse_day(found[-1].body["tested_on"]) if found else None
    day = tested or local_day(act.trial["running_since"], act.zone)
    return end_of_day(day + KILL_SWITCH_OLD * DAY, act.zone)


def arm_review(act: Act, review: dict[str, Any]) -> None:
    """A planned review opens a week before it is due; an open one suspends the trial when it stays overdue, unless it
    is of a change: who asks for one is not stopped because nobody looked."""
    trial = act.trial
    if review["state"] == ReviewState.PLANNED:
        put_due(act, DueKind.OPEN_REVIEW, review["id"], review["due_at"] - OPENS_BEFORE, trial["id"])
    if review["kind"] == ReviewKind.CHANGE:
        remind_of(act, review)
        return
    cap = cap_at(last_held(act) or trial["starts_at"], trial["tier"], act.zone)
    at = max(overdue_trigger_at(review["due_at"], trial["tier"], act.zone, cap), review["due_at"])
    put_due(act, DueKind.REVIEW_OVERDUE, review["id"], at, trial["id"])
    remind_of(act, review)


def remind_of(act: Act, review: Mapping[str, Any]) -> None:
    """Its reminders and its date in the calendars."""
    arm_reminders(act, DueKind.REMIND_REVIEW, review["id"],
                  review_reminders(review["due_at"], interval_of(act, review), act.zone))
    enter(act, EntryKind.REVIEW, review["id"], review["due_at"])


def interval_of(act: Act, review: Mapping[str, Any]) -> int:
    """Whole days from when the review began to be owed: the last one held, or the day it was called."""
    since = _last(act, _held) if review["kind"] == ReviewKind.PERIODIC else review["opened_at"]
    return int((review["due_at"] - (since or act.trial["starts_at"] or act.now)).days)


_due_at = Statement(sa.select(DUES.c.at, DUES.c.attempts).where(
    DUES.c.kind == sa.bindparam("kind", type_=DUES.c.kind.type), DUES.c.object_id == sa.bindparam("object_id")))


def review_reminders(due: datetime, interval_days: int, zone: tzinfo) -> tuple[tuple[datetime, Rung], ...]:
    """When people are reminded of a review, earliest first."""
    return reminders(due, interval_days, zone, REVIEW_RUNGS)


def arm_reminders(act: Act, kind: DueKind, object_id: str, rungs: tuple[tuple[datetime, Rung], ...]) -> None:
    """Owe the next rung of an object's ladder; `acts/reminders.py` climbs it. Safe to call again, and when the due time
    has moved: a rung that has come due and waits for its tick is left to it, since it looks at the record anew."""
    standing = _due_at.first(act.connection, {"kind": kind.value, "object_id": object_id})
    if standing and (standing["at"] <= act.now or standing["attempts"]):
        return
    following = next((at for at, _ in rungs if at > act.now), None)
    if following:
        put_due(act, kind, object_id, following, act.trial.get("id"))
    elif standing:
        drop_due(act, kind, object_id)


def release_review(act: Act, review_id: str, due_at: datetime, state: EntryState = EntryState.DONE) -> None:
    """Nothing is owed for a review that was held, or dropped (then its date is cancelled)."""
    for kind in (DueKind.OPEN_REVIEW, DueKind.REVIEW_OVERDUE, DueKind.REMIND_REVIEW):
        drop_due(act, kind, review_id)
    enter(act, EntryKind.REVIEW, review_id, due_at, state)


def last_held(act: Act) -> datetime | None:
    """When the last review of the trial was held; an officer's stand-in check does not count here."""
    return _last(act, _held_by_panel)


_of_trial = REVIEWS.c.trial_id == sa.bindparam("trial_id")
_held = Statement(sa.select(sa.func.max(REVIEWS.c.held_at).label("at")).where(_of_trial))
_held_by_panel = Statement(sa.select(sa.func.max(REVIEWS.c.held_at).label("at")).where(
    _of_trial, REVIEWS.c.stand_in.is_(False)))


def _last(act: Act, which: Statement) -> datetime | None:
    found = which.first(act.connection, {"trial_id": act.trial["id"]})
    return found["at"] if found else None


def plan_review(act: Act, kind: ReviewKind, due: datetime, *, open_now: bool = False,
                suspension: str | None = None, reason: str | None = None) -> str:
    """A review with its dues; returns its id."""
    review = {"id": act.id("rv"), "trial_id": act.trial["id"], "kind": kind.value, "due_at": due,
              "state": (ReviewState.OPEN if open_now else ReviewState.PLANNED).value,
              "opened_at": act.now if open_now else None, "suspension_id": suspension, "reason": reason,
              "stand_in": False, "sitting": Sitting.FULL.value}
    act.insert(REVIEWS, review)
    if open_now:
        convene(act, review)
    if act.trial["state"] in RUNNING:
        arm_review(act, review)
    else:  # the emergency review of a stopped trial is not forgotten either
        remind_of(act, review)
    return str(review["id"])


def plan_next_review(act: Act, held: datetime, log_e_before: float = 0.0) -> str:
    """The periodic review after one that was held: counted from that day, so lateness does not stack; sooner where the
    evidence grew since the one before."""
    trial = act.trial
    anchor = last_held(act) or trial["starts_at"]
    days = interval_days(trial["review_days"], log_e_before, trial["log_e"])
    due = min(next_due(held, anchor, trial["tier"], act.zone),
              end_of_day(local_day(held, act.zone) + days * DAY, act.zone))
    return plan_review(act, ReviewKind.PERIODIC, due,
                       reason="evidence_grew" if days < trial["review_days"] else None)


def convene(act: Act, review: Mapping[str, Any]) -> None:
    """Who sits on a review that opens now, and a notice to each: the whole panel, a duty pair, or one."""
    candidates = panel_of(act)
    simplified = act.trial["simplified"]
    of = sitting(review["kind"], act.trial["tier"], _number(act), simplified=simplified, calm=simplified and _calm(act))
    on_duty = {Sitting.PAIR: pair, Sitting.SOLO: solo}.get(of, lambda _: ())(candidates)
    if on_duty:
        act.update(REVIEWS, review["id"], sitting=of.value)
        for account in on_duty:
            act.insert(SITTERS, {"review_id": review["id"], "account_id": account})
    for account in on_duty or [one.account for one in candidates]:
        notify(act, "review_open", account=account, dedupe=review["id"], due=review["due_at"].isoformat(),
               object=review["id"], capacity="reviewer")


def running_panel(act: Act) -> tuple[str, ...]:
    """The accounts that sit on the panel that accompanies the trial."""
    return tuple(one.account for one in panel_of(act))


_times = sa.select(sa.func.count()).select_from(SITTERS.join(REVIEWS, REVIEWS.c.id == SITTERS.c.review_id)).where(
    SITTERS.c.account_id == SEATS.c.account_id, _of_trial).scalar_subquery()
_seated = Statement(sa.select(SEATS.c.account_id, ACCOUNTS.c.expertise, _times.label("times")).join(
    ACCOUNTS, ACCOUNTS.c.id == SEATS.c.account_id).where(
    SEATS.c.trial_id == sa.bindparam("trial_id"), SEATS.c.panel == sa.literal_column("'running'"),
    SEATS.c.recused_at.is_(None), SEATS.c.objected.is_(False), SEATS.c.accepted.is_(True),
    SEATS.c.panel_no == sa.bindparam("panel_no")).order_by(SEATS.c.id))


def panel_of(act: Act) -> list[Candidate]:
    """The running panel: seats accepted and not ended, with how often each was on duty on this trial."""
    found = _seated.rows(act.connection, {"trial_id": act.trial["id"], "panel_no": act.trial["panel_no"]})
    return [Candidate(row["account_id"], tuple(row["expertise"]), row["times"]) for row in found]


_begun = Statement(sa.select(sa.func.count()).where(
    _of_trial, REVIEWS.c.kind == sa.literal_column("'periodic'"), REVIEWS.c.opened_at.is_not(None)))


def _number(act: Act) -> int:
    """Which periodic review this is, from 1."""
    return max(1, int(_begun.run(act.connection, {"trial_id": act.trial["id"]}).fetchone()[0]))


_happened = Statement(sa.select(sa.or_(*(
    sa.exists().where(table.c.trial_id == sa.bindparam("trial_id"),
                      table.c.at > sa.bindparam("since", type_=table.c.at.type))
    for table in (INCIDENTS, CORRECTIONS)))))


def _calm(act: Act) -> bool:
    """Nothing happened since the last review: no incident, no correction, no yellow light."""
    since = last_held(act) or act.trial["starts_at"]
    return act.trial["light"] not in (Light.YELLOW, Light.RED) and not _happened.run(
        act.connection, {"trial_id": act.trial["id"], "since": since}).fetchone()[0]

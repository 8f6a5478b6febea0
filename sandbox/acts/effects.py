"""What a move brings with it: one small function per move that does more than change the state."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act
from sandbox.acts.clocks import start_clock, time_exit
from sandbox.acts.holding import drop_held
from sandbox.acts.items import enter_planned
from sandbox.acts.limits import freeze_agreed
from sandbox.acts.open_changes import lapse_changes
from sandbox.acts.panel import look_at_panel
from sandbox.acts.plan_versions import filed_terms, keep_version, terms_in_force
from sandbox.acts.schedule import (
    BEYOND_THE_END,
    WHILE_IDLE,
    WHILE_RUNNING,
    arm_idle,
    arm_running,
    drop_dues,
    notify,
    plan_review,
    put_due,
    remind_of,
)
from sandbox.rules.cadence import EMERGENCY_HOURS, TIERS, days_after, end_of_day, local_day
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.epoch import planned_periods
from sandbox.rules.facts import DAY
from sandbox.rules.lifecycle import NEEDS_NO_REVIEW, RUNNING, Cause, Move
from sandbox.rules.places import agreed
from sandbox.rules.risk import Light, planned_size
from sandbox.store.corrective import long_overdue, overdue_items
from sandbox.store.dues import DueKind
from sandbox.store.evidence import EPOCHS
from sandbox.store.facts import sections
from sandbox.store.ids import new_code
from sandbox.store.reviews import REVIEWS, Recommendation, ReviewKind, ReviewState
from sandbox.store.trials import SUSPENSIONS

REDUCED = 0.5
"""Share of volume and people that tuning leaves (调优)."""
EXIT_DAYS = KNOWN["D05"].amount
EMERGENCY = timedelta(hours=EMERGENCY_HOURS)


def submitted(act: Act, row: Move) -> None:
    """A new round and a new version of the dossier: votes of earlier ones no longer count."""
    act.change_trial(round=act.trial["round"] + 1, dossier_version=act.trial["dossier_version"] + 1)
    drop_dues(act, WHILE_IDLE)
    notify(act, "submitted", role="regulator")


def idle(act: Act, row: Move) -> None:
    """The firm's turn: reminders, and a lapse at the end of patience."""
    arm_idle(act)


def started(act: Act, row: Move) -> None:
    """Freeze plan, caps and limits; set the end; make the first review and the feedback schedule."""
    drop_dues(act, WHILE_IDLE)
    filed = sections(act.connection, act.trial, act.now)
    bodies = {kind: found[-1].body for kind, found in filed.items()}
    exposure, plan, tier = bodies["exposure"], bodies["plan"], TIERS[act.trial["tier"]]
    schedule = bodies["schedules"]
    first = schedule.get("first_review_day") or tier.first_day
    act.change_trial(
        starts_at=act.now, owed_since=act.now, running_since=act.now, days_before=0.0,
        day_limit=exposure["days"], exposure_version=filed["exposure"][-1].version,
        ends_at=end_of_day(local_day(act.now, act.zone) + exposure["days"] * DAY, act.zone), unit=plan["unit"],
        verify_code=new_code(),
        model_version=exposure.get("model_version"), rate_per_day=exposure["rate_per_day"],
        feedback_days=schedule.get("feedback_every_days") or tier.feedback_days,
        review_days=schedule.get("review_every_days") or tier.every_days, **caps(exposure),
    )
    keep_version(act, filed_terms(act, bodies), move=row.name)
    freeze_agreed(act, plan, planned_size(exposure.get("volume"), exposure["rate_per_day"], exposure["days"]))
    open_epoch(act)
    plan_review(act, ReviewKind.PERIODIC, end_of_day(local_day(act.now, act.zone) + first * DAY, act.zone))
    arm_running(act)
    time_exit(act)
    notify(act, "started", role="firm")


def caps(exposure: Mapping[str, Any], share: float = 1.0) -> dict[str, Any]:
    """The capped dimensions as columns, times the share that the state allows."""
    people = exposure.get("people")
    return {
        "cap_volume": None if exposure.get("volume") is None else exposure["volume"] * share,
        "cap_people": None if people is None else int(people * share),
        "cap_hours": exposure.get("hours"), "cap_money": exposure.get("money"),
        **places(exposure.get("regions"), exposure.get("sites")),
    }


def places(regions: str | None, sites: str | None) -> dict[str, Any]:
    """Where the trial may run: the places named, or how many."""
    region, site = agreed(regions), agreed(sites)
    return {"cap_regions": region.most, "agreed_regions": list(region.names),
            "cap_sites": site.most, "agreed_sites": list(site.names)}


def open_epoch(act: Act) -> None:
    """The trial's epoch of evidence begins now: fresh stakes over the periods that are planned from here on."""
    trial = act.trial
    planned = planned_periods(trial["starts_at"], trial["feedback_days"], act.zone, act.now, trial["ends_at"])
    act.change_trial(epoch_since=act.now, planned_periods=planned, settled=0, alleged=False, light=Light.GREY.value,
                     log_e=0.0, log_e_told=0.0, cleared_at_log_e=None, quiet_log_e=None, complaint_log_e=None)
    act.insert(EPOCHS, {"trial_id": trial["id"], "epoch": trial["epoch"], "opened_at": act.now, "planned": planned,
                        "stale": False})


def tuning(act: Act, row: Move) -> None:
    """Exposure drops: what is left of the caps is halved. What the corrective plan promises is owed, item by item."""
    _rearm(act, end_suspension(act, row))
    act.change_trial(running_since=act.now, tune_since=act.now, **_remaining(act, REDUCED))
    enter_planned(act)
    arm_running(act)
    _look_again(act)


def _remaining(act: Act, share: float) -> dict[str, Any]:
    """Used so far plus the share of what was left: a reduced cap must not be a breach by itself."""
    trial = act.trial
    cut: dict[str, Any] = {}
    if trial["cap_volume"] is not None:
        cut["cap_volume"] = trial["used_volume"] + max(0.0, trial["cap_volume"] - trial["used_volume"]) * share
    if trial["cap_people"] is not None:
        cut["cap_people"] = trial["used_people"] + int(max(0, trial["cap_people"] - trial["used_people"]) * share)
    return cut


def resumed(act: Act, row: Move) -> None:
    """The full caps of the terms in force again, under a new plan version: only a request for a change makes them
    others."""
    _rearm(act, end_suspension(act, row))
    terms = terms_in_force(act)
    keep_version(act, terms, move=row.name)
    act.change_trial(running_since=act.now, **caps(terms))
    arm_running(act)
    _look_again(act)


def lifted(act: Act, row: Move) -> None:
    """Goes on as it was."""
    _rearm(act, end_suspension(act, row))
    act.change_trial(running_since=act.now)
    arm_running(act)
    _look_again(act)


def _rearm(act: Act, causes: tuple[str, ...]) -> None:
    """A new epoch when it was a red light that is lifted, by whichever move: only that resets evidence."""
    if Cause.RISK_RED in causes:
        act.change_trial(epoch=act.trial["epoch"] + 1)
        open_epoch(act)


def _look_again(act: Act) -> None:
    """What came to be lacking while the trial stood still is looked at as soon as it goes on: its panel, and corrective
    items that are overdue."""
    look_at_panel(act)
    for item in overdue_items(act.connection, [act.trial["id"]], act.now):
        put_due(act, DueKind.ITEM_OVERDUE, item.id, act.now, act.trial["id"])
        if long_overdue(item, act.now):
            put_due(act, DueKind.ITEM_LONG_OVERDUE, item.id, act.now, act.trial["id"])


def voided(act: Act, row: Move) -> None:
    """The same epoch and caps; the days stopped are given back."""
    stop = act.row(SUSPENSIONS, act.trial["suspension_id"])
    end_suspension(act, row)
    back = act.trial["ends_at"] + (act.now - stop["at"])
    light = Light.GREEN.value if act.trial["light"] == Light.RED else act.trial["light"]
    act.change_trial(running_since=act.now, ends_at=back, light=light,
                     **({"tune_since": act.now} if row.target == "tune" else {}))
    arm_running(act)
    time_exit(act)
    _look_again(act)


def end_suspension(act: Act, row: Move) -> tuple[str, ...]:
    """Close the open suspension, if any; returns its causes."""
    if act.trial["suspension_id"] is None:
        return ()
    stop = act.row(SUSPENSIONS, act.trial["suspension_id"])
    if stop["ended_at"] is not None:
        return ()
    act.update(SUSPENSIONS, stop["id"], ended_at=act.now, ended_by=row.name)
    return (stop["cause"], *stop["other_causes"].split())


def suspended(act: Act, row: Move, cause: Cause, reason: str | None) -> None:
    """Stop: the clocks of running stop too; an emergency review is called unless the cause is administrative."""
    stop = act.id("su")
    act.insert(SUSPENSIONS, {"id": stop, "trial_id": act.trial["id"], "cause": cause.value, "other_causes": "",
                             "left": row.source, "at": act.now, "by": act.actor.id, "reason": reason,
                             "review_id": _led_by(act) if cause in (Cause.REGULATOR, Cause.CHAIR) else None})
    act.change_trial(suspension_id=stop)
    drop_dues(act, WHILE_RUNNING)
    if cause not in NEEDS_NO_REVIEW:
        call_emergency_review(act, stop, cause)
    notify(act, "suspended", role="regulator", cause=cause.value)
    notify(act, "suspended", role="firm", cause=cause.value)


def _led_by(act: Act) -> str | None:
    """The review held last since the trial began to run, where it advised to stop or to end it."""
    last = act.connection.execute(sa.select(REVIEWS.c.id, REVIEWS.c.recommendation).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.held_at >= act.trial["running_since"],
    ).order_by(REVIEWS.c.held_at.desc(), REVIEWS.c.id.desc()).limit(1)).first()
    return last.id if last and last.recommendation in (Recommendation.SUSPEND, Recommendation.EXIT) else None


def call_emergency_review(act: Act, stop: str | None, cause: Cause) -> None:
    """The emergency review (应急审查) of a stop, or of a grave incident that stops nothing yet: open at once, with 72
    hours as its target. One that is open for such an incident becomes the review of the stop that follows."""
    open_one = act.connection.execute(sa.select(REVIEWS).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.kind == ReviewKind.EMERGENCY,
        REVIEWS.c.state == ReviewState.OPEN, REVIEWS.c.suspension_id.is_(None))).mappings().first()
    if open_one is not None:
        if stop is not None:
            act.update(REVIEWS, open_one["id"], suspension_id=stop)
            remind_of(act, dict(open_one))
        return
    review = plan_review(act, ReviewKind.EMERGENCY, act.now + EMERGENCY, open_now=True, suspension=stop, reason=cause)
    start_clock(act, "C17", review, act.now)


def exiting(act: Act, row: Move) -> None:
    """The running clocks end; the evaluation has sixty days. Nothing can be adjusted any more."""
    lapse_changes(act)
    end_suspension(act, row)
    drop_dues(act, WHILE_RUNNING)
    notify(act, "exit_opened", role="reviewer", until=days_after(act.now, EXIT_DAYS, act.zone).isoformat())


def winding(act: Act, row: Move) -> None:
    """Nothing new is owed but the way out, and nothing can be adjusted any more."""
    lapse_changes(act)
    end_suspension(act, row)
    drop_dues(act, WHILE_RUNNING)


def ended(act: Act, row: Move) -> None:
    """Nothing is owed any more but what a clock of the law asks; reviews not held are dropped."""
    act.connection.execute(sa.update(REVIEWS).where(
        REVIEWS.c.trial_id == act.trial["id"], REVIEWS.c.state.in_((ReviewState.PLANNED, ReviewState.OPEN)),
    ).values(state=ReviewState.DROPPED))
    drop_dues(act, (kind for kind in DueKind if kind not in BEYOND_THE_END))
    drop_held(act)
    notify(act, "ended", role="firm", state=row.target)


def reopened(act: Act, row: Move) -> None:
    """Decided again by other people: the fresh panel and a new round."""
    act.change_trial(appeals=act.trial["appeals"] + 1, panel_no=act.trial["panel_no"] + 1,
                     round=act.trial["round"] + 1)


EFFECTS: dict[str, Callable[[Act, Move], None]] = {
    "submit": submitted, "ask_correction": idle, "admit": idle, "start_trial": started, "begin_tuning": tuning,
    "resume_trial": resumed, "lift_suspension": lifted, "void_suspension": voided, "void_into_tuning": voided,
    "open_exit_review": exiting, "wind_down": winding, "reopen_on_appeal": reopened, "withdraw": ended,
    "lapse": ended, "decline": ended, "revoke_admission": ended, "standardise": ended, "complete": ended,
    "file_failure": ended, "close_withdrawn": ended, "terminate": ended,
}
"""`suspend` needs its cause and is called by name; the other moves only change the state."""


def count_days(act: Act, source: str) -> dict[str, Any]:
    """Days of exposure, added up when a running state is left."""
    if source not in RUNNING:
        return {}
    return {"days_before": act.trial["days_before"] + (act.now - act.trial["running_since"]) / DAY}

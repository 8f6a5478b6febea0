"""Withdrawals of consent: recorded by number alone, with the clock of the deletion; confirmed once it is done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.acts.act import Act, Made, act
from sandbox.acts.clocks import end_clock, open_clocks, start_clock
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import notify
from sandbox.store.clocks import ClockOutcome
from sandbox.store.withdrawals import WITHDRAWALS, DeletionFields, WithdrawalFields

CONFIRM = "C26.confirm"


@act(on="trial")
def record_withdrawal(act: Act, given: WithdrawalFields) -> Made:
    """So many people withdrew their consent: their data are deleted at once, which is confirmed within 72 hours. Also
    after the trial has ended."""
    if act.trial["starts_at"] is None:
        raise Refused("no_exposure_allowed", state=act.trial["state"])
    _refuse_unlikely(act.trial, given, act.now)
    withdrawal = act.id("wd")
    act.insert(WITHDRAWALS, {**given.model_dump(), "id": withdrawal, "trial_id": act.trial["id"],
                             "author_id": act.actor.id, "at": act.now})
    start_clock(act, CONFIRM, withdrawal, given.withdrawn_at)
    act.change_trial()
    notify(act, "consent_withdrawn", role="regulator", dedupe=withdrawal, n=given.people)
    return Made(id=withdrawal)


def _refuse_unlikely(trial: Mapping[str, Any], given: WithdrawalFields, now: datetime) -> None:
    """Nobody withdrew ahead of now or before the trial, and no more people than its cap, or than reports told of where
    those are more. Each record by itself: a slip in one must not bar the next."""
    if given.withdrawn_at > now:
        raise invalid("withdrawn_at", "in_future")
    if given.withdrawn_at < trial["starts_at"]:
        raise invalid("withdrawn_at", "withdrawn_before_start", at=trial["starts_at"])
    most = trial["cap_people"]
    if most is not None and given.people > (most := max(most, trial["used_people"])):
        raise invalid("people", "people_above_cap", most=most)


@act(on="withdrawal")
def confirm_deletion(act: Act, given: DeletionFields) -> Made:
    """What was theirs is deleted: since when, what, and what the law says to keep. The clock ends."""
    withdrawal = act.row(WITHDRAWALS, act.object_id or "")
    if withdrawal["confirmed_at"] is not None:
        raise Refused("deletion_confirmed")
    deleted = given.deleted_at or act.now
    if not withdrawal["withdrawn_at"] <= deleted <= act.now:
        raise invalid("deleted_at", "outside_clock")
    act.update(WITHDRAWALS, withdrawal["id"], deleted_at=deleted, deletion=given.deletion, confirmed_at=act.now,
               confirmed_by=act.actor.id)
    for clock in open_clocks(act, withdrawal["id"]).values():
        end_clock(act, clock, ClockOutcome.DONE, act.now)
    act.change_trial()
    return Made(id=withdrawal["id"])

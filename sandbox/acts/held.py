"""Held filings (待核实): confirmed or taken back by a person, or counted when their day is over."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, act
from sandbox.acts.feedback import Filed, check_report, take_report
from sandbox.acts.holding import end_held
from sandbox.acts.refusals import Invalid, Refused
from sandbox.acts.schedule import notify
from sandbox.store.feedback import FEEDBACK, FeedbackFields
from sandbox.store.held import HELD, HeldFields, HeldState


@act(on="held_filing")
def confirm_filing(act: Act, given: HeldFields) -> Filed:
    """It is as it was filed: the report counts at once, with whatever follows."""
    held = _open(act)
    _check(act, held)
    return _apply(act, held, reason=given.reason)


@act(on="held_filing")
def withdraw_filing(act: Act, given: HeldFields) -> Filed:
    """It was filed by mistake: the firm takes it back before it counts; what was filed stays on record."""
    held = _open(act)
    end_held(act, held, HeldState.WITHDRAWN, reason=given.reason)
    act.change_trial()
    return Filed(id=held["id"], light=act.trial["light"], state=act.trial["state"])


def _open(act: Act) -> dict[str, Any]:
    held = act.row(HELD, act.object_id or "")
    if held["state"] != HeldState.WAITING:
        raise Refused("already_decided")
    return held


def _check(act: Act, held: Mapping[str, Any]) -> None:
    check_report(act, FeedbackFields.model_validate(held["body"]))


def _apply(act: Act, held: Mapping[str, Any], **more: Any) -> Filed:
    given = FeedbackFields.model_validate(held["body"])
    filed = take_report(act, given, author_id=held["author_id"], at=held["at"], **_key(act, held))
    end_held(act, held, HeldState.APPLIED, report_id=filed.id, **more)
    return filed


def _key(act: Act, held: Mapping[str, Any]) -> dict[str, Any]:
    """The key it was sent with, unless another report has it by now."""
    taken = held["source_key"] and act.connection.execute(sa.select(FEEDBACK.c.id).where(
        FEEDBACK.c.trial_id == act.trial["id"], FEEDBACK.c.source_key == held["source_key"])).first()
    return {} if taken else {"source_key": held["source_key"], "seal": held["seal"]}


def apply_held(act: Act, due: Mapping[str, Any]) -> None:
    """A day is over and nobody put it right: it counts, or is dropped where it no longer fits the record."""
    held = act.row(HELD, due["object_id"])
    if held["state"] != HeldState.WAITING:
        return
    try:
        _check(act, held)
    except (Refused, Invalid):
        end_held(act, held, HeldState.DROPPED)
        notify(act, "filing_dropped", role="firm", dedupe=held["id"])
    else:
        _apply(act, held)

"""Holding back (待核实): what would stop the trial and looks like a slip of the pen waits a day before it counts.

Harm is never held: neither a report that tells of any, nor one on whose evidence the trial would stop.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from sandbox.acts.act import Act
from sandbox.acts.plan_versions import is_pinned
from sandbox.acts.schedule import drop_due, notify, put_due
from sandbox.rules.lifecycle import ROWS, Cause
from sandbox.rules.plausibility import LAST, far_more, tells_harm
from sandbox.rules.risk import Light
from sandbox.store.batches import COUNTS
from sandbox.store.dues import DueKind
from sandbox.store.engine import Statement
from sandbox.store.feedback import FEEDBACK, USES, FeedbackFields, site_key_of
from sandbox.store.held import HELD, Doubt, HeldState, day_given, ended_holds
from sandbox.store.trials import SUSPENSIONS

WAITS = timedelta(hours=24)
CAN_WAIT = {Cause.CAP_EXCEEDED.value, Cause.UNSAFE_VERSION.value}
"""Stops that rest on figures or names that can be mistyped, and on no evidence of harm."""
Take = Callable[[Act, FeedbackFields], Any]


class HeldBack(BaseModel):
    """A filing that does not count yet: its id, why it is doubted, what it would stop the trial for, and when it counts
    unless it is put right or taken back."""

    model_config = ConfigDict(frozen=True)
    id: str
    doubts: list[str]
    causes: list[str]
    applies_at: datetime


def hold_back(act: Act, given: FeedbackFields, take: Take) -> HeldBack | None:
    """Keep a checked report as held where it would stop the trial and is implausible; None where it counts at once."""
    if ("suspend", act.trial["state"]) not in ROWS or tells_harm(given.events):
        return None
    doubts = _doubts(act, given)
    causes = _would_stop_for(act, given, take) if doubts else ()
    return keep_held(act, given, doubts, causes) if can_wait(causes) else None


def can_wait(causes: Collection[str]) -> bool:
    """Whether a trial would be stopped, and for nothing that is harm."""
    return bool(causes) and CAN_WAIT.issuperset(causes)


def keep_held(act: Act, given: FeedbackFields, doubts: Sequence[str], causes: Sequence[str],
              **more: Any) -> HeldBack | None:
    """Keep a report as held. One day is given to a time, however often and for whichever place what was held of it is
    filed anew; None where it has had its day."""
    same = _waiting(act, given)
    for one in same:
        if one["body"] == given.plain():  # sent again, perhaps by a machine that knows no 409
            return _told(one)
    before = day_given(ended_holds(act.connection, act.trial["id"]), given.period_start, given.period_end)
    applies_at = min([one["applies_at"] for one in same], default=act.now + WAITS)
    applies_at = applies_at if before is None else min(applies_at, before)
    if applies_at <= act.now:
        return None
    held = {"id": act.id("hf"), "trial_id": act.trial["id"], "state": HeldState.WAITING.value, "body": given.plain(),
            "doubts": list(doubts), "causes": list(causes), "author_id": act.actor.id, "at": act.now,
            "applies_at": applies_at, **more}
    put_right(act, given)
    act.insert(HELD, held)
    put_due(act, DueKind.APPLY_HELD, held["id"], held["applies_at"], act.trial["id"])
    for role in ("regulator", "firm"):
        notify(act, "filing_held", role=role, dedupe=held["id"], held=held["id"], until=held["applies_at"].isoformat())
    act.change_trial()
    return _told(held)


def _told(held: Mapping[str, Any]) -> HeldBack:
    return HeldBack(**{name: held[name] for name in HeldBack.model_fields})


def _doubts(act: Act, given: FeedbackFields) -> tuple[str, ...]:
    """Why a report that passes a cap or names another version may be mistyped. One that does neither is not looked at:
    nothing follows from it that could not be put right."""
    pinned = is_pinned(act, given.model_version, given.period_start, given.period_end)
    found = [] if pinned else [Doubt.OTHER_VERSION.value]
    passed = any(act.trial[f"cap_{of}"] is not None and
                 act.trial[f"used_{of}"] + (getattr(given, name) or 0) > act.trial[f"cap_{of}"]
                 for of, name in USES.items())
    if passed and _far_more(act, given):
        found.append(Doubt.FAR_MORE.value)
    return tuple(found)


def _far_more(act: Act, given: FeedbackFields) -> bool:
    """Whether a capped figure is five times the median of the last four reports, or more."""
    columns = [FEEDBACK.c[name] for name in USES.values()]
    last = act.connection.execute(sa.select(*columns).where(
        FEEDBACK.c.trial_id == act.trial["id"], FEEDBACK.c.epoch > 0, COUNTS,
        FEEDBACK.c.period_start < given.period_start).order_by(FEEDBACK.c.period_start.desc()).limit(LAST)).all()
    return far_more({name: getattr(given, name) for name in USES.values()}, [dict(row._mapping) for row in last])


def _would_stop_for(act: Act, given: FeedbackFields, take: Take) -> tuple[str, ...]:
    """What the trial would be stopped for if the report counted now: it is done, looked at and undone."""
    def stopped(rehearsal: Act) -> tuple[str, ...]:
        take(rehearsal, given)
        return stopped_for(rehearsal)

    return act.rehearsed(stopped)


def stopped_for(act: Act) -> tuple[str, ...]:
    """What the act's trial stands suspended for, a red light among it; nothing where it is not suspended."""
    if act.trial["state"] != "suspended":
        return ()
    stop = act.row(SUSPENSIONS, act.trial["suspension_id"])
    red = (Cause.RISK_RED.value,) if act.trial["light"] == Light.RED else ()
    return (stop["cause"], *stop["other_causes"].split(), *red)


_any_held = Statement(sa.select(HELD.c.id).where(
    HELD.c.trial_id == sa.bindparam("trial_id"), HELD.c.state == sa.literal_column(f"'{HeldState.WAITING.value}'")))


def _waiting(act: Act, given: FeedbackFields) -> list[dict[str, Any]]:
    """Filings held for the same time and place."""
    return [row for row in _waiting_at_all(act) if _same(FeedbackFields.model_validate(row["body"]), given)]


def _waiting_at_all(act: Act) -> list[dict[str, Any]]:
    """Hardly ever is there any, and every filing asks."""
    if _any_held.run(act.connection, {"trial_id": act.trial["id"]}).fetchone() is None:
        return []
    rows = act.connection.execute(sa.select(HELD).where(
        HELD.c.trial_id == act.trial["id"], HELD.c.state == HeldState.WAITING).order_by(HELD.c.id)).mappings().all()
    return [dict(row) for row in rows]


def _same(one: FeedbackFields, other: FeedbackFields) -> bool:
    sites = {site_key_of(one.site), site_key_of(other.site)}
    return one.period_start < other.period_end and other.period_start < one.period_end and (
        len(sites) == 1 or "" in sites)


def put_right(act: Act, given: FeedbackFields) -> None:
    """A filing of the same time and place takes the place of what was held."""
    for held in _waiting(act, given):
        end_held(act, held, HeldState.CORRECTED)


def put_right_by_batch(act: Act, batch_id: str) -> None:
    """Lines of a batch of the same time and place do so too."""
    for held in _waiting_at_all(act):
        given = FeedbackFields.model_validate(held["body"])
        sites = (FEEDBACK.c.site_key.in_({site_key_of(given.site), ""}),) if given.site else ()
        if act.connection.execute(sa.select(FEEDBACK.c.id).where(
                FEEDBACK.c.batch_id == batch_id, FEEDBACK.c.period_start < given.period_end,
                FEEDBACK.c.period_end > given.period_start, *sites).limit(1)).first():
            end_held(act, held, HeldState.CORRECTED)


def end_held(act: Act, held: Mapping[str, Any], state: HeldState, **more: Any) -> None:
    """A held filing waits no longer."""
    act.update(HELD, held["id"], state=state.value, ended_at=act.now, ended_by=act.actor.id, **more)
    drop_due(act, DueKind.APPLY_HELD, held["id"])


def drop_held(act: Act) -> None:
    """The trial has ended: what still waits counts nowhere."""
    waiting = act.connection.execute(sa.select(HELD.c.id).where(
        HELD.c.trial_id == act.trial["id"], HELD.c.state == HeldState.WAITING)).mappings().all()
    for held in waiting:
        end_held(act, dict(held), HeldState.DROPPED)


def held_until(act: Act) -> datetime | None:
    """When the last of the trial's held filings counts at the latest; None where none waits."""
    query = sa.select(sa.func.max(HELD.c.applies_at)).where(HELD.c.trial_id == act.trial["id"],
                                                            HELD.c.state == HeldState.WAITING)
    found: datetime | None = act.connection.execute(query).scalar()
    return found

"""The duty roster of regulators: who is on duty from when until when, and who stands in."""

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import Refused, invalid
from sandbox.acts.schedule import notify
from sandbox.rules.access import Role
from sandbox.store.accounts import ACCOUNTS
from sandbox.store.duty import DUTIES, STANDING, DutyFields, WithdrawalFields


@act()
def set_duty(act: Act, given: DutyFields) -> Made:
    """Put a regulator on duty, with another as deputy. Duties follow each other and never overlap."""
    for name in ("officer_id", "deputy_id"):
        _check_regulator(act, name, getattr(given, name))
    if given.officer_id == given.deputy_id:
        raise invalid("deputy_id", "deputy_is_another")
    if given.ends_at <= max(given.starts_at, act.now):
        raise invalid("ends_at", "ends_too_early")
    overlaps = sa.select(DUTIES.c.id).where(STANDING, DUTIES.c.starts_at < given.ends_at,
                                            DUTIES.c.ends_at > given.starts_at)
    if act.connection.execute(overlaps).first():
        raise invalid("starts_at", "duty_overlaps")
    duty = act.object_id = act.id("dt")
    act.insert(DUTIES, {**given.model_dump(), "id": duty, "set_by": act.actor.id, "at": act.now})
    starts, until = given.starts_at.isoformat(), given.ends_at.isoformat()
    notify(act, "duty_set", account=given.officer_id, dedupe=duty, starts=starts, until=until)
    notify(act, "duty_deputy_set", account=given.deputy_id, dedupe=duty, starts=starts, until=until)
    return Made(id=duty)


def _check_regulator(act: Act, name: str, account_id: str) -> None:
    if act.connection.execute(sa.select(ACCOUNTS.c.id).where(
            ACCOUNTS.c.id == account_id, ACCOUNTS.c.role == Role.REGULATOR, ACCOUNTS.c.active)).first() is None:
        raise invalid(name, "not_a_regulator")


@act()
def withdraw_duty(act: Act, given: WithdrawalFields) -> Made:
    """Take a duty off the roster, with the reason; both are told. One that is over stays as it was."""
    duty = act.row(DUTIES, act.object_id or "")
    if duty["withdrawn_at"] is not None or duty["ends_at"] <= act.now:
        raise Refused("duty_over")
    act.reason = given.reason
    act.update(DUTIES, duty["id"], withdrawn_at=act.now, reason=given.reason)
    for account in (duty["officer_id"], duty["deputy_id"]):
        notify(act, "duty_withdrawn", account=account, dedupe=duty["id"], starts=duty["starts_at"].isoformat(),
               until=duty["ends_at"].isoformat())
    return Made(id=duty["id"])

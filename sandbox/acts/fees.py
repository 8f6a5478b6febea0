"""Fees for reviews: set for days to come, so that no sheet of a month gone by changes."""

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import invalid
from sandbox.rules.cadence import local_day
from sandbox.store.fees import FEES, FeeFields


@act()
def set_fee(act: Act, given: FeeFields) -> Made:
    """Set what an opinion on a review of one kind is paid from a day on. Only the first fee of a kind may begin in the
    past."""
    known = act.connection.execute(sa.select(FEES.c.id).where(FEES.c.review_kind == given.review_kind)).first()
    if known and given.valid_from < local_day(act.now, act.zone):
        raise invalid("valid_from", "fee_in_past")
    fee = act.object_id = act.id("fe")
    act.insert(FEES, {**given.model_dump(), "review_kind": given.review_kind.value, "id": fee, "set_by": act.actor.id,
                      "at": act.now})
    return Made(id=fee)

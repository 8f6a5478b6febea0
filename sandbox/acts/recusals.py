"""A firm asks that a reviewer step aside before the dossier is opened; until a regulator decides it is shut."""

from typing import Any

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.panel import end_seats
from sandbox.acts.refusals import Refused
from sandbox.acts.schedule import drop_due, notify, put_due
from sandbox.rules.cadence import end_of_working_days
from sandbox.rules.panels import ASKED_WITHIN
from sandbox.store.dues import DueKind
from sandbox.store.recusals import RECUSALS, RecusalAnswer, RecusalDecision, RecusalFields, RecusalState
from sandbox.store.reviews import OPINIONS, REVIEWS
from sandbox.store.trials import SEATS
from sandbox.store.votes import VOTES
from sandbox.words import word


@act(on="seat")
def ask_recusal(act: Act, given: RecusalFields) -> Made:
    """Ask that a reviewer step aside, within three working days of their being offered the seat and before they have
    said anything on the trial. Until a regulator has decided, the trial is closed to them."""
    seat = act.row(SEATS, act.object_id or "")
    if seat["recused_at"] is not None or seat["accepted"] is False:
        raise Refused("seat_answered")
    if act.connection.execute(sa.select(RECUSALS.c.id).where(RECUSALS.c.seat_id == seat["id"])).first():
        raise Refused("recusal_asked")
    until = end_of_working_days(seat["at"], ASKED_WITHIN, act.place)
    if act.now >= until or _has_spoken(act, seat):
        raise Refused("recusal_too_late", word("refused.recusal_too_late", until=until))
    asked = act.id("rc")
    decide_by = end_of_working_days(act.now, ASKED_WITHIN, act.place)
    act.insert(RECUSALS, {"id": asked, "trial_id": act.trial["id"], "seat_id": seat["id"], "reason": given.reason,
                          "state": RecusalState.WAITING.value, "asked_by": act.actor.id, "at": act.now,
                          "decide_by": decide_by})
    act.update(SEATS, seat["id"], objected=True)
    put_due(act, DueKind.RECUSAL_WAITS, asked, decide_by, act.trial["id"])
    notify(act, "recusal_asked", role="regulator", dedupe=asked, until=decide_by.isoformat())
    notify(act, "recusal_asked_of_you", account=seat["account_id"], dedupe=asked, shut=True, number=act.trial["id"])
    return Made(id=asked)


def _has_spoken(act: Act, seat: dict[str, Any]) -> bool:
    """Whether the reviewer has voted or judged on this trial: nobody is objected to for what they said."""
    voted = sa.select(VOTES.c.id).where(VOTES.c.trial_id == seat["trial_id"], VOTES.c.account_id == seat["account_id"])
    judged = sa.select(OPINIONS.c.review_id).join(REVIEWS, REVIEWS.c.id == OPINIONS.c.review_id).where(
        REVIEWS.c.trial_id == seat["trial_id"], OPINIONS.c.account_id == seat["account_id"])
    return any(act.connection.execute(query.limit(1)).first() for query in (voted, judged))


@act(on="recusal")
def decide_recusal(act: Act, given: RecusalDecision) -> Made:
    """End the seat, or let the reviewer sit: then the trial opens to them again. Firm and reviewer are told which."""
    asked = act.row(RECUSALS, act.object_id or "")
    if asked["state"] != RecusalState.WAITING:
        raise Refused("already_decided")
    seat = act.row(SEATS, asked["seat_id"])
    act.reason = given.reason
    act.update(RECUSALS, asked["id"], state=given.ruling.value, decided_by=act.actor.id, decided_at=act.now,
               decision=given.reason)
    act.update(SEATS, seat["id"], objected=False)
    drop_due(act, DueKind.RECUSAL_WAITS, asked["id"])
    if given.ruling is RecusalAnswer.GRANTED:
        end_seats(act, seat["account_id"], given.reason)
    notify(act, "recusal_decided", role="firm", dedupe=asked["id"], answer=given.ruling.value)
    notify(act, "recusal_decided_of_you", account=seat["account_id"], dedupe=asked["id"], shut=True,
           number=act.trial["id"], answer=given.ruling.value)
    return Made(id=asked["id"])

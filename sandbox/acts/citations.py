"""Citations: an application points at an entry of a register that somebody else keeps."""

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import Refused, invalid
from sandbox.rules.lifecycle import STATES
from sandbox.store.fields import Fields
from sandbox.store.registers import CITATIONS, ENTRIES, CitationFields


@act(on="trial")
def cite_entry(act: Act, given: CitationFields) -> Made:
    """Point at an entry as it now stands; pointing at it again changes nothing."""
    if STATES[act.trial["state"]].final:
        raise Refused("not_in_this_state", state=act.trial["state"])
    version = act.connection.execute(sa.select(ENTRIES.c.version).where(ENTRIES.c.id == given.entry_id)).scalar()
    if version is None:
        raise invalid("entry_id", "unknown_id")
    standing = act.connection.execute(sa.select(CITATIONS.c.id).where(
        CITATIONS.c.trial_id == act.trial["id"], CITATIONS.c.entry_id == given.entry_id,
        CITATIONS.c.withdrawn_at.is_(None))).scalar()
    if standing:
        return Made(id=standing)
    citation = act.id("ci")
    act.insert(CITATIONS, {**given.plain(), "id": citation, "trial_id": act.trial["id"], "version": version,
                           "author_id": act.actor.id, "at": act.now})
    return Made(id=citation)


class WithdrawalGiven(Fields):
    """Nothing more is asked."""


@act(on="citation")
def withdraw_citation(act: Act, given: WithdrawalGiven) -> Made:
    """Take a citation back; it stays in the record as withdrawn, and withdrawing again changes nothing."""
    row = act.row(CITATIONS, act.object_id or "")
    if STATES[act.trial["state"]].final:
        raise Refused("not_in_this_state", state=act.trial["state"])
    if row["withdrawn_at"] is None:
        act.update(CITATIONS, row["id"], withdrawn_at=act.now, withdrawn_by=act.actor.id)
    return Made(id=row["id"])

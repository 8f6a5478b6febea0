"""Names in registers that may be one body's: proposed out of renames and of likeness, joined by a person alone."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from sandbox.acts.act import Act, Done, act
from sandbox.acts.organisations import enter_organisation, join_names, organisation_named
from sandbox.acts.refusals import Refused, invalid
from sandbox.rules.intake.table import fold
from sandbox.store.organisations import ALIASES, ORGANISATIONS, OrganisationFields, OrganisationKind
from sandbox.store.registers import ENTRIES, PROPOSALS, AliasDecisionFields, ProposalGround, ProposalState
from sandbox.store.types import Short


def organisations_of(act: Act, names: Iterable[str | None]) -> dict[str, str | None]:
    """The body that a person has joined each published name to; None for a name that is merely the same, or new."""
    wanted = {name for name in names if name is not None}
    entered = sa.select(ENTRIES.c.body, ENTRIES.c.organisation_id).distinct().where(
        ENTRIES.c.body.in_(wanted), ENTRIES.c.organisation_id.is_not(None))
    by_alias = sa.select(ALIASES.c.name, ALIASES.c.organisation_id).where(ALIASES.c.name.in_(wanted))
    joined = {name: body for question in (entered, by_alias) for name, body in act.connection.execute(question)}
    return {name: joined.get(name) for name in wanted}


def propose_aliases(act: Act, register: str, renamed: Iterable[tuple[Any, Any]],
                    bodies: Mapping[str, str | None]) -> int:
    """Propose that renamed bodies are one, and that a name like that of a body we know is its; returns how many renames
    and likenesses were told of that nobody has decided on yet."""
    told: dict[tuple[str, str], tuple[ProposalGround, int]] = {}
    for pair in renamed:
        told[pair] = ProposalGround.RENAMED, told.get(pair, (None, 0))[1] + 1
    unjoined = [body for body, organisation in bodies.items() if organisation is None]
    for pair in _alike(act, unjoined):
        told.setdefault(pair, (ProposalGround.SAME_NAME, 1))
    return sum(_propose(act, register, pair, ground, times) for pair, (ground, times) in told.items())


def _alike(act: Act, bodies: list[str]) -> Iterable[tuple[str, str]]:
    """Published names that differ from a registered one in nothing, or in width, case and white space alone."""
    if bodies:
        known = {fold(name): name for name in act.connection.execute(sa.select(ORGANISATIONS.c.name)).scalars()}
        yield from ((body, known[fold(body)]) for body in bodies if fold(body) in known)


def _propose(act: Act, register: str, pair: tuple[str, str], ground: ProposalGround, times: int) -> int:
    """One proposal a pair of names: told again it waits with a higher count; decided, it stays decided."""
    name, other = pair
    known = act.connection.execute(sa.select(PROPOSALS).where(
        PROPOSALS.c.name == name, PROPOSALS.c.other == other)).mappings().first()
    if known is None:
        act.insert(PROPOSALS, {"id": act.id("ap"), "name": name, "other": other, "register_name": register,
                               "ground": ground.value, "times": times, "at": act.now})
        return times
    if known["state"] != ProposalState.WAITING or ground is ProposalGround.SAME_NAME:
        return 0
    act.update(PROPOSALS, known["id"], times=known["times"] + times)
    return times


class AliasDecisionGiven(AliasDecisionFields):
    """Which proposal is decided."""

    proposal_id: Short


class AliasDecided(Done):
    """What became of the proposal; the body, where the names were joined, and how many entries are now known as its."""

    id: str
    state: str
    organisation_id: str | None = None
    entries: int = 0


@act()
def decide_alias(act: Act, given: AliasDecisionGiven) -> AliasDecided:
    """A person says that two names are one body's, or that they are not."""
    proposal = act.row(PROPOSALS, given.proposal_id)
    if given.organisation_id and not act.connection.execute(sa.select(ORGANISATIONS.c.id).where(
            ORGANISATIONS.c.id == given.organisation_id)).first():
        raise invalid("organisation_id", "unknown_id")
    if proposal["state"] != ProposalState.WAITING:
        raise Refused("already_decided", outcome=proposal["state"])
    body, entries = _joined(act, given, proposal) if given.same else (None, 0)
    state = (ProposalState.JOINED if given.same else ProposalState.APART).value
    act.update(PROPOSALS, proposal["id"], state=state, organisation_id=body, decided_by=act.actor.id,
               decided_at=act.now)
    return AliasDecided(id=proposal["id"], state=state, organisation_id=body, entries=entries)


def _joined(act: Act, given: AliasDecisionGiven, proposal: Mapping[str, Any]) -> tuple[str, int]:
    """The body that both names now belong to: the one named, one that has either name, or a new one."""
    names = proposal["name"], proposal["other"]
    known = {found for name in names if (found := organisation_named(act, name))}
    known |= {given.organisation_id} if given.organisation_id else set()
    if len(known) > 1:
        raise invalid("organisation_id", "name_taken")
    body = known.pop() if known else _new_body(act, proposal["other"], given.kind)
    return body, sum(join_names(act, name, body) for name in names)


def _new_body(act: Act, name: str, kind: OrganisationKind | None) -> str:
    """Register the body under the newer name; whoever decides says what kind of body it is."""
    if kind is None:
        raise invalid("kind", "missing")
    try:
        return enter_organisation(act, OrganisationFields(name=name, kind=kind))
    except ValidationError as error:
        raise invalid("organisation_id", "name_too_long") from error

"""Organisations and their other names."""

import sqlalchemy as sa

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import invalid
from sandbox.store.organisations import ALIASES, ORGANISATIONS, AliasFields, OrganisationFields
from sandbox.store.registers import ENTRIES
from sandbox.store.types import Short


@act()
def register_organisation(act: Act, given: OrganisationFields) -> Made:
    """Enter a body; its name belongs to nobody else, as a name or as an alias."""
    if organisation_named(act, given.name):
        raise invalid("name", "name_taken")
    return Made(id=enter_organisation(act, given))


def enter_organisation(act: Act, given: OrganisationFields) -> str:
    """The row of a new body; returns its id."""
    organisation = act.id("or")
    act.insert(ORGANISATIONS, {**given.model_dump(mode="json"), "id": organisation, "created_at": act.now})
    return organisation


def organisation_named(act: Act, name: str) -> str | None:
    """The body with this name or alias, if any."""
    by_name = sa.select(ORGANISATIONS.c.id).where(ORGANISATIONS.c.name == name)
    by_alias = sa.select(ALIASES.c.organisation_id).where(ALIASES.c.name == name)
    return act.connection.execute(by_name.union_all(by_alias)).scalar()


class JoinGiven(AliasFields):
    """Which body also goes by this name."""

    organisation_id: Short


@act()
def join_alias(act: Act, given: JoinGiven) -> Made:
    """A person says that two names are one body; joining the same again changes nothing."""
    act.row(ORGANISATIONS, given.organisation_id)
    known = organisation_named(act, given.name)
    if known not in (None, given.organisation_id):
        raise invalid("name", "name_taken")
    join_names(act, given.name, given.organisation_id)
    return Made(id=given.organisation_id)


def join_names(act: Act, name: str, organisation: str) -> int:
    """The name is this body's, in every register too; returns how many entries are known as the body's by it."""
    if organisation_named(act, name) is None:
        act.insert(ALIASES, {"name": name, "organisation_id": organisation})
    joined = act.connection.execute(sa.update(ENTRIES).where(ENTRIES.c.body == name, sa.or_(
        ENTRIES.c.organisation_id.is_(None), ENTRIES.c.organisation_id != organisation)).values(
            organisation_id=organisation)).rowcount
    if joined:
        act.new.append([ENTRIES.name, {"body": name}, {"organisation_id": organisation}])
    return int(joined)

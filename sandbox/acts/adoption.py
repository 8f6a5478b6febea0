"""Adoption: a city takes over pilots that already run. Two regulators; the past is shown, never held against anyone."""

from functools import partial
from typing import Annotated

import sqlalchemy as sa
from pydantic import BeforeValidator
from pydantic import Field as PydanticField

from sandbox.acts.act import Act, Done, Held, act
from sandbox.acts.clocks import time_exit
from sandbox.acts.effects import open_epoch, places
from sandbox.acts.limits import freeze_agreed
from sandbox.acts.organisations import enter_organisation, organisation_named
from sandbox.acts.panel import look_at_panel
from sandbox.acts.plan_versions import adopted_terms, keep_version
from sandbox.acts.proposals import propose
from sandbox.acts.refusals import Invalid, invalid
from sandbox.acts.schedule import arm_running, plan_next_review
from sandbox.acts.trials import begin, next_number
from sandbox.rules.cadence import TIERS, end_of_day, local_day
from sandbox.rules.facts import DAY
from sandbox.rules.risk import planned_size
from sandbox.store.dossier import AgreedFields
from sandbox.store.fields import Fields
from sandbox.store.ids import new_code
from sandbox.store.organisations import ALIASES, OrganisationFields, OrganisationKind
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.trials import MOVES_MADE, TRIALS, Environment, Tier
from sandbox.store.types import Long, Number, People, Positive, Short, Whole, once_each, plain_text
from sandbox.words import word


class AdoptionFields(AgreedFields):
    """A running pilot as it is taken over: what is agreed from now on, as in a plan, and what was not verified here."""

    title: Short
    title_hant: Short | None = None
    title_en: Short | None = None
    scenario_id: Short
    organisation: Short
    aliases: Annotated[list[Annotated[Short, BeforeValidator(plain_text)]], PydanticField(max_length=50)] = []
    tier: Tier
    environment: Environment = Environment.E3
    days: Annotated[Whole, PydanticField(ge=1, le=360)] = 180
    volume: Number | None = None
    people: People | None = None
    hours: Number | None = None
    money: Number | None = None
    regions: Long | None = None
    sites: Long | None = None
    rate_per_day: Positive
    model_version: Short | None = None
    unverified: Long
    source_key: Short | None = None


class AdoptGiven(Fields):
    """Pilots taken over by one decision."""

    trials: Annotated[list[AdoptionFields], PydanticField(min_length=1, max_length=500), once_each("source_key")]


class Adopted(Done):
    """The decision that waits; or the trials by source key, and how many had been adopted before."""

    decision: str | None = None
    trials: dict[str, str] = {}
    repeated: int = 0


@act()
def adopt_trial(act: Act, given: AdoptGiven) -> Adopted:
    """Propose to take pilots over; another regulator's vote does it. Those adopted before are only named."""
    known = adopted_before(act, given)
    check_scenarios(act, given)
    new = [one for one in given.trials if one.source_key not in known]
    if not new:
        return Adopted(trials=known, repeated=len(given.trials))
    rest = AdoptGiven(trials=new)
    return Adopted(decision=propose(act, "adopt_trial", rest.plain()), trials=known, repeated=len(known))


def adopted_before(act: Act, given: AdoptGiven) -> dict[str, str]:
    """Trials that exist under one of the given source keys."""
    keys = [one.source_key for one in given.trials if one.source_key]
    rows = act.connection.execute(sa.select(TRIALS.c.source_key, TRIALS.c.id).where(TRIALS.c.source_key.in_(keys)))
    return {row.source_key: row.id for row in rows}


def check_scenarios(act: Act, given: AdoptGiven) -> None:
    """Every scenario exists; each that does not is named by its place."""
    known = set(act.connection.execute(sa.select(SCENARIOS.c.id)).scalars())
    errors = [(("trials", place, "scenario_id"), word("error.unknown_id"))
              for place, one in enumerate(given.trials) if one.scenario_id not in known]
    if errors:
        raise Invalid(*errors)


def adopt_all(act: Act, given: AdoptGiven) -> Adopted:
    """What the second vote does: one entry per trial, caused by the vote."""
    known = adopted_before(act, given)
    made: dict[str, str] = {}
    for place, one in enumerate(given.trials):
        if one.source_key not in known:
            made[one.source_key or str(place)] = act.caused("adopt_trial", partial(_adopt, given=one), trial=Held())
    return Adopted(trials={**known, **made}, repeated=len(known))


def _adopt(act: Act, given: AdoptionFields) -> str:
    tier = TIERS[given.tier]
    begin(act, next_number(act), {
        "title": given.title, "title_hant": given.title_hant, "title_en": given.title_en,
        "scenario_id": given.scenario_id, "organisation_id": _organisation(act, given),
        "state": "trial", "tier": given.tier.value, "listed": given.tier is Tier.R4, "adopted": True,
        "environment": given.environment.value, "unverified": given.unverified, "source_key": given.source_key,
        "verify_code": new_code(), "starts_at": act.now, "owed_since": act.now, "running_since": act.now,
        "round": 1, "dossier_version": 1,
        "ends_at": end_of_day(local_day(act.now, act.zone) + given.days * DAY, act.zone), "day_limit": given.days,
        "unit": given.unit, "rate_per_day": given.rate_per_day, "cap_volume": given.volume, "cap_people": given.people,
        "cap_hours": given.hours, "cap_money": given.money, **places(given.regions, given.sites),
        "model_version": given.model_version, "feedback_days": tier.feedback_days, "review_days": tier.every_days,
    })
    keep_version(act, adopted_terms(act, given.plain()), move="adopt_trial")
    freeze_agreed(act, given.plain(), planned_size(given.volume, given.rate_per_day, given.days))
    open_epoch(act)
    act.insert(MOVES_MADE, {"id": act.id("mv"), "trial_id": act.trial["id"], "name": "adopt_trial", "source": "adopted",
                            "target": "trial", "by": act.actor.id, "role": act.actor.role.value, "at": act.now,
                            "cause": None, "reason": given.unverified, "seq": act.seq})
    plan_next_review(act, act.now)
    arm_running(act)
    time_exit(act)
    look_at_panel(act)
    return str(act.trial["id"])


def _organisation(act: Act, given: AdoptionFields) -> str:
    """The firm by name or alias, entered when unknown; further spellings become its aliases."""
    names = (given.organisation, *given.aliases)
    found = next((known for name in names if (known := organisation_named(act, name))), None)
    found = found or enter_organisation(act, OrganisationFields(name=given.organisation, kind=OrganisationKind.FIRM))
    for name in given.aliases:
        known = organisation_named(act, name)
        if known is None:
            act.insert(ALIASES, {"name": name, "organisation_id": found})
        elif known != found:
            raise invalid("aliases", "name_taken")
    return found

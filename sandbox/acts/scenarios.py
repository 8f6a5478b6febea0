"""Scenarios (场景清单): published and changed by regulators and by the department that leads them."""

from typing import Any

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import NotFound, Stale
from sandbox.acts.trials import Changed
from sandbox.rules.access import Role
from sandbox.store.scenarios import SCENARIOS, ScenarioChange, ScenarioFields
from sandbox.store.types import Short, Whole


@act()
def publish_scenario(act: Act, given: ScenarioFields) -> Made:
    """A new scenario; a department leads what it publishes."""
    scenario = act.id("sc")
    lead = act.actor.organisation_id if act.actor.role is Role.DEPARTMENT else None
    act.insert(SCENARIOS, {**_plain(given), "id": scenario, "lead_id": lead, "version": 1, "created_at": act.now})
    return Made(id=scenario)


def _plain(given: ScenarioFields) -> dict[str, Any]:
    return {**given.model_dump(mode="json"), "opens_on": given.opens_on, "closes_on": given.closes_on}


class ScenarioChangeGiven(ScenarioChange):
    """Which scenario changes, and the version that was read (If-Match)."""

    scenario_id: Short
    version: Whole | None = None


@act()
def change_scenario(act: Act, given: ScenarioChangeGiven) -> Changed:
    """Change a scenario's text and limits; what is not named stays. Trials that run keep the limits they began with."""
    old = act.row(SCENARIOS, given.scenario_id)
    if act.actor.role is Role.DEPARTMENT and old["lead_id"] != act.actor.organisation_id:
        raise NotFound
    if given.version is not None and given.version != old["version"]:
        raise Stale("changed_since", version=old["version"])
    named = given.model_dump(exclude_unset=True, exclude={"scenario_id", "version"})
    whole = ScenarioFields.model_validate({name: old[name] for name in ScenarioFields.model_fields} | named)
    act.update(SCENARIOS, old["id"], **_plain(whole), version=old["version"] + 1)
    return Changed(id=old["id"], version=old["version"] + 1)

"""Scenarios (场景清单): published and changed by regulators and by the department that leads them."""

from typing import Any

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import NotFound, Stale
from sandbox.rules.access import Role
from sandbox.store.scenarios import SCENARIOS, ScenarioFields
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


class ScenarioChange(ScenarioFields):
    """The scenario as it should be; `version` is the one that was read."""

    scenario_id: Short
    version: Whole | None = None


@act()
def change_scenario(act: Act, given: ScenarioChange) -> Made:
    """Replace a scenario's text and limits. Trials that run keep the limits they started with."""
    old = act.row(SCENARIOS, given.scenario_id)
    if act.actor.role is Role.DEPARTMENT and old["lead_id"] != act.actor.organisation_id:
        raise NotFound
    if given.version is not None and given.version != old["version"]:
        raise Stale("changed_since", version=old["version"])
    values = {name: value for name, value in _plain(given).items() if name not in ("scenario_id", "version")}
    act.update(SCENARIOS, old["id"], **values, version=old["version"] + 1)
    return Made(id=old["id"])

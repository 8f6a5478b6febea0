"""Scenarios by API: list, publish, read, change."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.reads import scenarios as reads
from sandbox.store.scenarios import ScenarioChange, ScenarioFields, ScenarioStatus
from sandbox.web.api.asking import Paged, Text
from sandbox.web.api.endpoint import Rows, seen
from sandbox.web.api.shapes import Listing, kept, listed
from sandbox.web.reader import actor

rows = Rows("scenarios")


class Scenario(kept(ScenarioFields)):  # type: ignore[misc]
    """A limited scenario and its limits. `version` is its ETag."""

    id: str
    lead_id: str | None
    version: int
    created_at: datetime


class ScenarioQuery(Paged):
    """Filters of the list; `q` looks into titles and description."""

    status: ScenarioStatus | None = None
    q: Text | None = None


@rows.shows("/scenarios")
def scenarios(connection: sa.Connection, query: ScenarioQuery) -> Listing[Scenario]:
    """Scenarios, newest first: open and closed ones; drafts only for those who write them."""
    found = reads.scenarios(connection, actor(), status=query.status, q=query.q, cursor=query.cursor, limit=query.limit)
    return listed(found, Scenario.of)


@rows.shows("/scenarios/<id>", versioned=True)
def scenario(connection: sa.Connection, id: str) -> Scenario:
    """One scenario with its limits."""
    return Scenario.of(seen(reads.scenario(connection, actor(), id)))


rows.does("POST", "/scenarios", "publish_scenario", created=True, example={
    "title": "夜间道路", "title_en": "Streets by night", "description": "Delivery on closed routes, 22:00 to 5:00.",
    "unit": "deliveries", "max_people": 2000, "max_volume": 50000.0, "max_days": 180})
rows.does("PATCH", "/scenarios/<id>", "change_scenario", reach=reads.scenario, bodies=(ScenarioChange,),
          given=lambda body, ids: {**body, "scenario_id": ids["id"]}, versioned=True, example={"max_days": 270})

"""Importing by API: files and the name of a mapping; the same two acts, and the same report, as by the command line."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from sandbox.acts.refusals import NotFound
from sandbox.jobs.imports import ImportReport, Terms, run_import
from sandbox.rules.intake import delivered_mapping, delivered_mappings
from sandbox.store.trials import Tier
from sandbox.web.api.asking import Doing, Text
from sandbox.web.api.endpoint import Endpoint, Rows
from sandbox.web.reader import actor, program, said

rows = Rows("imports")


class Asked(Doing):
    """What the city states of every trial that is taken over."""

    scenario: Text | None = None
    tier: Tier = Tier.R3
    days: Annotated[int, Field(ge=1, le=360)] = 180


class Imported(ImportReport):
    """The report, with every refused or noted line as a sentence in the reader's language."""

    lines: list[str]


def import_record(files: list[tuple[str, bytes]], query: Any, name: str) -> BaseModel:
    """Take over a record: propose the trials, and once a second regulator has voted, keep their past.

    Sent again, it goes on where it stands and adds nothing twice."""
    if name not in delivered_mappings():
        raise NotFound
    terms = Terms(scenario_id=query.scenario, tier=query.tier, days=query.days)
    report, remarks = run_import(program(), actor(), delivered_mapping(name), files, terms,
                                 dry_run=query.dry_run is not None)
    return Imported(**report.model_dump(), lines=[said(remark) for remark in remarks])


rows.append(Endpoint("POST", "/imports/<name>", "import_record", rows.tag, import_record.__doc__ or "", Imported, Asked,
                     act="adopt_trial", upload=import_record))

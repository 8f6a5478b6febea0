"""Importing by API: files and the name of a mapping, or a mapping of one's own; the same acts, and the same report, as
by the command line."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, Field, RootModel

from sandbox.acts.refusals import NotFound
from sandbox.jobs.imports import ImportReport, Terms, run_import
from sandbox.jobs.registers import RegisterReport, read_register
from sandbox.rules.intake import Mapping, delivered_mapping, delivered_mappings, read_mapping
from sandbox.store.trials import Tier
from sandbox.store.types import Day
from sandbox.web.api.asking import Doing, Text, attached
from sandbox.web.api.endpoint import Endpoint, Rows
from sandbox.web.reader import actor, program, said

rows = Rows("imports")
OWN = "own"
"""The name under which a mapping is sent along, as the part `map`."""


class Asked(Doing):
    """What the city states of every trial that is taken over; of a register's list its day, today where none is said,
    and `partial=1` to keep the good lines of a list that has bad ones."""

    scenario: Text | None = None
    tier: Tier = Tier.R3
    days: Annotated[int, Field(ge=1, le=360)] = 180
    as_of: Day | None = None
    partial: Annotated[str | None, Field(pattern="^1$")] = None


class RecordImported(ImportReport):
    """The report of a record of trials, with every refused or noted line as a sentence in the reader's language."""

    lines: list[str]


class RegisterImported(RegisterReport):
    """The same of a register's list."""

    lines: list[str]


class Imported(RootModel[RecordImported | RegisterImported]):
    """What an import took, merged, refused and noted; of trials or of a register, as the mapping is."""


def mapping_sent(name: str) -> Mapping:
    """The delivered mapping of this name, or the one that was sent along. Raises NotFound and BadMapping."""
    own = attached("map") if name == OWN else None
    if own is not None:
        return read_mapping(own)
    if name not in delivered_mappings():
        raise NotFound
    return delivered_mapping(name)


def import_record(files: Iterable[tuple[str, bytes]], query: Any, name: str) -> BaseModel:
    """Take over a record: propose the trials, and once a second regulator has voted, keep their past; or read a
    register's list. Sent again, it goes on where it stands and adds nothing twice.

    The name is a mapping's, or `own` with the mapping as the part `map`. A file that cannot be read, or a register's
    list with a line that cannot be taken, is refused whole with every line (422)."""
    mapping, dry_run = mapping_sent(name), query.dry_run is not None
    if mapping.register_of is not None:
        read, remarks = read_register(program(), actor(), mapping, files, query.as_of, dry_run=dry_run,
                                      partial=query.partial is not None)
        return RegisterImported(**read.model_dump(), lines=[said(remark) for remark in remarks])
    terms = Terms(scenario_id=query.scenario, tier=query.tier, days=query.days)
    report, remarks = run_import(program(), actor(), mapping, files, terms, dry_run=dry_run)
    return RecordImported(**report.model_dump(), lines=[said(remark) for remark in remarks])


rows.append(Endpoint("POST", "/imports/<name>", "import_record", rows.tag, import_record.__doc__ or "", Imported, Asked,
                     act="adopt_trial", upload=import_record))

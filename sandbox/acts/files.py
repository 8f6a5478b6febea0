"""Evidence files (证据文件): naming one that is already on disk as evidence for something of a trial."""

import sqlalchemy as sa

from sandbox.acts.act import Act, Done, act
from sandbox.acts.refusals import invalid
from sandbox.rules.cadence import local_day
from sandbox.store.files import FILES, FileFields, FileOf, blob_of
from sandbox.store.scope import OWNED
from sandbox.store.sections import SECTIONS
from sandbox.store.types import Short, Whole


class FileGiven(FileFields):
    """What the program found out about the bytes, and what people say about them."""

    object_kind: FileOf
    object_id: Short
    name: Short
    kind: Short
    size: Whole
    sha256: Short


class FileKept(Done):
    """The file's id and the hash of its bytes."""

    id: str
    sha256: str


@act(on="trial")
def attach_file(act: Act, given: FileGiven) -> FileKept:
    """Keep a file as evidence for an incident, a report, a correction, a section, a corrective item, a review or the
    trial itself. The day that it is evidence of stands apart from the day it came in."""
    _check_object(act, given)
    if given.evidence_on is not None and given.evidence_on > local_day(act.now, act.zone):
        raise invalid("evidence_on", "in_future")
    organisation = act.actor.organisation_id
    file = {"id": act.id("fi"), **given.model_dump(), "object_kind": given.object_kind.value,
            "trial_id": act.trial["id"], "blob": blob_of(organisation, given.sha256), "author_id": act.actor.id,
            "organisation_id": organisation, "at": act.now}
    act.insert(FILES, file)
    return FileKept(id=file["id"], sha256=given.sha256)


def _check_object(act: Act, given: FileGiven) -> None:
    """What the file is evidence for is of this trial; what is not is told like what does not exist."""
    if given.object_kind is FileOf.SECTION:
        found = given.object_id in SECTIONS
    elif given.object_kind is FileOf.TRIAL:
        found = given.object_id == act.trial["id"]
    else:
        table = OWNED[given.object_kind.value]
        found = act.connection.execute(sa.select(table.c.id).where(
            table.c.id == given.object_id, table.c.trial_id == act.trial["id"])).first() is not None
    if not found:
        raise invalid("object_id", "not_of_this_trial")

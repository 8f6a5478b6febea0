"""Evidence files by API: one at a time with a form beside it; what is known of each; its bytes, never shown inline."""

from collections.abc import Mapping
from datetime import date, datetime

import sqlalchemy as sa
from flask import Response
from pydantic import Field as PydanticField

from sandbox.acts.act import ACTS
from sandbox.acts.refusals import NotFound
from sandbox.jobs.evidence import keep_file
from sandbox.reads import files as reads
from sandbox.store.files import FileFields, FileOf
from sandbox.store.sections import SECTIONS
from sandbox.web.api import asking
from sandbox.web.api.asking import Doing, Paged
from sandbox.web.api.endpoint import Endpoint, Rows, answered, seen
from sandbox.web.api.shapes import Listing, Shape, listed
from sandbox.web.api.trials import trial_row
from sandbox.web.attachments import BYTES, as_attachment
from sandbox.web.reader import actor, program

rows = Rows("files")


class EvidenceFile(Shape):
    """What is known of a file. `evidence_on` is the day its content is from, `at` when it came in."""

    id: str
    trial_id: str
    object_kind: FileOf
    object_id: str
    name: str
    kind: str
    size: int
    sha256: str
    evidence_on: date | None
    note: str | None
    author_id: str
    at: datetime


class FileQuery(Paged):
    """Filters of the list."""

    object_id: str | None = PydanticField(None, max_length=64)


@rows.shows("/trials/<id>/files")
def files(connection: sa.Connection, id: str, query: FileQuery) -> Listing[EvidenceFile]:
    """A trial's evidence files, newest received first."""
    trial_row(connection, id)
    return listed(reads.files(connection, actor(), id, **query.model_dump()), EvidenceFile.of)


@rows.shows("/files/<id>")
def file(connection: sa.Connection, id: str) -> EvidenceFile:
    """What is known of one file."""
    return EvidenceFile.of(seen(reads.file(connection, actor(), id)))


def content(_endpoint: Endpoint, ids: Mapping[str, str]) -> Response:
    """The file's bytes as they were received."""
    asking.asked(asking.Query)
    with program().reading() as connection:
        found = seen(reads.file(connection, actor(), ids["id"]))
    return as_attachment(found["blob"], found["name"])


def take(endpoint: Endpoint, ids: Mapping[str, str]) -> Response:
    """Narrow, permit, read, look at, keep. Nothing of the body is looked at for whom the act is not permitted."""
    of = FileOf.SECTION if "kind" in ids else OF[endpoint.path.split("/")[1]]
    with program().reading() as connection:
        owner = FileOf.TRIAL if of is FileOf.SECTION else of
        trial_id = seen(reads.trial_with(connection, actor(), owner.value, ids["id"]))
    program().acts.permit("attach_file", actor(), trial_id)
    if of is FileOf.SECTION and ids["kind"] not in SECTIONS:
        raise NotFound
    key, dry_run = asking.key(), asking.asked(Doing).dry_run is not None
    given, told = asking.file_and_form()
    kept = keep_file(program(), actor(), trial_id, (of, ids.get("kind", ids["id"])), given, told, key=key,
                     dry_run=dry_run)
    return answered(endpoint, kept, 200 if dry_run else 201)


OF = {"trials": FileOf.TRIAL, "incidents": FileOf.INCIDENT, "feedback": FileOf.FEEDBACK, "reviews": FileOf.REVIEW,
      "corrections": FileOf.CORRECTION, "corrective-items": FileOf.CORRECTIVE_ITEM}
"""What a file is evidence for, by the noun that the address begins with."""


def attaches(path: str, of: str) -> None:
    """A row that takes one file for this kind of thing."""
    kind = ACTS["attach_file"]
    rows.append(Endpoint("POST", path, f"attach_file_to_{of}", rows.tag, kind.function.__doc__ or "", kind.done, Doing,
                         act="attach_file", created=True, serve=take, form=FileFields))


for _noun, _of in OF.items():
    attaches(f"/{_noun}/<id>/files", _of.value)
attaches("/trials/<id>/sections/<kind>/files", FileOf.SECTION.value)
rows.append(Endpoint("GET", "/files/<id>/content", "file_content", rows.tag, content.__doc__ or "", EvidenceFile,
                     serve=content, media=BYTES))

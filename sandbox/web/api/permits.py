"""Permits by API: what a gateway asks before it lets anyone use a system; and the key that signs, retired."""

from datetime import datetime

import sqlalchemy as sa

from sandbox.acts.refusals import Refused
from sandbox.papers.permit import issue
from sandbox.rules.access import Scope
from sandbox.web.api.endpoint import Rows
from sandbox.web.api.shapes import Shape
from sandbox.web.api.trials import trial_row
from sandbox.web.reader import program

rows = Rows("permits")


class Permit(Shape):
    """A permit: the compact JWS (EdDSA, typ `permit+jwt`) and, to look at, some of what is signed in it. Trust only
    what the signature covers."""

    permit: str
    key_id: str
    issued: datetime
    expires: datetime
    serial: int
    state: str
    active: bool


@rows.shows("/trials/<id>/permit", scope=Scope.PERMIT, cached=True, refuses=True)
def permit(connection: sa.Connection, id: str) -> Permit:
    """The signed permit of a trial. A trial that may not be used is refused with its cause (409), and with a signed
    statement of that, so that a cached permit can be replaced by it."""
    running, row = program(), trial_row(connection, id)
    made = issue(connection, running.acts, running.settings.key_folder, running.settings.public_url, row)
    if not made.claims["active"]:
        raise Refused("no_permit", made.facts.standing.sentence, state=row["state"], cause=made.claims["cause"],
                      statement=made.signed)
    return Permit(permit=made.signed, key_id=made.key_id, issued=made.issued, expires=made.expires,
                  serial=row["version"], state=row["state"], active=True)


rows.does("POST", "/keys/rotation", "rotate_key", example={
    "use": "permit", "reason": "The machine that held the key was replaced."})

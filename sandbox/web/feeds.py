"""Calendars by their secret address. The secret is a serial and its signature: the database alone makes no address."""

import hashlib
import hmac
import re

from flask import Flask, Response, request

from sandbox.acts.refusals import NotFound
from sandbox.papers.calendar import calendar
from sandbox.reads import dates
from sandbox.reads.accounts import actor_of
from sandbox.reads.messages import reader_of_feed
from sandbox.web.reader import program

MARK_LENGTH = 32
SECRET = re.compile(r"([A-Za-z0-9_-]{16})([0-9a-f]{32})")


def enter(app: Flask) -> None:
    """The one address, which needs no account."""
    app.add_url_rule("/calendar/<secret>.ics", "calendar_feed", calendar_feed)


def mark(serial: str) -> str:
    """This installation's signature of a serial."""
    key = program().settings.secret_key.encode()
    return hmac.new(key, f"calendar {serial}".encode(), hashlib.sha256).hexdigest()[:MARK_LENGTH]


def address_of(serial: str) -> str:
    """The whole address of a calendar."""
    return f"{program().settings.public_url}/calendar/{serial}{mark(serial)}.ics"


def calendar_feed(secret: str) -> Response:
    """The dates of the owner as they see them today; unchanged since the reader's ETag answers 304."""
    found = SECRET.fullmatch(secret)
    if found is None or not hmac.compare_digest(mark(found[1]), found[2]):
        raise NotFound
    settings, now = program().settings, program().clock()
    with program().reading() as connection:
        owner = reader_of_feed(connection, found[1])
        if owner is None:
            raise NotFound
        rows = dates.dates(connection, actor_of(owner), now)
    text = calendar(rows, owner["locale"] or settings.locale, settings.timezone, settings.public_url)
    response = Response(text, content_type="text/calendar; charset=utf-8")
    response.set_etag(hashlib.sha256(text).hexdigest()[:32])
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response

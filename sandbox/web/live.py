"""Live pages: an open page hears that what it shows has changed, by a stream or by asking, and fetches itself.

A stream holds one of the server's threads: there are never more than a share of them, each ends after a minute, and who
finds none free asks instead. Each look is narrowed anew, so that a reviewer who was recused hears nothing more."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import ServiceUnavailable

from sandbox.acts.refusals import NotFound
from sandbox.jobs.program import Program
from sandbox.reads.live import board_mark, trial_mark
from sandbox.rules.access import Actor
from sandbox.web.guard import guard
from sandbox.web.reader import actor, program

LASTS_S, LOOK_S = 60, 2
SHARE = 5 / 8
"""Of the threads: with 64, forty streams leave twenty-four for pages."""
STREAM = "text/event-stream"
Look = Callable[[], str | None]


def enter(app: Flask) -> None:
    """Register the two addresses."""
    running: Program = app.extensions["sandbox"]
    streams = app.extensions["streams"] = Streams(max(1, int(running.settings.threads * SHARE)))
    for rule, name, view in (("/trials/<trial_id>/live", "trial_live", of_trial),
                             ("/board/live", "board_live", of_board)):
        app.add_url_rule(rule, name, guard(partial(view, streams), pages=True))


class Streams:
    """The streams that are open in this process. Safe to call from any number of threads."""

    def __init__(self, most: int, lasts_s: float = LASTS_S, look_s: float = LOOK_S) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._closing = threading.Event()
        self.lasts_s, self.look_s = lasts_s, look_s

    def open(self, look: Look) -> Response:
        """A stream of marks. Raises ServiceUnavailable when none is free."""
        if not self._free.acquire(blocking=False):
            raise ServiceUnavailable(retry_after=int(self.lasts_s))
        response = Response(self._marks(look), mimetype=STREAM)
        response.call_on_close(self._free.release)
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def _marks(self, look: Look) -> Iterator[str]:
        """A mark when it changes, a sign of life when it does not; nothing more when the object is gone."""
        ends, last = time.monotonic() + self.lasts_s, None
        while (mark := look()) is not None:
            yield event(mark) if mark != last else ":\n\n"
            last = mark
            if time.monotonic() + self.look_s >= ends or self._closing.wait(self.look_s):
                return

    def close(self) -> None:
        """End every stream at its next look, which is now."""
        self._closing.set()


def event(mark: str) -> str:
    """One event of a stream."""
    return f"event: mark\nid: {mark}\ndata: {json.dumps({'mark': mark})}\n\n"


def of_trial(streams: Streams, trial_id: str) -> Response:
    """How far one trial has moved on."""
    return answer(streams, partial(look_at_trial, program(), actor(), trial_id))


def of_board(streams: Streams) -> Response:
    """How far anything has moved on that the reader sees."""
    return answer(streams, partial(look_at_board, program(), actor()))


def look_at_trial(running: Program, who: Actor, trial_id: str) -> str | None:
    """The trial's mark now."""
    with running.reading() as connection:
        return trial_mark(connection, who, trial_id, running.clock())


def look_at_board(running: Program, who: Actor) -> str:
    """The board's mark now."""
    with running.reading() as connection:
        return board_mark(connection, who, running.clock())


def answer(streams: Streams, look: Look) -> Response:
    """A stream for who asks for one, otherwise the mark as JSON, or 304 when it still holds. Raises NotFound."""
    mark = look()
    if mark is None:
        raise NotFound
    if request.accept_mimetypes.best_match([STREAM, "application/json"], default="application/json") == STREAM \
            and STREAM in request.headers.get("Accept", ""):
        return streams.open(look)
    response: Any = jsonify({"mark": mark})
    response.set_etag(mark)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response

"""The postman: empties the outbox every few seconds beside the clock, so that a slow server never makes a due late."""

import threading
from collections.abc import Callable
from typing import Any

import structlog

from sandbox.jobs.outbox import deliver
from sandbox.jobs.program import Program

LONGEST_GOODBYE_S = 2
log = structlog.get_logger()


class Postman:
    """Delivers until stopped. What it was sending when told to stop is sent again when its lease has run out."""

    def __init__(self, program: Program, delivering: Callable[[Program], Any] = deliver) -> None:
        self._program, self._delivering = program, delivering
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="postman", daemon=True)

    def start(self) -> None:
        """Deliver at once and from then on."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; wait a little for what is under way."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(LONGEST_GOODBYE_S)

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                self._delivering(self._program)
            except Exception:
                log.exception("outbox_failed")
            self._stopped.wait(self._program.settings.tick_seconds)

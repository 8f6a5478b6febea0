"""The postman: empties the outbox every few seconds, a thread for each channel, so that a slow server makes no due late
and keeps no other channel waiting."""

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from sandbox.jobs.outbox import deliver
from sandbox.jobs.program import Program
from sandbox.store.channels import ChannelKind

LONGEST_GOODBYE_S = 2
log = structlog.get_logger()


class Postman:
    """Delivers until stopped. What it was sending when told to stop is sent again when its lease has run out."""

    def __init__(self, program: Program, delivering: Callable[[Program, tuple[ChannelKind]], Any] = deliver) -> None:
        self._program, self._delivering = program, delivering
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(kind,), name=f"postman {kind}", daemon=True)
                         for kind in ChannelKind]

    def start(self) -> None:
        """Deliver at once and from then on."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin nothing more; wait a little for what is under way."""
        self._stopped.set()
        until = time.monotonic() + LONGEST_GOODBYE_S
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    def _work(self, kind: ChannelKind) -> None:
        while not self._stopped.is_set():
            try:
                self._delivering(self._program, (kind,))
            except Exception:
                log.exception("outbox_failed")
            self._stopped.wait(self._program.settings.tick_seconds)

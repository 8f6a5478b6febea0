"""Callers over HTTP, as one process without anybody else's speed in it: `python -m bench.caller PLAN`.

PLAN is a JSON object: port, callers, seconds, and what each caller sends (`bench.filing` writes it). Each caller keeps
one connection and sends its next request when the last is answered. Prints a JSON object of what came back.
"""

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any


@dataclass
class Caller:
    """One connection: the place of its next request, when it was sent, what has come of the answer."""

    sock: socket.socket
    trial: str
    place: int
    sent: float = 0.0
    answer: bytearray = field(default_factory=bytearray)


class Callers:
    """All of them, until the time is up; then each hears its last answer."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan, self.waits, self.refused = plan, [], 0
        self.since = datetime.fromisoformat(plan["since"])
        self.selector = selectors.DefaultSelector()
        self.next_of = dict(plan["trials"])

    def request(self, caller: Caller) -> bytes:
        start = self.since + timedelta(seconds=caller.place)
        events = '{"harm_S4":1,"complaint":1}' if caller.place % 50 == 0 else "{}"
        body = (f'{{"period_start":"{start.isoformat()}","period_end":"{(start + timedelta(seconds=1)).isoformat()}",'
                f'"exposures":250,"people_new":3,"region":"Nanshan","events":{events},"reviewed":40,'
                f'"model_version":"2.1","narrative":"Ordinary service"}}').encode()
        head = (f"POST {self.plan['path'].format(trial=caller.trial)} HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {self.plan['token']}\r\nContent-Type: application/json\r\n"
                f"Idempotency-Key: {caller.trial}:{caller.place}\r\nContent-Length: {len(body)}\r\n\r\n")
        return head.encode() + body

    def send(self, caller: Caller) -> None:
        data = self.request(caller)
        caller.sent = time.perf_counter()
        caller.sock.sendall(data)

    def run(self) -> dict[str, Any]:
        began, spent = time.perf_counter(), time.process_time()
        until, open_ = began + self.plan["seconds"], 0
        for trial, place in list(self.next_of.items())[:self.plan["callers"]]:
            caller = Caller(socket.create_connection(("127.0.0.1", self.plan["port"])), trial, place)
            caller.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.selector.register(caller.sock, selectors.EVENT_READ, caller)
            self.send(caller)
            open_ += 1
        while open_:
            for caller in self.answered():
                self.next_of[caller.trial] = caller.place
                if time.perf_counter() < until:
                    self.send(caller)
                else:
                    self.selector.unregister(caller.sock)
                    caller.sock.close()
                    open_ -= 1
        return {"done": len(self.waits), "refused": self.refused, "took": time.perf_counter() - began,
                "waits": sorted(self.waits), "next": self.next_of, "cpu": time.process_time() - spent}

    def answered(self) -> Iterator[Caller]:
        """Callers whose answer is complete."""
        for key, _ in self.selector.select(30):
            caller: Caller = key.data
            piece = caller.sock.recv(65536)
            if not piece:
                raise ConnectionError("the server hung up")
            caller.answer += piece
            head = caller.answer.find(b"\r\n\r\n")
            if head < 0:
                continue
            at = caller.answer.lower().find(b"content-length:", 0, head)
            length = int(caller.answer[at + 15:caller.answer.find(b"\r\n", at)])
            if len(caller.answer) >= head + 4 + length:
                self.waits.append(time.perf_counter() - caller.sent)
                accepted = caller.answer[9:12] in (b"200", b"201")
                self.refused += not accepted
                caller.place += accepted
                caller.answer.clear()
                yield caller


if __name__ == "__main__":
    print(json.dumps(Callers(json.loads(sys.argv[1])).run()))

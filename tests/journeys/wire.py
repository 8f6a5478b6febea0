"""A Hand that has nothing but the addresses, the tokens that `app.py demo` prints, and the testing clock.

Which path an act has is read from the program's own OpenAPI document, as any other program would.
"""

import http.client
import json
import re
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

API = "/api/v1"
PATIENCE_S = 60
NEARLY = timedelta(minutes=1)


class Answered(Exception):
    """A refusal: the status and the problem document."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {json.dumps(problem, ensure_ascii=False)[:4000]}")
        self.status, self.problem = status, problem


class Wire:
    """Acts and looks over HTTP, one connection for all."""

    def __init__(self, port: int, demo: Mapping[str, Any]) -> None:
        self.zone = ZoneInfo("Asia/Shanghai")
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._accounts = {one["email"].split("@")[0]: one["id"] for one in demo["accounts"]}
        tokens = demo["tokens"]
        reviewers = [one["email"].split("@")[0] for one in demo["accounts"] if one["role"] == "reviewer"]
        self._tokens = {**{name: token for name, token in tokens.items() if name != "reviewers"},
                        **dict(zip(reviewers, tokens["reviewers"], strict=True))}
        document = self.ask("GET", f"{API}/openapi.json", None)
        self._paths = {operation["operationId"]: (method.upper(), path)
                       for path, operations in document["paths"].items()
                       for method, operation in operations.items() if "operationId" in operation}
        self.statuses: list[int] = []
        self._read_at = time.monotonic()
        self._now = datetime.now(UTC)

    def ask(self, method: str, path: str, who: str | None, body: Any = None) -> Any:
        """One request; the answer's JSON. Raises Answered for anything but 2xx."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())} if body is not None else {}
        if who:
            headers["Authorization"] = f"Bearer {self._tokens[who]}"
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        text = response.read()
        if "json" not in response.headers["Content-Type"]:
            raise Answered(response.status, {"text": text.decode()})
        found = json.loads(text)
        if response.status >= 300:
            raise Answered(response.status, found)
        if body is not None and hasattr(self, "statuses"):
            self.statuses.append(response.status)
        return found

    # The clock

    def now(self) -> datetime:
        """The server's clock, as it was told last, and what has passed since."""
        return self._now + timedelta(seconds=time.monotonic() - self._read_at)

    def wait_until(self, at: datetime) -> dict[str, Any]:
        """Move the server's clock, which runs on by itself: an instant that is nearly there is left alone."""
        if at <= self.now() + NEARLY:
            return {}
        moved: dict[str, Any] = self.ask("POST", "/testing/clock", None, {"now": at.isoformat()})
        self._now, self._read_at = datetime.fromisoformat(moved["now"]), time.monotonic()
        return moved

    # A walk's Hand

    def do(self, act: str, who: str, data: Mapping[str, Any], on: str | None = None) -> dict[str, Any]:
        """The act at its path."""
        method, path = self._paths[act]
        body = dict(data)
        named = {"id": on, "name": body.pop("move", None) if "{name}" in path else None,
                 "kind": body.pop("kind", None) if "{kind}" in path else None}
        address = re.sub(r"\{(\w+)\}", lambda found: str(named[found[1]]), path)
        answer: dict[str, Any] = self.ask(method, prefixed(address), who,
                                          body["body"] if act == "file_section" else body)
        return answer

    def account(self, who: str) -> str:
        return str(self._accounts[who])

    def trial(self, trial_id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.ask("GET", f"{API}/trials/{trial_id}", "regulator")
        return found

    def open_reviews(self, trial_id: str) -> list[str]:
        found = self.ask("GET", f"{API}/trials/{trial_id}/reviews?state=open", "regulator")
        return [one["id"] for one in found["items"]]

    def open_items(self, trial_id: str) -> list[str]:
        found = self.ask("GET", f"{API}/trials/{trial_id}/corrective-items?state=open", "regulator")
        return [one["id"] for one in found["items"]]

    def open_clocks(self, trial_id: str, key: str) -> list[str]:
        found = self.ask("GET", f"{API}/trials/{trial_id}/clocks?state=running", "regulator")
        return [one["id"] for one in found["items"] if one["key"] == key]

    # What a test looks at

    def moves(self, trial_id: str) -> list[str]:
        """The names of the moves that the timeline tells of, oldest first."""
        names: list[str] = []
        cursor = ""
        while cursor is not None:
            page = self.ask("GET", f"{API}/trials/{trial_id}/timeline{cursor and f'?cursor={cursor}'}", "regulator")
            names += [event["name"] for event in page["items"]]
            cursor = page["next"]
        return names[::-1]


def prefixed(path: str) -> str:
    """The address of a path of the document, whether or not it carries the prefix."""
    return path if path.startswith(API) else API + path

"""A red light reaches a machine at a gate at once: the program as people start it, the gateways of the documents."""

import base64
import importlib.util
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cast import Cast, enter_cast
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from processes import free_port, kill_group, seconds_until_answered, started

from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.rules.access import Actor
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

GATEWAYS = Path(__file__).resolve().parents[2] / "docs" / "gateway"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TICK_S = 1
NOWHERE = "http://127.0.0.1:9"
PATIENCE_S = 20


@dataclass
class Service:
    """A served city: its address, running trials of Hai Rui, and tokens by name."""

    url: str
    trials: list[str]
    tokens: dict[str, str]
    process: subprocess.Popen[str]

    def ask(self, path: str, who: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data, {
            "Authorization": f"Bearer {self.tokens[who]}", "Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)


def adopted(program: Program, cast: Cast) -> list[str]:
    """Five running pilots of Hai Rui, of a version that the permit pins."""
    scenario = program.acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
    proposed = program.acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 100.0,
        "limits": [{"indicator": "harm_any", "per_exposure": 0.001}], "unverified": "What happened before",
        "model_version": "1.0", "source_key": f"pilot {number}"} for number in range(5)]})
    decided = program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    return sorted(decided.trials.values())


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """Enter the cast and five pilots, then serve them."""
    settings = Settings(data=folder, secret_key="a secret that only the tests know of")
    prepare(settings)
    program = open_program(settings, lambda: datetime.now(UTC))
    cast = enter_cast(program)
    trials = adopted(program, cast)
    for trial in trials:
        given = {"account_id": cast.rui.id, "panel": "running"}
        seat = program.acts.do("assign_reviewer", cast.lin, given, on=trial).id
        program.acts.do("answer_assignment", cast.rui, {"conflict": False, "accepted": True}, on=seat)

    def token(who: Actor, *scopes: str) -> str:
        return str(program.acts.do("issue_token", who, {"name": "test", "scopes": list(scopes)}).secret)

    tokens = {"lin": token(cast.lin, "read", "file", "decide"), "fang": token(cast.fang, "read", "file"),
              "rui": token(cast.rui, "read"), "gate": token(cast.fang, "permit")}
    with program.reading() as connection:
        assert verify(connection).problems == ()
    program.close()
    port = free_port()
    with started(folder, "--port", str(port), "--tick-seconds", str(TICK_S),
                 SANDBOX_SECRET_KEY=settings.secret_key) as process:
        seconds_until_answered(port, process)
        yield Service(f"http://127.0.0.1:{port}", trials, tokens, process)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("gateway")) as found:
        yield found


Gate = Callable[..., str]
KINDS = ("gateway.py", "gateway.sh")
SHELL_LATER = pytest.mark.parametrize("gate", ["gateway.py", pytest.param("gateway.sh", marks=pytest.mark.long)],
                                      indirect=True)
"""Half a second a case, in many processes: outside the default run."""


@pytest.fixture(params=KINDS)
def gate(request: pytest.FixtureRequest, tmp_path: Path, service: Service) -> Gate:
    """`gate(trial)`: what a gateway of the documents says."""
    return gate_of(request.param, tmp_path, service)


def gate_of(kind: str, folder: Path, service: Service) -> Gate:
    """A gateway run as its documents say. `late` is how far its own clock is off; what it has kept it keeps from call
    to call."""
    def ask(trial: str, *, url: str = service.url, version: str = "1.0", late: timedelta = timedelta(0)) -> str:
        settings = {"SANDBOX_URL": url, "TRIAL": trial, "TOKEN": service.tokens["gate"], "MODEL_VERSION": version,
                    "KEPT": str(folder / f"kept by {kind}")}
        now = int(time.clock_gettime(time.CLOCK_REALTIME) + late.total_seconds())
        return (in_python if kind == "gateway.py" else in_shell)(settings, now, folder)

    return ask


def in_python(settings: dict[str, str], now: int, folder: Path) -> str:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("gateway", GATEWAYS / "gateway.py")
        assert spec and spec.loader
        gateway = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(gateway)
        return str(gateway.why_not(now) or "go")


def in_shell(settings: dict[str, str], now: int, folder: Path) -> str:
    """Its clock is the first `date` on the path."""
    clock = folder / "bin" / "date"
    clock.parent.mkdir(exist_ok=True)
    clock.write_text(f"#!/bin/sh\necho {now}\n")
    clock.chmod(0o700)
    ran = subprocess.run([GATEWAYS / "gateway.sh"], text=True, capture_output=True, timeout=PATIENCE_S, cwd=folder,
                         env={**os.environ, **settings, "PATH": f"{clock.parent}:{os.environ['PATH']}"})
    assert (ran.returncode, ran.stderr) == (0 if ran.stdout == "go\n" else 1, "")
    return ran.stdout.rstrip("\n")


def soon(found: Callable[[], bool]) -> float:
    """How long until it holds."""
    begun = time.monotonic()
    while not found():
        assert time.monotonic() - begun < PATIENCE_S
    return time.monotonic() - begun


# A red light


def test_a_filing_that_turns_the_light_red_says_so_itself_and_everyone_knows_within_a_tick(service: Service,
                                                                                         gate: Gate):
    trial = service.trials.pop()
    assert gate(trial) == "go"
    end = datetime.now(ZoneInfo("Asia/Shanghai"))
    status, filed = service.ask(f"/trials/{trial}/feedback", "fang", {
        "period_start": end.replace(hour=0, minute=0, second=0, microsecond=0).isoformat(),
        "period_end": end.isoformat(), "exposures": 100, "events": {"harm_S3": 30}})
    assert (status, filed["state"], filed["light"]) == (201, "suspended", "red")

    assert gate(trial) == "not active: risk_red"
    status, refused = service.ask(f"/trials/{trial}/permit", "gate")
    assert (status, refused["code"], refused["cause"]) == (409, "no_permit", "risk_red")

    def told() -> bool:
        tasks = {(task["kind"], task["trial_id"]) for who in ("lin", "rui")
                 for task in service.ask("/me", who)[1]["tasks"]}
        notices = [one["kind"] for one in service.ask("/notices", "rui")[1]["items"] if one["trial_id"] == trial]
        return {("await", trial), ("review", trial)} <= tasks and "review_open" in notices

    assert soon(told) < TICK_S
    assert service.ask(f"/trials/{trial}", "lin")[1]["light"] == "red"


def test_a_person_who_suspends_is_heard_at_the_next_poll(service: Service, gate: Gate):
    trial = service.trials.pop()
    assert gate(trial) == "go"
    assert service.ask(f"/trials/{trial}/moves/suspend", "lin", {"reason": "A look at the brakes"})[0] == 200
    assert gate(trial) == "not active: regulator"
    assert gate(trial, url=NOWHERE) == "not active: regulator"


# What a gateway does not believe


@pytest.fixture
def running(service: Service) -> str:
    """A trial that nobody stops."""
    return service.trials[0]


def test_an_outage_stops_nothing_until_the_permit_expires(running: str, gate: Gate):
    assert gate(running) == "go"
    assert gate(running, url=NOWHERE) == "go"
    assert gate(running, url=NOWHERE, late=54 * MINUTE) == "go"
    assert gate(running, url=NOWHERE, late=61 * MINUTE) == "expired, or a clock is wrong"


def test_a_clock_that_was_set_back_does_not_make_an_old_permit_new(running: str, gate: Gate):
    assert gate(running, late=-7 * MINUTE) == "expired, or a clock is wrong"
    assert gate(running) == "go"
    assert gate(running, url=NOWHERE, late=HOUR + MINUTE) == "expired, or a clock is wrong"
    assert gate(running, url=NOWHERE) == "expired, or a clock is wrong"


def test_who_never_reached_the_sandbox_may_not_begin(running: str, gate: Gate):
    assert gate(running, url=NOWHERE) == "no permit"


def test_a_trial_that_is_not_the_firms_own_has_no_permit(gate: Gate):
    assert gate("ES-9999") == "no permit"


class Hostile:
    """A server in the sandbox's place, which answers with a key of its own and whatever it is told to say."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.published: list[dict[str, Any]] = [{"kid": "k", "x": encoded(self.key.public_key().public_bytes_raw())}]
        self.token, self.url = "", ""
        self.asked: list[tuple[str, str]] = []
        """Every path that was asked for, with the mark that was sent along."""

    def says(self, header: dict[str, Any] | None = None, key: Ed25519PrivateKey | None = None, **changed: Any) -> None:
        now = int(time.clock_gettime(time.CLOCK_REALTIME))
        claims = {"sub": "ES-0001", "iat": now, "exp": now + 60, "active": True, "cause": None, "serial": 5,
                  "model_version": "1.0", **changed}
        head = {"alg": "EdDSA", "typ": "permit+jwt", "kid": "k", **(header or {})}
        signed = ".".join(encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
        self.token = f"{signed}.{encoded((key or self.key).sign(signed.encode()))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    found = Hostile()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent, permit = self.headers.get("If-None-Match", ""), "jwks" not in self.path
            found.asked.append((self.path.rsplit("/", 1)[1], sent))
            mark = f'"{len(found.token)}-{sum(found.token.encode())}"'
            same = permit and sent == mark
            self.send_response(304 if same else 200)
            self.send_header("ETag", mark if permit else '"keys"')
            self.end_headers()
            if not same:
                said = {"permit": found.token} if permit else {"keys": found.published}
                self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@SHELL_LATER
@pytest.mark.parametrize(("said", "answer"), [
    ({}, "go"), ({"model_version": None}, "go"),
    ({"active": False, "cause": "voluntary"}, "not active: voluntary"),
    ({"model_version": "1.1"}, "the permit is for version 1.1"),
    ({"model_version": "1.1", "former_versions": [{"version": "1.0", "until": 10**11}]}, "go"),
    ({"model_version": "1.1", "former_versions": [{"version": "1.0", "until": 1}]}, "the permit is for version 1.1"),
    ({"sub": "ES-0002"}, "no permit"),
    ({"header": {"typ": "JWT"}}, "no permit"), ({"header": {"alg": "none"}}, "no permit"),
    ({"header": {"kid": "other"}}, "no permit"),
    ({"key": Ed25519PrivateKey.generate()}, "no permit"),
    ({"exp": 0}, "expired, or a clock is wrong"), ({"iat": 10**11}, "expired, or a clock is wrong"),
])
def test_only_a_fresh_permit_of_this_trial_version_and_key_opens_the_gate(hostile: Hostile, gate: Gate,
                                                                         said: dict[str, Any], answer: str):
    hostile.says(**said)
    assert gate("ES-0001", url=hostile.url) == answer


@SHELL_LATER
def test_an_answer_that_is_no_answer_and_a_retired_key_open_nothing(hostile: Hostile, gate: Gate):
    for nonsense in ("", "a.b", "a.b.c", "..", "{}"):
        hostile.token = nonsense
        assert gate("ES-0001", url=hostile.url) == "no permit"
    hostile.says()
    hostile.published[0]["retired"] = 1
    assert gate("ES-0001", url=hostile.url) == "no permit"


def test_what_did_not_change_is_not_sent_again_and_what_did_is(hostile: Hostile, gate: Gate):
    hostile.says()
    assert [gate("ES-0001", url=hostile.url) for _ in range(3)] == ["go"] * 3
    (_, nothing), keys, (_, mark), again = hostile.asked
    assert (nothing.strip('"'), keys[0], again) == ("", "jwks.json", ("permit", mark))
    assert mark.strip('"'), "asked with the mark of the permit that is kept, and the keys no more"
    hostile.says(serial=6, active=False, cause="risk_red")
    assert gate("ES-0001", url=hostile.url) == "not active: risk_red"
    assert [path for path, _ in hostile.asked[4:]] == ["permit", "jwks.json"]


def test_the_running_program_knows_the_mark_that_a_gateway_keeps(running: str, service: Service, gate: Gate,
                                                                 tmp_path: Path):
    assert gate(running) == "go"
    kept, = tmp_path.glob("kept by *")
    mark = (kept / "etag").read_text().strip() if kept.is_dir() else json.loads(kept.read_text())["etag"]
    asked = urllib.request.Request(f"{service.url}/api/v1/trials/{running}/permit", headers={
        "Authorization": f"Bearer {service.tokens['gate']}", "If-None-Match": mark})
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(asked, timeout=PATIENCE_S)
    assert answer.value.code == 304
    assert gate(running) == "go"


def test_an_older_permit_does_not_undo_a_refusal(hostile: Hostile, gate: Gate):
    hostile.says(serial=6, active=False, cause="risk_red")
    assert gate("ES-0001", url=hostile.url) == "not active: risk_red"
    hostile.says(serial=5)
    assert gate("ES-0001", url=hostile.url) == "not active: risk_red"
    hostile.says(serial=7)
    assert gate("ES-0001", url=hostile.url) == "go"


def test_a_server_that_is_killed_leaves_the_last_word_standing(tmp_path: Path, running: str, service: Service):
    gates = [gate_of(kind, tmp_path, service) for kind in KINDS]
    assert [gate(running) for gate in gates] == ["go", "go"]
    kill_group(service.process)
    assert [gate(running) for gate in gates] == ["go", "go"]

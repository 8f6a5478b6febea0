"""The client and the recipe of the documents against the program as people start it: file, file a batch, lose an
answer, come again with the same key, and prove each filing without the program."""

import copy
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cast import adopt, enter_cast
from processes import free_port, seconds_until_answered, started

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import open_program
from sandbox.jobs.schema import prepare
from sandbox.store.settings import Settings
from sandbox.store.verification import verify

HOUSE = Path(__file__).resolve().parents[2]
HOUR = timedelta(hours=1)
SECRET = "a secret that only the tests know of"


def documented() -> Any:
    """The client as it stands in the documents."""
    spec = importlib.util.spec_from_file_location("feedback_client", HOUSE / "docs" / "client" / "feedback.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


feedback = documented()


@dataclass
class Served:
    """A served city: its address, running trials of Hai Rui, Fang's token and Lin's, when the trials began."""

    url: str
    trials: list[str]
    token: str
    regulator: str
    began: datetime

    def report(self, hour: int, **more: Any) -> dict[str, Any]:
        start = self.began + hour * HOUR
        return {"period_start": start.isoformat(), "period_end": (start + HOUR).isoformat(), "exposures": 5, **more}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    settings = Settings(data=folder, secret_key=SECRET)
    prepare(settings)
    clock = Shifted(lambda: datetime.now(UTC), datetime.now(UTC) - timedelta(days=8))
    program = open_program(settings, clock)
    cast, began = enter_cast(program), clock().replace(minute=0, second=0, microsecond=0)
    trials = adopt(program, cast, 4)
    clock.forward(datetime.now(UTC))
    token = program.acts.do("issue_token", cast.fang, {"name": "machine", "scopes": ["read", "file"]}).secret
    decides = program.acts.do("issue_token", cast.lin, {"name": "officer", "scopes": ["read", "decide"]}).secret
    with program.reading() as connection:
        assert verify(connection).problems == ()
    program.close()
    with started(folder, "--port", str(port), SANDBOX_SECRET_KEY=SECRET) as process:
        seconds_until_answered(port, process)
        yield Served(f"http://127.0.0.1:{port}", trials, token, decides, began + HOUR)


@pytest.fixture
def client(served: Served) -> Any:
    return feedback.Client(served.url, served.token)


def test_a_report_and_the_lines_of_a_batch_are_filed_and_prove_themselves(served: Served, client: Any):
    trial = served.trials[0]
    filed = client.file(trial, served.report(0, site="Gate"))
    batch = client.file_batch(trial, [served.report(hour, site="Yard", key=f"k{hour}") for hour in range(5)])
    assert (batch["kept"], batch["results"][0]["key"]) == (5, "k0")
    receipts = [client.receipt(one) for one in (filed["id"], batch["id"], *(r["id"] for r in batch["results"]))]
    assert len({feedback.verify(receipt) for receipt in receipts}) == 1
    assert receipts[0]["entry"]["hash"] == filed["receipt"]["leaf"]
    assert receipts[2]["line"]["hash"] == batch["results"][0]["leaf"]
    assert json.loads(receipts[3]["line"]["report"])["site"] == "Yard"


def changed(receipt: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The receipt with one thing in it changed, thing by thing."""
    def other(value: Any) -> Any:
        if isinstance(value, int):
            return value + 1
        if isinstance(value, list):
            return value[:-1] if value else ["0" * 64]
        return ("1" if value[0] == "0" else "0") + value[1:] if re.fullmatch("[0-9a-f]+", value) else f"{value[:-1]} }}"

    for part in ("entry", "line"):
        for name in receipt[part]:
            spoilt = copy.deepcopy(receipt)
            if name == "head":
                spoilt[part]["head"]["root"] = other(spoilt[part]["head"]["root"])
            else:
                spoilt[part][name] = other(spoilt[part][name])
            yield f"{part}.{name}", spoilt
    for name in ("id", "batch_id"):
        yield name, {**receipt, name: "fb_00"}


def test_a_receipt_with_anything_changed_in_it_proves_nothing(served: Served, client: Any):
    batch = client.file_batch(served.trials[0], [served.report(hour, site="Dock") for hour in range(4)])
    receipt = client.receipt(batch["results"][1]["id"])
    feedback.verify(receipt)
    for name, spoilt in changed(receipt):
        with pytest.raises((feedback.Unproven, ValueError)):
            feedback.verify(spoilt)
            pytest.fail(name)


@pytest.fixture
def unlucky(served: Served) -> Iterator[tuple[str, list[str]]]:
    """A way to the server on which the first call is told to come back and the answer to the second is lost. The keys
    that came by."""
    keys: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            keys.append(self.headers["Idempotency-Key"])
            if len(keys) == 1:
                self.send_response(503)
                self.send_header("Retry-After", "7")
                self.end_headers()
                return
            sent = {name: self.headers[name] for name in ("Authorization", "Content-Type", "Idempotency-Key")}
            with urllib.request.urlopen(urllib.request.Request(served.url + self.path, body, sent)) as answer:
                told = answer.read()
            if len(keys) == 2:
                self.close_connection = True
                return
            self.send_response(201)
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_of: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_port}", keys
        proxy.shutdown()


@pytest.mark.parametrize("send", ["file", "file_batch"])
def test_a_busy_server_and_a_lost_answer_file_once(served: Served, client: Any, unlucky: Any, send: str):
    url, keys = unlucky
    waits: list[float] = []
    far = feedback.Client(url, served.token, wait=waits.append)
    report = served.report(40 if send == "file" else 41)
    trial = served.trials[1]
    done = getattr(far, send)(trial, report if send == "file" else [report])
    assert len(keys) == 3 and len(set(keys)) == 1
    assert waits[0] == 7
    again = getattr(client, send)(trial, report if send == "file" else [report], key=keys[0])
    assert again == done


def test_what_is_refused_is_not_sent_again(served: Served):
    def never(seconds: float) -> None:
        raise AssertionError(f"waits {seconds} seconds for a refusal to change")

    client = feedback.Client(served.url, served.token, wait=never)
    with pytest.raises(feedback.Refused) as refused:
        client.file_batch(served.trials[1], [served.report(60, exposures=-1)])
    assert (refused.value.status, refused.value.problem["errors"][0]["line"]) == (422, 1)


def recipe(heading: str) -> str:
    """The commands that the documents give under a heading; what they answer begins with a status."""
    text = (HOUSE / "docs" / "api.md").read_text(encoding="utf-8")
    found = re.search(rf"\n#+ {heading}\n(.*?)\n#", text, re.DOTALL)
    assert found is not None
    lines = "\n".join(line[4:] if line.startswith("    ") else "" for line in found[1].splitlines())
    return "\n".join(block for block in lines.split("\n\n") if "curl " in block)


def followed(served: Served, heading: str, token: str, trial: str, folder: Path) -> str:
    """What a recipe prints to somebody with a token."""
    midnight = datetime.now(ZoneInfo("Asia/Shanghai")).replace(hour=0, minute=0, second=0, microsecond=0)
    run = subprocess.run(
        ["bash", "-euc", recipe(heading)], cwd=folder, text=True, capture_output=True, timeout=60,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "BASE": f"{served.url}/api/v1", "TRIAL": trial,
             "FROM": (midnight - timedelta(days=1)).isoformat(), "TO": midnight.isoformat(),
             "AUTH": f"Authorization: Bearer {token}"})
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed here")
def test_the_recipe_of_the_documents_files_a_batch_and_reads_its_receipt(served: Served, tmp_path: Path):
    (tmp_path / "week.ndjson").write_text("\n".join(json.dumps(served.report(hour)) for hour in range(3)))
    followed(served, "A batch by curl", served.token, served.trials[2], tmp_path)
    assert feedback.verify(json.loads((tmp_path / "receipt.json").read_text()))
    assert json.loads((tmp_path / "answer.json").read_text())["kept"] == 3


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed here")
def test_the_recipes_of_the_documents_file_a_report_and_make_a_move(served: Served, tmp_path: Path):
    filed = json.loads(followed(served, "Filing feedback", served.token, served.trials[3], tmp_path))
    assert (filed["id"][:3], filed["state"]) == ("fb_", "trial")
    moved = json.loads(followed(served, "Making a move", served.regulator, served.trials[3], tmp_path))
    assert (moved["outcome"], moved["state"]) == ("made", "suspended")


@pytest.mark.parametrize("script", ["client/feedback.py", "gateway/gateway.py", "gateway/gateway.sh"])
def test_a_script_that_is_not_asked_rightly_says_how(script: str, tmp_path: Path):
    path = HOUSE / "docs" / script
    command = [sys.executable, str(path)] if path.suffix == ".py" else [str(path)]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("SANDBOX_")}
    ran = subprocess.run(command, cwd=tmp_path, env=bare, text=True, capture_output=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("usage: ") and path.name in ran.stderr and "Traceback" not in ran.stderr
    assert not list(tmp_path.iterdir())


def test_the_client_is_a_command_too(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    lines = tmp_path / "more.ndjson"
    lines.write_text("\n".join(json.dumps(served.report(hour)) for hour in range(20, 24)))
    monkeypatch.setenv("SANDBOX_URL", served.url)
    monkeypatch.setenv("SANDBOX_TOKEN", served.token)
    for _ in range(2):
        feedback.main([str(lines), served.trials[2]])
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("4 of 4 lines kept in ba_") and told[1] == told[0]



"""The front door: what the command line answers, how a server starts and how it ends."""

import json
import os
import re
import signal
import sqlite3
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.error import HTTPError

import pytest
from cast import START, enter_cast
from demo_city import served as served_demo
from processes import (
    APP,
    free_port,
    listens,
    pause,
    run,
    said,
    seconds_until_answered,
    seconds_until_closed,
    started,
)

import app
from sandbox.jobs.clock import Shifted
from sandbox.jobs.console import language_of
from sandbox.jobs.program import open_program
from sandbox.jobs.schema import prepare
from sandbox.rules.lifecycle import STATES
from sandbox.store.log import LOG
from sandbox.store.settings import Settings
from sandbox.store.stops import CannotRun
from sandbox.store.verification import verify
from sandbox.words import LOCALES

FIRST_PAGE_S, STOPPED_S = 5, 5
CALIFORNIA = Path(__file__).resolve().parents[2] / "shared" / "data"
Command = Callable[..., tuple[object, str, str]]


# Commands


@pytest.mark.parametrize("named", [(), *((name,) for name in app.COMMANDS)])
def test_every_command_has_help(named: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        app.main([*named, "--help"])
    assert "usage: app.py" in capsys.readouterr().out


def test_the_readme_names_every_command_and_the_line_that_ci_runs() -> None:
    readme = (APP.parent / "README.md").read_text()
    assert [f"| `{name}` |" in readme for name in app.COMMANDS] == [True] * len(app.COMMANDS)
    assert readme.count(" -m pytest\n") == 1


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command("verify")`: exit code, what it printed, what it complained of; its data is in a fresh folder."""
    monkeypatch.setenv("SANDBOX_DATA", str(tmp_path))
    monkeypatch.setenv("SANDBOX_LANGUAGE", "en")

    def run_here(*arguments: str, **settings: str) -> tuple[object, str, str]:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        try:
            code: object = app.main(arguments)
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return run_here


def test_the_log_of_a_new_sandbox_is_intact_and_a_changed_one_is_not(tmp_path: Path, command: Command) -> None:
    for days in (400, 500):
        command("tick", "--now", (datetime.now(UTC) + timedelta(days=days)).isoformat(), SANDBOX_TESTING="1")
    code, out, _ = command("verify")
    assert (code, out.split(",")[0]) == (0, "intact: 1 entry")
    with sqlite3.connect(tmp_path / "sandbox.db") as database:
        database.execute("DROP TRIGGER log_entries_no_update")
        database.execute(f"UPDATE {LOG.name} SET act = 'something_else'")
    code, out, complaint = command("verify")
    assert (code, out.split(":")[0], "entry 0" in complaint) == (1, "NOT INTACT", True)


def test_verifying_where_nothing_is_makes_nothing(tmp_path: Path, command: Command) -> None:
    assert "There is no database" in command("verify")[2]
    assert not (tmp_path / "sandbox.db").exists()


def test_a_tick_says_what_it_did(command: Command) -> None:
    code, out, _ = command("tick")
    assert code == 0
    assert json.loads(out).items() >= {"done": 0, "taken": 0, "failed": 0, "waiting": 0, "held": None}.items()


def test_the_clock_of_a_tick_moves_only_in_testing(command: Command) -> None:
    assert "SANDBOX_TESTING=1" in command("tick", "--now", START.isoformat())[2]


def test_the_schema_can_be_made_before_the_first_start(tmp_path: Path, command: Command) -> None:
    assert command("migrate")[:2] == command("migrate")[:2]
    assert (tmp_path / "sandbox.db").exists()


@pytest.mark.parametrize(("name", "value"), (("SANDBOX_PORT", "99999"), ("SANDBOX_TIMEZONE", "Mars/Olympus"),
                                             ("SANDBOX_SECRET_KEY", "short"), ("SANDBOX_HOST", "0.0.0.0"),
                                             ("SANDBOX_LOCALE", "fr")))
def test_a_setting_that_cannot_be_used_is_refused_in_words(command: Command, name: str, value: str) -> None:
    assert "SANDBOX_" in command("migrate", **{name: value})[2]


def test_a_name_that_is_no_setting_is_told_in_one_line(command: Command) -> None:
    told = command("migrate", SANDBOX_TIMEZON="Asia/Shanghai", SANDBOX_TOKEN="t", SANDBOX_LANGUAGE="en")[2]
    assert told == "SANDBOX_TIMEZON is no setting and was ignored: check its spelling (--help lists them all).\n"


@pytest.mark.parametrize("url", ["postgresql://nobody@localhost/nothing", "postgresql+psycopg://localhost/nothing"])
def test_postgresql_without_its_driver_is_one_sentence_and_exit_code_2(command: Command, url: str,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for code, _, complaint in (command("move", url), command("migrate", SANDBOX_DATABASE_URL=url)):
        assert (code, complaint) == (2, "PostgreSQL needs the extra postgres: pip install -e '.[postgres]'\n")


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/nothing", "sqlite:////nowhere/sandbox.db",
                                 "mysql://localhost/nothing", "no address"])
def test_a_database_that_cannot_be_opened_is_told_without_a_trace(command: Command, url: str) -> None:
    code, _, complaint = command("migrate", SANDBOX_DATABASE_URL=url)
    assert code and len(complaint.splitlines()) == 1 and "address" in complaint


# One language


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("arguments", [("--help",), *((name, "--help") for name in app.COMMANDS),
                                       ("tick", "--now", "x"), ("tick", "--now", START.isoformat()), ("verify",),
                                       ("migrate", "--port", "x"), ("import", "no-such", "x.csv"), ("nonsense",)])
def test_a_run_speaks_one_language(command: Command, language: str, arguments: tuple[str, ...]) -> None:
    said = "".join(map(str, command(*arguments, SANDBOX_LANGUAGE=language)[1:]))
    chinese = re.findall(r"[\u4e00-\u9fff]", said)
    if language == "en":
        assert said and not chinese
    else:
        english = re.findall(r"\b(?:the|is|are|not|and|with|usage|options|argument)\b", said)
        assert chinese and not english


@pytest.mark.parametrize(("environment", "language"), [
    ({}, "en"), ({"LANG": "C.UTF-8"}, "en"), ({"LANG": "zh_CN.UTF-8"}, "zh_Hans"), ({"LANG": "zh_TW.UTF-8"}, "zh_Hant"),
    ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, "en"), ({"LANG": "de_DE"}, "en"),
    ({"LANG": "en_US", "SANDBOX_LANGUAGE": "zh_Hant"}, "zh_Hant"), ({"LC_MESSAGES": "zh_HK", "LANG": "C"}, "zh_Hant")])
def test_the_language_of_a_run_is_asked_for_or_that_of_the_system(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language
    assert language_of(environment, ["verify", "--language", "zh_Hans"]) == "zh_Hans"


def test_a_language_that_is_none_of_ours_is_refused(command: Command) -> None:
    code, _, complaint = command("migrate", SANDBOX_LANGUAGE="fr")
    assert code == 1 and complaint.startswith("SANDBOX_LANGUAGE:")


def settings_of(*arguments: str) -> Settings:
    return app.settings_from(app.parser_of_all("en", ()).parse_args(["serve", *arguments]), "en")


def test_a_flag_overrides_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_DATA", str(tmp_path))
    monkeypatch.setenv("SANDBOX_PORT", "8001")
    assert settings_of().port == 8001
    assert settings_of("--port", "8002").port == 8002


def test_the_demo_has_a_folder_of_its_own_and_never_a_shared_database(tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of("--demo")
    assert (settings.demo, settings.data, settings.database_url) == (True, Path("demo-data"), None)
    monkeypatch.setenv("SANDBOX_DATA", str(tmp_path / "named"))
    assert settings_of("--demo").data == tmp_path / "named"
    monkeypatch.setenv("SANDBOX_DATABASE_URL", "postgresql://province/real")
    with pytest.raises(CannotRun, match="unset that"):
        settings_of("--demo")


def test_no_secret_can_be_given_where_every_user_of_the_machine_sees_it() -> None:
    with pytest.raises(SystemExit):
        settings_of("--secret-key", "x" * 40)


# Imports


@pytest.mark.parametrize(("arguments", "said_why"), (
    (("no-such-mapping", "x.csv"), "no-such-mapping"), (("california-test-drives", "nowhere.csv"), "nowhere.csv")))
def test_an_import_of_nothing_known_is_refused_in_words(command: Command, arguments: tuple[str, ...],
                                                        said_why: str) -> None:
    assert said_why in command("import", *arguments)[2]


@pytest.mark.parametrize(("token", "said_why"), (({}, "put a regulator's API token"),
                                                 ({"SANDBOX_TOKEN": "es_none"}, "unknown, expired or revoked")))
def test_an_import_is_an_act_of_a_regulator(command: Command, tmp_path: Path, token: dict[str, str],
                                            said_why: str) -> None:
    (tmp_path / "list.csv").write_text("a,b\n")
    assert said_why in command("import", "california-test-drives", str(tmp_path / "list.csv"), **token)[2]


@pytest.mark.skipif(not CALIFORNIA.is_dir(), reason="the public records of California are not in ../shared/data")
def test_the_record_of_california_comes_in_by_the_command_line_once(settings: Settings, command: Command) -> None:
    prepare(settings)
    program = open_program(settings, app.real)
    cast = enter_cast(program)
    tokens = {f"SANDBOX_{name}": program.acts.do("issue_token", who, {"name": "import", "scopes": [
        "read", "file", "decide"]}).secret for name, who in (("TOKEN", cast.lin), ("SECOND_TOKEN", cast.zhou))}
    with program.reading() as connection:
        assert verify(connection).problems == ()
    program.close()
    files = [str(next(CALIFORNIA.glob(f"ca_dmv_2021*{name}*.csv"))) for name in ("Mileage", "Disengagement")]
    first, again = (json.loads(command("import", "california-test-drives", *files, **tokens)[1]) for _ in range(2))
    assert (first["trials"], first["exposures"], first["events"]) == (26, 4_091_105.1, 2676)
    assert (first["adopted"], first["kept_events"], first["repeated"]) == (26, 2676, 0)
    assert (again["kept_reports"], again["kept_events"]) == (0, 0)


def test_a_register_is_read_by_the_command_line_with_a_mapping_of_ones_own(settings: Settings, command: Command,
                                                                           tmp_path: Path) -> None:
    prepare(settings)
    program = open_program(settings, app.real)
    lin = enter_cast(program).lin
    issued = program.acts.do("issue_token", lin, {"name": "import", "scopes": ["read", "decide"]})
    token = {"SANDBOX_TOKEN": issued.secret}
    with program.reading() as connection:
        assert verify(connection).problems == ()
    program.close()
    mapping, listed = tmp_path / "map.json", tmp_path / "list.csv"
    mapping.write_text(json.dumps({"name": "filings", "zone": "UTC", "register": {"name": "filings", "title": "备案"},
                                   "sources": [{"makes": "entries", "columns": {"编号": "key", "名称": "title"}}]}))
    listed.write_bytes("编号,名称\n1,清扫\n2,巡检\n".encode("gb18030"))
    arguments = ("import", "filings", str(listed), "--map", str(mapping))
    asked = json.loads(command(*arguments, "--dry-run", **token)[1])
    first, again = (json.loads(command(*arguments, "--as-of", "2026-01-02", **token)[1]) for _ in range(2))
    assert [(one["records"], one["taken"], one["repeated"]) for one in (asked, first, again)] == [
        (2, 0, 0), (2, 2, 0), (2, 0, 2)]
    listed.write_text("编号,名称\n3,客服\n,无编号\n")
    code, _, refused = command(*arguments, **token)
    assert code == 1 and "list.csv" in refused and "3" in refused
    assert json.loads(command(*arguments, "--partial", **token)[1])["taken"] == 1


# A server


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, list[str], float]]:
    """A server in testing: its port, what it said, and the seconds until it answered."""
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    with started(folder, "--port", str(port), SANDBOX_TESTING="1") as process:
        seconds = seconds_until_answered(port, process)
        yield port, list(said(process, len(Settings.model_fields) + 3)), seconds


def get(port: int, path: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        return answer.status, answer.read().decode()


def move_clock(port: int, now: Any) -> tuple[int, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/testing/clock", json.dumps({"now": now}).encode(),
                                     {"Content-Type": "application/json", "Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_a_server_answers_within_five_seconds_of_its_start(served: tuple[int, list[str], float]) -> None:
    sharing_a_core = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert served[2] < FIRST_PAGE_S * sharing_a_core


def test_a_server_says_its_settings_its_address_and_the_first_link(served: tuple[int, list[str], float]) -> None:
    port, lines, _ = served
    assert "SANDBOX_SECRET_KEY=****" in lines
    assert f"http://localhost:{port}" in lines
    assert "SANDBOX_CONTACT is empty: the public page names no way to reach the authority." in lines
    assert lines[-1].startswith(f"The first administrator opens, once: http://localhost:{port}/setup/")


def test_a_server_tells_its_health(served: tuple[int, list[str], float]) -> None:
    assert get(served[0], "/readyz")[0] == 200
    assert "sandbox_tick_age_seconds" in get(served[0], "/metrics")[1]


def test_a_second_server_refuses_a_port_that_answers(served: tuple[int, list[str], float], tmp_path: Path) -> None:
    found = run(tmp_path, "serve", "--port", str(served[0]))
    assert (found.returncode, "already answers" in found.stderr) == (1, True)


def test_the_testing_clock_walks_forward_and_refuses_what_it_cannot_do(served: tuple[int, list[str], float]) -> None:
    port = served[0]
    to = datetime.now(UTC) + timedelta(days=30)
    status, answer = move_clock(port, to.isoformat())
    assert (status, answer["held"]) == (200, [])
    assert datetime.fromisoformat(answer["now"]) >= to
    assert move_clock(port, (to - timedelta(days=1)).isoformat())[0] == 409
    assert move_clock(port, "tomorrow")[0] == 422
    assert get(port, "/readyz")[0] == 200


def test_there_is_no_testing_clock_in_service(settings: Settings) -> None:
    in_service = settings.model_copy(update={"testing": False})
    flask = app.create_app(in_service, Shifted(lambda: START))
    answer = flask.test_client().post("/testing/clock", json={"now": START.isoformat()},
                                      headers={"Accept": "application/json"})
    assert answer.status_code == 404
    flask.extensions["sandbox"].close()


def test_sigterm_answers_what_was_accepted_and_ends_within_five_seconds(tmp_path: Path) -> None:
    port, answers = free_port(), []
    with started(tmp_path, "--port", str(port), SANDBOX_TESTING="1") as process:
        seconds_until_answered(port, process)
        walk = (datetime.now(UTC) + timedelta(days=10)).isoformat()
        asking = threading.Thread(target=lambda: answers.append(move_clock(port, walk)[0]))
        asking.start()
        while not walked_a_day(tmp_path):
            pause()
        process.send_signal(signal.SIGTERM)
        since = monotonic()
        assert process.wait(30) == 0
        assert monotonic() - since < STOPPED_S
        asking.join()
    assert answers == [200]
    assert not listens(port)


def walked_a_day(folder: Path) -> bool:
    """Whether the request is in progress: the program's clock is a day ahead."""
    with sqlite3.connect(f"file:{folder}/sandbox.db?mode=ro", uri=True) as database:
        found = database.execute("SELECT at FROM pulse").fetchone()
    ahead = datetime.now(UTC) + timedelta(days=1)
    return bool(found) and datetime.fromisoformat(found[0]).replace(tzinfo=UTC) > ahead


def test_a_worker_whose_parent_was_killed_ends_and_frees_the_port(tmp_path: Path) -> None:
    port = free_port()
    with started(tmp_path, "--port", str(port)) as process:
        seconds_until_answered(port, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert seconds_until_closed(port) < STOPPED_S


def test_a_demo_answers_at_once_and_is_soon_a_whole_city(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, seen = served_demo(tmp_path_factory)
    assert seen.answered_first
    assert seen.lines[-6].startswith("The demo city is being told")
    people = [re.fullmatch(r"(.+) signs in with .+@.+, password: .+", line) for line in seen.lines[-5:]]
    assert [one and one[1] for one in people] == ["Administrator", "Department", "Firm", "Regulator", "Reviewer"]
    assert seen.city.keys() == {"base_url", "accounts", "tokens", "trials"}
    assert sorted(seen.city["trials"]) == sorted(STATES)
    assert all(seen.city["trials"].values())
    assert run(folder, "verify").returncode == 0

"""Pages that keep themselves true, in a browser; and forty streams beside pages, in the program as people start it."""

import http.client
import json
import shutil
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cast import PASSWORD, Cast, accompany, enter_cast
from conftest import settings_in
from processes import free_port, seconds_until_answered, started
from werkzeug.serving import make_server

from sandbox.jobs.program import Program, open_program
from sandbox.jobs.schema import prepare
from sandbox.store.verification import verify
from sandbox.web.front import make_app

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PATIENCE_MS, PATIENCE_S = 20_000, 30
ENDED_S = 5
STREAMS = 40
SLOWER = 20
"""Pages beside forty streams may take so many times as long as pages alone; starved ones took six hundred times."""


# In a browser


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser tests here: pip install playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser tests here: Chromium is not installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def address(program: Program) -> Iterator[str]:
    """Where the program is served, in this process."""
    server = make_server("127.0.0.1", 0, make_app(program), threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def lin(browser: "Browser", address: str) -> Iterator[Callable[..., "Page"]]:
    """`lin("/")`: Lin's browser at that page."""
    contexts = []

    def opened(path: str, script: str = "", **options: Any) -> "Page":
        context = browser.new_context(locale="en-GB", **options)
        contexts.append(context)
        page = context.new_page()
        if script:
            page.add_init_script(script)
        page.goto(f"{address}/login?next={path}")
        page.fill("input[name=email]", "lin@people.example")
        page.fill("input[name=password]", PASSWORD)
        page.click("form.panel button[type=submit]")
        page.wait_for_url(f"{address}{path}")
        return page

    yield opened
    for context in contexts:
        context.close()


def suspend(program: Program, cast: Cast, trial: str) -> None:
    program.acts.do("make_move", cast.lin, {"move": "suspend"}, on=trial)


def rows(page: "Page") -> list[str]:
    return [str(one) for one in page.locator("tr[data-live]").evaluate_all("all => all.map(one => one.dataset.live)")]


@pytest.mark.browser
def test_an_open_page_shows_that_the_trial_was_stopped_without_being_loaded_again(
        program: Program, cast: Cast, adopted: Callable[..., list[str]], lin: Callable[..., "Page"]) -> None:
    trial = adopted(1)[0]
    page = lin(f"/trials/{trial}")
    page.evaluate("window.stayed = true")
    page.locator("details.seehow summary").first.click()
    page.locator(".tabs a").nth(2).focus()
    suspend(program, cast, trial)
    page.wait_for_selector(".head .light:has-text('Paused')", timeout=PATIENCE_MS)
    assert page.evaluate("window.stayed") is True
    assert page.locator("[data-live-said]").text_content() == "Suspended. Paused"
    assert page.evaluate("document.activeElement.getAttribute('href')") == f"/trials/{trial}/feedback"


@pytest.mark.browser
def test_the_board_changes_rows_in_place_and_offers_what_came_or_moved(
        program: Program, cast: Cast, adopted: Callable[..., list[str]], lin: Callable[..., "Page"]) -> None:
    trials = adopted(3, "R2")
    for trial in trials:
        accompany(program, cast, trial)
    page = lin("/")
    before = rows(page)
    assert not page.locator("[data-live-note]").is_visible()
    suspend(program, cast, trials[-1])
    page.wait_for_selector(f"tr[data-live={trials[-1]}] .light:has-text('Paused')", timeout=PATIENCE_MS)
    assert rows(page) == before
    page.wait_for_selector("[data-live-note]:visible", timeout=PATIENCE_MS)
    assert page.locator("[data-live-list=h-do] [data-live]").count() == 1  # it was empty: nothing moved
    page.locator("[data-live-note] a").click()
    page.wait_for_function(f"document.querySelector('tr[data-live]').dataset.live === '{trials[-1]}'")


@pytest.mark.browser
def test_a_browser_without_streams_asks_and_one_without_scripts_reads(
        program: Program, cast: Cast, adopted: Callable[..., list[str]], lin: Callable[..., "Page"]) -> None:
    trial = adopted(1)[0]
    asks = lin(f"/trials/{trial}", "delete window.EventSource; window.setTimeout = "
               "(later => (run, wait) => later(run, wait / 100))(window.setTimeout.bind(window))")
    reads = lin(f"/trials/{trial}", java_script_enabled=False)
    suspend(program, cast, trial)
    asks.wait_for_selector(".head .light:has-text('Paused')", timeout=PATIENCE_MS)
    assert reads.locator("h1").is_visible() and not reads.locator("[data-live-note]").is_visible()


# In the program as people start it


def served(folder: Path) -> dict[str, str]:
    """Enter the cast; Lin's token that reads, and the settings to serve with."""
    settings = settings_in(folder)
    prepare(settings)
    program = open_program(settings, lambda: datetime.now(UTC))
    cast = enter_cast(program)
    token = program.acts.do("issue_token", cast.lin, {"name": "reads", "scopes": ["read"]}).secret
    with program.reading() as connection:
        assert verify(connection).problems == ()
    program.close()
    return {"token": token, "SANDBOX_SECRET_KEY": settings.secret_key}


def opened(port: int, token: str, path: str,
           accept: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}", "Accept": accept})
    return connection, connection.getresponse()


def seconds_a_page(port: int, token: str) -> float:
    """The median of ten."""
    taken = []
    for _ in range(10):
        begun = time.monotonic()
        connection, answer = opened(port, token, "/", "text/html")
        assert answer.status == 200 and answer.read()
        taken.append(time.monotonic() - begun)
        connection.close()
    return statistics.median(taken)


def test_forty_streams_starve_no_page_the_next_is_told_to_ask_and_all_end_with_the_server(tmp_path: Path) -> None:
    settings, port = served(tmp_path), free_port()
    token = settings.pop("token")
    with started(tmp_path, "--port", str(port), **settings) as process:
        seconds_until_answered(port, process)
        alone = seconds_a_page(port, token)
        streams = [opened(port, token, "/board/live", "text/event-stream") for _ in range(STREAMS)]
        for _, stream in streams:
            assert (stream.status, stream.readline()) == (200, b"event: mark\n")
        beside = seconds_a_page(port, token)
        print(json.dumps({"alone_s": round(alone, 4), "beside_40_streams_s": round(beside, 4)}))
        assert beside < SLOWER * alone
        last, refused = opened(port, token, "/board/live", "text/event-stream")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
        last.close()
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        ended = time.monotonic() - begun
        print(json.dumps({"ended_s": round(ended, 2)}))
        assert ended < ENDED_S

"""Pages in a real browser: a whole trial walked through them, and how they look, read and behave for every role."""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browser import LOCALE, Pages, Visitor
from demo_city import served_copy
from processes import free_port, run, seconds_until_answered, started

from sandbox.jobs.demo.walks import Story, Topic, Walk
from sandbox.words import say, word

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
             "--no-first-run"]
DAYS = 35
"""Of running: two reports and two reviews."""
BREATH = timedelta(hours=1)
"""A wait no longer than this is left out: a session would end in it, and nothing else."""
SENT = {"regulator": 23, "regulator2": 2, "firm": 24, "industry1": 6, "research1": 6, "market1": 6}
"""Forms that each sends on the way."""
ROLES = {
    "administrator": (), "department": (), "industry1": (),
    "regulator": ("/scenarios/new", "{trial}/moves/suspend", "{trial}/reviews/new", "{trial}/votes/approve"),
    "firm": ("{trial}/sections/filings", "{trial}/sections/plan", "{trial}/feedback/new", "{trial}/incidents/new"),
}
"""Who looks, and forms at which they look besides what navigation and a trial's tabs lead to."""
AT_WORK = ("regulator",)
"""Whose pages, the most there are, are looked at in every run."""
TABS = 9
ENGLISH, CHINESE = "en", ("zh_Hans", "zh_Hant")
"""Every page in English, whose words are the longest, and in one of the others, which is the other one elsewhere."""
SCHEMES = "light", "dark"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 320, "height": 640}
KEY = re.compile(r"\b(?:page|field|help|nav|choice|state|stage|move|moved|need|act|role|section|light|error|refused|"
                 r"form|indicator|unit|tier|clock|trigger)\.[a-z_]\w*")
"""A word that no catalogue has is shown as its key."""
CHECKED = {
    "administrator": ("/", "/accounts"), "industry1": ("/", "/reviews"),
    "regulator": ("/", "/trials", "{trial}", "{trial}/moves/suspend"),
    "firm": ("{trial}/dossier", "{trial}/feedback", "{trial}/sections/filings", "{trial}/feedback/new"),
    "department": ("{trial}/panel", "{trial}/log"),
}
"""A page of each kind, for the slower check."""
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class City:
    """A server with the demo city, and a browser to look at it."""

    def __init__(self, folder: Path, port: int, demo: dict[str, Any], browser: "Browser") -> None:
        self.folder, self.port, self.demo, self.browser = folder, port, demo, browser

    def visitor(self, who: str, **options: Any) -> Visitor:
        """This person, signed in, in a context of their own."""
        account = next(one for one in self.demo["accounts"] if one["email"].startswith(f"{who}@"))
        visitor = Visitor(self.browser.new_context(**options), f"http://127.0.0.1:{self.port}", account["email"],
                          account["password"])
        visitor.home()
        return visitor


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="no browser tests here: pip install playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no browser tests here: Chromium is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, browser: "Browser") -> Iterator[City]:
    (folder, demo), port = served_copy(tmp_path_factory), free_port()
    with ExitStack() as stack:
        process = stack.enter_context(started(folder, "--port", str(port), SANDBOX_TESTING="1"))
        seconds_until_answered(port, process)
        yield City(folder, port, demo, browser)


# How pages look, read and behave


def addresses(visitor: Visitor, forms: tuple[str, ...]) -> list[str]:
    """Where navigation leads, every tab of a trial that is at work, and these forms."""
    found = hrefs(visitor.page, "nav.side li a")
    if "/trials" in found:
        trial = running_trial(visitor)
        tabs = hrefs(visitor.page, ".tabs a")
        assert len(tabs) == TABS
        found += [*tabs, *(form.format(trial=trial) for form in forms)]
    return list(dict.fromkeys(found))


def running_trial(visitor: Visitor) -> str:
    """The address of the first trial with a light; its page is open then."""
    visitor.reach("/trials")
    lit = visitor.page.locator("main tr").filter(has=visitor.page.locator(".light")).locator("a[href^='/trials/']")
    address = str(lit.first.get_attribute("href"))
    visitor.reach(address)
    return address


def hrefs(page: "Page", links: str) -> list[str]:
    return [str(one.get_attribute("href")) for one in page.locator(links).all()]


def faults(page: "Page") -> list[str]:
    """What is wrong with the page that is open, at this width."""
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    heads, keys = page.locator("h1").count(), KEY.findall(page.locator("body").inner_text())
    return [*([f"{width[0]} wide in {width[1]}"] if width[0] > width[1] else []),
            *([f"{heads} h1"] if heads != 1 else []), *([f"untranslated {keys}"] if keys else [])]


def complaints(page: "Page") -> list[str]:
    """What the browser will complain of from now on; a breach of the content policy is among it."""
    found: list[str] = []
    page.on("console", lambda said: found.append(f"{page.url} {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: found.append(f"{page.url} {error}"))
    return found


@pytest.mark.parametrize("who", [
    who if who in AT_WORK else pytest.param(who, marks=pytest.mark.long) for who in ROLES])
def test_every_page_of_a_role_is_whole_wide_and_narrow_in_both_schemes_and_two_languages(city: City, who: str) -> None:
    visitor = city.visitor(who, viewport=WIDE)
    page, wrong = visitor.page, complaints(visitor.page)
    for turn, address in enumerate(addresses(visitor, ROLES[who])):
        chinese = CHINESE[(turn + list(ROLES).index(who)) % 2]
        for locale, scheme in ((ENGLISH, SCHEMES[turn % 2]), (chinese, SCHEMES[turn // 2 % 2])):
            page.emulate_media(color_scheme=scheme)
            response = page.goto(f"{visitor.base}{address}?lang={locale}")
            assert response is not None
            assert response.status == 200, address
            for size in (WIDE, NARROW):
                page.set_viewport_size(size)
                wrong += [f"{address} {locale} {size['width']}: {fault}" for fault in faults(page)]
    assert wrong == []


def test_what_is_wrong_with_a_page_is_seen(city: City) -> None:
    page = city.browser.new_page(viewport=NARROW)
    page.goto(f"http://127.0.0.1:{city.port}/login")
    heard = complaints(page)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<h1 style=\"color: red\">page.none</h1>' + "
                  "'<table><td><svg width=\"900\" height=\"9\"></svg></table>')")
    assert [fault.split()[-1] for fault in faults(page)] == ["320", "h1", "['page.none']"]
    assert "Content Security Policy" in heard[0]


@pytest.fixture(scope="module")
def axe(request: pytest.FixtureRequest) -> str:
    """The checker's source, fetched once and kept in pytest's own cache."""
    folder = request.config.cache.mkdir("axe")
    kept = folder / "package" / "axe.min.js"
    if not kept.exists():
        if shutil.which("npm") is None:
            pytest.skip("no accessibility check here: npm is not installed")
        packed = subprocess.run(["npm", "pack", "--silent", "axe-core@4"], cwd=folder, text=True, capture_output=True)
        if packed.returncode:
            pytest.skip(f"no accessibility check here: npm cannot fetch axe-core: {packed.stderr[-200:]}")
        with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
            archive.extract("package/axe.min.js", folder, filter="data")
    return kept.read_text()


def violations(page: "Page", axe: str) -> dict[str, list[str]]:
    """The rules that the page breaks, each with where."""
    page.add_script_tag(content=axe)
    result = page.evaluate("tags => axe.run({runOnly: tags, resultTypes: ['violations']})", AXE_TAGS)
    return {one["id"]: [node["html"][:200] for node in one["nodes"]] for one in result["violations"]}


@pytest.mark.parametrize("who", CHECKED)
def test_pages_meet_wcag_a_and_aa(city: City, axe: str, who: str) -> None:
    visitor = city.visitor(who, viewport=WIDE, bypass_csp=True)
    trial = running_trial(visitor) if any("{trial}" in one for one in CHECKED[who]) else ""
    found = {}
    for place, address in enumerate(CHECKED[who]):
        visitor.page.emulate_media(color_scheme=SCHEMES[place % 2])
        visitor.page.goto(f"{visitor.base}{address.format(trial=trial)}")
        found |= {(address, rule): where for rule, where in violations(visitor.page, axe).items()}
    assert found == {}


def test_a_stranger_and_a_broken_page_are_checked_too(city: City, axe: str) -> None:
    page = city.browser.new_context(bypass_csp=True).new_page()
    page.goto(f"http://127.0.0.1:{city.port}/login")
    assert violations(page, axe) == {}
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"/static/mark.svg\">')")
    assert list(violations(page, axe)) == ["image-alt"]


# A trial walked through pages


def walked(walk: Walk) -> Story:
    """From a draft to a norm; while it runs someone looks in every fifth day."""
    yield from walk.started()
    end = walk.after(DAYS)
    while walk.hand.now() < end:
        yield min(walk.morning(5), end)
        walk.attend()
    yield from walk.evaluated()
    yield from walk.scored()
    walk.by_two("standardise")


@pytest.mark.long
def test_a_trial_is_walked_from_draft_to_a_norm_through_pages_alone(city: City) -> None:
    hand = Pages(city.browser, city.port, city.demo, scriptless=("firm", "regulator2", "market1"))
    scenario = hand.do("publish_scenario", "regulator", {"title": "网页行走（演示）", "description": "限定场景"})["id"]
    walk = Walk(hand, Topic("网页行走（演示）", "Walked by pages", "在限定场景内给出建议。", ""), scenario)
    for at in walked(walk):
        if at - hand.now() > BREATH:
            hand.wait_until(at)
    firm = hand.visitor("firm")
    firm.reach("/trials", f"/trials/{walk.trial}")
    assert say(word("state.standardised"), LOCALE) in firm.page.locator(".tag").all_inner_texts()
    assert {who: at.sent for who, at in hand.visitors.items()} == SENT
    verified = run(city.folder, "verify")
    assert (verified.returncode, verified.stdout[:6]) == (0, "intact")

"""A Hand that has nothing but pages: it signs in, follows links, fills forms and presses buttons, as a person does.

Everyone has a browser context of their own. No address is typed: a page is reached by links from where the person is,
or from the home page.
"""

import http.client
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sandbox.rules.cadence import TIERS
from sandbox.rules.lifecycle import RUNNING, STATES
from sandbox.rules.questions import asked
from sandbox.rules.risk import Light
from sandbox.store.reviews import ReviewState
from sandbox.web.codec import choice
from sandbox.web.pages.feedback import EVENTS
from sandbox.words import Word, say, word

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

LOCALE = "zh_Hans"
PATIENCE_S = 60
NEARLY = timedelta(minutes=1)
SAVE, SEND = "button[name=draft]", "button[type=submit]:not([name])"


def words(of: Word) -> str:
    """As the pages say it."""
    return say(of, LOCALE)


class Visitor:
    """One person at a browser. `sent` counts forms that were taken."""

    def __init__(self, context: "BrowserContext", base: str, email: str, password: str) -> None:
        self.page: Page = context.new_page()
        self.base, self.email, self.password = base, email, password
        self.sent = 0

    def home(self) -> None:
        """The one address that everyone knows."""
        self.page.goto(f"{self.base}/")
        self.sign_in()

    def sign_in(self) -> None:
        """Where the session has ended the program asks for the password, then goes on to the page."""
        link = self.page.locator("a[href='/login']")
        if not self.at("/login") and link.count():
            self.follow(link)
        if self.at("/login"):
            self.page.fill("input[name=email]", self.email)
            self.page.fill("input[name=password]", self.password)
            self.press(self.page.locator("form.panel"))

    def at(self, path: str) -> bool:
        """Whether this page is open."""
        return self.page.url.removeprefix(self.base).split("?")[0] == path

    def reach(self, *way: str) -> None:
        """Follow links to the last of these addresses, from the one nearest to it that this page links to."""
        if self.page.url == "about:blank" or not any(self.link(one).count() for one in way):
            self.home()
        start = next(place for place in reversed(range(len(way))) if self.link(way[place]).count())
        for href in way[start:]:
            self.follow(self.link(href))
            self.sign_in()

    def follow(self, link: "Locator") -> None:
        """Click it and wait for the page it leads to."""
        with self.page.expect_navigation():
            link.first.click()

    def link(self, href: str) -> "Locator":
        """Links to an address."""
        return self.page.locator(f'a[href="{href}"]').filter(visible=True)

    # Forms

    def send(self, action: str, given: Mapping[str, Any]) -> None:
        """Fill the form, saving a draft whenever its rows run out, and press its button."""
        form = self.page.locator(f'form[action="{action}"]')
        while not self.fill(form, given):
            self.press(form, SAVE)
        self.press(form, SEND)
        self.sent += 1

    def press(self, form: "Locator", button: str = SEND) -> None:
        """Press a button; what the page then complains of is raised."""
        with self.page.expect_navigation() as going:
            form.locator(button).click()
        wrong = self.page.locator(".err-sum, [aria-invalid=true]")
        if wrong.count() or going.value.status >= 400:
            raise AssertionError(f"{self.email} {self.page.url}: {self.page.locator('main').inner_text()[:2000]}")

    def fill(self, form: "Locator", given: Mapping[str, Any]) -> bool:
        """Every input of a body; False when the form has too few rows for it yet."""
        inputs = dict(form.locator("[name]").evaluate_all(
            "all => all.map(one => [one.name, one.type])"))
        flat = flattened(given)
        here = [name for name in flat if name in inputs]
        missing = [name for name in flat if name not in inputs]
        assert all(re.fullmatch(r"\w+-\d+-\w+", name) for name in missing), f"no input for {missing} at {self.page.url}"
        for name in here:
            put(form, name, inputs[name], flat[name])
        return not missing


def flattened(given: Mapping[str, Any]) -> dict[str, Any]:
    """A body by the names of inputs: rows as `items-0-owner`, nothing for what is left out."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            for place, row in enumerate(value):
                found |= {f"{name}-{place}-{column}": cell for column, cell in row.items()}
        elif value is not None:
            found[name] = value
    return found


def put(form: "Locator", name: str, kind: str, value: Any) -> None:
    """One value into its input, whatever kind of input it is."""
    named = form.locator(f'[name="{name}"]')
    if kind in ("radio", "checkbox") and not isinstance(value, bool):
        for one in value if isinstance(value, list) else [value]:
            form.locator(f'[name="{name}"][value="{one}"]').check()
    elif kind == "checkbox":
        named.set_checked(value)
    elif kind == "select-one":
        named.select_option(str(value))
    else:
        named.fill(str(value))


class Pages:
    """A walk's Hand over pages; only the clock is moved from outside."""

    def __init__(self, browser: "Browser", port: int, demo: Mapping[str, Any], scriptless: tuple[str, ...]) -> None:
        self.zone = ZoneInfo("Asia/Shanghai")
        self._browser, self._port, self._scriptless = browser, port, scriptless
        self._accounts = {one["email"].split("@")[0]: one for one in demo["accounts"]}
        self.visitors: dict[str, Visitor] = {}
        self.started: dict[str, datetime] = {}
        self._now, self._read_at = datetime.now(UTC), time.monotonic()

    def visitor(self, who: str) -> Visitor:
        """This person's own browser context, without scripts for those who have none."""
        if who not in self.visitors:
            account = self._accounts[who]
            context = self._browser.new_context(locale="zh-CN", java_script_enabled=who not in self._scriptless)
            self.visitors[who] = Visitor(context, f"http://127.0.0.1:{self._port}", account["email"],
                                         account["password"])
        return self.visitors[who]

    # The clock

    def now(self) -> datetime:
        """The server's clock, as it was told last, and what has passed since."""
        return self._now + timedelta(seconds=time.monotonic() - self._read_at)

    def wait_until(self, at: datetime) -> None:
        """Move the server's clock, which runs on by itself: an instant that is nearly there is left alone."""
        if at <= self.now() + NEARLY:
            return
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        connection.request("POST", "/testing/clock", json.dumps({"now": at.isoformat()}),
                           {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 200, told
        self._now, self._read_at = datetime.fromisoformat(told["now"]), time.monotonic()

    # A walk's Hand

    def do(self, act: str, who: str, data: Mapping[str, Any], on: str | None = None) -> dict[str, Any]:
        """The act on its page."""
        done: dict[str, Any] = getattr(self, f"_{act}")(self.visitor(who), dict(data), on) or {}
        return done

    def account(self, who: str) -> str:
        return str(self._accounts[who]["id"])

    def trial(self, trial_id: str) -> Mapping[str, Any]:
        """State and light as the regulator's list of trials says them; a start is when it was first seen to run."""
        at = self.visitor("regulator")
        at.reach("/trials")
        row = at.page.locator("tr").filter(has=at.page.locator(f'a[href="/trials/{trial_id}"]')).inner_text()
        lines = [line.strip() for line in re.split(r"[\n\t]", row)]
        state = next(code for code in STATES if words(word(f"state.{code}")) in lines)
        if state in RUNNING:
            self.started.setdefault(trial_id, self.now())
        return {"state": state, "starts_at": self.started.get(trial_id), "feedback_days": TIERS["R2"].feedback_days,
                "light": next((one for one in Light if words(word(f"light.{one}")) in lines), None)}

    def open_reviews(self, trial_id: str) -> list[str]:
        """Those whose row says that they are open."""
        at = self.visitor("regulator")
        at.reach("/trials", f"/trials/{trial_id}", f"/trials/{trial_id}/reviews")
        rows = at.page.locator("main tr").filter(has_text=words(choice(ReviewState.OPEN)))
        return [str(link.get_attribute("href")).split("/")[-1] for link in rows.locator("a[href^='/reviews/']").all()]

    def open_clocks(self, _trial_id: str, _key: str) -> list[str]:
        """None: a walk of pages leaves a filing to be cancelled to those who keep it."""
        return []

    # Its acts

    def _publish_scenario(self, at: Visitor, data: dict[str, Any], _on: None) -> dict[str, Any]:
        at.reach("/scenarios", "/scenarios/new")
        at.send("/scenarios/new", data)
        return {"id": at.page.url.split("/")[-1]}

    def _apply(self, at: Visitor, data: dict[str, Any], _on: None) -> dict[str, Any]:
        scenario = f"/scenarios/{data.pop('scenario_id')}"
        at.reach("/scenarios", scenario, f"{scenario}/apply")
        at.send(f"{scenario}/apply", data)
        return {"id": at.page.url.removeprefix(f"{at.base}/trials/").split("/")[0]}

    def _file_section(self, at: Visitor, data: dict[str, Any], on: str) -> None:
        trial, section = f"/trials/{on}", f"/trials/{on}/sections/{data['kind']}"
        at.reach("/trials", trial, f"{trial}/dossier", section)
        at.send(section, data["body"])

    def _make_move(self, at: Visitor, data: dict[str, Any], on: str) -> dict[str, Any]:
        trial, move = f"/trials/{on}", f"/trials/{on}/moves/{data.pop('move')}"
        at.reach("/trials", trial, move)
        at.send(move, data)
        waiting = at.page.locator("a[href^='/decisions/']")
        return {"decision": str(waiting.first.get_attribute("href")).split("/")[-1] if waiting.count() else None}

    def _vote_on_decision(self, at: Visitor, data: dict[str, Any], on: str) -> None:
        at.reach("/", f"/decisions/{on}")
        at.send(f"/decisions/{on}", data)

    def _assign_reviewer(self, at: Visitor, data: dict[str, Any], on: str) -> dict[str, Any]:
        panel = f"/trials/{on}/panel"
        at.reach("/trials", f"/trials/{on}", panel)
        before = seats(at)
        at.send(panel, data)
        return {"id": (seats(at) - before).pop()}

    def _answer_assignment(self, at: Visitor, data: dict[str, Any], on: str) -> None:
        at.reach("/", f"/seats/{on}")
        at.send(f"/seats/{on}", {name: "yes" if value else "no" for name, value in data.items()})

    def _cast_vote(self, at: Visitor, data: dict[str, Any], on: str) -> None:
        trial, matter, subject = f"/trials/{on}", data["matter"], data["subject"]
        vote = f"{trial}/votes/{matter}" + (f"?subject={subject}" if subject else "")
        over = (f"{trial}/dossier", f"{trial}/sections/{subject}") if subject else (f"{trial}/panel",)
        at.reach("/trials", trial, *over, vote)
        at.send(vote, {"value": data["value"]})

    def _file_feedback(self, at: Visitor, data: dict[str, Any], on: str) -> dict[str, Any]:
        """The form begins where the last report ended; what is due next follows from the tier."""
        trial = f"/trials/{on}"
        at.reach("/trials", trial, f"{trial}/feedback", f"{trial}/feedback/new")
        ended = datetime.fromisoformat(data["period_end"])
        counts = {f"event_{place}": data["events"].get(name, 0) for place, name in enumerate(EVENTS)}
        same = ("exposures", "people_new", "reviewed", "labelled", "region", "narrative")
        typed = {name: data[name] for name in same}
        at.send(f"{trial}/feedback/new", {
            **typed, **counts, "period_end": ended.astimezone(self.zone).strftime("%Y-%m-%dT%H:%M")})
        return {"id": "", "next_due_at": (ended + timedelta(days=TIERS["R2"].feedback_days)).isoformat()}

    def _give_opinion(self, at: Visitor, data: dict[str, Any], on: str) -> None:
        data.pop("conflict")
        at.reach("/", f"/reviews/{on}")
        at.send(f"/reviews/{on}/opinion", {**data, **{f"finding_{code}": "fine" for code in asked("R2")}})

    def _conclude_review(self, at: Visitor, data: dict[str, Any], on: str) -> None:
        at.reach("/reviews", f"/reviews/{on}")
        at.send(f"/reviews/{on}/conclusion", data)


def seats(at: Visitor) -> set[str]:
    """The seats that the panel's page links to."""
    return {str(link.get_attribute("href")).split("/")[-1] for link in at.page.locator("a[href^='/seats/']").all()}

"""For tests of pages: everyone's browser, what a sound page is, and an application walked through by acts."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from cast import Cast
from flask import Flask
from visitor import Visitor, give_password

from sandbox.jobs.clock import Shifted
from sandbox.jobs.demo.bodies import body
from sandbox.jobs.program import Program
from sandbox.rules.access import Actor
from sandbox.rules.dossier import required_sections
from sandbox.web.front import make_app

NOT_LABELLED = ("hidden", "submit")


class Page(HTMLParser):
    """What is checked of every page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: Counter[str] = Counter()
        self.headings, self.labels, self.asked = 0, set[str](), list[str]()
        self.fields: dict[str, str] = {}
        self.forms: list[set[str]] = []
        self.links: list[str] = []
        self.next: str | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.update([given["id"]] if "id" in given else [])
        self.headings += tag == "h1"
        if tag == "label":
            self.labels.add(given.get("for", ""))
        if tag == "a":
            self.links.append(given.get("href", ""))
            self.next = self.links[-1] if given.get("rel") == "next" else self.next
        if tag == "form" and given.get("method") == "post":
            self.forms.append(set())
        if tag in ("input", "select", "textarea"):
            self._asked(given)

    def _asked(self, given: dict[str, str]) -> None:
        if self.forms:
            self.forms[-1].add(given.get("name", ""))
        if given.get("type") == "hidden":
            self.fields[given.get("name", "")] = given.get("value", "")
        if given.get("type") not in NOT_LABELLED:
            self.asked.append(given.get("id", ""))

    def faults(self) -> list[str]:
        """What a reader with a screen reader, or a browser, would stumble over."""
        found = [f"{self.headings} h1"] if self.headings != 1 else []
        found += [f"id {one} stands twice" for one, times in self.ids.items() if times > 1]
        found += [f"{one} has no label" for one in self.asked if one not in self.labels]
        found += [f"a label for nothing: {one}" for one in self.labels if one not in self.ids]
        return found + ["a form without its token" for form in self.forms if "csrf_token" not in form]


class Desk(Visitor):
    """A browser that looks at each page it gets: it must be sound."""

    def get(self, path: str, **more: Any) -> Any:
        response = super().get(path, **more)
        if response.mimetype == "text/html" and response.status_code < 300:
            assert Page(response.text).faults() == [], path
        return response

    def send(self, path: str, data: dict[str, Any] | None = None, to: str | None = None) -> Any:
        """Open a page and send its form, hidden fields and all, with these values; `to` is the form's own address."""
        hidden = Page(self.get(path).text).fields
        return self.post(to or path, {**hidden, **(data or {})})


@dataclass
class Desks:
    """Everyone's browser, signed in when it is first asked for."""

    program: Program
    app: Flask
    open: dict[str, Desk] = field(default_factory=dict)

    def __call__(self, actor: Actor) -> Desk:
        if actor.id not in self.open:
            self.open[actor.id] = Desk(self.app)
            assert self.open[actor.id].sign_in(give_password(self.program, actor)).status_code == 302
        return self.open[actor.id]


def desks(program: Program) -> Desks:
    """The browsers of a program."""
    return Desks(program, make_app(program))


@dataclass
class Application:
    """Fang's application; each step does what the state after it takes."""

    program: Program
    cast: Cast
    scenario: str = ""
    trial: str = ""

    def __post_init__(self) -> None:
        self.scenario = self.do("publish_scenario", self.cast.lin, title="夜间道路", title_en="Streets by night",
                                description="Delivery by night").id

    def do(self, act: str, who: Actor, on: str | None = None, **data: Any) -> Any:
        return self.program.acts.do(act, who, data, on)

    def file(self, kind: str, who: Actor | None = None, **changed: Any) -> None:
        """File a section's example body."""
        day = self.program.clock().astimezone(self.program.settings.zone).date()
        self.do("file_section", who or self.cast.fang, self.trial, kind=kind, body=body(kind, day, **changed))

    def move(self, name: str, who: Actor, reason: str | None = None) -> Any:
        return self.do("make_move", who, self.trial, move=name, reason=reason)

    def drafted(self) -> "Application":
        """Every section that submission asks for."""
        self.trial = self.do("apply", self.cast.fang, title="街面清扫", title_en="Street sweeping",
                             scenario_id=self.scenario).id
        for kind in required_sections(False):
            self.file(kind)
        return self

    def accepted(self) -> "Application":
        """At ethics review, R2: a quorum of three."""
        self.drafted()
        self.move("submit", self.cast.fang)
        self.file("eligibility", self.cast.lin)
        self.file("tier", self.cast.lin)
        self.move("accept", self.cast.lin)
        return self

    def seat(self, who: Actor, panel: str = "review", answered: bool = True) -> str:
        """A seat offered and, as a rule, accepted; returns its id."""
        made: str = self.do("assign_reviewer", self.cast.lin, self.trial, account_id=who.id, panel=panel).id
        if answered:
            self.do("answer_assignment", who, made, conflict=False, accepted=True)
        return made

    def judged(self) -> "Application":
        """The panel in favour: all that admission lacks is two regulators."""
        self.accepted()
        for who in (self.cast.rui, self.cast.shen, self.cast.mei):
            self.seat(who)
            self.do("cast_vote", who, self.trial, matter="ethics", value="for")
        return self

    def proposed(self) -> str:
        """Lin proposes to admit; returns the decision."""
        self.judged()
        return str(self.move("admit", self.cast.lin, "The panel is in favour").decision)

    def admitted(self) -> "Application":
        """Admitted by both regulators."""
        self.do("vote_on_decision", self.cast.zhou, self.proposed(), value="for")
        return self

    def started(self, clock: Shifted, **plan: Any) -> "Application":
        """Running, ten days after its admission, with these fields of the plan changed."""
        self.admitted()
        if plan:
            self.file("plan", **plan)
        for kind in ("safeguards", "consent", "redress", "exit_plan", "filings", "data_assessment"):
            self.file(kind)
        for kind in ("notice", "schedules"):
            self.file(kind, self.cast.lin)
        for who in (self.cast.fang, self.cast.lin):
            self.do("cast_vote", who, self.trial, matter="sign", subject="plan", value="for")
        for subject in ("exposure", "consent", "exit_plan"):
            self.do("cast_vote", self.cast.lin, self.trial, matter="approve", subject=subject, value="for")
        for who in (self.cast.rui, self.cast.shen, self.cast.mei, *self.cast.reviewers[:2]):
            self.seat(who, "running")
        clock.forward(clock() + timedelta(days=10))  # the public notice stands for a week
        self.file("kill_switch")
        assert self.move("start_trial", self.cast.lin).outcome == "made"
        return self



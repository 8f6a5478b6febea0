"""A trial's way, step by step: who does what, in which order and how long it takes. Used by the demo and by tests.

A walk acts through a Hand (in this process, or over HTTP in a test), so it can only do what people can. Steps that take
time are stories: generators that yield the instant at which they want to go on; whoever drives them moves the clock.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sandbox.jobs.demo.bodies import body
from sandbox.jobs.demo.figures import invented
from sandbox.jobs.demo.titles import TRADITIONAL
from sandbox.rules.cadence import TIERS, local_day
from sandbox.rules.dossier import required_sections
from sandbox.rules.facts import DAY
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.panels import CONSTITUENCIES, REREVIEWERS
from sandbox.rules.reporting import Schedule

Story = Iterator[datetime]
TEST_EVERY = 25
"""Days between two tests of the kill switch, inside the thirty that a start asks for."""


class Hand(Protocol):
    """How a walk acts and looks. `who` is a key of people.py."""

    zone: ZoneInfo

    def now(self) -> datetime:
        """The program's instant."""

    def do(self, act: str, who: str, data: Mapping[str, Any], on: str | None = None) -> dict[str, Any]:
        """Do an act as this person; its answer as plain values. Refusals are raised."""

    def account(self, who: str) -> str:
        """The account id of this person."""

    def trial(self, trial_id: str) -> Mapping[str, Any]:
        """The trial as a regulator sees it."""

    def open_reviews(self, trial_id: str) -> list[str]:
        """Ids of reviews that are open, soonest due first."""

    def open_items(self, trial_id: str) -> list[str]:
        """Ids of corrective items that are not yet done, soonest due first."""

    def open_clocks(self, trial_id: str, key: str) -> list[str]:
        """Ids of the trial's clocks of this kind that run, soonest out first."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What is tried: the words and sizes in which trials differ."""

    title: str
    title_en: str
    purpose: str
    scenario: str
    unit: str = "次"
    rate_per_day: float = 100.0
    people: int = 2000
    kind: str = "ranking"
    entry_trl: int = 5

    @property
    def title_hant(self) -> str:
        """The title in traditional script; a topic that no story of the city tells has none."""
        return TRADITIONAL.get(self.title, self.title)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a firm and its reviewers go about a running trial: share of the agreed rate used, events as multiples of
    their limits, and what they leave undone."""

    pace: float = 0.5
    events: Mapping[str, float] = field(default_factory=dict)
    reports: bool = True
    reviews: bool = True
    tests: bool = True


USUAL = Habit()


class Walk:
    """One trial and where it stands; `trial` is its number once it was applied for."""

    def __init__(self, hand: Hand, topic: Topic, scenario: str, *, firm: str = "firm", tier: str = "R2",
                 simplified: bool = False, days: int = 120, seats_from: int = 0) -> None:
        self.hand, self.topic, self.scenario, self.firm = hand, topic, scenario, firm
        self.tier, self.simplified, self.days = tier, simplified, days
        self.chance = random.Random(topic.title_en)
        self.members = members(TIERS[tier].quorum, seats_from)
        self.independent = members(REREVIEWERS, seats_from + 2)
        self.trial = ""
        self.covered = self.due = hand.now()
        self.tested_on = date.min
        self.last_report: tuple[str, dict[str, Any]] = ("", {})
        self.watched: Mapping[str, float] = {}
        """Distributions that reports tell of, each with the share of cases that it is known of."""

    # Acting

    def act(self, name: str, who: str, on: str | None = None, **data: Any) -> dict[str, Any]:
        """An act on the trial, or on another object."""
        return self.hand.do(name, who, data, on or self.trial)

    def move(self, name: str, who: str = "regulator", reason: str | None = None) -> dict[str, Any]:
        """Make or propose a move."""
        return self.act("make_move", who, move=name, reason=reason)

    def by_two(self, name: str, reason: str | None = None) -> None:
        """A move that one regulator proposes and the other confirms."""
        proposed = self.move(name, reason=reason)
        self.act("vote_on_decision", "regulator2", proposed["decision"], value="for")

    def file(self, kind: str, who: str | None = None, **changed: Any) -> None:
        """A section's example body, with the trial's own words and the given changes."""
        self.act("file_section", who or self.firm, kind=kind,
                 body=body(kind, self.today(), **{**self._own(kind), **changed}))

    def vote(self, matter: str, who: str, value: str = "for", subject: str | None = None) -> None:
        """A person's word on a matter."""
        self.act("cast_vote", who, matter=matter, value=value, subject=subject)

    def _own(self, kind: str) -> dict[str, Any]:
        topic = self.topic
        own: dict[str, dict[str, Any]] = {
            "system": {"purpose": topic.purpose, "algorithm_kind": topic.kind, "entry_trl": topic.entry_trl,
                       "model_name": f"{topic.title}模型（演示）"},
            "plan": {"objectives": f"检验“{topic.title}”能否在不增加差错与投诉的前提下改善服务。", "unit": topic.unit},
            "exposure": {"people": topic.people, "volume": topic.rate_per_day * self.days * 0.75, "days": self.days,
                         "rate_per_day": topic.rate_per_day},
            "tier": {"tier": self.tier, "listed": self.tier == "R4"},
            "mitigation": {"residual_tier": self.tier},
        }
        return own.get(kind, {})

    # Time and state

    def today(self) -> date:
        """The date in the city."""
        return local_day(self.hand.now(), self.hand.zone)

    def after(self, days: int = 0, hours: float = 0.0) -> datetime:
        """So many days and hours from now."""
        return self.hand.now() + timedelta(days=days, hours=hours)

    def morning(self, days: int = 1) -> datetime:
        """A little past ten on a later day, not all trials at the same minute."""
        minute = timedelta(minutes=self.chance.randrange(50))
        return (datetime.combine(self.today() + days * DAY, time(10), self.hand.zone) + minute).astimezone(UTC)

    @property
    def state(self) -> str:
        """Where the trial stands."""
        return str(self.hand.trial(self.trial)["state"])

    # Admission

    def applied(self) -> Story:
        """A draft with every section that submission asks for."""
        topic = self.topic
        made = self.hand.do("apply", self.firm, {
            "title": topic.title, "title_hant": topic.title_hant, "title_en": topic.title_en,
            "scenario_id": self.scenario, "simplified": self.simplified})
        self.trial = made["id"]
        for kind in (*required_sections(self.simplified), *(["ethics_approval"] if self.simplified else [])):
            yield self.after(hours=0.5)
            self.file(kind)

    def submitted(self) -> Story:
        """Applied for and submitted."""
        yield from self.applied()
        yield self.morning()
        self.move("submit", self.firm)

    def accepted(self) -> Story:
        """Submitted, found eligible, given a tier, accepted for review."""
        yield from self.submitted()
        yield self.morning(2)
        self.file("eligibility", "regulator")
        self.file("tier", "regulator")
        self.move("accept")

    def returned(self) -> None:
        """Sent back for correction, with reasons."""
        self.file("reasons", "regulator")
        self.move("ask_correction")

    def declined(self) -> None:
        """Not admitted, with reasons."""
        self.file("reasons", "regulator", basis="not_eligible",
                  reasons="同类系统已在本市公开使用，不属于需要沙箱验证的新算法；可按普通程序申请。")
        self.move("decline")

    def seated(self, panel: str, people: tuple[str, ...], chair: bool = False) -> Story:
        """Seats offered, and accepted the next day."""
        offered = [self.act("assign_reviewer", "regulator", account_id=self.hand.account(who), panel=panel,
                            chair=chair and who == people[0])["id"] for who in people]
        yield self.morning()
        for who, seat in zip(people, offered, strict=True):
            self.act("answer_assignment", who, seat, conflict=False, accepted=True)

    def reviewed(self, value: str = "for") -> Story:
        """The first panel seated, its votes cast; or the ethics approval that stands for it looked at."""
        if self.simplified:
            self.vote("approve", "regulator", subject="ethics_approval")
        else:
            yield from self.seated("review", self.members)
            yield from self.voted("ethics", value)

    def voted(self, matter: str, value: str = "for") -> Story:
        """Every member's word, some hours apart."""
        for who in self.members:
            yield self.after(hours=4)
            self.vote(matter, who, value)

    def rereviewed(self) -> Story:
        """On a list: five others, of other bodies, look again."""
        self.move("send_to_rereview")
        yield from self.seated("rereview", self.independent)
        for who in self.independent:
            yield self.after(hours=5)
            self.vote("rereview", who)

    def judged(self) -> Story:
        """Everything that `admit` needs but the second regulator."""
        yield from self.accepted()
        yield self.morning()
        yield from self.reviewed()
        if self.tier == "R4":
            yield self.morning()
            yield from self.rereviewed()

    def admitted(self) -> Story:
        """Admitted by two regulators."""
        yield from self.judged()
        yield self.morning(2)
        self.by_two("admit")

    def prepared(self) -> Story:
        """Everything that a start needs, a week of public notice included."""
        for kind in ("safeguards", "consent", "redress", "exit_plan", "filings", "data_assessment"):
            yield self.after(hours=0.5)
            self.file(kind)
        self.file("notice", "regulator")
        self.file("schedules", "regulator")
        self.vote("sign", self.firm, subject="plan")
        for matter, subject in (("sign", "plan"), ("approve", "exposure"), ("approve", "consent"),
                                ("approve", "exit_plan")):
            self.vote(matter, "regulator", subject=subject)
        yield from self.seated("running", self.members, chair=True)
        yield self.morning(7)
        self.test_kill_switch()

    def started(self) -> Story:
        """Admitted, prepared and running."""
        yield from self.admitted()
        yield self.morning(2)
        yield from self.prepared()
        yield self.after(hours=1)
        self.start()

    def start(self) -> None:
        """The start itself; the first report is about the time from now."""
        self.move("start_trial")
        self.goes_on()

    # Running

    def goes_on(self) -> None:
        """What is told next begins now, in the period that is under way."""
        trial, self.covered = self.hand.trial(self.trial), self.hand.now()
        start = trial["starts_at"]
        start = start if isinstance(start, datetime) else datetime.fromisoformat(start)
        plan = Schedule(start, trial["feedback_days"], self.hand.zone)
        self.due = plan.deadline(plan.after(self.covered))

    def runs(self, days: int, habit: Habit = USUAL, until_light: str | None = None) -> Story:
        """So many days of ordinary life, or until something stops the trial or its light is the one awaited."""
        end = self.after(days)
        while self.hand.now() < end:
            trial = self.hand.trial(self.trial)
            if trial["state"] not in RUNNING or trial["light"] == until_light:
                return
            yield min(self.morning(), end)
            self.attend(habit)

    def attend(self, habit: Habit = USUAL) -> None:
        """Do what is owed today."""
        if habit.tests and (self.today() - self.tested_on).days >= TEST_EVERY:
            self.test_kill_switch()
        if habit.reviews:
            self.hold_reviews()
        if habit.reports and self.hand.now() > self.due and self.state in RUNNING:
            self.report(habit)

    def report(self, habit: Habit = USUAL, **changed: Any) -> dict[str, Any]:
        """The report of the period that has ended."""
        given = {**self.period(habit), **changed}
        filed = self.act("file_feedback", self.firm, **given)
        self.last_report = (filed["id"], given)
        self.covered = self.due
        if filed["next_due_at"]:
            self.due = datetime.fromisoformat(filed["next_due_at"])
        return filed

    def period(self, habit: Habit) -> dict[str, Any]:
        """Invented figures of one period, the same in every run."""
        uses = self.topic.rate_per_day * ((self.due - self.covered) / DAY) * habit.pace
        exposures = round(uses * self.chance.uniform(0.9, 1.1))
        people = max(1, exposures // 3)
        return {
            "period_start": self.covered.isoformat(), "period_end": self.due.isoformat(), "people": people,
            "people_new": int(people * self.topic.people / (self.topic.rate_per_day * self.days)),
            "region": "演示市东区", "narrative": "本期运行平稳，改判均已逐条复核。（演示）",
            **invented(self.chance, exposures, habit.events, self.watched),
        }

    def test_kill_switch(self) -> None:
        """A test of the kill switch today."""
        self.file("kill_switch")
        self.tested_on = self.today()

    def hold_reviews(self, recommendation: str = "continue") -> None:
        """Every open review: each reviewer's opinion, then the conclusion."""
        for review in self.hand.open_reviews(self.trial):
            for who in self.members:
                self.act("give_opinion", who, review, conflict=False, recommendation=recommendation,
                         reason="抽查原始记录 40 条，改判与投诉处理及时，建议按结论办理。（演示）")
            self.act("conclude_review", "regulator", review, recommendation=recommendation,
                     conclusion="评审组意见一致；记录完整，限度内运行。（演示）")

    def incident(self, severity: str | None = None, kind: str = "incident", text: str = "",
                 harms: tuple[str, ...] = ()) -> dict[str, Any]:
        """Something that happened two hours ago and is told now."""
        happened = (self.hand.now() - timedelta(hours=2)).isoformat()
        return self.act("file_incident", self.firm, kind=kind, severity=severity, occurred_at=happened,
                        harms=list(harms), aware_at=happened,
                        description=text or "现场人员发现建议异常，已改由人工办理。（演示）")

    def settle(self, incident: str, state: str = "closed", who: str = "regulator") -> None:
        """An incident mitigated or closed."""
        self.act("update_incident", who, incident, state=state, mitigation="已查明原因并整改，当事人知情。（演示）")

    def put_right(self, incident: str, what: str, days: int, *, done: bool = False) -> None:
        """A corrective item of an incident, due so many days ahead; done, it was verified by the regulator."""
        due = (self.hand.now() + timedelta(days=days)).date().isoformat()
        item = self.act("add_corrective_item", "regulator", what=what, owner="运行负责人", due_on=due,
                        incident_id=incident)
        if done:
            self.close_item(item["id"])

    def close_item(self, item: str) -> None:
        """Done by the firm, found done by an officer."""
        self.act("finish_corrective_item", self.firm, item, done="已完成，记录附后。（演示）")
        self.act("verify_corrective_item", "regulator2", item, accept=True, verdict="现场核验属实。（演示）")

    def corrected(self) -> None:
        """Every corrective item is closed."""
        for item in self.hand.open_items(self.trial):
            self.close_item(item)

    def report_in_full(self, incident: str) -> None:
        """The final report of an incident."""
        self.act("file_final_report", self.firm, incident, root_cause="新版本未覆盖该工况。（演示）",
                 harm="停运四小时，无人伤亡。（演示）", redress="已向受影响单位说明并致歉。（演示）",
                 measures="增加工况测试与人工复核。（演示）")

    def tune(self) -> None:
        """A corrective plan, and the exposure goes down."""
        self.file("corrective_plan")
        self.move("begin_tuning")

    def resumed(self) -> Story:
        """Items closed, the retest passed, the panel asked, full exposure again."""
        self.corrected()
        self.file("retest")
        yield from self.voted("opinion")
        self.move("resume_trial")

    # Stopped

    def mitigated(self) -> Story:
        """The emergency review held, the cause found and put right, and someone else has looked."""
        yield self.after(hours=20)
        self.hold_reviews("adjust")
        yield self.morning(2)
        self.file("mitigation")
        yield self.after(hours=5)
        self.vote("verify", "regulator", subject="mitigation")

    def lifted(self) -> Story:
        """Mitigated and let go on by two regulators."""
        yield from self.mitigated()
        yield self.morning()
        self.by_two("lift_suspension")
        self.goes_on()

    def voided(self) -> Story:
        """The alarm was false: the record corrected on evidence, the suspension void by two regulators."""
        report, given = self.last_report
        right = {**given, "events": {**given["events"], "override": given["events"]["override"] // 12}}
        yield self.after(hours=3)
        asked = self.act("correct_feedback", self.firm, report, report=right,
                         reason="接口重复上报，改判数翻倍。（演示）")
        yield self.morning()
        self.act("decide_correction", "regulator", asked["id"], accept=True, reason="已核对接口日志。（演示）")
        self.hold_reviews()
        self.file("void", "regulator")
        self.by_two("void_suspension")

    def retrospected(self) -> Story:
        """The emergency review held, a retrospective opened and its report filed."""
        yield from self.mitigated()
        self.move("open_retrospective")
        yield self.morning(6)
        self.file("retrospective")
        self.vote("sign", "regulator", subject="retrospective")

    # Ending

    def evaluated(self) -> Story:
        """Measured against the plan; the evaluation is open."""
        self.file("results")
        yield self.morning()
        self.move("open_exit_review", self.firm)

    def scored(self, **sheet: Any) -> Story:
        """Score sheets of all sides, gates, exit report, and the firm's signature under it."""
        for who in self.members:
            yield self.after(hours=6)
            self.file("score", who, **sheet)
        yield self.morning(3)
        self.file("gates", "regulator")
        self.file("exit_report", "regulator")
        yield self.morning(2)
        self.file("countersignature")

    def wound_down(self, reason: str | None = None, who: str | None = None) -> Story:
        """The way out taken, its checklist done, the report signed."""
        self.move("wind_down", who or self.firm, reason)
        yield self.morning(5)
        self.file("wind_down")
        self.vote("sign", "regulator", subject="wind_down")
        for clock in self.hand.open_clocks(self.trial, "C07"):
            self.act("meet_clock", self.firm, clock, reference="算法备案已注销（演示）")
        self.file("gates", "regulator")
        self.file("exit_report", "regulator")
        yield self.morning(2)
        self.file("countersignature")

    def found_diligent(self) -> Story:
        """The failure form, the officer's findings and the panel's word."""
        self.file("failure_form")
        self.file("diligence", "regulator")
        yield from self.voted("diligence")

    def appealed(self, panel: str) -> Story:
        """An appeal, a panel of other people, and the matter is open again in a new round; a final end needs two
        regulators."""
        self.file("appeal")
        yield self.morning(2)
        fresh = tuple(who for who in self.independent if who not in self.members)
        yield from self.seated(panel, fresh)
        self.members = fresh
        if panel == "running":
            self.by_two("reopen_on_appeal")
            self.vote("sign", "regulator", subject="wind_down")
        else:
            self.move("reopen_on_appeal")


def members(size: int, first: int = 0) -> tuple[str, ...]:
    """So many reviewers, the constituencies in turn; `first` begins with others."""
    places = range(max(size, len(CONSTITUENCIES)))
    return tuple(f"{CONSTITUENCIES[place % 3]}{(first + place // 3) % 5 + 1}" for place in places)

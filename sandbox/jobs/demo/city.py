"""The demo city: its scenarios, its forty-odd trials with their stories, and how they are told in the order of time.

Everything is made by acts at past instants, with the real tick between them; nothing is written past the door. Figures
come from seeded chance, so every load tells the same stories up to the same day.
"""

import heapq
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from sandbox.jobs.clock import Shifted
from sandbox.jobs.demo.filings import read_first, read_newer
from sandbox.jobs.demo.lives import LIVES, SCENARIOS, Life
from sandbox.jobs.demo.people import People, enter_people, issue_tokens
from sandbox.jobs.demo.titles import TRADITIONAL
from sandbox.jobs.demo.walks import Story, Walk
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.tick import beat, tick
from sandbox.reads import clocks, corrective, duty, records, trials
from sandbox.reads.accounts import any_account
from sandbox.reads.pages import MOST
from sandbox.rules.access import SYSTEM_ACTOR
from sandbox.rules.cadence import local_day
from sandbox.rules.lifecycle import STATES
from sandbox.store.dues import DUES
from sandbox.store.settings import Settings

DAYS = 243
"""How far back the city begins, about eight months."""


class NotEmpty(Exception):
    """The database has accounts: demo data never mixes with a city's own."""


def load(settings: Settings, now: datetime) -> dict[str, Any]:
    """Tell the city's eight months up to `now` into an empty database of the newest schema.

    Returns what the command `demo` prints: base_url, accounts, tokens (of a year), and the trials by state. Raises
    NotEmpty."""
    begun = datetime.combine(local_day(now, settings.zone) - timedelta(days=DAYS), time(8, 30), settings.zone)
    clock = Shifted(lambda: begun.astimezone(UTC))
    program = open_program(settings, clock)
    try:
        with program.reading() as connection:
            if any_account(connection):
                raise NotEmpty("this database has accounts already: load the demo into an empty data folder")
        return _told(program, clock, now)
    finally:
        program.close()


def _told(program: Program, clock: Shifted, now: datetime) -> dict[str, Any]:
    with unsynced(program):
        people = enter_people(program)
        city = City(program, clock, people)
        city.tell(now)
    return {
        "base_url": program.settings.public_url, "accounts": people.accounts(),
        "tokens": issue_tokens(program, people), "trials": city.by_state(),
    }


@contextmanager
def unsynced(program: Program) -> Iterator[None]:
    """Let the embedded file's writes reach the disk together at the end, not act by act: eleven thousand waits for a
    disk are most of a load, and a load that is interrupted is thrown away."""
    def set_to(*pragmas: str) -> None:
        with program.writer.connect() as connection:
            raw: Any = connection.connection.driver_connection
            for pragma in pragmas if connection.dialect.name == "sqlite" else ():
                raw.execute(f"PRAGMA {pragma}")

    set_to("synchronous=OFF")
    yield
    set_to("synchronous=FULL", "wal_checkpoint(TRUNCATE)")


@dataclass
class Inside:
    """A Hand in this process."""

    program: Program
    people: People
    zone: ZoneInfo

    def now(self) -> datetime:
        return self.program.clock()

    def do(self, act: str, who: str, data: Mapping[str, Any], on: str | None = None) -> dict[str, Any]:
        done: dict[str, Any] = self.program.acts.do(act, self.people.actors[who], data, on).model_dump(mode="json")
        return done

    def account(self, who: str) -> str:
        return self.people.actors[who].id

    def trial(self, trial_id: str) -> Mapping[str, Any]:
        with self.program.reading() as connection:
            return trials.trial(connection, SYSTEM_ACTOR, trial_id) or {}

    def open_reviews(self, trial_id: str) -> list[str]:
        with self.program.reading() as connection:
            found = records.reviews(connection, SYSTEM_ACTOR, trial_id, state="open")
        return [one["id"] for one in found.items]

    def open_items(self, trial_id: str) -> list[str]:
        with self.program.reading() as connection:
            found = corrective.items(connection, SYSTEM_ACTOR, self.now(), trial_id=trial_id, state="open")
        return [one["id"] for one in found.items]

    def open_clocks(self, trial_id: str, key: str) -> list[str]:
        with self.program.reading() as connection:
            found = clocks.clocks(connection, SYSTEM_ACTOR, self.now(), trial_id=trial_id, running=True)
        return [one.row["id"] for one in found.items if one.rule.key == key]


@dataclass
class City:
    """The stories under way, soonest first, and the clock that is walked from one to the next."""

    program: Program
    clock: Shifted
    people: People
    waiting: list[tuple[datetime, int, Story]] = field(default_factory=list)

    def tell(self, now: datetime) -> None:
        """Every story up to `now`, interleaved, the tick running all the while."""
        hand = Inside(self.program, self.people, self.program.settings.zone)
        begun, scenarios = self.clock(), publish(hand)
        read_first(self.program, self.people)
        for number, life in enumerate(LIVES):
            self.waiting.append((begun + timedelta(days=life.day, hours=1, minutes=7 * number), number,
                                 _begun(hand, life, scenarios, number)))
        heapq.heapify(self.waiting)
        while self.waiting and self.waiting[0][0] < now:
            at, number, story = heapq.heappop(self.waiting)
            pass_time(self.program, self.clock, at)
            again = next(story, None)
            self.acknowledge()
            if again is not None:
                heapq.heappush(self.waiting, (max(again, at), number, story))
        pass_time(self.program, self.clock, now)
        self.roster(now)
        read_newer(self.program, self.people, next(iter(self.by_state()["trial"]), None))
        beat(self.program, now)

    def acknowledge(self) -> None:
        """The regulator answers every alarm at once."""
        with self.program.reading() as connection:
            waiting = duty.unanswered(connection, SYSTEM_ACTOR)
        for alarm in waiting:
            self.program.acts.do("acknowledge_alarm", self.people.actors["regulator"],
                                 {"doing": "已联系试点单位核实并处置。（演示）"}, alarm)

    def roster(self, now: datetime) -> None:
        """Who is on duty this week and the next, each the other's deputy."""
        pair = [self.people.actors[key] for key in ("regulator", "regulator2")]
        for week, (officer, deputy) in enumerate((pair, pair[::-1])):
            start = now + timedelta(days=7 * week - 1)
            self.program.acts.do("set_duty", pair[0], {
                "officer_id": officer.id, "deputy_id": deputy.id, "starts_at": start.isoformat(),
                "ends_at": (start + timedelta(days=7)).isoformat()})

    def by_state(self) -> dict[str, list[str]]:
        """Trials by state, in the order of the lifecycle; those of the account `firm` come first."""
        found: dict[str, list[str]] = {state: [] for state in STATES}
        with self.program.reading() as connection:
            lines = trials.trials(connection, SYSTEM_ACTOR, limit=MOST).items
        ours = self.people.actors["firm"].organisation_id
        for line in sorted(lines, key=lambda line: (line.organisation_id != ours, line.id)):
            found[line.state].append(line.id)
        return found


def pass_time(program: Program, clock: Shifted, until: datetime) -> None:
    """Move the clock, ticking at every due time on the way. A tick between two of them would only beat, so one beat
    before each stands for all of those."""
    while (due := next_due(program)) and due <= until:
        clock.forward(due)
        beat(program, clock())
        tick(program)
    clock.forward(until)


def next_due(program: Program) -> datetime | None:
    """When the clock owes something next."""
    with program.reading() as connection:
        found: datetime | None = connection.execute(sa.select(sa.func.min(DUES.c.at))).scalar()
        return found


def _begun(hand: Inside, life: Life, scenarios: Mapping[str, str], number: int) -> Story:
    """The story from its first instant: what it needs is looked up when it begins, not before."""
    told = Walk(hand, life.topic, scenarios[life.topic.scenario], firm=life.firm, tier=life.tier, days=life.days,
                simplified=life.tier == "R1", seats_from=number)
    yield from life.story(told)


def publish(hand: Inside) -> dict[str, str]:
    """The scenarios; returns their ids by key."""
    return {key: hand.do("publish_scenario", who, {
        "title": title, "title_hant": TRADITIONAL[title], "title_en": english, "description": text, "regions": regions,
        "unit": "次",
        "template": template, "max_people": 20_000, "max_volume": 200_000, "max_days": 180})["id"]
        for key, (who, title, english, text, regions, template) in SCENARIOS.items()}

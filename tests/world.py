"""A program with the demo's people in it, and trials that walk through their lives in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.jobs.clock import Shifted
from sandbox.jobs.demo.city import Inside, pass_time, unsynced
from sandbox.jobs.demo.people import enter_people
from sandbox.jobs.demo.walks import Story, Topic, Walk
from sandbox.jobs.program import Program
from sandbox.reads import permits, trials

TOPIC = Topic("焊缝检查（演示）", "Welds", "Marks weld seams", "", rate_per_day=100.0, people=900)


@dataclass
class World:
    """A program with the demo's people in it, and a clock that stories move, ticking."""

    program: Program
    clock: Shifted
    hand: Inside
    scenario: str

    def walk(self, **more: Any) -> Walk:
        """A trial to be."""
        return Walk(self.hand, TOPIC, self.scenario, **more)

    def go(self, story: Story) -> None:
        """Tell a story to its end."""
        for at in story:
            pass_time(self.program, self.clock, at)

    def wait(self, time: timedelta) -> None:
        """Let time pass, ticking."""
        pass_time(self.program, self.clock, self.clock() + time)

    def path(self, one: Walk) -> list[str]:
        """Every state that the trial has been in."""
        with self.program.reading() as connection:
            made = trials.moves_made(connection, one.trial)
        return ["draft", *(row["target"] for row in made)]

    def trial(self, one: Walk) -> Any:
        """The trial's row."""
        return self.hand.trial(one.trial)

    def moves(self, one: Walk) -> list[dict[str, Any]]:
        """The moves it made, oldest first."""
        with self.program.reading() as connection:
            return list(trials.moves_made(connection, one.trial))

    def permit(self, one: Walk) -> Any:
        """What its permit says."""
        with self.program.reading() as connection:
            return permits.permit_facts(connection, self.trial(one), self.clock(), self.program.settings.zone)

    def stop(self, one: Walk) -> Any:
        """The suspension it is in."""
        with self.program.reading() as connection:
            return trials.suspension(connection, self.trial(one))


@contextmanager
def world_in(program: Program, clock: Shifted) -> Iterator[World]:
    """The demo's people and one scenario, entered into an empty program."""
    with unsynced(program):
        hand = Inside(program, enter_people(program), program.settings.zone)
        scenario = hand.do("publish_scenario", "regulator", {"title": "街面", "description": "限定场景"})["id"]
        yield World(program, clock, hand, scenario)

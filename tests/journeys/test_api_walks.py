"""Five trials walked from draft to their end with nothing but the API and the testing clock; the log verifies."""

import heapq
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from demo_city import served_copy
from processes import free_port, run, seconds_until_answered, started
from wire import Answered, Wire

from sandbox.jobs.demo import stories
from sandbox.jobs.demo.walks import Story, Topic, Walk
from sandbox.rules.lifecycle import MOVE_NAMES

DAYS = 35
"""Of running, before a trial's end begins: two reports and a review."""
SHARED = ["submit", "accept", "admit", "start_trial"]


def standardised(walk: Walk) -> Story:
    """To a norm."""
    yield from stories.at_exit_review(walk, DAYS)
    yield from walk.scored()
    walk.by_two("standardise")


def completed(walk: Walk) -> Story:
    """To an ordinary end."""
    yield from stories.at_exit_review(walk, DAYS)
    yield from walk.scored(exit_trl=6)
    yield from walk.wound_down()
    walk.by_two("complete")


def failed(walk: Walk) -> Story:
    """To a failure on record."""
    yield from walk.started()
    yield from walk.runs(DAYS)
    yield from walk.wound_down()
    yield from walk.found_diligent()
    walk.by_two("file_failure")


def falsely_red(walk: Walk) -> Story:
    """Through a false red, and on."""
    yield from walk.started()
    yield from walk.runs(DAYS, stories.DOUBLED)
    yield from walk.voided()
    walk.goes_on()
    yield from walk.runs(16)


WALKS: dict[str, tuple[Callable[[Walk], Story], str, list[str]]] = {
    "standardised": (standardised, "standardised", [*SHARED, "open_exit_review", "standardise"]),
    "completed": (completed, "completed", [*SHARED, "open_exit_review", "wind_down", "complete"]),
    "failure_filed": (failed, "failure_filed", [*SHARED, "wind_down", "file_failure"]),
    "terminated": (stories.terminated, "terminated", [*SHARED, "suspend", "wind_down", "terminate"]),
    "void_suspension": (falsely_red, "trial", [*SHARED, "suspend", "void_suspension"]),
}
"""The story, the state it ends in, and the moves that its timeline tells of."""


class Journey:
    """A server with the demo city, and the walks that were made through it."""

    def __init__(self, folder: Path, wire: Wire) -> None:
        self.folder, self.wire = folder, wire
        self.walks: dict[str, Walk] = {}
        self.verified: dict[str, str] = {}

    def make(self) -> None:
        """Every walk, interleaved in time; after each the log is verified by a process of its own."""
        given = {"title": "行走（演示）", "description": "限定场景"}
        scenario = self.wire.do("publish_scenario", "regulator", given)["id"]
        waiting: list[tuple[datetime, str, Story]] = []
        for name, (story, _, _) in WALKS.items():
            topic = Topic(f"行走{name}（演示）", f"Walk {name}", "在限定场景内给出建议。", "")
            walk = self.walks[name] = Walk(self.wire, topic, scenario)
            waiting.append((self.wire.now(), name, story(walk)))
        heapq.heapify(waiting)
        while waiting:
            at, name, story = heapq.heappop(waiting)
            self.wire.wait_until(at)
            again = next(story, None)
            if again is None:
                self.verified[name] = run(self.folder, "verify").stdout
            else:
                heapq.heappush(waiting, (again, name, story))


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    (folder, demo), port = served_copy(tmp_path_factory), free_port()
    with started(folder, "--port", str(port), SANDBOX_TESTING="1") as process:
        seconds_until_answered(port, process)
        journey = Journey(folder, Wire(port, demo))
        journey.make()
        yield journey


@pytest.mark.parametrize("name", WALKS)
def test_a_trial_is_walked_to_its_end_by_the_api_alone(journey: Journey, name: str) -> None:
    _, state, moves = WALKS[name]
    trial = journey.walks[name].trial
    made = [each for each in journey.wire.moves(trial) if each in MOVE_NAMES]
    assert (journey.wire.trial(trial)["state"], made) == (state, moves)
    assert journey.verified[name].startswith("intact")


def test_two_regulators_were_asked_wherever_the_table_says(journey: Journey) -> None:
    proposals = [each for name in WALKS for each in journey.wire.moves(journey.walks[name].trial)
                 if each.startswith("propose_")]
    assert sorted(proposals) == sorted(["propose_admit"] * 5 + [
        "propose_standardise", "propose_complete", "propose_file_failure", "propose_terminate",
        "propose_void_suspension"])
    assert journey.wire.statuses.count(202) == len(proposals)


def test_a_move_too_early_is_answered_with_every_unmet_need(journey: Journey) -> None:
    walk = journey.walks["void_suspension"]
    with pytest.raises(Answered) as refused:
        walk.move("open_exit_review", walk.firm)
    assert refused.value.status == 409
    assert [one["need"] for one in refused.value.problem["unmet"]] == ["evidence_sufficient"]


def test_nobody_elses_trial_is_there(journey: Journey) -> None:
    for who in ("firm2", "administrator", "industry5"):
        with pytest.raises(Answered) as refused:
            journey.wire.ask("GET", f"/api/v1/trials/{journey.walks['standardised'].trial}", who)
        assert refused.value.status == 404

"""Lines of a batch that would stop the trial and look like slips wait a day; the others count, harm is never held."""

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from api_answers import Checked
from cast import START, Cast

from sandbox.jobs.clock import Shifted, walk
from sandbox.jobs.program import Program
from sandbox.store.feedback import FEEDBACK
from sandbox.store.held import HELD
from sandbox.store.trials import TRIALS
from sandbox.store.verification import verify
from sandbox.web.front import make_app

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def trial(program: Program, cast: Cast, clock: Shifted) -> str:
    """A running trial with a pinned version and a cap of a thousand uses, two days after its start."""
    acts = program.acts
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Wards", "description": "A hospital"}).id
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": "Ward", "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": 100.0,
        "limits": [{"indicator": "harm_any", "per_exposure": 0.01}], "unverified": "All", "source_key": "w",
        "volume": 1000.0, "people": 100, "model_version": "2.1"}]})
    decided = acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
    clock.forward(START + 2 * DAY)
    return str(decided.trials["w"])


@pytest.fixture
def fang(program: Program, cast: Cast) -> Checked:
    token = program.acts.do("issue_token", cast.fang, {"name": "machine", "scopes": ["read", "file"]}).secret
    return Checked(make_app(program), token)


def line(place: int, **more: Any) -> dict[str, Any]:
    """The place-th hour of use."""
    start = START + place * HOUR
    return {"period_start": start.isoformat(), "period_end": (start + HOUR).isoformat(), "exposures": 10.0,
            "model_version": "2.1", "key": f"h{place}", **more}


def send(client: Checked, trial: str, lines: list[dict[str, Any]], query: str = "") -> tuple[int, dict[str, Any]]:
    body = "\n".join(map(json.dumps, lines)).encode()
    answer = client.send("POST", f"/trials/{trial}/feedback{query}", body, "application/x-ndjson")
    return answer.status_code, answer.get_json()


def standing(program: Program, trial: str) -> tuple[str, int, int]:
    """The trial's state, its reports as it counts them, and the rows that are there."""
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS.c.state, TRIALS.c.reports).where(TRIALS.c.id == trial)).one()
        rows = connection.execute(sa.select(sa.func.count()).select_from(FEEDBACK)).scalar_one()
        assert verify(connection).problems == ()
    return row.state, row.reports, rows


def outcomes(answer: dict[str, Any]) -> list[str]:
    return [one["outcome"] for one in answer["results"]]


SLIPS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "a figure far above the others": ({"exposures": 10_000.0}, ["far_more"], ["cap_exceeded"]),
    "another model version": ({"model_version": "2.2"}, ["other_version"], ["unsafe_version"]),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_on_one_line_is_held_and_the_other_lines_count(
        program: Program, fang: Checked, trial: str, slip: str) -> None:
    wrong, doubts, causes = SLIPS[slip]
    status, answer = send(fang, trial, [line(place, **(wrong if place == 6 else {})) for place in range(10)])
    assert (status, answer["kept"], answer["held"], answer["refused"], answer["state"]) == (201, 9, 1, 0, "trial")
    assert outcomes(answer) == ["kept"] * 6 + ["held"] + ["kept"] * 3
    assert standing(program, trial) == ("trial", 9, 9)
    with program.reading() as connection:
        held = connection.execute(sa.select(HELD)).one()
    assert (held.id, held.doubts, held.causes) == (answer["results"][6]["id"], doubts, causes)
    assert held.applies_at == START + 3 * DAY


def test_a_held_line_counts_when_its_day_is_over_and_its_key_is_known_from_then_on(
        program: Program, clock: Shifted, fang: Checked, trial: str) -> None:
    lines = [line(place, **({"model_version": "2.2"} if place == 6 else {})) for place in range(10)]
    send(fang, trial, lines)
    walk(program, clock, START + 3 * DAY + HOUR)
    assert standing(program, trial) == ("suspended", 10, 10)
    status, again = send(fang, trial, lines)
    assert (status, outcomes(again), again["repeated"]) == (200, ["repeated"] * 10, 10)


def test_the_same_batch_again_holds_nothing_anew(program: Program, fang: Checked, trial: str) -> None:
    lines = [line(place, **({"exposures": 10_000.0} if place == 6 else {})) for place in range(10)]
    first = send(fang, trial, lines)[1]
    again = send(fang, trial, lines)[1]
    assert (again["repeated"], again["held"], again["kept"]) == (9, 1, 0)
    assert first["results"][6]["id"] == again["results"][6]["id"]
    assert standing(program, trial) == ("trial", 9, 9)


def test_a_line_that_puts_it_right_takes_its_place(program: Program, clock: Shifted, fang: Checked, trial: str) -> None:
    send(fang, trial, [line(place, **({"exposures": 10_000.0} if place == 6 else {})) for place in range(10)])
    status, answer = send(fang, trial, [line(6, key="right")])
    assert (status, answer["kept"], answer["held"]) == (201, 1, 0)
    with program.reading() as connection:
        assert connection.execute(sa.select(HELD.c.state)).scalar_one() == "corrected"
    walk(program, clock, START + 3 * DAY + HOUR)
    assert standing(program, trial)[1:] == (10, 10)


@pytest.mark.parametrize("wrong", [
    {"exposures": 10_000.0, "events": {"harm_S4": 1}}, {"model_version": "2.2", "events": {"harm_S3": 1}},
])
def test_a_line_that_tells_of_harm_is_never_held(program: Program, fang: Checked, trial: str,
                                                 wrong: dict[str, Any]) -> None:
    status, answer = send(fang, trial, [line(place, **(wrong if place == 6 else {})) for place in range(10)])
    assert (status, answer["held"], answer["state"]) == (201, 0, "suspended")


def test_many_uses_that_are_told_evenly_pass_the_cap_and_stop_the_trial(fang: Checked, trial: str) -> None:
    answer = send(fang, trial, [line(place, exposures=110.0) for place in range(10)])[1]
    assert (answer["held"], answer["state"], answer["causes"]) == (0, "suspended", ["cap_exceeded"])


def test_a_batch_of_one_line_is_held_whole(program: Program, fang: Checked, trial: str) -> None:
    for place in range(4):
        send(fang, trial, [line(place)])
    status, answer = send(fang, trial, [line(4, exposures=10_000.0)])
    assert (status, answer["kept"], answer["held"], outcomes(answer)) == (201, 0, 1, ["held"])
    assert standing(program, trial) == ("trial", 4, 4)
    shown = fang.send("GET", f"/batches/{answer['id']}").get_json()
    assert (shown["kept"], shown["held"], shown["lines"]) == (0, 1, 1)


def test_a_dry_run_says_what_would_be_held_and_keeps_nothing(program: Program, fang: Checked, trial: str) -> None:
    lines = [line(place, **({"exposures": 10_000.0} if place == 6 else {})) for place in range(10)]
    status, answer = send(fang, trial, lines, "?dry_run=1")
    assert (status, answer["kept"], answer["held"], answer["state"]) == (200, 9, 1, "trial")
    assert [(one["line"], one["outcome"]) for one in answer["results"]] == [(7, "held")]
    assert standing(program, trial) == ("trial", 0, 0)


def test_a_day_is_not_given_twice_to_a_time_of_which_a_part_was_put_right(
        program: Program, clock: Shifted, fang: Checked, trial: str) -> None:
    wrong = line(6, model_version="9.9", key="first")
    assert send(fang, trial, [wrong])[1]["held"] == 1
    walk(program, clock, START + 2 * DAY + 20 * HOUR)
    minute = {**line(6, key="minute"), "period_end": (START + 6 * HOUR + MINUTE).isoformat()}
    assert send(fang, trial, [minute])[1]["kept"] == 1
    rest = {**wrong, "key": "rest", "period_start": minute["period_end"]}
    held = send(fang, trial, [rest])[1]
    with program.reading() as connection:
        row = connection.execute(sa.select(HELD).where(HELD.c.id == held["results"][0]["id"])).one()
    assert row.applies_at == START + 3 * DAY
    walk(program, clock, START + 3 * DAY + HOUR)
    assert standing(program, trial)[0] == "suspended"


@pytest.mark.parametrize("batch", [True, False])
def test_what_has_had_its_day_counts_at_once_for_any_site(
        program: Program, clock: Shifted, cast: Cast, fang: Checked, trial: str, batch: bool) -> None:
    held = send(fang, trial, [line(6, model_version="9.9", site="One", key="a")])[1]["results"][0]["id"]
    program.acts.do("withdraw_filing", cast.fang, {}, held)
    walk(program, clock, START + 3 * DAY + HOUR)
    again = line(6, model_version="9.9", site="Two", key="b")
    if batch:
        status, answer = send(fang, trial, [line(8), again])
        assert (status, answer["kept"], answer["held"], answer["state"]) == (201, 2, 0, "suspended")
    else:
        del again["key"]
        assert program.acts.do("file_feedback", cast.fang, again, trial).state == "suspended"


def test_the_key_of_a_held_line_is_its_own(program: Program, clock: Shifted, fang: Checked, trial: str) -> None:
    send(fang, trial, [line(6, model_version="9.9", key="K")])
    status, answer = send(fang, trial, [line(8, key="K")])
    assert (status, [one["field"] for one in answer["errors"]]) == (422, ["key"])
    walk(program, clock, START + 3 * DAY + HOUR)
    assert standing(program, trial)[0] == "suspended"


def test_a_held_line_whose_key_another_report_has_by_now_counts_without_it(
        program: Program, clock: Shifted, cast: Cast, fang: Checked, trial: str) -> None:
    held = send(fang, trial, [line(6, model_version="9.9", key="K")])[1]["results"][0]["id"]
    with program.writer.begin() as connection:  # as it came in before keys of held lines were looked at
        connection.execute(sa.update(HELD).values(source_key=None))
    send(fang, trial, [line(8, key="K")])
    with program.writer.begin() as connection:
        connection.execute(sa.update(HELD).values(source_key="K"))
    assert program.acts.do("confirm_filing", cast.fang, {}, held).state == "suspended"

"""Alarms: an incident of the first class or a red light goes to whoever is on duty, to the deputy after half an hour
without an acknowledgement, and then to every regulator; each once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotFound, Refused
from sandbox.jobs import tick as ticking
from sandbox.jobs.clock import Shifted
from sandbox.jobs.outbox import expand
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.rules.alarms import gaps
from sandbox.store.channels import DELIVERIES
from sandbox.store.dues import NOTICES
from sandbox.store.duty import ALARMS

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Adopted = Callable[..., list[str]]


def on_duty(acts: Acts, cast: Cast, start: datetime = START, days: int = 7, **more: Any) -> str:
    """Lin, with Zhou as deputy."""
    given = {"officer_id": cast.lin.id, "deputy_id": cast.zhou.id, "starts_at": start.isoformat(),
             "ends_at": (start + days * DAY).isoformat(), **more}
    return str(acts.do("set_duty", cast.zhou, given).id)


def grave(acts: Acts, cast: Cast, trial: str, severity: str = "S1") -> str:
    return str(acts.do("file_incident", cast.fang, {
        "severity": severity, "occurred_at": acts.clock().isoformat()}, on=trial).id)


def ticked(program: Program, clock: Shifted, at: datetime) -> None:
    """As if the program had ticked all along until just before."""
    clock.forward(at)
    ticking.beat(program, at)
    tick(program)


def told(program: Program) -> list[tuple[str | None, timedelta, str]]:
    """Whom alarms were told, how long after START, and as what."""
    with program.reading() as connection:
        rows = connection.execute(sa.select(NOTICES).where(NOTICES.c.kind == "alarm").order_by(NOTICES.c.id)).all()
    return [(row.account_id or row.role, row.at - START, row.content["capacity"]) for row in rows]


def alarms(program: Program) -> list[Any]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(ALARMS).order_by(ALARMS.c.id)))


def test_an_alarm_goes_from_the_officer_to_the_deputy_to_everyone_each_once(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, adopted: Adopted) -> None:
    trial, = adopted(1)
    on_duty(acts, cast)
    grave(acts, cast, trial)
    for minutes in (0, 1, 29, 30, 31, 59, 60, 61, 240):
        ticked(program, clock, START + minutes * MINUTE)
    assert told(program) == [(cast.lin.id, 0 * MINUTE, "on_duty"), (cast.zhou.id, 30 * MINUTE, "duty_deputy"),
                             ("regulator", 60 * MINUTE, "all_officers")]
    expand(program)
    with program.reading() as connection:
        reached = connection.execute(sa.select(DELIVERIES.c.account_id).join(
            NOTICES, NOTICES.c.id == DELIVERIES.c.notice_id).where(NOTICES.c.kind == "alarm")).scalars().all()
    assert sorted(reached) == sorted([cast.lin.id, cast.zhou.id] * 2)


@pytest.mark.parametrize(("minutes", "steps"), [(29, 1), (31, 2)])
def test_once_it_is_acknowledged_nobody_else_is_woken(program: Program, acts: Acts, cast: Cast, clock: Shifted,
                                                      adopted: Adopted, minutes: int, steps: int) -> None:
    trial, = adopted(1)
    on_duty(acts, cast)
    grave(acts, cast, trial)
    for after in (0, minutes):
        ticked(program, clock, START + after * MINUTE)
    alarm, = alarms(program)
    acts.do("acknowledge_alarm", cast.zhou, {"doing": "On my way"}, on=alarm.id)
    ticked(program, clock, START + 5 * HOUR)
    assert len(told(program)) == steps
    kept, = alarms(program)
    assert (kept.acknowledged_by, kept.acknowledged_at - kept.at, kept.doing) == (
        cast.zhou.id, minutes * MINUTE, "On my way")
    with pytest.raises(Refused, match="already_acknowledged"):
        acts.do("acknowledge_alarm", cast.lin, {}, on=alarm.id)


def test_with_nobody_on_duty_everyone_is_told_at_once_and_once(program: Program, acts: Acts, cast: Cast,
                                                              clock: Shifted, adopted: Adopted) -> None:
    trial, = adopted(1)
    on_duty(acts, cast, START + DAY)
    taken_off = on_duty(acts, cast, START - DAY, 1, ends_at=(START + HOUR).isoformat())
    acts.do("withdraw_duty", cast.lin, {"reason": "Ill"}, on=taken_off)
    grave(acts, cast, trial)
    for minutes in (0, 30, 60):
        ticked(program, clock, START + minutes * MINUTE)
    assert told(program) == [("regulator", 0 * MINUTE, "on_duty")]


def test_a_server_that_was_down_tells_the_last_step_alone(program: Program, acts: Acts, cast: Cast, clock: Shifted,
                                                         adopted: Adopted) -> None:
    trial, = adopted(1)
    on_duty(acts, cast)
    grave(acts, cast, trial)
    ticked(program, clock, START + 90 * MINUTE)
    assert told(program) == [("regulator", 90 * MINUTE, "all_officers")]


def test_a_red_light_raises_one_and_the_gravest_incident_one_of_its_own(program: Program, acts: Acts, cast: Cast,
                                                                       clock: Shifted, adopted: Adopted) -> None:
    red, stopped = adopted(2)
    clock.forward(START + DAY)
    acts.do("file_feedback", cast.fang, {
        "period_start": START.isoformat(), "period_end": (START + DAY).isoformat(), "exposures": 100,
        "events": {"harm_S3": 20}}, on=red)
    assert [(one.cause, one.trial_id) for one in alarms(program)] == [("risk_red", red)]
    first = grave(acts, cast, stopped)
    second = grave(acts, cast, stopped, "S2")
    acts.do("update_incident", cast.fang, {"severity": "S1"}, on=second)
    assert {one.object_id for one in alarms(program) if one.trial_id == stopped} == {first, second}
    grave(acts, cast, stopped, "S3")
    assert len(alarms(program)) == 3


def test_nobody_but_a_regulator_knows_of_an_alarm(program: Program, acts: Acts, cast: Cast, adopted: Adopted) -> None:
    trial, = adopted(1)
    grave(acts, cast, trial)
    for who in (cast.fang, cast.rui, cast.gao, cast.di):
        with pytest.raises(NotFound):
            acts.do("acknowledge_alarm", who, {}, on=alarms(program)[0].id)


@pytest.mark.parametrize(("changed", "field"), [
    ({"deputy_id": "lin"}, "deputy_id"), ({"officer_id": "fang"}, "officer_id"), ({"deputy_id": "mei"}, "deputy_id"),
    ({"ends_at": (START - DAY).isoformat()}, "ends_at"),
    ({"starts_at": (START + 6 * DAY).isoformat(), "ends_at": (START + 9 * DAY).isoformat()}, "starts_at")])
def test_a_duty_names_two_regulators_ahead_of_time_and_none_overlaps(acts: Acts, cast: Cast, changed: dict[str, str],
                                                                    field: str) -> None:
    on_duty(acts, cast)
    named = {name: getattr(cast, value).id if name.endswith("_id") else value for name, value in changed.items()}
    with pytest.raises(Invalid) as refused:
        on_duty(acts, cast, START + 7 * DAY, **named)
    assert [path for path, _ in refused.value.errors] == [(field,)]


def test_duties_follow_each_other_to_the_minute_and_gaps_are_found() -> None:
    spans = [(START + 3 * DAY, START + 5 * DAY), (START, START + 2 * DAY), (START + 5 * DAY, START + 6 * DAY)]
    assert gaps(spans, START + HOUR, START + 7 * DAY) == [
        (START + 2 * DAY, START + 3 * DAY), (START + 6 * DAY, START + 7 * DAY)]
    assert gaps([], START, START + DAY) == [(START, START + DAY)]
    assert gaps([(START, START + 9 * DAY)], START, START + DAY) == []

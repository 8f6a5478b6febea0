"""Consent taken back: the clock of its confirmed deletion; and nothing that says who."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotFound, Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.jobs.tick import tick
from sandbox.store.clocks import CLOCKS, missed
from sandbox.store.dues import NOTICES
from sandbox.store.withdrawals import WithdrawalFields

HOUR = timedelta(hours=1)


@pytest.fixture
def trial(adopted: Callable[[int], list[str]], clock: Shifted) -> str:
    one = adopted(1)[0]
    clock.forward(START + 5 * HOUR)
    return one


def record(acts: Acts, who: Any, trial: str, **more: Any) -> str:
    return str(acts.do("record_withdrawal", who, {"withdrawn_at": START.isoformat(), **more}, on=trial).id)


def clocks(program: Program, withdrawal: str) -> dict[str, Any]:
    with program.reading() as connection:
        return {row.key: row for row in connection.execute(sa.select(CLOCKS).where(CLOCKS.c.object_id == withdrawal))}


def missed_told(program: Program) -> list[tuple[str, str]]:
    """Which limits were told to have run out, and to which side."""
    with program.reading() as connection:
        told = connection.execute(sa.select(NOTICES.c.content, NOTICES.c.role).where(
            NOTICES.c.kind == "clock_missed").order_by(NOTICES.c.role)).all()
    return [(row.content["clock"], row.role) for row in told]


def test_who_records_deletes_and_confirms_promptly_is_never_late_and_nobody_is_told_so(
        program: Program, cast: Cast, acts: Acts, trial: str) -> None:
    withdrawal = record(acts, cast.fang, trial, people=3)
    tick(program)
    found = clocks(program, withdrawal)
    assert {key: row.due_at - START for key, row in found.items()} == {"C26.confirm": 72 * HOUR}
    assert not any(missed(row._mapping, program.clock()) for row in found.values()) and missed_told(program) == []
    with pytest.raises(Refused, match="clock_by_event"):
        acts.do("meet_clock", cast.fang, {}, on=found["C26.confirm"].id)
    done = {"deleted_at": (START + HOUR).isoformat(), "deletion": "Recordings; the invoice is kept by law"}
    acts.do("confirm_deletion", cast.fang, done, on=withdrawal)
    ended = clocks(program, withdrawal)["C26.confirm"]
    assert (ended.outcome, ended.ended_at - START) == ("done", 5 * HOUR)
    assert not missed(ended._mapping, program.clock())
    with pytest.raises(Refused, match="deletion_confirmed"):
        acts.do("confirm_deletion", cast.fang, done, on=withdrawal)


def test_a_deletion_lies_between_the_withdrawal_and_now_and_a_withdrawal_not_ahead(
        cast: Cast, acts: Acts, trial: str) -> None:
    with pytest.raises(Invalid, match="withdrawn_at"):
        record(acts, cast.fang, trial, withdrawn_at=(START + 9 * HOUR).isoformat())
    withdrawal = record(acts, cast.fang, trial)
    for wrong in (START - HOUR, START + 9 * HOUR):
        with pytest.raises(Invalid, match="deleted_at"):
            acts.do("confirm_deletion", cast.fang, {"deleted_at": wrong.isoformat(), "deletion": "All"}, on=withdrawal)
    with pytest.raises(NotFound):
        acts.do("confirm_deletion", cast.gao, {"deletion": "All"}, on=withdrawal)


def test_nobody_withdraws_before_the_trial_and_no_more_than_there_can_be(
        cast: Cast, acts: Acts, clock: Shifted, adopted: Callable[..., list[str]]) -> None:
    capped, = adopted(1, people=40)
    clock.forward(START + 5 * HOUR)
    for field, wrong in (("withdrawn_at", {"withdrawn_at": "2000-01-01T00:00:00Z"}), ("people", {"people": 41}),
                         ("withdrawn_at", {"withdrawn_at": (START - HOUR).isoformat()}),
                         ("people", {"people": 2_000_000_000})):
        with pytest.raises(Invalid, match=field):
            record(acts, cast.fang, capped, **wrong)
    record(acts, cast.fang, capped, people=40)
    report = {"period_start": START.isoformat(), "period_end": (START + HOUR).isoformat(), "exposures": 90.0,
              "people_new": 60}
    acts.do("file_feedback", cast.fang, report, on=capped)
    record(acts, cast.fang, capped, people=60)
    with pytest.raises(Invalid, match="people"):
        record(acts, cast.fang, capped, people=61)


def test_what_is_not_confirmed_in_72_hours_is_told_to_both_sides(program: Program, cast: Cast, acts: Acts,
                                                                 clock: Shifted, trial: str) -> None:
    record(acts, cast.fang, trial)
    clock.forward(START + 73 * HOUR)
    tick(program)
    assert missed_told(program) == [("C26.confirm", "firm"), ("C26.confirm", "regulator")]


def test_a_withdrawal_has_no_field_for_a_person() -> None:
    assert set(WithdrawalFields.model_fields) == {"people", "withdrawn_at", "reference"}

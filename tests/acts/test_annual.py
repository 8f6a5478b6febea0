"""The sandbox's own yearly reports: owed when a year turns, reminded of, filed once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, enter_cast
from conftest import running, settings_in

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.demo.city import pass_time
from sandbox.jobs.program import Program
from sandbox.jobs.schema import prepare
from sandbox.reads.board import own_tasks
from sandbox.rules.jurisdiction import Profile
from sandbox.store.annual import ANNUAL_REPORTS
from sandbox.store.dues import NOTICES
from sandbox.store.settings import Settings

DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def reports(program: Program) -> list[Any]:
    with program.reading() as connection:
        return list(connection.execute(sa.select(ANNUAL_REPORTS).order_by(ANNUAL_REPORTS.c.id)))


def told(program: Program) -> list[tuple[int, str]]:
    with program.reading() as connection:
        return [(row.content["days"], row.role) for row in connection.execute(sa.select(NOTICES).where(
            NOTICES.c.kind == "clock_due").order_by(NOTICES.c.at))]


def test_the_ethics_report_is_owed_from_new_year_to_31_march_every_year(program: Program, acts: Acts, cast: Cast,
                                                                        clock: Shifted) -> None:
    assert reports(program) == []
    pass_time(program, clock, at("2027-01-01T08:00+08:00"))
    first, = reports(program)
    assert (first.key, first.due_at) == ("C24.ethics", at("2027-04-01T00:00+08:00"))
    with program.reading() as connection:
        assert own_tasks(connection, cast.lin, clock()) == ()
    pass_time(program, clock, at("2027-03-02T08:00+08:00"))
    with program.reading() as connection:
        task, = own_tasks(connection, cast.lin, clock())
    assert (task.kind, task.about, task.due_at) == ("annual", "C24.ethics", first.due_at)
    acts.do("file_annual_report", cast.lin, {"summary": "Fifteen trials", "reference": "2027-12"}, on=first.id)
    with pytest.raises(Refused, match="report_filed"):
        acts.do("file_annual_report", cast.lin, {"summary": "Again"}, on=first.id)
    pass_time(program, clock, at("2028-01-02T08:00+08:00"))
    assert told(program) == [(-60, "regulator"), (-30, "regulator")]
    assert [(one.due_at, one.filed_at is None) for one in reports(program)] == [
        (first.due_at, False), (at("2028-04-01T00:00+08:00"), True)]


@pytest.fixture
def authority(tmp_path: Path, clock: Shifted) -> Iterator[Program]:
    settings = Settings.model_validate({**settings_in(tmp_path).model_dump(), "profile": Profile.EU_AUTHORITY,
                                        "country": "DE", "timezone": "Europe/Berlin"})
    prepare(settings)
    yield from running(settings, clock)


def test_an_authority_reports_twelve_months_after_the_start_and_every_year_from_then(
        authority: Program, clock: Shifted) -> None:
    enter_cast(authority)
    first, = reports(authority)
    assert (first.key, first.due_at) == ("C24.sandbox", at("2027-03-03T00:00+01:00"))
    pass_time(authority, clock, START + 366 * DAY)
    assert [one.due_at for one in reports(authority)] == [first.due_at, at("2028-03-03T00:00+01:00")]
    assert told(authority) == [(days, "regulator") for days in (-60, -30, -7, -3, -1, 0)]

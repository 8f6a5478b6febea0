"""Quiet hours and working days of a recipient, against the published calendar of 2026."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.rules.quiet import Quiet, may_arrive, next_digest
from sandbox.rules.working_days import Calendar, is_working

SHANGHAI, CHINA = ZoneInfo("Asia/Shanghai"), Calendar("CN")
NIGHT, NEVER = Quiet(22, 7), Quiet(0, 0)
WORKING = Quiet(22, 7, working_days=True)


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(("quiet", "noted", "arrives"), (
    (NIGHT, "2026-03-02T09:30", "2026-03-02T09:30"),
    (NIGHT, "2026-03-02T22:00", "2026-03-03T07:00"),
    (NIGHT, "2026-03-02T21:59", "2026-03-02T21:59"),
    (NIGHT, "2026-03-03T06:59", "2026-03-03T07:00"),
    (NIGHT, "2026-12-31T23:00", "2027-01-01T07:00"),
    (Quiet(12, 14), "2026-03-02T13:00", "2026-03-02T14:00"),
    (Quiet(0, 8), "2026-03-02T00:00", "2026-03-02T08:00"),
    (NEVER, "2026-03-02T03:00", "2026-03-02T03:00"),
    (WORKING, "2026-03-06T23:00", "2026-03-09T07:00"),  # Friday night: Monday
    (WORKING, "2026-09-30T23:00", "2026-10-08T07:00"),  # the October holiday
    (WORKING, "2026-09-20T10:00", "2026-09-20T10:00"),  # a Sunday that is worked
    (WORKING, "2026-10-10T10:00", "2026-10-10T10:00"),  # a Saturday that is worked
    (WORKING, "2026-10-11T10:00", "2026-10-12T07:00"),
    (Quiet(0, 0, working_days=True), "2026-03-07T10:00", "2026-03-09T00:00"),
))
def test_a_message_arrives_when_its_recipient_may_be_told(quiet: Quiet, noted: str, arrives: str) -> None:
    assert may_arrive(local(noted), quiet, SHANGHAI, CHINA) == local(arrives)


@given(st.integers(0, 330 * 24 * 60), st.integers(0, 23), st.integers(0, 23), st.booleans())
def test_it_is_never_early_never_in_quiet_hours_and_settled(minutes: int, starts: int, ends: int,
                                                           working: bool) -> None:
    quiet, noted = Quiet(starts, ends, working), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    found = may_arrive(noted, quiet, SHANGHAI, CHINA)
    there = found.astimezone(SHANGHAI)
    assert found >= noted and not quiet.covers(there.hour)
    assert not working or is_working(there.date(), CHINA)
    assert may_arrive(found, quiet, SHANGHAI, CHINA) == found


@pytest.mark.parametrize(("noted", "told"), (
    ("2026-03-02T07:59", "2026-03-02T08:00"), ("2026-03-02T08:00", "2026-03-03T08:00"),
    ("2026-03-02T23:00", "2026-03-03T08:00")))
def test_what_gathers_is_told_at_the_next_eight_in_the_morning(noted: str, told: str) -> None:
    assert next_digest(local(noted), SHANGHAI) == local(told)

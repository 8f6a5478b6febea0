"""What fires ahead: as many reviews as the tier promises, each with its reminders, its recipients and its trigger."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sandbox.rules.cadence import TIERS, end_of_day, first_due, local_day
from sandbox.rules.timetable import Check, Firing, Pace, ahead

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
END = end_of_day(local_day(START, SHANGHAI) + timedelta(days=180), SHANGHAI)


def whole(tier: str) -> tuple[Firing, ...]:
    row = TIERS[tier]
    pace = Pace(tier, row.every_days, row.feedback_days, END)
    first = Check(first_due(START, tier, SHANGHAI), row.first_day, START)
    report = end_of_day(local_day(START, SHANGHAI) + timedelta(days=row.feedback_days), SHANGHAI)
    return ahead([first], report, pace, START, SHANGHAI, days=181)


@pytest.mark.parametrize(("tier", "n"), [("R1", 2), ("R2", 3), ("R3", 6), ("R4", 13)])
def test_a_trial_of_180_days_has_the_reviews_its_tier_promises(tier: str, n: int) -> None:
    due = [one.at for one in whole(tier) if one.what == "review_due"]
    assert len(due) == n
    gaps = {(after - before).days for before, after in zip(due, due[1:], strict=False)}
    assert gaps <= {TIERS[tier].every_days}


@pytest.mark.parametrize("tier", sorted(TIERS))
def test_every_review_opens_is_reminded_of_and_can_stop_the_trial(tier: str) -> None:
    found = whole(tier)
    opened, due, stops = (sum(one.what == what for one in found)
                          for what in ("review_opens", "review_due", "review_stops"))
    assert opened == due and stops >= due - 3
    assert all(one.to == ("system",) and one.if_late for one in found if one.what.endswith("_stops"))


def test_the_ladder_of_a_reminder_climbs_to_deputy_and_substitute() -> None:
    rungs = [one.to[-1] for one in whole("R1") if one.what in ("review_reminder", "review_due")][:8]
    assert rungs == ["reviewer"] * 4 + ["officer", "deputy", "substitute", "substitute"]


def test_only_the_next_one_is_certain() -> None:
    reports = [one.projected for one in whole("R2") if one.what == "report_due"]
    assert reports[:2] == [False, True] and all(reports[1:])


def test_nothing_fires_before_now_or_after_the_days_asked() -> None:
    found = whole("R4")
    assert all(START <= one.at <= START + timedelta(days=182) for one in found)
    assert [one.at for one in found] == sorted(one.at for one in found)

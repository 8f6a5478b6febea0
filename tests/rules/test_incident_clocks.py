"""Which clocks an incident starts: by class, harm, cyber level and profile."""

import pytest

from sandbox.rules.clocks import CLOCKS, EVENTS
from sandbox.rules.incident_clocks import STARTED, Case, clocks_of, summary_owed
from sandbox.rules.jurisdiction import Profile

CN, EU = Profile.CN_CITY, Profile.EU_AUTHORITY


def case(severity: str | None = None, *harms: str, kind: str = "incident", level: str | None = None,
         operator: str | None = None) -> Case:
    return Case(kind, severity, frozenset(harms), level, operator)


@pytest.mark.parametrize(("of", "profile", "keys"), [
    (case("S4"), CN, ()),
    (case("S3"), EU, ()),
    (case("S2"), CN, ("C18",)),
    (case("S1", "death"), CN, ("C18",)),
    (case("S1", "death"), EU, ("C12", "C18")),
    (case("S1", "infrastructure"), EU, ("C11", "C18")),
    (case("S1", "widespread", "death"), EU, ("C11", "C12", "C18")),
    (case("S2", "health"), EU, ("C13", "C18")),
    (case("S3", "leak"), CN, ("C16.at_once",)),
    (case("S3", "leak"), EU, ("C16.at_latest",)),
    (case("S3", level="level_1", operator="infrastructure"), CN, ("C08",)),
    (case("S3", level="level_3", operator="central_body"), CN, ("C09",)),
    (case("S2", level="level_2"), CN, ("C10", "C18")),
    (case("S4", level="level_4", operator="infrastructure"), CN, ()),
    (case("S3", level="level_1", operator="infrastructure"), EU, ()),
    (case("S1", "death", kind="near_miss"), EU, ()),
    (case(kind="complaint"), CN, ("C25.acknowledge", "C25.answer")),
])
def test_an_incident_starts_the_clocks_of_its_class_harm_and_level(of: Case, profile: Profile, keys: tuple[str, ...]):
    assert clocks_of(of, profile) == keys


def test_every_clock_of_an_incident_is_in_the_table_and_those_that_take_a_first_report_are_reports():
    named = {key for key, _ in STARTED} | {"C14", "C15", "C19"}
    assert named == {key for key, row in CLOCKS.items() if "file_incident" in EVENTS[row.starts_on].acts
                     and not row.by_due} | {"C15", "C19"}
    staged = {key for key, row in CLOCKS.items() if row.staged}
    assert staged == {"C08", "C09", "C10", "C11", "C12", "C13", "C16.at_latest"}


@pytest.mark.parametrize(("level", "profile", "owed"), [
    ("level_3", CN, True), ("level_4", CN, False), (None, CN, False), ("level_1", EU, False)])
def test_a_summary_is_owed_for_reportable_cyber_events_where_china_s_measures_hold(level: str | None, profile: Profile,
                                                                                  owed: bool):
    assert summary_owed(case("S3", level=level), profile) is owed

"""A trial's record by month, against a plain recount; what it costs does not depend on how many reports there are."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cast import START
from made import incident, kept, report
from plans import asked_of, plan

from sandbox.jobs.program import Program
from sandbox.reads.months import Month, months
from sandbox.store.feedback import FEEDBACK
from sandbox.store.incidents import INCIDENTS

DAY = timedelta(days=1)
ZONE = ZoneInfo("Asia/Shanghai")
LIMITS = [{"indicator": name, "per_exposure": 0.001} for name in ("harm_serious", "harm_any", "complaint")]
HARMS = ("harm_S1", "harm_S2", "harm_S3", "harm_S4", "complaint")


def told(program: Program, trial: str, now: datetime = START + 400 * DAY) -> tuple[Month, ...]:
    with program.reading() as connection:
        return months(connection, {"id": trial}, ZONE, now)


def key(row: dict[str, Any], column: str) -> tuple[Any, bool]:
    return row[column].astimezone(ZONE).date().replace(day=1), row["epoch"] == 0


def test_every_month_holds_what_a_plain_recount_finds(program: Program, adopted: Callable[..., list[str]]):
    chance, (mine, others) = Random(7), adopted(2, limits=LIMITS)
    start = START - 200 * DAY
    reports = [report(chance.choice((mine, mine, others)), place, start + chance.randrange(9600) * timedelta(hours=1),
                      epoch=chance.randrange(3), exposures=chance.choice((None, 12.5, 250.0)),
                      events={chance.choice(HARMS): 10**chance.randrange(11)}, retracted=place % 9 == 0)
               for place in range(300)]
    incidents = [incident(mine, place, start + chance.randrange(9600) * timedelta(hours=1), chance.choice("1234"),
                          epoch=chance.randrange(2), retracted=place % 7 == 0,
                          kind=chance.choice(("incident", "near_miss", "complaint"))) for place in range(60)]
    for one in incidents:
        one["severity"] = f"S{one['severity']}"
    kept(program, reports, incidents)
    mine_told = [one for one in reports if one["trial_id"] == mine and not one["retracted"]]
    happened = [one for one in incidents if not one["retracted"] and one["kind"] != "near_miss"]
    found = {(one.first, one.before_adoption): one for one in told(program, mine)}
    assert set(found) == {key(one, "period_start") for one in mine_told} | {key(one, "occurred_at") for one in happened}
    serious, any_harm = Counter[Any](), Counter[Any]()
    for one in happened:
        harm = one["kind"] == "incident" or one["severity"] in ("S1", "S2")  # a complaint of such harm is one too
        serious[key(one, "occurred_at")] += harm and one["severity"] != "S4"
        any_harm[key(one, "occurred_at")] += harm
    for when, month in found.items():
        of_it = [one for one in mine_told if key(one, "period_start") == when]
        known = [one["exposures"] for one in of_it if one["exposures"] is not None]
        assert (month.reports, month.exposures) == (len(of_it), sum(known) if known else None)
        for count in month.counts:
            events = {"harm_serious": HARMS[:3], "harm_any": HARMS[:4]}.get(count.indicator, (count.indicator,))
            assert count.declared == sum(one["events"].get(event, 0) for one in of_it for event in events)
        by_name = {count.indicator: count for count in month.counts}
        assert (by_name["harm_serious"].itemised, by_name["harm_any"].itemised) == (serious[when], any_harm[when])
        assert by_name["harm_any"].rate == (by_name["harm_any"].events / sum(known) if known else None)


@pytest.mark.parametrize(("reports", "incidents", "now", "differs"), [
    ([(0, 720, {"harm_S3": 2})], ["S3"], 60, True),
    ([(0, 720, {"harm_S3": 2})], ["S3", "S3"], 60, False),
    ([(0, 720, {"harm_S3": 2})], [], 60, False),  # of these not each has to be an incident
    ([(0, 720, {"harm_S3": 2})], ["S3"], 20, False),  # the month is not over
    ([], ["S3"], 60, False),  # nothing is told
    ([(0, 760, {"harm_S3": 2})], ["S3"], 60, False),  # some of it may have been in the next month
    ([(-48, 96, {}), (48, 700, {"harm_S3": 2})], ["S3"], 60, False),  # or was told in the one before
])
def test_a_month_is_compared_where_it_is_over_and_its_reports_are_of_it_alone(
        program: Program, adopted: Callable[..., list[str]], reports: list[tuple[int, int, dict[str, int]]],
        incidents: list[str], now: int, differs: bool):
    trial, first = adopted(1, limits=LIMITS)[0], datetime(2026, 6, 1, tzinfo=ZONE)
    hour = timedelta(hours=1)
    kept(program, [report(trial, place, first + start * hour, period_end=first + (start + length) * hour, events=events)
                   for place, (start, length, events) in enumerate(reports)],
         [incident(trial, place, first + DAY, severity) for place, severity in enumerate(incidents)])
    june = next(one for one in told(program, trial, first + now * DAY) if one.first == first.date())
    assert next(one for one in june.counts if one.indicator == "harm_serious").differs is differs


def test_months_are_found_along_an_index_in_as_many_queries_as_ever(
        program: Program, adopted: Callable[..., list[str]]):
    trial = adopted(1, limits=LIMITS)[0]
    kept(program, [report(trial, place, START + place * DAY) for place in range(90)],
         [incident(trial, place, START + place * DAY, "S4") for place in range(30)])
    with program.reading() as connection, asked_of(program.readers) as said:
        assert sum(one.reports for one in months(connection, {"id": trial}, ZONE, START)) == 90
        assert len(said) == 4
        for statement, parameters in said[1:]:
            found = plan(connection, statement, parameters)
            assert not any(f"{scan} {table}" in found for scan in ("SCAN", "Seq Scan on")
                           for table in (FEEDBACK.name, INCIDENTS.name)), found

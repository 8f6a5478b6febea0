"""Public records walked through the light: California's test drives live and as epoch 0, outcomes by group."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast

from sandbox.acts.act import Acts
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.reads.risk import Risk, groups, risk
from sandbox.rules.cadence import period_number
from sandbox.rules.intake import Proposal, delivered_mapping, propose, read_rows
from sandbox.store.trials import TRIALS

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
FIRST = date(2020, 12, 1)
DAY = timedelta(days=1)
LIMIT = 0.01
"""Stated for this test: one disengagement in a hundred miles. It is no judgement of anyone."""
needs_drives = pytest.mark.skipif(not list(DATA.glob("ca_dmv_2021*.csv")), reason="California's records are not there")
needs_groups = pytest.mark.skipif(not list(DATA.glob("uci_*.csv")), reason="the counts by group are not there")


@cache
def california() -> Proposal:
    tables = [read_rows(path.read_bytes(), path.name) for path in sorted(DATA.glob("ca_dmv_2021*.csv"))]
    return propose(delivered_mapping("california-test-drives"), tables)


def adopt(acts: Acts, cast: Cast, names: list[str], limits: list[dict[str, Any]], rate: float) -> dict[str, str]:
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "Drives"}).id
    proposed = acts.do("adopt_trial", cast.lin, {"trials": [{
        "title": name, "scenario_id": scenario, "organisation": "海睿", "tier": "R1", "rate_per_day": rate, "days": 360,
        "unit": "miles", "limits": limits, "unverified": "All of it", "source_key": name} for name in names]})
    return dict(acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision).trials)


def seen(program: Program, trial: str, number: int | None = None) -> tuple[Any, Risk]:
    with program.reading() as connection:
        row = connection.execute(sa.select(TRIALS).where(TRIALS.c.id == trial)).mappings().one()
        return row, risk(connection, row, program.clock(), program.settings.zone, number)


def months() -> Iterator[tuple[date, date]]:
    start = FIRST
    for _ in range(12):
        end = (start.replace(day=28) + 4 * DAY).replace(day=1)
        yield start, end
        start = end


def parts(start: datetime, end: datetime, program: Program) -> Iterator[tuple[datetime, datetime]]:
    """A month in as many parts as it has reporting periods."""
    zone, cut = program.settings.zone, start
    while start < end:
        number = period_number(START, 30, start, zone)
        while cut < end and period_number(START, 30, cut, zone) == number:
            cut += DAY
        yield start, cut
        start = cut


@needs_drives
def test_each_permit_walked_month_by_month_is_judged_on_its_own_miles(
        program: Program, acts: Acts, cast: Cast, clock: Shifted) -> None:
    record = california()
    miles = {(period.permit, period.month): float(period.exposures) for period in record.periods if period.exposures}
    events = Counter((event.permit, event.occurred_on) for event in record.events)
    permits = sorted({permit for permit, _ in miles})
    trials = adopt(acts, cast, permits, [{"indicator": "disengagement", "per_exposure": LIMIT}], 20_000.0)
    local = START.astimezone(program.settings.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for first, last in months():
        begin, end = (local + (day - FIRST) * 1 for day in (first, last))
        clock.forward(max(clock(), end))
        for permit in permits:
            if seen(program, trials[permit])[0]["state"] == "trial":
                for opens, closes in parts(begin, end, program):
                    days = [FIRST + (opens - local) + place * DAY for place in range((closes - opens).days)]
                    acts.do("file_feedback", cast.fang, {
                        "period_start": opens.isoformat(), "period_end": closes.isoformat(),
                        "exposures": miles.get((permit, first), 0.0) * len(days) / (last - first).days,
                        "events": {"disengagement": sum(events[permit, day] for day in days)}}, trials[permit])
    found = {permit: seen(program, trials[permit]) for permit in permits}
    red = {permit for permit, (row, _) in found.items() if row["light"] == "red"}
    for row, known in found.values():
        (line,) = known.indicators
        assert line.rate is None or row["light"] != "red" or line.rate > LIMIT, "nobody is stopped for another's rate"
        assert line.events or line.interval is None or line.interval.high > 0, "none seen is a bound, never a zero"
    total = sum(events.values()) / sum(miles.values())
    good = {permit for permit, (_, known) in found.items() if known.indicators[0].interval
            and known.indicators[0].interval.high < LIMIT}
    assert red and good and not red & good
    assert any(known.indicators[0].rate < total / 2 for permit, (_, known) in found.items() if permit in good), \
        "far below the pooled rate, and green beside firms that are not"


@needs_drives
def test_the_same_record_taken_over_is_epoch_nought_shown_and_never_a_cause(
        program: Program, acts: Acts, cast: Cast) -> None:
    record = california()
    chosen = [permit for permit, _ in Counter(event.permit for event in record.events).most_common(2)]
    trials = adopt(acts, cast, [*chosen, "quiet"], [{"indicator": "disengagement", "per_exposure": LIMIT}], 20_000.0)
    calm = max((period for period in record.periods if period.exposures and not period.events["disengagement"]),
               key=lambda period: float(period.exposures or 0))
    acts.do("import_feedback", cast.lin, {"reports": [
        {"period_start": calm.starts, "period_end": calm.ends, "exposures": float(calm.exposures or 0),
         "source_key": "calm"}]}, trials["quiet"])
    for permit, trial in ((permit, trials[permit]) for permit in chosen):
        acts.do("import_feedback", cast.lin, {"reports": [
            {"period_start": period.starts, "period_end": period.ends, "exposures": period.exposures and float(
                period.exposures), "events": dict(period.events), "source_key": f"{permit}-{period.month}"}
            for period in record.periods if period.permit == permit]}, trial)
    for permit, trial in ((permit, trials[permit]) for permit in chosen):
        row, past = seen(program, trial, 0)
        (line,) = past.indicators
        miles = sum(float(period.exposures or 0) for period in record.periods if period.permit == permit)
        assert (row["state"], row["light"], row["epoch"]) == ("trial", "grey", 1)
        assert line.exposures == pytest.approx(miles, abs=0.01)
    (line,) = seen(program, trials["quiet"], 0)[1].indicators
    assert line.rate == 0 and line.interval is not None, "a month without events is a bound, never a zero"
    assert line.interval.high == pytest.approx(4.5 / float(calm.exposures or 0), rel=0.1)


# Outcomes by group


def counted(name: str, group: str, good: tuple[str, str]) -> dict[str, tuple[int, int]]:
    with (DATA / name).open(encoding="utf-8") as file:
        found: dict[str, list[int]] = {}
        for row in csv.DictReader(file):
            one = found.setdefault(row[group], [0, 0])
            one[0] += int(row["n"]) if row[good[0]] == good[1] else 0
            one[1] += int(row["n"])
    return {key: (x, n) for key, (x, n) in found.items()}


@needs_groups
@pytest.mark.parametrize(("name", "good", "ratio", "past"), [
    ("uci_adult_group_counts.csv", ("outcome", ">50K"), 0.358, True),
    ("uci_german_group_counts.csv", ("credit", "good"), 0.897, False),
])
def test_selection_rates_of_public_counts_have_their_known_ratios(
        program: Program, acts: Acts, cast: Cast, clock: Shifted, name: str, good: tuple[str, str], ratio: float,
        past: bool) -> None:
    """In ten reports of a tenth each: four fifths are broken by the one record and kept by the other."""
    counts = counted(name, "sex", good)
    trial = adopt(acts, cast, [name], [{"indicator": "disparity", "per_exposure": 0.8}], 10_000.0)[name]
    clock.forward(START + 20 * DAY)
    for place in range(10):
        share = {group: (x * (place + 1) // 10 - x * place // 10, n * (place + 1) // 10 - n * place // 10)
                 for group, (x, n) in counts.items()}
        acts.do("file_feedback", cast.fang, {
            "period_start": (START + (place + 1) * DAY).isoformat(),
            "period_end": (START + (place + 2) * DAY).isoformat(), "exposures": 6000.0,
            "groups": [{"attribute": "sex", "group": group, "n": n, "favourable": x}
                       for group, (x, n) in share.items()]}, trial)
        if place == 0:
            first = shown(program, trial)
    (line,) = shown(program, trial)
    assert line.value == pytest.approx(ratio, abs=5e-4)
    assert (line.group.lower(), line.reference.lower()) == ("female", "male")
    assert first[0].log_e == 0, "the first block never moves the evidence"
    assert (seen(program, trial)[0]["light"] == "red") is past


def shown(program: Program, trial: str) -> Any:
    with program.reading() as connection:
        return groups(connection, trial, 1).lines


def test_of_a_small_group_no_ratio_is_said(program: Program, acts: Acts, cast: Cast, clock: Shifted) -> None:
    trial = adopt(acts, cast, ["small"], [{"indicator": "disparity", "per_exposure": 0.8}], 1000.0)["small"]
    clock.forward(START + 3 * DAY)
    acts.do("file_feedback", cast.fang, {
        "period_start": (START + DAY).isoformat(), "period_end": (START + 2 * DAY).isoformat(), "exposures": 500.0,
        "groups": [{"attribute": "age", "group": "old", "n": 12, "favourable": 2},
                   {"attribute": "age", "group": "young", "n": 400, "favourable": 300}]}, trial)
    (line,) = shown(program, trial)
    assert (line.value, line.n) == (None, 12) and line.rate == pytest.approx(2 / 12)

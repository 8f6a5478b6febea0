"""The Californian record as a firm would file it: as batches of NDJSON, and as files through the page. The same totals
as by import (`test_imports.py` by API and by page, `test_app.py` by command): 26 permits, 4,091,105.1 miles, 2,676
events, nine of them outside the time that the record covers and named; sent again it adds nothing."""

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from api_answers import Checked
from cast import START, Cast, adopt
from desk import desks
from test_batches import ndjson, post
from test_uploads import as_csv, settled
from test_uploads import sent as sent_file
from visitor import text_of

from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.rules.cadence import period_number
from sandbox.rules.intake import Proposal, delivered_mapping, propose, read_rows
from sandbox.store.feedback import FEEDBACK
from sandbox.store.trials import COUNTERS, TRIALS
from sandbox.web.front import make_app

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FIRST, DAY = date(2020, 12, 1), timedelta(days=1)
LIMITS = [{"indicator": "disengagement", "per_exposure": 0.01}]
HEADINGS = ["From", "To", "Miles", "Disengagements", "Key"]
NAMED = {"column_0": "period_start", "column_1": "period_end", "column_2": "exposures",
         "column_3": "events.disengagement", "column_4": "key"}
Lines = dict[str, list[dict[str, Any]]]
pytestmark = [pytest.mark.long, pytest.mark.skipif(
    not list(DATA.glob("ca_dmv_2021*.csv")), reason="the records of California are not in ../shared/data")]


@pytest.fixture(scope="module")
def record() -> Proposal:
    return propose(delivered_mapping("california-test-drives"), [
        read_rows(path.read_bytes(), path.name) for path in sorted(DATA.glob("ca_dmv_2021*.csv"))])


@pytest.fixture
def trials(program: Program, cast: Cast, clock: Shifted, record: Proposal) -> dict[str, str]:
    """A running trial for each permit, a year after its start; nothing has ticked meanwhile."""
    found = adopt(program, cast, len(record.trials), "R1", days=360, unit="miles", limits=LIMITS, rate_per_day=20_000.0)
    clock.forward(START + 366 * DAY)
    return dict(zip((one.key for one in record.trials), found, strict=True))


@pytest.fixture
def lines(program: Program, record: Proposal) -> Lines:
    """A line for each month of a permit, cut where a reporting period ends: the miles stand in the first part, events
    where they happened. The record's first day is the trial's."""
    zone = program.settings.zone
    start = START.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    happened = Counter((one.permit, one.occurred_on) for one in record.events)
    found: Lines = defaultdict(list)
    for period in record.periods:
        following = (period.month.replace(day=28) + 4 * DAY).replace(day=1)
        parts: dict[int, list[date]] = defaultdict(list)
        for place in range((following - period.month).days):
            day = period.month + place * DAY
            parts[period_number(START, 30, start + (day - FIRST), zone)].append(day)
        for part, days in enumerate(parts.values()):
            told = {} if period.exposures is None else {"exposures": 0.0 if part else float(period.exposures)}
            found[period.permit].append({
                "key": f"{period.permit}-{period.month}-{part}", **told,
                "period_start": (start + (days[0] - FIRST)).isoformat(),
                "period_end": (start + (days[-1] + DAY - FIRST)).isoformat(),
                "events": {"disengagement": sum(happened[period.permit, day] for day in days)}})
    return found


def outside(record: Proposal) -> set[str]:
    """Permits and months of which no miles are known: there an event has no place."""
    return {f"{one.permit}-{one.month}" for one in record.periods if one.exposures is None}


def totals(program: Program, trials: dict[str, str]) -> tuple[int, float, int, int]:
    """Trials with reports, miles and events, each as rows, trials and counters have it; and how many reports."""
    with program.reading() as connection:
        rows = connection.execute(sa.select(FEEDBACK.c.trial_id, FEEDBACK.c.exposures, FEEDBACK.c.events)).all()
        used = connection.execute(sa.select(sa.func.sum(TRIALS.c.used_volume))).scalar_one()
        counted = connection.execute(sa.select(sa.func.sum(COUNTERS.c.exposures), sa.func.sum(COUNTERS.c.events)).where(
            COUNTERS.c.indicator == "disengagement")).one()
    events = sum(one.events.get("disengagement", 0) for one in rows)
    assert {one.trial_id for one in rows} == set(trials.values())
    assert used == pytest.approx(counted[0]) == pytest.approx(sum(one.exposures for one in rows))
    assert counted[1] == events
    return len({one.trial_id for one in rows}), round(used, 1), events, len(rows)


def check(program: Program, trials: dict[str, str], lines: Lines, record: Proposal,
          send: Callable[[str, list[dict[str, Any]]], set[str]]) -> None:
    """Send every permit's lines, twice: what is named as refused is what lies outside, and nothing is added."""
    for again in (False, True):
        named = {one for permit, told in lines.items() for one in send(trials[permit], told)}
        without = [line for told in lines.values() for line in told if "exposures" not in line]
        assert named == {line["key"] for line in without if line["key"].rpartition("-")[0] in outside(record)}, again
        assert sum(line["events"]["disengagement"] for line in without) == 9
        kept = sum(map(len, lines.values())) - len(without)
        assert totals(program, trials) == (26, 4_091_105.1, 2_676 - 9, kept), again


def test_as_batches_of_ndjson(program: Program, cast: Cast, trials: dict[str, str], lines: Lines, record: Proposal):
    token = program.acts.do("issue_token", cast.fang, {"name": "machine", "scopes": ["read", "file"]}).secret
    client = Checked(make_app(program), token)

    def send(trial: str, told: list[dict[str, Any]]) -> set[str]:
        status, answer = post(client, trial, ndjson(told), "?partial=1")
        assert status in (200, 201), answer
        return {told[one["line"] - 1]["key"] for one in answer["results"] if one["outcome"] == "refused"}

    check(program, trials, lines, record, send)


def test_as_files_through_the_page(program: Program, cast: Cast, trials: dict[str, str], lines: Lines,
                                   record: Proposal):
    desk = desks(program)(cast.fang)
    desk.get("/?lang=en")

    def send(trial: str, told: list[dict[str, Any]]) -> set[str]:
        rows = [[line["period_start"], line["period_end"], str(line.get("exposures", "")),
                 str(line["events"]["disengagement"]), line["key"]] for line in told]
        at = sent_file(desk, trial, as_csv(rows, HEADINGS), "record.csv")
        assert desk.send(at, NAMED).status_code == 303
        faults = desk.get(f"{at}/faults.csv") if "faults" in text_of(settled(desk, at).text) else None
        assert desk.post(f"{at}/filing", {"partial": "1"}).status_code == 303
        settled(desk, at)
        said = faults.get_data().decode("utf-8-sig").splitlines()[1:] if faults else []
        return {told[int(one.split(",")[0]) - 2]["key"] for one in said}

    check(program, trials, lines, record, send)

"""Whatever is filed, corrected, taken back, repeated, late or out of order: counters, caps and deadlines are at every
step what a recount of the rows says, and the log is whole."""

import math
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast, adopt
from conftest import still
from databases import Postgres, Stencil
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandbox.acts.refusals import Invalid, Refused
from sandbox.jobs.program import Program, open_program
from sandbox.jobs.tick import beat, tick
from sandbox.rules.cadence import YELLOW_AFTER
from sandbox.rules.places import key_of
from sandbox.rules.reporting import SLACK, Schedule, joined, untold
from sandbox.rules.risk import INDICATORS
from sandbox.store.clocks import CLOCKS
from sandbox.store.coverage import ISLANDS, NO_USE, PLACES
from sandbox.store.distributions import DISTRIBUTIONS, IN_BINS
from sandbox.store.dues import DUES
from sandbox.store.feedback import CORRECTIONS, FEEDBACK
from sandbox.store.incidents import INCIDENTS
from sandbox.store.retractions import RETRACTIONS
from sandbox.store.settings import Settings
from sandbox.store.trials import COUNTERS, TRIALS, USED
from sandbox.store.verification import verify

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIMITS = ("harm_serious", "harm_any", "complaint", "override", "disengagement")
CAPS = {"used_volume": "exposures", "used_people": "people_new", "used_hours": "hours", "used_money": "money"}
RUNNING = ("trial", "tune")
EVENTS = st.dictionaries(st.sampled_from(("harm_S2", "harm_S3", "harm_S4", "complaint", "override", "disengagement")),
                         st.integers(0, 3), max_size=2)
AMOUNT = st.integers(0, 4000).map(lambda tenths: tenths / 10)
FIGURES = st.fixed_dictionaries({"exposures": AMOUNT}, optional={
    "people_new": st.integers(0, 40), "hours": AMOUNT, "money": AMOUNT, "reviewed": st.integers(0, 300),
    "distributions": st.lists(st.integers(0, 9), min_size=10, max_size=10).map(
        lambda counts: [{"name": "score", "counts": counts}]),
    "events": EVENTS, "region": st.sampled_from(("East", "west")), "model_version": st.sampled_from(("1", "v1", "2"))})
SEVERITIES, KINDS = st.sampled_from(("S2", "S3", "S4")), st.sampled_from(("incident", "complaint", "near_miss"))
SITES = st.sampled_from((None, None, "A", "b"))


class Machine(RuleBasedStateMachine):
    """One trial, its firm, an officer and a reviewer, and a clock that only goes forward."""

    copied: Callable[[Path], Settings]
    dropped: Callable[[Settings], None]
    folder: Path
    cast: Cast
    made = 0

    @initialize(volume=st.sampled_from((None, 6000.0)), places=st.sampled_from((None, "East、West", "1")))
    def begin(self, volume: float | None, places: str | None) -> None:
        Machine.made += 1
        folder = self.folder / str(Machine.made)
        folder.mkdir()
        self.clock = still()
        self.program: Program = open_program(self.copied(folder), self.clock)
        self.trial = adopt(self.program, self.cast, 1, volume=volume, regions=places, model_version="1", limits=[
            {"indicator": name, "per_exposure": 0.05} for name in LIMITS],
            baselines=[{"name": "score", "cut": "Deciles", "counts": [20] * 10}])[0]
        seat = self.do("assign_reviewer", self.cast.lin, {"account_id": self.cast.rui.id, "panel": "running"}).id
        self.do("answer_assignment", self.cast.rui, {"conflict": False, "accepted": True}, seat)
        self.sent: list[tuple[str, str, dict[str, Any], Any]] = []
        self.seen: dict[str, int] = {}

    def do(self, act: str, who: Any, given: dict[str, Any], on: str | None = None, key: str | None = None) -> Any:
        return self.program.acts.do(act, who, given, on or self.trial, key=key)

    def tried(self, act: str, who: Any, given: dict[str, Any], on: str | None = None) -> None:
        """An act that may well be refused; one that is done can be sent again."""
        key = f"k{len(self.sent)}"
        try:
            done = self.do(act, who, given, on, key)
        except (Refused, Invalid, ValueError):
            return
        self.sent.append((act, key, given, (who, on, done)))

    def rows(self, table: sa.Table, *where: Any) -> list[dict[str, Any]]:
        with self.program.reading() as connection:
            query = sa.select(table).where(*where)
            query = query.where(table.c.trial_id == self.trial) if "trial_id" in table.c else query
            return [dict(row) for row in connection.execute(query).mappings()]

    def row(self) -> dict[str, Any]:
        with self.program.reading() as connection:
            return dict(connection.execute(sa.select(TRIALS).where(TRIALS.c.id == self.trial)).mappings().one())

    # What people and the clock do

    @rule(hours=st.sampled_from((1, 7, 24, 60, 169)))
    def time_passes(self, hours: int) -> None:
        to = self.clock() + hours * HOUR
        self.clock.forward(to)
        beat(self.program, to)
        tick(self.program)

    @rule(start=st.integers(0, 200), length=st.sampled_from((1, 6, 24, 48)), site=SITES, figures=FIGURES)
    def a_report_is_filed(self, start: int, length: int, site: str | None, figures: dict[str, Any]) -> None:
        """Early, late, out of order, over another one or not at all."""
        whole = START + start * HOUR
        self.tried("file_feedback", self.cast.fang, span(whole, whole + length * HOUR) | figures | {"site": site})

    @rule(figures=FIGURES)
    def the_next_report_is_filed(self, figures: dict[str, Any]) -> None:
        row = self.row()
        start = max(row["covered_until"] or row["starts_at"], row["owed_since"])
        plan = Schedule(row["starts_at"], 7, self.program.settings.zone)
        self.tried("file_feedback", self.cast.fang,
                   span(start, min(self.clock(), plan.deadline(plan.after(start)))) | figures)

    @rule(start=st.integers(-20, 100), length=st.sampled_from((5, 30, 200)))
    def no_use_is_planned(self, start: int, length: int) -> None:
        begin = self.clock() + start * HOUR
        self.tried("plan_no_use", self.cast.fang, span(begin, begin + length * HOUR))

    @rule(data=st.data())
    def a_plan_is_taken_back(self, data: st.DataObject) -> None:
        self.choose(data, NO_USE, "withdraw_no_use", self.cast.fang, {})

    @rule(data=st.data(), figures=FIGURES)
    def a_report_is_corrected(self, data: st.DataObject, figures: dict[str, Any]) -> None:
        found = sorted(self.rows(FEEDBACK), key=lambda one: self.seen[one["id"]])
        if found:
            old = data.draw(st.sampled_from(found), label="report")
            given = span(old["period_start"], old["period_end"]) | figures | {"site": old["site"]}
            self.tried("correct_feedback", self.cast.fang, {"report": given, "reason": "Recounted"}, old["id"])

    @rule(data=st.data(), accept=st.booleans())
    def an_officer_decides(self, data: st.DataObject, accept: bool) -> None:
        self.choose(data, CORRECTIONS, "decide_correction", self.cast.lin, {"accept": accept, "reason": "Seen"})

    @rule(hours=st.integers(0, 200), severity=SEVERITIES, kind=KINDS)
    def an_incident_is_filed(self, hours: int, severity: str, kind: str) -> None:
        self.tried("file_incident", self.cast.fang, {
            "kind": kind, "severity": severity, "occurred_at": (START + hours * HOUR).isoformat()})

    @rule(data=st.data(), severity=SEVERITIES, kind=KINDS)
    def an_officer_says_what_it_was(self, data: st.DataObject, severity: str, kind: str) -> None:
        self.choose(data, INCIDENTS, "update_incident", self.cast.lin, {
            "kind": kind, "severity": severity, "reason": "Seen on site"})

    @rule(data=st.data(), table=st.sampled_from(("feedback", "incident")))
    def something_is_to_be_taken_back(self, data: st.DataObject, table: str) -> None:
        self.choose(data, FEEDBACK if table == "feedback" else INCIDENTS, f"retract_{table}", self.cast.fang,
                    {"why": "spurious", "reason": "By mistake"})

    @rule(data=st.data(), accept=st.booleans())
    def a_reviewer_decides(self, data: st.DataObject, accept: bool) -> None:
        self.choose(data, RETRACTIONS, "decide_retraction", self.cast.rui, {"accept": accept, "reason": "Seen"})

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def something_is_sent_again(self, data: st.DataObject) -> None:
        act, key, given, (who, on, done) = data.draw(st.sampled_from(self.sent), label="sent")
        assert self.do(act, who, given, on, key) == done

    def choose(self, data: st.DataObject, table: sa.Table, act: str, who: Any, given: dict[str, Any]) -> None:
        found = sorted((one["id"] for one in self.rows(table)), key=self.seen.__getitem__)
        if found:
            self.tried(act, who, given, data.draw(st.sampled_from(found), label=table.name))

    # What must hold after every step

    @invariant()
    def rows_are_numbered(self) -> None:
        """In the order in which they came: ids of one instant sort by chance, and no life could be lived again."""
        if hasattr(self, "trial"):
            for table in (FEEDBACK, NO_USE, CORRECTIONS, INCIDENTS, RETRACTIONS):
                for one in sorted(self.rows(table), key=lambda one: (one["at"], str(one.get("period_start")))):
                    self.seen.setdefault(one["id"], len(self.seen))

    @invariant()
    def counters_are_what_the_rows_say(self) -> None:
        if not hasattr(self, "trial"):
            return
        told: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])
        for report in self.reports():
            for name in LIMITS:
                built_in = INDICATORS.get(name)
                of = built_in.events if built_in else (name,)
                sums = told[report["epoch"], name]
                sums[0] += sum(report["events"].get(event, 0) for event in of)
                sums[2] += report[built_in.denominator if built_in else "exposures"] or 0
        for incident in self.rows(INCIDENTS, ~INCIDENTS.c.retracted, INCIDENTS.c.kind != "near_miss"):
            complaint = incident["kind"] == "complaint"
            told[incident["epoch"], "complaint"][1] += complaint
            for name in ("harm_serious", "harm_any"):
                if f"harm_{incident['severity']}" in INDICATORS[name].events and (
                        not complaint or incident["severity"] == "S2"):
                    told[incident["epoch"], name][1] += 1
        kept: dict[tuple[int, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])
        for row in self.rows(COUNTERS, COUNTERS.c.indicator.in_(LIMITS)):
            for place, name in enumerate(("events", "itemised", "exposures")):
                kept[row["epoch"], row["indicator"]][place] += row[name]
        assert exact(kept) == exact(told)

    @invariant()
    def grave_harm_that_reports_count_and_nobody_itemised_has_its_clock(self) -> None:
        if not hasattr(self, "trial"):
            return
        beyond: dict[int, int] = defaultdict(int)
        plan = Schedule(self.row()["starts_at"], 7, self.program.settings.zone)
        for report in self.reports():
            beyond[plan.number(report["period_start"])] += report["events"].get("harm_S2", 0)
        for incident in self.rows(INCIDENTS, ~INCIDENTS.c.retracted, INCIDENTS.c.kind != "near_miss"):
            beyond[plan.number(incident["occurred_at"])] -= incident["severity"] == "S2"
        running = self.rows(CLOCKS, CLOCKS.c.key == "D12", CLOCKS.c.ended_at.is_(None))
        assert len(running) == any(number > 0 for number in beyond.values())

    @invariant()
    def distributions_are_what_the_rows_say(self) -> None:
        if not hasattr(self, "trial"):
            return
        told: dict[int, list[float]] = defaultdict(lambda: [0] * 10)
        kept: dict[int, list[float]] = defaultdict(lambda: [0] * 10)
        for report in self.reports():
            for one in report["distributions"]:
                told[report["epoch"]] = [a + b for a, b in zip(told[report["epoch"]], one["counts"], strict=True)]
        for row in self.rows(DISTRIBUTIONS):
            bins = [row[column.name] for column in IN_BINS]
            kept[row["epoch"]] = [a + b for a, b in zip(kept[row["epoch"]], bins, strict=True)]
            assert min(bins) >= 0 and (row["looked_at"] is None) == (row["psi"] is None)
        assert exact(kept) == exact(told)

    @invariant()
    def what_is_used_is_what_the_rows_say(self) -> None:
        if not hasattr(self, "trial"):
            return
        row, reports = self.row(), self.reports()
        for column, name in CAPS.items():
            whole = sum(one[name] or 0 for one in reports)
            assert math.isclose(row[column], whole, abs_tol=1e-6), column
            course = [one[column.removeprefix("used_")] for one in self.rows(USED)]
            assert math.isclose(sum(course), whole, abs_tol=1e-6) and min(course, default=0) >= 0, column
        assert row["reports"] == len(reports)
        places = {(kind, key_of(one[kind])) for one in reports for kind in ("region", "site") if one[kind]}
        assert {(one["kind"], one["key"]) for one in self.rows(PLACES)} == places
        assert (row["used_regions"], row["used_sites"]) == tuple(
            sum(kind == of for kind, _ in places) for of in ("region", "site"))

    @invariant()
    def what_is_told_and_due_is_what_the_rows_say(self) -> None:
        if not hasattr(self, "trial"):
            return
        row, since = self.row(), self.row()["owed_since"]
        spans = [(one["period_start"], one["period_end"]) for one in self.reports()]
        spans += [(one["period_start"], one["holds_until"]) for one in self.rows(NO_USE)
                  if one["holds_until"] > one["period_start"]]
        told = joined((max(start, since), end) for start, end in spans if end > since)
        first = told[0][1] if told and told[0][0] <= since + SLACK else since
        reach = max(row["covered_until"] or since, since)
        assert reach == first
        islands = tuple(sorted((one["start_at"], one["end_at"]) for one in self.rows(ISLANDS)))
        assert untold(islands, reach, START + 400 * DAY) == untold(told, first, START + 400 * DAY)
        if row["state"] in RUNNING:
            plan = Schedule(row["starts_at"], 7, self.program.settings.zone)
            dues = {one["kind"]: one["at"] for one in self.rows(DUES)}
            due = plan.deadline(plan.after(first))
            assert dues.get("feedback_late", due + YELLOW_AFTER) >= due + YELLOW_AFTER

    @invariant()
    def no_two_reports_tell_of_the_same_time(self) -> None:
        if not hasattr(self, "trial"):
            return
        for site in {one["site_key"] for one in self.reports()}:
            spans = sorted((one["period_start"], one["period_end"]) for one in self.reports()
                           if one["site_key"] in (site, ""))
            assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))

    def reports(self) -> list[dict[str, Any]]:
        return self.rows(FEEDBACK, ~FEEDBACK.c.retracted)

    def teardown(self) -> None:
        if hasattr(self, "program"):
            with self.program.reading() as connection:
                assert verify(connection).problems == ()
            self.program.close()
            self.dropped(self.program.settings)
            shutil.rmtree(self.program.settings.data)


def exact(sums: Mapping[Any, list[float]]) -> dict[Any, list[float]]:
    """Without what is nought, to the millionth: so counters keep it."""
    return {key: [round(one, 6) for one in each] for key, each in sums.items() if any(round(one, 6) for one in each)}


def span(start: datetime, end: datetime) -> dict[str, Any]:
    return {"period_start": start.isoformat(), "period_end": end.isoformat()}


@pytest.fixture
def machine(filled: Stencil, tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[str, int, int], None]:
    """`machine("sqlite", 12, 25)`: so many lives of so many steps on that database."""

    def copy_on(kind: str) -> None:
        if kind == "sqlite":
            Machine.copied, Machine.dropped = staticmethod(filled.on_file), staticmethod(lambda settings: None)
        else:
            server: Postgres = request.getfixturevalue("postgres")
            Machine.copied = staticmethod(lambda folder: filled.on_server(server, folder))
            Machine.dropped = staticmethod(lambda settings: server.drop(settings.database_url or ""))
        Machine.dropped(Machine.copied(tmp_path))  # made now where no test before has
        Machine.cast, Machine.folder = filled.filled[kind], tmp_path

    def run(kind: str, examples: int, steps: int) -> None:
        copy_on(kind)
        run_state_machine_as_test(Machine, settings=settings(
            max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck)))

    return run


@pytest.mark.parametrize(("kind", "lives", "steps"), [
    ("sqlite", 12, 25), ("postgresql", 4, 20),
    pytest.param("sqlite", 600, 60, marks=pytest.mark.long),
    pytest.param("postgresql", 150, 60, marks=pytest.mark.long)])
def test_after_every_step_counters_caps_and_deadlines_equal_a_recount(
        machine: Callable[[str, int, int], None], kind: str, lives: int, steps: int) -> None:
    machine(kind, lives, steps)

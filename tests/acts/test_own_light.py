"""A firm cannot clear or soften its own light: whatever it does, in whatever order, evidence is what an oracle says of
everything ever told, and the light only rises."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cast import START, Cast
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.acts.refusals import Invalid, NotPermitted, Refused
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.store.trials import TRIALS

DAY = timedelta(days=1)
RATE, LIMIT, EVERY, DAYS = 100.0, 0.01, 7, 180
RANK = {"grey": 0, "green": 0, "yellow": 1, "red": 2}
FACTORS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)


@dataclass
class Oracle:
    """Everything ever told that counts, by period, and the evidence by its formula: no states, no short cuts."""

    start: datetime
    told: dict[int, list[float]] = field(default_factory=dict)
    itemised: dict[int, int] = field(default_factory=dict)

    def period(self, at: datetime) -> int:
        days = (at.astimezone(self.start.tzinfo).date() - self.start.date()).days
        return max(1, -(-days // EVERY))

    def ends(self, period: int) -> datetime:
        return self.start.replace(hour=0, minute=0) + (1 + period * EVERY) * DAY

    def report(self, opens: datetime, events: int, exposures: float) -> None:
        one = self.told.setdefault(self.period(opens), [0, 0.0])
        one[0], one[1] = one[0] + events, one[1] + exposures

    def log_e(self, covered: datetime, now: datetime) -> float:
        """Change-aware evidence over D periods; untold time at the rate of the caps, told exposures at most that."""
        planned = self.period(self.start + DAYS * DAY)
        counted: dict[int, tuple[float, float]] = {}
        for period in range(1, self.period(now) + 1):
            opens = self.start if period == 1 else self.ends(period - 1)
            most = RATE * max(0.0, (min(now, self.ends(period)) - opens) / DAY)
            untold = RATE * max(0.0, (min(now, self.ends(period)) - max(covered, opens)) / DAY)
            k, n = self.told.get(period, (0, 0.0))
            counted[period] = (max(k, self.itemised.get(period, 0)), min(n, most) + untold)
        unbet = 1.0
        bets = {period: 0.5 if period == 1 else 0.5 / (planned - 1) for period in range(1, planned + 1)}
        wealth = dict.fromkeys(FACTORS, 0.0)
        for period, (k, n) in counted.items():
            unbet -= bets.get(period, 0.0)
            for factor in FACTORS:
                gain = factor**k * math.exp((1 - factor) * LIMIT * n)
                wealth[factor] = (wealth[factor] + bets.get(period, 0.0)) * gain
        return math.log(sum(wealth.values()) / len(FACTORS) + unbet)


@dataclass
class Firm:
    """The firm's hand on its trial: what it tries, and the oracle beside it."""

    program: Program
    cast: Cast
    clock: Shifted
    trial: str
    oracle: Oracle
    covered: datetime
    filed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def row(self) -> Any:
        with self.program.reading() as connection:
            return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == self.trial)).mappings().one()

    def do(self, name: str, given: dict[str, Any], on: str | None = None) -> Any:
        try:
            return self.program.acts.do(name, self.cast.fang, given, on or self.trial)
        except (Refused, NotPermitted, Invalid):
            return None

    def wait(self, hours: int) -> None:
        self.clock.forward(self.clock() + timedelta(hours=hours))

    def report(self, hours: int, events: int, share: float) -> None:
        """Early or late, whole or a part: the time since the last report, up to now and to the period's end."""
        ends = self.oracle.ends(self.oracle.period(self.covered))
        until = min(self.clock(), self.covered + timedelta(hours=hours), ends)
        if until <= self.covered:
            return
        exposures = round(RATE * ((until - self.covered) / DAY) * share, 3)
        given = {"period_start": self.covered.isoformat(), "period_end": until.isoformat(), "exposures": exposures,
                 "events": {"complaint": events} if events else {}}
        done = self.do("file_feedback", given)
        if done is not None:
            self.oracle.report(self.covered, events, exposures)
            self.covered = until
            self.filed.append((done.id, given))

    def correct(self, place: int, events: int, more: float) -> None:
        """More exposures or fewer events wait for an officer and count for nothing; more events count at once."""
        if not self.filed:
            return
        place %= len(self.filed)
        report, given = self.filed[place]
        was = given["events"].get("complaint", 0)
        new = {**given, "exposures": given["exposures"] + more, "events": {"complaint": max(0, was + events)}}
        done = self.do("correct_feedback", {"report": new, "reason": "Recounted"}, report)
        if done is not None:
            softer = more > 0 or max(0, was + events) < was
            assert (done.state == "waiting") is softer
        if done is not None and done.state == "applied":
            self.oracle.report(datetime.fromisoformat(given["period_start"]), max(0, was + events) - was, more)
            self.filed[place] = (report, new)

    def complaint(self, hours_ago: int) -> None:
        """A complaint that occurred some time ago, told now."""
        at = max(self.oracle.start, self.clock() - timedelta(hours=hours_ago))
        if self.do("file_incident", {"kind": "complaint", "occurred_at": at.isoformat()}) is not None:
            period = self.oracle.period(at)
            self.oracle.itemised[period] = self.oracle.itemised.get(period, 0) + 1

    def pretend(self, what: str) -> None:
        """A narrower cap, another plan, a release, an extension, clearing the light, lifting its own stop."""
        tries: dict[str, tuple[str, dict[str, Any]]] = {
            "cap": ("file_section", {"kind": "exposure", "body": {"volume": 1.0, "rate_per_day": 1.0, "days": 10}}),
            "limit": ("file_section", {"kind": "plan", "body": {"limits": []}}),
            "release": ("change_trial", {"title": "Version 2"}),
            "extend": ("make_move", {"move": "extend"}), "clear": ("clear_yellow", {"reason": "All is well"}),
            "lift": ("make_move", {"move": "lift_suspension"}), "void": ("make_move", {"move": "void_suspension"}),
        }
        self.do(*tries[what])


moves = st.one_of(
    st.tuples(st.just("wait"), st.integers(1, 200)),
    st.tuples(st.just("report"), st.integers(6, 200), st.integers(0, 9), st.sampled_from([0.2, 0.9, 1.0, 3.0])),
    st.tuples(st.just("correct"), st.integers(0, 9), st.integers(-3, 3), st.sampled_from([0.0, 0.0, 500.0])),
    st.tuples(st.just("complaint"), st.integers(0, 400)),
    st.tuples(st.just("pretend"), st.sampled_from(["cap", "limit", "release", "extend", "clear", "lift", "void"])),
)


@pytest.fixture
def firms(program: Program, cast: Cast, clock: Shifted) -> Callable[[], Firm]:
    """Another fresh trial of Fang's, at the clock's present instant."""
    scenario = program.acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
    made: list[str] = []

    def another() -> Firm:
        key = f"trial-{len(made)}"
        proposed = program.acts.do("adopt_trial", cast.lin, {"trials": [{
            "title": key, "scenario_id": scenario, "organisation": "海睿", "tier": "R3", "rate_per_day": RATE,
            "days": DAYS, "limits": [{"indicator": "complaint", "per_exposure": LIMIT}], "unverified": "Before",
            "source_key": key}]})
        trial = program.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision).trials[key]
        made.append(trial)
        start = clock().astimezone(program.settings.zone)
        return Firm(program, cast, clock, trial, Oracle(start), start)

    assert clock() >= START
    return another


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=st.lists(moves, min_size=5, max_size=24))
def test_whatever_a_firm_does_its_light_only_rises_and_its_evidence_is_the_oracles(
        firms: Callable[[], Firm], done: list[tuple[Any, ...]]) -> None:
    firm = firms()
    before = firm.row()
    for name, *arguments in done:
        assessed = before["assessments"]
        getattr(firm, name)(*arguments)
        after = firm.row()
        assert RANK[after["light"]] >= RANK[before["light"]], (name, arguments)
        assert (after["epoch"], after["epoch_since"], after["planned_periods"], after["cleared_at_log_e"]) == (
            1, before["epoch_since"], before["planned_periods"], None)
        assert (after["rate_per_day"], after["alpha"]) == (before["rate_per_day"], before["alpha"])
        if after["assessments"] > assessed and after["state"] == "trial":
            assert after["log_e"] == pytest.approx(firm.oracle.log_e(firm.covered, firm.clock()), abs=1e-6), name
        before = after

"""Whatever is asked, granted and reported, in any order: what is used stays within the caps or the trial stands still,
evidence is what it was, and no version of a plan changes."""

from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import sqlalchemy as sa
from conftest import running, still
from databases import Stencil
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from walked import month, taken_up  # noqa: F401 the fixture
from world import World

from sandbox.acts.light import CAPS
from sandbox.acts.refusals import Invalid, Refused, Unmet
from sandbox.jobs.demo.walks import Walk
from sandbox.store.changes import PLAN_VERSIONS
from sandbox.store.trials import COUNTERS, LIMITS

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CAPPED = st.sampled_from(("people", "volume"))
STEPS = st.lists(st.one_of(
    st.tuples(st.sampled_from(("A2", "A4")), st.dictionaries(CAPPED, st.floats(0.01, 3), min_size=1)),
    st.tuples(st.just("A5"), st.sampled_from(("1.5", "1.6"))), st.tuples(st.just("A6"), st.integers(1, 180)),
    st.tuples(st.just("A7"), st.none()),
    st.tuples(st.just("report"), st.fixed_dictionaries({"volume": st.floats(0, 0.4), "people": st.floats(0, 0.4)})),
), min_size=4, max_size=9)


class Life:
    """One trial's life, and what must be so at every step of it."""

    def __init__(self, world: World, one: Walk) -> None:
        self.world, self.one, self.hour = world, one, 0
        self.versions: dict[int, Any] = {}
        self.accepted = 0

    def rows(self, table: sa.Table) -> list[Any]:
        with self.world.program.reading() as connection:
            return [dict(row) for row in connection.execute(sa.select(table).where(
                table.c.trial_id == self.one.trial).order_by(*table.primary_key.columns)).mappings()]

    def evidence(self) -> Any:
        trial = self.world.trial(self.one)
        return self.rows(COUNTERS), self.rows(LIMITS), trial["epoch"], trial["epoch_since"]

    def step(self, what: str, how: Any) -> None:
        """One step; whatever is refused changes nothing."""
        before = self.evidence()
        try:
            if what == "report":
                self.report(how)
            else:
                self.change(what, how)
        except (Invalid, Refused):
            pass
        assert what == "report" or self.evidence() == before
        self.sound()

    def report(self, used: dict[str, float]) -> None:
        """An hour of use: shares of the caps that were agreed at first."""
        self.hour += 1
        trial, start = self.world.trial(self.one), self.one.covered.replace(minute=0) + self.hour * HOUR
        people = int(used["people"] * 900)
        self.one.act("file_feedback", self.one.firm, period_start=start.isoformat(), people=people, people_new=people,
                     period_end=(start + HOUR).isoformat(), exposures=used["volume"] * (trial["cap_volume"] or 0))

    def change(self, kind: str, how: Any) -> None:
        trial = self.world.trial(self.one)
        body: dict[str, Any] = {
            "A5": {"model_version": how, "regression": "All", "regression_passed": True}, "A6": {"more_days": how},
            "A7": {"items": [{"item": "Retrain", "owner": "Wang", "due_on": "2026-12-01", "acceptance_test": "All"}]},
        }.get(kind) or {name: int(trial[f"cap_{name}"] * share) for name, share in how.items()}
        filed = self.one.act("file_change", self.one.firm, kind=kind, body={"reason": "As it comes", **body})
        if filed["state"] == "filed":
            self.one.hold_reviews()
            try:
                done = self.one.act("decide_change", "regulator", filed["id"], accept=True, reason="Good")
                if done["decision"]:
                    self.one.act("vote_on_decision", "regulator2", done["decision"], value="for")
            except Unmet:
                self.one.act("withdraw_change", self.one.firm, filed["id"])
                raise
        self.accepted += 1

    def sound(self) -> None:
        trial = self.world.trial(self.one)
        within = all(trial[cap] is None or trial[used] <= trial[cap] for used, cap in CAPS)
        assert within or trial["state"] == "suspended", {cap: (trial[used], trial[cap]) for used, cap in CAPS}
        now = {row["number"]: row for row in self.rows(PLAN_VERSIONS)}
        assert {number: now[number] for number in self.versions} == self.versions
        assert list(now) == list(range(1, trial["plan_version"] + 1)) and len(now) == 1 + self.accepted
        self.versions = now


@pytest.mark.parametrize(("kind", "examples"), [
    ("sqlite", 4), pytest.param("sqlite", 150, marks=pytest.mark.long),
    pytest.param("postgresql", 60, marks=pytest.mark.long)])
def test_no_sequence_of_changes_passes_a_cap_or_touches_evidence(
        request: pytest.FixtureRequest, tmp_path: Path, month: Stencil, kind: str, examples: int) -> None:  # noqa: F811
    accepted = 0

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def live(steps: list[tuple[str, Any]]) -> None:
        nonlocal accepted
        folder, clock = Path(mkdtemp(dir=tmp_path)), still()
        copy = month.on_file(folder) if kind == "sqlite" else month.on_server(
            request.getfixturevalue("postgres"), folder)
        for program in running(copy, clock):
            life = Life(*taken_up(program, clock, month.filled[kind]))
            clock.forward(clock() + 2 * DAY)
            for what, how in steps:
                life.step(what, how)
            accepted += life.accepted

    live()
    assert accepted >= examples  # or nothing was proved

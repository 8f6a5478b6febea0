"""Whatever is rescheduled, paused, held late or stood in for: a running trial never passes the law's cap between two
reviews without being stopped for it, and a review is opened once."""

import itertools
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from cast import Cast
from conftest import still
from databases import Stencil
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sandbox.acts.refusals import Invalid
from sandbox.jobs.clock import walk
from sandbox.jobs.program import open_program
from sandbox.rules.cadence import cap_at, end_of_day, local_day
from sandbox.rules.lifecycle import RUNNING
from sandbox.store.dues import DUES, DueKind
from sandbox.store.log import LOG
from sandbox.store.reviews import REVIEW_DATES, REVIEWS
from sandbox.store.trials import SUSPENSIONS, TRIALS
from sandbox.store.verification import verify

DAY = timedelta(days=1)
DAYS = 360
STOPPED = timedelta(days=14)


class Reviews(RuleBasedStateMachine):
    """One pilot of a year with a panel of five. Its firm files and tests its kill switch on time, so that only reviews
    can stop it."""

    filled: Stencil

    @initialize(tier=st.sampled_from(("R1", "R2", "R3", "R4")))
    def begin(self, tier: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock, self.tier = still(), tier
        self.program = open_program(self.filled.on_file(self.folder), self.clock)
        self.acts, cast = self.program.acts, self.filled.filled["sqlite"]
        self.cast: Cast = cast
        scenario = self.acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
        pilot = {"title": "Pilot", "scenario_id": scenario, "organisation": "海睿", "tier": tier, "days": DAYS,
                 "rate_per_day": 100.0, "limits": [{"indicator": "harm_any", "per_exposure": 0.01}],
                 "unverified": "All"}
        proposed = self.acts.do("adopt_trial", cast.lin, {"trials": [pilot]})
        self.acts.do("vote_on_decision", cast.zhou, {"value": "for"}, on=proposed.decision)
        self.trial = str(self.one(sa.select(TRIALS.c.id)))
        self.panel = (cast.rui, cast.shen, cast.mei, cast.reviewers[0], cast.reviewers[1])
        for who in self.panel:
            seat = self.acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": "running"}, self.trial).id
            self.acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, seat)
        self.filed_until = self.clock()
        self.keep_up()

    def one(self, query: Any) -> Any:
        with self.program.reading() as connection:
            return connection.execute(query).scalar()

    def row(self) -> Any:
        with self.program.reading() as connection:
            return connection.execute(sa.select(TRIALS).where(TRIALS.c.id == self.trial)).one()

    def open_review(self) -> str | None:
        found = self.one(sa.select(REVIEWS.c.id).where(REVIEWS.c.trial_id == self.trial, REVIEWS.c.state == "open"))
        return None if found is None else str(found)

    def keep_up(self) -> None:
        """The day's report and the kill switch's test."""
        now = self.clock()
        if self.row().state not in RUNNING:
            return
        midnight = end_of_day(local_day(now, self.program.settings.zone) - DAY, self.program.settings.zone)
        if midnight > self.filed_until:
            self.acts.do("file_feedback", self.cast.fang, {
                "period_start": self.filed_until, "period_end": midnight, "exposures": 10.0}, self.trial)
            self.filed_until = midnight
        self.acts.do("file_section", self.cast.fang, {"kind": "kill_switch", "body": {
            "tested_on": now.date().isoformat(), "tested_by": "Shift leader", "result": "Stopped within a second"}},
            self.trial)

    @rule(days=st.sampled_from((1, 2, 3, 5, 8, 13, 30)))
    def days_pass(self, days: int) -> None:
        for _ in range(days):
            walk(self.program, self.clock, self.clock() + DAY)
            self.keep_up()

    @precondition(lambda self: self.open_review() is not None)
    @rule(stand_in=st.booleans())
    def a_review_is_held(self, stand_in: bool) -> None:
        review = self.open_review()
        for who in () if stand_in else self.panel:
            self.acts.do("give_opinion", who, {"conflict": False, "recommendation": "continue", "reason": "-"}, review)
        self.acts.do("conclude_review", self.cast.lin, {"recommendation": "continue", "conclusion": "Go on",
                                                        "stand_in": stand_in}, review)

    @rule(days=st.integers(-30, 400), who=st.sampled_from(("lin", "rui")))
    def a_review_is_moved(self, days: int, who: str) -> None:
        planned = self.one(sa.select(REVIEWS.c.id).where(
            REVIEWS.c.trial_id == self.trial, REVIEWS.c.kind == "periodic", REVIEWS.c.state.in_(("planned", "open"))))
        due = self.one(sa.select(REVIEWS.c.due_at).where(REVIEWS.c.id == planned))
        if planned is None:
            return
        try:
            self.acts.do("reschedule_review", getattr(self.cast, who), {"due_at": due + days * DAY, "reason": "-"},
                         planned)
        except Invalid as refused:
            assert {path for path, _ in refused.errors} == {("due_at",)}

    @precondition(lambda self: self.row().state == "trial")
    @rule()
    def the_firm_pauses(self) -> None:
        self.acts.do("make_move", self.cast.fang, {"move": "suspend", "reason": "A look at the brakes"}, self.trial)

    @precondition(lambda self: self.stopped_by_the_firm())
    @rule()
    def it_goes_on(self) -> None:
        moved = self.acts.do("make_move", self.cast.lin, {"move": "lift_suspension", "reason": "Looked at"}, self.trial)
        if moved.decision:
            self.acts.do("vote_on_decision", self.cast.zhou, {"value": "for"}, moved.decision)
        self.filed_until = self.clock()

    def stopped_by_the_firm(self) -> bool:
        """And for no longer than a stop may last that is simply lifted."""
        row = self.row()
        if row.state != "suspended" or self.clock() - row.state_since > STOPPED:
            return False
        return bool(self.one(sa.select(SUSPENSIONS.c.cause).where(
            SUSPENSIONS.c.id == row.suspension_id, SUSPENSIONS.c.other_causes == "")) == "voluntary")

    @invariant()
    def a_running_trial_is_inside_the_cap(self) -> None:
        if not hasattr(self, "trial"):
            return
        row = self.row()
        held = self.one(sa.select(sa.func.max(REVIEWS.c.held_at)).where(
            REVIEWS.c.trial_id == self.trial, REVIEWS.c.stand_in.is_(False)))
        cap = cap_at(held or row.starts_at, self.tier, self.program.settings.zone)
        assert row.state not in RUNNING or self.clock() <= cap

    @invariant()
    def a_running_trial_owes_one_review_that_opens_and_stops_it_in_time(self) -> None:
        """Whatever was held late, moved or stopped, through the holidays of the year: there is one periodic review,
        due inside the cap, whose opening and whose trigger are both owed to the clock."""
        if not hasattr(self, "trial") or self.row().state not in RUNNING:
            return
        with self.program.reading() as connection:
            review, = connection.execute(sa.select(REVIEWS).where(
                REVIEWS.c.trial_id == self.trial, REVIEWS.c.kind == "periodic",
                REVIEWS.c.state.in_(("planned", "open")))).all()
            owed = {row.kind: row.at for row in connection.execute(
                sa.select(DUES).where(DUES.c.object_id == review.id))}
        held = self.one(sa.select(sa.func.max(REVIEWS.c.held_at)).where(
            REVIEWS.c.trial_id == self.trial, REVIEWS.c.stand_in.is_(False)))
        cap = cap_at(held or self.row().starts_at, self.tier, self.program.settings.zone)
        assert review.due_at <= cap
        assert (DueKind.OPEN_REVIEW in owed) == (review.state == "planned")
        assert self.clock() <= owed[DueKind.REVIEW_OVERDUE] <= max(cap, review.due_at)

    @invariant()
    def a_review_held_late_puts_off_the_next_by_no_more_than_an_interval(self) -> None:
        """Lateness does not stack, and nothing is born overdue: counted from the day on which each was held."""
        if not hasattr(self, "trial"):
            return
        with self.program.reading() as connection:
            moved = set(connection.execute(sa.select(REVIEW_DATES.c.review_id)).scalars())
            periodic = connection.execute(sa.select(REVIEWS).where(
                REVIEWS.c.trial_id == self.trial, REVIEWS.c.kind == "periodic").order_by(REVIEWS.c.id)).all()
        for before, after in itertools.pairwise(periodic):
            if before.held_at is not None and after.id not in moved:
                assert before.held_at < after.due_at <= before.held_at + (self.row().review_days + 1) * DAY

    @invariant()
    def no_review_is_opened_twice(self) -> None:
        if not hasattr(self, "trial"):
            return
        opened = sa.select(sa.func.count()).where(LOG.c.trial_id == self.trial, LOG.c.act == "open_review")
        reviews = sa.select(sa.func.count()).where(REVIEWS.c.trial_id == self.trial, REVIEWS.c.opened_at.is_not(None))
        assert self.one(opened) <= self.one(reviews)

    def teardown(self) -> None:
        if not hasattr(self, "program"):
            return
        with self.program.reading() as connection:
            assert verify(connection).problems == ()
        self.program.close()
        shutil.rmtree(self.folder)


def run(filled: Stencil, examples: int, steps: int) -> None:
    machine = type("Machine", (Reviews,), {"filled": filled})
    run_state_machine_as_test(machine, settings=settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck)))


def test_no_cap_is_passed_without_the_trigger(filled: Stencil) -> None:
    run(filled, 6, 9)


@pytest.mark.long
def test_no_cap_is_passed_without_the_trigger_in_many_lives(filled: Stencil) -> None:
    run(filled, 60, 25)

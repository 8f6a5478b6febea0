"""Every move from every state by every role, on the demo city's trials: allowed exactly where the lifecycle says.

Tried by dry run, so that one city serves them all. Allowed is made, proposed, or refused for its needs alone; what is
not is refused by name, and who does not see the trial hears that it is not there.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import pytest
import sqlalchemy as sa
from demo_city import TODAY, Told, told_in

from sandbox.acts.act import Act, Done, DryRun
from sandbox.acts.moves import trip
from sandbox.acts.refusals import NotFound, Refused, Unmet
from sandbox.jobs.demo.people import REVIEWERS
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Relation
from sandbox.rules.lifecycle import MOVE_NAMES, MOVES, ROWS, STATES, Cause, Party
from sandbox.store.door import Transaction
from sandbox.store.log import LOG
from sandbox.store.scenarios import SCENARIOS
from sandbox.store.trials import SEATS, TRIALS
from sandbox.store.verification import verify

PARTIES = {"regulator": Party.REGULATOR, "owner": Party.FIRM, "chair": Party.CHAIR, "system": Party.SYSTEM}
STRANGERS = ("administrator", "other firm", "unseated reviewer", "department of another scenario")
ONLOOKERS = ("seated reviewer", "lead department")
ROLES = (*PARTIES, *STRANGERS[:3], "seated reviewer", "department")


@dataclass
class Stage:
    """The city, one trial of the firm in each state, and everyone who stands to it in some way."""

    told: Told
    trials: dict[str, str]
    people: dict[str, dict[str, Actor]] = field(default_factory=dict)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def try_move(self, name: str, state: str, role: str) -> str:
        """What would come of it: allowed, or the code it is refused by."""
        actor = self.people[state]["lead department" if role == "department" else role]
        if (name, role) == ("suspend", "system"):
            return self.try_trigger(state)
        try:
            self.told.program.acts.do("make_move", actor, {"move": name}, self.trials[state], dry_run=True)
        except Unmet:
            return "allowed"
        except Refused as refused:
            return refused.code
        except NotFound:
            return "not_found"
        return "allowed"

    def try_trigger(self, state: str) -> str:
        """The system suspends with a cause only: whether a trigger would stop the trial."""
        program = self.told.program

        def job(transaction: Transaction) -> None:
            act = Act(transaction, TODAY, program.settings.place, SYSTEM_ACTOR, Relation.SYSTEM, self.trials[state])
            act.hold_trial(self.trials[state])
            raise DryRun(Done() if trip(act, Cause.UNSAFE_VERSION) else None)

        with pytest.raises(DryRun) as outcome:
            program.door.submit(job)
        return "allowed" if outcome.value.done else "not_from_here"

    def standing(self, state: str, role: str) -> str:
        """A department leads the scenario or not, and never sees a draft."""
        if role != "department":
            return role
        with self.told.program.reading() as connection:
            lead = connection.execute(sa.select(SCENARIOS.c.lead_id).join(
                TRIALS, TRIALS.c.scenario_id == SCENARIOS.c.id).where(TRIALS.c.id == self.trials[state])).scalar()
        return ONLOOKERS[1] if lead and state != "draft" else STRANGERS[3]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with told_in(tmp_path_factory) as told:
        stage = Stage(told, {state: ids[0] for state, ids in told.result["trials"].items()})
        for state, trial in stage.trials.items():
            stage.people[state] = cast_for(told, trial)
        yield stage


def cast_for(told: Told, trial: str) -> dict[str, Actor]:
    """One person of each role; who chairs and who sits is found, or seated now."""
    reviewers = {one.id: one for one in (told.actor("reviewers", place) for place in range(len(REVIEWERS)))}
    with told.program.reading() as connection:
        seats = connection.execute(sa.select(SEATS).where(SEATS.c.trial_id == trial)).all()
    free = [one for one in reviewers.values() if one.id not in {seat.account_id for seat in seats}]
    chairs = [seat.account_id for seat in seats if seat.chair]
    members = [seat.account_id for seat in seats if seat.account_id not in chairs]
    return {
        "administrator": told.actor("administrator"), "regulator": told.actor("regulator"),
        "owner": told.actor("firm"), "other firm": told.actor("firm2"), "system": SYSTEM_ACTOR,
        "chair": reviewers[chairs[0]] if chairs else seated(told, trial, free.pop(), chair=True),
        "seated reviewer": reviewers[members[0]] if members else seated(told, trial, free.pop(), chair=False),
        "unseated reviewer": free.pop(), "lead department": told.actor("department"),
    }


def seated(told: Told, trial: str, reviewer: Actor, *, chair: bool) -> Actor:
    """The reviewer, once on the trial's running panel."""
    acts, regulator = told.program.acts, told.actor("regulator")
    seat = acts.do("assign_reviewer", regulator, {"account_id": reviewer.id, "panel": "running", "chair": chair}, trial)
    acts.do("answer_assignment", reviewer, {"conflict": False, "accepted": True}, seat.id)
    return reviewer


def said_by_the_table(name: str, state: str, standing: str) -> str:
    """What the lifecycle's rows say of it."""
    if standing in STRANGERS:
        return "not_found"
    if standing in ONLOOKERS:
        return "not_permitted"
    row = ROWS.get((name, state))
    if row is None:
        return "not_from_here"
    return "allowed" if PARTIES[standing] in row.by else "not_your_move"


@pytest.mark.parametrize(("state", "role"), list(product(STATES, ROLES)))
def test_moves_are_allowed_exactly_where_the_table_says(stage: Stage, state: str, role: str) -> None:
    standing = stage.standing(state, role)
    outcomes = {name: stage.try_move(name, state, role) for name in MOVE_NAMES}
    stage.outcomes.update((role, outcome) for outcome in outcomes.values())
    assert outcomes == {name: said_by_the_table(name, state, standing) for name in MOVE_NAMES}


def test_every_combination_was_tried_and_the_table_counts_the_allowed(stage: Stage) -> None:
    assert stage.outcomes.total() == len(MOVE_NAMES) * len(STATES) * len(ROLES) == 4275
    for role, party in PARTIES.items():
        assert stage.outcomes[role, "allowed"] == sum(party in row.by for row in MOVES)
    assert sum(number for (_, outcome), number in stage.outcomes.items() if outcome == "allowed") == sum(
        len(row.by) for row in MOVES)


def test_trying_left_no_trace(stage: Stage) -> None:
    with stage.told.program.reading() as connection:
        assert verify(connection).problems == ()
        made = connection.execute(sa.select(sa.func.count()).select_from(LOG).where(LOG.c.act.in_(MOVE_NAMES))).scalar()
        stage.try_move("suspend", "trial", "owner")
        again = connection.execute(sa.select(sa.func.count()).select_from(LOG).where(LOG.c.act.in_(MOVE_NAMES)))
        assert again.scalar() == made
        assert connection.execute(sa.select(TRIALS.c.state).where(TRIALS.c.id == stage.trials["trial"])).scalar() \
            == "trial"

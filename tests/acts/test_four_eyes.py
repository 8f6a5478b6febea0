"""What one person, one body or one side must not be able to decide alone: each was once possible."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cast import PASSWORD, START, Cast, actor
from world import World

from sandbox.acts.act import Acts
from sandbox.acts.refusals import Invalid, NotPermitted, Refused, Unmet
from sandbox.jobs.clock import Shifted
from sandbox.jobs.program import Program
from sandbox.rules.access import SYSTEM_ACTOR, Actor, Relation
from sandbox.store.corrective import ITEMS
from sandbox.store.passwords import hash_password
from sandbox.store.sections import SECTIONS
from sandbox.store.trials import SEATS

DAY = timedelta(days=1)


@pytest.fixture
def trial(adopted: Callable[..., list[str]], clock: Shifted) -> str:
    one = adopted(1)[0]
    clock.forward(START + 2 * DAY)
    return one


def reviewer(program: Program, by: Actor, body: str) -> Actor:
    """Somebody of this body who was invited to review."""
    invited = program.acts.do("invite", by, {
        "email": f"{body}@people.example", "name": "Xu", "role": "reviewer", "organisation_id": body,
        "constituency": "industry", "expertise": ["trade"]})
    return actor(program, program.acts.do("accept_invitation", SYSTEM_ACTOR, {
        "secret": invited.secret, "password": hash_password(PASSWORD)}).id)


# Panels


def test_nobody_of_the_firms_own_body_sits_on_its_trial(program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    own = reviewer(program, cast.ada, str(cast.fang.organisation_id))
    with pytest.raises(Invalid, match="account_id"):
        acts.do("assign_reviewer", cast.lin, {"account_id": own.id, "panel": "review"}, trial)


def test_a_second_entry_of_the_firm_is_known_by_its_code(program: Program, acts: Acts, cast: Cast) -> None:
    twice = [acts.do("register_organisation", cast.ada, {"name": name, "kind": kind, "code": "91310000MA1"}).id
             for name, kind in (("New Firm", "firm"), ("New Institute", "institute"))]
    scenario = acts.do("publish_scenario", cast.lin, {"title": "Streets", "description": "By night"}).id
    trial = acts.do("apply", Actor("ac_new", cast.fang.role, twice[0]), {"title": "Own", "scenario_id": scenario}).id
    with pytest.raises(Invalid, match="account_id"):
        acts.do("assign_reviewer", cast.lin, {
            "account_id": reviewer(program, cast.ada, twice[1]).id, "panel": "review"}, trial)


def test_who_is_external_follows_from_their_body(program: Program, acts: Acts, cast: Cast, trial: str) -> None:
    inside = reviewer(program, cast.ada, str(cast.ada.organisation_id))
    seats = [acts.do("assign_reviewer", cast.lin, {"account_id": one.id, "panel": "review"}, trial).id
             for one in (inside, cast.rui)]
    with program.reading() as connection:
        external = {one.id: one.external for one in connection.execute(sa.select(SEATS))}
    assert [external[seat] for seat in seats] == [False, True]


# The simplified procedure


def test_a_firm_cannot_choose_the_simplified_procedure_for_a_grave_trial(world: World) -> None:
    one = world.walk(tier="R4", simplified=True)
    world.go(one.accepted())
    assert world.trial(one)["simplified"] is False
    with pytest.raises(Unmet) as refused:
        one.move("send_to_rereview")
    assert "panel_in_favour" in refused.value.needs
    one.returned()
    with pytest.raises(Invalid, match="simplified"):
        one.act("change_trial", one.firm, simplified=True)


def test_a_committees_approval_counts_once_a_regulator_has_looked_at_it(world: World) -> None:
    one = world.walk(tier="R1", simplified=True)
    world.go(one.accepted())
    with pytest.raises(Invalid, match="approved_on"):
        one.file("ethics_approval", approved_on=(one.today() + DAY).isoformat())
    with pytest.raises(Unmet) as refused:
        one.move("admit")
    assert "panel_in_favour" in refused.value.needs
    one.vote("approve", "regulator", subject="ethics_approval")
    one.by_two("admit")
    assert one.state == "admitted"


# Proposals


@pytest.fixture
def void(acts: Acts, cast: Cast, trial: str) -> Callable[[Actor], str]:
    """`void(who)`: the decision that waits once this officer asks to void a stop that was none."""
    acts.do("make_move", cast.zhou, {"move": "suspend"}, trial)
    acts.do("file_section", cast.zhou, {"kind": "void", "body": {
        "reason": "Another firm's machine", "adviser": "Shen", "firm_told": True}}, trial)
    return lambda who: str(acts.do("make_move", who, {"move": "void_suspension"}, trial).decision)


def test_what_a_disabled_officer_proposed_is_void_for_good_and_blocks_nobody(
        acts: Acts, cast: Cast, void: Callable[[Actor], str]) -> None:
    first = void(cast.lin)
    for active in (False, True):
        acts.do("change_account", cast.ada, {"account_id": cast.lin.id, "active": active})
    with pytest.raises(Refused, match="already_decided"):
        acts.do("vote_on_decision", cast.zhou, {"value": "for"}, first)
    assert void(cast.zhou) != first


def test_a_proposal_whose_time_ran_out_does_not_stand_for_a_new_one(
        cast: Cast, clock: Shifted, void: Callable[[Actor], str]) -> None:
    first = void(cast.lin)
    clock.forward(START + 9 * DAY)
    assert void(cast.lin) != first


def test_what_a_decision_rests_on_may_not_change_before_the_second_word(world: World) -> None:
    one = world.walk(tier="R3")
    world.go(one.judged())
    first = one.move("admit")["decision"]
    one.file("tier", "regulator", tier="R1")
    with pytest.raises(Refused, match="basis_changed"):
        one.act("vote_on_decision", "regulator2", first, value="for")
    assert one.state == "ethics_review"
    again = one.move("admit", "regulator2")["decision"]
    with pytest.raises(Refused, match="already_decided"):
        one.act("vote_on_decision", "regulator2", first, value="for")
    one.act("vote_on_decision", "regulator", again, value="for")
    assert one.state == "admitted"


def test_who_wants_the_same_again_is_named_the_same_proposal(world: World) -> None:
    one = world.walk()
    world.go(one.judged())
    assert one.move("admit")["decision"] == one.move("admit", "regulator2")["decision"]


# Accounts


@pytest.mark.parametrize("role", ["firm", "reviewer", "department"])
def test_whoever_decides_never_holds_the_link_of_an_invitation(acts: Acts, cast: Cast, role: str) -> None:
    given = {"email": "xu@people.example", "name": "Xu", "role": role, "organisation_id": cast.fang.organisation_id,
             **({"constituency": "industry", "expertise": ["trade"]} if role == "reviewer" else {})}
    first = acts.do("invite", cast.lin, given)
    link = acts.do("invite", cast.ada, given)
    again = acts.do("invite", cast.zhou, given)
    assert (first.secret, again.secret) == (None, None) and first.id == link.id == again.id
    opened = acts.do("accept_invitation", SYSTEM_ACTOR, {"secret": link.secret, "password": hash_password(PASSWORD)})
    assert opened.id


@pytest.mark.parametrize("role", ["regulator", "administrator"])
def test_an_administrator_makes_no_second_self_that_decides_or_invites(program: Program, acts: Acts, cast: Cast,
                                                                      role: str) -> None:
    given = {"email": "ada.2@people.example", "name": "Ada", "role": role, "organisation_id": cast.ada.organisation_id}
    asked = acts.do("invite", cast.ada, given)
    assert asked.decision and asked.id is None and asked.secret is None
    with pytest.raises(NotPermitted):
        acts.do("vote_on_decision", cast.ada, {"value": "for"}, asked.decision)
    assert acts.do("invite", cast.ada, given).secret is None
    acts.do("vote_on_decision", cast.zhou, {"value": "for"}, asked.decision)
    link = acts.do("invite", cast.ada, given).secret
    assert acts.do("accept_invitation", SYSTEM_ACTOR, {"secret": link, "password": hash_password(PASSWORD)}).id


# Verdicts


@pytest.fixture
def done(acts: Acts, cast: Cast, trial: str) -> str:
    """A corrective item that the firm says is done."""
    item = acts.do("add_corrective_item", cast.lin, {
        "what": "Guard rails", "owner": "Fang", "due_on": (START + 9 * DAY).date().isoformat()}, trial).id
    acts.do("finish_corrective_item", cast.fang, {"done": "Mounted"}, item)
    return str(item)


def sit(acts: Acts, cast: Cast, trial: str, who: Actor, panel: str, *, answered: bool = True) -> str:
    seat = acts.do("assign_reviewer", cast.lin, {"account_id": who.id, "panel": panel}, trial).id
    if answered:
        acts.do("answer_assignment", who, {"conflict": False, "accepted": True}, seat)
    return str(seat)


@pytest.mark.parametrize(("panel", "answered"), [("running", False), ("review", True)])
def test_only_a_member_of_the_running_panel_verifies(acts: Acts, cast: Cast, trial: str, done: str, panel: str,
                                                     answered: bool) -> None:
    sit(acts, cast, trial, cast.rui, panel, answered=answered)
    with pytest.raises(Refused, match="seat"):
        acts.do("verify_corrective_item", cast.rui, {"accept": True, "verdict": "Seen"}, done)
    acts.do("make_move", cast.zhou, {"move": "suspend"}, trial)
    acts.do("file_section", cast.fang, {"kind": "mitigation", "body": {
        "cause": "A gap", "mitigation": "Closed", "residual_tier": "R3"}}, trial)
    with pytest.raises(Refused, match="seat"):
        acts.do("cast_vote", cast.rui, {"matter": "verify", "subject": "mitigation", "value": "for"}, trial)


def test_what_a_member_verified_who_then_steps_aside_waits_for_another(
        program: Program, acts: Acts, cast: Cast, trial: str, done: str) -> None:
    seat = sit(acts, cast, trial, cast.rui, "running")
    acts.do("verify_corrective_item", cast.rui, {"accept": True, "verdict": "Seen"}, done)
    acts.do("recuse_reviewer", cast.rui, {"reason": "Shares in the firm"}, seat)
    with program.reading() as connection:
        assert connection.execute(sa.select(ITEMS.c.done_at, ITEMS.c.verified_at)).one()[1] is None
    acts.do("verify_corrective_item", cast.zhou, {"accept": True, "verdict": "Seen too"}, done)


# Both sides


SPEAKS = {"retrospective", "wind_down", "countersignature"}
"""Sections that either side writes: two count when the other has signed, of the third each has words of its own."""


def test_whatever_else_is_filed_has_one_side_that_writes_it(acts: Acts, cast: Cast, trial: str) -> None:
    assert {kind for kind, row in SECTIONS.items() if {Relation.OWNER, Relation.OFFICER} <= set(row.by)} == SPEAKS
    for kind in ("corrective_plan", "retest", "mitigation", "failure_form"):
        with pytest.raises(NotPermitted, match="not_your_section"):
            acts.do("file_section", cast.lin, {"kind": kind, "body": {}}, trial)


def test_a_risk_register_that_was_admitted_is_not_written_anew(world: World) -> None:
    one = world.walk()
    world.go(one.admitted())
    with pytest.raises(Refused, match="not_in_this_state"):
        one.file("risks")


@pytest.mark.parametrize(("author", "other"), [("firm", "regulator"), ("regulator", "firm")])
def test_neither_side_writes_the_retrospective_for_both(world: World, author: str, other: str) -> None:
    one = world.walk()
    world.go(one.started())
    one.move("suspend", "regulator")
    world.go(one.mitigated())
    one.move("open_retrospective")
    one.file("retrospective", author)
    one.vote("sign", author, subject="retrospective")
    with pytest.raises(Unmet) as refused:
        one.move("wind_down", one.firm)
    assert tuple(refused.value.needs) == ("retrospective_complete",)
    one.vote("sign", other, subject="retrospective")
    assert one.move("wind_down", one.firm)["state"] == "winding_down"


def test_a_firm_does_not_overwrite_the_checklist_that_an_officer_signed(world: World) -> None:
    one = world.walk(tier="R1", simplified=True)
    world.go(one.started())
    world.go(one.wound_down())
    one.file("wind_down")
    with pytest.raises(Unmet) as refused:
        one.move("close_withdrawn")
    assert tuple(refused.value.needs) == ("wound_down",)
    one.vote("sign", "regulator", subject="wind_down")
    assert one.move("close_withdrawn")["state"] == "withdrawn"

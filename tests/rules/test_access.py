"""Who may do what, from the table: roles, relations, scopes of tokens, and who makes which move."""

from itertools import product

import pytest

from sandbox.rules.access import (
    PARTY_OF,
    PERMISSIONS,
    SYSTEM_ACTOR,
    Actor,
    Constituency,
    Relation,
    Role,
    Scope,
    may,
    may_move,
    movable,
)
from sandbox.rules.lifecycle import MOVES, Move, Party, moves_from
from sandbox.rules.panels import CONSTITUENCIES

READING_RELATIONS = (Relation.NONE, Relation.LEAD)
RELATIONS_OF = {
    Role.ADMINISTRATOR: {Relation.NONE}, Role.REGULATOR: {Relation.OFFICER}, Role.FIRM: {Relation.OWNER},
    Role.REVIEWER: {Relation.SEATED, Relation.CHAIR}, Role.DEPARTMENT: {Relation.LEAD}, Role.SYSTEM: {Relation.SYSTEM},
}
HUMANS = tuple(role for role in Role if role is not Role.SYSTEM)


def actor(role: Role, *scopes: Scope) -> Actor:
    return Actor("ac_1", role, scopes=frozenset(scopes or Scope))


def move_name(value: object) -> str:
    return f"{value.name}-from-{value.source}" if isinstance(value, Move) else str(value)


@pytest.mark.parametrize(("act", "role", "relation"), list(product(PERMISSIONS, Role, [None, *Relation])))
def test_an_act_is_allowed_exactly_where_its_row_says(act, role, relation):
    row = PERMISSIONS[act]
    expected = role in row.roles and (relation is None or row.relations == () or relation in row.relations)
    assert may(actor(role), act, relation) is expected


@pytest.mark.parametrize(("act", "scope"), list(product(PERMISSIONS, Scope)))
def test_a_token_does_only_what_its_scope_covers(act, scope):
    row = PERMISSIONS[act]
    assert may(actor(row.roles[0], scope), act) is (row.scope is scope)


def test_reading_alone_never_changes_anything():
    assert [act for act, row in PERMISSIONS.items() if row.scope is Scope.READ] == []


@pytest.mark.parametrize("act", [act for act, row in PERMISSIONS.items() if row.relations])
def test_an_act_on_a_trial_is_closed_to_those_who_do_not_see_it_and_to_those_who_only_read(act):
    assert not set(PERMISSIONS[act].relations) & set(READING_RELATIONS)


@pytest.mark.parametrize("act", [act for act, row in PERMISSIONS.items() if row.relations])
def test_each_role_of_an_act_on_a_trial_has_a_relation_that_lets_it(act):
    row = PERMISSIONS[act]
    assert all(RELATIONS_OF[role] & set(row.relations) for role in row.roles)
    assert set(row.relations) <= {relation for role in row.roles for relation in RELATIONS_OF[role]}


def test_an_administrator_decides_on_no_trial():
    assert [act for act, row in PERMISSIONS.items() if row.relations and Role.ADMINISTRATOR in row.roles] == []
    deciding = ("make_move", "vote_on_decision", "adopt_trial", "release_hold", "conclude_review")
    assert not any(may(actor(Role.ADMINISTRATOR), act) for act in deciding)


def test_a_department_publishes_scenarios_and_touches_no_trial():
    assert {act for act in PERMISSIONS if may(actor(Role.DEPARTMENT), act)} == {
        "publish_scenario", "change_scenario", "open_register", "enter_entry", "issue_token", "revoke_token",
        "set_channels", "try_channels", "retry_delivery", "renew_calendar"}


def test_only_a_regulator_gives_the_second_word():
    assert PERMISSIONS["vote_on_decision"].roles == (Role.REGULATOR,)
    assert PERMISSIONS["vote_on_decision"].scope is Scope.DECIDE


def test_only_a_firm_files_feedback_and_nobody_but_the_clock_runs_what_is_due():
    assert PERMISSIONS["file_feedback"].roles == (Role.FIRM,)
    assert PERMISSIONS["run_due"].roles == PERMISSIONS["note_clock"].roles == (Role.SYSTEM,)
    assert SYSTEM_ACTOR.role is Role.SYSTEM


@pytest.mark.parametrize(("row", "relation"), list(product(MOVES, Relation)), ids=move_name)
def test_a_move_is_made_by_the_parties_of_its_row_and_by_nobody_else(row, relation):
    party = {"owner": "firm", "officer": "regulator", "chair": "chair", "system": "system"}.get(relation)
    assert may_move(row, relation) is (party in row.by)


def test_every_party_is_some_relation():
    assert set(PARTY_OF.values()) == set(Party)


@pytest.mark.parametrize("relation", Relation)
def test_the_moves_shown_are_those_that_may_be_made(relation):
    rows = moves_from("trial")
    assert movable(rows, relation) == tuple(row for row in rows if may_move(row, relation))


def test_a_seated_reviewer_moves_nothing_and_the_chair_only_stops():
    assert movable(MOVES, Relation.SEATED) == ()
    assert {row.name for row in movable(MOVES, Relation.CHAIR)} == {"suspend"}


@pytest.mark.parametrize("role", HUMANS)
def test_a_person_without_scopes_may_do_nothing(role):
    nobody = Actor("ac_1", role, scopes=frozenset())
    assert not any(may(nobody, act) for act in PERMISSIONS)


def test_the_three_constituencies_are_those_that_a_panel_needs():
    assert set(CONSTITUENCIES) == set(Constituency)

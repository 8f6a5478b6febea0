"""Who may do what: roles, relations to a trial, scopes of tokens, and one row for every act."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.rules.lifecycle import Move, Party


class Role(StrEnum):
    """What an account is. SYSTEM is the clock and the statistics; no account has it."""

    ADMINISTRATOR = "administrator"
    REGULATOR = "regulator"
    FIRM = "firm"
    REVIEWER = "reviewer"
    DEPARTMENT = "department"
    SYSTEM = "system"


class Constituency(StrEnum):
    """The side a reviewer speaks for (行业专家、科研机构、市场与用户代表)."""

    INDUSTRY = "industry"
    RESEARCH = "research"
    MARKET = "market"


class Scope(StrEnum):
    """What a token may do: ask for permits and nothing else, read, file facts, decide (moves, votes, grants)."""

    PERMIT = "permit"
    READ = "read"
    FILE = "file"
    DECIDE = "decide"


class Relation(StrEnum):
    """How an actor stands to one trial. NONE sees nothing: the trial is missing for them."""

    NONE = "none"
    SYSTEM = "system"
    OFFICER = "officer"
    OWNER = "owner"
    SEATED = "seated"
    CHAIR = "chair"
    LEAD = "lead"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an account, a token's bearer, or the system. Carries no name."""

    id: str
    role: Role
    organisation_id: str | None = None
    constituency: str | None = None
    scopes: frozenset[str] = frozenset(Scope)


SYSTEM_ACTOR = Actor("system", Role.SYSTEM)


@dataclass(frozen=True, slots=True)
class Permission:
    """One act: the roles that may, the relations to the trial they need, the scope a token needs."""

    act: str
    roles: tuple[Role, ...]
    relations: tuple[Relation, ...] = ()
    scope: Scope = Scope.FILE


def permission(act: str, *roles: Role, of: tuple[Relation, ...] = (), scope: Scope = Scope.FILE) -> Permission:
    """A row of PERMISSIONS."""
    return Permission(act, roles, of, scope)


ADMINISTRATOR, REGULATOR, FIRM, REVIEWER, DEPARTMENT, SYSTEM = Role
SEATS = (Relation.SEATED, Relation.CHAIR)
ANYONE_SIGNED_IN = (ADMINISTRATOR, REGULATOR, FIRM, REVIEWER, DEPARTMENT)

PERMISSIONS = {row.act: row for row in (
    permission("register_organisation", ADMINISTRATOR, REGULATOR),
    permission("join_alias", ADMINISTRATOR, REGULATOR),
    permission("decide_alias", ADMINISTRATOR, REGULATOR),
    permission("open_register", REGULATOR, DEPARTMENT),
    permission("import_register", REGULATOR, scope=Scope.DECIDE),
    permission("enter_entry", REGULATOR, DEPARTMENT),
    permission("cite_entry", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("withdraw_citation", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("invite", ADMINISTRATOR, REGULATOR, scope=Scope.DECIDE),
    permission("accept_invitation", SYSTEM),
    permission("make_first_administrator", SYSTEM),
    permission("change_account", ADMINISTRATOR, SYSTEM, scope=Scope.DECIDE),
    permission("describe_reviewer", ADMINISTRATOR, REGULATOR, scope=Scope.DECIDE),
    permission("issue_token", *ANYONE_SIGNED_IN, scope=Scope.DECIDE),
    permission("revoke_token", *ANYONE_SIGNED_IN),
    permission("set_channels", *ANYONE_SIGNED_IN),
    permission("try_channels", *ANYONE_SIGNED_IN),
    permission("retry_delivery", *ANYONE_SIGNED_IN),
    permission("renew_calendar", *ANYONE_SIGNED_IN),
    permission("publish_scenario", REGULATOR, DEPARTMENT, scope=Scope.DECIDE),
    permission("change_scenario", REGULATOR, DEPARTMENT, scope=Scope.DECIDE),
    permission("apply", FIRM),
    permission("change_trial", FIRM, of=(Relation.OWNER,)),
    permission("file_section", FIRM, REGULATOR, REVIEWER, of=(Relation.OWNER, Relation.OFFICER, *SEATS)),
    permission("save_draft", FIRM, REGULATOR, REVIEWER, of=(Relation.OWNER, Relation.OFFICER, *SEATS)),
    permission("cast_vote", FIRM, REGULATOR, REVIEWER, of=(Relation.OWNER, Relation.OFFICER, *SEATS),
               scope=Scope.DECIDE),
    permission("make_move", FIRM, REGULATOR, REVIEWER, SYSTEM,
               of=(Relation.OWNER, Relation.OFFICER, Relation.CHAIR, Relation.SYSTEM), scope=Scope.DECIDE),
    permission("vote_on_decision", REGULATOR, scope=Scope.DECIDE),
    permission("assign_reviewer", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("answer_assignment", REVIEWER, of=SEATS),
    permission("recuse_reviewer", REGULATOR, REVIEWER, of=(Relation.OFFICER, *SEATS)),
    permission("name_deputy", REGULATOR, REVIEWER, of=(Relation.OFFICER, *SEATS)),
    permission("ask_recusal", FIRM, of=(Relation.OWNER,)),
    permission("decide_recusal", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("file_batch", FIRM, of=(Relation.OWNER,)),
    permission("file_feedback", FIRM, of=(Relation.OWNER,)),
    permission("correct_feedback", FIRM, of=(Relation.OWNER,)),
    permission("plan_no_use", FIRM, of=(Relation.OWNER,)),
    permission("withdraw_no_use", FIRM, of=(Relation.OWNER,)),
    permission("confirm_filing", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("withdraw_filing", FIRM, of=(Relation.OWNER,)),
    permission("retract_feedback", FIRM, of=(Relation.OWNER,)),
    permission("retract_incident", FIRM, of=(Relation.OWNER,)),
    permission("decide_retraction", REVIEWER, of=SEATS, scope=Scope.DECIDE),
    permission("decide_correction", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("import_feedback", REGULATOR, of=(Relation.OFFICER,)),
    permission("file_incident", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("update_incident", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("file_final_report", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("record_withdrawal", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("confirm_deletion", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("meet_clock", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("pause_clock", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("resume_clock", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("add_corrective_item", FIRM, REGULATOR, REVIEWER, of=(Relation.OWNER, Relation.OFFICER, *SEATS)),
    permission("change_corrective_item", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("finish_corrective_item", FIRM, REGULATOR, of=(Relation.OWNER, Relation.OFFICER)),
    permission("verify_corrective_item", REGULATOR, REVIEWER, of=(Relation.OFFICER, *SEATS), scope=Scope.DECIDE),
    permission("set_fee", REGULATOR, scope=Scope.DECIDE),
    permission("file_annual_report", REGULATOR, scope=Scope.DECIDE),
    permission("record_guidance", REGULATOR, scope=Scope.DECIDE),
    permission("set_duty", REGULATOR, scope=Scope.DECIDE),
    permission("withdraw_duty", REGULATOR, scope=Scope.DECIDE),
    permission("acknowledge_alarm", REGULATOR, of=(Relation.OFFICER,)),
    permission("enter_allegation", REGULATOR, of=(Relation.OFFICER,)),
    permission("confirm_allegation", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("dismiss_allegation", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("attach_file", FIRM, REGULATOR, REVIEWER, of=(Relation.OWNER, Relation.OFFICER, *SEATS)),
    permission("give_opinion", REVIEWER, of=SEATS),
    permission("conclude_review", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("draft_opinion", REVIEWER, of=SEATS),
    permission("reschedule_review", REGULATOR, REVIEWER, of=(Relation.OFFICER, *SEATS)),
    permission("call_review", REGULATOR, of=(Relation.OFFICER,)),
    permission("clear_yellow", REGULATOR, REVIEWER, of=(Relation.OFFICER, *SEATS)),
    permission("decide_late_red", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("file_change", FIRM, of=(Relation.OWNER,)),
    permission("withdraw_change", FIRM, of=(Relation.OWNER,)),
    permission("decide_change", REGULATOR, of=(Relation.OFFICER,), scope=Scope.DECIDE),
    permission("adopt_trial", REGULATOR, scope=Scope.DECIDE),
    permission("release_hold", REGULATOR, scope=Scope.DECIDE),
    permission("enter_key", SYSTEM),
    permission("rotate_key", REGULATOR, SYSTEM, scope=Scope.DECIDE),
    permission("forget_states", SYSTEM, of=(Relation.SYSTEM,)),
    permission("run_due", SYSTEM),
    permission("note_clock", SYSTEM),
    permission("note_step", SYSTEM),
)}

INCLUDED = {Scope.READ: frozenset((Scope.PERMIT,))}
"""Scopes that another brings with it."""


def covers(scopes: Iterable[str], wanted: Scope) -> bool:
    """Whether a holder of these scopes may do what asks for one."""
    return any(wanted == held or wanted in INCLUDED.get(Scope(held), ()) for held in scopes)


PARTY_OF = {Relation.OWNER: Party.FIRM, Relation.OFFICER: Party.REGULATOR, Relation.CHAIR: Party.CHAIR,
            Relation.SYSTEM: Party.SYSTEM}


def may(actor: Actor, act: str, relation: Relation | None = None) -> bool:
    """Whether the actor may do the act, given the relation to the trial it is about (None: about no trial)."""
    row = PERMISSIONS[act]
    related = relation is None or not row.relations or relation in row.relations
    return actor.role in row.roles and covers(actor.scopes, row.scope) and related


def may_move(row: Move, relation: Relation) -> bool:
    """Whether this relation is one of the parties that the move's row names."""
    return PARTY_OF.get(relation) in row.by


def movable(rows: Iterable[Move], relation: Relation) -> tuple[Move, ...]:
    """The moves of these that the relation may take."""
    return tuple(row for row in rows if may_move(row, relation))

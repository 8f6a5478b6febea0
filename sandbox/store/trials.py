"""Trials (试点): identity what is searched, capped or clocked; suspensions; seats; agreed limits; what is counted."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from sandbox.rules.access import Constituency
from sandbox.rules.lifecycle import STATES, Cause
from sandbox.rules.risk import ALPHA, ALPHA_YELLOW, Light
from sandbox.store.fields import Fields, Row, when
from sandbox.store.types import JSON, Exact, Flag, Long, Short, column_for

StateCode = StrEnum("StateCode", {code.upper(): code for code in STATES})  # type: ignore[misc]


class Tier(StrEnum):
    """Risk tier (风险等级)."""

    R1 = "R1"
    R2 = "R2"
    R3 = "R3"
    R4 = "R4"


class Environment(StrEnum):
    """Where it runs: E0 laboratory, E1 real data off-line, E2 shadow, E3 live within caps."""

    E0 = "E0"
    E1 = "E1"
    E2 = "E2"
    E3 = "E3"


class TrialFields(Fields):
    """What a firm gives to begin an application."""

    title: Short
    title_hant: Short | None = None
    title_en: Short | None = None
    scenario_id: Short
    simplified: Flag = False


class TrialChange(Fields):
    """What may be changed of an application's identity while it is a draft or in correction."""

    title: Short | None = None
    title_hant: Short | None = None
    title_en: Short | None = None
    simplified: Flag | None = None


class Trial(TrialFields, Row, table=True):
    """One row a trial. Caps and used are in the plan's unit; `version` guards concurrent edits and feeds ETags.

    Reports are owed since `owed_since`, the last time it began to run; `covered_until` is how far they reach without a
    gap, `islands` how many spans are told beyond one, `no_use_until` the last end of a plan not to use it.
    `verify_code` is what anyone checks a permit by: random, given when the trial starts. Of the light: `settled`
    periods of the epoch are kept as states; `log_e_told` counts allegations too, which may be there where `alleged`;
    red comes at the `budget`-th S2 incident where there is a budget. After `silent_days` untold, three serious events
    could have gone unseen. `background_rate` is what feedback the plan expects of a use at the least; `quiet_log_e` the
    evidence, when last told, that less came, and `complaint_log_e` that of complaints when a review was last called for
    them. `alarm_lines`: by the name of a measure in reports, its line and whether higher is better."""

    __tablename__ = "trials"
    __table_args__ = (
        sa.CheckConstraint("state NOT IN ('trial', 'tune') OR (ends_at IS NOT NULL AND tier IS NOT NULL)",
                           name="running_has_end_and_tier"),
        sa.CheckConstraint("state NOT IN ('suspended', 'retrospective') OR suspension_id IS NOT NULL",
                           name="stopped_has_cause"),
        sa.CheckConstraint("used_volume >= 0 AND used_people >= 0", name="used_not_negative"),
        sa.Index("ix_trials_state_id", "state", "id"),
        sa.Index("ix_trials_organisation_id_id", "organisation_id", "id"),
        sa.Index("ix_trials_scenario_id_id", "scenario_id", "id"),
        sa.Index("ix_trials_light_id", "light", "id"),
    )
    id: str = Field(primary_key=True)
    scenario_id: str = Field(foreign_key="scenarios.id")
    organisation_id: str = Field(foreign_key="organisations.id")
    state: str = Field(sa_column=column_for(StateCode))
    state_since: datetime = Field(sa_column=when(nullable=False))
    left: str | None = None
    round: int = 0
    panel_no: int = 1
    dossier_version: int = 0
    plan_version: int = 0
    exposure_version: int | None = None
    tier: Tier | None = Field(default=None, sa_column=column_for(Tier, nullable=True))
    listed: bool | None = None
    environment: Environment | None = Field(default=None, sa_column=column_for(Environment, nullable=True))
    model_version: str | None = None
    starts_at: datetime | None = Field(default=None, sa_column=when())
    ends_at: datetime | None = Field(default=None, sa_column=when())
    running_since: datetime | None = Field(default=None, sa_column=when())
    tune_since: datetime | None = Field(default=None, sa_column=when())
    days_before: float = 0.0
    day_limit: int = 180
    extension_count: int = 0
    appeals: int = 0
    suspension_id: str | None = None
    adopted: bool = False
    unverified: str | None = None
    epoch: int = 1
    epoch_since: datetime | None = Field(default=None, sa_column=when())
    planned_periods: int = 1
    settled: int = 0
    alleged: bool = False
    assessments: int = 0
    light: Light = Field(default=Light.GREY, sa_column=column_for(Light))
    log_e: float = 0.0
    log_e_told: float = 0.0
    cleared_at_log_e: float | None = None
    alpha: float = ALPHA
    alpha_yellow: float = ALPHA_YELLOW
    budget: int | None = None
    background_rate: float | None = None
    quiet_log_e: float | None = None
    complaint_log_e: float | None = None
    caps_warned: str = ""
    source_key: str | None = Field(default=None, unique=True)
    verify_code: str | None = Field(default=None, unique=True)
    unit: str = "uses"
    rate_per_day: float | None = None
    silent_days: float | None = None
    cap_volume: float | None = None
    cap_people: int | None = Field(default=None, sa_type=sa.BigInteger)
    cap_hours: float | None = None
    cap_money: float | None = None
    cap_regions: int | None = None
    cap_sites: int | None = None
    agreed_regions: list[str] = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    agreed_sites: list[str] = Field(default_factory=list, sa_column=sa.Column(JSON, nullable=False))
    alarm_lines: dict[str, list[Any]] = Field(default_factory=dict, sa_column=sa.Column(JSON, nullable=False))
    used_volume: float = 0.0
    used_people: int = Field(default=0, sa_type=sa.BigInteger)
    used_hours: float = 0.0
    used_money: float = 0.0
    used_regions: int = 0
    used_sites: int = 0
    reports: int = 0
    incidents: int = 0
    owed_since: datetime | None = Field(default=None, sa_column=when())
    covered_until: datetime | None = Field(default=None, sa_column=when())
    islands: int = 0
    no_use_until: datetime | None = Field(default=None, sa_column=when())
    feedback_days: int | None = None
    review_days: int | None = None
    version: int = 1
    created_at: datetime = Field(sa_column=when(nullable=False))


class MoveFields(Fields):
    """What a person says when making a move."""

    reason: Long | None = None


class MoveRow(Row, table=True):
    """A move that was made: the record of a trial's way, with its reason."""

    __tablename__ = "moves"
    __table_args__ = (sa.Index("ix_moves_trial_id_id", "trial_id", "id"),)
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    name: str
    source: str
    target: str
    by: str
    role: str
    at: datetime = Field(sa_column=when(nullable=False))
    cause: str | None = None
    reason: str | None = None
    seq: int = Field(sa_type=sa.BigInteger)


class SuspensionRow(Row, table=True):
    """One stop: cause, where it left, how it ended, and the review that led to it where one advised it. The row stays
    when it was void."""

    __tablename__ = "suspensions"
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id", index=True)
    cause: Cause = Field(sa_column=column_for(Cause))
    other_causes: str = ""
    left: str
    at: datetime = Field(sa_column=when(nullable=False))
    by: str
    reason: str | None = None
    ended_at: datetime | None = Field(default=None, sa_column=when())
    ended_by: str | None = None
    review_id: str | None = None


class Panel(StrEnum):
    """The panels of a trial: first review, independent re-review, and the one that accompanies the running trial; and
    the deputies of that one's members, who count only where they judge in a member's stead."""

    REVIEW = "review"
    REREVIEW = "rereview"
    RUNNING = "running"
    DEPUTY = "deputy"


class SeatFields(Fields):
    """A reviewer's assignment to a panel (评审组)."""

    account_id: Short
    panel: Panel = Field(sa_column=column_for(Panel))
    chair: Flag = False


class DeputyFields(Fields):
    """Who stands in for a member of the running panel."""

    account_id: Short


class SeatAnswer(Fields):
    """The reviewer's answer: conflict question first, then yes or no."""

    conflict: Flag
    accepted: Flag
    statement: Short | None = None


class SeatRow(SeatFields, Row, table=True):
    """A seat. Recusal removes access at once; the row stays. `objected`: the firm asked for a recusal that is not
    decided, and the trial is closed to the reviewer until it is."""

    __tablename__ = "seats"
    __table_args__ = (
        sa.UniqueConstraint("trial_id", "account_id", "panel", "panel_no"),
        sa.CheckConstraint("(panel = 'deputy') = (deputy_of IS NOT NULL)", name="deputy_of_somebody"),
        sa.Index("ix_seats_account_id_trial_id", "account_id", "trial_id"),
    )
    id: str = Field(primary_key=True)
    trial_id: str = Field(foreign_key="trials.id")
    account_id: str = Field(foreign_key="accounts.id")
    organisation_id: str | None = None
    constituency: Constituency = Field(sa_column=column_for(Constituency))
    external: bool = False
    panel_no: int = 1
    accepted: bool | None = None
    conflict: bool | None = None
    statement: str | None = None
    recused_at: datetime | None = Field(default=None, sa_column=when())
    objected: bool = False
    deputy_of: str | None = Field(default=None, foreign_key="seats.id", index=True)
    at: datetime = Field(sa_column=when(nullable=False))


class Limit(Row, table=True):
    """An agreed limit (约定限度), frozen at start: events per exposure of one indicator, and its weight. `terms` is
    what an indicator needs beside: groups and their reference, the bins of a reference sample."""

    __tablename__ = "limits"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    indicator: str = Field(primary_key=True)
    per_exposure: float
    weight: float
    terms: dict[str, Any] | None = Field(default=None, sa_column=sa.Column(JSON))


class Counter(Row, table=True):
    """Events and exposures of one indicator in one reporting period, kept in the filing's own transaction.

    A period's events are the declared or the itemised ones, whichever is more; alleged ones reach yellow only."""

    __tablename__ = "counters"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    epoch: int = Field(primary_key=True)
    indicator: str = Field(primary_key=True)
    period: int = Field(primary_key=True)
    events: int = Field(default=0, sa_type=sa.BigInteger)
    itemised: int = Field(default=0, sa_type=sa.BigInteger)
    alleged: int = Field(default=0, sa_type=sa.BigInteger)
    exposures: float = Field(default=0.0, sa_type=Exact)


class Used(Row, table=True):
    """What was used of the capped dimensions in one reporting period, by when it was used: the course of the caps.

    Their sums are the trial's own `used_` columns."""

    __tablename__ = "used"
    trial_id: str = Field(primary_key=True, foreign_key="trials.id")
    period: int = Field(primary_key=True)
    volume: float = Field(default=0.0, sa_type=Exact)
    people: int = Field(default=0, sa_type=sa.BigInteger)
    hours: float = Field(default=0.0, sa_type=Exact)
    money: float = Field(default=0.0, sa_type=Exact)


TRIALS, SUSPENSIONS, SEATS = Trial.__table__, SuspensionRow.__table__, SeatRow.__table__  # type: ignore[attr-defined]
MOVES_MADE = MoveRow.__table__  # type: ignore[attr-defined]
LIMITS, COUNTERS, USED = Limit.__table__, Counter.__table__, Used.__table__  # type: ignore[attr-defined]
HAPPENED = sa.case((COUNTERS.c.itemised > COUNTERS.c.events, COUNTERS.c.itemised), else_=COUNTERS.c.events)
"""Events of one period: a firm's own count, or what is itemised where that is more."""

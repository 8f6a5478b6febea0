"""Clocks (时限): the 27 of the law and of ours, and the day counts of the lifecycle, each a row of one table.

CLOCKS                                  rows of Clock by key ("C12", "C25.answer", "D01")
EVENTS                                  what starts, ends, voids or pauses them, as moves, acts and sections
deadline(clock, start, zone, calendar)  when a clock that started at `start` runs out
started_by(move=…), ended_by(…), voided_by(…), paused_by(…)   keys that such an event concerns

`by_due` names the due that carries a row out by itself, so that no second record of it is kept. A deletion "at once"
(C26) is carried out by the end of its confirmation: nobody is late in the minute in which they say that it is owed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType

from sandbox.rules.cadence import DAY, Rung, days_after, end_of_day, local_day, reminders
from sandbox.rules.jurisdiction import Profile
from sandbox.rules.working_days import Calendar, add_working_days, eu_last_day, eu_last_day_of_months


class Unit(StrEnum):
    """How a clock is counted. Hours run through nights and holidays; the European units roll over days off."""

    AT_ONCE = "at_once"
    HOURS = "hours"
    DAYS = "days"
    DAYS_BEFORE = "days_before"
    WORKING_DAYS = "working_days"
    EU_DAYS = "eu_days"
    EU_MONTHS = "eu_months"
    UNTIL_31_MARCH = "until_31_march"


class Mark(StrEnum):
    """What a number rests on; only READ and REPORTED may be shown as law."""

    READ = "V"
    REPORTED = "S"
    UNCHECKED = "M"
    OURS = "P"


CN, EU = (Profile.CN_CITY,), (Profile.EU_AUTHORITY,)
BOTH = (*CN, *EU)


@dataclass(frozen=True, slots=True)
class Clock:
    """One row: what starts it, how long it runs, what ends it, who must act, and where the number comes from.

    A duty of two parts (acknowledge, answer) has two rows under one id. `staged`: a first report in time, and a
    complete one on the same record. `moot_on` and `paused_on` are events too, where there are such. A `right` is not
    owed: letting it pass is no fault.
    """

    id: str
    stage: str
    starts_on: str
    amount: int
    unit: Unit
    ends_on: str
    owners: tuple[str, ...]
    source: str
    mark: Mark
    profiles: tuple[Profile, ...] = BOTH
    staged: bool = False
    moot_on: str = ""
    paused_on: str = ""
    by_due: str = ""
    right: bool = False

    @property
    def key(self) -> str:
        """Id and stage in one, as in CLOCKS and in the words."""
        return f"{self.id}.{self.stage}" if self.stage else self.id


@dataclass(frozen=True, slots=True)
class Event:
    """What the program knows a thing by that starts or ends a clock: moves, acts, sections filed."""

    moves: tuple[str, ...] = ()
    acts: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()


def _moves(*names: str) -> Event:
    return Event(moves=names)


def _acts(*names: str) -> Event:
    return Event(acts=names)


def _sections(*kinds: str) -> Event:
    return Event(sections=kinds)


_KNOWN_OF = _acts("file_incident", "update_incident", "confirm_allegation")

EVENTS: Mapping[str, Event] = MappingProxyType({
    "application_complete": _moves("accept"), "plan_submitted": _moves("submit"), "accepted": _moves("accept"),
    "examined": _moves("accept", "ask_correction", "decline"), "correction_asked": _moves("ask_correction"),
    "application_given_up": _moves("withdraw", "lapse"),
    "decided": _moves("admit", "decline"), "reviewed": _moves("admit", "send_to_rereview", "decline", "ask_correction"),
    "rereview_requested": _moves("send_to_rereview"), "rereviewed": _moves("admit", "decline", "ask_correction"),
    "admitted": _moves("admit"), "service_started": _moves("start_trial"), "service_ended": _moves("wind_down"),
    "filed": _sections("filings"), "filed_data_changed": _acts("file_change", "decide_change"),
    "fact_changed": _acts("file_change"), "change_requested": _acts("file_change"),
    "change_decided": _acts("decide_change", "withdraw_change"),
    "trial_ends": Event(moves=("start_trial",), acts=("adopt_trial",)),
    "exit_review_opened": _moves("open_exit_review"), "run_given_up": _moves("wind_down"),
    "exit_decided": _moves("standardise", "wind_down", "begin_tuning", "suspend"),
    "exit_broken_off": _moves("begin_tuning", "suspend"),
    "draft_served": _sections("exit_report"), "draft_answered": _sections("countersignature"),
    "standardised": _moves("standardise"),
    "suspended": _moves("suspend"), "suspended_by_chair": _moves("suspend"),
    "suspension_decided": _moves("lift_suspension", "void_suspension", "void_into_tuning", "begin_tuning",
                                 "open_retrospective", "open_exit_review", "wind_down"),
    "emergency_triggered": _moves("suspend"), "emergency_reviewed": _acts("conclude_review"),
    "retrospective_opened": _moves("open_retrospective"), "retrospective_filed": _sections("retrospective"),
    "decision_served": _moves("decline", "revoke_admission", "terminate"), "appealed": _sections("appeal"),
    "proposed": _acts("make_move", "adopt_trial"), "voted": _acts("vote_on_decision"),
    "aware_cyber_infrastructure": _KNOWN_OF, "aware_cyber_central_body": _KNOWN_OF, "aware_cyber_other": _KNOWN_OF,
    "aware_widespread": _KNOWN_OF, "aware_death": _KNOWN_OF, "aware_serious": _KNOWN_OF, "aware_leak": _KNOWN_OF,
    "aware_grave": _KNOWN_OF, "aware_s2": _KNOWN_OF, "deployer_aware": _KNOWN_OF, "complaint_received": _KNOWN_OF,
    "authority_told": _acts("meet_clock"), "handling_ended": _acts("update_incident"),
    "mitigated": _acts("update_incident"), "complaint_answered": _acts("update_incident", "meet_clock"),
    "reported": _acts("meet_clock", "file_final_report"), "told": _acts("meet_clock", "file_incident"),
    "grave_counted": _acts("file_feedback", "file_batch", "correct_feedback", "decide_correction", "decide_retraction",
                           "update_incident"),
    "grave_itemised": _KNOWN_OF,
    "panel_lacking": _acts("adopt_trial", "recuse_reviewer", "answer_assignment", "decide_recusal", "give_opinion"),
    "panel_whole": _acts("answer_assignment"),
    "trial_over": _moves("standardise", "complete", "file_failure", "close_withdrawn", "terminate"),
    "met": _acts("meet_clock"), "year_ended": _acts("run_due"),
    "sandbox_started": _acts("make_first_administrator", "run_due"), "yearly_reported": _acts("file_annual_report"),
    "consent_withdrawn": _acts("record_withdrawal"), "deletion_confirmed": _acts("confirm_deletion"),
    "report_due": Event(moves=("start_trial",), acts=("adopt_trial", "file_feedback")),
    "report_filed": _acts("file_feedback", "plan_no_use"),
    "kill_switch_tested": _sections("kill_switch"),
})


def _by_key(rows: Iterable[Clock]) -> Mapping[str, Clock]:
    return MappingProxyType({row.key: row for row in rows})


_FIRM, _REGULATOR, _PANEL = ("firm",), ("regulator",), ("panel",)
_CAC_24, _CAC_2025, _CN_2023 = "CAC Art 24", "CAC 2025 Art 4", "CN 2023"

CLOCKS = _by_key((
    Clock("C01", "", "application_complete", 3, Unit.EU_MONTHS, "decided", _REGULATOR, "EU 58(2)(a)", Mark.READ,
          moot_on="application_given_up", paused_on="correction_asked"),
    Clock("C02", "", "plan_submitted", 30, Unit.EU_DAYS, "decided", _REGULATOR, "EU 60(4)(b)", Mark.READ, EU,
          moot_on="application_given_up", paused_on="correction_asked"),
    Clock("C03", "", "accepted", 30, Unit.DAYS, "reviewed", _PANEL, _CN_2023, Mark.REPORTED, CN,
          moot_on="application_given_up"),
    Clock("C04", "", "rereview_requested", 30, Unit.DAYS, "rereviewed", ("rereviewers",), _CN_2023, Mark.UNCHECKED, CN,
          moot_on="application_given_up"),
    Clock("C05", "", "service_started", 10, Unit.WORKING_DAYS, "filed", _FIRM, _CAC_24, Mark.READ, CN),
    Clock("C06", "", "filed_data_changed", 10, Unit.WORKING_DAYS, "filed", _FIRM, _CAC_24, Mark.READ, CN),
    Clock("C07", "", "service_ended", 20, Unit.WORKING_DAYS, "met", _FIRM, _CAC_24, Mark.READ, CN),
    Clock("C08", "", "aware_cyber_infrastructure", 1, Unit.HOURS, "reported", _FIRM, _CAC_2025, Mark.READ, CN, True),
    Clock("C09", "", "aware_cyber_central_body", 2, Unit.HOURS, "reported", _FIRM, _CAC_2025, Mark.READ, CN, True),
    Clock("C10", "", "aware_cyber_other", 4, Unit.HOURS, "reported", _FIRM, _CAC_2025, Mark.READ, CN, True),
    Clock("C11", "", "aware_widespread", 2, Unit.EU_DAYS, "reported", _FIRM, "EU 73(3)", Mark.READ, EU, True),
    Clock("C12", "", "aware_death", 10, Unit.EU_DAYS, "reported", _FIRM, "EU 73(4)", Mark.READ, EU, True),
    Clock("C13", "", "aware_serious", 15, Unit.EU_DAYS, "reported", _FIRM, "EU 73(2)", Mark.READ, EU, True),
    Clock("C14", "", "deployer_aware", 0, Unit.AT_ONCE, "told", ("deployer",), "EU 26(5)", Mark.REPORTED, EU),
    Clock("C15", "", "authority_told", 7, Unit.EU_DAYS, "met", _REGULATOR, "EU 73(8)", Mark.UNCHECKED, EU),
    Clock("C16", "at_once", "aware_leak", 0, Unit.AT_ONCE, "met", _FIRM, "PIPL 57", Mark.UNCHECKED, CN),
    Clock("C16", "at_latest", "aware_leak", 72, Unit.HOURS, "reported", _FIRM, "GDPR 33", Mark.UNCHECKED, EU, True),
    Clock("C17", "", "emergency_triggered", 72, Unit.HOURS, "emergency_reviewed", _PANEL, _CN_2023, Mark.UNCHECKED,
          moot_on="suspension_decided"),
    Clock("C18", "", "aware_grave", 24, Unit.HOURS, "told", _FIRM, "", Mark.OURS),
    Clock("C19", "", "handling_ended", 30, Unit.DAYS, "reported", _FIRM, "CAC 2025", Mark.UNCHECKED, CN),
    Clock("C20", "", "suspended", 14, Unit.DAYS, "suspension_decided", _REGULATOR, "", Mark.OURS),
    Clock("C21", "", "retrospective_opened", 30, Unit.DAYS, "retrospective_filed", ("firm", "regulator"), "",
          Mark.OURS),
    Clock("C22", "", "trial_ends", 30, Unit.DAYS_BEFORE, "exit_review_opened", _FIRM, "", Mark.OURS,
          moot_on="run_given_up"),
    Clock("C23", "draft", "exit_review_opened", 30, Unit.DAYS, "draft_served", _REGULATOR, "", Mark.OURS,
          moot_on="exit_broken_off"),
    Clock("C23", "comments", "draft_served", 10, Unit.WORKING_DAYS, "draft_answered", _FIRM, "", Mark.OURS),
    Clock("C24", "ethics", "year_ended", 0, Unit.UNTIL_31_MARCH, "yearly_reported", _REGULATOR, _CN_2023,
          Mark.UNCHECKED, CN),
    Clock("C24", "sandbox", "sandbox_started", 12, Unit.EU_MONTHS, "yearly_reported", _REGULATOR, "EU 57(16)",
          Mark.READ, EU),
    Clock("C25", "acknowledge", "complaint_received", 2, Unit.WORKING_DAYS, "complaint_answered", _FIRM, "",
          Mark.OURS),
    Clock("C25", "answer", "complaint_received", 15, Unit.WORKING_DAYS, "complaint_answered", _FIRM, "", Mark.OURS),
    Clock("C26", "delete", "consent_withdrawn", 0, Unit.AT_ONCE, "deletion_confirmed", _FIRM, "EU 60(5)", Mark.READ,
          by_due="clock_run_out"),
    Clock("C26", "confirm", "consent_withdrawn", 72, Unit.HOURS, "deletion_confirmed", _FIRM, "", Mark.OURS),
    Clock("C27", "", "decision_served", 30, Unit.DAYS, "appealed", _FIRM, "", Mark.OURS, right=True),
    Clock("D01", "", "plan_submitted", 5, Unit.WORKING_DAYS, "examined", _REGULATOR, "", Mark.OURS,
          moot_on="application_given_up"),
    Clock("D02", "", "correction_asked", 60, Unit.DAYS, "plan_submitted", _FIRM, "", Mark.OURS, by_due="lapse"),
    Clock("D03", "", "admitted", 90, Unit.DAYS, "service_started", _FIRM, "", Mark.OURS, by_due="lapse"),
    Clock("D04", "", "proposed", 3, Unit.WORKING_DAYS, "voted", _REGULATOR, "", Mark.OURS, by_due="expire_decision"),
    Clock("D05", "", "exit_review_opened", 60, Unit.DAYS, "exit_decided", _REGULATOR, "", Mark.OURS),
    Clock("D06", "", "suspended_by_chair", 72, Unit.HOURS, "suspension_decided", _REGULATOR, "", Mark.OURS),
    Clock("D07", "half_year", "standardised", 6, Unit.EU_MONTHS, "met", _REGULATOR, "", Mark.OURS),
    Clock("D07", "year", "standardised", 12, Unit.EU_MONTHS, "met", _REGULATOR, "", Mark.OURS),
    Clock("D08", "", "report_due", 24, Unit.HOURS, "report_filed", _FIRM, "", Mark.OURS, by_due="feedback_late"),
    Clock("D09", "yellow", "kill_switch_tested", 30, Unit.DAYS, "kill_switch_tested", _FIRM, "", Mark.OURS,
          by_due="kill_switch_old"),
    Clock("D09", "", "kill_switch_tested", 38, Unit.DAYS, "kill_switch_tested", _FIRM, "", Mark.OURS,
          by_due="kill_switch"),
    Clock("D10", "", "aware_s2", 24, Unit.HOURS, "mitigated", _FIRM, "", Mark.OURS, by_due="grave_unmitigated"),
    Clock("D11", "A1.notice", "fact_changed", 10, Unit.WORKING_DAYS, "change_requested", _FIRM, _CAC_24, Mark.READ),
    Clock("D11", "A1", "change_requested", 10, Unit.WORKING_DAYS, "change_decided", _REGULATOR, "", Mark.OURS),
    Clock("D11", "A3", "change_requested", 10, Unit.WORKING_DAYS, "change_decided", _REGULATOR, "", Mark.OURS),
    Clock("D11", "A4", "change_requested", 15, Unit.WORKING_DAYS, "change_decided", _REGULATOR, "", Mark.OURS),
    Clock("D11", "A5", "change_requested", 10, Unit.WORKING_DAYS, "change_decided", _REGULATOR, "", Mark.OURS),
    Clock("D11", "A6", "change_requested", 10, Unit.WORKING_DAYS, "change_decided", _REGULATOR, "", Mark.OURS),
    Clock("D11", "A7", "change_requested", 5, Unit.WORKING_DAYS, "change_decided", _REGULATOR, "", Mark.OURS),
    Clock("D12", "", "grave_counted", 24, Unit.HOURS, "grave_itemised", _FIRM, "", Mark.OURS),
    Clock("D13", "", "panel_lacking", 20, Unit.WORKING_DAYS, "panel_whole", _REGULATOR, "", Mark.OURS,
          moot_on="trial_over"),
))
"""C rows are those of `clocks.json`; D rows the day counts that the lifecycle and FORMS.md name besides."""


def started_by(profile: Profile, *, move: str = "", section: str = "") -> tuple[str, ...]:
    """Keys of the clocks that such a move or section starts, and that are kept as running clocks."""
    return tuple(row.key for row in CLOCKS.values() if profile in row.profiles and not row.by_due
                 and _is(row.starts_on, move, section))


def ended_by(*, move: str = "", section: str = "") -> tuple[str, ...]:
    """Keys of the clocks that such a move or section is the end of."""
    return tuple(row.key for row in CLOCKS.values() if _is(row.ends_on, move, section))


def voided_by(move: str) -> tuple[str, ...]:
    """Keys of the clocks that have no object any more after the move."""
    return tuple(row.key for row in CLOCKS.values() if _is(row.moot_on, move))


def paused_by(move: str) -> tuple[str, ...]:
    """Keys of the clocks that stand still while the other side has to act."""
    return tuple(row.key for row in CLOCKS.values() if _is(row.paused_on, move))


def is_said(clock: Clock) -> bool:
    """Whether a person may say that the duty was done; otherwise the move, section or review that does it ends it."""
    return "meet_clock" in EVENTS[clock.ends_on].acts


def is_step(clock: Clock) -> bool:
    """Whether a move or a section is the end of it, which people are told of as their next step."""
    return bool(EVENTS[clock.ends_on].moves or EVENTS[clock.ends_on].sections)


def _is(event: str, move: str = "", section: str = "") -> bool:
    known = EVENTS.get(event, Event())
    return bool(move) and move in known.moves or bool(section) and section in known.sections


REMINDERS = (
    Rung(-7, ("owner",), over_days=10),
    Rung(-3, ("owner",), over_days=4),
    Rung(-1, ("owner", "deputy"), over_days=1),
)
"""Whoever owes it is reminded while there is time, on the last day also the deputies of a panel's members who are
silent; when it has run out both sides are told."""


def owner_reminders(due: datetime, interval_days: int, zone: tzinfo) -> tuple[tuple[datetime, Rung], ...]:
    """When those who owe a duty with a date are reminded of it, earliest first."""
    return reminders(due, interval_days, zone, REMINDERS)


YEARLY = (Rung(-60, ("owner",), over_days=60), Rung(-30, ("owner",)), *REMINDERS, Rung(0, ("owner",)))


def yearly_reminders(due: datetime, interval_days: int, zone: tzinfo) -> tuple[tuple[datetime, Rung], ...]:
    """The same of a report that takes weeks to write; the last is told when it is due."""
    return reminders(due, interval_days, zone, YEARLY)


def deadline(clock: Clock, start: datetime, zone: tzinfo, calendar: Calendar) -> datetime:
    """When the clock that started at `start` runs out; `start` itself where the duty is at once.

    Day clocks end at 24:00 in `zone`. A clock that counts back from an end keeps that end's time of day.
    `calendar` is that of the place where the duty is owed.
    """
    if clock.unit in (Unit.AT_ONCE, Unit.HOURS):
        return days_after(start, 0, zone) + timedelta(hours=clock.amount)
    if clock.unit is Unit.DAYS_BEFORE:
        return days_after(start, -clock.amount, zone)
    return end_of_day(_LAST_DAY[clock.unit](local_day(start, zone), clock.amount, calendar), zone)


def _last_calendar_day(day: date, amount: int, _: Calendar) -> date:
    return day + amount * DAY


def _next_31_march(day: date, *_: object) -> date:
    this_year = day.replace(month=3, day=31)
    return this_year if day <= this_year else this_year.replace(year=day.year + 1)


_LAST_DAY: Mapping[Unit, Callable[[date, int, Calendar], date]] = MappingProxyType({
    Unit.DAYS: _last_calendar_day,
    Unit.WORKING_DAYS: add_working_days,
    Unit.EU_DAYS: eu_last_day,
    Unit.EU_MONTHS: eu_last_day_of_months,
    Unit.UNTIL_31_MARCH: _next_31_march,
})

"""Yearly reports of the sandbox: owed from the turn of the year, or of the sandbox's own year, filed by a regulator."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dateutil.relativedelta import relativedelta

from sandbox.acts.act import Act, Made, act
from sandbox.acts.refusals import Refused
from sandbox.acts.schedule import arm_reminders, drop_due, put_due
from sandbox.rules.cadence import days_after, end_of_day, local_day
from sandbox.rules.clocks import CLOCKS as KNOWN
from sandbox.rules.clocks import deadline, yearly_reminders
from sandbox.store.annual import ANNUAL_REPORTS, AnnualReportFields
from sandbox.store.dues import DueKind

ETHICS, SANDBOX = "C24.ethics", "C24.sandbox"


def begin_years(act: Act) -> None:
    """The sandbox begins: its own year, and the calendar's."""
    owe_report(act, SANDBOX)
    for key in (ETHICS, SANDBOX):
        put_due(act, DueKind.YEAR_TURNS, key, _next_turn(act, key))


def _next_turn(act: Act, key: str) -> datetime:
    """The start of the next calendar year; of the sandbox's own, the same day a year on."""
    today = local_day(act.now, act.zone)
    if key == ETHICS:
        return end_of_day(today.replace(month=12, day=31), act.zone)
    return days_after(act.now, (today + relativedelta(years=1) - today).days, act.zone)


def year_turns(act: Act, due: Mapping[str, Any]) -> None:
    """A year has ended: its report is owed, and the next turn of the year is."""
    key = due["object_id"]
    owe_report(act, key)
    put_due(act, DueKind.YEAR_TURNS, key, _next_turn(act, key))


def owe_report(act: Act, key: str) -> None:
    """A yearly report is owed from now on, where the sandbox's law asks for one."""
    rule = KNOWN[key]
    if act.place.profile not in rule.profiles:
        return
    due = deadline(rule, act.now, act.zone, act.place.calendar)
    report = act.id("ar")
    act.insert(ANNUAL_REPORTS, {"id": report, "key": key, "started_at": act.now, "due_at": due})
    arm_reminders(act, DueKind.REMIND_ANNUAL, report, yearly_reminders(due, (due - act.now).days, act.zone))


@act()
def file_annual_report(act: Act, given: AnnualReportFields) -> Made:
    """A yearly report was made: under which reference, and what it says in short."""
    report = act.row(ANNUAL_REPORTS, act.object_id or "")
    if report["filed_at"] is not None:
        raise Refused("report_filed")
    act.update(ANNUAL_REPORTS, report["id"], filed_at=act.now, filed_by=act.actor.id, **given.plain())
    drop_due(act, DueKind.REMIND_ANNUAL, report["id"])
    return Made(id=report["id"])

"""A person's calendar as iCalendar (RFC 5545): every date as an all-day event, and what its owner must do as a task.

All-day, since something that is due at 24:00 belongs to the day before midnight; a task has the very instant. Alarms
ring at nine in the morning, the day before and on the day. Entries name trials by number, never a firm. The bytes
depend on the dates alone, so a calendar that has not changed is not sent again.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from sandbox.words import say, word

MOMENT = timedelta(seconds=1)
MORNING_BEFORE, MORNING = timedelta(hours=-15), timedelta(hours=9)
"""From the midnight with which the day begins."""
REFRESH = timedelta(hours=1)
STATUS = {"owed": ("CONFIRMED", "NEEDS-ACTION"), "done": ("CONFIRMED", "COMPLETED"),
          "cancelled": ("CANCELLED", "CANCELLED")}
"""Of the event and of the task, by the state of the date."""


def calendar(rows: Iterable[Mapping[str, Any]], locale: str, timezone: str, url: str) -> bytes:
    """The dates as one calendar, in this language and zone."""
    from icalendar import Calendar, Timezone

    zone = ZoneInfo(timezone)
    made = Calendar()
    made.add("prodid", "-//Ethics sandbox//Dates//EN")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("x-wr-calname", say(word("calendar.name"), locale))
    made.add("x-wr-timezone", timezone)
    made.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    made.add_component(Timezone.from_tzinfo(zone, first_date=date(2020, 1, 1), last_date=date(2038, 1, 1)))
    for row in rows:
        made.add_component(_event(row, locale, zone, url))
        if row["task"]:
            made.add_component(_task(row, locale, zone, url))
    return bytes(made.to_ical())


def _event(row: Mapping[str, Any], locale: str, zone: ZoneInfo, url: str) -> Any:
    from icalendar import Event

    event = _filled(Event(), row, "", locale, url)
    day = (row["due_at"] - MOMENT).astimezone(zone).date()
    event.add("dtstart", day)
    event.add("dtend", day + timedelta(days=1))
    event.add("transp", "TRANSPARENT")
    event.add("status", STATUS[row["state"]][0])
    if row["state"] == "owed":
        for ahead in (MORNING_BEFORE, MORNING):
            event.add_component(_alarm(row, locale, ahead, {}))
    return event


def _task(row: Mapping[str, Any], locale: str, zone: ZoneInfo, url: str) -> Any:
    from icalendar import Todo

    task = _filled(Todo(), row, "-task", locale, url)
    due: datetime = row["due_at"].astimezone(zone)
    task.add("due", due)
    task.add("status", STATUS[row["state"]][1])
    if row["state"] == "done":
        task.add("completed", row["changed_at"])
    if row["state"] == "owed":
        midnight = timedelta(days=1) if (due.hour, due.minute) == (0, 0) else timedelta(hours=due.hour)
        for ahead in (MORNING_BEFORE, MORNING):
            task.add_component(_alarm(row, locale, ahead - midnight, {"RELATED": "END"}))
    return task


def _filled(component: Any, row: Mapping[str, Any], ending: str, locale: str, url: str) -> Any:
    """What event and task share. DTSTAMP is the last change, since the bytes must not depend on when they are read."""
    component.add("uid", f"{row['id']}{ending}@{urlsplit(url).hostname}")
    for name in ("dtstamp", "last-modified"):
        component.add(name, row["changed_at"].replace(microsecond=0))
    component.add("sequence", row["sequence"])
    component.add("summary", _summary(row, locale))
    component.add("url", f"{url}{_path(row)}")
    component.add("class", "PRIVATE")
    return component


def _summary(row: Mapping[str, Any], locale: str) -> str:
    return say(word(f"calendar.{row['kind']}", trial=row["trial_id"]), locale)


def _path(row: Mapping[str, Any]) -> str:
    return f"/reviews/{row['id']}" if row["kind"] == "review" else f"/trials/{row['trial_id']}"


def _alarm(row: Mapping[str, Any], locale: str, ahead: timedelta, parameters: dict[str, str]) -> Any:
    from icalendar import Alarm

    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _summary(row, locale))
    alarm.add("trigger", ahead, parameters=parameters)
    return alarm

"""What happened, in words: entries of the log as items of a timeline."""

from collections.abc import Iterable

import sqlalchemy as sa

from sandbox.reads import accounts
from sandbox.reads.trials import Event
from sandbox.rules.access import Role
from sandbox.rules.lifecycle import TRIGGERS, Cause
from sandbox.web.pages.shapes import Plain
from sandbox.web.pages.times import moment
from sandbox.web.reader import actor, t
from sandbox.words import Word, has_word, word

HOT = ("suspend", "terminate")


def entries(connection: sa.Connection, events: Iterable[Event]) -> list[Plain]:
    """Items for the `timeline` macro, in the order given. Names of people are for regulators; others read the role."""
    events = tuple(events)
    people = {one.actor_id for one in events} if actor().role is Role.REGULATOR else set()
    names = accounts.names(connection, people)
    return [{"at": moment(one.at), "iso": one.at.isoformat(), "text": event_word(one.name), "hot": one.name in HOT,
             "note": _note(one, names.get(one.actor_id))} for one in events]


def event_word(name: str) -> str:
    """The log's action as a sentence in the past."""
    return t(f"moved.{name}" if has_word(f"moved.{name}", "en") else f"act.{name}")


def _note(one: Event, name: str | None) -> str:
    who = t(f"role.{one.role}")
    said = t("page.log.who", role=who, name=name) if name else who
    cause = cause_word(one.reason)
    return t("page.log.because", who=said, cause=cause) if cause else said


def cause_word(reason: str | None) -> Word | None:
    """The cause that a log entry names, if it does."""
    if reason in TRIGGERS:
        return word(f"trigger.{reason}")
    return word(f"page.reason.{reason}") if reason in tuple(Cause) else None

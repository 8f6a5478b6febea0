"""What fires on a trial in the next ninety days, to whom, as its record stands or as another schedule would have it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import request, url_for

from sandbox.reads import timetable as reads
from sandbox.reads.timetable import Schedule
from sandbox.rules.access import Role
from sandbox.rules.lifecycle import RUNNING
from sandbox.rules.timetable import DAYS, Firing
from sandbox.web.api.shapes import SEES_NAMES
from sandbox.web.guard import page
from sandbox.web.pages.shapes import PAGES, PageContext, Plain, TrialHead, render
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import head_of
from sandbox.web.pages.trials import own
from sandbox.web.reader import program, t
from sandbox.words import Word, word

COLUMNS = ("when", "what", "whom")
ASKED = ("first_review_day", "review_every_days", "feedback_every_days")
MOST = 365


@dataclass(frozen=True, kw_only=True)
class TimetablePage(PageContext):
    """The rows, and three numbers to try: what would fire is shown before anything is saved."""

    template: ClassVar[str] = "timetable.html"
    head: TrialHead
    lead: str
    action: str
    asked: list[Plain]
    tried: bool
    columns: list[Plain]
    rows: list[Plain]


@page(PAGES, "/trials/<trial_id>/timetable", roles=(Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT))
def timetable(trial_id: str) -> Any:
    """What fires on one trial, soonest first."""
    given = {name: _days(request.args.get(name)) for name in ASKED}
    with program().reading() as connection:
        row = own(connection, trial_id)
        found = reads.timetable(connection, row, now(), program().settings.zone, Schedule(**given))
        names = reads.sitters(connection, row) if row["relation"] in SEES_NAMES else {}
        running = row["state"] in RUNNING
        return render(TimetablePage(
            head=head_of(connection, row, "timetable"), action=url_for("pages.timetable", trial_id=trial_id),
            lead=t("page.timetable.running" if running else "page.timetable.proposed", n=DAYS),
            asked=[{"name": name, "label": t(f"field.{name}"), "value": given[name] or ""} for name in ASKED
                   if not (running and name == "first_review_day")],
            tried=any(given.values()), columns=[{"key": key, "label": t(f"page.col.{key}")} for key in COLUMNS],
            rows=[_row(one, names) for one in found]))


def _days(text: str | None) -> int | None:
    """A number of days out of the address; what is none is left out."""
    return int(text) if text and text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MOST else None


def _row(one: Firing, names: Mapping[str, list[str]]) -> Plain:
    notes = [t("page.timetable.if_late")] if one.if_late else []
    notes += [t("page.timetable.projected")] if one.projected else []
    return {"when": moment(one.at), "what": {"text": t(f"page.timetable.{one.what}"), "sub": " ".join(notes)},
            "whom": t("page.timetable.to", who=whom(one, names))}


def whom(one: Firing, names: Mapping[str, list[str]]) -> list[str | Word]:
    """Whom it reaches: the reviewers asked by name where the reader may know them, others by their part."""
    told: list[str | Word] = []
    for part in one.to:
        known = names.get(one.review or "", []) if part == "reviewer" else []
        told += known or [word(f"page.timetable.part_{part}")]
    return told

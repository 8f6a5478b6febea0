"""Usage feedback: all reports, those of one trial by month, and filing one with what would follow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import flash, request, url_for

from sandbox.acts.feedback import Filed
from sandbox.acts.refusals import Refused
from sandbox.reads import board, drift, months, records, reporting, risk, trials
from sandbox.reads.pages import Page
from sandbox.rules.access import Relation, Role
from sandbox.rules.reporting import Period, Schedule, Span, Standing
from sandbox.rules.risk import INDICATORS
from sandbox.store.feedback import FeedbackFields
from sandbox.web.codec import read as typed_value
from sandbox.web.guard import page
from sandbox.web.pages import caps, lights
from sandbox.web.pages.exports import Exported
from sandbox.web.pages.filing import do, form_of, gone, read, tried, typed
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.shapes import PAGES, Form, FormPage, PageContext, Plain, TrialHead, render
from sandbox.web.pages.times import day, due, moment, now
from sandbox.web.pages.tracks import back, head_of
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, locale, program, t, titled
from sandbox.words import has_word, show, word

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
EVENTS = ("harm_S1", "harm_S2", "harm_S3", "harm_S4", "complaint", "override", "error")
"""Counted in every trial; what else the plan names follows."""
USED = ("period_start", "period_end", "exposures", "people_new", "model_version", "nil")
CAPPED = {"hours": "cap_hours", "money": "cap_money"}
STANDING = ("period", "standing", "counts", "due")
SHOWN = 50
A_LITTLE = timedelta(hours=1)


# Lists


@page(PAGES, "/feedback", roles=READERS)
def feedback_list() -> Any:
    """Reports of every trial this person sees, newest filed first; those of one trial by whether counts differ."""
    q, trial, late, differs = (wanted(name) for name in ("q", "trial", "late", "differs"))

    def page_of(connection: sa.Connection, cursor: str | None, limit: int, only: Sequence[str] = ()) -> Page[Any]:
        found = records.feedback(connection, actor(), trial, cursor, limit, q=q, late=late is not None, only=only,
                                 within=_differing(connection, trial) if trial and differs else None)
        return found if only else replace(found, items=_with_differences(connection, found.items))

    filters = [choices_of("trial", trial, {trial: trial} if trial else {}),
               choices_of("late", late, {"1": t("standing.late")}),
               choices_of("differs", differs, {"1": t("page.feedback.differ")} if trial else {})]
    return listed(Listing(
        name="feedback", endpoint="pages.feedback_list", q=q or "", columns=COLUMNS, cells=_cells, page=page_of,
        filters=filters, exported=Exported(EXPORTED, partial(page_of, only=EXPORTED))))


def _differing(connection: sa.Connection, trial_id: str) -> tuple[Span, ...]:
    """The periods of a trial whose counts differ; none of one that is not theirs."""
    row = trials.trial(connection, actor(), trial_id)
    return reporting.differing(connection, row, program().settings.zone, now()) if row else ()


def _with_differences(connection: sa.Connection, items: tuple[Any, ...]) -> tuple[Any, ...]:
    return reporting.with_differences(connection, items, program().settings.zone, now())


EXPORTED = ("id", "trial_id", "period_start", "period_end", "exposures", "people", "people_new", "region", "site",
            "events", "reviewed", "labelled", "model_version", "nil", "epoch", "at", "due_at", "late")

COLUMNS = (Column("trial"), Column("period"), Column("exposures", num=True), Column("events"), Column("filed"),
           Column("standing"))


def _cells(row: Mapping[str, Any]) -> Plain:
    return {"trial": {"text": titled(row, "trial_title"), "sub": row["trial_id"],
                      "url": url_for("pages.report", feedback_id=row["id"])}, **_report_cells(row)}


def _report_cells(row: Mapping[str, Any]) -> Plain:
    used = t("page.feedback.nil") if row["nil"] else t("page.feedback.unknown") if row["exposures"] is None \
        else amount(row["exposures"])
    return {"period": period(row), "exposures": used, "events": events_text(row["events"]), "filed": moment(row["at"]),
            "standing": _told(row)}


def _told(row: Mapping[str, Any]) -> Any:
    """Whether a report came in time, and whether the counts of its period agree."""
    differs = t("page.board.counts_differ") if row["differs"] else ""
    if row["late"]:
        return {"text": t("standing.late"), "urgency": "late", "sub": differs}
    return {"text": t("standing.on_time") if row["due_at"] else "", "sub": differs}


def amount(exposures: float) -> str:
    """An amount of use, to one decimal where it has one."""
    return show(round(exposures, 1) if exposures % 1 else int(exposures), locale())


def period(row: Mapping[str, Any]) -> str:
    """The period of a report, its last day named."""
    return t("page.feedback.period", first=day(row["period_start"]), last=day(row["period_end"] - A_LITTLE))


def events_text(events: Mapping[str, int] | None) -> str:
    """What happened in a period, kind by kind."""
    told = [t("page.feedback.event_n", event=event_label(name), n=number) for name, number in (events or {}).items()
            if number]
    return show(told, locale()) if told else t("page.feedback.no_events")


def event_label(name: str) -> str:
    """An event's name for people; one that the plan names keeps its own."""
    return t(f"page.event.{name}") if has_word(f"page.event.{name}", "en") else lights.indicator_word(name)


@dataclass(frozen=True, kw_only=True)
class TrialFeedbackPage(PageContext):
    """A trial's reports: what is due, the record by month, the record from before it was taken over, every period."""

    template: ClassVar[str] = "trial_feedback.html"
    head: TrialHead
    due: Plain | None
    standing_columns: list[Plain]
    standings: list[Plain]
    no_use_url: str
    month_columns: list[Plain]
    own_months: list[Plain]
    past_months: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    next_url: str | None
    first_url: str | None


@page(PAGES, "/trials/<trial_id>/feedback")
def trial_feedback(trial_id: str) -> Any:
    """The reports of one trial."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        cursor = request.args.get("cursor")
        found = records.feedback(connection, actor(), trial_id, cursor, SHOWN)
        by_month = months.months(connection, row, program().settings.zone, now())
        return render(TrialFeedbackPage(
            head=head_of(connection, row, "trial_feedback"), due=_due(connection, row),
            standing_columns=[{"key": key, "label": t(f"page.col.{key}")} for key in STANDING],
            standings=_standings(connection, row), no_use_url=url_for("pages.no_use", trial_id=trial_id),
            month_columns=_month_columns(by_month), own_months=_month_rows(by_month, row, before=False),
            past_months=_month_rows(by_month, row, before=True),
            columns=[{"key": one.key, "label": t(f"page.col.{one.key}"), "num": one.num} for one in COLUMNS[1:]],
            rows=[_period_row(one) for one in sorted(_with_differences(connection, found.items), reverse=True,
                                                     key=lambda one: one["period_start"])],
            next_url=url_for("pages.trial_feedback", trial_id=trial_id, cursor=found.next) if found.next else None,
            first_url=url_for("pages.trial_feedback", trial_id=trial_id) if cursor else None))


def _standings(connection: sa.Connection, row: Mapping[str, Any]) -> list[Plain]:
    """Where the reporting of each of the last periods stands, and what of it is untold."""
    zone = program().settings.zone
    found = reporting.standing(connection, row, zone, now())
    counts = reporting.compared(connection, [row], zone, now(), [one.number for one in found])
    return [{"period": t("page.feedback.period", first=day(one.span[0]), last=day(one.span[1] - A_LITTLE)),
             "standing": {"text": t(f"standing.{one.standing}"), "sub": _gap(one)},
             "counts": _disagreement(counts.get((row["id"], one.number), ())), "due": moment(one.due_at)}
            for one in found]


def _disagreement(counts: tuple[reporting.Compared, ...]) -> Any:
    """Where what was declared and what is itemised differ, indicator by indicator; or that they agree."""
    told = [t("page.feedback.counts_differ", what=lights.indicator_word(one.indicator), declared=one.declared,
              itemised=one.itemised) for one in counts if one.differs]
    if told:
        return {"text": show(told, locale()), "urgency": "late"}
    itemised = [one for one in counts if one.itemised]
    agree = itemised and all(one.declared == one.itemised for one in itemised)
    return t("page.feedback.counts_agree") if agree else ""


def _gap(one: Period) -> str:
    if not one.untold or one.standing not in (Standing.MISSING, Standing.DUE):
        return ""
    return t("page.feedback.untold", start=moment(one.untold[0][0]), end=moment(one.untold[0][1]))


def _period_row(one: Mapping[str, Any]) -> Plain:
    cells = _report_cells(one)
    cells["period"] = {"text": cells["period"], "url": url_for("pages.report", feedback_id=one["id"]),
                       "sub": t("page.feedback.before_adoption") if one["epoch"] == 0 else ""}
    return cells


def _due(connection: sa.Connection, row: Mapping[str, Any]) -> Plain | None:
    """When the next report is due, and the way to file it for those who may."""
    first = next(iter(board.reports_due(connection, actor(), row["id"])), None)
    owner = row["relation"] is Relation.OWNER
    takes = row["state"] in ("trial", "tune", "suspended", "retrospective", "exit_review", "winding_down")
    if first is None and not (owner and takes):
        return None
    until = due(first["due_at"]) if first else None
    actions = [{"label": t("page.do.report"), "url": url_for("pages.new_feedback", trial_id=row["id"]), "kind": "main"},
               {"label": t("page.upload.link"), "url": url_for("pages.new_upload", trial_id=row["id"])}]
    return {"text": until.text if until else t("page.feedback.none_due"), "urgency": until.urgency if until else "",
            "actions": actions if owner and takes else []}


def _month_columns(by_month: tuple[months.Month, ...]) -> list[Plain]:
    named = [count.indicator for count in by_month[0].counts] if by_month else []
    fixed = [{"key": name, "label": t(f"page.col.{name}"), "num": True} for name in ("reports", "exposures")]
    return [{"key": "month", "label": t("page.col.month")}, *fixed,
            *({"key": name, "label": lights.indicator_word(name)} for name in named)]


def _month_rows(by_month: tuple[months.Month, ...], row: Mapping[str, Any], *, before: bool) -> list[Plain]:
    return [_month_row(one, row["unit"]) for one in reversed(by_month) if one.before_adoption is before]


def _month_row(one: months.Month, unit: str) -> Plain:
    cells: Plain = {"month": t("page.feedback.month", year=str(one.first.year), month=f"{one.first.month:02}"),
                    "reports": str(one.reports),
                    "exposures": t("page.feedback.unknown") if one.exposures is None else amount(one.exposures)}
    return cells | {count.indicator: _count_cell(count, unit) for count in one.counts}


def _count_cell(count: months.Count, unit: str) -> Plain:
    row = INDICATORS.get(count.indicator)
    shared = row is not None and row.denominator in ("reviewed", "labelled")
    if count.rate is None:
        sub = t("page.feedback.undefined") if count.events else ""
    elif shared:
        sub = t("page.feedback.percent", rate=lights.percent(count.rate))
    else:
        sub = t("page.feedback.rate", rate=lights.per_10k(count.rate), unit=lights.unit_word(unit))
    if count.differs:
        sub = t("page.feedback.differs", rate=sub, declared=count.declared, itemised=count.itemised)
    return {"text": show(count.events, locale()), "sub": sub}


# Filing


@page(PAGES, "/trials/<trial_id>/feedback/new", act="file_feedback", methods=("GET", "POST"))
def new_feedback(trial_id: str) -> Any:
    """File one period's report; "check" says what would follow and keeps nothing."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        named = named_in(connection, trial_id)
    if row["starts_at"] is None:
        raise Refused("no_exposure_allowed", state=row["state"])
    form = report_form(row, named, url_for("pages.new_feedback", trial_id=trial_id), _expected(row))
    if request.method == "GET":
        return render(_page(row, form, [_standing(row)]))
    checking = "draft" in request.form
    given = given_report(named)
    done, form = tried(lambda: do("file_feedback", given, trial_id, dry_run=checking), form)
    if done is None:
        return render(_page(row, form, [_standing(row)]), 422)
    if checking:
        return render(_page(row, replace(form, values=typed(form.fields, request.form)), [_follows(row, given, done)]))
    return _filed(row, done)


def _expected(row: Mapping[str, Any]) -> Plain:
    """The period after the last covered one, and the version of the plan, to be put right where they differ."""
    zone = program().settings.zone
    start = _whole_minute(row["covered_until"] or row["starts_at"])
    end = Schedule(row["starts_at"], row["feedback_days"] or 1, zone).next_end(start, now())
    return {"period_start": start, "period_end": max(end, start), "model_version": row["model_version"]}


def _whole_minute(at: datetime) -> datetime:
    """The form knows minutes: the next whole one, so that the period does not reach into the one before."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Named:
    """What a trial's own plan names in a report: indicators with a limit, distributions with a reference."""

    limits: tuple[str, ...]
    distributions: tuple[str, ...]


def named_in(connection: sa.Connection, trial_id: str) -> Named:
    """What this trial's plan names."""
    return Named(risk.agreed(connection, trial_id), drift.names(connection, trial_id))


def report_form(row: Mapping[str, Any], named: Named, action: str, values: Plain, *, second: bool = True) -> Form:
    """The report as people fill it: what was used, what happened, who looked, the rest; the same data as the API's."""
    made = form_of(FeedbackFields, action, t("page.feedback.file"), values=values,
                   second=t("page.feedback.check") if second else None)
    by_name = {one["name"]: one for one in made.fields}
    names, limits = event_names(named.limits), named.limits
    counts = [{"name": f"event_{place}", "label": event_label(name), "kind": "integer", "required": True}
              for place, name in enumerate(names)]
    by_name["exposures"]["unit"] = lights.unit_word(row["unit"])
    extra = [name for name, cap in CAPPED.items() if row[cap] is not None]
    groups = [
        _group("used", [by_name[name] for name in USED]), _group("happened", counts, compact=True),
        _group("looked", [by_name[name] for name in ("reviewed", "labelled")]),
        _group("more", [by_name[name] for name in (*extra, "region", "site", "narrative")]),
    ]
    if "disparity" in limits:
        groups.append(_group("groups", [by_name["groups"]]))
    if named.distributions:
        groups.append(_group("distributions", [{"name": f"bins_{place}", "label": name, "kind": "text"}
                                               for place, name in enumerate(named.distributions)]))
    events = values.get("events") or {}
    counted = {f"event_{place}": str(events.get(name, 0)) for place, name in enumerate(names)}
    places = {f"events.{name}": f"event_{place}" for place, name in enumerate(names)}
    places |= {f"distributions.{line}": f"bins_{place}" for line, place in enumerate(_told_bins(named))}
    return replace(made, fields=groups, values={**made.values, **counted, **_bins(named, values)}, places=places)


def _told_bins(named: Named) -> list[int]:
    """Which distributions, by their place in the form, the posted report tells of."""
    return [place for place in range(len(named.distributions)) if request.form.get(f"bins_{place}", "").strip()]


def _bins(named: Named, values: Plain) -> Plain:
    told = {one["name"]: one["counts"] for one in values.get("distributions") or ()}
    return {f"bins_{place}": ", ".join(map(str, told[name]))
            for place, name in enumerate(named.distributions) if name in told}


def event_names(limits: Sequence[str]) -> tuple[str, ...]:
    """What is counted: the usual kinds of event, and those that the plan names itself."""
    return (*EVENTS, *(name for name in limits if name not in INDICATORS and name not in EVENTS))


def _group(name: str, fields: list[Plain], *, compact: bool = False) -> Plain:
    return {"kind": "group", "name": "", "label": t(f"page.feedback.{name}"), "help": t(f"page.feedback.{name}_help"),
            "fields": fields, "compact": compact}


def given_report(named: Named) -> dict[str, Any]:
    """The posted report; a count of nothing is left out, one that cannot be read goes on to be refused by name."""
    events: dict[str, Any] = {}
    for place, name in enumerate(event_names(named.limits)):
        raw = request.form.get(f"event_{place}", "").strip()
        if raw not in ("", "0"):
            events[name] = int(raw) if raw.isdecimal() and len(raw) < 19 else raw
    distributions = [{"name": named.distributions[place],
                      "counts": typed_value("counts", request.form[f"bins_{place}"], program().settings.zone)}
                     for place in _told_bins(named)]
    return {**read(FeedbackFields), "events": events, **({"distributions": distributions} if distributions else {})}


def _page(row: Mapping[str, Any], form: Form, aside: list[Plain]) -> FormPage:
    return FormPage(title=t("page.feedback.new"), over=back(row), sub=t("page.feedback.new_sub"), form=form,
                    errors=form.errors, aside=tuple(aside))


def _standing(row: Mapping[str, Any]) -> Plain:
    """Before a check: how much is used of what, and that checking keeps nothing."""
    facts = [{"label": meter["label"], "text": f"{meter['used']} / {meter['cap']}"}
             for meter in caps.meters(row, risk.caps(row))]
    return {"title": t("page.feedback.follows"), "id": "h-follows", "facts": facts,
            "text": t("page.feedback.check_why")}


def _follows(row: Mapping[str, Any], given: Mapping[str, Any], done: Filed) -> Plain:
    """What filing would do: caps after it, the light, the next date; a stop is said first."""
    used = {"volume": given.get("exposures"), "people": given.get("people_new"), "hours": given.get("hours"),
            "money": given.get("money")}
    facts = [_after(row, cap, used.get(cap["dimension"]) or 0) for cap in risk.caps(row)]
    same = done.light == row["light"]
    facts.append({"label": t("page.feedback.light"), "text": t(
        "page.feedback.light_same" if same else "page.feedback.light_new", light=word(f"light.{done.light}"))})
    if done.next_due_at:
        facts.append({"label": t("page.owed.report"), "text": moment(done.next_due_at)})
    facts.append({"label": t("page.feedback.receipt"), "text": t("page.feedback.receipt_why")})
    if done.held:
        return {"title": t("page.feedback.follows"), "id": "h-follows", "facts": facts,
                "text": " ".join(t(f"held.{code}") for code in (*done.held.doubts, *done.held.causes)),
                "say": {"colour": "red", "text": t("refused.confirm_required", at=moment(done.held.applies_at))}}
    stops = done.state == "suspended" and row["state"] != "suspended"
    return {"title": t("page.feedback.follows"), "id": "h-follows", "facts": facts, "text": t("page.feedback.checked"),
            "say": {"colour": "red", "text": t("page.feedback.would_stop")} if stops else None}


def _after(row: Mapping[str, Any], cap: Mapping[str, Any], more: float) -> Plain:
    whole = cap["used"] + more
    share = round(min(whole / cap["cap"], 9.99) * 100) if cap["cap"] else 999
    return {"label": lights.cap_word(cap["dimension"], row["unit"]), "urgency": "late" if whole > cap["cap"] else "",
            "text": t("page.feedback.after", before=lights.number(cap["used"]), after=lights.number(whole),
                      share=share)}


def _filed(row: Mapping[str, Any], done: Filed) -> Any:
    if done.held:
        why = " ".join(t(f"held.{code}") for code in (*done.held.doubts, *done.held.causes))
        flash(t("refused.confirm_required", at=moment(done.held.applies_at)), "warn")
        return gone(url_for("pages.held", held_id=done.held.id), why, "warn")
    if done.state == "suspended" and row["state"] != "suspended":
        flash(t("page.feedback.stopped"), "warn")
    assert done.receipt is not None
    return gone(url_for("pages.trial", trial_id=row["id"]),
                t("page.feedback.filed", seq=done.receipt.seq, leaf=done.receipt.leaf[:16]))

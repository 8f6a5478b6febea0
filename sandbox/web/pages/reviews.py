"""Risk checks: all of them, those of one trial, the one screen on which a reviewer decides, and the conclusion."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.extra_reviews import REVIEWABLE
from sandbox.acts.reviews import ClearGiven
from sandbox.reads import changes, records, registers, trials
from sandbox.reads.guidance import guidance_since
from sandbox.reads.risk import Risk
from sandbox.rules.access import Relation, Role
from sandbox.rules.reviewing import Sitting, quorum
from sandbox.rules.risk import Light
from sandbox.store.reviews import (
    CallFields,
    ConclusionFields,
    DateFields,
    Recommendation,
    ReviewKind,
    ReviewState,
    Verdict,
)
from sandbox.web.api.shapes import SEES_NAMES
from sandbox.web.guard import page
from sandbox.web.pages import lights
from sandbox.web.pages.changes import change_line
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.incidents import enum_words
from sandbox.web.pages.lists import ALL, Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.opinions import answers_shown, drafted, opinion_form, opinion_given
from sandbox.web.pages.shapes import (
    PAGES,
    Form,
    FormPage,
    PageContext,
    Plain,
    TrialHead,
    render,
    value_word,
)
from sandbox.web.pages.times import day, due, due_day, moment, now
from sandbox.web.pages.tracks import STOPPED, back, head_of
from sandbox.web.pages.trials import own, with_trial
from sandbox.web.reader import actor, program, said, t, titled
from sandbox.words import word

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
SEATED = (Relation.SEATED, Relation.CHAIR)
SHOWN = 50
COLUMNS = (Column("review"), Column("kind"), Column("state"), Column("due"), Column("recommendation"))


@page(PAGES, "/reviews", roles=READERS)
def reviews_list() -> Any:
    """Reviews of every trial this person sees, soonest due first: those that are open or planned, or as asked."""
    chosen = {name: wanted(name) for name in ("kind", "q")}
    state = wanted("state") or records.AHEAD
    return listed(Listing(
        name="reviews", actions=_ways(), endpoint="pages.reviews_list", q=chosen["q"] or "", columns=COLUMNS,
        cells=_cells, plain=_plain, filters=[
            choices_of("kind", chosen["kind"], enum_words(ReviewKind)),
            choices_of("state", state, {records.AHEAD: t("page.reviews.ahead"), **enum_words(ReviewState)},
                       records.AHEAD)],
        page=lambda connection, cursor, limit: records.reviews(connection, actor(), cursor=cursor, limit=limit,
                                                               state=None if state == ALL else state, **chosen)))


def _ways() -> list[Plain]:
    """To new law and guidance; to what reviewers carry and are paid, for those who may know."""
    places = {Role.REGULATOR: ("guidance", "reviewers", "fee_sheet"),
              Role.REVIEWER: ("guidance", "fee_sheet")}.get(actor().role, ("guidance",))
    return [{"label": t(f"page.{name}.go"), "url": url_for(f"pages.{name}")} for name in places]


def _cells(row: Mapping[str, Any]) -> Plain:
    open_now = row["state"] in ("planned", "open")
    until = due_day(row["due_at"])
    when: Any = {"text": until.text, "urgency": until.urgency} if open_now else day(row["held_at"] or row["due_at"])
    return {
        "review": {"text": titled(row, "trial_title"), "sub": row["trial_id"],
                   "url": url_for("pages.review", review_id=row["id"])},
        "kind": said(value_word(ReviewKind, row["kind"])), "state": said(value_word(ReviewState, row["state"])),
        "due": when,
        "recommendation": said(value_word(Recommendation, row["recommendation"])) if row["recommendation"] else "",
    }


def _plain(row: Mapping[str, Any]) -> Plain:
    names = ("id", "trial_id", "kind", "state", "due_at", "opened_at", "held_at", "recommendation", "conclusion",
             "dissent", "stand_in")
    return {name: row[name] for name in names}


@dataclass(frozen=True, kw_only=True)
class TrialReviewsPage(PageContext):
    """The reviews of one trial."""

    template: ClassVar[str] = "trial_reviews.html"
    head: TrialHead
    columns: list[Plain]
    rows: list[Plain]
    next_url: str | None
    first_url: str | None


@page(PAGES, "/trials/<trial_id>/reviews")
def trial_reviews(trial_id: str) -> Any:
    """Reviews of one trial, soonest due first."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        cursor = request.args.get("cursor")
        found = records.reviews(connection, actor(), trial_id, cursor=cursor, limit=SHOWN)
        return render(TrialReviewsPage(
            head=head_of(connection, row, "trial_reviews", _actions(row)),
            columns=[{"key": one.key, "label": t(f"page.col.{one.key}")} for one in COLUMNS[1:]],
            rows=[_trial_row(one) for one in found.items],
            next_url=url_for("pages.trial_reviews", trial_id=trial_id, cursor=found.next) if found.next else None,
            first_url=url_for("pages.trial_reviews", trial_id=trial_id) if cursor else None))


def _trial_row(one: Mapping[str, Any]) -> Plain:
    cells = _cells(one)
    return {**cells, "kind": {"text": cells["kind"], "url": cells["review"]["url"],
                              "sub": t("page.review.stand_in") if one["stand_in"] else ""}}


def _actions(row: Mapping[str, Any]) -> list[Plain]:
    officer = row["relation"] is Relation.OFFICER
    found = []
    if officer and row["state"] in REVIEWABLE:
        found.append({"label": t("page.review.call"), "url": url_for("pages.call_review", trial_id=row["id"])})
    if row["light"] == Light.YELLOW and (officer or row["relation"] in SEATED):
        found.append({"label": t("page.review.clear"), "url": url_for("pages.clear_yellow", trial_id=row["id"])})
    return found


@page(PAGES, "/trials/<trial_id>/reviews/new", act="call_review", methods=("GET", "POST"))
def call_review(trial_id: str) -> Any:
    """Call a review outside the schedule."""
    with program().reading() as connection:
        row = own(connection, trial_id)
    form = form_of(CallFields, url_for("pages.call_review", trial_id=trial_id), t("page.review.call"))
    if request.method == "POST":
        done, form = tried(lambda: do("call_review", read(CallFields), trial_id), form)
        if done is not None:
            return gone(url_for("pages.review", review_id=done.id), t("page.review.called"))
    return render(FormPage(title=t("page.review.call"), over=back(row), sub=t("page.review.call_why"), form=form,
                           errors=form.errors), 422 if form.errors else 200)


@page(PAGES, "/trials/<trial_id>/yellow", act="clear_yellow", methods=("GET", "POST"))
def clear_yellow(trial_id: str) -> Any:
    """Clear a yellow light after a look; it is recorded as a review that was held."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        sentence = lights.explained(connection, row, lights.known(connection, row))
    form = form_of(ClearGiven, url_for("pages.clear_yellow", trial_id=trial_id), t("page.review.clear"))
    if request.method == "POST":
        done, form = tried(lambda: do("clear_yellow", read(ClearGiven), trial_id), form)
        if done is not None:
            return gone(url_for("pages.trial", trial_id=trial_id), t("page.review.cleared"))
    aside: Plain = {"title": t(f"light.{row['light']}"), "id": "h-light", "say": sentence}
    return render(FormPage(title=t("page.review.clear"), over=back(row), sub=t("page.review.clear_why"), form=form,
                           errors=form.errors, aside=(aside,)), 422 if form.errors else 200)


@dataclass(frozen=True, kw_only=True)
class ReviewPage(PageContext):
    """One screen: what changed since the last review, three numbers, the last conclusion, and the form that is mine.

    `narrow` is for reviewers, who read it on a phone; `opinions` are sealed until the review is held."""

    template: ClassVar[str] = "review.html"
    title: str
    over: list[Plain]
    narrow: bool
    declared: Plain | None
    since: str
    changes: list[str]
    adjusted: list[Plain]
    trial_url: str
    trial_note: str
    light: str | None
    stopped: bool
    sentence: Plain | None
    numbers: list[Plain]
    previous: Plain | None
    held: Plain | None
    opinions: list[Plain]
    sealed: str
    sitters: str
    moves: list[str]
    move_url: str | None
    form: Form | None
    form_title: str
    form_note: str
    guides: list[Plain]
    errors: dict[str, list[str]]


@page(PAGES, "/reviews/<review_id>", roles=READERS)
def review(review_id: str) -> Any:
    """One review."""
    with program().reading() as connection:
        one, row = _one(connection, review_id)
        return render(review_page(connection, one, row, _own_form(connection, one, row)))


def _one(connection: sa.Connection, review_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return with_trial(connection, records.review(connection, actor(), review_id))


def _own_form(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any]) -> Form | None:
    """The opinion's form for who sits on the panel, the conclusion's for the regulator, while the review is open."""
    if one["state"] != ReviewState.OPEN:
        return None
    if row["relation"] in SEATED:
        return opinion_form(connection, one, row, url_for("pages.give_opinion", review_id=one["id"]))
    return _conclusion_form(one, row) if row["relation"] is Relation.OFFICER else None


def _lacking(one: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether fewer have judged than a conclusion needs: then only a stand-in check can be signed."""
    return int(one["judged"]) < quorum(Sitting(one["sitting"]), row["tier"])


def _conclusion_form(one: Mapping[str, Any], row: Mapping[str, Any]) -> Form:
    lacking = _lacking(one, row)
    return form_of(ConclusionFields, url_for("pages.conclude_review", review_id=one["id"]),
                   t("page.review.hold_stand_in" if lacking else "page.review.conclude"),
                   values={"stand_in": True} if lacking else None)


@page(PAGES, "/reviews/<review_id>/opinion", act="give_opinion", methods=("POST",))
def give_opinion(review_id: str) -> Any:
    """Give one's own opinion, change it while the review is open, or save it as a draft."""
    with program().reading() as connection:
        one, row = _one(connection, review_id)
        form = opinion_form(connection, one, row, request.path)
        if "draft" in request.form:
            do("draft_opinion", {"raw": drafted(form)}, review_id)
            return gone(url_for("pages.review", review_id=review_id), t("page.section.saved"))
        done, form = tried(lambda: do("give_opinion", opinion_given(row), review_id), form)
        if done is None:
            return render(review_page(connection, one, row, form), 422)
    return gone(url_for("pages.review", review_id=review_id), t("page.review.given"))


@page(PAGES, "/reviews/<review_id>/conclusion", act="conclude_review", methods=("POST",))
def conclude_review(review_id: str) -> Any:
    """Sign the conclusion."""
    with program().reading() as connection:
        one, row = _one(connection, review_id)
        done, form = tried(lambda: do("conclude_review", read(ConclusionFields), review_id), _conclusion_form(one, row))
        if done is None:
            return render(review_page(connection, one, row, form), 422)
    return gone(url_for("pages.review", review_id=review_id), t("page.review.concluded"))


@page(PAGES, "/reviews/<review_id>/date", act="reschedule_review", methods=("GET", "POST"))
def reschedule_review(review_id: str) -> Any:
    """Move a review to another date, with the reason."""
    with program().reading() as connection:
        one, row = _one(connection, review_id)
    form = form_of(DateFields, request.path, t("page.review.move"), values={"due_at": one["due_at"]})
    if request.method == "POST":
        done, form = tried(lambda: do("reschedule_review", read(DateFields), review_id), form)
        if done is not None:
            return gone(url_for("pages.review", review_id=review_id), t("page.review.moved"))
    why = "page.review.move_why" if row["relation"] is Relation.OFFICER else "page.review.move_earlier"
    return render(FormPage(title=t("page.review.move"), over=_over(row, one, due(one["due_at"]).text), sub=t(why),
                           form=form, errors=form.errors), 422 if form.errors else 200)


def review_page(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any],
                form: Form | None) -> ReviewPage:
    """A review as this reader sees it, with the form that is theirs."""
    known = lights.known(connection, row)
    last = records.last_held(connection, row["id"], before=one["id"])
    seated = row["relation"] in SEATED
    until = due(one["due_at"])
    return ReviewPage(
        title=titled(row), narrow=seated, declared=_declared(connection, row) if seated else None,
        over=_over(row, one, until.text if one["state"] != ReviewState.HELD else ""),
        since=t("page.review.since", day=day(last["held_at"])) if last else t("page.review.since_start"),
        changes=_changes(connection, row, last), adjusted=_adjusted(connection, row, last),
        trial_url=url_for("pages.trial", trial_id=row["id"]), trial_note="",
        light=row["light"], stopped=row["state"] in STOPPED, sentence=lights.explained(connection, row, known),
        numbers=_numbers(row, known), previous=_conclusion(last) if last else None,
        held=_conclusion(one) if one["state"] == ReviewState.HELD else None,
        opinions=[_opinion(given) for given in one["opinions"]] if one["complete"] or not (seated and form) else [],
        sealed=_sealed(one, row), sitters=_asked(one, row),
        moves=[t("page.review.moved_from", was=day(moved["was"]), to=day(moved["due_at"]), reason=moved["reason"],
                 who=word(f"role.{moved['role']}")) for moved in one["moved"]], move_url=_move_url(one, row),
        form=form and replace(form, prefix="o-"), errors=form.errors if form else {},
        form_title=t("page.review.your_opinion" if seated else "page.review.your_stand_in" if _lacking(one, row) else
                     "page.review.your_conclusion"),
        form_note=_note(one, row, seated=seated),
        guides=_guides(connection) if seated and form else [])


def _note(one: Mapping[str, Any], row: Mapping[str, Any], *, seated: bool) -> str:
    """What is to be known before one says something; of a change, what it means to advise going on."""
    told = t("page.review.opinion_note" if seated else "page.review.conclusion_note")
    if not seated and _lacking(one, row):
        told = t("page.review.stand_in_note", n=one["judged"], needed=quorum(Sitting(one["sitting"]), row["tier"]))
    return f"{told} {t('page.review.change_note')}" if one["kind"] == ReviewKind.CHANGE else told


def _guides(connection: sa.Connection) -> list[Plain]:
    """What a reviewer may think of beside the five questions, as published; nothing where no such list was read in."""
    return [{"title": titled(one), "licence": one["licence"] or "", "points": [
        {"key": each["key"], "title": each["title"] if each["title"] != each["key"] else "",
         "text": each["description"] or ""} for each in one["entries"]]} for one in registers.guides(connection)]


def _sealed(one: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """While it is open: how many judged of how many it needs, and whether others see them yet."""
    if one["state"] != ReviewState.OPEN:
        return ""
    needed = quorum(Sitting(one["sitting"]), row["tier"])
    if one["complete"]:
        return t("page.review.all_in", n=one["opinions_given"], needed=needed)
    return t("page.review.sealed", n=one["opinions_given"], needed=needed)


def _asked(one: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """Who is asked, for those who may know."""
    if row["relation"] not in SEES_NAMES or not one["asked"]:
        return ""
    return t(f"page.review.asked_{one['sitting']}", who=[each["name"] or t("role.reviewer") for each in one["asked"]])


def _move_url(one: Mapping[str, Any], row: Mapping[str, Any]) -> str | None:
    movable = one["state"] in (ReviewState.PLANNED, ReviewState.OPEN) and one["kind"] != ReviewKind.EMERGENCY
    able = row["relation"] is Relation.OFFICER or row["relation"] in SEATED
    return url_for("pages.reschedule_review", review_id=one["id"]) if movable and able else None


def _over(row: Mapping[str, Any], one: Mapping[str, Any], until: str) -> list[Plain]:
    kind = t("page.review.over", trial=row["id"], kind=value_word(ReviewKind, one["kind"]))
    return [*back(row)[:1], {"text": kind}, *({"text": text} for text in (until, why(one)) if text)]


def why(one: Mapping[str, Any]) -> str:
    """What a review beside the schedule was called for, or why it comes sooner; nothing for one as planned."""
    reason = one["reason"] or ""
    if one["kind"] == ReviewKind.CALLED:
        return t("page.review.why_called", reason=reason)
    causes = reason.split()
    stop = one["kind"] == ReviewKind.EMERGENCY  # its first cause is that of the stop; the others joined it
    events = [word(f"page.review.why_{event}") for event in causes[stop:]]
    return " ".join(said(each) for each in (
        *([word("page.review.why_stop", cause=word(f"page.reason.{causes[0]}"))] if stop else ()),
        *([word("page.review.why", events=events)] if events else ())))


def _declared(connection: sa.Connection, row: Mapping[str, Any]) -> Plain | None:
    """What the reviewer said about conflicts, and the way to say otherwise."""
    seat = next((one for one in trials.panel(connection, row["id"])
                 if one["account_id"] == actor().id and one["panel"] == "running" and one["accepted"]), None)
    if seat is None:
        return None
    return {"text": t("page.review.declared", firm=row["organisation"]), "label": t("page.review.declare_again"),
            "url": url_for("pages.seat", seat_id=seat["id"])}


def _changes(connection: sa.Connection, row: Mapping[str, Any], last: Mapping[str, Any] | None) -> list[str]:
    """What was filed since the last review; what did not change is said too."""
    fresh = records.since(connection, actor(), row["id"], last["held_at"] if last else None)
    unit = lights.unit_word(row["unit"])
    found = [t("page.review.new_reports", n=fresh["reports"], uses=lights.number(fresh["exposures"]), unit=unit)
             if fresh["reports"] else t("page.review.no_reports"),
             t("page.review.new_incidents", n=fresh["incidents"]) if fresh["incidents"] else
             t("page.review.no_incidents")]
    if row["model_version"]:
        found.append(t("page.review.model", version=row["model_version"]))
    tested = trials.sections(connection, actor(), row)["kill_switch"].body.get("tested_on")
    if tested:
        found.append(t("page.review.kill_switch", day=date.fromisoformat(tested)))
    since = last["held_at"] if last else row["starts_at"]
    came = guidance_since(connection, since, row["template"]) if since else []
    return [*found, *(t("page.review.guidance", title=titled(one), summary=one["summary"]) for one in came)]


def _adjusted(connection: sa.Connection, row: Mapping[str, Any], last: Mapping[str, Any] | None) -> list[Plain]:
    """Requests for a change of the plan since then, each with what it changes and how it stands."""
    found = changes.since(connection, actor(), row["id"], last["held_at"] if last else None)
    return [{"text": change_line(one), "url": url_for("pages.change", change_id=one["id"])} for one in found]


def _numbers(row: Mapping[str, Any], known: Risk) -> list[Plain]:
    """The two indicators that bring most of the evidence, and the fullest cap beside the time gone."""
    leading = sorted(known.indicators, key=lambda one: -one.share)[:2]
    found = [lights.figure(one, row["unit"]) for one in leading]
    full = max(known.caps, key=lambda cap: cap["share"], default=None)
    if full is not None:
        gone_by = round(trials.days_used(row, now()) / row["day_limit"] * 100) if row["day_limit"] else 0
        found.append({"label": lights.cap_word(full["dimension"], row["unit"]),
                      "value": t("page.percent", n=round(min(full["share"], 9.99) * 100)),
                      "notes": [t("page.review.time_gone", n=gone_by)]})
    return found


def _conclusion(one: Mapping[str, Any]) -> Plain:
    advised = t("page.review.advised", what=value_word(Recommendation, one["advised"])) if one["advised"] else ""
    return {"what": said(value_word(Recommendation, one["recommendation"])), "text": one["conclusion"] or "",
            "advised": advised, "departure": one["departure"] or "", "dissent": one["dissent"] or "",
            "at": moment(one["held_at"]), "stand_in": t("page.review.stand_in") if one["stand_in"] else ""}


def _opinion(given: Mapping[str, Any]) -> Plain:
    what = said(value_word(Verdict, given["recommendation"]))
    return {"name": given["name"] or t("role.reviewer"), "what": what, "text": given["reason"],
            "answers": answers_shown(given)}

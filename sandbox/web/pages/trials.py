"""Trials: the list, the overview, and the tabs that hold a trial's dossier, panel and log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, TypeVar, cast

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import accounts, assessments, board, registers, risk, scenarios, steps, trials
from sandbox.reads.live import trial_mark
from sandbox.reads.pages import BadCursor
from sandbox.rules.access import Relation, Role
from sandbox.rules.dossier import required_sections
from sandbox.rules.lifecycle import STATES, Move
from sandbox.rules.risk import Light
from sandbox.web.guard import page
from sandbox.web.pages import caps, drifts, experts, lights, tasks
from sandbox.web.pages.histories import entries
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.shapes import PAGES, LivePage, PageContext, Plain, TrialHead, render
from sandbox.web.pages.times import day, due, due_day, now
from sandbox.web.pages.tracks import head_of
from sandbox.web.reader import actor, program, said, t, titled
from sandbox.words import word

T = TypeVar("T")
TIMELINE = 8
LOG_PAGE = 50
HEAVY = ("suspend", "wind_down")
"""Moves that stop: outlined in red beside the title, never hidden."""
STAGES = ("encourage", "trial", "tune", "standardise")


def own(connection: sa.Connection, trial_id: str) -> dict[str, Any]:
    """The trial's row. Raises NotFound when it is missing or not this person's to see, which is the same."""
    row = trials.trial(connection, actor(), trial_id)
    if row is None:
        raise NotFound
    return row


def with_trial(connection: sa.Connection, one: T | None) -> tuple[T, dict[str, Any]]:
    """What a narrowed read found, with its trial's row. Raises NotFound where it found nothing, as `own` does."""
    if one is None:
        raise NotFound
    fields: Any = one if isinstance(one, Mapping) else cast(Any, one).row
    return one, own(connection, fields["trial_id"])


# The list


@page(PAGES, "/trials", roles=(Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT))
def trials_list() -> Any:
    """Trials this person sees, newest number first, with filters in the address."""
    with program().reading() as connection:
        chosen = chosen_filter()
        return listed(Listing(
            name="trials", endpoint="pages.trials_list", q=chosen.q or "", filters=_filters(connection, chosen),
            columns=COLUMNS, cells=_cells, plain=_plain,
            page=lambda connection, cursor, limit: trials.trials(connection, actor(), chosen, cursor, limit),
            matched=trials.count(connection, actor(), chosen),
            total=trials.count(connection, actor()), count=lambda **less: trials.count(
                connection, actor(), chosen_filter(**less)), actions=_list_actions()))


def chosen_filter(**less: None) -> trials.TrialFilter:
    """The filter of the address; `less` leaves names out."""
    names = ("state", "stage", "light", "firm", "scenario", "q")
    return trials.TrialFilter(**{name: wanted(name) for name in names} | less)


COLUMNS = (
    Column("title"), Column("light"), Column("state"), Column("tier"), Column("ends"), Column("used", num=True),
)


def _cells(line: trials.TrialLine) -> Plain:
    share = round(line.used_volume / line.cap_volume * 100) if line.cap_volume else None
    at_work = line.state in board.AT_WORK
    return {
        "title": {"text": titled(line), "url": url_for("pages.trial", trial_id=line.id),
                  "sub": f"{line.id} · {line.organisation}"},
        "light": {"light": line.light, "suspended": line.state in ("suspended", "retrospective")} if at_work else "",
        "state": {"text": t(f"state.{line.state}"), "sub": t(f"stage.{line.stage}")},
        "tier": t(f"tier.{line.tier}") if line.tier else "",
        "ends": _ends(line), "used": t("page.percent", n=share) if share is not None else "",
    }


def _ends(line: trials.TrialLine) -> Any:
    if line.ends_at is None:
        return ""
    if STATES[line.state].final:
        return day(line.ends_at - timedelta(hours=1))
    until = due_day(line.ends_at)
    return {"text": until.text, "urgency": until.urgency} if line.state in ("trial", "tune") else until.text


def _plain(line: trials.TrialLine) -> Plain:
    return {
        "id": line.id, "title": line.title, "organisation": line.organisation, "scenario": line.scenario,
        "state": str(line.state), "stage": line.stage, "light": str(line.light), "tier": line.tier and str(line.tier),
        "starts_at": line.starts_at, "ends_at": line.ends_at, "used_volume": line.used_volume,
        "cap_volume": line.cap_volume, "unit": line.unit, "reports": line.reports, "incidents": line.incidents,
    }


def _filters(connection: sa.Connection, chosen: trials.TrialFilter) -> list[Plain]:
    firms = {} if actor().role is Role.FIRM else trials.firms(connection, actor())
    known = scenarios.scenarios(connection, actor(), limit=200).items
    return [
        choices_of("state", chosen.state, {code: t(f"state.{code}") for code in STATES}),
        choices_of("stage", chosen.stage, {code: t(f"stage.{code}") for code in STAGES}),
        choices_of("light", chosen.light, {light.value: t(f"light.{light}") for light in Light}),
        choices_of("firm", chosen.firm, firms),
        choices_of("scenario", chosen.scenario, {one["id"]: titled(one) for one in known}),
    ]


def _list_actions() -> list[Plain]:
    if actor().role is Role.FIRM:
        return [{"label": t("page.apply.begin"), "url": url_for("pages.scenarios_list"), "kind": "main"}]
    if actor().role is Role.REGULATOR:
        return [{"label": t("page.adopt.begin"), "url": url_for("pages.adopt")}]
    return []


# The overview


@dataclass(frozen=True, kw_only=True)
class TrialPage(LivePage):
    """A trial at a glance: what is next, the light explained, what can happen, caps, what is owed, what happened."""

    template: ClassVar[str] = "trial.html"
    head: TrialHead
    next: Plain
    light: Plain | None
    light_note: str
    strips: list[Plain]
    groups: list[Plain]
    drift: list[Plain]
    expert: Plain | None
    expert_url: str
    evidence: Plain | None
    ahead: Plain | None
    moves: list[Plain]
    caps: Plain | None
    owed: list[Plain]
    timeline: list[Plain]
    log_url: str
    permit_url: str | None
    unverified: str | None
    before: list[Plain] = field(default_factory=list)
    cited: list[Plain] = field(default_factory=list)


@page(PAGES, "/trials/<trial_id>")
def trial(trial_id: str) -> Any:
    """The overview of one trial."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        found = trials.next_moves(connection, row, row["relation"], now(), program().settings.place)
        return render(_overview(connection, row, found))


def _overview(connection: sa.Connection, row: dict[str, Any], found: tuple[trials.NextMove, ...]) -> TrialPage:
    known = lights.known(connection, row)
    started = row["starts_at"] is not None
    deep = started and request.args.get("expert") == "1"
    history = assessments.history(connection, row) if deep else ()
    return TrialPage(
        live={"url": url_for("trial_live", trial_id=row["id"]),
              "mark": trial_mark(connection, actor(), row["id"], now())},
        head=head_of(connection, row, "trial", _stops(row, found)), next=_next(connection, row, found),
        light=lights.explained(connection, row, known) if started and not STATES[row["state"]].final else None,
        light_note=_light_note(connection, row, known), strips=lights.strips(known, row["unit"]) if started else [],
        groups=experts.compared(known), drift=drifts.watched(connection, row),
        expert=experts.expert(row, known) if deep else None,
        expert_url=url_for("pages.trial", trial_id=row["id"], expert=None if deep else 1) if started else "",
        evidence=lights.evidence(history, known), ahead=_ahead(row, found),
        moves=[_move(one, row["id"]) for one in found], caps=_caps(connection, row, known),
        owed=[_owed(one) for one in board.owed(connection, actor(), row["id"])],
        timeline=entries(connection, trials.timeline(connection, actor(), row["id"], limit=TIMELINE).items),
        log_url=url_for("pages.trial_log", trial_id=row["id"]),
        permit_url=url_for("pages.permit", trial_id=row["id"]) if row["verify_code"] else None,
        unverified=row["unverified"], before=_before(connection, row), cited=cited(connection, row))


def _next(connection: sa.Connection, row: dict[str, Any], found: tuple[trials.NextMove, ...]) -> Plain:
    waiting = board.own_tasks(connection, actor(), now(), row["id"])
    place = program().settings.place
    step = None if waiting else steps.next_step(connection, actor(), row, row["relation"], now(), place)
    shown = tasks.next_of(waiting[0] if waiting else None, step, row["id"])
    return {**shown, "other": _other(row)}


def _other(row: dict[str, Any]) -> Plain | None:
    """One alternative beside the next act: an incident can always be told."""
    told = row["state"] in ("trial", "tune", "suspended", "retrospective", "exit_review", "winding_down")
    if told and row["relation"] is Relation.OWNER:
        return {"label": t("page.incident.new"), "url": url_for("pages.new_incident", trial_id=row["id"])}
    return None


def _stops(row: dict[str, Any], found: tuple[trials.NextMove, ...]) -> list[Plain]:
    return [{"label": t(f"move.{one.move.name}"), "kind": "stop" if one.move.name == "suspend" else "",
             "url": url_for("pages.move", trial_id=row["id"], name=one.move.name)}
            for one in found if one.permitted and one.move.name in HEAVY]


def _light_note(connection: sa.Connection, row: dict[str, Any], known: risk.Risk) -> str:
    """Of what the figures are: the epoch, up to when, how much use; and whose those of the sentence are, if it has
    any that it does not name itself."""
    if not known.indicators:
        return ""
    first = known.indicators[0]
    covered = day(row["covered_until"] - timedelta(hours=1)) if row["covered_until"] else t("page.light.no_report")
    unit = lights.unit_word(row["unit"])
    told = [t("page.light.note", epoch=row["epoch"], until=covered, n=first.exposures, unit=unit)]
    if lights.figured(connection, row):
        told.append(t("page.light.note_of", indicator=lights.indicator_word(first.indicator)))
    if first.unreported >= 1:
        told.append(t("page.light.unreported", n=round(first.unreported), unit=unit))
    return " · ".join(told)


def _caps(connection: sa.Connection, row: dict[str, Any], known: risk.Risk) -> Plain | None:
    if not known.caps:
        return None
    return caps.over_time(connection, row, known.caps) if row["starts_at"] else {
        "rows": caps.meters(row, known.caps), "columns": [], "table": []}


def _ahead(row: dict[str, Any], found: tuple[trials.NextMove, ...]) -> Plain | None:
    """The needs of the way ahead, for the panel at the side."""
    way = steps.way_ahead(row, found)
    if way is None or not way.move.needs:
        return None
    lacking = len(way.unmet)
    key = "page.ahead.title" if lacking else "page.ahead.ready"
    return {"title": t(key, n=lacking, what=word(f"move.{way.move.name}")),
            "needs": tasks.need_rows(way.move.needs, way.unmet, row["id"], way.decision)}


def _move(one: trials.NextMove, trial_id: str) -> Plain:
    lacking = len(one.unmet)
    standing = t("page.move.second_only") if one.only_second_missing else \
        t("page.move.lacking", n=lacking) if lacking else t("page.move.ready")
    return {
        "label": t(f"move.{one.move.name}"), "by": t("page.move.by", who=by_word(one.move)), "standing": standing,
        "lacking": lacking, "target": t("page.move.target", state=word(f"state.{one.move.target}")),
        "needs": tasks.need_rows(one.move.needs, one.unmet, trial_id, one.decision),
        "url": url_for("pages.move", trial_id=trial_id, name=one.move.name) if one.permitted else None,
    }


def by_word(move: Move) -> list[Any]:
    """Who makes a move."""
    return [word(f"role.{party}") for party in move.by]


def _owed(one: board.Owed) -> Plain:
    until = due(one.at)
    urgency = until.urgency if not one.kind.startswith("stop_") or until.urgency == "soon" else ""
    return {"label": said(tasks.owed_word(one)), "text": until.text, "urgency": urgency}


def _before(connection: sa.Connection, row: dict[str, Any]) -> list[Plain]:
    """What the record before adoption shows: epoch 0, apart, never part of the light."""
    if not row["adopted"]:
        return []
    past = lights.known(connection, row, 0)
    return lights.strips(past, row["unit"]) if any(one.exposures or one.events for one in past.indicators) else []


# The dossier


@dataclass(frozen=True, kw_only=True)
class DossierPage(PageContext):
    """Every section of the record: what is filed, what is missing, who writes it."""

    template: ClassVar[str] = "trial_dossier.html"
    head: TrialHead
    lead: str
    columns: list[Plain]
    groups: list[Plain]
    cited: list[Plain]
    cite: Plain


@page(PAGES, "/trials/<trial_id>/dossier")
def dossier(trial_id: str) -> Any:
    """The sections of one trial."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        found = trials.sections(connection, actor(), row)
        names = accounts.names(connection, {one.author for one in found.values() if one.author})
        return render(DossierPage(
            head=head_of(connection, row, "dossier"), lead=_dossier_lead(row, found),
            columns=[{"key": name, "label": t(f"page.dossier.{name}")} for name in ("section", "state", "who", "at")],
            groups=_section_groups(row, found, names), cited=cited(connection, row), cite={
                "label": t("page.citations.open"), "url": url_for("pages.trial_citations", trial_id=trial_id)}))


def cited(connection: sa.Connection, row: Mapping[str, Any]) -> list[Plain]:
    """The entries of registers that the trial cites."""
    return [{"label": titled(one), "text": one["key"], "url": url_for("pages.register_entry", entry_id=one["entry_id"])}
            for one in registers.citations(connection, actor(), row["id"])]


def _dossier_lead(row: Mapping[str, Any], found: Mapping[str, trials.SectionState]) -> str:
    missing = [kind for kind in required(row) if found[kind].version == 0]
    return t("page.dossier.missing", n=len(missing)) if missing else t("page.dossier.complete")


def required(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The sections that the application asks for."""
    return required_sections(row["simplified"])


def _section_groups(row: Mapping[str, Any], found: Mapping[str, trials.SectionState],
                    names: Mapping[str, str]) -> list[Plain]:
    """What is asked now, what was filed before, and what belongs to other states."""
    groups: dict[str, list[Plain]] = {"mine": [], "filed": [], "missing": [], "other": []}
    for kind, one in found.items():
        place = "mine" if one.writable else "filed" if one.version else \
            "missing" if kind in required(row) or row["state"] in one.kind.states else "other"
        groups[place].append(_section_row(row, one, names, needed=kind in required(row)))
    return [{"id": name, "title": t(f"page.dossier.{name}_title"), "rows": rows}
            for name, rows in groups.items() if rows and name != "other"]


def _section_row(row: Mapping[str, Any], one: trials.SectionState, names: Mapping[str, str], *, needed: bool) -> Plain:
    kind = one.kind.kind
    state = {"text": t("page.dossier.version", version=one.version)} if one.version else \
        {"text": t("page.dossier.needed" if needed else "page.dossier.empty"), "urgency": "soon" if needed else ""}
    if one.draft is not None:
        state["sub"] = t("page.dossier.draft")
    who = t("page.dossier.by", who=[word(f"role.{relation_word(r)}") for r in one.kind.by])
    return {"section": {"text": t(f"section.{kind}"), "url": url_for("pages.section", trial_id=row["id"], kind=kind)},
            "state": state, "who": {"text": who, "sub": names.get(one.author or "", "")},
            "at": day(one.at) if one.at else ""}


def relation_word(relation: Relation) -> str:
    """The role whose relation to a trial this is."""
    return {Relation.OWNER: "firm", Relation.OFFICER: "regulator", Relation.SEATED: "reviewer",
            Relation.CHAIR: "chair", Relation.LEAD: "department"}[relation]


# The log


@dataclass(frozen=True, kw_only=True)
class LogPage(PageContext):
    """Everything that happened, newest first, each entry with its leaf and the proof that it is in the log."""

    template: ClassVar[str] = "trial_log.html"
    head: TrialHead
    size: int
    root: str
    rows: list[Plain]
    next_url: str | None
    first_url: str | None


@page(PAGES, "/trials/<trial_id>/log")
def trial_log(trial_id: str) -> Any:
    """The log of one trial with proofs."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        before = _before_seq()
        top, found = trials.log_entries(connection, actor(), trial_id, before, LOG_PAGE)
        happened = trials.timeline(connection, actor(), trial_id, before, LOG_PAGE).items
        told = entries(connection, happened)
        return render(LogPage(
            head=head_of(connection, row, "trial_log"), size=top["size"], root=top["root"],
            rows=[_log_row(entry, one) for entry, one in zip(found.items, told, strict=True)],
            next_url=url_for("pages.trial_log", trial_id=trial_id, before=found.next) if found.next else None,
            first_url=url_for("pages.trial_log", trial_id=trial_id) if before is not None else None))


def _before_seq() -> int | None:
    raw = request.args.get("before")
    if raw is None:
        return None
    if not raw.isdigit() or len(raw) > 15:
        raise BadCursor(raw)
    return int(raw)


def _log_row(entry: Mapping[str, Any], told: Plain) -> Plain:
    return {**told, "seq": entry["seq"], "hash": entry["hash"], "proof": entry["proof"],
            "leaf": entry["leaf"]}

"""Scenarios: the list, one with its limits and trials, the form that publishes or changes one, and applying in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.refusals import Invalid, NotFound, Refused
from sandbox.reads import accounts, scenarios, trials
from sandbox.rules.access import Role, may
from sandbox.rules.dossier import required_sections
from sandbox.store.fields import Fields
from sandbox.store.scenarios import ScenarioFields, ScenarioStatus, ScenarioTemplate
from sandbox.store.trials import TrialFields
from sandbox.web.codec import choice, label, to_form
from sandbox.web.guard import page
from sandbox.web.pages.filing import defaults, do, form_of, gone, read, tried
from sandbox.web.pages.lights import number, unit_word
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.sections import shown
from sandbox.web.pages.shapes import PAGES, Form, FormPage, PageContext, Plain, render
from sandbox.web.pages.times import day
from sandbox.web.reader import actor, program, said, t, titled
from sandbox.words import word

AT_TRIALS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
TRIALS_SHOWN = 10
VERSION_DIGITS = 10


def own(connection: sa.Connection, scenario_id: str) -> dict[str, Any]:
    """The scenario's row. Raises NotFound when it is missing or a draft of somebody else's."""
    row = scenarios.scenario(connection, actor(), scenario_id)
    if row is None:
        raise NotFound
    return row


def may_change(row: Mapping[str, Any]) -> bool:
    """Regulators change every scenario, a department those that it leads."""
    leads = actor().role is not Role.DEPARTMENT or row["lead_id"] == actor().organisation_id
    return leads and may(actor(), "change_scenario")


def status_word(status: str) -> str:
    """Whether it takes applications, in a word."""
    return said(choice(ScenarioStatus(status)))


def at_most(value: float | None) -> str:
    """A limit, or that there is none."""
    return t("page.scenario.unlimited") if value is None else number(value)


def over(row: Mapping[str, Any]) -> list[Plain]:
    """The way back to the scenario, above the title of a page about it."""
    return [{"text": t("nav.scenarios"), "url": url_for("pages.scenarios_list")},
            {"text": titled(row), "url": url_for("pages.scenario", scenario_id=row["id"])}]


def settled(form: Form, model: type[Fields]) -> Form:
    """What has a default is asked for: it is seen, and left blank it is not silently the default again."""
    names = defaults(model)
    return replace(form, fields=[{**one, "required": one["required"] or one["name"] in names} for one in form.fields])


def read_whole(model: type[Fields]) -> dict[str, Any]:
    """The posted form of a class. Raises Invalid for what has a default and came back blank."""
    given = read(model)
    blank = [name for name in defaults(model) if name not in given]
    if blank:
        raise Invalid(*(((name,), word("error.missing")) for name in blank))
    return given


# The list

COLUMNS = (Column("scenario"), Column("status"), Column("max_people", num=True), Column("max_volume", num=True),
           Column("max_days", num=True), Column("closes_on"))


@page(PAGES, "/scenarios", roles=AT_TRIALS)
def scenarios_list() -> Any:
    """Scenarios this person sees, newest first, with filters in the address."""
    chosen = {"status": wanted("status"), "q": wanted("q")}
    with program().reading() as connection:
        def count(**less: None) -> int:
            return scenarios.count(connection, actor(), **{**chosen, **less})

        return listed(Listing(
            name="scenarios", endpoint="pages.scenarios_list", q=chosen["q"] or "", columns=COLUMNS, cells=_cells,
            plain=_plain, filters=[choices_of("status", chosen["status"], _statuses())], matched=count(),
            total=scenarios.count(connection, actor()), count=count, actions=_list_actions(),
            page=lambda connection, cursor, limit: scenarios.scenarios(connection, actor(), **chosen, cursor=cursor,
                                                                       limit=limit)))


def _statuses() -> dict[str, str]:
    """Drafts are offered to those who write them."""
    return {one.value: status_word(one) for one in ScenarioStatus
            if one is not ScenarioStatus.DRAFT or may(actor(), "publish_scenario")}


def _cells(row: Mapping[str, Any]) -> Plain:
    return {
        "scenario": {"text": titled(row), "url": url_for("pages.scenario", scenario_id=row["id"]),
                     "sub": "".join((row["regions"] or "").splitlines()[:1])},
        "status": status_word(row["status"]), "max_people": at_most(row["max_people"]), "max_volume": _volume(row),
        "max_days": number(row["max_days"]), "closes_on": day(row["closes_on"]) if row["closes_on"] else "",
    }


def _volume(row: Mapping[str, Any]) -> str:
    if row["max_volume"] is None:
        return at_most(None)
    return t("page.scenario.amount", amount=number(row["max_volume"]), unit=unit_word(row["unit"]))


def _plain(row: Mapping[str, Any]) -> Plain:
    names = ("id", "title", "template", "status", "unit", "max_people", "max_volume", "max_days", "regions", "opens_on",
             "closes_on")
    return {name: str(row[name]) if name == "status" else row[name] for name in names}


def _list_actions() -> list[Plain]:
    if not may(actor(), "publish_scenario"):
        return []
    return [{"label": t("page.scenario.new"), "url": url_for("pages.new_scenario"), "kind": "main"}]


# One scenario


@dataclass(frozen=True, kw_only=True)
class ScenarioPage(PageContext):
    """What may be tried here, within which limits, and the trials of it that this person sees."""

    template: ClassVar[str] = "scenario.html"
    title: str
    over: list[Plain]
    sub: str
    actions: list[Plain]
    description: list[str]
    limits: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    n: int
    all_url: str


@page(PAGES, "/scenarios/<scenario_id>", roles=AT_TRIALS)
def scenario(scenario_id: str) -> Any:
    """One scenario with its limits."""
    with program().reading() as connection:
        row = own(connection, scenario_id)
        chosen = trials.TrialFilter(scenario=scenario_id)
        found = trials.trials(connection, actor(), chosen, limit=TRIALS_SHOWN).items
        return render(ScenarioPage(
            title=titled(row), sub=_standing(row), actions=_actions(row), limits=_limits(connection, row),
            over=[{"text": t("nav.scenarios"), "url": url_for("pages.scenarios_list")}, {"text": row["id"]},
                  {"text": status_word(row["status"]), "tag": True}],
            description=row["description"].splitlines(), rows=[_trial_row(line) for line in found],
            columns=[{"key": key, "label": t(f"page.col.{key}")} for key in ("title", "state")],
            n=trials.count(connection, actor(), chosen), all_url=url_for("pages.trials_list", scenario=scenario_id)))


def _standing(row: Mapping[str, Any]) -> str:
    """Whether one can apply, and until when."""
    if row["status"] == ScenarioStatus.OPEN and row["closes_on"]:
        return t("page.scenario.open_until", day=day(row["closes_on"]))
    return t(f"page.scenario.{row['status']}")


def _actions(row: Mapping[str, Any]) -> list[Plain]:
    found: list[Plain] = []
    if may(actor(), "apply") and row["status"] == ScenarioStatus.OPEN:
        found.append({"label": t("page.scenario.apply"), "url": url_for("pages.apply", scenario_id=row["id"]),
                      "kind": "main"})
    if may_change(row):
        found.append({"label": t("page.scenario.edit"), "url": url_for("pages.edit_scenario", scenario_id=row["id"])})
    if may(actor(), "adopt_trial"):
        found.append({"label": t("page.adopt.begin"), "url": url_for("pages.adopt", scenario=row["id"])})
    return found


def _limits(connection: sa.Connection, row: Mapping[str, Any]) -> list[Plain]:
    facts = {
        "template": row["template"] and said(choice(ScenarioTemplate(row["template"]))),
        "max_people": at_most(row["max_people"]), "max_volume": _volume(row),
        "max_days": t("page.scenario.days", n=row["max_days"]), "regions": row["regions"],
        "opens_on": row["opens_on"] and day(row["opens_on"]), "closes_on": row["closes_on"] and day(row["closes_on"]),
        "lead": (accounts.organisation(connection, row["lead_id"]) or {}).get("name") if row["lead_id"] else None,
    }
    return [{"label": t(f"page.col.{name}"), "text": text} for name, text in facts.items() if text]


def _trial_row(line: trials.TrialLine) -> Plain:
    return {"title": {"text": titled(line), "url": url_for("pages.trial", trial_id=line.id),
                      "sub": f"{line.id} · {line.organisation}"},
            "state": {"text": t(f"state.{line.state}"), "sub": t(f"stage.{line.stage}")}}


# Publish and change


@page(PAGES, "/scenarios/new", act="publish_scenario", methods=("GET", "POST"))
def new_scenario() -> Any:
    """Publish a scenario."""
    form = settled(form_of(ScenarioFields, url_for("pages.new_scenario"), t("page.scenario.publish")), ScenarioFields)
    if request.method == "POST":
        done, form = tried(lambda: do("publish_scenario", read_whole(ScenarioFields)), form)
        if done is not None:
            return gone(url_for("pages.scenario", scenario_id=done.id), t("page.scenario.published"))
    led = actor().role is Role.DEPARTMENT
    return _asked(FormPage(
        title=t("page.scenario.new"), over=[{"text": t("nav.scenarios"), "url": url_for("pages.scenarios_list")}],
        sub=t("page.scenario.new_led" if led else "page.scenario.new_sub"), form=form, errors=form.errors))


def _asked(of: FormPage) -> tuple[str, int]:
    return render(of, 422 if of.form.errors else 200)


@page(PAGES, "/scenarios/<scenario_id>/edit", act="change_scenario", methods=("GET", "POST"))
def edit_scenario(scenario_id: str) -> Any:
    """Change a scenario. Whoever was overtaken sees what stands now, and may send theirs over it."""
    with program().reading() as connection:
        row = own(connection, scenario_id)
    if not may_change(row):
        raise NotFound
    form = form_of(ScenarioFields, url_for("pages.edit_scenario", scenario_id=scenario_id), t("page.scenario.save"),
                   values=row, hidden={"version": row["version"]})
    form = settled(form, ScenarioFields)
    if request.method == "POST":
        done, form = tried(lambda: _change(scenario_id), form)
        if done is not None:
            return gone(url_for("pages.scenario", scenario_id=scenario_id), t("page.scenario.saved"))
    overtaken = request.method == "POST" and _version() != row["version"]
    return _asked(FormPage(title=t("page.scenario.edit"), over=over(row), sub=t("page.scenario.edit_sub"), form=form,
                           errors=form.errors, aside=_what_stands(row, form) if overtaken else ()))


def _change(scenario_id: str) -> Any:
    """Every field is named, so that an emptied one is emptied."""
    whole = ScenarioFields.model_validate(read_whole(ScenarioFields))
    return do("change_scenario", {**whole.plain(), "scenario_id": scenario_id, "version": _version()})


def _version() -> int | None:
    raw = request.form.get("version", "")
    return int(raw) if raw.isdigit() and len(raw) < VERSION_DIGITS else None


def _what_stands(row: Mapping[str, Any], form: Form) -> tuple[Plain, ...]:
    """The fields in which what somebody else saved differs from what was typed."""
    kept = to_form(ScenarioFields, row, program().settings.zone)
    names = [name for name in ScenarioFields.model_fields if kept.get(name, "") != form.values.get(name, "")]
    facts = [one for name in names for one in shown(ScenarioFields, {name: row[name]}) or [
        {"label": said(label(name)), "text": t("page.scenario.emptied")}]]
    return ({"title": t("page.scenario.stands"), "id": "h-stands", "facts": facts,
             "text": t("page.scenario.stands_why")},)


# Apply


@page(PAGES, "/scenarios/<scenario_id>/apply", act="apply", methods=("GET", "POST"))
def apply(scenario_id: str) -> Any:
    """Begin an application in an open scenario; its sections are filled on the trial's own page."""
    with program().reading() as connection:
        row = own(connection, scenario_id)
        limits = _limits(connection, row)
    if row["status"] != ScenarioStatus.OPEN:
        raise Refused("scenario_closed")
    form = form_of(TrialFields, url_for("pages.apply", scenario_id=scenario_id), t("page.apply.submit"),
                   leave_out=("scenario_id",))
    if request.method == "POST":
        done, form = tried(lambda: do("apply", {**read(TrialFields), "scenario_id": scenario_id}), form)
        if done is not None:
            return gone(url_for("pages.trial", trial_id=done.id), t("page.apply.made", id=done.id))
    aside = ({"title": t("page.scenario.limits"), "id": "h-limits", "facts": limits}, _what_follows())
    return _asked(FormPage(title=t("page.apply.title"), over=over(row), sub=t("page.apply.sub"), form=form,
                           errors=form.errors, aside=aside))


def _what_follows() -> Plain:
    """What the application will ask for, in the ordinary and in the simplified procedure."""
    full, short = ([word(f"section.{kind}") for kind in required_sections(simplified)] for simplified in (False, True))
    return {"title": t("page.apply.follows"), "id": "h-follows", "bullets": [
        t("page.apply.sections", n=len(full), what=full), t("page.apply.simplified", n=len(short), what=short),
        t("page.apply.draft")]}

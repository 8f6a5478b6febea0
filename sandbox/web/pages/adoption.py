"""Adoption: a pilot that already runs is taken over, once a second regulator confirms it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from flask import request, url_for

from sandbox.acts.adoption import Adopted, AdoptionFields
from sandbox.reads import scenarios
from sandbox.store.dossier import AgreedFields
from sandbox.web.codec import kind_of, label
from sandbox.web.guard import page
from sandbox.web.pages.filing import defaults, do, form_of, gone, tried
from sandbox.web.pages.lights import indicator_word, number, per_10k, unit_word
from sandbox.web.pages.lists import wanted
from sandbox.web.pages.scenarios import read_whole, settled
from sandbox.web.pages.sections import value_text
from sandbox.web.pages.shapes import PAGES, Form, FormPage, Plain, render
from sandbox.web.reader import actor, locale, program, t, titled
from sandbox.words import show, word

AGREED = AgreedFields.model_fields
GROUPS = {
    "pilot": ("title", "title_hant", "title_en", "scenario_id", "organisation", "aliases"),
    "scale": ("tier", "environment", "days", "unit", "volume", "people", "rate_per_day", "model_version"),
    "agreed": ("limits", "budget_limit", "compared", "baselines", "background_rate", "alpha", "alpha_yellow"),
    "past": ("unverified", "source_key"),
}


@page(PAGES, "/adopt", act="adopt_trial", methods=("GET", "POST"))
def adopt() -> Any:
    """Propose to take over one pilot; many at once come as a file."""
    with program().reading() as connection:
        form = _form(connection)
    if request.method == "POST":
        done, form = tried(lambda: do("adopt_trial", {"trials": [read_whole(AdoptionFields)]}), form)
        if done is not None:
            return _told(done)
    return render(FormPage(
        title=t("page.adopt.title"), over=[{"text": t("nav.trials"), "url": url_for("pages.trials_list")}],
        sub=t("page.adopt.sub"), form=form, errors=form.errors, aside=_what_follows()), 422 if form.errors else 200)


def _form(connection: sa.Connection) -> Form:
    values = {**defaults(AdoptionFields), "scenario_id": wanted("scenario")}
    form = settled(form_of(AdoptionFields, url_for("pages.adopt"), t("page.adopt.propose"), values=values),
                   AdoptionFields)
    fields = {one["name"]: one for one in form.fields}
    known = scenarios.scenarios(connection, actor(), limit=200).items
    fields["scenario_id"].update(kind="choice", choices=[{"value": one["id"], "label": titled(one)} for one in known])
    return replace(form, fields=[{
        "kind": "group", "label": t(f"page.adopt.{name}"), "help": t(f"page.adopt.{name}_why"),
        "fields": [fields[one] for one in names]} for name, names in GROUPS.items()])


def _told(done: Adopted) -> Any:
    if done.decision is None:
        return gone(url_for("pages.trial", trial_id=next(iter(done.trials.values()))), t("page.adopt.known"), "info")
    return gone(url_for("pages.decision", decision_id=done.decision), t("page.adopt.proposed"), "info")


def _what_follows() -> tuple[Plain, ...]:
    points = ("second", "public", "epoch", "duties")
    return ({"title": t("page.adopt.follows"), "id": "h-follows",
             "links": [{"text": t("page.import.link"), "url": url_for("pages.adopt_record")}],
             "bullets": [t(f"page.adopt.follows_{point}") for point in points]},)


def pilot_row(given: Mapping[str, Any], scenario: Mapping[str, Any] | None) -> Plain:
    """A proposed pilot as a row: what it is, its tier, limits and caps, and what was not verified."""
    unit = unit_word(given["unit"])
    caps = [word("page.adopt.days", n=given["days"]),
            word("page.adopt.rate", rate=number(given["rate_per_day"]), unit=unit)]
    caps += [word(f"page.adopt.cap_{name}", most=number(given[name]), unit=unit)
             for name in ("volume", "people") if given.get(name) is not None]
    limits = [word("page.adopt.limit", indicator=indicator_word(one["indicator"]), most=per_10k(one["per_exposure"]))
              for one in given["limits"]]
    place = titled(scenario) if scenario else ""
    limits += [word("page.adopt.also", what=label(name), value=value_text(*kind_of(AGREED[name].annotation), value))
               for name in AGREED if name not in ("limits", "unit", "compared", "baselines")
               and (value := given.get(name)) is not None and value != AGREED[name].default]
    limits += [word("page.adopt.also", what=label(name), value=show([one[key] for one in given[name]], locale()))
               for name, key in (("compared", "attribute"), ("baselines", "name")) if given.get(name)]
    return {"pilot": {"text": titled(given), "sub": f"{given['organisation']} · {place}"},
            "tier": t(f"tier.{given['tier']}"), "limits": show(limits, locale()), "caps": show(caps, locale()),
            "unverified": given["unverified"]}

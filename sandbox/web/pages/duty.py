"""The duty roster: who is on duty now and next, when nobody is; and alarms, with their acknowledgement."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import duty as reads
from sandbox.rules.access import Role
from sandbox.rules.alarms import ANSWER_WITHIN, gaps
from sandbox.store.duty import AcknowledgementFields, DutyFields, WithdrawalFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, do, form_of, gone, read, tried
from sandbox.web.pages.shapes import PAGES, Form, PageContext, Plain, RecordPage, render
from sandbox.web.pages.times import moment, now
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import with_trial
from sandbox.web.reader import actor, program, t
from sandbox.words import word

READERS = (Role.REGULATOR,)
LOOK_AHEAD = timedelta(days=14)
SHOWN = 20
MINUTE = timedelta(minutes=1)
COLUMNS, ALARM_COLUMNS = ("officer", "deputy", "from", "until"), ("alarm", "raised", "acknowledged")


@dataclass(frozen=True, kw_only=True)
class DutyPage(PageContext):
    """The roster from now on, the hours without anybody, the form that adds a duty, and the last alarms."""

    template: ClassVar[str] = "duty.html"
    lead: str
    gaps: list[str]
    columns: list[Plain]
    rows: list[Plain]
    alarm_columns: list[Plain]
    alarms: list[Plain]
    form: Form
    errors: dict[str, list[str]] = field(default_factory=dict)


@page(PAGES, "/duty", roles=READERS)
def duty_roster() -> Any:
    """Who is on duty."""
    with program().reading() as connection:
        return render(_page(connection, _form(connection)))


@page(PAGES, "/duty", act="set_duty", methods=("POST",))
def set_duty() -> Any:
    """Put a regulator on duty, with a deputy."""
    with program().reading() as connection:
        done, form = tried(lambda: do("set_duty", read(DutyFields)), _form(connection))
        if done is not None:
            return gone(url_for("pages.duty_roster"), t("page.duty.set"))
        return render(_page(connection, form), 422)


def _form(connection: sa.Connection) -> Form:
    people = [{"value": one["id"], "label": one["name"] or one["id"]} for one in reads.regulators(connection, actor())]
    form = form_of(DutyFields, url_for("pages.set_duty"), t("page.duty.add"), values={})
    for one in form.fields:
        if one["name"].endswith("_id"):
            one.update(kind="choice", choices=people)
    return form


def _page(connection: sa.Connection, form: Form) -> DutyPage:
    at, roster = now(), reads.roster(connection, actor(), now())
    free = gaps([(one["starts_at"], one["ends_at"]) for one in roster], at, at + LOOK_AHEAD)
    return DutyPage(
        lead=_lead(roster, at), form=form, errors=form.errors,
        gaps=[t("page.duty.gap", start=moment(start), end=moment(end)) for start, end in free],
        columns=[{"key": key, "label": t(f"page.duty.col_{key}")} for key in COLUMNS],
        rows=[_row(one, at) for one in roster],
        alarm_columns=[{"key": key, "label": t(f"page.duty.col_{key}")} for key in ALARM_COLUMNS],
        alarms=[_alarm_row(one) for one in reads.alarms(connection, actor(), limit=SHOWN).items])


def _lead(roster: tuple[dict[str, Any], ...], at: datetime) -> str:
    here = next((one for one in roster if one["starts_at"] <= at), None)
    if here is None:
        return t("page.duty.nobody")
    return t("page.duty.now", who=here["officer"] or "", deputy=here["deputy"] or "", until=moment(here["ends_at"]))


def _row(one: Mapping[str, Any], at: datetime) -> Plain:
    return {"officer": {"text": one["officer"] or "", "sub": t("page.duty.on_now") if one["starts_at"] <= at else "",
                        "url": url_for("pages.withdraw_duty", duty_id=one["id"])},
            "deputy": one["deputy"] or "", "from": moment(one["starts_at"]), "until": moment(one["ends_at"])}


def _alarm_row(one: Mapping[str, Any]) -> Plain:
    return {"alarm": {"text": t(f"page.reason.{one['cause']}"), "sub": one["trial_id"],
                      "url": url_for("pages.alarm", alarm_id=one["id"])},
            "raised": moment(one["at"]), "acknowledged": _answered(one)}


def _answered(one: Mapping[str, Any]) -> Plain:
    """By whom and how soon, or until when it waits."""
    if one["acknowledged_at"] is None:
        return {"text": t("page.duty.waits"), "urgency": "late" if one["answer_by"] <= now() else "soon",
                "sub": t("page.duty.goes_on", at=moment(one["answer_by"]))}
    took = one["acknowledged_at"] - one["at"]
    return {"text": one["acknowledged_name"] or "", "sub": t("page.duty.after", n=max(1, round(took / MINUTE))),
            "urgency": "late" if took > ANSWER_WITHIN else ""}


@page(PAGES, "/duty/<duty_id>/withdrawal", act="withdraw_duty", methods=("GET", "POST"))
def withdraw_duty(duty_id: str) -> Any:
    """Take a duty off the roster, with the reason."""
    with program().reading() as connection:
        one = reads.duty(connection, actor(), duty_id)
    if one is None:
        raise NotFound
    form = form_of(WithdrawalFields, url_for("pages.withdraw_duty", duty_id=duty_id), t("page.duty.withdraw"),
                   kind="stop")
    return asked(form, "withdraw_duty", WithdrawalFields, duty_id, title=t("page.duty.withdraw"),
                 sub=t("page.duty.of", who=one["officer"] or "", start=moment(one["starts_at"]),
                       end=moment(one["ends_at"])),
                 over=[{"text": t("nav.duty"), "url": url_for("pages.duty_roster")}],
                 done=(url_for("pages.duty_roster"), t("page.duty.withdrawn")))


# Alarms


@page(PAGES, "/alarms/<alarm_id>", act="acknowledge_alarm", methods=("GET", "POST"))
def alarm(alarm_id: str) -> Any:
    """One alarm; while nobody has acknowledged it, the button that does."""
    with program().reading() as connection:
        one, row = with_trial(connection, reads.alarm(connection, actor(), alarm_id))
    title, over = t("page.alarm.title", cause=word(f"page.reason.{one['cause']}")), back(row)
    if one["acknowledged_at"] is not None:
        return render(RecordPage(title=title, over=over, sub=t("page.alarm.acknowledged"), facts=alarm_facts(one)))
    return asked(alarm_form(url_for("pages.alarm", alarm_id=alarm_id)), "acknowledge_alarm", AcknowledgementFields,
                 alarm_id, title=title, sub=t("page.alarm.asks"), over=over,
                 aside=({"title": t("page.record.about"), "id": "h-about", "facts": alarm_facts(one)},),
                 done=(url_for("pages.trial", trial_id=one["trial_id"]), t("page.alarm.thanks")))


def alarm_form(action: str) -> Form:
    """One button, and room for a word about what happens next."""
    return form_of(AcknowledgementFields, action, t("page.alarm.acknowledge"))


def alarm_facts(one: Mapping[str, Any]) -> list[Plain]:
    """What happened when, who was on duty, who answered."""
    answered = _answered(one)
    facts = {"trial": one["trial_id"], "raised": moment(one["at"]),
             "on_duty": one["on_duty"] or t("page.alarm.nobody"), "doing": one["doing"] or ""}
    return [*({"label": t(f"page.alarm.fact_{name}"), "text": text} for name, text in facts.items() if text),
            {"label": t("page.duty.col_acknowledged"), "text": f"{answered['text']} · {answered['sub']}",
             "urgency": answered["urgency"]}]

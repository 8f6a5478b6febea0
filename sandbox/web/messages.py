"""Pages about being told: my messages, everyone's deliveries for those who keep them, my channels, my calendar."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.jobs.outbox import can_mail
from sandbox.reads import messages as read
from sandbox.store.channels import ROBOTS, ChannelKind, ChannelsFields, DeliveryState
from sandbox.web.accounts import fields_of, labels, onward, tried, typed, wanted
from sandbox.web.feeds import address_of
from sandbox.web.guard import page
from sandbox.web.reader import actor, program, said, t

pages = Blueprint("messages", __name__)
HOURS = tuple(range(24))
CHECKED = ("mail", "gathered", "working_days")


def enter(app: Flask) -> None:
    """Every route of this file is guarded."""
    app.register_blueprint(pages)


# Messages


@page(pages, "/messages")
def messages() -> Any:
    """What was told to me, newest first."""
    return listing("page.messages.mine", everyone=False)


@page(pages, "/deliveries", roles=read.KEEPERS)
def deliveries() -> Any:
    """How every delivery went, newest first."""
    return listing("page.messages.all", everyone=True)


def listing(title: str, *, everyone: bool) -> Any:
    """A list of deliveries by the filters of the address; an unknown value of one filters nothing out."""
    state, channel = one_of(DeliveryState, "state"), one_of(ChannelKind, "channel")
    with program().reading() as connection:
        found = read.deliveries(connection, actor(), request.args.get("cursor"), state=state, channel=channel,
                                everyone=everyone)
        mail = read.waiting(connection, (ChannelKind.MAIL,)) if everyone and not can_mail(program()) else 0
    kinds, states = labels(ChannelKind), labels(DeliveryState)
    filters = [{"name": "state", "label": t("page.messages.state"), "value": state, "options": options(states)},
               {"name": "channel", "label": t("page.messages.channel"), "value": channel, "options": options(kinds)}]
    return render_template("messages.html", title=t(title), rows=[row_of(one, kinds, states) for one in found.items],
                           filters=filters, next_url=onward(found), everyone=everyone, mail_waiting=mail,
                           keeps=actor().role in read.KEEPERS)


def one_of(kinds: type[DeliveryState] | type[ChannelKind], name: str) -> str | None:
    """A filter's value, if it is one."""
    value = wanted(name)
    return value if value in list(kinds) else None


def options(names: Mapping[str, str]) -> list[dict[str, str]]:
    """Choices of a filter."""
    return [{"value": value, "label": label} for value, label in names.items()]


def row_of(one: Mapping[str, Any], kinds: Mapping[str, str], states: Mapping[str, str]) -> dict[str, Any]:
    """A delivery as the page shows it: what, where, how it stands, and what may be done."""
    state, fault = states[one["state"]], said(one["fault"]) if one["fault"] else ""
    if one["state"] == DeliveryState.DUE and one["attempts"]:
        fault = t("page.messages.again", fault=fault, at=one["at"], n=one["attempts"])
    if one["state"] == DeliveryState.DUE and one["channel"] == ChannelKind.MAIL and not can_mail(program()):
        fault = t("page.messages.no_mail")
    return {"text": said(one["text"]), "trial_id": one["trial_id"], "noted_at": one["noted_at"], "state": state,
            "fault": fault, "sent_at": one["sent_at"], "channel": kinds[one["channel"]], "name": one["name"] or "",
            "failed": one["state"] == DeliveryState.FAILED,
            "retry_url": retry_url(one) if one["state"] == DeliveryState.FAILED else None}


def retry_url(one: Mapping[str, Any]) -> str | None:
    """Where this person may have it tried again."""
    allowed = one["account_id"] == actor().id or actor().role in read.KEEPERS
    return url_for("messages.retry", delivery_id=one["id"]) if allowed else None


@page(pages, "/deliveries/<delivery_id>/retry", act="retry_delivery", methods=("POST",))
def retry(delivery_id: str) -> Any:
    """Try again what was given up."""
    with program().reading() as connection:
        if read.delivery(connection, actor(), delivery_id) is None:
            raise NotFound
    program().acts.do("retry_delivery", actor(), {}, on=delivery_id)
    flash(t("page.messages.retried"), "good")
    back = "deliveries" if request.form.get("back") == url_for("messages.deliveries") else "messages"
    return redirect(url_for(f"messages.{back}"))


# Channels and calendar


@page(pages, "/settings/channels", act="set_channels", methods=("GET", "POST"))
def channels() -> Any:
    """My channels and hours; a webhook's signing secret is in this answer and nowhere else."""
    errors: dict[str, list[str]] = {}
    done = None
    if request.method == "POST":
        done, errors = tried("set_channels", typed(ChannelsFields))
        if done and not done.secret:
            flash(t("page.channels.kept"), "good")
            return redirect(url_for("messages.channels"))
    with program().reading() as connection:
        mine, preferred = read.channels(connection, actor()), read.preferences(connection, actor())
        feed = read.feed(connection, actor())
    kinds = labels(ChannelKind)
    set_up = [{**one, "label": kinds[one["kind"]], "remove_url": url_for("messages.remove", kind=one["kind"])}
              for one in mine]
    return render_template(
        "channels.html", set_up=set_up, secret=done.secret if done else None, errors=errors,
        fields=form_fields(), values={**request.form.to_dict(), **checked()} if errors else preferred,
        mail=can_mail(program()), calendar_url=address_of(feed["serial"]) if feed else None,
        renewed_at=feed["renewed_at"] if feed else None)


def checked() -> dict[str, bool]:
    """Boxes as they were ticked, for a form shown again."""
    return {name: name in request.form for name in CHECKED}


def form_fields() -> list[dict[str, Any]]:
    """Channels first, then when messages come. Hours are chosen from a list."""
    found = {field["name"]: field for field in fields_of(ChannelsFields, "channels")}
    hours = [{"value": hour, "label": f"{hour:02}:00"} for hour in HOURS]
    for name in ("quiet_from", "quiet_until"):
        found[name] |= {"kind": "choice", "choices": hours, "required": True}
    for name in CHECKED:
        found[name] |= {"kind": "checkbox"}
    for name in (*ROBOTS, "dingtalk_secret", "feishu_secret", "webhook"):
        found[name] |= {"kind": "text", "autocomplete": "off"}
    return [found[name] for name in ChannelsFields.model_fields if name != "remove"]


@page(pages, "/settings/channels/<kind>/remove", act="set_channels", methods=("POST",))
def remove(kind: str) -> Any:
    """Take a channel away."""
    if kind not in list(ChannelKind):
        raise NotFound
    program().acts.do("set_channels", actor(), {"remove": [kind]})
    flash(t("page.channels.removed"), "good")
    return redirect(url_for("messages.channels"))


@page(pages, "/settings/channels/trial", act="try_channels", methods=("POST",))
def trial() -> Any:
    """A message to myself by every channel."""
    program().acts.do("try_channels", actor(), {})
    flash(t("page.channels.tried"), "good")
    return redirect(url_for("messages.messages"))


@page(pages, "/settings/calendar/renewal", act="renew_calendar", methods=("POST",))
def renew() -> Any:
    """A new address for my calendar."""
    program().acts.do("renew_calendar", actor(), {})
    flash(t("page.channels.calendar_renewed"), "good")
    return redirect(url_for("messages.channels") + "#h-calendar")

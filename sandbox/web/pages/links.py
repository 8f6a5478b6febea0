"""What is behind a personal link, without a password: a review (the conflict question, one screen, the opinion, and
gone), or an alarm (one button)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import sqlalchemy as sa
from flask import g, request, url_for

from sandbox.acts.panel import RecusalGiven
from sandbox.acts.refusals import NotFound
from sandbox.papers.links import opened
from sandbox.reads import accounts, duty, records
from sandbox.rules.access import Scope
from sandbox.store.duty import AcknowledgementFields
from sandbox.store.reviews import ReviewState, Verdict
from sandbox.web.pages.duty import alarm_facts, alarm_form
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.opinions import drafted, opinion_form, opinion_given
from sandbox.web.pages.reviews import review_page
from sandbox.web.pages.shapes import PAGES, FormPage, PageContext, render
from sandbox.web.pages.times import moment
from sandbox.web.pages.trials import with_trial
from sandbox.web.reader import actor, program, t
from sandbox.words import word

GONE = 410


@dataclass(frozen=True, kw_only=True)
class DonePage(PageContext):
    """What is said once the link has done its work, or can do none any more."""

    template: ClassVar[str] = "done.html"
    title: str
    text: str


@PAGES.route("/r/<token>", methods=("GET", "POST"))
def by_link(token: str) -> Any:
    """What the link was made for: an alarm, or a review."""
    found = opened(program().settings.secret_key, token)
    return _alarm(token) if found and found[0].startswith("am_") else _review(token)


def _alarm(token: str) -> Any:
    """The alarm, and the button that acknowledges it: opening the link alone, as a mail program may, does not."""
    with program().reading() as connection:
        thing = _bearer(connection, token)
        alarm = duty.alarm(connection, actor(), thing)
    if alarm is None:
        raise NotFound
    if alarm["acknowledged_at"] is not None:
        return render(DonePage(title=t("page.alarm.acknowledged"), text=t("page.alarm.acknowledged_by", who=alarm[
            "acknowledged_name"] or "", at=moment(alarm["acknowledged_at"]))), GONE)
    form = alarm_form(url_for("pages.by_link", token=token))
    if request.method == "POST":
        done, form = tried(lambda: do("acknowledge_alarm", read(AcknowledgementFields), alarm["id"]), form)
        if done is not None:
            return render(DonePage(title=t("page.alarm.acknowledged"), text=t("page.alarm.thanks")))
    return render(FormPage(
        title=t("page.alarm.title", cause=word(f"page.reason.{alarm['cause']}")), over=[], sub=t("page.alarm.asks"),
        form=form, errors=form.errors, aside=({"title": t("page.record.about"), "id": "h-about",
                                               "facts": alarm_facts(alarm)},)), 422 if form.errors else 200)


def _review(token: str) -> Any:
    """The review as its reviewer sees it, and the form of their opinion; posted, the opinion is given."""
    with program().reading() as connection:
        one, row = _reached(connection, token)
        if not _usable(one):
            return _told(GONE)
        form = opinion_form(connection, one, row, url_for("pages.by_link", token=token))
        if request.method == "GET":
            return _shown(connection, one, row, form, token, 200)
        if "draft" in request.form:
            do("draft_opinion", {"raw": drafted(form)}, one["id"])
            return gone(form.action, t("page.section.saved"))
        done, form = tried(lambda: do("give_opinion", opinion_given(row), one["id"]), form)
        return _shown(connection, one, row, form, token, 422) if done is None else _told(200)


@PAGES.route("/r/<token>/conflict", methods=("GET", "POST"))
def conflict_by_link(token: str) -> Any:
    """Say that there is a conflict of interest after all: the seat ends with it."""
    with program().reading() as connection:
        one, _ = _reached(connection, token)
    if not _usable(one):
        return _told(GONE)
    form = replace(form_of(RecusalGiven, request.path, t("page.link.conflict")), kind="stop")
    if request.method == "POST":
        given = {**read(RecusalGiven), "conflict": True, "recommendation": Verdict.CANNOT_JUDGE.value}
        done, form = tried(lambda: do("give_opinion", given, one["id"]), form)
        if done is not None:
            return _told(200)
    over = [{"text": t("nav.my_reviews"), "url": url_for("pages.by_link", token=token)}]
    return render(FormPage(title=t("page.link.conflict"), over=over, sub=t("page.link.conflict_why"), form=form,
                           errors=form.errors), 422 if form.errors else 200)


def _reached(connection: sa.Connection, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The review and its trial."""
    review = _bearer(connection, token)
    return with_trial(connection, records.review(connection, actor(), review))


def _bearer(connection: sa.Connection, token: str) -> str:
    """What the link was made for; from here on its person acts. Raises NotFound as for any unknown address."""
    found = opened(program().settings.secret_key, token)
    account = accounts.account(connection, account_id=found[1]) if found else None
    if found is None or account is None or not account["active"]:
        raise NotFound
    g.actor = accounts.actor_of(account, frozenset((Scope.READ, Scope.FILE)))
    return found[0]


def _usable(one: Mapping[str, Any]) -> bool:
    return one["state"] == ReviewState.OPEN and all(each["account_id"] != actor().id for each in one["opinions"])


def _shown(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any], form: Any, token: str,
           status: int) -> Any:
    page = review_page(connection, one, row, form)
    declared = page.declared and {**page.declared, "url": url_for("pages.conflict_by_link", token=token)}
    told_only = [{**each, "url": ""} for each in page.adjusted]
    return render(replace(page, declared=declared, move_url=None, over=page.over[1:], adjusted=told_only,
                          trial_note=t("page.link.signs_in")), status)


def _told(status: int) -> Any:
    name = "gone" if status == GONE else "done"
    return render(DonePage(title=t(f"page.link.{name}"), text=t(f"page.link.{name}_why")), status)

"""Reviewers: what each carries and stands for, and putting that right."""

from collections.abc import Mapping
from typing import Any

from flask import url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import accounts, workload
from sandbox.rules.access import Role
from sandbox.store.accounts import Expertise, ReviewerFields
from sandbox.web.codec import choice
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.lights import number
from sandbox.web.pages.lists import Column, Listing, listed, wanted
from sandbox.web.pages.shapes import PAGES, Plain
from sandbox.web.reader import actor, program, t

READERS = (Role.REGULATOR, Role.ADMINISTRATOR)
COLUMNS = (Column("reviewer"), Column("side"), Column("trials", num=True), Column("judged", num=True),
           Column("waiting", num=True), Column("hours", num=True))


@page(PAGES, "/reviewers", roles=READERS)
def reviewers() -> Any:
    """Who can be seated, and what each carries already."""
    q = wanted("q")
    return listed(Listing(
        name="reviewers", endpoint="pages.reviewers", q=q or "", columns=COLUMNS, cells=_cells, plain=_plain,
        filters=[], page=lambda connection, cursor, limit: workload.reviewers(connection, actor(), cursor, limit, q=q)))


def _cells(one: Mapping[str, Any]) -> Plain:
    load = one["load"]
    known = [choice(Expertise(each)) for each in one["expertise"]]
    return {"reviewer": {"text": one["name"] or one["id"], "sub": one["organisation"] or "",
                         "url": url_for("pages.describe_reviewer", account_id=one["id"])},
            "side": {"text": t(f"constituency.{one['constituency']}"),
                     "sub": t("page.panel.expertise", what=known) if known else t("page.accounts.knows_nothing")},
            "trials": str(load.trials), "judged": str(load.held), "waiting": str(load.due), "hours": number(load.hours)}


def _plain(one: Mapping[str, Any]) -> Plain:
    load = one["load"]
    return {"reviewer": one["name"] or one["id"], "reviewer_organisation": one["organisation"],
            "side": one["constituency"], "expertise": ", ".join(one["expertise"]), "trials": load.trials,
            "judged": load.held, "waiting": load.due, "hours": load.hours}


@page(PAGES, "/reviewers/<account_id>/description", act="describe_reviewer", methods=("GET", "POST"))
def describe_reviewer(account_id: str) -> Any:
    """Put right for which side a reviewer speaks, and what they know."""
    with program().reading() as connection:
        found = accounts.person(connection, actor(), account_id)
    if found is None or found["role"] != Role.REVIEWER:
        raise NotFound
    form = form_of(ReviewerFields, url_for("pages.describe_reviewer", account_id=account_id),
                   t("page.reviewer.describe"), values={name: found[name] for name in (
                       "constituency", "expertise")})
    return asked(form, "describe_reviewer", ReviewerFields, account_id, title=found["name"] or t("role.reviewer"),
                 sub=t("page.reviewer.describe_why"), given={"account_id": account_id},
                 over=[{"text": t("nav.accounts"), "url": url_for("accounts.accounts")}],
                 done=(url_for("accounts.accounts"), t("page.reviewer.described")))

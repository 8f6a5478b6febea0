"""Reviewers: what each stands for, and putting that right."""

from typing import Any

from flask import url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import accounts
from sandbox.rules.access import Role
from sandbox.store.accounts import ReviewerFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.shapes import PAGES
from sandbox.web.reader import actor, program, t


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

"""The deputy of a seat on the running panel: named by its holder or by a regulator, out of the reviewers there are."""

from typing import Any

from flask import url_for

from sandbox.acts.refusals import NotFound
from sandbox.reads import trials, workload
from sandbox.rules.access import Role
from sandbox.store.trials import DeputyFields
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.shapes import PAGES
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own
from sandbox.web.reader import actor, program, t


@page(PAGES, "/seats/<seat_id>/deputy", act="name_deputy", methods=("GET", "POST"))
def name_deputy(seat_id: str) -> Any:
    """Name who stands in."""
    with program().reading() as connection:
        seat = trials.seat(connection, actor(), seat_id)
        if seat is None or (actor().role is Role.REVIEWER and seat["account_id"] != actor().id):
            raise NotFound
        row = own(connection, seat["trial_id"])
        people = workload.candidates(connection, actor())
    form = form_of(DeputyFields, url_for("pages.name_deputy", seat_id=seat_id), t("page.deputy.name"), values={})
    form.fields[0].update(kind="choice", label=t("page.deputy.whom"), choices=[
        {"value": one["id"], "label": " · ".join(filter(None, (
            one["name"], one["organisation"], t(f"constituency.{one['constituency']}"))))}
        for one in people if one["id"] != seat["account_id"]])
    over = back(row, {"text": t("page.tab.panel"), "url": url_for("pages.panel", trial_id=row["id"])})
    return asked(form, "name_deputy", DeputyFields, seat_id, title=t("page.deputy.name"), sub=t("page.deputy.why"),
                 over=over, done=(url_for("pages.panel", trial_id=row["id"]), t("page.deputy.named")))

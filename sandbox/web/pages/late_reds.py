"""A late red: what a replay found, and the officer's word on it."""

from typing import Any

from flask import request, url_for

from sandbox.acts.refusals import NotFound
from sandbox.acts.replays import LateRedGiven
from sandbox.reads import assessments
from sandbox.web.guard import page
from sandbox.web.pages import lights
from sandbox.web.pages.filing import do, form_of, gone, read, tried
from sandbox.web.pages.shapes import PAGES, FormPage, render
from sandbox.web.pages.tracks import back
from sandbox.web.pages.trials import own
from sandbox.web.reader import program, t


@page(PAGES, "/trials/<trial_id>/late-reds/<late_red>", act="decide_late_red", methods=("GET", "POST"))
def late_red(trial_id: str, late_red: str) -> Any:
    """A replay found a past period over red: stop the trial, or let it run on and say why."""
    with program().reading() as connection:
        row = own(connection, trial_id)
        one = next((found for found in assessments.late_reds(connection, trial_id) if found["id"] == late_red), None)
    if one is None:
        raise NotFound
    form = form_of(LateRedGiven, url_for("pages.late_red", trial_id=trial_id, late_red=late_red),
                   t("page.late_red.decide"), leave_out=("late_red",))
    if request.method == "POST":
        given = {**read(LateRedGiven), "late_red": late_red}
        done, form = tried(lambda: do("decide_late_red", given, trial_id), form)
        if done is not None:
            return gone(url_for("pages.trial", trial_id=trial_id), t("page.late_red.decided"))
    sub = t("page.late_red.why", period=one["period"], epoch=one["epoch"], value=lights.e_value(one["log_e"])) \
        if one["s2"] is None else t("page.late_red.budget_why", epoch=one["epoch"], n=one["s2"], most=row["budget"] - 1)
    return render(FormPage(title=t("page.late_red.title"), over=back(row), sub=sub, form=form, errors=form.errors),
                  422 if form.errors else 200)

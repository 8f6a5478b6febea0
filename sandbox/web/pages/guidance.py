"""New law and guidance: what came, whom it concerns, recording it."""

from collections.abc import Mapping
from typing import Any

from flask import request, url_for

from sandbox.reads import guidance as reads
from sandbox.rules.access import Role, may
from sandbox.store.guidance import GuidanceFields
from sandbox.store.scenarios import ScenarioTemplate
from sandbox.web.codec import choice
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.no_use import FilingsPage
from sandbox.web.pages.shapes import PAGES, Plain, render
from sandbox.web.pages.times import day
from sandbox.web.reader import actor, program, said, t, titled

READERS = (Role.REGULATOR, Role.FIRM, Role.REVIEWER, Role.DEPARTMENT)
COLUMNS = ("guidance", "concerns", "in_force", "recorded")


@page(PAGES, "/guidance", roles=READERS)
def guidance() -> Any:
    """All of it, newest recorded first."""
    cursor, here = request.args.get("cursor"), url_for("pages.guidance")
    with program().reading() as connection:
        found = reads.guidance(connection, cursor)
    records = {"label": t("page.guidance.record"), "url": url_for("pages.record_guidance"), "kind": "main"}
    return render(FilingsPage(
        title=t("page.guidance.title"), over=[{"text": t("nav.reviews"), "url": url_for("pages.reviews_list")}],
        sub=t("page.guidance.sub"), actions=[records] if may(actor(), "record_guidance") else [],
        columns=[{"key": key, "label": t(f"page.col.{key}")} for key in COLUMNS], nothing=t("page.guidance.none"),
        rows=[_cells(one) for one in found.items], first_url=here if cursor else None,
        next_url=url_for("pages.guidance", cursor=found.next) if found.next else None))


def _cells(one: Mapping[str, Any]) -> Plain:
    named = [said(choice(ScenarioTemplate(code))) for code in one["templates"]] or [t("page.guidance.all")]
    return {
        "guidance": {"text": titled(one), "sub": " · ".join(filter(None, (one["reference"], one["summary"])))},
        "concerns": {"text": t("page.guidance.kinds", kinds=named), "sub": t("page.guidance.trials", n=one["trials"])},
        "in_force": day(one["in_force_on"]) if one["in_force_on"] else "", "recorded": day(one["at"]),
    }


@page(PAGES, "/guidance/new", act="record_guidance", methods=("GET", "POST"))
def record_guidance() -> Any:
    """Record what is new."""
    there = url_for("pages.guidance")
    return asked(form_of(GuidanceFields, request.path, t("page.guidance.record")), "record_guidance", GuidanceFields,
                 None, title=t("page.guidance.record"), sub=t("page.guidance.record_why"),
                 over=[{"text": t("page.guidance.title"), "url": there}], done=(there, t("page.guidance.recorded")))

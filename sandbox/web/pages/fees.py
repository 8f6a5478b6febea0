"""The sheet of fees of a month, to be exported to whoever pays; and the fee for each kind of review."""

from datetime import date
from typing import Any

from dateutil.relativedelta import relativedelta
from flask import url_for

from sandbox.reads import workload
from sandbox.reads.pages import Page
from sandbox.rules.access import Role
from sandbox.rules.workload import fee_of
from sandbox.store.fees import FeeFields
from sandbox.store.reviews import ReviewKind
from sandbox.web.guard import page
from sandbox.web.pages.filing import asked, form_of
from sandbox.web.pages.lights import number
from sandbox.web.pages.lists import Column, Listing, choices_of, listed, wanted
from sandbox.web.pages.shapes import PAGES, Plain, value_word
from sandbox.web.pages.times import now
from sandbox.web.reader import actor, program, said, t

READERS = (Role.REGULATOR, Role.REVIEWER)
MONTHS = 13
COLUMNS = (Column("reviewer"), Column("kind"), Column("judged", num=True), Column("hours", num=True),
           Column("fee", num=True))


@page(PAGES, "/fees", roles=READERS)
def fee_sheet() -> Any:
    """What reviewers judged in a month, and what that is paid; a reviewer's own lines."""
    months, q = _months(), wanted("q")
    month = wanted("month") if wanted("month") in months else next(iter(months))
    day = date.fromisoformat(f"{month}-01")
    actions = [{"label": t("page.fees.rates"), "url": url_for("pages.set_fee")}] \
        if actor().role is Role.REGULATOR else []
    return listed(Listing(
        name="fees", endpoint="pages.fee_sheet", q=q or "", columns=COLUMNS, cells=_cells, plain=_plain,
        filters=[choices_of("month", month, months)], actions=actions,
        page=lambda connection, cursor, limit: Page(tuple(
            one for one in workload.fee_sheet(connection, actor(), day, program().settings.zone)
            if not q or q.casefold() in f"{one['name']} {one['organisation']}".casefold()), None)))


def _months() -> dict[str, str]:
    """This month and those before it, newest first, as the address has them."""
    first = now().astimezone(program().settings.zone).date().replace(day=1)
    found = [first - relativedelta(months=place) for place in range(MONTHS)]
    return {one.strftime("%Y-%m"): one.strftime("%Y-%m") for one in found}


def _cells(one: Any) -> Plain:
    missing = t("page.fees.unpriced", n=one["unpriced"]) if one["unpriced"] else ""
    return {"reviewer": {"text": one["name"] or one["account_id"], "sub": one["organisation"] or ""},
            "kind": said(value_word(ReviewKind, one["kind"])), "judged": str(one["reviews"]),
            "hours": number(one["hours"]),
            "fee": {"text": number(one["fee"]) if one["fee"] is not None else "", "sub": missing}}


def _plain(one: Any) -> Plain:
    return {"reviewer": one["name"] or one["account_id"], "reviewer_organisation": one["organisation"],
            "kind": one["kind"], "judged": one["reviews"], "hours": one["hours"], "fee": one["fee"]}


@page(PAGES, "/fees/rates", act="set_fee", methods=("GET", "POST"))
def set_fee() -> Any:
    """Set the fee of a kind of review from a day on."""
    with program().reading() as connection:
        known = workload.rates(connection)
    today = now().astimezone(program().settings.zone).date()
    facts = [{"label": said(value_word(ReviewKind, kind)), "text": t("page.fees.no_fee") if fee is None else
              number(fee)} for kind in ReviewKind for fee in (fee_of(known, kind, today),)]
    form = form_of(FeeFields, url_for("pages.set_fee"), t("page.fees.set"), values={"valid_from": today})
    return asked(form, "set_fee", FeeFields, None, title=t("page.fees.rates"), sub=t("page.fees.rates_why"),
                 over=[{"text": t("page.fees.title"), "url": url_for("pages.fee_sheet")}],
                 aside=({"title": t("page.fees.today"), "id": "h-today", "facts": facts},),
                 done=(url_for("pages.set_fee"), t("page.fees.was_set")))

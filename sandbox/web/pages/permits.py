"""The permit on paper (运行凭证): one A4 page, a code that anyone can check, a place for the stamp left empty."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import segno
from flask import url_for
from markupsafe import Markup

from sandbox.acts.refusals import Refused
from sandbox.reads import accounts, public
from sandbox.reads.permits import PermitFacts, Stop, permit_facts
from sandbox.rules.permit import validity
from sandbox.store.dossier import StopBehaviour
from sandbox.web.guard import page
from sandbox.web.office import misuse, paired
from sandbox.web.pages.lights import cap_word, number
from sandbox.web.pages.shapes import PAGES, PageContext, Plain, render, value_word
from sandbox.web.pages.times import HOUR, last_day, now, whole_day
from sandbox.web.pages.trials import own
from sandbox.web.reader import locale, program, said, t, titled
from sandbox.words import show

QUIET = 2
"""Modules of white around the code, besides the paper's own."""
ROOM = 90
"""Characters of a firm's text that one page has room for."""


@dataclass(frozen=True, kw_only=True)
class PermitPage(PageContext):
    """The sheet: what may be done within which limits, that it is no approval, and how to check it."""

    template: ClassVar[str] = "permit.html"
    trial_id: str
    trial_url: str
    office: str
    code: str
    active: bool
    lead: str
    facts: list[Plain]
    qr: Markup
    verify_url: str
    misuse: str
    dated: str


@page(PAGES, "/trials/<trial_id>/permit")
def permit(trial_id: str) -> Any:
    """The permit of one trial, to be printed. A trial that never started has none."""
    running = program()
    with running.reading() as connection:
        row = own(connection, trial_id)
        facts = permit_facts(connection, row, now(), running.settings.zone)
        if row["verify_code"] is None:
            raise Refused("no_permit", facts.standing.sentence)
        firm = accounts.organisation(connection, row["organisation_id"]) or {}
        office = public.office(connection)
    address = f"{running.settings.public_url}{url_for('public_verify', code=row['verify_code'])}"
    return render(PermitPage(
        trial_id=row["id"], trial_url=url_for("pages.trial", trial_id=row["id"]), office=office,
        code=row["verify_code"], active=facts.standing.active, lead=_lead(row, facts),
        facts=_facts(row, facts, firm.get("code")), qr=qr_code(address), verify_url=address,
        dated=show(whole_day(now()), locale()), misuse=misuse(office)))


def qr_code(address: str) -> Markup:
    """The address as a drawing: one path without style or script, so that the page's policy lets it stand."""
    code = segno.make(address, error="m", micro=False)
    return Markup(code.svg_inline(border=QUIET, omitsize=True, svgclass="qr", lineclass=None,
                                  title=t("page.permit.qr")))


def _lead(row: Mapping[str, Any], facts: PermitFacts) -> str:
    if not facts.standing.active:
        return t("page.permit.not_now", why=facts.standing.sentence)
    return t("page.permit.adopted" if row["adopted"] else "page.permit.agreed")


def _facts(row: Mapping[str, Any], facts: PermitFacts, code: str | None) -> list[Plain]:
    """What the permit binds, as pairs; what was never said is left out, but for the stop."""
    lasts = validity(row["tier"], facts.stop.tested) / HOUR
    pairs = (
        ("title", f"{titled(row)}（{row['id']}）" if titled(row)[-1:] > "\u2fff" else f"{titled(row)} ({row['id']})"),
        ("firm", row["organisation"]), ("code", code), ("scenario", titled(row, "scenario")), ("caps", _caps(row)),
        ("regions", _short(facts.regions)), ("period", t("public.period", start=whole_day(row["starts_at"]),
                                                         end=last_day(row["ends_at"]), n=row["day_limit"])),
        ("version", _version(row, facts)),
        ("stop", _stop(facts.stop)), ("validity", t("page.permit.lasts", n=lasts if lasts % 1 else int(lasts))))
    return [{"label": t(f"page.permit.fact.{name}"), "text": text} for name, text in pairs if text]


def _version(row: Mapping[str, Any], facts: PermitFacts) -> str:
    """The pinned model version, and former ones while they are rolled out."""
    if not row["model_version"]:
        return t("page.permit.unpinned", plan=row["plan_version"])
    former = [t("page.permit.former", model=version, until=last_day(until)) for version, until in facts.former
              if until > now()]
    return paired((t("page.permit.pinned", model=row["model_version"], plan=row["plan_version"]), *former))


def _caps(row: Mapping[str, Any]) -> str:
    found = [t("public.cap", what=cap_word(name, row["unit"]), n=number(row[f"cap_{name}"]))
             for name in ("people", "volume", "hours", "money") if row[f"cap_{name}"] is not None]
    return paired(found)


def _stop(stop: Stop) -> str:
    """How it stops, what replaces it, and whether that was tried."""
    how = said(value_word(StopBehaviour, stop.behaviour))
    tried = t("page.permit.tested", day=stop.tested_on) if stop.tested and stop.tested_on else t("page.permit.untested")
    return paired((t("page.permit.drain", how=how, n=stop.drain_hours) if stop.drain_hours else how,
                   _short(stop.fallback), tried))


def _short(text: str | None) -> str:
    """A text that the sheet has room for; of a longer one, where it stands."""
    if text and len(text) > ROOM:
        return t("page.permit.in_plan")
    return (text or "").rstrip("。.")

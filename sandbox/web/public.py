"""What anyone may open without an account: the register, one trial, and whether a permit is genuine. The state is told,
never the light. Each page is also JSON, for whom asks for it."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from flask import Flask, jsonify, redirect, request, url_for
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

from sandbox.acts.refusals import NotFound
from sandbox.reads import public
from sandbox.reads.public import PublicLine, PublicTrial
from sandbox.store.ids import typed_code
from sandbox.web.api.endpoint import ID
from sandbox.web.office import misuse, paired
from sandbox.web.pages.lights import cap_word, number
from sandbox.web.pages.lists import wanted
from sandbox.web.pages.shapes import PageContext, Plain, render
from sandbox.web.pages.times import last_day, moment, now, whole_day
from sandbox.web.reader import locale, program, said, t, titled

HAN = re.compile(r"[\u4e00-\u9fff]")
CODE = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){2}", re.ASCII)
MINUTE_S = 60


def enter(app: Flask) -> None:
    """Register the public addresses; codes can be tried only so often from one address."""
    brake = Brake(program_settings(app).public_rate)
    for rule, name, view in (
            ("/public/verify", "public_verify_form", verify_form), ("/public/verify/<code>", "public_verify", verify),
            ("/public/trials", "public_trials", register), ("/public/trials/<public_id>", "public_trial", trial)):
        app.add_url_rule(rule, name, brake.on(view) if view is verify else view)


def program_settings(app: Flask) -> Any:
    """The settings of the program that the app is made for."""
    return app.extensions["sandbox"].settings


class Brake:
    """So many questions a minute from one address. Counted in this process."""

    def __init__(self, per_minute: int) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())
        self._most = RateLimitItemPerMinute(per_minute)

    def on(self, view: Any) -> Any:
        """The view behind the brake."""
        def braked(**values: Any) -> Any:
            if not self._windows.hit(self._most, str(request.remote_addr)):
                raise TooManyRequests(retry_after=MINUTE_S)
            return view(**values)

        return braked


def wants_json() -> bool:
    """Whether JSON is asked for before HTML, or by the address."""
    best = request.accept_mimetypes.best_match(["text/html", "application/json"])
    return request.args.get("format") == "json" or best == "application/json"


# A permit's code


@dataclass(frozen=True, kw_only=True)
class VerifyFormPage(PageContext):
    """A field for the code on a permit; under a code that nobody was given also what a code is."""

    template: ClassVar[str] = "public_verify_form.html"
    title: str
    unknown: bool
    misuse: str


def verify_form() -> Any:
    """Ask for a code; one that is given leads to its answer."""
    code = wanted("code")
    if code:
        return redirect(url_for("public_verify", code=typed_code(code) or "-"))
    return render(VerifyFormPage(title=t("public.verify.title"), unknown=False, misuse=""))


@dataclass(frozen=True, kw_only=True)
class VerifyPage(PageContext):
    """Whether a permit is genuine and what holds now: the answer first, then the facts."""

    template: ClassVar[str] = "public_verify.html"
    manner: str
    sentence: str
    at: str
    code: str
    title: str
    facts: list[Plain]
    misuse: str
    trial_url: str


def verify(code: str) -> Any:
    """What a permit's code stands for now. Whatever else was typed has one answer, which says what a code is."""
    running, typed = program(), typed_code(code)
    with running.reading() as connection:
        found = public.by_code(connection, typed, now(), running.settings.zone) if CODE.fullmatch(typed) else None
        office = public.office(connection)
    if found is None and not wants_json():
        return render(VerifyFormPage(title=t("public.verify.unknown"), unknown=True,
                                     misuse=misuse(office) if office else ""), 404)
    if found is None:
        raise NotFound
    if wants_json():
        return jsonify({"code": found.row["verify_code"], **document(found, office)})
    row = found.row
    return render(VerifyPage(
        manner=t(f"public.manner.{found.manner}"), sentence=said(found.sentence), at=moment(now()),
        code=row["verify_code"], title=titled(row), facts=facts(found),
        misuse=misuse(office), trial_url=url_for("public_trial", public_id=row["id"])))


def facts(found: PublicTrial) -> list[Plain]:
    """What was agreed, for a list of pairs."""
    row = found.row
    pairs = (("number", row["id"]), ("firm", row["organisation"]), ("scenario", titled(row, "scenario")),
             ("period", period(row)), ("caps", caps(found)), ("version", row["model_version"] or ""),
             ("state", t(f"state.{row['state']}")))
    return [{"label": t(f"public.fact.{name}"), "text": text} for name, text in pairs if text]


def period(row: Any) -> str:
    """From when until when, by day."""
    return t("public.period", start=whole_day(row["starts_at"]), end=last_day(row["ends_at"]), n=row["day_limit"])


def caps(found: PublicTrial) -> str:
    """The agreed caps in one line."""
    return paired([t("public.cap", what=cap_word(one["dimension"], found.row["unit"]), n=number(one["agreed"]))
                   for one in found.counts])


def document(found: PublicTrial, office: str) -> dict[str, Any]:
    """The same as JSON."""
    row = found.row
    return {
        "trial": row["id"], "title": row["title"], "title_en": row["title_en"], "title_hant": row["title_hant"],
        "organisation": row["organisation"], "scenario": row["scenario"], "state": row["state"],
        "state_since": iso(row["state_since"]), "standing": found.manner, "active": found.manner == "running",
        "cause": found.cause, "sentence": said(found.sentence), "starts_at": iso(row["starts_at"]),
        "ends_at": iso(row["ends_at"]), "model_version": row["model_version"], "plan_version": row["plan_version"],
        "agreed": list(found.counts), "unit": row["unit"], "as_of": iso(now()), "supervised_by": office,
        "notice": f"{t('page.not_approval')} {t('page.not_approval_more')}",
        "report_misuse": misuse(office),
    }


def iso(at: datetime | None) -> str | None:
    """An instant in UTC."""
    return at.isoformat().replace("+00:00", "Z") if at else None


# The register


@dataclass(frozen=True, kw_only=True)
class RegisterPage(PageContext):
    """The trials of this city that have started, newest first."""

    template: ClassVar[str] = "public_trials.html"
    q: str
    columns: list[Plain]
    rows: list[Plain]
    next_url: str | None
    first_url: str | None


def register() -> Any:
    """The public register."""
    q, cursor = wanted("q") or "", request.args.get("cursor")
    with program().reading() as connection:
        found = public.register(connection, now(), cursor, q=q or None)
    if wants_json():
        return jsonify({"items": [_item(one) for one in found.items], "next": found.next})
    return render(RegisterPage(
        q=q, columns=[{"key": key, "label": t(f"public.col.{key}")} for key in ("title", "state", "firm", "period")],
        rows=[_cells(one) for one in found.items],
        next_url=url_for("public_trials", q=q or None, cursor=found.next) if found.next else None,
        first_url=url_for("public_trials", q=q or None) if cursor else None))


def _item(line: PublicLine) -> dict[str, Any]:
    row, plain = line.row, ("id", "title", "title_en", "title_hant", "organisation", "scenario", "state")
    return {**{name: row[name] for name in plain},
            "standing": line.manner, "starts_at": iso(row["starts_at"]), "ends_at": iso(row["ends_at"])}


def _cells(line: PublicLine) -> Plain:
    row = line.row
    return {"title": {"text": titled(row), "url": url_for("public_trial", public_id=row["id"]), "sub": row["id"]},
            "state": t(f"public.manner.{line.manner}"), "firm": row["organisation"], "period": period(row)}


# One trial


@dataclass(frozen=True, kw_only=True)
class PublicTrialPage(PageContext):
    """One trial for the people who meet it: was it used on me, who is responsible, how do I refuse and complain."""

    template: ClassVar[str] = "public_trial.html"
    title: str
    number: str
    at: str
    lead: Plain
    manner: str
    sentence: str
    paused: bool
    answers: list[Plain]
    columns: list[Plain]
    rows: list[Plain]
    unverified: bool
    misuse: str
    json_url: str


def trial(public_id: str) -> Any:
    """One trial of the register."""
    running = program()
    if not ID.fullmatch(public_id):
        raise NotFound
    with running.reading() as connection:
        found = public.by_number(connection, public_id, now(), running.settings.zone)
        if found is None:
            raise NotFound
        office = public.office(connection)
    if wants_json():
        return jsonify({**document(found, office), "told": dict(found.told), "adopted": found.row["adopted"]})
    row = found.row
    return render(PublicTrialPage(
        title=titled(row), number=row["id"], at=moment(now()), lead=as_written(found.told.get("purpose", "")),
        manner=t(f"public.manner.{found.manner}"), sentence=said(found.sentence), paused=found.manner != "running",
        answers=answers(found, office), columns=[{"key": key, "label": t(f"public.col.{key}"), "num": key == "used"}
                                                 for key in ("item", "agreed", "used")],
        rows=_agreed(found), unverified=bool(row["adopted"]), misuse=misuse(office),
        json_url=url_for("public_trial", public_id=row["id"], format="json")))


def answers(found: PublicTrial, office: str) -> list[Plain]:
    """The four questions, answered out of what the firm wrote for the people who meet the system; where it wrote
    nothing, that is said."""
    row, told = found.row, found.told
    where = [told[name] for name in ("sites", "regions") if name in told]
    until = last_day(row["ends_at"]) if found.manner == "running" else whole_day(row["state_since"])
    contact = program().settings.contact
    return [
        {"title": t("public.q.used"), "text": t("public.a.used", start=whole_day(row["starts_at"]), end=until),
         "note": t("public.a.where", where=paired(where)) if where else t("public.a.where_unknown")},
        {"title": t("public.q.responsible"),
         "text": t("public.a.responsible", firm=row["organisation"], office=office),
         "note": t("public.a.deployer", who=told["deployer"]) if "deployer" in told else ""},
        {"title": t("public.q.refuse"), "text": "" if told.get("withdrawal_route") else t("public.a.refuse_unknown"),
         "quote": as_written(told.get("withdrawal_route", "")), "note": ""},
        {"title": t("public.q.complain"), "quote": as_written(told.get("complaint_contact", "")),
         "text": t("public.a.complain" if "complaint_contact" in told else "public.a.complain_unknown"),
         "note": t("public.a.office", office=office, contact=contact) if contact else ""},
    ]


def as_written(text: str) -> Plain:
    """What a firm wrote, with its language where that is not the reader's."""
    chinese, wanted_chinese = bool(HAN.search(text)), locale() != "en"
    if not text or chinese is wanted_chinese or not re.search(r"\w", text):
        return {"text": text, "lang": "", "note": ""}
    return {"text": text, "lang": "zh" if chinese else "en",
            "note": t("public.in_chinese" if chinese else "public.in_english") if chinese or " " in text else ""}


def _agreed(found: PublicTrial) -> list[Plain]:
    row = found.row
    counted = [{"item": cap_word(one["dimension"], row["unit"]), "agreed": t("public.at_most", n=number(one["agreed"])),
                "used": number(one["used"]) if one["used"] is not None else t("public.few")} for one in found.counts]
    return [*counted, {"item": t("public.fact.period"), "agreed": period(row), "used": None}]

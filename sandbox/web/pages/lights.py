"""The light explained: one sentence with its figures, rates against limits, evidence against its lines."""

import math
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from sandbox.reads import records, trials
from sandbox.reads import risk as risks
from sandbox.reads.assessments import Moment
from sandbox.reads.risk import IndicatorLine, Risk
from sandbox.rules.access import Role
from sandbox.rules.lifecycle import TRIGGERS, Cause
from sandbox.rules.risk import INDICATORS
from sandbox.web.pages.shapes import Plain
from sandbox.web.pages.times import day, now
from sandbox.web.reader import actor, locale, program, said, t
from sandbox.words import LOCALES, Word, has_word, say, show, word

TEN_THOUSAND = 10_000
UNITS = ("uses", "items", "orders", "cases", "visits", "shifts", "patients", "decisions", "miles", "kilometres",
         "minutes", "hours", "points", "boxes", "places", "calls", "images", "copies", "lessons", "texts", "entries")
"""The units that have words."""
WHOLE_FROM = 10
WHY_YELLOW = ("evidence", "cap_warning", "too_quiet", "drifted", "feedback_late", "kill_switch_old")
"""What turns a light yellow, as its review says; the first two have figures of their own."""
SHOWN_UP_TO = math.log(1e6)


def number(value: float) -> str:
    """A figure as people read it: whole from ten up, two digits below."""
    return show(round(value) if value >= WHOLE_FROM else round(value, 2) if value % 1 else int(value), locale())


def per_10k(rate: float) -> str:
    """A rate as events per ten thousand."""
    return number(rate * TEN_THOUSAND)


def percent(rate: float) -> str:
    """A rate as a percentage of what was looked at."""
    return number(rate * 100)


def unit_word(unit: str) -> str:
    """The plan's unit of exposure, or of a metric, in the reader's language; one that is not known stays as typed."""
    known = unit if unit in UNITS else units_as_said().get(unit)
    return t(f"page.unit.{known}") if known else unit


@cache
def units_as_said() -> Mapping[str, str]:
    """The known units by how a firm types them, in any language."""
    return {say(word(f"page.unit.{unit}"), locale): unit for locale in LOCALES for unit in UNITS}


def cap_word(dimension: str, unit: str) -> str:
    """The name of a capped dimension; volume is told in the plan's unit."""
    return t(f"page.cap.{dimension}", unit=unit_word(unit))


def indicator_word(indicator: str) -> str:
    """An indicator's name; one that the plan names keeps its own."""
    key = f"indicator.{indicator}"
    return t(key) if has_word(key, "en") else indicator


def known(connection: sa.Connection, row: Mapping[str, Any], number: int | None = None) -> Risk:
    """The light of a trial with all its figures, as of now."""
    return risks.risk(connection, row, now(), program().settings.zone, number, officer=actor().role is Role.REGULATOR)


def explained(connection: sa.Connection, row: Mapping[str, Any], risk: Risk) -> Plain:
    """The light's sentence: {colour, text}. A stop that no statistics made says its cause and nothing about harm."""
    stop = trials.suspension(connection, row)
    if stop is not None and stop["cause"] != Cause.RISK_RED:
        return {"colour": "red", "text": by_rule(stop["cause"])}
    makers = {"red": _red, "yellow": _yellow, "green": _green, "grey": _grey}
    return {"colour": row["light"], "text": said(makers[row["light"]](connection, row, risk))}


def by_rule(cause: str) -> str:
    """Why a trial stands still, where a rule or a person stopped it."""
    if cause in TRIGGERS:
        return t("light.red.by_rule", cause=word(f"trigger.{cause}"))
    return t(f"cause.{cause}")


def _red(connection: sa.Connection, row: Mapping[str, Any], risk: Risk) -> Word:
    return _turned(connection, row, risk, word("light.red.explained", steps=word("page.light.steps")))


def _turned(connection: sa.Connection, row: Mapping[str, Any], risk: Risk, text: Word) -> Word:
    """The sentence after the indicator that turned the light, with the figures of the period that did it."""
    found = risks.turning(connection, row, now(), program().settings.zone, risk)
    if found is None:
        return text
    name = indicator_word(found.line.indicator)
    if found.start is None or found.end is None:
        return word("page.light.turned_by", indicator=name, text=text)
    key, say = ("percent", percent) if _in_percent(found.line) else ("rate", per_10k)
    return word(f"page.light.turned_{key}", indicator=name, k=found.events, n=number(found.exposures), text=text,
                unit=unit_word(row["unit"]), start=day(found.start), end=day(found.end - timedelta(hours=1)),
                rate=say(found.events / found.exposures) if found.exposures else t("page.strip.none"),
                limit=say(found.line.limit), overall=say(found.line.rate or 0.0))


def figured(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Whether the light's sentence has the figures of the weightiest indicator."""
    return row["light"] == "green" and trials.suspension(connection, row) is None


def _yellow(connection: sa.Connection, row: Mapping[str, Any], risk: Risk) -> Word:
    found = records.next_review(connection, row["id"], "yellow") or records.next_review(connection, row["id"])
    if found is None:
        return word("page.light.yellow_unplanned")
    text = _turned(connection, row, risk, word("light.yellow.explained", name=word("page.light.panel"),
                                               date=day(found["due_at"] - timedelta(hours=1))))
    why = [event for event in (found["reason"] or "").split() if event in WHY_YELLOW]
    return word("page.light.yellow_why", text=text, events=[word(f"page.review.why_{event}") for event in why]) \
        if why else text


def _green(_connection: sa.Connection, _row: Mapping[str, Any], risk: Risk) -> Word:
    first = risk.indicators[0] if risk.indicators else None
    if first is None or first.interval is None:
        return word("page.light.no_use")
    figures: dict[str, Any] = {"n": first.exposures, "k": first.events, "p": per_10k(first.limit),
                               "hi": per_10k(first.interval.high)}
    if risk.headroom.yellow is None or risk.headroom.red is None:
        return word("page.light.green_bare", **figures)
    return word("light.green.explained", **figures, a=risk.headroom.yellow, b=risk.headroom.red)


def _grey(_connection: sa.Connection, _row: Mapping[str, Any], risk: Risk) -> Word:
    return word("light.grey.explained", n=risk.needed) if risk.needed else word("page.light.no_limits")


def strips(risk: Risk, unit: str) -> list[Plain]:
    """Rates against limits for the `strip` macro: first what is at its lines, then the weightiest indicator."""
    lines = sorted(risk.indicators, key=lambda one: -max(one.log_e, risk.yellow))
    return [{**_strip(one, unit), **_at_line(one, risk)} for one in lines]


def _at_line(one: IndicatorLine, risk: Risk) -> Plain:
    """What is said of an indicator whose evidence alone is at a line, whatever its rate over all is."""
    if one.log_e >= risk.red:
        return {"tone": "hot", "verdict": t("page.strip.evidence_red")}
    return {"tone": "warm", "verdict": t("page.strip.evidence_yellow")} if one.log_e >= risk.yellow else {}


def _strip(one: IndicatorLine, unit: str) -> Plain:
    name = indicator_word(one.indicator)
    if one.interval is None or one.rate is None:
        return {"name": name, "low": 0.0, "high": math.inf, "tone": "unk", "verdict": t("page.strip.unknown"),
                "figures": t("page.strip.undefined", n=one.events), "interval": _limit(one, unit)}
    low, high = one.interval.low / one.limit, one.interval.high / one.limit
    tone = "hot" if low > 1 else "unk" if one.early else ""
    verdict = {"hot": "page.strip.past_limit", "unk": "page.strip.unknown", "": "page.strip.no_excess"}[tone]
    return {"name": name, "share": one.rate / one.limit, "low": low, "high": high, "tone": tone, "verdict": t(verdict),
            "figures": _figures(one, unit), "interval": _interval(one)}


def figure(one: IndicatorLine, unit: str) -> Plain:
    """One indicator as a big number: its rate, with limit and interval beneath."""
    name, strip = indicator_word(one.indicator), _strip(one, unit)
    if one.rate is None:
        return {"label": name, "value": t("page.strip.none"), "notes": [strip["figures"], strip["interval"]]}
    if _in_percent(one):
        return {"label": name, "value": t("page.feedback.percent", rate=percent(one.rate)),
                "notes": [_limit(one, unit), strip["interval"]]}
    return {"label": t("page.strip.per_10k", name=name, unit=unit_word(unit)), "value": per_10k(one.rate),
            "notes": [t("page.strip.limit_only", limit=per_10k(one.limit)), strip["interval"]]}


def _in_percent(one: IndicatorLine) -> bool:
    row = INDICATORS.get(one.indicator)
    return row is not None and row.denominator in ("reviewed", "labelled")


def _figures(one: IndicatorLine, unit: str) -> str:
    assert one.rate is not None
    if _in_percent(one):
        return t("page.strip.share_of", k=one.events, whole=number(one.exposures), rate=percent(one.rate),
                 limit=percent(one.limit))
    return t("page.strip.rate", rate=per_10k(one.rate), unit=unit_word(unit), limit=per_10k(one.limit))


def _limit(one: IndicatorLine, unit: str) -> str:
    if _in_percent(one):
        return t("page.strip.limit_percent", limit=percent(one.limit))
    return t("page.strip.limit", unit=unit_word(unit), limit=per_10k(one.limit))


def _interval(one: IndicatorLine) -> str:
    assert one.interval is not None
    say = percent if _in_percent(one) else per_10k
    key = "page.strip.interval_percent" if _in_percent(one) else "page.strip.interval"
    return t(key, low=say(one.interval.low), high=say(one.interval.high))


def evidence(moments: tuple[Moment, ...], risk: Risk) -> Plain | None:
    """What the `evidence_chart` macro draws; None before the first report."""
    if not moments:
        return None
    points = [{"label": day(one.at - timedelta(hours=1)), "log_e": one.log_e, "said": e_value(one.log_e)}
              for one in moments]
    if abs(moments[-1].log_e - risk.log_e) > 0.05:
        points.append({"label": t("page.evidence.now"), "log_e": risk.log_e, "said": e_value(risk.log_e)})
    yellow, red = ({"log_e": log, "tick": e_value(log)} for log in (risk.yellow, risk.red))
    finding = t("page.evidence.finding", value=points[-1]["said"], yellow=yellow["tick"], red=red["tick"])
    return {"points": points, "yellow": yellow, "red": red, "finding": finding}


def e_value(log_e: float) -> str:
    """Evidence out of its logarithm, without ever overflowing."""
    if log_e > SHOWN_UP_TO:
        return t("page.evidence.huge")
    return number(math.exp(log_e)) if log_e > math.log(0.01) else t("page.evidence.tiny")


def reason(row: Mapping[str, Any], risk: Risk, stop: str | None, asked: str = "") -> str:
    """Why a trial's light is what it is, in half a line for the board; `asked` is what its open review of a yellow
    light is for."""
    if stop:
        return t(f"page.reason.{stop}")
    rules = [word(f"page.review.why_{event}") for event in asked.split() if event in WHY_YELLOW[2:]]
    if row["light"] == "yellow" and rules:
        return show(rules, locale())
    full = max(risk.caps, key=lambda cap: cap["share"], default=None)
    if row["light"] == "yellow" and risk.log_e < risk.yellow and full and full["share"] >= 0.8:
        return t("page.reason.cap", what=cap_word(full["dimension"], row["unit"]), share=round(full["share"] * 100))
    if row["light"] == "yellow" and risk.headroom.red:
        return t("page.reason.yellow", value=e_value(risk.log_e), n=risk.headroom.red)
    if row["light"] == "green" and risk.headroom.yellow:
        return t("page.reason.green", n=risk.headroom.yellow)
    if row["light"] == "grey" and risk.needed:
        return t("page.reason.grey", n=risk.needed)
    return t(f"page.reason.{row['light']}_bare")

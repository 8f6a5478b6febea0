"""What stands behind the light for experts: weights, shares, evidence, chances, periods; and outcomes by group."""

import math
from collections.abc import Mapping
from typing import Any

from sandbox.reads.risk import GroupLine, IndicatorLine, Risk
from sandbox.rules.disparity import GAP
from sandbox.rules.risk import ALPHA, ALPHA_YELLOW, ENGINE
from sandbox.store.evidence import epoch_of
from sandbox.web.pages.lights import e_value, indicator_word, number, percent
from sandbox.web.pages.shapes import Plain
from sandbox.web.pages.times import now
from sandbox.web.reader import program, t

ORDER = ("favourable", "predictive", "true_positives", "false_positives")
LIKELY, SURE = math.log(1 / ALPHA_YELLOW), math.log(1 / ALPHA)
COLUMNS = ("indicator", "counted", "exposures", "unreported", "weight", "evidence", "share")


def expert(row: Mapping[str, Any], risk: Risk) -> Plain:
    """The expert's table and facts."""
    epoch = epoch_of(row, program().settings.zone)
    facts = [
        {"label": t("page.expert.alpha"), "text": t("page.feedback.percent", rate=percent(row["alpha"]))},
        {"label": t("page.expert.alpha_yellow"), "text": t("page.feedback.percent", rate=percent(row["alpha_yellow"]))},
        {"label": t("page.expert.thresholds"),
         "text": t("page.expert.thresholds_at", yellow=e_value(risk.yellow), red=e_value(risk.red))},
        {"label": t("page.expert.epoch"), "text": str(row["epoch"])},
        {"label": t("page.expert.period"),
         "text": t("page.expert.period_of", n=max(1, epoch.number(now())), planned=epoch.planned)},
        {"label": t("page.expert.engine"), "text": ENGINE},
    ]
    if risk.budget is not None:
        facts.append({"label": t("page.expert.budget"), "text": t("page.expert.at_most", n=risk.budget - 1)})
    if row["background_rate"] is not None:
        facts.append({"label": t("field.background_rate"),
                      "text": t("page.feedback.percent", rate=percent(row["background_rate"]))})
    if row["silent_days"] is not None:
        facts.append({"label": t("page.expert.silent"), "text": number(row["silent_days"])})
    table = {"label": t("page.expert.table"), "columns": [{"key": name, "label": t(f"page.expert.col.{name}")}
                                                          for name in COLUMNS],
             "rows": [dict(zip(COLUMNS, _row(one), strict=True)) for one in risk.indicators]}
    return {"facts": facts, "table": table}


def _row(one: IndicatorLine) -> list[str]:
    told = {"k": one.events, "declared": one.declared, "itemised": one.itemised}
    counted = t("page.expert.told", **told) if one.alleged is None else \
        t("page.expert.counted", **told, alleged=one.alleged)
    return [indicator_word(one.indicator), counted, number(one.exposures), number(one.unreported),
            t("page.feedback.percent", rate=percent(one.weight)), e_value(one.log_e),
            t("page.feedback.percent", rate=percent(one.share))]


def compared(risk: Risk) -> list[Plain]:
    """Outcomes by group, each comparison by itself: {label, lines [{colour, verdict, text}]} for every pair of groups,
    and for what the plan names but nobody told. There is no one figure of fairness."""
    pairs: dict[tuple[str, str, str], list[GroupLine]] = {}
    for one in risk.groups.lines:
        pairs.setdefault((one.attribute, one.group, one.reference), []).append(one)
    found = [{"label": t("page.groups.pair", attribute=attribute, group=group, reference=reference),
              "lines": [{"colour": (colour := _colour(one)), "verdict": t(f"page.groups.is_{colour}"),
                         "text": _said(one)} for one in sorted(lines, key=lambda line: ORDER.index(line.test))]}
             for (attribute, group, reference), lines in pairs.items()]
    untold = [_grey(attribute, t("page.groups.untold", reference=reference))
              for attribute, reference in risk.groups.untold]
    return [*found, *untold, *([_grey(t("page.groups.others"), t("page.groups.full"))] if risk.groups.full else [])]


def _grey(label: str, text: str) -> Plain:
    return {"label": label, "lines": [{"colour": "grey", "verdict": t("page.groups.is_grey"), "text": text}]}


def _colour(one: GroupLine) -> str:
    """How a comparison stands by itself, without action: by its evidence; precision, which has none, by its size."""
    if one.value is None:
        return "grey"
    if one.log_e is None:
        return "green" if abs(one.value) <= GAP else "yellow"
    return "red" if one.log_e >= SURE else "yellow" if one.log_e >= LIKELY else "green"


def _said(one: GroupLine) -> str:
    name = t(f"page.groups.{one.test}")
    if one.rate is None or one.reference_rate is None:
        return t("page.groups.undefined", test=name)
    figures = {"test": name, "rate": percent(one.rate), "other": percent(one.reference_rate), "n": one.n,
               "reference_n": one.reference_n}
    if one.value is None:
        return t("page.groups.not_enough", **figures)
    if one.log_e is None:
        return t("page.groups.apart", **figures, value=percent(abs(one.value)))
    key = "page.groups.ratio" if one.test == "favourable" else "page.groups.difference"
    value = number(one.value) if one.test == "favourable" else percent(abs(one.value))
    return t(key, **figures, value=value, evidence=e_value(one.log_e))

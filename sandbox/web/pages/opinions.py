"""A reviewer's opinion: the trial's five questions with what was answered last time, the verdict, drafts on the way."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from flask import request

from sandbox.reads import records
from sandbox.rules.questions import asked
from sandbox.store.reviews import Finding, OpinionFields
from sandbox.web.pages.filing import form_of, read, typed
from sandbox.web.pages.incidents import enum_words
from sandbox.web.pages.shapes import Form, Plain, value_word
from sandbox.web.pages.times import day
from sandbox.web.reader import actor, t
from sandbox.words import word

OWN = ("conflict", "answers")
"""Fields that the page does not show as the class has them: the conflict has its own page, a question its group."""


def opinion_form(connection: sa.Connection, one: Mapping[str, Any], row: Mapping[str, Any], action: str) -> Form:
    """The form of one's own opinion, as given, drafted or blank."""
    mine = next((given for given in one["opinions"] if given["account_id"] == actor().id), None)
    form = form_of(OpinionFields, action, t("page.review.give"), values=mine or {}, leave_out=OWN,
                   second=t("page.section.save"))
    before = records.answers_before(connection, row["id"], one["id"])
    questions = asked(row["tier"], row["template"])
    answered = {each["question"]: each for each in (mine or {}).get("answers", ())}
    values = {f"{part}_{code}": answered[code][part] or "" for code in answered for part in ("finding", "note")}
    places = {f"answers.{place}.{part}": f"{own}_{code}" for place, code in enumerate(questions)
              for part, own in (("question", "finding"), ("finding", "finding"), ("note", "note"))}
    form = replace(form, fields=[*(_question(code, before.get(code)) for code in questions), *form.fields],
                   values={**form.values, **values}, places=places)
    drafted = one["draft"] if request.method == "GET" else None
    return replace(form, values={**form.values, **drafted}) if drafted else form


def _question(code: str, before: records.AnsweredBefore | None) -> Plain:
    """One question: its text, how it was answered when it was asked last, three answers and room for which concern."""
    last = t("page.review.last_time", day=day(before.held_at), answers=[
        word("page.review.answered", what=value_word(Finding, one), n=n) for one, n in before.findings.items()
    ]) if before else ""
    named = t(f"question.{code}")
    return {"kind": "group", "asks": True, "label": named, "help": " ".join(filter(None, (
        t(f"question.{code}.hint"), last))), "fields": [
        {"name": f"finding_{code}", "label": t("field.finding"), "named": named, "kind": "choice", "required": True,
         "choices": [{"value": value, "label": label} for value, label in enum_words(Finding).items()]},
        {"name": f"note_{code}", "label": t("field.note"), "named": named, "kind": "text", "max_length": 200,
         "when": t("when.AnswerRow.note")}]}


def opinion_given(row: Mapping[str, Any]) -> dict[str, Any]:
    """The posted opinion as plain values for the act. Every question is answered, in its order; one left blank is
    refused by its place."""
    answers = [{"question": code, "finding": request.form.get(f"finding_{code}") or None,
                "note": request.form.get(f"note_{code}") or None} for code in asked(row["tier"], row["template"])]
    return {**read(OpinionFields), "answers": answers}


def drafted(form: Form) -> dict[str, Any]:
    """What stands in the form, for a draft."""
    return {name: value for name, value in typed(form.fields, request.form).items() if value}


def answers_shown(given: Mapping[str, Any]) -> list[str]:
    """The answers of an opinion, a sentence each."""
    return [_answer(one) for one in given["answers"]]


def _answer(one: Mapping[str, Any]) -> str:
    what = {"question": word(f"question.{one['question']}"), "what": value_word(Finding, one["finding"])}
    return t("page.review.answer_note", note=one["note"], **what) if one["note"] else t("page.review.answer", **what)

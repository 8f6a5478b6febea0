"""What waits for somebody's word, as a page: what was said, why it waits, what became of it, and the form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sandbox.web.pages.shapes import Form, PageContext, Plain
from sandbox.web.pages.times import moment
from sandbox.web.reader import t


@dataclass(frozen=True, kw_only=True)
class WaitingPage(PageContext):
    """A held filing or a retraction: its body, the reasons why it waits, facts, and for those who may the form, with
    what it means above its buttons."""

    template: ClassVar[str] = "waiting.html"
    title: str
    over: list[Plain]
    sub: str
    reasons: list[str]
    body: list[Plain]
    facts: list[Plain]
    form: Form | None
    means: str
    errors: dict[str, list[str]]


def word_on(one: Mapping[str, Any], people: Mapping[str, str]) -> list[Plain]:
    """Who decided on a retraction or a correction, when and why; nothing while it waits."""
    if not one["decided_at"]:
        return []
    return [{"label": t("page.retraction.decided_by"), "text": people.get(one["decided_by"], t("page.panel.unnamed"))},
            {"label": t("page.retraction.decided_at"), "text": moment(one["decided_at"])},
            {"label": t("page.retraction.decided_why"), "text": one["decision_reason"]}]

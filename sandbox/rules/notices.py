"""What a notice says, and whether it may wake people. A notice is a kind with plain values, kept until it is told."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sandbox.rules.lifecycle import Cause
from sandbox.words import Value, Word, has_word, word

URGENT_CAUSES = frozenset((Cause.RISK_RED, Cause.GRAVE_INCIDENT))
URGENT_SEVERITY = "S1"


def urgent(content: Mapping[str, Any]) -> bool:
    """Whether quiet hours do not count: a red light, a grave incident, an S1, or a notice that says so itself."""
    return bool(content.get("urgent")) or content.get("cause") in URGENT_CAUSES \
        or content.get("severity") == URGENT_SEVERITY


def sentence(kind: str, content: Mapping[str, Any]) -> Word:
    """The notice in words: the text of its kind, then what is to be remarked about it."""
    said = COUNTED[kind](content) if kind in COUNTED else word(f"notice.{kind}", **values(content))
    for remark in (f"capacity_{content.get('capacity')}", "late" if content.get("late") else ""):
        if has_word(f"notice.{remark}", "en"):
            said = word("notice.remarked", text=said, remark=word(f"notice.{remark}"))
    return said


def values(content: Mapping[str, Any]) -> dict[str, Value]:
    """The plain values of a notice as a sentence takes them."""
    return {name: VALUES[name](value) if name in VALUES else value for name, value in content.items()}


def counted_days(name: str) -> Callable[[Mapping[str, Any]], Word]:
    """The words of a rung: days ahead of the due time, on its day, or days past it,
    then other ones where the trial stands still."""
    def said(content: Mapping[str, Any]) -> Word:
        days = int(content["days"])
        side = "ahead" if days < 0 else "past" if days else "today"
        side = "stopped" if side == "past" and content.get("stopped") else side
        return word(f"notice.{name}_{side}", **{**values(content), "n": abs(days)})

    return said


def _move(name: str) -> Word:
    """A proposal is of a move, or of an act that is none."""
    return word(f"move.{name}") if has_word(f"move.{name}", "en") else word(f"page.decision.act.{name}")


def _choice(value: str) -> Word:
    return word(f"choice.{value}")


COUNTED: Mapping[str, Callable[[Mapping[str, Any]], Word]] = MappingProxyType({
    "review_due": counted_days("review_due"), "remind_feedback": counted_days("remind_feedback"),
    "kill_switch_due": counted_days("kill_switch_due"), "clock_due": counted_days("clock_due"),
    "item_due": counted_days("item_due"),
})
"""Kinds whose words depend on the rung of their ladder."""
VALUES: Mapping[str, Callable[[Any], Value]] = MappingProxyType({
    "due": datetime.fromisoformat, "until": datetime.fromisoformat, "starts": datetime.fromisoformat, "move": _move,
    "cause": lambda value: word(f"page.reason.{value}"), "state": lambda value: word(f"state.{value}"),
    "clock": lambda value: word(f"clock.{value}"),
    "change": lambda value: word(f"choice.ChangeKind.{value}"),
    "stands": lambda value: word(f"choice.ChangeState.{value}"),
    "why": _choice, "answer": _choice, "panel": _choice, "recommendation": _choice, "severity": _choice,
})
"""How a value is said, by its name."""

"""Which sections the moves out of a trial's present state ask for, whether they are filed or not."""

from collections.abc import Mapping
from typing import Any

from sandbox.rules.basis import sections_of
from sandbox.rules.lifecycle import moves_from


def required_for(row: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    """By kind of section, the moves from the trial's state that ask for it; `row` is one of `trials.trial`."""
    found: dict[str, tuple[str, ...]] = {}
    for move in moves_from(row["state"]):
        for kind in sections_of(move, row["simplified"]):
            found[kind] = (*found.get(kind, ()), move.name)
    return found

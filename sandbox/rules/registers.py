"""Registers that others keep (登记簿): what an entry is, how far along it is said to be, and what a log says of it."""

from enum import StrEnum


class EntryKind(StrEnum):
    """What a register lists: systems in use, things that happened, or what a reviewer may think of beside the tier's
    own questions."""

    SYSTEM = "system"
    INCIDENT = "incident"
    GUIDE = "guide"


class EntryStage(StrEnum):
    """How far along an entry is, out of its published status. UNKNOWN is said of nothing but silence: it is not EARLY.
    OTHER has a status, in words that fit none of the rest."""

    EARLY = "early"
    TESTING = "testing"
    IN_USE = "in_use"
    RETIRED = "retired"
    OTHER = "other"
    UNKNOWN = "unknown"


class ChangeEvent(StrEnum):
    """What became of an entry between two lists."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


def stage_of(status: str | None, stages: dict[str, EntryStage]) -> EntryStage:
    """The stage of a status by a table whose names are folded as the status is."""
    return stages.get(status, EntryStage.OTHER) if status else EntryStage.UNKNOWN

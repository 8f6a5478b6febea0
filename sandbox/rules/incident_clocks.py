"""Which of the CLOCKS an incident starts: by class, by kind of harm, by cyber level and by the sandbox's profile.

The two scales stay apart: S1 to S4 say how grave the harm is, the cyber level has thresholds of its own. Where several
clocks apply all are kept; people see them ranked by due time.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from sandbox.rules.clocks import CLOCKS
from sandbox.rules.jurisdiction import Profile


class Harm(StrEnum):
    """The kinds of harm that the law sets clocks by (AI Act Art. 3(49), 73; PIPL 57; GDPR 33)."""

    DEATH = "death"
    INFRASTRUCTURE = "infrastructure"
    WIDESPREAD = "widespread"
    HEALTH = "health"
    RIGHTS = "rights"
    PROPERTY = "property"
    LEAK = "leak"


class Operator(StrEnum):
    """Whose network a cyber event struck: what the hours to report it depend on."""

    INFRASTRUCTURE = "infrastructure"
    CENTRAL_BODY = "central_body"
    OTHER = "other"


GRAVEST = frozenset((Harm.DEATH, Harm.INFRASTRUCTURE, Harm.WIDESPREAD))
"""Harm of this kind is of the first class and of no other."""
GRAVE = ("S1", "S2")
NEAR_MISS = "near_miss"
REPORTABLE = ("level_1", "level_2", "level_3")
"""较大 and above: a cyber event of the fourth level has no clock in hours."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of an incident as far as its clocks depend on it."""

    kind: str
    severity: str | None = None
    harms: frozenset[str] = frozenset()
    cyber_level: str | None = None
    operator: str | None = None

    @property
    def grave(self) -> bool:
        """Whatever it was filed as: a complaint of death is a death. A near miss says what might have been."""
        return self.kind != NEAR_MISS and self.severity in GRAVE

    @property
    def reportable(self) -> bool:
        """A cyber event that the cyberspace authority must hear of within hours."""
        return self.cyber_level in REPORTABLE


def harm_fault(kind: str, severity: str | None, harms: Collection[str]) -> str | None:
    """What is wrong with the kinds of harm that are named of a record: a near miss has none, any other has a class,
    and the gravest are of the first."""
    if not harms:
        return None
    if kind == NEAR_MISS:
        return "harm_is_no_near_miss"
    if severity is None:
        return "harm_unclassed"
    return "harm_is_gravest" if GRAVEST & set(harms) and severity != "S1" else None


def people_fault(kind: str, people: int | None) -> str | None:
    """What is wrong with the number of people who came to harm."""
    return "harm_is_no_near_miss" if kind == NEAR_MISS and people else None


def _struck(operator: Operator) -> Callable[[Case], bool]:
    return lambda case: case.reportable and (case.operator or Operator.OTHER) == operator


def _widespread(case: Case) -> bool:
    return case.grave and bool(case.harms & {Harm.INFRASTRUCTURE, Harm.WIDESPREAD})


def _death(case: Case) -> bool:
    return case.grave and Harm.DEATH in case.harms


def _serious(case: Case) -> bool:
    return case.grave and not _widespread(case) and not _death(case)


STARTED: tuple[tuple[str, Callable[[Case], bool]], ...] = (
    ("C08", _struck(Operator.INFRASTRUCTURE)),
    ("C09", _struck(Operator.CENTRAL_BODY)),
    ("C10", _struck(Operator.OTHER)),
    ("C11", _widespread),
    ("C12", _death),
    ("C13", _serious),
    ("C16.at_once", lambda case: Harm.LEAK in case.harms),
    ("C16.at_latest", lambda case: Harm.LEAK in case.harms),
    ("C18", lambda case: case.grave),
    ("C25.acknowledge", lambda case: case.kind == "complaint"),
    ("C25.answer", lambda case: case.kind == "complaint"),
)
"""Clocks that start when the firm becomes aware. Others follow from events: C14 from a deployer's knowing, C15 from a
first report to the authority, C19 from the end of the handling."""


def clocks_of(case: Case, profile: Profile) -> tuple[str, ...]:
    """The keys of the clocks that start with awareness, in the order of the table."""
    return tuple(key for key, applies in STARTED if profile in CLOCKS[key].profiles and applies(case))


def summary_owed(case: Case, profile: Profile) -> bool:
    """Whether a summary is owed once the handling has ended (C19)."""
    return profile is Profile.CN_CITY and case.reportable


TOLD_TO_AUTHORITY = ("C11", "C12", "C13")
"""Reports on which the authority must act in turn (C15)."""

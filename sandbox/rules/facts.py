"""What a rule may know about one trial: frozen facts, in groups, loaded only when a need asks for the group.

`store/facts.py` fills them; nothing here reads a clock or a database. All times are aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sandbox.rules.jurisdiction import CITY, Jurisdiction

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """The columns of the trial itself. `days_before` are days of exposure up to `running_since`."""

    id: str
    state: str
    state_since: datetime
    left: str | None = None
    tier: str | None = None
    listed: bool | None = None
    environment: str | None = None
    simplified: bool = False
    round: int = 0
    panel_no: int = 1
    dossier_version: int = 0
    ends_at: datetime | None = None
    starts_at: datetime | None = None
    running_since: datetime | None = None
    tune_since: datetime | None = None
    days_before: float = 0.0
    extension_count: int = 0
    day_limit: int = 180
    appeals: int = 0
    organisation: str = ""

    def days_used(self, now: datetime) -> float:
        """Days with exposure so far: trial and tune count, suspended days do not."""
        running = self.state in ("trial", "tune") and self.running_since
        return self.days_before + ((now - self.running_since) / DAY if running and self.running_since else 0.0)


@dataclass(frozen=True, slots=True)
class Section:
    """The current version of one section, submitted (never a draft), and who wrote it in which role."""

    kind: str
    version: int
    body: Mapping[str, Any]
    author: str
    at: datetime
    role: str


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's word on a matter; only the last of a person in a round and version counts."""

    matter: str
    round: int
    version: int
    person: str
    body: str
    role: str
    constituency: str | None
    value: str
    at: datetime
    external: bool = False
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """A reviewer's place on one of the trial's panels (review, rereview, running), or that of a member's deputy."""

    person: str
    body: str
    constituency: str
    panel: str
    panel_no: int
    accepted: bool
    conflict: bool
    recused: bool
    external: bool
    chair: bool = False
    expertise: tuple[str, ...] = ()
    id: str = ""
    deputy_of: str | None = None


@dataclass(frozen=True, slots=True)
class ReviewFacts:
    """A scheduled or extra risk check: what it recommends, and what its panel advised where one judged."""

    kind: str
    due_at: datetime
    held_at: datetime | None
    suspension: str | None = None
    id: str = ""
    recommendation: str | None = None
    advised: str | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """The suspension the trial is in: why, and from which state it left; how many critical corrective items are so late
    that the trial would stop for them again; and who judged in the review that led to it."""

    id: str
    cause: str
    left: str
    at: datetime
    other_causes: tuple[str, ...] = ()
    critical_late: int = 0
    reviewers: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[str, ...]:
        """Every cause open at once, the first first."""
        return (self.cause, *self.other_causes)


@dataclass(frozen=True, slots=True)
class Proof:
    """What has been filed: feedback due against filed, incidents and complaints still open."""

    reports_due: int = 0
    reports_filed: int = 0
    reports_on_time: tuple[int, int] = (0, 0)
    incidents_told: tuple[int, int] = (0, 0)
    open_grave: int = 0
    unitemised: int = 0
    late_complaints: int = 0
    overdue_clocks: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """A corrective item: whether it must be closed before full exposure, by when, when done, and when another person
    found it done."""

    mandatory: bool
    due_at: datetime
    done_at: datetime | None = None
    verified_at: datetime | None = None

    @property
    def on_time(self) -> bool:
        """Whether it is closed and was done by its date."""
        return self.verified_at is not None and self.done_at is not None and self.done_at <= self.due_at


@dataclass(frozen=True, slots=True)
class Decision:
    """The second signature: who proposed, who confirmed (None while it waits)."""

    proposed_by: str
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class ChangeAsked:
    """A request for a change (阶段调整) that is to be decided: its class, the plan's terms as they would stand, how the
    light stands, and the review that was called for it."""

    kind: str
    terms: Mapping[str, Any]
    light: str
    review: str | None = None


@dataclass(frozen=True, slots=True)
class Reminders:
    """How many reminders of idleness were sent in the present state."""

    sent: int = 0


GROUPS = ("sections", "votes", "panel", "reviews", "suspension", "proof", "items", "decision", "reminders", "terms")


class NotLoaded(LookupError):
    """A need read a group it had not declared."""


@dataclass(frozen=True)
class Facts:
    """One trial at one instant. Reading a group not loaded raises NotLoaded: no need can forget it."""

    now: datetime
    trial: TrialFacts
    groups: Mapping[str, Any] = field(default_factory=dict)
    place: Jurisdiction = CITY

    def _group(self, name: str) -> Any:
        try:
            return self.groups[name]
        except KeyError:
            raise NotLoaded(f"the facts were loaded without the group {name!r}") from None

    @property
    def sections(self) -> Mapping[str, tuple[Section, ...]]:
        """Submitted sections by kind; a kind that each person fills has several."""
        return self._group("sections")

    @property
    def votes(self) -> tuple[Vote, ...]:
        return self._group("votes")

    @property
    def panel(self) -> tuple[Seat, ...]:
        return self._group("panel")

    @property
    def reviews(self) -> tuple[ReviewFacts, ...]:
        return self._group("reviews")

    @property
    def suspension(self) -> Suspension | None:
        return self._group("suspension")

    @property
    def proof(self) -> Proof:
        return self._group("proof")

    @property
    def items(self) -> tuple[Item, ...]:
        """Corrective items out of plans, incidents and reviews."""
        return self._group("items")

    @property
    def decision(self) -> Decision | None:
        return self._group("decision")

    @property
    def change(self) -> ChangeAsked:
        return self._group("change")

    @property
    def terms(self) -> Mapping[str, Any] | None:
        """The terms of the plan in force; None before a start."""
        return self._group("terms")

    @property
    def reminders(self) -> Reminders:
        return self._group("reminders")

    def section(self, kind: str) -> Section | None:
        """The current section of this kind, or None."""
        found = self.sections.get(kind, ())
        return found[-1] if found else None

    def body(self, kind: str, since: datetime | None = None) -> Mapping[str, Any]:
        """The section's body, empty when it is missing or was filed before `since`."""
        found = self.section(kind)
        return found.body if found and (since is None or found.at >= since) else {}

    def seats(self, panel: str, panel_no: int | None = None) -> tuple[Seat, ...]:
        """Seats that count: accepted, without conflict, not recused."""
        number = self.trial.panel_no if panel_no is None else panel_no
        return tuple(
            s for s in self.panel
            if s.panel == panel and s.panel_no == number and s.accepted and not s.conflict and not s.recused
        )

    def deputies(self, panel: str) -> tuple[Seat, ...]:
        """Seats that count of those who stand in for the panel's members."""
        members = {seat.id for seat in self.seats(panel)}
        return tuple(seat for seat in self.seats("deputy") if seat.deputy_of in members)

    def cast(self, matter: str, *, version: int | None = None, subject: str | None = None) -> tuple[Vote, ...]:
        """The last vote of each person on a matter in the present round (and version, and subject where given)."""
        last: dict[str, Vote] = {}
        for vote in self.votes:
            if vote.matter == matter and vote.round == self.trial.round \
                    and version in (None, vote.version) and subject in (None, vote.subject):
                last[vote.person] = vote
        return tuple(last.values())


def parse_day(value: Any) -> date | None:
    """A date out of a section's body, where it is kept as ISO text."""
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value if isinstance(value, date) else None
